package pipeline_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"trunkline/internal/pg/pgtest"
)

const oneTable = "CREATE TABLE rows (id int PRIMARY KEY, v text); INSERT INTO rows SELECT i, 'v' FROM generate_series(1, 100) i"

// What a slot and the destination know of each other decides how a run begins.
func TestSlotRules(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		refused := func(t *testing.T, h *harness, want ...string) {
			t.Helper()
			out, err := h.tryCatchUp()
			if err == nil {
				t.Fatalf("the run went well; want %q", want)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("want %q in:\n%s", w, out)
				}
			}
		}
		t.Run("a slot that the destination does not know", func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			h.db.Query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", h.slot())
			refused(t, h, "error 3110", "--take-over")
			h.catchUp("--take-over")
			h.equal()
		})
		t.Run("a slot that vanished", func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			h.catchUp()
			h.db.Query("SELECT pg_drop_replication_slot($1)", h.slot())
			refused(t, h, "error 1031", "does not exist any more", "trunkline drop")
			if out, err := h.command("", "drop", "-f", h.file, "--state", h.state()).CombinedOutput(); err != nil {
				t.Fatalf("drop: %v\n%s", err, out)
			}
			h.db.Exec("DELETE FROM rows WHERE id < 50")
			h.catchUp()
			h.equal()
		})
		t.Run("a slot that was moved on by somebody", func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			h.catchUp()
			h.db.Exec("INSERT INTO rows VALUES (1000, 'lost')")
			h.db.Query("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", h.slot())
			refused(t, h, "error 1031", "was confirmed up to")
		})
		t.Run("a slot intended but not recorded", func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			if !h.killed("slot made:1") {
				t.Fatal("the pipeline never came there")
			}
			h.catchUp()
			h.equal()
		})
		t.Run("drop", func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec(oneTable)
			h.catchUp()
			if out, err := h.command("", "drop", "-f", h.file, "--state", h.state()).CombinedOutput(); err != nil {
				t.Fatalf("drop: %v\n%s", err, out)
			}
			left := h.db.Value("SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()) + (SELECT count(*) FROM pg_publication)")
			if left != "0" {
				t.Errorf("%s slots and publications are left", left)
			}
			if got := h.query("SELECT count(*) FROM rows"); got != "100" {
				t.Errorf("%s rows are left, want 100", got)
			}
		})
	})
}

// Another server behind the same address is noticed.
func TestAnotherServer(t *testing.T) {
	versions := pgtest.Versions()
	first, second := pgtest.Shared(t, versions[0]), pgtest.Shared(t, versions[len(versions)-1])
	h := newHarness(t, first.Database(t))
	h.db.Exec(oneTable)
	h.catchUp()
	other := second.Database(t)
	other.Exec(oneTable)
	h.db = other
	other.Query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", h.slot())
	out, err := h.tryCatchUp()
	if err == nil || !strings.Contains(out, "error 1031") || !strings.Contains(out, "is of server") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Two processes never run one pipeline, whatever state directories they have.
func TestTwoProcesses(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h := newHarness(t, s.Database(t))
	h.db.Exec(oneTable)
	first := h.start()
	defer first.kill()
	eventually(t, "the first streams", func() bool {
		return h.db.Value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'trunkline test'") == "1"
	})
	for state, want := range map[string]string{h.state(): "error 3108", h.dir + "/other": "error 1027"} {
		out, err := h.command("", "run", "-f", h.file, "--state", state).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("state %s: want %s: %v\n%s", state, want, err, out)
		}
	}
}

// Given publications are used as they are: columns, rows and operations they do
// not publish are left alone.
func TestGivenPublications(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY, v text, secret text); CREATE TABLE inserts (id int PRIMARY KEY); CREATE TABLE unpublished (id int PRIMARY KEY)")
		h.source = "  publication: [given_all, given_inserts]"
		filtered := s.Major() >= 15
		if filtered {
			h.db.Exec("CREATE PUBLICATION given_all FOR TABLE rows (id, v) WHERE (id < 1000)")
		} else {
			h.db.Exec("CREATE PUBLICATION given_all FOR TABLE rows")
		}
		h.db.Exec("CREATE PUBLICATION given_inserts FOR TABLE inserts WITH (publish = 'insert')")
		h.db.Exec("INSERT INTO rows SELECT i, 'v', 's' FROM generate_series(1, 10) i; INSERT INTO rows VALUES (2000, 'v', 's'); INSERT INTO inserts VALUES (1)")
		h.catchUp()
		h.db.Exec("UPDATE rows SET v = 'w' WHERE id = 1; INSERT INTO rows VALUES (11, 'n', 's'), (3000, 'n', 's'); INSERT INTO inserts VALUES (2); DELETE FROM inserts")
		h.catchUp()
		want := "13"
		if filtered {
			want = "11"
			if got := h.query("SELECT count(*) FROM duckdb_columns() WHERE table_name = 'rows' AND column_name = 'secret'"); got != "0" {
				t.Error("a column that is not published was loaded")
			}
		}
		if got := h.query("SELECT count(*) FROM rows"); got != want {
			t.Errorf("%s rows, want %s", got, want)
		}
		if got := h.query("SELECT count(*) FROM inserts"); got != "2" {
			t.Errorf("%s rows of inserts, want 2", got)
		}
		if got := h.db.Value("SELECT count(*) FROM pg_publication"); got != "2" {
			t.Errorf("%s publications, want the two given ones", got)
		}
	})
}

// The slot of a database that is idle moves on while others of the server write.
func TestHeartbeat(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h, busy := newHarness(t, s.Database(t)), s.Database(t)
	h.db.Exec(oneTable)
	h.source = "  heartbeat: 1s"
	busy.Exec("CREATE TABLE noise (v text)")
	r := h.start()
	defer r.kill()
	eventually(t, "the stream has started", func() bool {
		return h.db.Value("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = $1", h.slot()) == "1"
	})
	before := h.db.Value("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = $1", h.slot())
	began := time.Now()
	eventually(t, "restart_lsn moves on", func() bool {
		busy.Exec("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 100)")
		busy.Exec("CHECKPOINT") // logs the running transactions, as the server does by itself now and then
		return h.db.Value("SELECT restart_lsn > $2::pg_lsn FROM pg_replication_slots WHERE slot_name = $1", h.slot(), before) == "t"
	})
	t.Logf("moved on after %v", time.Since(began).Round(time.Millisecond))
}

// What a run would refuse, check finds before.
func TestCheckFindsWhatRunRefuses(t *testing.T) {
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	refused := func(t *testing.T, h *harness, want string) {
		t.Helper()
		h.write()
		out, err := h.command("", "check", "-f", h.file).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("want a check that fails with %q: %v\n%s", want, err, out)
		}
	}
	t.Run("a slot that vanished", func(t *testing.T) {
		h := newHarness(t, s.Database(t))
		h.db.Exec(oneTable)
		h.catchUp()
		if out, err := h.command("", "check", "-f", h.file).CombinedOutput(); err != nil {
			t.Errorf("while nothing is wrong: %v\n%s", err, out)
		}
		h.db.Query("SELECT pg_drop_replication_slot($1)", h.slot())
		refused(t, h, "1031")
	})
	t.Run("a slot that the destination does not know", func(t *testing.T) {
		h := newHarness(t, s.Database(t))
		h.db.Exec(oneTable)
		h.db.Query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", h.slot())
		refused(t, h, "3110")
	})
	t.Run("a table of somebody else", func(t *testing.T) {
		h := newHarness(t, s.Database(t))
		h.db.Exec(oneTable)
		db, err := sql.Open("duckdb", h.duckdb())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("CREATE TABLE rows (something INTEGER)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, h, "2006")
	})
}

// A primary key that is there, and of no use, is not said to be missing.
func TestCheckDeferrableKey(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY DEFERRABLE)")
	h.write()
	out, err := h.command("", "check", "-f", h.file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"its primary key is deferrable and cannot be a replica identity", "NOT DEFERRABLE"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "no primary key") || strings.Contains(string(out), "add a primary key") {
		t.Errorf("the key is said to be missing:\n%s", out)
	}
}
