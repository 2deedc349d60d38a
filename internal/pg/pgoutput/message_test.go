package pgoutput_test

import (
	"bytes"
	"fmt"
	"slices"
	"unsafe"

	"trunkline/internal/pg/pgoutput"
)

// counting is a copy of m with the fields that count for its kind, so that what
// an earlier message left in m does not show.
func counting(m *pgoutput.Message, inStream bool) pgoutput.Message {
	c := pgoutput.Message{Kind: m.Kind}
	if inStream && carriesXID(m.Kind) {
		c.XID = m.XID
	}
	switch m.Kind {
	case pgoutput.KindBegin:
		c.XID, c.CommitLSN, c.CommitTime = m.XID, m.CommitLSN, m.CommitTime
	case pgoutput.KindCommit:
		c.CommitLSN, c.EndLSN, c.CommitTime = m.CommitLSN, m.EndLSN, m.CommitTime
	case pgoutput.KindRelation:
		c.Relation = m.Relation
	case pgoutput.KindInsert:
		c.RelationID, c.New = m.RelationID, cloneTuple(m.New)
	case pgoutput.KindUpdate:
		c.RelationID, c.New = m.RelationID, cloneTuple(m.New)
		c.Old, c.OldIsFull = cloneTuple(m.Old), m.OldIsFull
	case pgoutput.KindDelete:
		c.RelationID, c.Old, c.OldIsFull = m.RelationID, cloneTuple(m.Old), m.OldIsFull
	case pgoutput.KindTruncate:
		c.Truncated = slices.Clone(m.Truncated)
		c.Cascade, c.RestartIdentity = m.Cascade, m.RestartIdentity
	case pgoutput.KindMessage:
		c.Transactional, c.CommitLSN = m.Transactional, m.CommitLSN
		c.Prefix, c.Content = bytes.Clone(m.Prefix), bytes.Clone(m.Content)
	case pgoutput.KindStreamStart:
		c.XID, c.First = m.XID, m.First
	case pgoutput.KindStreamCommit:
		c.XID, c.CommitLSN, c.EndLSN, c.CommitTime = m.XID, m.CommitLSN, m.EndLSN, m.CommitTime
	case pgoutput.KindStreamAbort:
		c.XID, c.SubXID = m.XID, m.SubXID
	}
	return c
}

func cloneTuple(t pgoutput.Tuple) pgoutput.Tuple {
	c := slices.Clone(t)
	for i := range c {
		c[i].Data = bytes.Clone(c[i].Data)
	}
	return c
}

// carriesXID is what the manual says about messages inside a stream block.
func carriesXID(k pgoutput.Kind) bool { return bytes.ContainsRune([]byte("IUDTRYM"), rune(k)) }

// parts are the fields of m that alias what it was decoded from.
func parts(m *pgoutput.Message) map[string][]byte {
	all := map[string][]byte{}
	add := func(tuple string, t pgoutput.Tuple) {
		for i, c := range t {
			all[fmt.Sprintf("%s column %d", tuple, i)] = c.Data
		}
	}
	switch m.Kind {
	case pgoutput.KindInsert:
		add("new", m.New)
	case pgoutput.KindUpdate:
		add("old", m.Old)
		add("new", m.New)
	case pgoutput.KindDelete:
		add("old", m.Old)
	case pgoutput.KindMessage:
		all["prefix"], all["content"] = m.Prefix, m.Content
	}
	return all
}

// within reports whether part, unless it is empty, is memory of whole.
func within(part, whole []byte) bool {
	if len(part) == 0 {
		return true
	}
	if len(whole) < len(part) {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(whole)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return at >= start && at+uintptr(len(part)) <= start+uintptr(len(whole))
}
