package batch

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// rows are growing columns in the order of schema.Table.Staged: what the source
// has, then the metadata.
type rows struct {
	table   *schema.Table
	staged  []int
	schema  *arrow.Schema
	columns []pgvalue.Column
	// data are the first len(data) columns: those the source has.
	data []pgvalue.Column

	id       pgvalue.Column // RowID, or nil
	ingested *pgvalue.Fixed[int64]
	modified *pgvalue.Fixed[int64]
	marked   *pgvalue.Bools
	change   *changeColumns // of append tables, or nil

	overflow []Overflow
	// overflowAt finds the overflow of a cell.
	overflowAt map[cell]string
}

// cell is a row and the index of a column in Table.Columns.
type cell struct{ row, column int }

// changeColumns tell the changes of an append table apart.
type changeColumns struct {
	operation, lsn, sequence, unchanged pgvalue.Column
}

func newRows(table *schema.Table) *rows {
	staged := table.Staged()
	r := &rows{table: table, staged: staged, schema: arrow.NewSchema(table.Fields(staged), nil)}
	for _, i := range staged {
		column := &table.Columns[i]
		c := pgvalue.NewColumn(&column.Type)
		r.columns = append(r.columns, c)
		switch column.Role {
		case schema.Data:
			r.data = append(r.data, c)
		case schema.RowID:
			r.id = c
		case schema.IngestedAt:
			r.ingested = c.(*pgvalue.Fixed[int64])
		case schema.ModifiedAt:
			r.modified = c.(*pgvalue.Fixed[int64])
		case schema.Marked:
			r.marked = c.(*pgvalue.Bools)
		default:
			r.addChangeColumn(column.Role, c)
		}
	}
	return r
}

func (r *rows) addChangeColumn(role schema.Role, c pgvalue.Column) {
	if r.change == nil {
		r.change = &changeColumns{}
	}
	switch role {
	case schema.Operation:
		r.change.operation = c
	case schema.CommitLSN:
		r.change.lsn = c
	case schema.Sequence:
		r.change.sequence = c
	case schema.UnchangedColumns:
		r.change.unchanged = c
	}
}

func (r *rows) len() int { return r.columns[len(r.columns)-1].Len() }

func (r *rows) size() int {
	size := 0
	for _, c := range r.columns {
		size += c.Size()
	}
	return size
}

func (r *rows) reset() {
	for _, c := range r.columns {
		c.Reset()
	}
	r.overflow = r.overflow[:0]
	clear(r.overflowAt)
}

// appendText adds a value in text form to data column i. One that the column
// cannot hold goes beside the row.
func (r *rows) appendText(i int, text []byte) error {
	err := r.data[i].AppendText(text)
	if err == nil {
		return nil
	}
	if !errors.Is(err, pgvalue.ErrCannotHold) {
		return fmt.Errorf("%v: column %q: %w", r.table.Object, r.table.Columns[r.staged[i]].Name, err)
	}
	return r.spill(i, pgvalue.SideText(text))
}

// appendBinary is appendText for the binary form.
func (r *rows) appendBinary(i int, src []byte) error {
	err := r.data[i].AppendBinary(src)
	if err == nil {
		return nil
	}
	column := &r.table.Columns[r.staged[i]]
	if !errors.Is(err, pgvalue.ErrCannotHold) {
		return fmt.Errorf("%v: column %q: %w", r.table.Object, column.Name, err)
	}
	text, err := pgvalue.SpillText(&column.Type, src)
	if err != nil {
		return fmt.Errorf("%v: column %q: %w", r.table.Object, column.Name, err)
	}
	return r.spill(i, text)
}

func (r *rows) spill(i int, text string) error {
	column := r.staged[i]
	if r.table.IsKey(column) {
		return &KeyError{Object: r.table.Object, Column: r.table.Columns[column].Name, Text: text}
	}
	r.addOverflow(r.data[i].Len(), column, text)
	r.data[i].AppendNull()
	return nil
}

func (r *rows) addOverflow(row, column int, text string) {
	if r.overflowAt == nil {
		r.overflowAt = map[cell]string{}
	}
	r.overflowAt[cell{row, column}] = text
	r.overflow = append(r.overflow, Overflow{Row: row, Column: column, Text: text})
}

// copyValue adds a copy of the value that data column i has in an earlier row.
func (r *rows) copyValue(i, row int) {
	to := r.data[i].Len()
	r.data[i].AppendRow(r.data[i], row)
	if text, ok := r.overflowAt[cell{row, r.staged[i]}]; ok {
		r.addOverflow(to, r.staged[i], text)
	}
}

// finish adds the metadata of a row whose values are all there.
func (r *rows) finish(received, committed pg.Micros, marked bool) {
	if r.ingested != nil {
		r.ingested.Append(int64(received))
	}
	if r.modified != nil {
		if committed == 0 {
			r.modified.AppendNull()
		} else {
			r.modified.Append(int64(committed))
		}
	}
	if r.marked != nil {
		r.marked.Append(marked)
	}
}

// keep drops all rows but those listed, and their overflow. number maps an old
// row to its new one, or -1.
func (r *rows) keep(list []int32, number func(row int) int) {
	for _, c := range r.columns {
		c.Keep(list)
	}
	kept := r.overflow[:0]
	for _, o := range r.overflow {
		if o.Row = number(o.Row); o.Row >= 0 {
			kept = append(kept, o)
		}
	}
	r.overflow = kept
}

// record is the rows as Arrow, aliasing them; nil if there are none.
func (r *rows) record() arrow.RecordBatch {
	n := r.len()
	if n == 0 {
		return nil
	}
	return record(r.schema, r.columns, n)
}

func record(s *arrow.Schema, columns []pgvalue.Column, n int) arrow.RecordBatch {
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		arrays[i] = c.Array()
	}
	batch := array.NewRecordBatch(s, arrays, int64(n))
	for _, a := range arrays {
		a.Release()
	}
	return batch
}

// keys are growing columns in the order of schema.Table.Key.
type keys struct {
	schema  *arrow.Schema
	columns []pgvalue.Column
}

func newKeys(table *schema.Table) *keys {
	k := &keys{schema: arrow.NewSchema(table.Fields(table.Key), nil)}
	for _, i := range table.Key {
		k.columns = append(k.columns, pgvalue.NewColumn(&table.Columns[i].Type))
	}
	return k
}

func (k *keys) len() int {
	if len(k.columns) == 0 {
		return 0
	}
	return k.columns[0].Len()
}

func (k *keys) reset() {
	for _, c := range k.columns {
		c.Reset()
	}
}

func (k *keys) record() arrow.RecordBatch {
	n := k.len()
	if n == 0 {
		return nil
	}
	return record(k.schema, k.columns, n)
}
