package destinationtest

import (
	"context"
	"strings"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/schema"
)

// testKept loads tables again that have rows which the source has not.
func testKept(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"marked rows":                       tellKeptMarks,
		"marked rows of another shape":      tellKeptShape,
		"marked rows without a key":         tellKeptMultiset,
		"rows that an ignored delete left":  tellKeptIgnored,
		"ignored after others were marked":  tellKeptIgnoredLater,
		"changes of an append table":        tellKeptChanges,
		"nothing that the source lacks":     tellKeptNothing,
		"a copy that was never complete":    tellKeptTorn,
		"an object that left and came back": tellKeptLeft,
		"a pipeline that was forgotten":     tellKeptForgotten,
		"another name, and the former one":  tellKeptRenamed,
		"a name that is taken":              tellKeptTaken,
	})
}

// as is the same table under the name that it is kept under.
func (r *relation) as(name string) *relation {
	kept := *r
	kept.table = r.changed()
	kept.table.Name = name
	return &kept
}

// again begins the copy of a table once more; what became of the former one is
// for the story to say.
func (s *story) again(sp spec, generation int64) *relation {
	s.t.Helper()
	s.flush()
	s.tables = nil
	r := s.copying(sp, generation)
	s.migrate(schema.EndCopy{Table: r.table, Generation: generation})
	return r
}

// told expects that both lanes have warned of a table that is kept.
func (s *story) told(table, kept string) {
	s.t.Helper()
	for _, l := range s.lanes {
		if said := l.log.String(); !strings.Contains(said, "table="+table+" kept="+kept+"\n") {
			s.t.Fatalf("the %s does not tell that table %q is now %q: %s", l.name, table, kept, said)
		}
	}
}

// absent expects that the target has no table of this name.
func (s *story) absent(name string) {
	s.t.Helper()
	found, err := s.lanes[0].d.Tables(context.Background(), []string{name})
	s.must(err)
	if len(found) > 0 {
		s.t.Fatalf("there is a table %q", name)
	}
}

var priced = spec{columns: cols("id", text, "n", decimal), key: []string{"id"}}

func tellKeptMarks(s *story) {
	first := s.table(priced)
	first.insert("1", "NaN")
	first.insert("2", "2.00")
	first.commit()
	first.delete("1")
	second := s.again(priced, 2)
	second.holds()
	second.beside()
	first = first.as("items__before_2")
	s.tables = append(s.tables, first)
	first.holds("1|∅ marked", "2|2.00")
	first.beside(`["1"] n=NaN`)
	s.told("items", "items__before_2")
	second.insert("3", "NaN")
	second.commit()
	second.delete("3")
	s.flush()
	s.restart()
	third := s.again(priced, 3)
	third.insert("4", "4.00")
	third.holds("4|4.00")
	second = second.as("items__before_3")
	s.tables = append(s.tables, first, second)
	first.beside(`["1"] n=NaN`)
	second.holds("3|∅ marked")
	second.beside(`["3"] n=NaN`)
}

func tellKeptShape(s *story) {
	former := s.table(items(spec{}))
	former.insert("1", "a", "b")
	former.commit()
	former.delete("1")
	r := s.again(spec{columns: cols("id", bigint, "v", integer), key: []string{"id"}}, 2)
	r.insert("7", "8")
	r.holds("7|8")
	former = former.as("items__before_2")
	s.tables = append(s.tables, former)
	former.holds("1|a|b marked")
}

func tellKeptMultiset(s *story) {
	sp := spec{columns: cols("id", text, "v", text), full: true}
	former := s.table(sp)
	former.insert("1", "a")
	former.insert("1", "a")
	former.commit()
	former.delete("1", "a")
	s.again(sp, 2).holds()
	former = former.as("items__before_2")
	s.tables = append(s.tables, former)
	former.holds("1|a", "1|a marked")
}

func tellKeptIgnored(s *story) {
	for name, sp := range map[string]spec{"deletes": {onDelete: schema.Ignore}, "truncates": {onTruncate: schema.Ignore}} {
		sp.name = name
		former := s.table(items(sp))
		former.insert("1", "a", "b")
		former.commit()
		if sp.onDelete == schema.Ignore {
			former.delete("1")
		} else {
			former.truncate()
		}
		s.flush()
		s.restart()
		s.again(items(sp), 2).holds()
		former = former.as(name + "__before_2")
		s.tables = append(s.tables, former)
		former.holds("1|a|b")
	}
}

// tellKeptIgnoredLater has marked rows, then ignored ones, and in the end no
// marks any more.
func tellKeptIgnoredLater(s *story) {
	former := s.table(items(spec{}))
	former.insert("1", "a", "b")
	former.insert("2", "c", "d")
	former.commit()
	former.delete("1")
	s.flush()
	t := former.changed()
	t.OnDelete = schema.Ignore
	s.migrate(schema.Describe{Table: t})
	former.describe(t)
	former.delete("2")
	former.insert("1", "e", "f")
	former.holds("1|e|f", "2|c|d")
	s.again(items(spec{}), 2).holds()
	former = former.as("items__before_2")
	s.tables = append(s.tables, former)
	former.holds("1|e|f", "2|c|d")
}

func tellKeptChanges(s *story) {
	sp := items(spec{mode: schema.Append})
	former := s.table(sp)
	former.insert("1", "a", "b")
	former.commit()
	former.update("1", "A", "B")
	s.again(sp, 2).holds()
	former = former.as("items__before_2")
	s.tables = append(s.tables, former)
	former.holds("I 1|a|b", "U 1|A|B")
}

func tellKeptNothing(s *story) {
	sp := items(spec{})
	r := s.table(sp)
	r.insert("1", "a", "b")
	r.commit()
	r.delete("1")
	r.commit()
	r.insert("1", "c", "d")
	s.again(sp, 2).holds()
	s.absent("items__before_2")
	s.again(items(spec{mode: schema.Append}), 3).holds()
	s.again(items(spec{mode: schema.Append}), 4).holds()
	s.absent("items__before_4")
}

// tellKeptTorn begins a copy anew that was not complete: it is read again.
func tellKeptTorn(s *story) {
	sp := items(spec{mode: schema.Append})
	r := s.copying(sp, 1)
	r.load(r.chunk(0), was("1", "a", "b"))
	s.again(sp, 2).holds()
	s.absent("items__before_2")
}

func tellKeptLeft(s *story) {
	sp := items(spec{})
	former := s.table(sp)
	former.insert("1", "a", "b")
	former.commit()
	former.delete("1")
	s.flush()
	s.migrate(schema.Leave{Table: former.table})
	former.holds("1|a|b marked")
	s.restart()
	s.again(sp, 1).holds()
	former = former.as("items__before_1")
	s.tables = append(s.tables, former)
	former.holds("1|a|b marked")
	s.told("items", "items__before_1")
}

func tellKeptForgotten(s *story) {
	sp := items(spec{onDelete: schema.Ignore})
	former := s.table(sp)
	former.insert("1", "a", "b")
	former.commit()
	former.delete("1")
	s.flush()
	s.migrate(schema.Forget{})
	s.position = batch.Position{Commit: consistentPoint, End: consistentPoint}
	s.both(func(l *lane) error {
		_, err := l.d.Claim(context.Background())
		return err
	})
	s.recordSlot()
	s.begin()
	s.again(sp, 1).holds()
	former = former.as("items__before_1")
	s.tables = append(s.tables, former)
	former.holds("1|a|b")
}

// tellKeptRenamed gives the table another name in the destination, and then the
// former one again.
func tellKeptRenamed(s *story) {
	sp := items(spec{})
	former := s.table(sp)
	former.insert("1", "a", "b")
	former.commit()
	former.delete("1")
	s.flush()
	other := former.as("others").table
	s.migrate(schema.BeginCopy{Table: other, OID: 16384, Generation: 2, Start: consistentPoint})
	former.holds("1|a|b marked")
	s.again(sp, 3).holds()
	former = former.as("items__before_3")
	s.tables = append(s.tables, former)
	former.holds("1|a|b marked")
}

func tellKeptTaken(s *story) {
	taken := s.table(items(spec{name: "items__before_2"}))
	taken.insert("7", "g", "h")
	former := s.table(items(spec{}))
	former.insert("1", "a", "b")
	former.commit()
	former.delete("1")
	s.again(items(spec{}), 2).holds()
	former = former.as("items__before_2_2")
	s.tables = append(s.tables, former, taken)
	former.holds("1|a|b marked")
	taken.holds("7|g|h")
}
