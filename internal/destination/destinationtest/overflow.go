package destinationtest

import (
	"errors"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/schema"
)

func testOverflow(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"values that fit again":      tellFits,
		"rows that go":               tellBesideGone,
		"marked rows keep theirs":    tellBesideMarked,
		"a key that cannot be held":  tellKeyTooLarge,
		"a row that takes it along":  tellBesideMoves,
		"after a restart":            tellBesideRestart,
		"several columns of one row": tellBesideMany,
		"texts that are not UTF-8":   tellNotUTF8,
	})
}

// amounts is a table with columns that cannot hold all that PostgreSQL can.
func amounts(s *story, sp spec) *relation {
	sp.columns, sp.key = cols("id", text, "n", decimal, "at", intList), []string{"id"}
	return s.table(sp)
}

func tellFits(s *story) {
	r := amounts(s, spec{})
	r.insert("1", "NaN", "{{1},{2}}")
	r.insert("2", "1.00", "{5}")
	r.commit()
	r.beside(`["1"] n=NaN`, `["1"] at={{1},{2}}`)
	r.update("1", "2.00", "{{1},{2}}")
	r.update("2", "NaN", "{5}")
	r.beside(`["2"] n=NaN`, `["1"] at={{1},{2}}`)
	r.update("1", "2.00", null)
	r.update("2", "3.00", "{5}")
	r.update("2", "NaN", "{5}")
	r.update("2", "4.00", "{5}")
	r.beside()
	r.holds("1|2.00|∅", "2|4.00|{5}")
}

func tellBesideGone(s *story) {
	r := amounts(s, spec{onDelete: schema.Delete, onTruncate: schema.Delete})
	r.insert("1", "NaN", null)
	r.insert("2", "NaN", null)
	r.commit()
	s.flush()
	r.delete("1")
	r.insert("3", "NaN", null)
	r.delete("3")
	r.beside(`["2"] n=NaN`)
	r.truncate()
	r.insert("4", "NaN", null)
	r.beside(`["4"] n=NaN`)
	r.holds("4|∅|∅")
}

func tellBesideMarked(s *story) {
	r := amounts(s, spec{})
	r.insert("1", "NaN", null)
	r.insert("2", "NaN", null)
	s.flush()
	r.delete("1")
	r.commit()
	r.truncate()
	r.insert("2", "1.00", "{{1},{2}}")
	r.beside(`["1"] n=NaN`, `["2"] at={{1},{2}}`)
	r.holds("1|∅|∅ marked", "2|1.00|∅")
}

// tellKeyTooLarge is a value by which its row could not be found again: it stops
// the load, and nothing of its batch is written.
func tellKeyTooLarge(s *story) {
	r := s.table(spec{columns: cols("n", decimal, "v", text), key: []string{"n"}})
	r.insert("1.00", "a")
	s.flush()
	r.insert("2.00", "b")
	r.insert("NaN", "c")
	var refused *batch.KeyError
	if err := s.refused(); !errors.As(err, &refused) || refused.Text != "NaN" {
		s.t.Fatalf("apply: %v, want a KeyError that has the value", err)
	}
	s.forget()
	r.insert("2.00", "b")
	r.holds("1.00|a", "2.00|b")
}

func tellBesideMoves(s *story) {
	r := amounts(s, spec{onDelete: schema.Delete})
	r.insert("1", "NaN", "{{1},{2}}")
	r.insert("2", "1.00", "{5}")
	s.flush()
	r.updateFrom(was("1"), "t", same, same)
	r.updateFrom(was("2"), "1", same, same)
	r.updateFrom(was("t"), "2", "5.00", same)
	r.holds("1|1.00|{5}", "2|5.00|∅")
	r.beside(`["2"] at={{1},{2}}`)
}

func tellBesideRestart(s *story) {
	r := amounts(s, spec{})
	r.insert("1", "NaN", null)
	s.flush()
	s.restart()
	r.update("1", "1.00", null)
	r.beside()
	s.restart()
	r.update("1", "NaN", null)
	r.beside(`["1"] n=NaN`)
}

func tellBesideMany(s *story) {
	r := s.table(spec{columns: cols("id", text, "at", intList, "tz", textList, "n", decimal, "list", intList), key: []string{"id"}})
	r.insert("1", "{{1},{2}}", "{{7},{8}}", "NaN", "{{1,2},{3,4}}")
	r.holds("1|∅|∅|∅|∅")
	r.beside(`["1"] at={{1},{2}}`, `["1"] tz={{7},{8}}`, `["1"] n=NaN`, `["1"] list={{1,2},{3,4}}`)
	r.update("1", "{{1},{2}}", same, "1.00", "{1}")
	r.holds("1|∅|∅|1.00|{1}")
	r.beside(`["1"] at={{1},{2}}`, `["1"] tz={{7},{8}}`)
}

// tellNotUTF8 has texts as a database of encoding SQL_ASCII sends them.
func tellNotUTF8(s *story) {
	r := s.copying(items(spec{}), 1)
	r.load(r.chunk(0), was("1", "caf\xe9", "b"))
	r.ended()
	r.insert("2", "caf\xe9", "d")
	s.flush()
	r.update("1", same, "caf\xe9")
	r.holds("1|∅|∅", "2|∅|d")
	r.beside(`["1"] v=\x636166e9`, `["1"] w=\x636166e9`, `["2"] v=\x636166e9`)
}
