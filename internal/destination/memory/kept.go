package memory

import (
	"slices"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// noteOwnRows notes at the table of an object that it has rows which the source
// has not, before the object is forgotten or loaded again.
func (s *state) noteOwnRows(of *destination.TableState) {
	if of == nil || !of.Copied {
		return
	}
	if t := s.tables[of.Table.Name]; t != nil && t.hasOwnRows() {
		t.ownRows = true
	}
}

func (t *Table) hasOwnRows() bool {
	if t.archive || t.Definition.Mode == schema.Append {
		return len(t.Rows) > 0
	}
	mark := t.Definition.Find(schema.Marked)
	return slices.ContainsFunc(t.Rows, func(row Row) bool { return *row[mark] == "t" })
}

// keep gives the table another name if it has rows that the source has not.
func (s *state) keep(c *destination.Checkpoint, p schema.BeginCopy) []destination.Kept {
	s.noteOwnRows(find(c, p.Table.Object))
	name := p.Table.Name
	t := s.tables[name]
	if t == nil || !t.ownRows {
		return nil
	}
	as, _ := destination.KeptName(name, p.Generation, func(name string) (bool, error) { return s.tables[name] != nil, nil })
	definition := *t.Definition
	definition.Name = as
	t.Definition = &definition
	delete(s.tables, name)
	s.tables[as] = t
	return []destination.Kept{{Object: p.Table.Object, Table: name, Name: as}}
}
