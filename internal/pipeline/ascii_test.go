package pipeline_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

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

// A table of such a name, or with such a column, is left out of a pattern and
// stops no other. One that is given such a column stops with a fault; started
// again, it is left out.
func TestNamesThatAreNotUTF8(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h := newHarness(t, s.Database(t, "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"))
	h.db.Exec("CREATE TABLE \"t\xe9\" (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY, \"u\xe9\" int); CREATE TYPE \"m\xe9\" AS ENUM ('a'); CREATE TABLE v (id int PRIMARY KEY, v \"m\xe9\")")
	h.db.Exec("CREATE TABLE w (id int PRIMARY KEY); CREATE TABLE fine (id int PRIMARY KEY); INSERT INTO fine VALUES (1); INSERT INTO w VALUES (1)")
	h.catchUp()
	h.equal()
	const tables = "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM duckdb_tables() WHERE schema_name = 'main'"
	if got := h.query(tables); got != "fine w" {
		t.Errorf("tables are %s", got)
	}
	h.db.Exec("ALTER TABLE w ADD COLUMN \"w\xe9\" int; INSERT INTO w VALUES (2); INSERT INTO fine VALUES (2)")
	if log, err := h.tryCatchUp(); err != nil {
		t.Errorf("started again: %v\n%s", err, log)
	}
	h.equal()
	r := h.start()
	eventually(t, "the slot is in use", func() bool {
		return h.db.Value("SELECT active FROM pg_replication_slots WHERE slot_name = $1", h.slot()) == "t"
	})
	h.db.Exec("ALTER TABLE fine ADD COLUMN \"x\xe9\" int; INSERT INTO fine VALUES (3)")
	timer := time.AfterFunc(patience, func() { _ = r.cmd.Process.Signal(syscall.SIGQUIT) })
	defer timer.Stop()
	if err := r.cmd.Wait(); err == nil || !strings.Contains(r.log.String(), "is not UTF-8") {
		t.Errorf("%v: %s", err, r.log.String())
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
