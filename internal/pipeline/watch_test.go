package pipeline_test

import (
	"database/sql"
	"strings"
	"syscall"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// A table that loses its replica identity while it is replicated is taken out of
// the publication of updates: the application's own updates must not fail for
// long, though nothing comes by the stream.
func TestReplicaIdentityGoes(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		for name, tables := range map[string]string{
			"table": "CREATE TABLE rows (id integer CONSTRAINT k PRIMARY KEY, v text)",
			"leaf": `CREATE TABLE rows (id integer NOT NULL, v text, CONSTRAINT k PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF rows FOR VALUES FROM (0) TO (1000)`,
		} {
			t.Run(name, func(t *testing.T) {
				h := newHarness(t, s.Database(t))
				h.source = "  heartbeat: 1s"
				h.db.Exec(tables)
				h.db.Exec("INSERT INTO rows SELECT i, 'x' FROM generate_series(1, 100) i")
				r := h.start()
				defer r.kill()
				eventually(t, "the history is there", func() bool { return h.answers("SELECT count(*) FROM rows") == "100" })
				h.db.Exec("ALTER TABLE rows DROP CONSTRAINT k")
				update := h.db.Connect()
				eventually(t, "the application's update goes through", func() bool {
					_, err := update.Exec(t.Context(), "UPDATE rows SET v = 'y'")
					return err == nil
				})
				h.db.Exec("INSERT INTO rows VALUES (500, 'z')")
				eventually(t, "the insert arrives", func() bool { return h.answers("SELECT count(*) FROM rows WHERE v = 'z'") == "1" })
				r.stop(syscall.SIGTERM)
			})
		}
	})
}

// How much WAL the slot holds back is watched while the stream waits, too.
func TestRetainedWAL(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.source = "  heartbeat: 1s\n  max_retained_wal: 1MiB"
	h.db.Exec(oneTable)
	r := h.start()
	defer r.kill()
	eventually(t, "the history is there", func() bool { return h.answers("SELECT count(*) FROM rows") == "100" })
	var db *sql.DB
	eventually(t, "the file is free", func() (free bool) {
		var err error
		db, err = sql.Open("duckdb", h.duckdb())
		return err == nil && db.Ping() == nil
	})
	defer db.Close()
	h.db.Exec("INSERT INTO rows SELECT i, repeat('x', 1000) FROM generate_series(1000, 10000) i")
	eventually(t, "the log warns", func() bool { return strings.Contains(r.log.String(), "max_retained_wal") })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r.stop(syscall.SIGTERM)
	h.catchUp()
	h.equal()
}
