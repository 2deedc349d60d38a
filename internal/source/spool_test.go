package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/internal/pg/pgoutput"
)

// spooled is a message of a (sub)transaction, with a number to know it by.
func spooled(kind pgoutput.Kind, xid uint32, number, size int) []byte {
	m := binary.BigEndian.AppendUint32([]byte{byte(kind)}, xid)
	m = fmt.Appendf(m, "%d:", number)
	return append(m, bytes.Repeat([]byte{'.'}, size)...)
}

// numbers are those of the messages that a spool gives back.
func numbers(t *testing.T, p *spool) string {
	t.Helper()
	r, err := p.replay()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		m, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			return strings.Join(all, " ")
		}
		number, dots, _ := strings.Cut(string(m[5:]), ":")
		if strings.Trim(dots, ".") != "" {
			t.Fatalf("message %s is damaged", number)
		}
		all = append(all, number)
	}
}

// Transactions that run side by side are kept apart, in order, wherever they are
// kept.
func TestSpoolsKeepTransactionsApart(t *testing.T) {
	const perTransaction = 12
	for name, size := range map[string]int{"in memory": 10, "in files": spoolMemory / 5, "larger than all memory": spoolMemory + 1} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := newSpools(dir)
			var want []string
			for n := range perTransaction {
				want = append(want, fmt.Sprint(n))
				for xid := uint32(1); xid <= 3; xid++ {
					// The second is large now and then, the others small.
					length := 1
					if xid == 2 && n%4 != 3 {
						length = size
					}
					if err := s.add(xid, spooled(pgoutput.KindInsert, xid, n, length)); err != nil {
						t.Fatal(err)
					}
					if s.held > spoolMemory {
						t.Fatalf("%d bytes are in memory", s.held)
					}
				}
			}
			if onDisk := s.open[2].file != nil; onDisk != (size > 10) || s.disk > 0 != onDisk {
				t.Errorf("%d bytes are on disk", s.disk)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("files have names: %v", left)
			}
			for xid := uint32(1); xid <= 3; xid++ {
				p := s.open[xid]
				if got := numbers(t, p); got != strings.Join(want, " ") {
					t.Errorf("transaction %d has %s", xid, got)
				}
				if err := s.drop(p); err != nil {
					t.Error(err)
				}
			}
			if s.held != 0 || s.disk != 0 || len(s.open) != 0 {
				t.Errorf("%d bytes in memory, %d on disk are left of %d transactions", s.held, s.disk, len(s.open))
			}
		})
	}
}

// What a rolled-back subtransaction did is skipped, what it told of relations is
// not: the server does not say it again.
func TestSpoolsTakeBackSubtransactions(t *testing.T) {
	for name, size := range map[string]int{"in memory": 1, "in files": spoolMemory / 3} {
		t.Run(name, func(t *testing.T) {
			s := newSpools(t.TempDir())
			defer func() { _ = s.close() }()
			for n, m := range []struct {
				kind pgoutput.Kind
				xid  uint32
			}{
				{pgoutput.KindInsert, 10}, {pgoutput.KindRelation, 11}, {pgoutput.KindInsert, 11}, {pgoutput.KindUpdate, 12}, {pgoutput.KindDelete, 11},
				{pgoutput.KindTruncate, 11}, {pgoutput.KindMessage, 11}, {pgoutput.KindType, 12}, {pgoutput.KindOrigin, 10}, {pgoutput.KindInsert, 13}, {pgoutput.KindInsert, 10},
			} {
				if err := s.add(10, spooled(m.kind, m.xid, n, size)); err != nil {
					t.Fatal(err)
				}
			}
			for _, subxid := range []uint32{11, 13} {
				if err := s.abort(10, subxid); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.abort(99, 11); err != nil { // of a transaction that did not stream
				t.Fatal(err)
			}
			if got := numbers(t, s.open[10]); got != "0 1 3 10" {
				t.Errorf("left are %s", got)
			}
		})
	}
}

// A transaction that is rolled back leaves nothing, on disk or in memory.
func TestSpoolsTakeBackTransactions(t *testing.T) {
	s := newSpools(t.TempDir())
	for xid := uint32(1); xid <= 2; xid++ {
		for n := range 5 {
			if err := s.add(xid, spooled(pgoutput.KindInsert, xid, n, spoolMemory/4)); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := s.open[1].file
	if err := s.abort(1, 1); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err == nil {
		t.Error("the file was open")
	}
	if got := numbers(t, s.open[2]); got != "0 1 2 3 4" {
		t.Errorf("the other has %s", got)
	}
	if err := s.close(); err != nil || s.held != 0 || s.disk != 0 || len(s.open) != 0 {
		t.Errorf("%v: %d bytes in memory, %d on disk are left of %d transactions", err, s.held, s.disk, len(s.open))
	}
}

// A scratch folder that is gone, and a file that is damaged, are errors.
func TestSpoolsSayWhatFails(t *testing.T) {
	s := newSpools(filepath.Join(t.TempDir(), "gone"))
	if err := s.add(1, spooled(pgoutput.KindInsert, 1, 0, spoolMemory)); err == nil || !strings.Contains(err.Error(), "spool a transaction in progress") {
		t.Errorf("%v", err)
	}
	s = newSpools(t.TempDir())
	if err := s.add(1, spooled(pgoutput.KindInsert, 1, 0, spoolMemory)); err != nil {
		t.Fatal(err)
	}
	p := s.open[1]
	if err := p.file.Truncate(p.written - 1); err != nil {
		t.Fatal(err)
	}
	r, err := p.replay()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); err == nil || !strings.Contains(err.Error(), "read a spooled transaction") {
		t.Errorf("a file that was cut: %v", err)
	}
	if err := p.file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.replay(); err == nil {
		t.Error("a file that is closed can be read")
	}
}
