package pipeline_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtest"
)

// What an administrator has set for all sessions of a database neither cuts ours
// short nor changes what they read.
func TestSettingsOfTheDatabase(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.db.Exec(everyShape)
		settings := map[string]string{
			"statement_timeout": "200ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "200ms",
			"default_transaction_read_only": "on", "default_transaction_isolation": "serializable", "search_path": "nowhere",
		}
		if s.Major() >= 14 {
			settings["idle_session_timeout"] = "200ms"
		}
		if s.Major() >= 17 {
			settings["transaction_timeout"] = "200ms"
		}
		for name, value := range settings {
			h.db.Exec(fmt.Sprintf("ALTER DATABASE %s SET %s = '%s'", pg.Quote(h.db.Name()), name, value))
		}
		r := h.start()
		defer r.kill()
		eventually(t, "the stream has started", func() bool {
			return h.db.Value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'trunkline test'") == "1"
		})
		time.Sleep(time.Second) // longer than any of the timeouts
		h.db.Exec(everyChange)
		h.db.Exec("SELECT pg_sleep(0.3)")
		r.stop(syscall.SIGTERM)
		if log := r.log.String(); strings.Contains(log, "trying again") {
			t.Errorf("something was cut short:\n%s", log)
		}
		h.catchUp()
		h.equal()
	})
}

// A slot can be made only once every transaction that writes has ended: the log
// says whose they are.
func TestOpenTransaction(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.db.Exec(oneTable)
	open := h.db.Connect()
	if _, err := open.Exec(t.Context(), "BEGIN; INSERT INTO rows VALUES (1000, 'open')"); err != nil {
		t.Fatal(err)
	}
	r := h.start()
	defer r.kill()
	pid := fmt.Sprint(open.PgConn().PID())
	eventually(t, "the log names the transaction", func() bool { return strings.Contains(r.log.String(), pid) })
	if _, err := open.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the history is there", func() bool { return h.answers("SELECT count(*) FROM rows") == "101" })
	r.stop(syscall.SIGTERM)
	h.catchUp() // the stop may have come before the load was noted
	h.equal()
}
