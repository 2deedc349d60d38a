package pipeline_test

import (
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// asciiTables have, in a database of encoding SQL_ASCII, texts of any bytes: of
// rows with a key and without, alone and in arrays and composites, short and so
// long that an update of another column does not send them.
const asciiTables = `
CREATE TYPE pair AS (a integer, b text);
CREATE TABLE keyed (id integer PRIMARY KEY, t text, c character(3), a text[], p pair, j json, n integer);
CREATE TABLE bare (t text, a text[], n integer);
CREATE TABLE long (id integer PRIMARY KEY, t text, n integer);
CREATE TABLE log (id integer PRIMARY KEY, t text);
ALTER TABLE bare REPLICA IDENTITY FULL;
ALTER TABLE long ALTER t SET STORAGE EXTERNAL`

// asciiRows are rows with keys from %[1] on.
const asciiRows = `
INSERT INTO keyed SELECT $1::int + i, t, 'x', ARRAY[t, NULL, 'ok'], ROW(1, t)::pair, to_json(t), 1
FROM (VALUES (0, E'caf\xe9'), (1, E'\xff'), (2, 'größer'), (3, '\xff'), (4, E'\xc3')) AS v (i, t);
INSERT INTO bare SELECT t, a, n FROM keyed WHERE id >= $1::int;
INSERT INTO long SELECT $1::int + i, repeat(E'\xe9' || i, 5000), 1 FROM generate_series(1, 3) i;
INSERT INTO log SELECT $1::int, E'\xe9'`

func asciiFrom(key string) string { return strings.ReplaceAll(asciiRows, "$1", key) }

// Texts that are not UTF-8, which a database of encoding SQL_ASCII may hold,
// neither stop a pipeline nor come as something else: they are kept beside the
// row, as the hexadecimal digits of their bytes.
func TestTextsThatAreNotUTF8(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t, "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"))
		h.rest = "objects: [{ name: public.log, load_mode: append }, { name: \"public.*\" }]\n"
		h.db.Exec(asciiTables)
		h.db.Exec(asciiFrom("0"))
		h.catchUp()
		h.asciiEqual()
		h.asciiBeside("history", "keyed", `"[""0""]",t,\x636166e9`)
		h.db.Exec(asciiFrom("100"))
		h.db.Exec(`UPDATE long SET n = 2; UPDATE long SET id = id + 1000 WHERE id < 3;
UPDATE keyed SET t = 'plain' WHERE id = 0; UPDATE keyed SET t = E'\xfe', n = 3 WHERE id = 2; DELETE FROM keyed WHERE id = 1;
UPDATE bare SET n = 2 WHERE t = E'\xff'; DELETE FROM bare WHERE t = E'\xc3'`)
		h.catchUp()
		h.asciiEqual()
		h.asciiBeside("changes", "keyed", `"[""2""]",t,\xfe`, `"[""100""]",t,\x636166e9`, `"[""101""]",t,\xff`)
		if got := h.query("SELECT count(*) FROM __trunkline.overflow WHERE table_name = 'log'"); got != "2" {
			t.Errorf("%s values beside the append table, want 2", got)
		}
		// The rows that are there have the default, as have those that come.
		h.db.Exec(`ALTER TABLE keyed ADD COLUMN d text DEFAULT E'd\xe9'; INSERT INTO keyed (id) VALUES (500)`)
		h.catchUp()
		h.asciiEqual()
		h.asciiBeside("a default", "keyed", `"[""2""]",d,\x64e9`, `"[""500""]",d,\x64e9`)
	})
}

func (h *harness) asciiEqual() {
	h.t.Helper()
	for _, r := range h.results() {
		if !r.Equal() && r.Table != "log" {
			h.t.Errorf("%s differs: %+v", r.Object, r)
		}
	}
}

// asciiBeside expects values beside a table.
func (h *harness) asciiBeside(after, table string, want ...string) {
	h.t.Helper()
	got := h.query("SELECT key, column_name, value FROM __trunkline.overflow WHERE table_name = '" + table + "' ORDER BY ALL")
	for _, line := range want {
		if !strings.Contains(got, line) {
			h.t.Errorf("after %s there is no %s beside %s:\n%s", after, line, table, got)
		}
	}
}

// A key that is not UTF-8 cannot be kept beside its row. The fault says so and
// what can be done.
func TestKeyThatIsNotUTF8(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h := newHarness(t, s.Database(t, "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"))
	h.db.Exec(`CREATE TABLE t (k text PRIMARY KEY); INSERT INTO t VALUES ('fine')`)
	h.catchUp()
	h.db.Exec(`INSERT INTO t VALUES (E'\xff')`)
	log, err := h.tryCatchUp()
	if err == nil || !strings.Contains(log, `key column "k" has the value \xff`) || strings.Contains(log, "type: text") {
		t.Errorf("%v: %s", err, log)
	}
}
