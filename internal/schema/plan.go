package schema

import (
	"fmt"
	"time"

	"trunkline/internal/pg"
)

// Plan is what a destination does in one transaction, in order. Each step may be
// applied again with the same outcome.
type Plan []Step

// Step is one of the types below.
type Step interface {
	// String says what the step does, for people: create table "orders".
	String() string
}

// AddColumn adds a column of Table, its new definition, unless it is there, and
// gives existing rows the value that they have at the source (Column.Missing).
type AddColumn struct {
	Table *Table
	Name  string
}

// RenameColumn renames a column, unless that has been done, to the name it has
// in Table, the new definition.
type RenameColumn struct {
	Table *Table
	From  string
	To    string
}

// Describe notes a new definition of a table whose columns stay as they are.
type Describe struct{ Table *Table }

// BeginCopy opens a generation of a table: it makes the table if need be,
// removes what an earlier generation left, rows and records of chunks, and notes
// from which commit on changes apply.
//
// Rows that the source has not are never removed. Where the earlier copy was
// complete and there are such rows (marked ones, those that an ignored delete or
// truncate has left, those of an append table), the table stays as it is, with
// the values beside it, under the name that destination.KeptName gives, and a
// new one is made. So it is where the object was left, or the pipeline forgotten,
// in between.
type BeginCopy struct {
	Table      *Table
	OID        uint32
	Generation int64
	Start      pg.LSN
}

// EndCopy notes that every chunk of a generation is loaded.
type EndCopy struct {
	Table      *Table
	Generation int64
}

// Leave forgets an object: its table stays, and it is loaded anew if it comes
// back.
type Leave struct{ Table *Table }

// IntendSlot notes the name of a slot before it is made.
type IntendSlot struct{ Slot string }

// RecordSlot notes where a slot begins, once it is made, and on which server.
// Position is where the stream will start.
type RecordSlot struct {
	Slot             string
	ConsistentPoint  pg.LSN
	SystemIdentifier string
	Timeline         int32
	At               time.Time
}

// Forget removes all that the destination remembers of the pipeline. The tables
// stay.
type Forget struct{}

func (s Describe) String() string { return fmt.Sprintf("describe table %q", s.Table.Name) }
func (s AddColumn) String() string {
	return fmt.Sprintf("add column %q to table %q", s.Name, s.Table.Name)
}
func (s RenameColumn) String() string {
	return fmt.Sprintf("rename column %q of table %q to %q", s.From, s.Table.Name, s.To)
}
func (s BeginCopy) String() string {
	return fmt.Sprintf("begin copy %d of table %q at %v", s.Generation, s.Table.Name, s.Start)
}
func (s EndCopy) String() string {
	return fmt.Sprintf("end copy %d of table %q", s.Generation, s.Table.Name)
}
func (s Leave) String() string      { return fmt.Sprintf("leave table %q", s.Table.Name) }
func (s IntendSlot) String() string { return fmt.Sprintf("note that slot %q is wanted", s.Slot) }
func (s RecordSlot) String() string {
	return fmt.Sprintf("note slot %q at %v", s.Slot, s.ConsistentPoint)
}
func (s Forget) String() string { return "forget the pipeline" }
