package pipeline_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"trunkline/internal/pg/pgserver"
	"trunkline/internal/pg/pgtest"
)

// intoPostgres makes a pipeline into another database, whose helpers are
// returned.
func intoPostgres(t *testing.T, source, target *pgtest.Server) (*harness, *pgtest.DB) {
	t.Helper()
	h := newHarness(t, source.Database(t))
	db := target.Database(t, "TEMPLATE template0 ENCODING 'UTF8'")
	h.destination = fmt.Sprintf("{ type: postgresql, host: 127.0.0.1, port: %d, user: postgres, database: %s, ssl: off }",
		target.Port(), db.Name())
	return h, db
}

// destinationThrough leads the connections to the destination through a proxy.
func (h *harness) destinationThrough(db *pgtest.DB) *pgtest.Proxy {
	h.t.Helper()
	proxy := pgtest.NewProxy(h.t, db.Server().Addr())
	_, port, err := net.SplitHostPort(proxy.Addr())
	if err != nil {
		h.t.Fatal(err)
	}
	h.destination = strings.Replace(h.destination, fmt.Sprint("port: ", db.Server().Port()), "port: "+port, 1)
	return proxy
}

// pairs are the oldest server into the newest and the reverse, and each into
// its like.
func pairs(t *testing.T, test func(t *testing.T, source, target *pgtest.Server)) {
	pgtest.EachVersion(t, func(t *testing.T, source *pgtest.Server) {
		for _, major := range pgtest.Versions() {
			t.Run(fmt.Sprintf("into pg%d", major), func(t *testing.T) { test(t, source, pgtest.Shared(t, major)) })
		}
	})
}

// TestPostgresHistoryAndChanges is TestHistoryAndChanges into PostgreSQL.
func TestPostgresHistoryAndChanges(t *testing.T) {
	pairs(t, func(t *testing.T, source, target *pgtest.Server) {
		for _, onDelete := range []string{"mark", "delete"} {
			t.Run(onDelete, func(t *testing.T) {
				h, db := intoPostgres(t, source, target)
				h.rest = "metadata_prefix: __tl_\nobjects: [{ name: \"public.*\", on_delete: " + onDelete + " }]\n"
				h.db.Exec(everyShape)
				h.catchUp()
				h.equal()
				h.db.Exec(everyChange)
				h.catchUp()
				h.equal()
				if got := db.Value(`SELECT count(*) FROM keyed WHERE __tl_marked_deleted`); (got == "0") != (onDelete == "delete") {
					t.Errorf("%s rows of keyed are marked as deleted", got)
				}
				if got := h.query("SELECT count(*) FROM keyed"); got != db.Value("SELECT count(*) FROM keyed") {
					t.Errorf("trunkline query counts %s rows", got)
				}
			})
		}
	})
}

// TestEveryTypeInPostgres leads every sample into PostgreSQL. The columns hold
// all that the destination's version knows; only text that is not UTF-8 stands
// beside its row.
func TestEveryTypeInPostgres(t *testing.T) {
	pairs(t, func(t *testing.T, source, target *pgtest.Server) {
		h, db := intoPostgres(t, source, target)
		samples := pgtest.Samples(source.Major())
		h.db.CreateWideSamples(samples)
		h.catchUp()
		h.equal()
		h.moveSamples(samples)
		h.catchUp()
		h.equal()
		const beside = `SELECT column_name, value FROM __trunkline.overflow WHERE left(value, 2) <> '\x' AND strpos(value, ',-2562047788:') = 0`
		if got := db.Query(beside); source.Major() <= target.Major() && len(got) > 0 {
			t.Errorf("beside their rows stand %q", got)
		}
		const texts = `SELECT count(*) FROM pg_attribute WHERE attrelid = 'wide'::regclass AND attnum > 0 AND atttypid = 'text'::regtype`
		t.Logf("%s of %d columns are text", db.Value(texts), len(samples))
	})
}

func TestEveryTypeAsKeyInPostgres(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[len(pgtest.Versions())-1])
	h, _ := intoPostgres(t, s, s)
	h.everyTypeAsKey(s)
}

// TestPostgresKilledAtEveryStep is TestKilledAtEveryStep into PostgreSQL.
func TestPostgresKilledAtEveryStep(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			h, _ := intoPostgres(t, s, s)
			h.survives(step)
		})
	}
}

// Cut connections to the destination are made again, by themselves, and nothing
// is written twice.
func TestPostgresDestinationCut(t *testing.T) {
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	h, db := intoPostgres(t, s, s)
	h.rest = "objects: [{ name: \"public.*\", load_mode: append }]\n"
	h.db.Exec(oneTable)
	proxy := h.destinationThrough(db)
	r := h.start()
	defer r.kill()
	count := func() string {
		if db.Value("SELECT to_regclass('rows') IS NULL") == "t" {
			return "no table"
		}
		return db.Value("SELECT count(*) FROM rows")
	}
	eventually(t, "the history is loaded", func() bool { return count() == "100" })
	for i := range 5 {
		h.db.Exec("INSERT INTO rows SELECT $1::int * 1000 + i, 'x' FROM generate_series(1, 500) i", i+1)
		proxy.Cut(pgtest.RST)
	}
	eventually(t, "everything arrives", func() bool { return count() == "2600" })
	r.stop(syscall.SIGTERM)
}

// TestPostgresDestinationCrashes kills the destination's server, which would lose
// the last commits if they did not wait for its disk: they do, whatever it is
// set to.
func TestPostgresDestinationCrashes(t *testing.T) {
	versions := pgtest.Versions()
	target := pgtest.New(t, pgserver.Options{Major: versions[len(versions)-1], Settings: map[string]string{
		"synchronous_commit": "off", "wal_writer_delay": "10s",
	}})
	h, db := intoPostgres(t, pgtest.Shared(t, versions[0]), target)
	h.db.Exec(oneTable)
	r := h.start()
	defer r.kill()
	eventually(t, "the history is loaded", func() bool { return db.Value("SELECT to_regclass('rows') IS NULL") == "f" })
	for i := range 3 {
		want := fmt.Sprint(100 + 500*(i+1))
		h.db.Exec("INSERT INTO rows SELECT $1::int * 1000 + i, 'x' FROM generate_series(1, 500) i", i+1)
		eventually(t, "the rows arrive", func() bool { return db.Value("SELECT count(*) FROM rows") == want })
		target.Kill()
		if err := target.Restart(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	h.db.Exec("INSERT INTO rows VALUES (-1, 'last')")
	eventually(t, "everything arrives", func() bool { return db.Value("SELECT count(*) FROM rows") == "1601" })
	r.stop(syscall.SIGTERM)
	h.equal()
}

// TestEqualKeysInPostgres changes keys into others that are equal and not the
// same, of rows that are marked when their keys go.
func TestEqualKeysInPostgres(t *testing.T) {
	pairs(t, func(t *testing.T, source, target *pgtest.Server) {
		h, db := intoPostgres(t, source, target)
		h.db.Exec(`CREATE TABLE n (k numeric PRIMARY KEY, v integer, big text);
ALTER TABLE n ALTER big SET STORAGE EXTERNAL;
INSERT INTO n SELECT (i || '.0')::numeric, i, repeat('x', 3000) FROM generate_series(1, 8) i;
CREATE TABLE i (k interval PRIMARY KEY, v integer); INSERT INTO i VALUES ('1 day', 1), ('2 days', 2)`)
		h.catchUp()
		h.db.Exec(`UPDATE n SET k = 1.00 WHERE v = 1; UPDATE n SET k = 2.00, big = 'new' WHERE v = 2;
DELETE FROM n WHERE v = 3; INSERT INTO n VALUES (3.00, 33, 'again'); DELETE FROM n WHERE v = 4;
UPDATE n SET k = 5.00 WHERE v = 5; UPDATE n SET k = 5.000 WHERE v = 5; UPDATE n SET k = 5.0 WHERE v = 5;
UPDATE n SET k = 6.00 WHERE v = 6; DELETE FROM n WHERE v = 6;
INSERT INTO n VALUES (9.0, 9, 'a'); UPDATE n SET k = 9.00 WHERE v = 9;
UPDATE i SET k = '24:00:00' WHERE v = 1; UPDATE i SET k = '48:00:00' WHERE v = 2; UPDATE i SET k = '2 days' WHERE v = 2`)
		h.catchUp()
		h.equal()
		if got := db.Value("SELECT string_agg(v::text, ' ' ORDER BY v) FROM n WHERE __hevo_marked_deleted"); got != "4 6" {
			t.Errorf("marked are the rows %s", got)
		}
	})
}
