package destinationtest

import (
	"slices"
	"strings"
	"testing"

	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// changed is a copy of the definition, to be changed.
func (r *relation) changed() *schema.Table {
	t := *r.table
	t.Columns = slices.Clone(t.Columns)
	return &t
}

// added is the definition with one more column behind those of the source.
func (r *relation) added(name string, as pgvalue.Type, missing *string) *schema.Table {
	t := r.changed()
	at := len(t.Data())
	t.Columns = slices.Insert(t.Columns, at, schema.Column{
		Name: name, Type: as, Source: name, Number: int16(at + 1), Missing: missing,
	})
	return t
}

// renamed is the definition with a column under another name.
func (r *relation) renamed(from, to string) *schema.Table {
	t := r.changed()
	c := &t.Columns[t.FindName(from)]
	c.Name, c.Source, c.Former = to, to, append(slices.Clone(c.Former), c.Source)
	return t
}

// add adds a column in the destination and sends it from now on.
func (r *relation) add(name string, as pgvalue.Type, missing *string) {
	r.story.t.Helper()
	r.story.flush()
	t := r.added(name, as, missing)
	for range 2 { // once more, after a crash
		r.story.migrate(schema.AddColumn{Table: t, Name: name})
	}
	r.describe(t)
}

// rename renames a column in the destination and sends it so from now on.
func (r *relation) rename(from, to string) {
	r.story.t.Helper()
	r.story.flush()
	t := r.renamed(from, to)
	for range 2 {
		r.story.migrate(schema.RenameColumn{Table: t, From: from, To: to})
	}
	r.describe(t)
}

func testMigrate(t *testing.T, target Target) {
	tellAll(t, target, map[string]func(*story){
		"a new column":                            tellAdd,
		"a new column that rows have a value in":  tellAddMissing,
		"a value that the new column cannot hold": tellAddBeside,
		"a column under another name":             tellRename,
		"a column that is gone":                   tellDropColumn,
		"changes in the former shape":             tellFormer,
		"a new column of an append table":         tellAddAppend,
	})
}

func tellAdd(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.add("x", integer, nil)
	r.insert("2", "c", "d", "7")
	r.update("1", same, same, "8")
	r.commit()
	r.add("y", decimal, nil)
	r.update("2", same, same, same, "1.00")
	r.holds("1|a|b|8|∅", "2|c|d|7|1.00")
	s.restart()
	r.update("1", "A", same, same, same)
	r.holds("1|A|b|8|∅", "2|c|d|7|1.00")
}

func tellAddMissing(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.insert("2", "c", "d")
	r.commit()
	r.delete("2")
	r.add("x", decimal, new("4.20"))
	r.add("list", textList, new(`{a,"b c"}`))
	r.insert("3", "e", "f", null, null)
	r.update("1", "A", same, same, "{}")
	r.holds("1|A|b|4.20|{}", `2|c|d|4.20|{a,"b c"} marked`, "3|e|f|∅|∅")
}

func tellAddBeside(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.insert("2", "c", "d")
	r.add("x", decimal, new("NaN"))
	r.holds("1|a|b|∅", "2|c|d|∅")
	r.beside(`["1"] x=NaN`, `["2"] x=NaN`)
	r.update("1", "A", same, same)
	r.update("2", same, same, "1.00")
	r.holds("1|A|b|∅", "2|c|d|1.00")
	r.beside(`["1"] x=NaN`)
}

func tellRename(s *story) {
	r := s.table(spec{columns: cols("id", text, "n", decimal, "v", text), key: []string{"id"}})
	r.insert("1", "NaN", "a")
	r.insert("2", "1.00", "b")
	r.rename("n", "amount")
	r.beside(`["1"] amount=NaN`)
	r.update("1", same, "A")
	r.rename("id", "key")
	r.key = []string{"key"}
	r.rename("v", "n") // the former name of another
	r.update("2", "NaN", same)
	r.holds("1|∅|A", "2|∅|b")
	r.beside(`["1"] amount=NaN`, `["2"] amount=NaN`)
	r.rename("n", "N") // differs in case alone
	r.insert("3", "2.00", "c")
	r.delete("2")
	r.holds("1|∅|A", "2|∅|b marked", "3|2.00|c")
}

// tellDropColumn keeps a column that the source has no more.
func tellDropColumn(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	t := r.changed()
	t.Columns[t.FindName("w")].Dropped = true
	s.migrate(schema.Describe{Table: t})
	r.describe(t)
	r.insert("2", "c")
	r.update("1", "A")
	r.holds("1|A|∅", "2|c|∅")
}

// tellFormer has changes that were made before a column was added and another
// one renamed, and that come after.
func tellFormer(s *story) {
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	former := r.wire
	r.add("x", text, new("old"))
	r.rename("v", "value")
	now := r.wire
	r.reroute(former)
	r.insert("2", "c", "d")
	r.update("1", "A", same)
	s.flush()
	r.reroute(now)
	r.update("2", same, "D", "new")
	r.holds("1|A|b|old", "2|c|D|new")
}

func tellAddAppend(s *story) {
	r := s.table(items(spec{mode: schema.Append}))
	r.insert("1", "a", "b")
	r.add("x", text, new("old"))
	r.insert("2", "c", "d", "new")
	r.holds("I 1|a|b|old", "I 2|c|d|new")
}

func testNames(t *testing.T, target Target) {
	awkward := []string{
		"select", "order by", "Mixed Case", `quo"ted`, "it's", "semi;colon", "ünïcödé ✓", "rowid", "c0", "t.s",
		"back\\slash", "percent%s", "new\nline", "table", "user", "1", " ", strings.Repeat("n", 63),
		strings.Repeat("ä", 31),
	}
	tellAll(t, target, map[string]func(*story){
		"of columns": func(s *story) { tellColumnNames(s, awkward) },
		"of tables":  func(s *story) { tellTableNames(s, awkward) },
		"of the row": tellRowID,
	})
}

// tellRowID has a column, often null, of the name by which databases find rows.
func tellRowID(s *story) {
	r := s.table(spec{columns: cols("id", text, "rowid", text, "v", text), key: []string{"id"}})
	r.insert("1", null, "a")
	r.insert("2", "1", "b")
	s.flush()
	r.update("1", same, "A")
	r.update("2", same, "B")
	r.holds("1|∅|A", "2|1|B")
}

// tellColumnNames has all names in one table, with a key and without.
func tellColumnNames(s *story, names []string) {
	for _, key := range [][]string{names[:2], nil} {
		var pairs []any
		for _, name := range names {
			pairs = append(pairs, name, text)
		}
		pairs[5] = decimal // the third column
		sp := spec{name: "keyed", columns: cols(pairs...), key: key, onDelete: schema.Delete}
		if key == nil {
			sp.name, sp.full = "bag", true
			i := slices.Index(names, "rowid")
			sp.columns[i].Name, sp.columns[i].Source = "row id", "row id"
		}
		r := s.table(sp)
		row := slices.Clone(names)
		row[2] = "NaN"
		r.insert(row...)
		r.commit()
		after := slices.Clone(row)
		after[len(after)-1] = "changed"
		if key == nil {
			r.updateFrom(row, after...)
		} else {
			s.flush()
			next := slices.Repeat([]string{same}, len(row))
			next[0], next[1], next[len(next)-1] = "moved", row[1], "changed"
			r.updateFrom(row[:2], next...)
			after[0] = "moved"
		}
		want := slices.Clone(after)
		want[2] = "∅"
		r.holds(strings.Join(want, "|"))
		if side := s.side(r); len(side) != 1 || !strings.HasSuffix(side[0], " Mixed Case=NaN") {
			s.t.Fatalf("beside the table: %q", side)
		}
	}
}

func tellTableNames(s *story, names []string) {
	for n, name := range names {
		sp := items(spec{name: name})
		if n%2 > 0 {
			sp = spec{name: name, columns: cols("id", text, "v", text, "w", text), full: true}
		}
		r := s.table(sp)
		r.insert("1", "a", "b")
		r.insert("2", "c", "d")
		if n%2 > 0 {
			r.delete("2", "c", "d")
			r.updateFrom(was("1", "a", "b"), "1", "A", same)
		} else {
			r.delete("2")
			r.update("1", "A", same)
		}
		r.truncate()
		r.insert("3", "e", "f")
		s.commit()
	}
	for _, r := range s.tables {
		r.holds("1|A|b marked", "2|c|d marked", "3|e|f")
	}
	s.tables[0].add("added", text, new("old"))
	s.tables[0].rename("added", `Re"named`)
	s.tables[0].holds("1|A|b|old marked", "2|c|d|old marked", "3|e|f|old")
}
