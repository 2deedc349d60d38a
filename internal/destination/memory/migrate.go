package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func (d *database) Migrate(ctx context.Context, plan schema.Plan) error {
	if d.forgotten(plan) {
		return nil
	}
	var kept []destination.Kept
	err := d.owned(func(s *state, c *destination.Checkpoint) error {
		for _, step := range plan {
			if p, begins := step.(schema.BeginCopy); begins {
				kept = append(kept, s.keep(c, p)...)
			}
			if err := d.step(s, c, step); err != nil {
				return fmt.Errorf("%v: %w", step, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range kept {
		k.Warn(ctx, d.log)
	}
	return nil
}

// forgotten reports whether a plan asks for nothing but what has happened
// already: that nothing is remembered.
func (d *database) forgotten(plan schema.Plan) bool {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	_, remembered := d.store.state.checkpoints[d.pipeline]
	return !remembered && !slices.ContainsFunc(plan, func(step schema.Step) bool {
		_, forgets := step.(schema.Forget)
		return !forgets
	})
}

func (d *database) step(s *state, c *destination.Checkpoint, step schema.Step) error {
	switch p := step.(type) {
	case schema.BeginCopy:
		d.beginCopy(s, c, p)
	case schema.EndCopy:
		if t := find(c, p.Table.Object); t != nil && t.Generation == p.Generation {
			t.Copied = true
		}
	case schema.AddColumn:
		s.tables[p.Table.Name].reshape(p.Table)
		find(c, p.Table.Object).Table = p.Table
		return s.tables[p.Table.Name].addColumn(p.Table.FindName(p.Name))
	case schema.RenameColumn:
		s.tables[p.Table.Name].rename(p.From, p.To)
		s.tables[p.Table.Name].reshape(p.Table)
		find(c, p.Table.Object).Table = p.Table
	case schema.Describe:
		s.tables[p.Table.Name].reshape(p.Table)
		find(c, p.Table.Object).Table = p.Table
	case schema.Leave:
		s.noteOwnRows(find(c, p.Table.Object))
		c.Tables = slices.DeleteFunc(c.Tables, func(t destination.TableState) bool { return t.Table.Object == p.Table.Object })
	case schema.IntendSlot:
		*c = destination.Checkpoint{Owner: c.Owner, Slot: p.Slot, Tables: c.Tables}
	case schema.RecordSlot:
		c.Slot, c.ConsistentPoint, c.SystemIdentifier, c.Timeline = p.Slot, p.ConsistentPoint, p.SystemIdentifier, p.Timeline
		c.Position = batch.Position{Commit: p.ConsistentPoint, End: p.ConsistentPoint}
	case schema.Forget:
		for i := range c.Tables {
			s.noteOwnRows(&c.Tables[i])
		}
		*c = destination.Checkpoint{}
		maps.DeleteFunc(s.chunks, func(id chunkID, _ bool) bool { return id.pipeline == d.pipeline })
	default:
		return fmt.Errorf("a step of type %T is not known", step)
	}
	return nil
}

func find(c *destination.Checkpoint, object pg.Name) *destination.TableState {
	i := slices.IndexFunc(c.Tables, func(t destination.TableState) bool { return t.Table.Object == object })
	if i < 0 {
		return nil
	}
	return &c.Tables[i]
}

func (d *database) beginCopy(s *state, c *destination.Checkpoint, p schema.BeginCopy) {
	t := &Table{
		Definition: p.Table, Pipeline: d.pipeline,
		Overflow: map[destination.OverflowValue]bool{}, present: map[string]bool{},
	}
	for i := range p.Table.Columns {
		t.present[p.Table.Columns[i].Name] = true
	}
	s.tables[p.Table.Name] = t
	maps.DeleteFunc(s.chunks, func(id chunkID, _ bool) bool {
		return id.pipeline == d.pipeline && id.object == p.Table.Object.String()
	})
	state := destination.TableState{Table: p.Table, OID: p.OID, Generation: p.Generation, Start: p.Start}
	if old := find(c, p.Table.Object); old != nil {
		*old = state
		return
	}
	c.Tables = append(c.Tables, state)
	slices.SortFunc(c.Tables, func(a, b destination.TableState) int {
		return strings.Compare(a.Table.Object.String(), b.Table.Object.String())
	})
}

// reshape takes a new definition over: rows follow by the names of their
// columns. A column that has yet to be added is null.
func (t *Table) reshape(definition *schema.Table) {
	from := make([]int, len(definition.Columns))
	for i := range definition.Columns {
		from[i] = t.Definition.FindName(definition.Columns[i].Name)
	}
	for n, row := range t.Rows {
		t.Rows[n] = make(Row, len(from))
		for i, at := range from {
			if at >= 0 {
				t.Rows[n][i] = row[at]
			}
		}
	}
	t.Definition = definition
}

// addColumn gives existing rows the value of a new column, unless it is there.
func (t *Table) addColumn(i int) error {
	column := &t.Definition.Columns[i]
	if t.present[column.Name] {
		return nil
	}
	t.present[column.Name] = true
	if column.Missing == nil {
		return nil
	}
	err := pgvalue.NewColumn(&column.Type).AppendText([]byte(*column.Missing))
	if err != nil && !errors.Is(err, pgvalue.ErrCannotHold) {
		return err
	}
	for _, row := range t.Rows {
		if err == nil {
			row[i] = column.Missing
		} else {
			t.Overflow[destination.OverflowValue{Key: t.key(row), Column: column.Name, Value: *column.Missing}] = true
		}
	}
	return nil
}

// rename renames a column, unless that has been done.
func (t *Table) rename(from, to string) {
	if t.present[to] || !t.present[from] {
		return
	}
	delete(t.present, from)
	t.present[to] = true
	renamed := *t.Definition
	renamed.Columns = slices.Clone(renamed.Columns)
	renamed.Columns[renamed.FindName(from)].Name = to
	t.Definition = &renamed
	for v := range maps.Clone(t.Overflow) {
		if v.Column == from {
			delete(t.Overflow, v)
			v.Column = to
			t.Overflow[v] = true
		}
	}
}
