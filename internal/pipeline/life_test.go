package pipeline_test

import (
	"context"
	"database/sql"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/pg/pgserver"
	"trunkline/internal/pg/pgtest"
)

// A stop ends the run well, with what was received whole in the destination.
func TestStop(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			r := h.start()
			eventually(t, "the history is loaded", func() bool { return h.answers("SELECT count(*) FROM rows") == "100" })
			h.db.Exec("INSERT INTO rows VALUES (101, 'x')")
			eventually(t, "a change arrives", func() bool { return h.answers("SELECT count(*) FROM rows") == "101" })
			r.stop(signal)
			h.catchUp()
			h.equal()
		})
	}
}

// answers asks the running pipeline; empty while it cannot answer.
func (h *harness) answers(sql string) string {
	h.t.Helper()
	out, err := h.command("", "query", "-f", h.file, "--state", h.state(), "--format", "csv", sql).Output()
	if err != nil {
		return ""
	}
	_, rows, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(rows)
}

// While another process holds the file, changes wait, the server hears from us
// all the same, and afterwards everything is there.
func TestDestinationHeld(t *testing.T) {
	s := pgtest.New(t, pgserver.Options{Major: pgtest.Versions()[0], Settings: map[string]string{"wal_sender_timeout": "1s"}})
	h := newHarness(t, s.Database(t))
	h.db.Exec(oneTable)
	h.rest = "load: { rows: 50 }\n"
	h.catchUp()
	db, err := sql.Open("duckdb", h.duckdb())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	r := h.start()
	defer r.kill()
	// The file is held, so that the run cannot even claim it; it waits and says
	// who holds it.
	time.Sleep(2 * time.Second)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on once the file is free", func() bool { return h.answers("SELECT count(*) FROM rows") == "100" })
	if !strings.Contains(r.log.String(), strconv.Itoa(os.Getpid())) {
		t.Errorf("the log does not name the process that holds the file:\n%s", r.log.String())
	}
	const walsenders = "SELECT coalesce(string_agg(pid::text, ' '), '') FROM pg_stat_replication WHERE application_name = 'trunkline test'"
	var walsender string
	eventually(t, "the stream has started", func() bool {
		walsender = h.db.Value(walsenders)
		return walsender != ""
	})
	// Released after its idle time, the file is taken again, for longer than the
	// server waits for an answer.
	eventually(t, "the file is free", func() bool {
		db, err = sql.Open("duckdb", h.duckdb())
		return err == nil && db.Ping() == nil
	})
	h.db.Exec("INSERT INTO rows SELECT i, 'w' FROM generate_series(101, 5000) i; UPDATE rows SET v = 'u'")
	time.Sleep(3 * time.Second)
	if got := h.db.Value(walsenders); got != walsender {
		t.Errorf("the stream was interrupted: walsender %s, then %s", walsender, got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the changes arrive", func() bool { return h.answers("SELECT count(*) FROM rows WHERE v = 'u'") == "5000" })
	r.stop(syscall.SIGTERM)
	h.equal()
}

// Tables are read while the application writes: what the copy has seen does not
// come again by the stream, and nothing between the two is missed.
func TestCopyUnderLoad(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		load := pgtest.TPCB{URL: h.db.URL(), Scale: 1, Clients: 2}
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		if err := load.Create(ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := load.Run(ctx)
			done <- err
		}()
		h.catchUp()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		h.catchUp()
		h.equal()
	})
}

// A table that is rewritten or truncated between two chunks of its copy is
// copied again; the other tables are not.
func TestRewrittenWhileCopied(t *testing.T) {
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	for _, rewrite := range []string{"VACUUM FULL big", "TRUNCATE big", "ALTER TABLE big ALTER v TYPE varchar(500) USING left(v, 500)", "ALTER TABLE big ALTER n TYPE bigint", "ALTER TABLE big DROP v", "DROP TABLE big"} {
		t.Run(rewrite, func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.source = "  parallel: 1"
			// Two chunks and a little: rows that fill pages quickly.
			h.db.Exec("CREATE TABLE big (id int PRIMARY KEY, n int, v text); ALTER TABLE big ALTER v SET STORAGE PLAIN; INSERT INTO big SELECT i, i, repeat('x', 4000) FROM generate_series(1, 17000) i")
			h.db.Exec(oneTable)
			if !h.killed("chunk loaded:1") {
				t.Fatal("no chunk was loaded")
			}
			r := h.start()
			defer r.kill()
			eventually(t, "a copy is under way", func() bool {
				return h.db.Value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'") != "0"
			})
			h.db.Exec(rewrite)
			eventually(t, "the stream has started", func() bool {
				return h.db.Value("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = $1", h.slot()) == "1"
			})
			r.stop(syscall.SIGTERM)
			h.catchUp()
			h.equal()
		})
	}
}
