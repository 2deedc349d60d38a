// Package schema describes tables as a destination should have them, the steps
// that bring a destination there, and what differs between two descriptions.
// It does no I/O: steps are data, and every plan can be printed before it runs.
package schema

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
)

// Table is one object's table in the destination.
type Table struct {
	// Object is the table at the source, Name its name in the destination, within
	// the schema that the destination's settings name.
	Object pg.Name
	Name   string
	// Columns are the source's columns in their order, then those that Trunkline
	// adds.
	Columns []Column
	// Key are the indexes in Columns of the key, in its order; empty where rows
	// have none.
	Key        []int
	Identity   Identity
	Mode       LoadMode
	OnDelete   Treatment
	OnTruncate Treatment
}

// Column is one column of a Table.
type Column struct {
	Name string
	Type pgvalue.Type
	Role Role
	// NotNull is set on the columns of the key alone: elsewhere the source may
	// drop the constraint at any time without telling.
	NotNull bool
	// Source is the column's name at the source and Number its attnum there, for
	// columns of role Data.
	Source string
	Number int16
	// Former are names that the column had at the source before: changes made
	// under them may still come.
	Former []string
	// Dropped says that the source has no such column any more; it is kept.
	Dropped bool
	// Missing is the value, as text, that rows older than the column have
	// (pg_attribute.attmissingval); nil for null.
	Missing *string
}

// Role says what a column is for.
type Role uint8

// Data columns hold what the source has. The others are added; see section 5 of
// the specification for their names and meaning.
const (
	Data Role = iota
	RowID
	IngestedAt
	LoadedAt
	ModifiedAt
	Marked
	Operation
	CommitLSN
	Sequence
	UnchangedColumns
)

// Identity says by what a row of the stream is found again in the destination.
type Identity uint8

// ByKey rows have a key. ByRow rows have none, but come with the full old row
// (replica identity full): they form a multiset, found by their hash. InsertOnly
// tables publish nothing but inserts and truncates.
const (
	ByKey Identity = iota
	ByRow
	InsertOnly
)

// LoadMode says what becomes of changes.
type LoadMode uint8

// Merge keeps the table like the source; Append keeps every change as a row.
const (
	Merge LoadMode = iota
	Append
)

// Treatment says what a delete or truncate does to rows of the destination.
type Treatment uint8

// Mark sets the row's mark, Delete removes it, Ignore leaves it as it is.
const (
	Mark Treatment = iota
	Delete
	Ignore
)

// Find returns the index of the column with a role, or -1.
func (t *Table) Find(role Role) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Role == role })
}

// FindName returns the index of the column of this name, or -1.
func (t *Table) FindName(name string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// FindSource returns the index of the data column that has, or else had, this
// name at the source, or -1.
func (t *Table) FindSource(name string) int {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Role == Data && c.Source == name })
	if i < 0 {
		i = slices.IndexFunc(t.Columns, func(c Column) bool { return c.Role == Data && slices.Contains(c.Former, name) })
	}
	return i
}

// Staged are the indexes of the columns that batches carry: all but the time of
// loading, which the destination writes itself.
func (t *Table) Staged() []int {
	staged := make([]int, 0, len(t.Columns))
	for i := range t.Columns {
		if t.Columns[i].Role != LoadedAt {
			staged = append(staged, i)
		}
	}
	return staged
}

// Data are the indexes of the columns that hold what the source has.
func (t *Table) Data() []int {
	var data []int
	for i := range t.Columns {
		if t.Columns[i].Role == Data {
			data = append(data, i)
		}
	}
	return data
}

// Current are the indexes of the data columns that the source still has.
func (t *Table) Current() []int {
	return slices.DeleteFunc(t.Data(), func(i int) bool { return t.Columns[i].Dropped })
}

// Fields are Arrow fields for the columns at these indexes.
func (t *Table) Fields(columns []int) []arrow.Field {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = t.Columns[c].Type.Field(t.Columns[c].Name)
	}
	return fields
}

// IsKey reports whether the column at this index belongs to the key.
func (t *Table) IsKey(column int) bool { return slices.Contains(t.Key, column) }

// ReadBinary reports whether the history of a data column is read in binary
// form. Rows that are told apart by a hash over their texts are read as text.
func (t *Table) ReadBinary(column int) bool {
	return t.Columns[column].Type.Binary && t.Find(RowID) < 0
}
