package source

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
)

// wire makes messages as a server sends them.
type wire []byte

func (w wire) u8(v byte) wire        { return append(w, v) }
func (w wire) u32(v uint32) wire     { return binary.BigEndian.AppendUint32(w, v) }
func (w wire) u64(v uint64) wire     { return binary.BigEndian.AppendUint64(w, v) }
func (w wire) text(s string) wire    { return append(append(w, s...), 0) }
func (w wire) value(s string) wire   { return append(w.u8('t').u32(uint32(len(s))), s...) }
func streamStart(xid uint32) wire    { return wire{'S'}.u32(xid).u8(1) }
func streamStop() wire               { return wire{'E'} }
func streamAbort(x, sub uint32) wire { return wire{'A'}.u32(x).u32(sub) }
func begin(lsn uint64, xid uint32) wire {
	return wire{'B'}.u64(lsn).u64(0).u32(xid)
}
func commit(lsn uint64) wire { return wire{'C', 0}.u64(lsn).u64(lsn + 8).u64(0) }
func streamCommit(xid uint32, lsn uint64) wire {
	return wire{'c'}.u32(xid).u8(0).u64(lsn).u64(lsn + 8).u64(0)
}

// insert is of a transaction in progress, or of a whole one if xid is 0.
func insert(xid uint32, v string) wire {
	w := wire{'I'}
	if xid != 0 {
		w = w.u32(xid)
	}
	return append(w.u32(1).u8('N'), 0, 1).value(v)
}

// typeMessage describes a type, which nobody wants to know.
func typeMessage(xid uint32) wire { return wire{'Y'}.u32(xid).u32(90_001).text("public").text("mood") }

// newOffline is a stream that is fed by hand.
func newOffline(t *testing.T) *Stream {
	st := &Stream{spools: newSpools(t.TempDir()), asked: make(chan struct{}, 1)}
	t.Cleanup(func() {
		if err := st.spools.close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// feed gives messages to the stream and tells what Next would return.
func feed(t *testing.T, st *Stream, messages ...wire) string {
	t.Helper()
	var story []string
	var m pgoutput.Message
	for _, message := range messages {
		_, again, err := st.frame(append(wire{'w'}.u64(0).u64(0).u64(0), message...), &m)
		if err != nil {
			t.Fatal(err)
		}
		if again {
			continue
		}
		story = append(story, told(&m))
		for st.replay != nil {
			if _, err := st.Next(&m, time.Time{}); err != nil {
				t.Fatal(err)
			}
			story = append(story, told(&m))
		}
	}
	return strings.Join(story, ", ")
}

func told(m *pgoutput.Message) string {
	switch m.Kind {
	case pgoutput.KindBegin:
		return fmt.Sprintf("begin %d at %v", m.XID, m.CommitLSN)
	case pgoutput.KindCommit:
		return fmt.Sprintf("commit to %v", m.EndLSN)
	case pgoutput.KindInsert:
		return string(m.New[0].Data)
	}
	return m.Kind.String()
}

// Transactions come in the order of their commits, as one without a break,
// however they were sent.
func TestTransactionsInProgress(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []wire
		want     string
	}{
		{"whole", []wire{begin(0x10, 5), insert(0, "a"), commit(0x10)}, "begin 5 at 0/10, a, commit to 0/18"},
		{"in blocks", []wire{
			streamStart(5), insert(5, "a"), streamStop(), streamStart(5), insert(6, "b"), streamStop(), streamCommit(5, 0x20),
		}, "begin 5 at 0/20, a, b, commit to 0/28"},
		{"interleaved", []wire{
			streamStart(5), insert(5, "a"), streamStop(), streamStart(7), insert(7, "x"), streamStop(),
			begin(0x10, 9), insert(0, "w"), commit(0x10),
			streamStart(5), insert(5, "b"), streamStop(), streamCommit(7, 0x20), streamCommit(5, 0x30),
		}, "begin 9 at 0/10, w, commit to 0/18, begin 7 at 0/20, x, commit to 0/28, begin 5 at 0/30, a, b, commit to 0/38"},
		{"a savepoint rolled back", []wire{
			streamStart(5), insert(5, "a"), insert(6, "b"), insert(5, "c"), streamStop(), streamAbort(5, 6),
			streamStart(5), insert(8, "d"), streamStop(), streamCommit(5, 0x20),
		}, "begin 5 at 0/20, a, c, d, commit to 0/28"},
		{"rolled back", []wire{streamStart(5), insert(5, "a"), streamStop(), streamAbort(5, 5), begin(0x10, 6), commit(0x10)},
			"begin 6 at 0/10, commit to 0/18"},
		{"nothing left", []wire{streamStart(5), insert(6, "a"), streamStop(), streamAbort(5, 6), streamCommit(5, 0x20)},
			"begin 5 at 0/20, commit to 0/28"},
		{"nothing known", []wire{streamCommit(5, 0x20)}, "begin 5 at 0/20, commit to 0/28"},
		{"a type", []wire{streamStart(5), typeMessage(5), insert(5, "a"), streamStop(), streamCommit(5, 0x20)},
			"begin 5 at 0/20, a, commit to 0/28"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := newOffline(t)
			if got := feed(t, st, c.messages...); got != c.want {
				t.Errorf("%s, want\n%s", got, c.want)
			}
			if len(st.spools.open) != 0 {
				t.Errorf("%d transactions are still spooled", len(st.spools.open))
			}
		})
	}
}

// Only the end of a whole transaction counts as received.
func TestReceivedIsWhole(t *testing.T) {
	st := newOffline(t)
	feed(t, st, streamStart(5), insert(5, "a"), streamStop())
	if got := st.received.Load(); got != 0 {
		t.Errorf("%d was received of a transaction in progress", got)
	}
	feed(t, st, streamCommit(5, 0x20))
	if got := pg.LSN(st.received.Load()); got != 0x28 {
		t.Errorf("%v was received", got)
	}
	feed(t, st, begin(0x30, 6), insert(0, "b"))
	if got := pg.LSN(st.received.Load()); got != 0x28 {
		t.Errorf("%v was received of an open transaction", got)
	}
}

// A keepalive says how far the server is, but not inside a transaction; one that
// asks is answered.
func TestKeepalives(t *testing.T) {
	st := newOffline(t)
	keepalive := func(end uint64, ask byte) wire { return wire{'k'}.u64(end).u64(0).u8(ask) }
	var m pgoutput.Message
	signal, again, err := st.frame(keepalive(0x50, 1), &m)
	if signal != Progress || again || err != nil || st.ServerEnd() != 0x50 {
		t.Errorf("%v, %v, %v; the server is at %v", signal, again, err, st.ServerEnd())
	}
	select {
	case <-st.asked:
	default:
		t.Error("no answer is on its way")
	}
	feed(t, st, begin(0x60, 5))
	if _, again, err := st.frame(keepalive(0x70, 0), &m); !again || err != nil {
		t.Errorf("inside a transaction: %v, %v", again, err)
	}
	for _, broken := range []wire{{'w'}, {'k'}, {'x', 1, 2}, wire{'w'}.u64(0).u64(0).u64(0).u8('Z')} {
		if _, _, err := st.frame(broken, &m); err == nil {
			t.Errorf("%x was taken", broken)
		}
	}
}

// What may be discarded never goes back.
func TestConfirmGoesForward(t *testing.T) {
	st := newOffline(t)
	for _, c := range []struct{ to, want pg.LSN }{{5, 5}, {3, 5}, {9, 9}, {9, 9}} {
		if st.Confirm(c.to); st.Confirmed() != c.want {
			t.Errorf("after %v: %v, want %v", c.to, st.Confirmed(), c.want)
		}
	}
}
