package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// evolution is what has to happen to a table whose relation has another shape.
type evolution struct {
	planner  *planner
	object   *Object
	relation *pgoutput.Relation
	// catalog is the table as the catalog has it now, which may be later than the
	// message; without columns if it is gone.
	catalog *source.Table

	table *schema.Table
	// plan changes the destination's table; described says that its definition
	// differs in what needs no change there.
	plan      schema.Plan
	described bool
	reload    string
}

func (s *stream) planner() *planner {
	return &planner{config: s.Config, database: s.attempt.source.Database}
}

// find compares the message with the table, and with the catalog where the two
// disagree.
func (e *evolution) find(ctx context.Context, src *source.Source) error {
	table := *e.object.Table
	table.Columns = slices.Clone(table.Columns)
	table.Key = slices.Clone(table.Key)
	e.table = &table
	if !identified(&table, e.relation) {
		e.reload = "its replica identity has changed"
		return nil
	}
	e.gone()
	if e.reload != "" {
		return nil
	}
	for _, c := range e.relation.Columns {
		if err := e.column(ctx, src, c); err != nil || e.reload != "" {
			return err
		}
	}
	e.described = !slices.EqualFunc(table.Columns, e.object.Table.Columns, sameColumn)
	for i := range e.plan {
		e.plan[i] = withTable(e.plan[i], e.table)
	}
	return nil
}

func sameColumn(a, b schema.Column) bool {
	return a.Name == b.Name && a.Source == b.Source && a.Number == b.Number && a.Type.Equal(&b.Type) &&
		(a.Missing == nil) == (b.Missing == nil) && a.Dropped == b.Dropped && slices.Equal(a.Former, b.Former)
}

// withTable puts the final definition into a step.
func withTable(step schema.Step, t *schema.Table) schema.Step {
	switch p := step.(type) {
	case schema.AddColumn:
		p.Table = t
		return p
	case schema.RenameColumn:
		p.Table = t
		return p
	}
	return step
}

// gone finds columns that the relation does not have. One that the catalog still
// has is newer than the message: rows of that time have its missing value. One
// that the catalog has lost is null from now on.
func (e *evolution) gone() {
	for i := range e.table.Columns {
		c := &e.table.Columns[i]
		if c.Role != schema.Data || c.Dropped || hasColumn(e.relation, c.Source) || e.catalog.Column(c.Number) != nil {
			continue
		}
		c.Dropped, c.Missing = true, nil
		if e.table.Identity == schema.ByRow {
			e.reload = "a column was dropped from a table without a key, whose rows are known by all of their values"
		}
	}
}

// column finds the place of one column of the relation. Where its name belongs to
// another column by now, dropped and added again or renamed crosswise, the
// message cannot tell the time before from the time after.
func (e *evolution) column(ctx context.Context, src *source.Source, r pgoutput.RelationColumn) error {
	i := e.table.FindSource(r.Name)
	now := e.inCatalog(r.Name)
	if i < 0 && now != nil {
		// A rename is believed only if the column was known by its number, the
		// catalog says it has this name now, and the message lacks the old one.
		known := slices.IndexFunc(e.table.Columns, func(c schema.Column) bool {
			return c.Role == schema.Data && c.Number == now.Number && !c.Dropped
		})
		if known >= 0 && !hasColumn(e.relation, e.table.Columns[known].Source) {
			e.rename(known, r.Name)
			i = known
		}
	}
	if i >= 0 && now != nil && now.Number != e.table.Columns[i].Number && e.table.Columns[i].Number != 0 {
		e.reload = fmt.Sprintf("the name %q belongs to another column now", r.Name)
		return nil
	}
	t, err := e.typeOf(ctx, src, r, now)
	if err != nil {
		return err
	}
	if i < 0 {
		e.add(r, t, now)
		return nil
	}
	e.retype(i, r, t)
	return nil
}

func (e *evolution) inCatalog(name string) *source.Column {
	i := slices.IndexFunc(e.catalog.Columns, func(c source.Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &e.catalog.Columns[i]
}

// typeOf resolves the type that the message names; the number of dimensions of
// an array is only in the catalog.
func (e *evolution) typeOf(ctx context.Context, src *source.Source, r pgoutput.RelationColumn, now *source.Column) (pgvalue.Type, error) {
	if now != nil && now.Type.OID == r.Type && now.Type.Mod == r.Mod {
		return now.Type, nil
	}
	t, err := src.ResolveType(ctx, r.Type, r.Mod)
	if err != nil {
		return t, fmt.Errorf("%v: column %q: %w", e.object.Source.Name, r.Name, err)
	}
	return t, nil
}

func (e *evolution) rename(i int, to string) {
	c := &e.table.Columns[i]
	from := c.Name
	c.Source, c.Former = to, append(slices.Clone(c.Former), c.Source)
	c.Name = e.freeName(e.planner.name(to), i)
	if from != c.Name {
		e.plan = append(e.plan, schema.RenameColumn{From: from, To: c.Name})
	}
}

// freeName is a name that no other column but one has.
func (e *evolution) freeName(name string, except int) string {
	free := func(candidate string) bool {
		if slices.Contains(reservedNames(e.table), strings.ToLower(candidate)) {
			return false
		}
		for i := range e.table.Columns {
			if i != except && strings.EqualFold(e.table.Columns[i].Name, candidate) {
				return false
			}
		}
		return true
	}
	candidate := name
	for n := 2; !free(candidate); n++ {
		candidate = fmt.Sprintf("%s_%d", name, n)
	}
	return candidate
}

// add puts a new column behind those of the source.
func (e *evolution) add(r pgoutput.RelationColumn, t pgvalue.Type, now *source.Column) {
	column := schema.Column{Name: e.freeName(e.planner.name(r.Name), -1), Type: t, Source: r.Name}
	if now != nil {
		column.Number, column.Missing = now.Number, now.Missing
	}
	at := slices.IndexFunc(e.table.Columns, func(c schema.Column) bool { return c.Role != schema.Data })
	e.table.Columns = slices.Insert(e.table.Columns, at, column)
	switch {
	case e.table.Mode == schema.Merge && e.table.Identity == schema.ByRow:
		e.reload = "a column was added to a table without a key, whose rows are known by all of their values"
		return
	case now != nil && now.Missing == nil && (now.HasDefault || now.Generated != 0):
		// A default that differs from row to row makes the server rewrite the table,
		// and that sends no changes.
		e.reload = fmt.Sprintf("column %q was added with a value for the rows that are there", r.Name)
		return
	}
	e.plan = append(e.plan, schema.AddColumn{Name: column.Name})
}

// retype follows a change of type that leaves the values as they are.
func (e *evolution) retype(i int, r pgoutput.RelationColumn, t pgvalue.Type) {
	c := &e.table.Columns[i]
	if c.Type.OID == r.Type && c.Type.Mod == r.Mod {
		return
	}
	if c.Type.Overridden {
		t = t.AsText()
	}
	if !carriedAlike(&c.Type, &t) {
		e.reload = fmt.Sprintf("the type of column %q has changed from %s to %s", r.Name, c.Type.Name, t.Name)
		return
	}
	c.Type = t
}

// carriedAlike reports whether values of both types travel the same way.
func carriedAlike(a, b *pgvalue.Type) bool {
	x, y := *a, *b
	x.Name, y.Name = "", ""
	if x.Elem != nil && y.Elem != nil {
		return x.Kind == y.Kind && x.Dims == y.Dims && carriedAlike(x.Elem, y.Elem)
	}
	return x.Equal(&y)
}
