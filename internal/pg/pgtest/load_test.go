package pgtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"trunkline/internal/pg"
)

func TestTPCB(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		db := s.Database(t)
		load := TPCB{URL: db.URL(), Scale: 1, Clients: 3}
		if err := load.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := db.Query("select (select count(*) from pgbench_accounts), (select count(*) from pgbench_tellers), " +
			"(select count(*) from pgbench_branches)"); fmt.Sprint(got) != "[[100000 10 1]]" {
			t.Fatalf("rows: %v", got)
		}
		commits := runUntil(t, db, load, 100)
		history := db.Value("select count(*) from pgbench_history")
		if history != fmt.Sprint(commits) || commits < 100 {
			t.Errorf("%d commits, %s rows of history", commits, history)
		}
		sums := db.Query("select sum(abalance), (select sum(delta) from pgbench_history), " +
			"(select sum(tbalance) from pgbench_tellers), (select sum(bbalance) from pgbench_branches) " +
			"from pgbench_accounts")[0]
		for _, sum := range sums {
			if sum != sums[0] {
				t.Errorf("the books do not balance: %v", sums)
			}
		}
		if err := load.Create(t.Context()); err != nil {
			t.Error("making the tables again:", err)
		}
	})
}

// runUntil runs the load until so many transactions are seen to have committed.
func runUntil(t *testing.T, db *DB, load TPCB, rows int) int64 {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var commits int64
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		commits, err = load.Run(ctx)
	}()
	await(t, db.Connect(), "select count(*) >= $1 from pgbench_history", "t", rows)
	cancel()
	<-done
	if err != nil {
		t.Error(err)
	}
	return commits
}

func TestTPCBTellsOfLoss(t *testing.T) {
	db := Shared(t, Versions()[0]).Database(t)
	p := NewProxy(t, db.Server().Addr())
	load := TPCB{URL: db.URLAt(p.Addr()), Scale: 1, Clients: 2}
	if err := load.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.CutAfter(100_000)
	commits, err := load.Run(t.Context())
	if err == nil || commits == 0 {
		t.Errorf("after %d commits the wire was cut, and the error is %v", commits, err)
	}
	p.Refuse(true)
	if _, err := load.Run(t.Context()); err == nil {
		t.Error("no error although no client could connect")
	}
}

// stream is a database with a table, a publication and a slot.
func stream(t *testing.T, s *Server) (*DB, Discard) {
	t.Helper()
	db := s.Database(t)
	db.Exec("create table t (id int primary key, v text); create publication p for table t")
	slot := "slot_" + db.Name()
	db.Exec("select pg_create_logical_replication_slot($1, 'pgoutput')", slot)
	return db, Discard{
		URL:     db.URL(),
		Slot:    slot,
		Options: "proto_version '1', publication_names 'p'",
	}
}

func TestDiscard(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		db, d := stream(t, s)
		db.Exec("insert into t select i, 'x' from generate_series(1, 10) i")
		d.Until = db.LSN()
		for _, confirm := range []bool{false, true} {
			d.Confirm = confirm
			read, err := d.Run(t.Context())
			// begin, relation, ten rows, commit
			if err != nil || read.Messages != 13 || read.LSN < d.Until {
				t.Fatalf("read %+v: %v", read, err)
			}
			// insert: kind, relation, 'N', columns, then kind, length and text of each
			if rows := int64(9*(8+6+6) + (8 + 7 + 6)); read.Bytes < rows || read.Bytes > rows+200 {
				t.Errorf("%d bytes, of them %d in rows", read.Bytes, rows)
			}
		}
		// It was confirmed: there is nothing before the next row.
		db.Exec("insert into t values (11, 'y')")
		d.Until = db.LSN()
		if read, err := d.Run(t.Context()); err != nil || read.Messages != 4 {
			t.Errorf("after confirming, read %+v: %v", read, err)
		}
		if got := db.Value("select active from pg_replication_slots where slot_name = $1", d.Slot); got != "f" {
			t.Error("the slot is still in use")
		}
	})
}

func TestDiscardAnswersKeepalives(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		db, d := stream(t, s)
		d.URL += "&wal_sender_timeout=300ms"
		d.Until = pg.LSN(1 << 62)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() {
			_, err := d.Run(ctx)
			done <- err
		}()
		// The server asks only after half of the time has passed in silence.
		await(t, db.Connect(), "select count(*) from pg_stat_replication join pg_replication_slots on active_pid = pid "+
			"where slot_name = $1 and reply_time is not null", "1", d.Slot)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the end of ctx is seen as %v", err)
		}
	})
}

func TestDiscardFails(t *testing.T) {
	db, d := stream(t, Shared(t, Versions()[0]))
	d.Until = db.LSN()
	missing := d
	missing.Slot = "no such slot"
	if _, err := missing.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a slot that is not there: %v", err)
	}
	wrong := d
	wrong.Options = "proto_version '1', publication_names 'q'"
	db.Exec("insert into t values (1, 'x')")
	wrong.Until = db.LSN()
	if _, err := wrong.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `publication "q" does not exist`) {
		t.Errorf("a publication that is not there: %v", err)
	}
	d.URL = db.URLAt(NewProxy(t, "127.0.0.1:1").Addr())
	if _, err := d.Run(t.Context()); err == nil {
		t.Error("no error without a server")
	}
}

// TestDiscardAllocatesNothing is about what the reader does per message.
func TestDiscardAllocatesNothing(t *testing.T) {
	db, d := stream(t, Shared(t, Versions()[0]))
	const rows = 50_000
	db.Exec("insert into t select i, repeat('x', 50) from generate_series(1, $1::int) i", rows)
	d.Until = db.LSN()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read, err := d.Run(t.Context())
	runtime.ReadMemStats(&after)
	if err != nil || read.Messages < rows {
		t.Fatalf("read %+v: %v", read, err)
	}
	if n := after.Mallocs - before.Mallocs; n > rows/20 {
		t.Errorf("%d allocations for %d messages", n, read.Messages)
	}
}
