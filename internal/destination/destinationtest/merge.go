package destinationtest

import (
	"testing"

	"trunkline/internal/schema"
)

func testMerge(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"rows come, change and go":      tellLife,
		"a delete":                      tellDeletes,
		"a key that comes again":        tellAgain,
		"a truncate":                    tellTruncates,
		"truncates and nothing else":    tellTruncateOnly,
		"a key that changes":            tellKeyChange,
		"keys in a chain":               tellChain,
		"keys that swap":                tellSwap,
		"a key taken over":              tellTakenOver,
		"a key of several columns":      tellComposite,
		"the full old row":              tellFull,
		"a delete of what is not there": tellAbsent,
		"several tables at once":        tellTables,
		"a treatment that changes":      tellOtherTreatment,
	})
}

// treatments are three tables of the same columns, one for each treatment of
// what leaves the source.
func treatments(s *story) (mark, drop, keep *relation) {
	s.t.Helper()
	mark = s.table(items(spec{name: "marks"}))
	drop = s.table(items(spec{name: "deletes", onDelete: schema.Delete, onTruncate: schema.Delete}))
	keep = s.table(items(spec{name: "ignores", onDelete: schema.Ignore, onTruncate: schema.Ignore}))
	return mark, drop, keep
}

// alike does the same to several tables, in one transaction.
func alike(work func(*relation), relations ...*relation) {
	for _, r := range relations {
		work(r)
	}
	relations[0].commit()
}

func tellLife(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.insert("2", "c", null)
	r.update("1", "A", "b")
	r.commit()
	r.update("2", null, "")
	r.insert("3", "e", "f")
	r.delete("3")
	r.commit()
	r.update("1", "AA", "bb")
	r.update("1", "AAA", "bbb")
	r.holds("1|AAA|bbb", "2|∅|", "3|e|f marked")
	s.restart()
	r.insert("3", "g", "h")
	r.holds("1|AAA|bbb", "2|∅|", "3|g|h")
}

func tellDeletes(s *story) {
	mark, drop, keep := treatments(s)
	alike(func(r *relation) {
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
		r.insert("3", "e", "f")
	}, mark, drop, keep)
	alike(func(r *relation) { r.delete("1") }, mark, drop, keep)
	alike(func(r *relation) {
		r.update("2", "C", "D")
		r.delete("2")
	}, mark, drop, keep)
	mark.holds("1|a|b marked", "2|C|D marked", "3|e|f")
	drop.holds("3|e|f")
	keep.holds("1|a|b", "2|C|D", "3|e|f")
}

func tellAgain(s *story) {
	mark, drop, keep := treatments(s)
	alike(func(r *relation) { r.insert("1", "a", "b") }, mark, drop, keep)
	alike(func(r *relation) { r.delete("1") }, mark, drop, keep)
	alike(func(r *relation) { r.insert("1", "c", "d") }, mark, drop, keep)
	for _, r := range []*relation{mark, drop, keep} {
		r.holds("1|c|d")
	}
	alike(func(r *relation) {
		r.delete("1")
		r.insert("1", "e", "f")
		r.delete("1")
		r.insert("1", "g", "h")
		r.insert("2", "x", "y")
		r.delete("2")
		r.insert("2", "i", "j")
	}, mark, drop, keep)
	for _, r := range []*relation{mark, drop, keep} {
		r.holds("1|g|h", "2|i|j")
	}
	s.restart()
	alike(func(r *relation) {
		r.delete("1")
		r.delete("2")
	}, mark, drop, keep)
	s.flush()
	s.restart()
	alike(func(r *relation) { r.insert("2", "k", "l") }, mark, drop, keep)
	mark.holds("1|g|h marked", "2|k|l")
	drop.holds("2|k|l")
	keep.holds("1|g|h", "2|k|l")
}

func tellTruncates(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) {
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
		r.delete("2")
	}, all...)
	alike(func(r *relation) {
		r.insert("3", "e", "f")
		r.truncate()
		r.insert("4", "g", "h")
		r.insert("1", "i", "j")
	}, all...)
	mark.holds("1|i|j", "2|c|d marked", "3|e|f marked", "4|g|h")
	drop.holds("1|i|j", "4|g|h")
	keep.holds("1|i|j", "2|c|d", "3|e|f", "4|g|h")
	alike(func(r *relation) {
		r.truncate()
		r.insert("1", "k", "l")
		r.truncate()
		r.truncate()
		r.insert("5", "m", "n")
		r.update("5", "M", same)
	}, all...)
	mark.holds("1|k|l marked", "2|c|d marked", "3|e|f marked", "4|g|h marked", "5|M|n")
	drop.holds("5|M|n")
	keep.holds("1|k|l", "2|c|d", "3|e|f", "4|g|h", "5|M|n")
}

func tellTruncateOnly(s *story) {
	mark, drop, keep := treatments(s)
	alike((*relation).truncate, mark, drop, keep)
	alike(func(r *relation) { r.insert("1", "a", "b") }, mark, drop, keep)
	s.flush()
	alike((*relation).truncate, mark, drop, keep)
	mark.holds("1|a|b marked")
	drop.holds()
	keep.holds("1|a|b")
	s.restart()
	alike(func(r *relation) { r.insert("1", "c", "d") }, mark, drop, keep)
	for _, r := range []*relation{mark, drop, keep} {
		r.holds("1|c|d")
	}
}

func tellKeyChange(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) { r.insert("1", "a", "b") }, all...)
	alike(func(r *relation) { r.updateFrom(was("1"), "2", "a", "B") }, all...)
	mark.holds("1|a|b marked", "2|a|B")
	drop.holds("2|a|B")
	keep.holds("1|a|b", "2|a|B")
	alike(func(r *relation) {
		r.updateFrom(was("2"), "1", "A", "B") // and back
		r.update("1", "AA", "BB")
	}, all...)
	mark.holds("1|AA|BB", "2|a|B marked")
	drop.holds("1|AA|BB")
	keep.holds("1|AA|BB", "2|a|B")
}

func tellChain(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) { r.insert("1", "a", "b") }, all...)
	alike(func(r *relation) {
		r.updateFrom(was("1"), "2", "a2", same)
		r.updateFrom(was("2"), "3", same, same)
		r.updateFrom(was("3"), "4", "a4", same)
		r.update("4", same, same)
	}, all...)
	mark.holds("1|a|b marked", "2|a2|b marked", "3|a2|b marked", "4|a4|b")
	drop.holds("4|a4|b")
	keep.holds("1|a|b", "2|a2|b", "3|a2|b", "4|a4|b")
	alike(func(r *relation) {
		r.updateFrom(was("4"), "1", same, same) // the chain closes
		r.delete("1")
	}, all...)
	mark.holds("1|a4|b marked", "2|a2|b marked", "3|a2|b marked", "4|a4|b marked")
	drop.holds()
	keep.holds("1|a4|b", "2|a2|b", "3|a2|b", "4|a4|b")
}

func tellSwap(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) {
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
	}, all...)
	swap := func(r *relation) {
		r.updateFrom(was("1"), "t", same, same)
		r.updateFrom(was("2"), "1", same, same)
		r.updateFrom(was("t"), "2", same, same)
	}
	alike(swap, all...)
	mark.holds("1|c|d", "2|a|b", "t|a|b marked")
	drop.holds("1|c|d", "2|a|b")
	keep.holds("1|c|d", "2|a|b", "t|a|b")
	alike(func(r *relation) {
		swap(r)
		r.update("1", "A", same)
		swap(r)
		r.update("1", same, "D")
	}, all...)
	mark.holds("1|c|D", "2|A|b", "t|A|b marked")
	drop.holds("1|c|D", "2|A|b")
	keep.holds("1|c|D", "2|A|b", "t|A|b")
}

func tellTakenOver(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) {
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
	}, all...)
	alike(func(r *relation) {
		r.delete("1")
		r.updateFrom(was("2"), "1", same, "D")
		r.insert("2", "e", "f")
	}, all...)
	for _, r := range all {
		r.holds("1|c|D", "2|e|f")
	}
}

func tellComposite(s *story) {
	r := s.table(spec{columns: cols("v", text, "b", integer, "a", bigint), key: []string{"a", "b"}, onDelete: schema.Delete})
	r.insert("x", "1", "1")
	r.insert("y", "2", "1")
	r.insert("z", "1", "2")
	r.commit()
	r.updateFrom(was("1", "1"), same, "3", "1")
	r.delete("1", "2")
	r.update("Z", "1", "2")
	r.holds("x|3|1", "Z|1|2")
}

// tellFull is a table that has a key and sends the full old row nevertheless.
func tellFull(s *story) {
	for name, treatment := range map[string]schema.Treatment{"marks": schema.Mark, "deletes": schema.Delete} {
		r := s.table(items(spec{name: name, full: true, onDelete: treatment}))
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
		r.commit()
		r.updateFrom(was("1", "a", "b"), "1", same, "B")
		r.updateFrom(was("1", "a", "B"), "3", "A", same)
		r.delete("2", "c", "d")
		if treatment == schema.Delete {
			r.holds("3|A|B")
		} else {
			r.holds("1|a|B marked", "2|c|d marked", "3|A|B")
		}
	}
}

func tellAbsent(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) {
		r.insert("1", "a", "b")
		r.delete("2")
	}, all...)
	for _, r := range all {
		r.holds("1|a|b")
	}
}

func tellTables(s *story) {
	a, b := s.table(items(spec{name: "a"})), s.table(items(spec{name: "b"}))
	for _, id := range []string{"1", "2", "3"} {
		a.insert(id, "a", id)
		b.insert(id, "b", id)
		a.update(id, "A", same)
	}
	a.truncate()
	b.delete("2")
	a.insert("4", "a", "4")
	s.commit()
	b.insert("5", "b", "5")
	a.holds("1|A|1 marked", "2|A|2 marked", "3|A|3 marked", "4|a|4")
	b.holds("1|b|1", "2|b|2 marked", "3|b|3", "5|b|5")
}

// tellOtherTreatment asks for another treatment while rows stand that the former
// one has left.
func tellOtherTreatment(s *story) {
	r := s.table(items(spec{onDelete: schema.Ignore, onTruncate: schema.Ignore}))
	r.insert("1", "a", "b")
	r.insert("2", "c", "d")
	r.commit()
	r.delete("1")
	r.commit()
	treat := func(as schema.Treatment) {
		s.flush()
		t := r.changed()
		t.OnDelete, t.OnTruncate = as, as
		s.migrate(schema.Describe{Table: t})
		r.describe(t)
		s.restart()
	}
	treat(schema.Mark)
	r.insert("1", "e", "f")
	r.holds("1|e|f", "2|c|d")
	r.delete("2")
	treat(schema.Delete)
	r.insert("2", "g", "h")
	r.delete("1")
	r.insert("3", "i", "j")
	r.holds("2|g|h", "3|i|j")
	r.delete("2")
	r.insert("2", "k", "l")
	r.holds("2|k|l", "3|i|j")
}
