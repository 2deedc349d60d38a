package pipeline_test

import (
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// Rows that the source has not stay, under another name, when a table is loaded
// again by itself, and when it was left out for a time.
func TestLoadedAgainNothingIsLost(t *testing.T) {
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	again := map[string]func(*harness){
		"another type": func(h *harness) {
			h.db.Exec("ALTER TABLE rows ALTER v TYPE int USING 7; INSERT INTO rows VALUES (9, 9)")
		},
		"another key": func(h *harness) { h.db.Exec(otherKey) },
		"made anew": func(h *harness) {
			h.db.Exec("DROP TABLE rows")
			h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY, v text); INSERT INTO rows VALUES (9, 'n')")
		},
		"left out for a time": func(h *harness) {
			objects := h.rest
			h.rest += "  - { name: public.rows, skip: true }\n"
			h.catchUp()
			h.rest = objects
		},
		"dropped and run": func(h *harness) {
			if out, err := h.command("", "drop", "-f", h.file).CombinedOutput(); err != nil {
				h.t.Fatalf("drop: %v\n%s", err, out)
			}
		},
	}
	for name, object := range map[string]string{
		"marks": "on_delete: mark", "archive": "on_delete: ignore", "changes": "load_mode: append",
	} {
		for change, happens := range again {
			if name == "changes" && change == "another key" {
				continue // it has none
			}
			t.Run(name+" "+change, func(t *testing.T) {
				h := newHarness(t, s.Database(t))
				h.rest = "objects:\n  - { name: public.*, " + object + " }\n"
				h.db.Exec("CREATE TABLE stays (id int PRIMARY KEY); CREATE TABLE rows (id int PRIMARY KEY, v text); INSERT INTO rows VALUES (1, 'a'), (2, 'b')")
				h.catchUp()
				h.db.Exec("DELETE FROM rows WHERE id = 1")
				h.catchUp()
				happens(h)
				log, err := h.tryCatchUp()
				if err != nil {
					t.Fatalf("run: %v\n%s", err, log)
				}
				kept := h.query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'rows\\_\\_before\\_%' ESCAPE '\\'")
				if kept == "" || !strings.Contains(log, kept) {
					t.Fatalf("the table that is kept is %q; the log:\n%s", kept, log)
				}
				if got := h.query("SELECT count(*) > 0 FROM " + kept + " WHERE id = 1"); got != "true" {
					t.Errorf("the row that is gone from the source: %s", got)
				}
				if name != "changes" {
					h.equal()
				}
			})
		}
	}
}

const otherKey = `ALTER TABLE rows DROP CONSTRAINT rows_pkey;
ALTER TABLE rows ADD PRIMARY KEY (id, v); INSERT INTO rows VALUES (9, 'n')`
