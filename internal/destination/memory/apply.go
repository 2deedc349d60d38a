package memory

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func (d *database) Apply(_ context.Context, b *batch.Batch) error {
	return d.owned(func(s *state, c *destination.Checkpoint) error {
		if c.Position.End != b.From.End {
			return destination.AfterGap(c.Position, b)
		}
		for part, err := range b.Parts {
			if err != nil {
				return err
			}
			for _, changes := range part.Changes {
				if err := s.tables[changes.Table.Name].change(changes, d.instant()); err != nil {
					return err
				}
			}
		}
		c.Position, c.Committed = b.End()
		return nil
	})
}

// change applies the changes of one table.
func (t *Table) change(c *batch.Changes, loaded string) error {
	if c.Truncate != nil {
		t.truncate(c, loaded)
	}
	filled, err := t.fill(c, loaded)
	if err != nil {
		return err
	}
	if c.Table.Mode == schema.Merge && c.Table.Identity == schema.ByKey {
		if err := t.deleteKeys(c); err != nil {
			return err
		}
	}
	if c.Rows != nil {
		if err := t.insert(c.Rows, loaded); err != nil {
			return err
		}
		if err := t.spill(c.Rows, pick(c.Overflow, false)); err != nil {
			return err
		}
	}
	t.Rows = append(t.Rows, filled...)
	if c.Partial != nil {
		if err := t.spill(c.Partial.Rows, pick(c.Overflow, true)); err != nil {
			return err
		}
	}
	return t.remove(c, loaded)
}

func pick(all []batch.Overflow, partial bool) (some []batch.Overflow) {
	for _, o := range all {
		if o.Partial == partial {
			some = append(some, o)
		}
	}
	return some
}

func (t *Table) truncate(c *batch.Changes, loaded string) {
	if c.Table.OnTruncate == schema.Delete {
		t.Rows, t.Overflow = nil, map[[2]string]string{}
		return
	}
	for i, row := range t.Rows {
		if *row[t.Definition.Find(schema.Marked)] == "f" {
			t.Rows[i] = t.mark(row, c.Truncate.Received, c.Truncate.Committed, loaded)
		}
	}
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

// key is the key of a row, as destination.KeyText prints it.
func (t *Table) key(row Row) string {
	parts := make([]*string, len(t.Definition.Key))
	for i, k := range t.Definition.Key {
		parts[i] = row[k]
	}
	text, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(text)
}

// fill completes partial rows from the rows that stand under their base keys.
func (t *Table) fill(c *batch.Changes, loaded string) (filled []Row, err error) {
	p := c.Partial
	if p == nil {
		return nil, nil
	}
	index := map[string]Row{}
	for _, row := range t.Rows {
		index[t.key(row)] = row
	}
	data := t.Definition.Data()
	for i := range int(p.Rows.NumRows()) {
		baseKey, err := destination.KeyText(t.Definition, p.Base, i, false)
		if err != nil {
			return nil, err
		}
		base, ok := index[baseKey]
		if !ok && p.Deletes.At(i) {
			continue
		}
		if !ok {
			return nil, destination.BaseMissing.New("row %s to update is not there", baseKey).On(t.Definition.Object.String())
		}
		row, err := t.read(p.Rows, i, loaded)
		if err != nil {
			return nil, err
		}
		for n, column := range data {
			if p.Missing[i*p.Words+n>>6]&(1<<(n&63)) == 0 {
				continue
			}
			row[column] = base[column]
			name := t.Definition.Columns[column].Name
			if text, ok := t.Overflow[[2]string{baseKey, name}]; ok {
				c.Overflow = append(c.Overflow, batch.Overflow{Partial: true, Row: i, Column: column, Text: text})
			}
		}
		filled = append(filled, row)
	}
	return filled, nil
}

// deleteKeys removes the rows, and their values beside the table, that go or
// come again.
func (t *Table) deleteKeys(c *batch.Changes) error {
	gone := map[string]bool{}
	if c.Rows != nil {
		for i := range int(c.Rows.NumRows()) {
			key, err := destination.KeyText(t.Definition, c.Rows, i, true)
			if err != nil {
				return err
			}
			gone[key] = true
		}
	}
	if c.Partial != nil {
		for i := range int(c.Partial.Rows.NumRows()) {
			key, err := destination.KeyText(t.Definition, c.Partial.Rows, i, true)
			if err != nil {
				return err
			}
			gone[key] = true
		}
	}
	if c.Deletes != nil {
		for i := range int(c.Deletes.NumRows()) {
			key, err := destination.KeyText(t.Definition, c.Deletes, i, false)
			if err != nil {
				return err
			}
			gone[key] = true
		}
	}
	t.Rows = slices.DeleteFunc(t.Rows, func(row Row) bool { return gone[t.key(row)] })
	for cell := range t.Overflow {
		if gone[cell[0]] {
			delete(t.Overflow, cell)
		}
	}
	return nil
}

// remove takes rows away from a multiset, the oldest of equal ones first: rows
// are kept in the order in which they came.
func (t *Table) remove(c *batch.Changes, loaded string) error {
	r := c.Removals
	if r == nil {
		return nil
	}
	id, mark := t.Definition.Find(schema.RowID), t.Definition.Find(schema.Marked)
	for i := range int(r.Rows.NumRows()) {
		hash, err := pgvalue.Print(nil, &pgvalue.Type{Kind: pgvalue.Text}, r.Rows.Column(0), i)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(t.Rows, func(row Row) bool { return *row[id] == string(hash) && *row[mark] == "f" })
		if at < 0 {
			continue
		}
		row := t.Rows[at]
		t.Rows = slices.Delete(t.Rows, at, at+1)
		if r.Mark.At(i) {
			received, _ := instantAt(r, 1, i)
			committed, _ := instantAt(r, 2, i)
			t.Rows = append(t.Rows, t.mark(row, received, committed, loaded))
		}
	}
	return nil
}

func instantAt(r *batch.Removals, column, row int) (pg.Micros, bool) {
	a := r.Rows.Column(column).(*array.Timestamp)
	return pg.Micros(a.Value(row)), !a.IsNull(row)
}
