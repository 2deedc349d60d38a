package pipeline_test

import (
	"fmt"
	"syscall"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// Cut connections are made again, by themselves.
func TestConnectionsCut(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.db.Exec(oneTable)
	proxy := h.through()
	r := h.start()
	defer r.kill()
	eventually(t, "the history is loaded", func() bool { return h.answers("SELECT count(*) FROM rows") == "100" })
	for i := range 5 {
		h.db.Exec("INSERT INTO rows SELECT $1::int * 1000 + i, 'x' FROM generate_series(1, 500) i", i+1)
		proxy.Cut(pgtest.RST)
	}
	eventually(t, "everything arrives", func() bool { return h.answers("SELECT count(*) FROM rows") == "2600" })
	r.stop(syscall.SIGTERM)
	h.equal()
}

// A historical load whose connections are cut begins again by itself, wherever
// that happens.
func TestHistoricalLoadCut(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.db.Exec(`CREATE TABLE a AS SELECT i AS id, repeat(md5(i::text), 10) AS v FROM generate_series(1, 20000) i;
ALTER TABLE a ADD PRIMARY KEY (id); CREATE TABLE b (LIKE a INCLUDING ALL); INSERT INTO b SELECT * FROM a`)
	for megabytes := range int64(12) {
		t.Run(fmt.Sprint(megabytes), func(t *testing.T) {
			h := newHarness(t, h.db)
			h.rest = fmt.Sprintf("destination_table_prefix: cut%d_", megabytes)
			proxy := h.through()
			cut := proxy.CutAfter(100_000 + megabytes<<20)
			h.catchUp()
			<-cut
			h.equal()
			if out, err := h.command("", "drop", "-f", h.file, "--state", h.state()).CombinedOutput(); err != nil {
				t.Fatalf("drop: %v\n%s", err, out)
			}
		})
	}
}
