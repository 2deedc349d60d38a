// Package batch turns decoded changes into what destinations apply: typed Arrow
// columns with the last image of each key, in parts of bounded size, between two
// positions of the stream.
//
// What a destination holds never depends on where batches or parts were cut.
package batch

import (
	"fmt"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Position is a place between two transactions of the stream.
type Position struct {
	// Commit orders transactions: where the commit record of the last one starts.
	Commit pg.LSN
	// End is where its commit record ends: what may be confirmed.
	End pg.LSN
}

// String prints the end, by which positions are compared.
func (p Position) String() string { return p.End.String() }

// Before reports whether p lies before q.
func (p Position) Before(q Position) bool { return p.End < q.End }

// Batch is the unit of a commit: whole transactions in (From, To].
type Batch struct {
	From Position
	// Parts yields the changes in order, each part at most once. An error means
	// that the batch is not complete and must not be committed. A part is valid
	// until the next is asked for.
	Parts iter.Seq2[*Part, error]
	// End gives the upper end and the commit time of the last transaction; it may
	// be asked once Parts is exhausted.
	End func() (to Position, committed pg.Micros)
}

// Single is a batch of one part that is already there.
func Single(from, to Position, committed pg.Micros, part *Part) *Batch {
	return &Batch{
		From: from,
		Parts: func(yield func(*Part, error) bool) {
			if part != nil {
				yield(part, nil)
			}
		},
		End: func() (Position, pg.Micros) { return to, committed },
	}
}

// Part is the unit of memory within a batch.
type Part struct {
	// Changes are in the order in which they must be applied. A table comes more
	// than once only where it was truncated in between.
	Changes []*Changes
	// Events is the number of row changes that went in.
	Events int

	stages []stage
}

// Changes are what a part does to one table. They are applied in this order:
// the truncate, then the deletes (of Deletes and of the keys of Rows and
// Partial), then the inserts of Rows and Partial, then Removals.
type Changes struct {
	Table *schema.Table
	// Truncate says that the table was truncated before these changes: the rows
	// that stand in the destination are treated by Table.OnTruncate.
	Truncate *Truncate
	// Rows are complete rows, the columns of Table.Staged. Under ByKey each key
	// occurs once in Rows and Partial together; elsewhere rows are inserted in
	// order.
	Rows arrow.RecordBatch
	// Fresh has a bit per row of Rows: set where the destination has no unmarked
	// row of that key. Empty except under ByKey.
	Fresh Bits
	// Partial are rows some of whose values stand in the destination.
	Partial *Partial
	// Deletes are keys whose rows go: the columns of Table.Key.
	Deletes arrow.RecordBatch
	// Removals take rows away from a multiset.
	Removals *Removals
	// Marks is the number of marked rows among Rows and Partial.
	Marks int
	// Overflow are the values of Rows and Partial that their columns cannot hold.
	Overflow []Overflow
	// Events is the number of row changes that went in.
	Events int
}

func (c *Changes) release() {
	if c.Rows != nil {
		c.Rows.Release()
	}
	if c.Deletes != nil {
		c.Deletes.Release()
	}
	if c.Partial != nil {
		c.Partial.Rows.Release()
		c.Partial.Base.Release()
	}
	if c.Removals != nil {
		c.Removals.Rows.Release()
	}
}

// Truncate says when a table was emptied.
type Truncate struct {
	// Received and Committed are the metadata of the rows that it marks.
	Received, Committed pg.Micros
}

// Partial are rows of which only some values were sent. The others stand in the
// destination under a base key, as it is when the deletes have not happened yet.
type Partial struct {
	// Rows has the columns of Table.Staged; values to be filled in are null.
	Rows arrow.RecordBatch
	// Base has the columns of Table.Key: where the missing values stand.
	Base arrow.RecordBatch
	// Missing has Words 64-bit words per row; bit i of them is set where the i-th
	// data column is to be filled in from the base row.
	Missing []uint64
	Words   int
	// Deletes marks rows that are here only because their base row was deleted
	// at the source; where there is no base row, they vanish.
	Deletes Bits
}

// Removals are rows to take away from a multiset (schema.ByRow), oldest first.
type Removals struct {
	// Rows has the hash of the row (its schema.RowID) as text, and the times of
	// the change: columns row_id, ingested_at, source_modified_at.
	Rows arrow.RecordBatch
	// Mark is set where the row is to be marked instead of removed.
	Mark Bits
}

// Overflow is a value beside its row, as PostgreSQL prints it.
type Overflow struct {
	// Partial says whether Row counts in Partial.Rows or in Rows.
	Partial bool
	Row     int
	// Column is the index in Table.Columns.
	Column int
	Text   string
}

// Bits is a bitmap in Arrow's order.
type Bits []byte

// At reports whether bit i is set; bits past the end are not.
func (b Bits) At(i int) bool { return i>>3 < len(b) && b[i>>3]&(1<<(i&7)) != 0 }

// All reports whether the first n bits are set.
func (b Bits) All(n int) bool {
	for i := range n {
		if !b.At(i) {
			return false
		}
	}
	return true
}

// Set sets or clears bit i, growing the bitmap.
func (b *Bits) Set(i int, v bool) {
	for i>>3 >= len(*b) {
		*b = append(*b, 0)
	}
	if v {
		(*b)[i>>3] |= 1 << (i & 7)
	} else {
		(*b)[i>>3] &^= 1 << (i & 7)
	}
}

// KeyError says that a value of a key, which identifies its row, cannot be held
// by the column's type.
type KeyError struct {
	Object pg.Name
	Column string
	Text   string
}

// NotUTF8 reports whether no type at all would hold the value.
func (e *KeyError) NotUTF8() bool { return pgvalue.IsSideBytes(e.Text) }

func (e *KeyError) Error() string {
	return fmt.Sprintf("%v: the destination's type of key column %q cannot hold one of its values", e.Object, e.Column)
}
