package source

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"trunkline/internal/pg/pgoutput"
)

const (
	// spoolMemory is how much of all open spools together stays in memory.
	spoolMemory = 16 << 20
	spoolBuffer = 256 << 10
)

// spools keep the changes of transactions in progress until they commit or roll
// back: in memory, and beyond a bound in files that nobody syncs. After a crash
// the server sends them again whole, for their commits lie above every position
// that was confirmed.
type spools struct {
	dir  string
	open map[uint32]*spool
	held int // bytes in memory
	disk int64
}

// spool is one transaction. A frame is its length in four bytes and a message.
type spool struct {
	xid     uint32
	memory  []byte
	file    *os.File
	written int64
	// aborted are subtransactions that were rolled back.
	aborted map[uint32]bool
}

func newSpools(dir string) *spools { return &spools{dir: dir, open: map[uint32]*spool{}} }

// add keeps a message of a transaction.
func (s *spools) add(xid uint32, message []byte) error {
	p := s.open[xid]
	if p == nil {
		p = &spool{xid: xid}
		s.open[xid] = p
	}
	before := len(p.memory)
	p.memory = binary.LittleEndian.AppendUint32(p.memory, uint32(len(message)))
	p.memory = append(p.memory, message...)
	s.held += len(p.memory) - before
	if s.held <= spoolMemory {
		return nil
	}
	return s.spill()
}

// spill writes the largest part in memory to its file.
func (s *spools) spill() error {
	var largest *spool
	for _, p := range s.open {
		if largest == nil || len(p.memory) > len(largest.memory) {
			largest = p
		}
	}
	if largest.file == nil {
		file, err := os.CreateTemp(s.dir, "transaction-*")
		if err != nil {
			return fmt.Errorf("spool a transaction in progress: %w", err)
		}
		largest.file = file
		// Without its name the file is gone with the process, however that ends.
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("spool a transaction in progress: %w", err)
		}
	}
	n, err := largest.file.Write(largest.memory)
	largest.written += int64(n)
	s.disk += int64(n)
	if err != nil {
		return fmt.Errorf("spool a transaction in progress: %w", err)
	}
	s.held -= len(largest.memory)
	largest.memory = largest.memory[:0]
	return nil
}

// abort takes back a transaction, or a subtransaction of it.
func (s *spools) abort(xid, subxid uint32) error {
	p := s.open[xid]
	if p == nil {
		return nil // it had not begun to stream
	}
	if xid == subxid {
		return s.drop(p)
	}
	if p.aborted == nil {
		p.aborted = map[uint32]bool{}
	}
	p.aborted[subxid] = true
	return nil
}

// drop forgets a spool.
func (s *spools) drop(p *spool) error {
	s.held -= len(p.memory)
	s.disk -= p.written
	delete(s.open, p.xid)
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// close forgets all spools.
func (s *spools) close() error {
	var errs []error
	for _, p := range s.open {
		errs = append(errs, s.drop(p))
	}
	return errors.Join(errs...)
}

// replay reads the messages of a spool in order.
type replay struct {
	spool  *spool
	reader io.Reader
	header [4]byte
	buffer []byte
}

// replay begins to read a spool that is complete.
func (p *spool) replay() (*replay, error) {
	r := &replay{spool: p}
	memory := &sliceReader{p.memory}
	if p.file == nil {
		r.reader = memory
		return r, nil
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read a spooled transaction: %w", err)
	}
	r.reader = io.MultiReader(bufio.NewReaderSize(p.file, spoolBuffer), memory)
	return r, nil
}

// sliceReader reads from a slice.
type sliceReader struct{ rest []byte }

func (s *sliceReader) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next returns the next message that was not rolled back, valid until the next
// call; nil at the end. Descriptions of relations count whoever sent them: the
// server does not send them again for what follows a rollback.
func (r *replay) next() ([]byte, error) {
	for {
		if _, err := io.ReadFull(r.reader, r.header[:]); errors.Is(err, io.EOF) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("read a spooled transaction: %w", err)
		}
		n := int(binary.LittleEndian.Uint32(r.header[:]))
		if cap(r.buffer) < n {
			r.buffer = make([]byte, n, max(n, spoolBuffer))
		}
		r.buffer = r.buffer[:n]
		if _, err := io.ReadFull(r.reader, r.buffer); err != nil {
			return nil, fmt.Errorf("read a spooled transaction: %w", err)
		}
		if r.skips(r.buffer) {
			continue
		}
		return r.buffer, nil
	}
}

// skips reports whether a message is not for the reader: what a rolled-back
// subtransaction did, and messages that are passed over outside spools too.
func (r *replay) skips(message []byte) bool {
	if len(message) < 5 {
		return false
	}
	switch pgoutput.Kind(message[0]) {
	case pgoutput.KindType, pgoutput.KindOrigin:
		return true
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete, pgoutput.KindTruncate, pgoutput.KindMessage:
		return r.spool.aborted[binary.BigEndian.Uint32(message[1:])]
	}
	return false
}
