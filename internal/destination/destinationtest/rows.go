package destinationtest

import (
	"testing"

	"trunkline/internal/schema"
)

func testWithoutKey(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"equal rows":                    tellEqualRows,
		"treatments":                    tellMultisetTreatments,
		"truncates":                     tellMultisetTruncate,
		"values alike but not the same": tellAlmostEqual,
		"rows that are not there":       tellMultisetAbsent,
		"the oldest goes first":         tellOldest,
		"inserts only":                  tellInsertOnly,
		"changes without the old row":   tellNoOldRow,
		"values beside":                 tellMultisetBeside,
	})
}

// bag is a table without a key whose rows are told apart by all of their values.
func bag(s *story, sp spec) *relation {
	sp.columns, sp.full = cols("a", text, "n", integer), true
	return s.table(sp)
}

func tellEqualRows(s *story) {
	r := bag(s, spec{onDelete: schema.Delete})
	for range 3 {
		r.insert("x", "1")
	}
	r.insert(null, null)
	r.insert(null, null)
	r.commit()
	r.delete("x", "1")
	r.delete(null, null)
	r.holds("x|1", "x|1", "∅|∅")
	r.updateFrom(was("x", "1"), "y", same)
	r.updateFrom(was("x", "1"), same, "2")
	r.insert("z", "3")
	r.delete("z", "3")
	r.holds("x|2", "y|1", "∅|∅")
	s.restart()
	r.updateFrom(was("x", "2"), "x", "2") // an update that changes nothing
	r.holds("x|2", "y|1", "∅|∅")
}

func tellMultisetTreatments(s *story) {
	mark := bag(s, spec{name: "marks"})
	keep := bag(s, spec{name: "ignores", onDelete: schema.Ignore})
	all := []*relation{mark, keep}
	alike(func(r *relation) {
		r.insert("x", "1")
		r.insert("x", "1")
	}, all...)
	alike(func(r *relation) {
		r.delete("x", "1")
		r.insert("x", "1")
	}, all...)
	mark.holds("x|1", "x|1", "x|1 marked")
	keep.holds("x|1", "x|1", "x|1")
	alike(func(r *relation) {
		r.delete("x", "1")
		r.delete("x", "1")
	}, all...)
	mark.holds("x|1 marked", "x|1 marked", "x|1 marked")
	alike(func(r *relation) { r.insert("y", "1") }, all...)
	alike(func(r *relation) { r.updateFrom(was("y", "1"), "y", "2") }, all...)
	mark.holds("x|1 marked", "x|1 marked", "x|1 marked", "y|2")
	keep.holds("x|1", "x|1", "x|1", "y|2")
}

func tellMultisetTruncate(s *story) {
	mark := bag(s, spec{name: "marks", onDelete: schema.Delete})
	drop := bag(s, spec{name: "deletes", onTruncate: schema.Delete})
	keep := bag(s, spec{name: "ignores", onTruncate: schema.Ignore})
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) { r.insert("x", "1") }, all...)
	alike(func(r *relation) {
		r.insert("x", "1")
		r.truncate()
		r.insert("x", "1")
		r.insert("y", "1")
		r.delete("x", "1")
	}, all...)
	mark.holds("x|1 marked", "x|1 marked", "y|1")
	drop.holds("x|1 marked", "y|1")
	keep.holds("x|1", "x|1", "x|1 marked", "y|1")
}

// tellAlmostEqual has rows whose values, joined without care, are the same.
func tellAlmostEqual(s *story) {
	r := s.table(spec{columns: cols("a", text, "b", text), full: true, onDelete: schema.Delete})
	rows := [][]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {null, "abc"}, {"abc", null}, {"abc", ""}, {"\x01", ""}, {"", "\x01"}}
	for _, row := range rows {
		r.insert(row...)
	}
	r.commit()
	for _, row := range rows[1:] {
		r.delete(row...)
	}
	r.holds("ab|c")
}

func tellMultisetAbsent(s *story) {
	for name, treatment := range map[string]schema.Treatment{"marks": schema.Mark, "deletes": schema.Delete} {
		r := bag(s, spec{name: name, onDelete: treatment})
		r.delete("x", "1")
		r.insert("y", "1")
		r.commit()
		r.delete("x", "1")
		r.holds("y|1")
	}
}

// tellOldest shows by the times of rows, which are compared with the model's,
// that of equal rows the oldest is marked.
func tellOldest(s *story) {
	r := bag(s, spec{})
	for range 5 {
		r.insert("x", "1")
		r.commit()
	}
	r.delete("x", "1")
	r.commit()
	r.insert("x", "1")
	r.delete("x", "1")
	r.holds("x|1", "x|1", "x|1", "x|1", "x|1 marked", "x|1 marked")
}

func tellInsertOnly(s *story) {
	r := s.table(spec{columns: cols("a", text, "n", integer)})
	r.insert("x", "1")
	r.insert("x", "1")
	r.commit()
	r.truncate()
	r.insert("x", "1")
	r.holds("x|1", "x|1 marked", "x|1 marked")
}

// tellNoOldRow is what the server sends after the replica identity was changed
// under a pipeline: such a row cannot be found.
func tellNoOldRow(s *story) {
	r := bag(s, spec{})
	r.insert("x", "1")
	s.flush()
	r.update("y", "1")
	if err := s.refused(); err == nil {
		s.t.Fatal("an update without the old row was taken")
	}
	s.forget()
	r.holds("x|1")
}

func tellMultisetBeside(s *story) {
	r := s.table(spec{columns: cols("a", text, "n", decimal), full: true, onDelete: schema.Delete, onTruncate: schema.Delete})
	r.insert("x", "NaN")
	r.insert("x", "NaN")
	r.insert("x", "1.00")
	r.commit()
	r.delete("x", "NaN")
	r.holds("x|1.00", "x|∅")
	if side := s.side(r); len(side) != 1 {
		s.t.Fatalf("beside the table: %v, want one value", side)
	}
	r.updateFrom(was("x", "NaN"), same, "2.00")
	r.holds("x|1.00", "x|2.00")
	r.beside()
	r.insert("y", "NaN")
	s.flush()
	r.truncate()
	r.holds()
	r.beside()
}

// side are the values beside a table.
func (s *story) side(r *relation) []string {
	s.t.Helper()
	values, err := s.subject().store.Side(r.table)
	s.must(err)
	return sideOf(values)
}

func testAppend(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"every change is a row":  tellLog,
		"treatments":             tellLogTreatments,
		"a key that changes":     tellLogKeys,
		"values not sent":        tellLogUnchanged,
		"a key not sent":         tellLogKeyUnchanged,
		"values beside":          tellLogBeside,
		"rows that come without": tellLogWithoutKey,
	})
}

func tellLog(s *story) {
	r := s.table(items(spec{mode: schema.Append}))
	r.insert("1", "a", "b")
	r.update("1", "A", "b")
	r.commit()
	r.delete("1")
	r.insert("1", "c", null)
	r.truncate()
	r.holds("I 1|a|b", "U 1|A|b", "D 1|∅|∅", "I 1|c|∅", "T ∅|∅|∅")
	s.restart()
	r.insert("1", "a", "b")
	r.holds("I 1|a|b", "I 1|a|b", "U 1|A|b", "D 1|∅|∅", "I 1|c|∅", "T ∅|∅|∅")
}

func tellLogTreatments(s *story) {
	r := s.table(items(spec{mode: schema.Append, onDelete: schema.Ignore, onTruncate: schema.Ignore}))
	r.insert("1", "a", "b")
	r.delete("1")
	r.truncate()
	r.commit()
	r.truncate()
	r.insert("2", "c", "d")
	r.holds("I 1|a|b", "I 2|c|d")
}

func tellLogKeys(s *story) {
	r := s.table(items(spec{mode: schema.Append}))
	r.insert("1", "a", "b")
	r.updateFrom(was("1"), "2", "a", same)
	r.holds("I 1|a|b", "D 1|∅|∅", `I 2|a|∅ unchanged ["w"]`)
}

func tellLogUnchanged(s *story) {
	r := s.table(items(spec{mode: schema.Append}))
	r.insert("1", "a", "b")
	r.update("1", same, "B")
	r.update("1", same, same)
	r.holds("I 1|a|b", `U 1|∅|B unchanged ["v"]`, `U 1|∅|∅ unchanged ["v","w"]`)
	full := s.table(items(spec{name: "full", mode: schema.Append, full: true}))
	full.insert("1", "a", "b")
	full.updateFrom(was("1", "a", "b"), "1", same, "B")
	full.delete("1", "a", "B")
	full.holds("I 1|a|b", "U 1|a|B", "D 1|a|B")
}

// tellLogKeyUnchanged is a key stored out of line: the server sends it as the old
// key, though it did not change.
func tellLogKeyUnchanged(s *story) {
	r := s.table(items(spec{mode: schema.Append}))
	r.insert("1", "a", "b")
	r.updateFrom(was("1"), same, "A", same)
	r.holds("I 1|a|b", `U 1|A|∅ unchanged ["w"]`)
}

func tellLogBeside(s *story) {
	r := s.table(spec{columns: cols("id", text, "n", decimal), key: []string{"id"}, mode: schema.Append})
	r.insert("1", "NaN")
	r.insert("2", "1.00")
	r.commit()
	r.update("2", "NaN")
	r.holds("I 1|∅", "I 2|1.00", "U 2|∅")
	r.beside(`["4104","1"] n=NaN`, `["4120","1"] n=NaN`)
	key := s.table(spec{name: "key", columns: cols("n", intList, "v", text), key: []string{"n"}, mode: schema.Append})
	key.insert("{{1}}", "a")
	key.updateFrom(was("{{1}}"), "{{2}}", "b")
	key.insert("{1}", "c")
	key.beside(`["4136","1"] n={{1}}`, `["4136","2"] n={{1}}`, `["4136","3"] n={{2}}`)
}

func tellLogWithoutKey(s *story) {
	r := s.table(spec{columns: cols("a", text), mode: schema.Append})
	r.insert("x")
	r.insert("x")
	r.truncate()
	r.holds("I x", "I x", "T ∅")
}
