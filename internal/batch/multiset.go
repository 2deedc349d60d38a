package batch

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// multiset collects the changes of a table whose rows have no key: rows that
// come, and hashes of rows that go. The two are not netted here: which of
// several equal rows goes is for the destination to say, by their age, so that
// it does not depend on where parts were cut.
type multiset struct {
	rows     *rows
	hasher   Hasher
	removals *removals
	events   int
}

type removals struct {
	schema             *arrow.Schema
	ids                pgvalue.Column
	ingested, modified *pgvalue.Fixed[int64]
	mark               Bits
}

var textType = pgvalue.Type{Kind: pgvalue.Text, Name: "text"}

func newMultiset(table *schema.Table) *multiset {
	instant := pgvalue.Type{Kind: pgvalue.TimestampTZ}
	return &multiset{rows: newRows(table), removals: &removals{
		schema: arrow.NewSchema([]arrow.Field{
			textType.Field("row_id"), instant.Field("ingested_at"), instant.Field("source_modified_at"),
		}, nil),
		ids: pgvalue.NewColumn(&textType), ingested: pgvalue.NewTimes(), modified: pgvalue.NewTimes(),
	}}
}

func (s *multiset) table() *schema.Table { return s.rows.table }
func (s *multiset) size() int            { return s.rows.size() + 48*s.removals.ids.Len() }

func (s *multiset) reset() {
	s.rows.reset()
	s.removals.ids.Reset()
	s.removals.ingested.Reset()
	s.removals.modified.Reset()
	clear(s.removals.mark)
	s.events = 0
}

func (s *multiset) insert(r *Route, e event, t pgoutput.Tuple) error {
	s.events++
	id, err := s.hash(r, t, nil)
	if err != nil {
		return err
	}
	for i, from := range r.from {
		switch {
		case from < 0 && r.missing[i] != nil:
			err = s.rows.appendText(i, r.missing[i])
		case from < 0 || t[from].Kind == pgoutput.Null:
			s.rows.data[i].AppendNull()
		default:
			err = s.rows.appendText(i, t[from].Data)
		}
		if err != nil {
			return err
		}
	}
	if err := s.rows.id.AppendText(id); err != nil {
		return err
	}
	s.rows.finish(e.received, e.committed, false)
	return nil
}

// hash is the hash of a tuple. Values that an update did not touch are taken
// from the full old row, and put into the tuple.
func (s *multiset) hash(r *Route, t, full pgoutput.Tuple) ([]byte, error) {
	s.hasher.Begin()
	for i, from := range r.from {
		if from >= 0 && t[from].Kind == pgoutput.Unchanged && full != nil {
			t[from] = full[from]
		}
		switch {
		case from < 0 && r.missing[i] != nil:
			s.hasher.Text(r.missing[i])
		case from < 0 || t[from].Kind == pgoutput.Null:
			s.hasher.Null()
		case t[from].Kind == pgoutput.Text:
			s.hasher.Text(t[from].Data)
		default:
			return nil, fmt.Errorf("%v: a row without a key and without all of its values", s.table().Object)
		}
	}
	return s.hasher.Sum(), nil
}

func (s *multiset) update(r *Route, e event, m *pgoutput.Message) error {
	if err := s.remove(r, e, m, false); err != nil {
		return err
	}
	if _, err := s.hash(r, m.New, m.Old); err != nil { // fills m.New
		return err
	}
	return s.insert(r, e, m.New)
}

func (s *multiset) delete(r *Route, e event, m *pgoutput.Message) error {
	s.events++
	if s.table().OnDelete == schema.Ignore {
		return nil
	}
	return s.remove(r, e, m, s.table().OnDelete == schema.Mark)
}

func (s *multiset) remove(r *Route, e event, m *pgoutput.Message, mark bool) error {
	if !m.OldIsFull {
		return fmt.Errorf("%v: an update or delete of a row without a key and without its old values", s.table().Object)
	}
	id, err := s.hash(r, m.Old, nil)
	if err != nil {
		return err
	}
	s.removals.mark.Set(s.removals.ids.Len(), mark)
	if err := s.removals.ids.AppendText(id); err != nil {
		return err
	}
	s.removals.ingested.Append(int64(e.received))
	s.removals.modified.Append(int64(e.committed))
	return nil
}

func (s *multiset) seal() *Changes {
	c := &Changes{Table: s.table(), Rows: s.rows.record(), Overflow: s.rows.overflow, Events: s.events}
	if n := s.removals.ids.Len(); n > 0 {
		columns := []pgvalue.Column{s.removals.ids, s.removals.ingested, s.removals.modified}
		c.Removals = &Removals{Rows: record(s.removals.schema, columns, n), Mark: s.removals.mark}
	}
	return c
}
