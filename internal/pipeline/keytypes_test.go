package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// keyedTable makes a table whose key is of a sample's type and has each of its
// values that a column holds; none where the type has no order or where fewer
// than two values differ.
const keyedTable = `DO $do$ BEGIN
  CREATE TABLE %[1]s (k %[2]s PRIMARY KEY, v integer, beside numeric(3,1), big text);
  ALTER TABLE %[1]s ALTER big SET STORAGE EXTERNAL;
  INSERT INTO %[1]s SELECT v, row_number() OVER (), 'NaN', repeat('x', 3000) FROM (SELECT DISTINCT ON (v) v FROM unnest(ARRAY[%[3]s]::%[2]s[]) AS u (v)) AS d;
EXCEPTION WHEN undefined_object OR undefined_function OR datatype_mismatch OR feature_not_supported THEN DROP TABLE IF EXISTS %[1]s;
END $do$`

// TestEveryTypeAsKey changes rows that are found by keys of every type: updated
// in part, deleted, moved to another key and come again.
func TestEveryTypeAsKey(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[len(pgtest.Versions())-1])
	newHarness(t, s.Database(t)).everyTypeAsKey(s)
}

func (h *harness) everyTypeAsKey(s *pgtest.Server) {
	h.t.Helper()
	h.rest = "objects: [{ name: \"public.*\", on_delete: delete }]\n"
	h.db.Exec(pgtest.SampleTypes)
	for _, sample := range pgtest.Samples(s.Major()) {
		var values []string
		for _, v := range sample.Values {
			if !v.Beside {
				values = append(values, "("+v.SQL+")")
			}
		}
		if len(values) > 1 && !strings.HasSuffix(sample.Type, "[]") {
			h.db.Exec(fmt.Sprintf(keyedTable, sample.Name, sample.Type, strings.Join(values, ", ")))
		}
	}
	h.db.Exec(`CREATE TABLE lists (k integer[] PRIMARY KEY, v integer, beside numeric(3,1), big text);
INSERT INTO lists VALUES ('{}', 1, 'NaN', 'a'), ('{NULL}', 2, 'NaN', 'b'), ('{1,NULL,2}', 3, 'NaN', 'c'), ('{1,2}', 4, 'NaN', 'd')`)
	h.catchUp()
	h.equal()
	tables := h.db.Query("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	if len(tables) < 50 {
		h.t.Fatalf("only %d types have keys", len(tables))
	}
	for _, row := range tables {
		h.db.Exec(fmt.Sprintf(`UPDATE %[1]s SET v = v + 100; DELETE FROM %[1]s WHERE v = 101;
DO $do$ DECLARE k1 %[1]s.k%%TYPE; BEGIN DELETE FROM %[1]s WHERE v = 102 RETURNING k INTO k1; UPDATE %[1]s SET k = k1 WHERE v = 103; END $do$`, row[0]))
	}
	h.catchUp()
	h.equal()
}
