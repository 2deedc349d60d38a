package destinationtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"trunkline/internal/batch"
	"trunkline/internal/schema"
)

// testCuts makes random histories of small tables. The target gets them in
// batches and parts that are cut at random, with restarts in between; the model
// gets each change as a part, and each transaction as a batch. Both must hold the
// same in the end, and of rows that are not marked what the source has.
func testCuts(t *testing.T, target Target) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &random{T: rt, s: newStory(rt, target.New(t))}
		h.makeTables()
		for range rapid.IntRange(1, 8).Draw(rt, "transactions") {
			for range rapid.IntRange(0, 7).Draw(rt, "changes") {
				h.tables[rapid.IntRange(0, len(h.tables)-1).Draw(rt, "table")].change()
			}
			h.s.commit()
		}
		h.send()
		h.s.compare()
		for _, table := range h.tables {
			table.check()
		}
	})
}

// random is a random history.
type random struct {
	*rapid.T
	s      *story
	tables []*randomTable
}

// randomTable is a table and what the source has of it: rows by key, or by a
// number where there is no key.
type randomTable struct {
	*random
	r      *relation
	keyed  bool
	source map[string][]string
	serial int
}

// treatmentOf draws from all three.
func (h *random) treatmentOf(what string) schema.Treatment {
	return rapid.SampledFrom([]schema.Treatment{schema.Mark, schema.Delete, schema.Ignore}).Draw(h.T, what)
}

func (h *random) makeTables() {
	columns := cols("id", text, "v", text, "n", decimal, "w", text)
	for _, sp := range []spec{
		{name: "keyed", columns: columns, key: []string{"id"}, full: rapid.Bool().Draw(h.T, "full")},
		{name: "bag", columns: columns[1:], full: true},
		{name: "log", columns: columns, key: []string{"id"}, mode: schema.Append},
	} {
		sp.onDelete, sp.onTruncate = h.treatmentOf(sp.name+" on delete"), h.treatmentOf(sp.name+" on truncate")
		t := &randomTable{random: h, r: h.s.copying(sp, 1), keyed: len(sp.key) > 0, source: map[string][]string{}}
		t.load()
		h.tables = append(h.tables, t)
	}
}

// load makes the history of the table.
func (t *randomTable) load() {
	var rows [][]string
	for range rapid.IntRange(0, 3).Draw(t.T, "history") {
		rows = append(rows, t.create())
	}
	t.r.load(t.r.chunk(0), rows...)
	t.r.ended()
}

// Few keys and values, so that they meet.
var (
	someKeys  = []string{"1", "2", "3", "4"}
	someTexts = []string{"a", "b", "", null}
	someSums  = []string{"1.00", "2.50", "NaN", null}
)

// values draws the columns behind the key.
func (t *randomTable) values() []string {
	return []string{
		rapid.SampledFrom(someTexts).Draw(t.T, "v"), rapid.SampledFrom(someSums).Draw(t.T, "n"),
		rapid.SampledFrom(someTexts).Draw(t.T, "w"),
	}
}

// present draws a row that is there.
func (t *randomTable) present() string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(t.source))).Draw(t.T, "row")
}

// change makes one change, or a few that belong together.
func (t *randomTable) change() {
	choices := []func(){t.insert}
	if len(t.source) > 0 {
		choices = append(choices, t.update, t.update, t.delete, t.truncate)
		if t.keyed {
			choices = append(choices, t.move, t.swap)
		}
	}
	choices[rapid.IntRange(0, len(choices)-1).Draw(t.T, "kind")]()
}

// free draws a key that is not taken, if there is one.
func (t *randomTable) free() (key string, ok bool) {
	if !t.keyed {
		t.serial++
		return fmt.Sprintf("%09d", t.serial), true
	}
	free := slices.DeleteFunc(slices.Clone(someKeys), func(k string) bool { return t.source[k] != nil })
	if len(free) == 0 {
		return "", false
	}
	return rapid.SampledFrom(free).Draw(t.T, "key"), true
}

func (t *randomTable) insert() {
	if row := t.create(); row != nil {
		t.r.insert(row...)
	}
}

// create makes a row at the source; nil if no key is free.
func (t *randomTable) create() []string {
	key, ok := t.free()
	if !ok {
		return nil
	}
	row := t.values()
	if t.keyed {
		row = append([]string{key}, row...)
	}
	t.source[key] = row
	return row
}

func (t *randomTable) update() {
	key := t.present()
	t.replace(key, key)
}

// replace updates the row of a key, which may get another one. Values that stay
// are sent or not.
func (t *randomTable) replace(from, to string) {
	old := t.source[from]
	next := slices.Clone(old)
	first := 0
	if t.keyed {
		first, next[0] = 1, to
	}
	sent := slices.Clone(next)
	for i, v := range t.values() {
		at := first + i
		switch rapid.IntRange(0, 2).Draw(t.T, "send") {
		case 0:
			next[at], sent[at] = v, v
		case 1:
			if next[at] != null {
				sent[at] = same
			}
		}
	}
	delete(t.source, from)
	t.source[to] = next
	switch {
	case t.r.full:
		t.r.updateFrom(old, sent...)
	case from != to:
		t.r.updateFrom(was(from), sent...)
	default:
		t.r.update(sent...)
	}
}

func (t *randomTable) move() {
	if to, ok := t.free(); ok {
		t.replace(t.present(), to)
	}
}

// swap exchanges the keys of two rows by way of a third key.
func (t *randomTable) swap() {
	a, b := t.present(), t.present()
	if a == b {
		return
	}
	t.replace(a, "t")
	t.replace(b, a)
	t.replace("t", b)
}

func (t *randomTable) delete() {
	key := t.present()
	row := t.source[key]
	delete(t.source, key)
	if t.r.full {
		t.r.delete(row...)
	} else {
		t.r.delete(key)
	}
}

func (t *randomTable) truncate() {
	clear(t.source)
	t.r.truncate()
}

// send sends the history to the target as cut at random, to the model as cut as
// finely as can be.
func (h *random) send() {
	all := h.s.whole
	h.s.forget()
	target, model := h.s.lanes[0], h.s.lanes[1]
	at := h.s.position
	for i, t := range all {
		t.changes = slices.Clone(t.changes)
		for n := range t.changes {
			t.changes[n].cut = true
			all[i].changes[n].cut = rapid.IntRange(0, 3).Draw(h.T, "cut") == 3
		}
		h.s.must(model.apply(at, []transaction{t}))
		at = batch.Position{Commit: t.commit, End: t.end}
	}
	for rest := all; len(rest) > 0; {
		n := rapid.IntRange(1, len(rest)).Draw(h.T, "batch")
		h.s.must(target.apply(h.s.position, rest[:n]))
		h.s.position = batch.Position{Commit: rest[n-1].commit, End: rest[n-1].end}
		rest = rest[n:]
		if rapid.IntRange(0, 3).Draw(h.T, "restart") == 0 {
			h.s.must(target.close())
			target.open(h.s.t)
		}
	}
}

// check compares the rows that are not marked with the source.
func (t *randomTable) check() {
	if t.r.table.Mode == schema.Append {
		return
	}
	rows, err := t.s.lanes[0].store.Rows(t.r.table)
	t.s.must(err)
	live := map[string]int{}
	// Whether a value stands in its row or beside it does not matter here.
	plain := strings.NewReplacer(null, "∅", "NaN", "∅")
	for _, row := range rows {
		if line := plain.Replace(brief(t.r.table, row)); !strings.HasSuffix(line, " marked") {
			live[line]++
		}
	}
	for _, row := range t.source {
		line := plain.Replace(strings.Join(row, "|"))
		if live[line]--; live[line] < 0 {
			t.Fatalf("table %q lacks row %s", t.r.table.Name, line)
		}
	}
	if t.r.table.OnDelete == schema.Ignore || t.r.table.OnTruncate == schema.Ignore {
		return // rows that the source has lost are kept
	}
	for line, n := range live {
		if n > 0 {
			t.Fatalf("table %q has %d of row %s that the source has not", t.r.table.Name, n, line)
		}
	}
}
