package memory

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
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
				t, err := s.table(changes.Table)
				if err == nil {
					err = t.change(changes, d.instant())
				}
				if err != nil {
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
	t.archive = t.archive || c.Table.OnDelete == schema.Ignore || c.Table.OnTruncate == schema.Ignore
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
		t.Rows, t.Overflow = nil, map[destination.OverflowValue]bool{}
		return
	}
	for i, row := range t.Rows {
		if *row[t.Definition.Find(schema.Marked)] == "f" {
			t.Rows[i] = t.mark(row, c.Truncate.Received, c.Truncate.Committed, loaded)
		}
	}
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
			for v := range t.Overflow {
				if v.Key == baseKey && v.Column == name {
					c.Overflow = append(c.Overflow, batch.Overflow{Partial: true, Row: i, Column: column, Text: v.Value})
				}
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
	add := func(record arrow.RecordBatch, staged bool) error {
		for i := range int(record.NumRows()) {
			key, err := destination.KeyText(t.Definition, record, i, staged)
			if err != nil {
				return err
			}
			gone[key] = true
		}
		return nil
	}
	var errs []error
	if c.Rows != nil {
		errs = append(errs, add(c.Rows, true))
	}
	if c.Partial != nil {
		errs = append(errs, add(c.Partial.Rows, true))
	}
	if c.Deletes != nil {
		errs = append(errs, add(c.Deletes, false))
	}
	t.Rows = slices.DeleteFunc(t.Rows, func(row Row) bool { return gone[t.key(row)] })
	maps.DeleteFunc(t.Overflow, func(v destination.OverflowValue, _ bool) bool { return gone[v.Key] })
	return errors.Join(errs...)
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
			t.Rows = append(t.Rows, t.mark(row, instantAt(r, 1, i), instantAt(r, 2, i), loaded))
		}
	}
	t.dropOrphans()
	return nil
}

// dropOrphans forgets values beside the table whose last row went.
func (t *Table) dropOrphans() {
	keys := map[string]bool{}
	for _, row := range t.Rows {
		keys[t.key(row)] = true
	}
	maps.DeleteFunc(t.Overflow, func(v destination.OverflowValue, _ bool) bool { return !keys[v.Key] })
}

func instantAt(r *batch.Removals, column, row int) pg.Micros {
	return pg.Micros(r.Rows.Column(column).(*array.Timestamp).Value(row))
}
