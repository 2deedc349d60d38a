package destinationtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// content is what a store holds of a table: its rows, all columns but the time
// of loading, and the values beside it.
type content struct {
	Rows []string
	Side []string
}

func (l *lane) content(t *schema.Table, fold bool) (c content, err error) {
	rows, err := l.store.Rows(t)
	if err != nil {
		return c, err
	}
	values, err := l.store.Side(t)
	if err != nil {
		return c, err
	}
	if fold {
		rows, values = folded(t, rows, values)
	}
	for _, row := range rows {
		var b strings.Builder
		for i := range t.Columns {
			if t.Columns[i].Role != schema.LoadedAt {
				fmt.Fprintf(&b, "%s=%s ", t.Columns[i].Name, shown(row[i]))
			}
		}
		c.Rows = append(c.Rows, b.String())
	}
	slices.Sort(c.Rows)
	c.Side = sideOf(values)
	return c, nil
}

func sideOf(values []destination.OverflowValue) (side []string) {
	for _, v := range values {
		side = append(side, fmt.Sprintf("%s %s=%s", v.Key, v.Column, v.Value))
	}
	slices.Sort(side)
	return side
}

func shown(value *string) string {
	if value == nil {
		return "∅"
	}
	return *value
}

// compare compares every table of the target with the model.
func (s *story) compare() {
	s.t.Helper()
	for _, r := range s.tables {
		var both [2]content
		for i, l := range s.lanes {
			var err error
			if both[i], err = l.content(r.table, isNative(s.lanes[0].store)); err != nil {
				s.t.Fatalf("read table %q of the %s: %v", r.table.Name, l.name, err)
			}
		}
		if d := cmp.Diff(both[1], both[0]); d != "" {
			s.t.Fatalf("table %q differs (- model, + target):\n%s", r.table.Name, d)
		}
	}
}

// holds sends what was not sent and compares the table with the rows that are
// written here, in any order: the values of data columns between bars, in front
// of them the operation of an append table, after them "marked".
func (r *relation) holds(want ...string) {
	r.story.t.Helper()
	r.story.flush()
	r.story.compare()
	rows, err := r.story.subject().store.Rows(r.table)
	r.story.must(err)
	got := []string{}
	for _, row := range rows {
		got = append(got, brief(r.table, row))
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got, equateEmpty); d != "" {
		r.story.t.Fatalf("table %q (- want, + got):\n%s", r.table.Name, d)
	}
}

var equateEmpty = cmp.Transformer("empty", func(s []string) []string { return append([]string{""}, s...) })

// brief is a row as stories write it.
func brief(t *schema.Table, row []*string) string {
	var b strings.Builder
	if i := t.Find(schema.Operation); i >= 0 {
		b.WriteString(shown(row[i]) + " ")
	}
	for n, i := range t.Data() {
		if n > 0 {
			b.WriteByte('|')
		}
		b.WriteString(shown(row[i]))
	}
	if i := t.Find(schema.Marked); i >= 0 && *row[i] == "t" {
		b.WriteString(" marked")
	}
	if i := t.Find(schema.UnchangedColumns); i >= 0 && row[i] != nil {
		b.WriteString(" unchanged " + *row[i])
	}
	return b.String()
}

// beside compares the values beside the table with those that are written here:
// key, column and value, as in ["1"] n=NaN.
func (r *relation) beside(want ...string) {
	r.story.t.Helper()
	r.story.flush()
	r.story.compare()
	values, err := r.story.subject().store.Side(r.table)
	r.story.must(err)
	slices.Sort(want)
	if d := cmp.Diff(want, sideOf(values), equateEmpty); d != "" {
		r.story.t.Fatalf("beside table %q (- want, + got):\n%s", r.table.Name, d)
	}
}
