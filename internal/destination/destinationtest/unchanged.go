package destinationtest

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

func testUnchanged(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"values that stand":             tellUnchanged,
		"a delete after":                tellUnchangedGone,
		"a key that was not sent":       tellUnchangedKey,
		"more columns than a word":      tellWide,
		"a row that comes after":        tellUnchangedFresh,
		"a row that is not there":       tellBaseMissing,
		"values beside rows go along":   tellUnchangedBeside,
		"some rows whole and some not":  tellMixed,
		"a base that leaves and stands": tellSharedBase,
	})
}

func tellUnchanged(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.insert("2", null, "d")
	r.commit()
	s.flush()
	r.update("1", same, "B")
	r.update("2", same, same)
	r.commit()
	r.update("1", "A", same)
	r.commit()
	r.update("1", same, same)
	r.holds("1|A|B", "2|∅|d")
}

func tellUnchangedGone(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) { r.insert("1", "a", "b") }, all...)
	s.flush()
	alike(func(r *relation) {
		r.update("1", "A", same)
		r.delete("1")
	}, all...)
	mark.holds("1|A|b marked")
	drop.holds()
	keep.holds("1|A|b")
}

// tellUnchangedKey is a key stored out of line: the server sends it as the old
// key, though it did not change.
func tellUnchangedKey(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	r.updateFrom(was("1"), same, "A", same)
	r.holds("1|A|b")
}

func tellBaseMissing(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	r.update("1", "x", "y")
	r.update("2", same, "c")
	if err := s.refused(); !fault.Has(err, destination.BaseMissing) {
		s.t.Fatalf("apply: %v, want %q", err, destination.BaseMissing.Title)
	}
	s.forget()
	r.update("1", same, "B")
	r.holds("1|a|B")
}

// tellWide needs more than one word of bits to say which values are missing.
func tellWide(s *story) {
	pairs := []any{"id", text}
	row := was("1")
	for i := range 130 {
		pairs = append(pairs, "c"+strconv.Itoa(i), text)
		row = append(row, "v"+strconv.Itoa(i))
	}
	r := s.table(spec{columns: cols(pairs...), key: []string{"id"}})
	r.insert(row...)
	s.flush()
	for _, changed := range []int{1, 63, 64, 65, 127, 128, 130} {
		next := slices.Repeat([]string{same}, len(row))
		next[0], next[changed] = "1", "V"
		row[changed] = "V"
		r.update(next...)
		r.commit()
	}
	r.holds(strings.Join(row, "|"))
}

// tellUnchangedFresh has updates of rows of the same part, where nothing is
// missing.
func tellUnchangedFresh(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.update("1", same, "B")
	r.updateFrom(was("1"), "2", same, same)
	r.commit()
	r.truncate()
	r.insert("1", "c", "d")
	r.update("1", "C", same)
	r.holds("1|C|d", "2|a|B marked")
}

func tellUnchangedBeside(s *story) {
	r := s.table(spec{columns: cols("id", text, "n", decimal, "v", text), key: []string{"id"}})
	r.insert("1", "NaN", "a")
	r.insert("2", "NaN", "b")
	s.flush()
	r.update("1", same, "A")
	r.commit()
	r.updateFrom(was("2"), "3", same, "B")
	r.holds("1|∅|A", "2|∅|b marked", "3|∅|B")
	r.beside(`["1"] n=NaN`, `["2"] n=NaN`, `["3"] n=NaN`)
	r.update("1", "1.00", same)
	r.delete("3")
	r.holds("1|1.00|A", "2|∅|b marked", "3|∅|B marked")
	r.beside(`["2"] n=NaN`, `["3"] n=NaN`)
}

func tellMixed(s *story) {
	r := s.table(items(spec{onDelete: schema.Delete}))
	for _, id := range []string{"1", "2", "3", "4", "5", "6"} {
		r.insert(id, "v"+id, "w"+id)
	}
	s.flush()
	r.update("1", "V1", "W1")
	r.update("2", "V2", same)
	r.delete("3")
	r.update("4", same, "W4")
	r.update("4", "V4", same)
	r.update("5", same, "gone")
	r.delete("5")
	r.insert("7", "v7", "w7")
	r.update("7", same, "W7")
	r.update("6", "V6", same)
	r.update("6", "VV6", "WW6")
	r.holds("1|V1|W1", "2|V2|w2", "4|V4|W4", "6|VV6|WW6", "7|v7|W7")
}

// tellSharedBase has two rows whose missing values stand in the same one: the
// row under the new key, and the marked one under the old key.
func tellSharedBase(s *story) {
	mark, drop, keep := treatments(s)
	all := []*relation{mark, drop, keep}
	alike(func(r *relation) { r.insert("1", "a", "b") }, all...)
	s.flush()
	alike(func(r *relation) {
		r.updateFrom(was("1"), "2", same, "B")
		r.update("2", "A", same)
	}, all...)
	mark.holds("1|a|b marked", "2|A|B")
	drop.holds("2|A|B")
	keep.holds("1|a|b", "2|A|B")
}
