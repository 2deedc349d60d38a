package batch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

func TestLimitOfEvents(t *testing.T) {
	b, r := NewBuilder(Limits{Events: 3, Bytes: 1 << 30}), routeOf(t, keyedTable(1))
	for n := range 7 {
		if want := n > 0 && n%3 == 0; b.Full() != want {
			t.Fatalf("after %d changes full is %v", n, b.Full())
		}
		if b.Full() {
			b.Release(b.Seal())
		}
		// Changes of one key count, though one row is left of them.
		must(t, b.Update(r, inserted("1", "v")))
	}
	if b.Events() != 1 || b.Empty() {
		t.Errorf("%d changes are under way, want 1", b.Events())
	}
}

func TestLimitOfBytes(t *testing.T) {
	const limit = 1 << 20
	logged := tableOf("log", text, text)
	logged.Mode = schema.Append
	for role, c := range map[schema.Role]string{schema.Operation: "op", schema.CommitLSN: "lsn", schema.Sequence: "seq", schema.UnchangedColumns: "un"} {
		logged.Columns = append(logged.Columns, schema.Column{Name: c, Role: role, Type: text})
	}
	for _, table := range []*schema.Table{keyedTable(1), bagTable(text, text), logged} {
		b, r := NewBuilder(Limits{Events: 1 << 30, Bytes: limit}), routeOf(t, table)
		value := strings.Repeat("v", 1000)
		n := 0
		for ; !b.Full(); n++ {
			must(t, b.Insert(r, inserted(fmt.Sprint(n), value)))
		}
		// The size is measured every 256 changes.
		if least, most := limit/1200, limit/1000+256; n < least || n > most {
			t.Errorf("table %s: full after %d rows, want between %d and %d", table.Name, n, least, most)
		}
		b.Release(b.Seal())
		if b.Full() || !b.Empty() {
			t.Errorf("table %s: a sealed part leaves the builder full", table.Name)
		}
	}
}

// TestLimitOfLongValues notices long values when they come, not 256 changes
// later, and those that updates carry along.
func TestLimitOfLongValues(t *testing.T) {
	const limit = 1 << 20
	b, r := NewBuilder(Limits{Events: 1 << 30, Bytes: limit}), routeOf(t, keyedTable(2))
	must(t, b.Insert(r, inserted("0", "short", "")))
	if b.Full() {
		t.Error("a short row fills the part")
	}
	must(t, b.Insert(r, inserted("1", strings.Repeat("v", limit), "")))
	if !b.Full() {
		t.Error("a value of the limit's length does not fill the part")
	}
	b.Release(b.Seal())
	must(t, b.Insert(r, inserted("1", strings.Repeat("v", limit/10), "")))
	n := 0
	for ; !b.Full(); n++ {
		must(t, b.Update(r, inserted("1", same, "w")))
	}
	if n > 10 {
		t.Errorf("full after %d copies of a tenth of the limit", n)
	}
}

// TestLimitOfRemovals is a part that has nothing but hashes of rows that go.
func TestLimitOfRemovals(t *testing.T) {
	b, r := NewBuilder(Limits{Events: 1 << 30, Bytes: 1 << 16}), routeOf(t, bagTable(text))
	for n := 0; !b.Full(); n++ {
		if n > 1<<16/32+256 {
			t.Fatalf("%d removals do not fill a part of 64 KiB", n)
		}
		must(t, b.Delete(r, &pgoutput.Message{Old: tuple(fmt.Sprint(n)), OldIsFull: true}))
	}
}

// TestLimitOfDeletes is a part that has nothing but keys that go.
func TestLimitOfDeletes(t *testing.T) {
	table := keyedTable(0)
	table.OnDelete = schema.Delete
	b, r := NewBuilder(Limits{Events: 1 << 30, Bytes: 1 << 16}), routeOf(t, table)
	for n := 0; !b.Full(); n++ {
		if n > 1<<16/16+256 {
			t.Fatalf("%d deletes do not fill a part of 64 KiB", n)
		}
		must(t, b.Delete(r, &pgoutput.Message{Old: tuple(fmt.Sprint("key ", n))}))
	}
}

func TestTruncateCounts(t *testing.T) {
	table := keyedTable(1)
	b := NewBuilder(Limits{Events: 2, Bytes: 1 << 30})
	must(t, b.Truncate(table))
	must(t, b.Truncate(table))
	if !b.Full() {
		t.Error("truncates are no changes")
	}
	part := b.Seal()
	if len(part.Changes) != 2 || part.Changes[0].Truncate == nil || part.Events != 2 {
		t.Errorf("two truncates that mark make %d changes of %d events", len(part.Changes), part.Events)
	}
}

// TestDiscarded is a truncate that deletes: what came before in the part is not
// carried.
func TestDiscarded(t *testing.T) {
	table := keyedTable(1)
	table.OnTruncate = schema.Delete
	b, r := unlimited(), routeOf(t, table)
	must(t, b.Insert(r, inserted("1", "a")))
	must(t, b.Truncate(table))
	must(t, b.Insert(r, inserted("2", "b")))
	part := b.Seal()
	if len(part.Changes) != 1 || part.Changes[0].Rows.NumRows() != 1 || part.Events != 3 {
		t.Fatalf("the part is %+v", part)
	}
}

// TestReuse fills parts again and again while the last one is still in use: its
// memory is another's, and it comes back.
func TestReuse(t *testing.T) {
	b, r := unlimited(), routeOf(t, keyedTable(1))
	fill := func(value string) *Part {
		for n := range 50 {
			must(t, b.Insert(r, inserted(fmt.Sprint(n), value)))
			must(t, b.Update(r, inserted(fmt.Sprint(n), value+"!")))
		}
		return b.Seal()
	}
	holds := func(p *Part, value string) {
		t.Helper()
		column := p.Changes[0].Rows.Column(1).(*array.String)
		for row := range 50 {
			if column.Value(row) != value+"!" {
				t.Fatalf("row %d is %q, want %q", row, column.Value(row), value+"!")
			}
		}
	}
	last := fill("first")
	for n := range 5 {
		value := fmt.Sprint("value ", n)
		next := fill(value)
		if n == 0 {
			holds(last, "first")
		}
		holds(next, value)
		b.Release(last)
		holds(next, value)
		last = next
	}
	b.Release(last)
	if n := len(b.free.stages[r.Table]); n != keptPerTable {
		t.Errorf("%d stages are kept, want %d", n, keptPerTable)
	}
}

// TestSteady lets the same part be made over and over: after the first ones it
// takes no more memory.
func TestSteady(t *testing.T) {
	b, r := unlimited(), routeOf(t, keyedTable(2))
	messages := make([]*pgoutput.Message, 1000)
	for i := range messages {
		messages[i] = inserted(fmt.Sprint(i), "some value", "another")
	}
	perPart := testing.AllocsPerRun(20, func() {
		for _, m := range messages {
			must(t, b.Insert(r, m))
		}
		b.Release(b.Seal())
	})
	if perPart > 200 {
		t.Errorf("a part of 1000 rows makes %v allocations", perPart)
	}
}

// TestPoolForgets keeps nothing for tables that are gone.
func TestPoolForgets(t *testing.T) {
	b := unlimited()
	for range 3 * keptTables {
		must(t, b.Insert(routeOf(t, keyedTable(1)), inserted("1", "v")))
		b.Release(b.Seal())
	}
	if n := len(b.free.stages); n > keptTables {
		t.Errorf("stages of %d tables are kept", n)
	}
}
