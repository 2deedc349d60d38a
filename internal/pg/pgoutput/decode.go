package pgoutput

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"trunkline/internal/pg"
)

// ErrTruncated is returned for a message that ends too early or too late.
var ErrTruncated = errors.New("message is shorter or longer than its kind says")

// Decode decodes one message into m, reusing what m holds. inStream says whether
// the message stands between Stream Start and Stream Stop, where changes carry
// the number of their transaction.
//
// The tuples, prefix and content of m alias data. An error leaves m undefined.
func Decode(data []byte, inStream bool, m *Message) error {
	if len(data) == 0 && !inStream {
		// Servers before 14 send an empty message in place of an origin whose name
		// they do not find.
		m.Kind = KindOrigin
		return nil
	}
	if len(data) == 0 {
		return ErrTruncated
	}
	m.Kind = Kind(data[0])
	r := reader{data: data[1:]}
	if inStream && carriesXID(m.Kind) {
		m.XID = r.uint32()
	}
	if err := decodeBody(&r, m); err != nil {
		return err
	}
	if r.failed || len(r.data) != 0 {
		return fmt.Errorf("%v: %w", m.Kind, ErrTruncated)
	}
	return nil
}

// carriesXID reports whether a message of kind k names its transaction inside a
// stream block.
func carriesXID(k Kind) bool {
	switch k {
	case KindInsert, KindUpdate, KindDelete, KindTruncate, KindRelation, KindType, KindMessage:
		return true
	}
	return false
}

func decodeBody(r *reader, m *Message) error {
	switch m.Kind {
	case KindInsert:
		m.RelationID = r.uint32()
		r.expect('N')
		m.New = r.tuple(m.New[:0])
	case KindUpdate:
		decodeUpdate(r, m)
	case KindDelete:
		m.RelationID = r.uint32()
		m.OldIsFull = r.oldTuple(r.byte(), m)
	case KindBegin:
		m.CommitLSN = r.lsn()
		m.CommitTime = r.time()
		m.XID = r.uint32()
	case KindCommit:
		r.byte() // flags, unused
		decodeCommit(r, m)
	case KindRelation:
		m.Relation = r.relation()
	case KindTruncate:
		decodeTruncate(r, m)
	case KindMessage:
		decodeLogicalMessage(r, m)
	case KindOrigin:
		r.lsn()
		r.cstring()
	case KindType:
		r.uint32()
		r.cstring()
		r.cstring()
	case KindStreamStart:
		m.XID = r.uint32()
		m.First = r.byte() == 1
	case KindStreamStop:
	case KindStreamCommit:
		m.XID = r.uint32()
		r.byte() // flags, unused
		decodeCommit(r, m)
	case KindStreamAbort:
		m.XID = r.uint32()
		m.SubXID = r.uint32()
	default:
		return fmt.Errorf("message of %v kind", m.Kind)
	}
	return nil
}

func decodeCommit(r *reader, m *Message) {
	m.CommitLSN = r.lsn()
	m.EndLSN = r.lsn()
	m.CommitTime = r.time()
}

func decodeUpdate(r *reader, m *Message) {
	m.RelationID = r.uint32()
	m.Old, m.OldIsFull = m.Old[:0], false
	kind := r.byte()
	if kind != 'N' {
		m.OldIsFull = r.oldTuple(kind, m)
		kind = r.byte()
	}
	if kind != 'N' {
		r.fail()
		return
	}
	m.New = r.tuple(m.New[:0])
}

func decodeTruncate(r *reader, m *Message) {
	count := r.uint32()
	flags := r.byte()
	m.Cascade, m.RestartIdentity = flags&1 != 0, flags&2 != 0
	m.Truncated = m.Truncated[:0]
	for range count {
		if r.failed {
			return
		}
		m.Truncated = append(m.Truncated, r.uint32())
	}
}

func decodeLogicalMessage(r *reader, m *Message) {
	m.Transactional = r.byte()&1 != 0
	m.CommitLSN = r.lsn()
	m.Prefix = r.cstring()
	m.Content = r.bytes(int(r.uint32()))
}

// reader takes values from the front of data. After the first shortage it only
// returns zeros; the caller asks once, at the end.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.data = nil
}

func (r *reader) byte() byte {
	if len(r.data) < 1 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) expect(b byte) {
	if r.byte() != b {
		r.fail()
	}
}

func (r *reader) uint16() uint16 {
	if len(r.data) < 2 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint16(r.data)
	r.data = r.data[2:]
	return v
}

func (r *reader) uint32() uint32 {
	if len(r.data) < 4 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint32(r.data)
	r.data = r.data[4:]
	return v
}

func (r *reader) uint64() uint64 {
	if len(r.data) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.data)
	r.data = r.data[8:]
	return v
}

func (r *reader) lsn() pg.LSN     { return pg.LSN(r.uint64()) }
func (r *reader) time() pg.Micros { return pg.FromEpoch(int64(r.uint64())) }

func (r *reader) bytes(n int) []byte {
	if n < 0 || len(r.data) < n {
		r.fail()
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) cstring() []byte {
	end := bytes.IndexByte(r.data, 0)
	if end < 0 {
		r.fail()
		return nil
	}
	s := r.data[:end:end]
	r.data = r.data[end+1:]
	return s
}

// oldTuple reads the old row after its kind byte into m.Old and reports whether
// it is the full row.
func (r *reader) oldTuple(kind byte, m *Message) (full bool) {
	if kind != 'K' && kind != 'O' {
		r.fail()
		return false
	}
	m.Old = r.tuple(m.Old[:0])
	return kind == 'O'
}

// tuple reads a row, appending its columns to t.
func (r *reader) tuple(t Tuple) Tuple {
	count := int(r.uint16())
	data := r.data
	for range count {
		if len(data) < 1 {
			r.fail()
			return t
		}
		kind := ColumnKind(data[0])
		data = data[1:]
		switch kind {
		case Null, Unchanged:
			t = append(t, Column{Kind: kind})
		case Text, Binary:
			if len(data) < 4 {
				r.fail()
				return t
			}
			n := int(int32(binary.BigEndian.Uint32(data)))
			data = data[4:]
			if n < 0 || n > len(data) {
				r.fail()
				return t
			}
			t = append(t, Column{Kind: kind, Data: data[:n:n]})
			data = data[n:]
		default:
			r.fail()
			return t
		}
	}
	r.data = data
	return t
}

func (r *reader) relation() *Relation {
	rel := &Relation{ID: r.uint32()}
	rel.Name.Schema = string(r.cstring())
	rel.Name.Name = string(r.cstring())
	if rel.Name.Schema == "" {
		rel.Name.Schema = "pg_catalog" // sent as an empty string
	}
	rel.ReplicaIdentity = r.byte()
	count := int(r.uint16())
	for range count {
		if r.failed {
			break
		}
		rel.Columns = append(rel.Columns, RelationColumn{
			Key:  r.byte()&1 != 0,
			Name: string(r.cstring()),
			Type: r.uint32(),
			Mod:  int32(r.uint32()),
		})
	}
	return rel
}
