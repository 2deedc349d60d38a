package memory

import (
	"encoding/json"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func (d *database) instant() string {
	return d.now().UTC().Format("2006-01-02 15:04:05.999999-07")
}

// insert adds staged rows.
func (t *Table) insert(record arrow.RecordBatch, loaded string) error {
	for row := range int(record.NumRows()) {
		r, err := t.read(record, row, loaded)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, r)
	}
	return nil
}

// read prints a staged row.
func (t *Table) read(record arrow.RecordBatch, row int, loaded string) (Row, error) {
	out := make(Row, len(t.Definition.Columns))
	for at, i := range t.Definition.Staged() {
		if record.Column(at).IsNull(row) {
			continue
		}
		text, err := pgvalue.Print(nil, &t.Definition.Columns[i].Type, record.Column(at), row)
		if err != nil {
			return nil, err
		}
		s := string(text)
		out[i] = &s
	}
	if i := t.Definition.Find(schema.LoadedAt); i >= 0 {
		out[i] = &loaded
	}
	return out, nil
}

func (t *Table) spill(record arrow.RecordBatch, overflow []batch.Overflow) error {
	for _, o := range overflow {
		key, err := destination.KeyText(t.Definition, record, o.Row, true)
		if err != nil {
			return err
		}
		t.Overflow[destination.OverflowValue{Key: key, Column: t.Definition.Columns[o.Column].Name, Value: o.Text}] = true
	}
	return nil
}

// mark is a copy of a row with its mark set.
func (t *Table) mark(row Row, received, committed pg.Micros, loaded string) Row {
	marked := slices.Clone(row)
	set := func(role schema.Role, v string) { marked[t.Definition.Find(role)] = &v }
	set(schema.Marked, "t")
	set(schema.IngestedAt, printInstant(received))
	set(schema.ModifiedAt, printInstant(committed))
	set(schema.LoadedAt, loaded)
	return marked
}

func printInstant(m pg.Micros) string {
	column := pgvalue.NewTimes()
	column.Append(int64(m))
	a := column.Array()
	defer a.Release()
	text, err := pgvalue.Print(nil, &pgvalue.Type{Kind: pgvalue.TimestampTZ}, a, 0)
	if err != nil {
		panic(err) // instants print
	}
	return string(text)
}

// key names a row as destination.KeyText does.
func (t *Table) key(row Row) string {
	identity := destination.Identity(t.Definition)
	parts := make([]*string, len(identity))
	for i, k := range identity {
		parts[i] = row[k]
	}
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(text)
}
