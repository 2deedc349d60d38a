// Package pgoutput decodes the messages of PostgreSQL's logical replication
// output plugin of the same name, protocol versions 1 and 2.
//
// Decoding is pure: bytes in, a Message or an error out. Tuples alias the bytes
// they were decoded from and a Message is reused, so that a row costs no
// allocation; what must outlive the next Decode is copied by the caller.
//
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
package pgoutput

import (
	"strconv"

	"trunkline/internal/pg"
)

// Kind is the first byte of a message.
type Kind byte

// The messages of protocol versions 1 and 2. Two-phase messages (version 3) are
// never requested and are refused.
const (
	KindBegin        Kind = 'B'
	KindCommit       Kind = 'C'
	KindOrigin       Kind = 'O'
	KindRelation     Kind = 'R'
	KindType         Kind = 'Y'
	KindInsert       Kind = 'I'
	KindUpdate       Kind = 'U'
	KindDelete       Kind = 'D'
	KindTruncate     Kind = 'T'
	KindMessage      Kind = 'M'
	KindStreamStart  Kind = 'S'
	KindStreamStop   Kind = 'E'
	KindStreamCommit Kind = 'c'
	KindStreamAbort  Kind = 'A'
)

// String is the name of the message in the manual.
func (k Kind) String() string {
	switch k {
	case KindBegin:
		return "Begin"
	case KindCommit:
		return "Commit"
	case KindOrigin:
		return "Origin"
	case KindRelation:
		return "Relation"
	case KindType:
		return "Type"
	case KindInsert:
		return "Insert"
	case KindUpdate:
		return "Update"
	case KindDelete:
		return "Delete"
	case KindTruncate:
		return "Truncate"
	case KindMessage:
		return "Message"
	case KindStreamStart:
		return "Stream Start"
	case KindStreamStop:
		return "Stream Stop"
	case KindStreamCommit:
		return "Stream Commit"
	case KindStreamAbort:
		return "Stream Abort"
	}
	return "unknown " + strconv.QuoteToASCII(string([]byte{byte(k)}))
}

// Message is any message; which fields count depends on Kind.
type Message struct {
	Kind Kind

	// XID is the transaction of Begin and of the Stream messages. In a message
	// inside a stream block it is the (sub)transaction that made the change; a
	// logical Message there has the number of the whole transaction, even if a
	// subtransaction made it.
	XID uint32
	// SubXID is the subtransaction that Stream Abort takes back; equal to XID
	// when the whole transaction is.
	SubXID uint32
	// First marks the Stream Start of a transaction's first block.
	First bool

	// CommitLSN orders transactions: the start of the commit record, in Begin,
	// Commit and Stream Commit. In Message it is the position of the message.
	CommitLSN pg.LSN
	// EndLSN is what may be confirmed once a transaction is durable: the end of
	// its commit record, in Commit and Stream Commit.
	EndLSN pg.LSN
	// CommitTime is in Begin, Commit and Stream Commit.
	CommitTime pg.Micros

	// RelationID is the relation of Insert, Update and Delete.
	RelationID uint32
	// Relation is set by a Relation message; it does not alias the input.
	Relation *Relation
	// Old is the old row of Update and Delete: all columns under replica
	// identity full (OldIsFull), else those of the key with the rest null.
	// Empty in an Update that changed no column of the identity.
	Old       Tuple
	OldIsFull bool
	// New is the new row of Insert and Update.
	New Tuple

	// Truncated are the relations of Truncate.
	Truncated       []uint32
	Cascade         bool
	RestartIdentity bool

	// Transactional, Prefix and Content belong to Message; Prefix and Content
	// alias the input.
	Transactional bool
	Prefix        []byte
	Content       []byte
}

// Relation describes a table before its first change and after each change of
// its definition.
type Relation struct {
	ID   uint32
	Name pg.Name
	// ReplicaIdentity is pg_class.relreplident: d, n, f or i.
	ReplicaIdentity byte
	Columns         []RelationColumn
}

// RelationColumn is one published column.
type RelationColumn struct {
	// Key marks columns of the replica identity. Under replica identity full it
	// marks them all.
	Key  bool
	Name string
	Type uint32
	Mod  int32
}

// ColumnKind is how a value was sent.
type ColumnKind byte

// The kinds of column data in a tuple.
const (
	Null ColumnKind = 'n'
	// Unchanged is a TOASTed value that the update did not touch; it is not sent.
	Unchanged ColumnKind = 'u'
	Text      ColumnKind = 't'
	Binary    ColumnKind = 'b'
)

// Column is one value of a tuple; Data aliases the message.
type Column struct {
	Kind ColumnKind
	Data []byte
}

// Tuple is a row, in the order of the relation's columns.
type Tuple []Column
