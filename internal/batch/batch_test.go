package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/goleak"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	integer = pgvalue.Type{OID: 23, Mod: -1, Name: "integer", Kind: pgvalue.Int32, Binary: true}
	text    = pgvalue.Type{OID: 25, Mod: -1, Name: "text", Kind: pgvalue.Text, Binary: true}
	decimal = pgvalue.Type{OID: 1700, Mod: -1, Name: "numeric(5,2)", Kind: pgvalue.Decimal, Precision: 5, Scale: 2}
)

// keyedTable has a text key and more texts; bagTable has no key.
func keyedTable(more int) *schema.Table {
	t := tableOf("keyed", slices.Repeat([]pgvalue.Type{text}, 1+more)...)
	t.Columns[0].NotNull, t.Key = true, []int{0}
	return withMetadata(t)
}

func bagTable(types ...pgvalue.Type) *schema.Table {
	t := tableOf("bag", types...)
	t.Identity = schema.ByRow
	t.Columns = append(t.Columns, schema.Column{Name: "id", Role: schema.RowID, Type: text})
	return withMetadata(t)
}

func tableOf(name string, types ...pgvalue.Type) *schema.Table {
	t := &schema.Table{Object: pg.Name{Schema: "public", Name: name}, Name: name}
	for i, as := range types {
		c := fmt.Sprint("c", i)
		t.Columns = append(t.Columns, schema.Column{Name: c, Source: c, Number: int16(i + 1), Type: as})
	}
	return t
}

func withMetadata(t *schema.Table) *schema.Table {
	instant := pgvalue.Type{Kind: pgvalue.TimestampTZ}
	t.Columns = append(t.Columns,
		schema.Column{Name: "ingested", Role: schema.IngestedAt, Type: instant},
		schema.Column{Name: "loaded", Role: schema.LoadedAt, Type: instant},
		schema.Column{Name: "modified", Role: schema.ModifiedAt, Type: instant},
		schema.Column{Name: "marked", Role: schema.Marked, Type: pgvalue.Type{Kind: pgvalue.Bool}},
	)
	return t
}

func routeOf(t testing.TB, table *schema.Table) *Route {
	t.Helper()
	relation := &pgoutput.Relation{}
	for _, i := range table.Data() {
		relation.Columns = append(relation.Columns, pgoutput.RelationColumn{Name: table.Columns[i].Source})
	}
	r, err := NewRoute(table, relation)
	must(t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Values that are not texts.
const (
	null = "\x00null"
	same = "\x00same"
)

func tuple(values ...string) (t pgoutput.Tuple) {
	for _, v := range values {
		switch v {
		case null:
			t = append(t, pgoutput.Column{Kind: pgoutput.Null})
		case same:
			t = append(t, pgoutput.Column{Kind: pgoutput.Unchanged})
		default:
			t = append(t, pgoutput.Column{Kind: pgoutput.Text, Data: []byte(v)})
		}
	}
	return t
}

func inserted(values ...string) *pgoutput.Message { return &pgoutput.Message{New: tuple(values...)} }

func unlimited() *Builder { return NewBuilder(Limits{Events: 1 << 30, Bytes: 1 << 30}) }

// TestWords looks at the bits that say what is missing, over more than one word.
func TestWords(t *testing.T) {
	const more = 130
	b, r := unlimited(), routeOf(t, keyedTable(more))
	row := slices.Repeat([]string{same}, 1+more)
	row[0], row[64] = "1", "sent"
	must(t, b.Update(r, inserted(row...)))
	must(t, b.Delete(r, &pgoutput.Message{Old: tuple(append([]string{"2"}, slices.Repeat([]string{null}, more)...)...)}))
	p := b.Seal().Changes[0].Partial
	if p == nil || p.Words != 3 || len(p.Missing) != 2*3 {
		t.Fatalf("partial is %+v, want two rows of three words", p)
	}
	for i := range 1 + more {
		missing := p.Missing[i>>6]&(1<<(i&63)) != 0
		if want := i != 0 && i != 64; missing != want {
			t.Errorf("column %d of the update: missing is %v", i, missing)
		}
		if missing = p.Missing[3+i>>6]&(1<<(i&63)) != 0; missing != (i != 0) {
			t.Errorf("column %d of the delete: missing is %v", i, missing)
		}
	}
	if p.Deletes.At(0) || !p.Deletes.At(1) {
		t.Error("it is not the second row that is there because of a delete")
	}
	if base := p.Base.Column(0).(*array.String); base.Value(0) != "1" || base.Value(1) != "2" {
		t.Errorf("the bases are %v", base)
	}
}

// TestFresh looks at which rows are known not to be in the destination.
func TestFresh(t *testing.T) {
	for name, archive := range map[string]bool{"a table like the source": false, "an archive": true} {
		table := keyedTable(1)
		if archive {
			table.OnTruncate = schema.Ignore
		}
		b, r := unlimited(), routeOf(t, table)
		must(t, b.Insert(r, inserted("1", "a")))
		must(t, b.Update(r, inserted("2", "b")))
		must(t, b.Update(r, &pgoutput.Message{Old: tuple("3", null), New: tuple("4", "c")}))
		c := b.Seal().Changes[0]
		for row, want := range map[string]bool{"1": true, "2": false, "4": true} {
			keys := c.Rows.Column(0).(*array.String)
			for i := range keys.Len() {
				if keys.Value(i) == row && c.Fresh.At(i) != (want && !archive) {
					t.Errorf("%s: fresh of row %s is %v", name, row, c.Fresh.At(i))
				}
			}
		}
	}
}

// copyRow is a row of COPY BINARY whose fields are texts.
func copyRow(values ...string) []byte {
	row := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		if v == null {
			row = binary.BigEndian.AppendUint32(row, 0xffffffff)
			continue
		}
		row = binary.BigEndian.AppendUint32(row, uint32(len(v)))
		row = append(row, v...)
	}
	return row
}

// TestHashes gives rows without a key the same hash by the copy and by the
// stream, and other rows another.
func TestHashes(t *testing.T) {
	table := bagTable(text, integer, decimal)
	rows := [][]string{
		{"a", "1", "1.00"}, {"a1", "", "1.00"}, {null, "1", "1.00"}, {"", "1", "1.00"}, {"a", null, null}, {null, null, "NaN"},
		{"a", "1", "NaN"}, {"ä\t\n", "-7", "-0.50"},
	}
	rows[1][1] = "2"
	loader, b, r := NewLoader(table), unlimited(), routeOf(t, table)
	for _, row := range rows {
		must(t, loader.Append(copyRow(row...)))
		must(t, b.Insert(r, inserted(row...)))
		must(t, b.Delete(r, &pgoutput.Message{Old: tuple(row...), OldIsFull: true}))
	}
	c := b.Seal().Changes[0]
	at := slices.Index(table.Staged(), table.Find(schema.RowID))
	copied, streamed := loader.Take().Record.Column(at).(*array.String), c.Rows.Column(at).(*array.String)
	removed := c.Removals.Rows.Column(0).(*array.String)
	seen := map[string]bool{}
	for i, row := range rows {
		hash := copied.Value(i)
		if streamed.Value(i) != hash || removed.Value(i) != hash {
			t.Errorf("%q: copied as %s, streamed as %s, removed as %s", row, hash, streamed.Value(i), removed.Value(i))
		}
		if len(hash) != 32 || seen[hash] {
			t.Errorf("%q: hash %q is not its own", row, hash)
		}
		seen[hash] = true
	}
}

// TestTaken fills a loader again after rows were taken: they are their owner's.
func TestTaken(t *testing.T) {
	loader := NewLoader(bagTable(text, decimal))
	must(t, loader.Append(copyRow("first", "NaN")))
	first := loader.Take()
	must(t, loader.Append(copyRow("second", "1.00")))
	second := loader.Take()
	value := func(r arrow.RecordBatch) string { return r.Column(0).(*array.String).Value(0) }
	if value(first.Record) != "first" || value(second.Record) != "second" {
		t.Errorf("the rows are %q and %q", value(first.Record), value(second.Record))
	}
	if len(first.Overflow) != 1 || len(second.Overflow) != 0 {
		t.Errorf("beside the rows are %v and %v", first.Overflow, second.Overflow)
	}
	if empty := loader.Take(); empty.Record != nil || loader.Len() != 0 {
		t.Error("nothing makes a record")
	}
}

// TestMalformed refuses what no server sends.
func TestMalformed(t *testing.T) {
	whole := copyRow("a", "1")
	for name, row := range map[string][]byte{
		"nothing": nil, "other columns": copyRow("a"), "cut in a length": whole[:4], "cut in a value": whole[:len(whole)-1],
	} {
		if err := NewLoader(bagTable(text, decimal)).Append(row); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	b, keyed, bag := unlimited(), routeOf(t, keyedTable(1)), routeOf(t, bagTable(text))
	for name, err := range map[string]error{
		"too few values":        b.Insert(keyed, inserted("1")),
		"too few old values":    b.Update(keyed, &pgoutput.Message{Old: tuple("1"), New: tuple("1", "a")}),
		"an insert unchanged":   b.Insert(keyed, inserted("1", same)),
		"a key unchanged":       b.Update(keyed, inserted(same, "a")),
		"no old row":            b.Update(bag, inserted("a")),
		"an old row of its key": b.Delete(bag, &pgoutput.Message{Old: tuple("a")}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewRoute(keyedTable(1), &pgoutput.Relation{Columns: []pgoutput.RelationColumn{{Name: "c1"}}}); err == nil {
		t.Error("a relation without its key makes a route")
	}
}

// TestKeyError names the key that its column cannot hold, wherever it stands.
func TestKeyError(t *testing.T) {
	table := tableOf("keyed", decimal, text)
	table.Key = []int{0}
	table.OnDelete = schema.Delete
	r := routeOf(t, withMetadata(table))
	for name, change := range map[string]func(*Builder) error{
		"insert": func(b *Builder) error { return b.Insert(r, inserted("NaN", "a")) },
		"update": func(b *Builder) error { return b.Update(r, inserted("NaN", same)) },
		"delete": func(b *Builder) error { return b.Delete(r, &pgoutput.Message{Old: tuple("NaN", null)}) },
		"changed key": func(b *Builder) error {
			return b.Update(r, &pgoutput.Message{Old: tuple("NaN", null), New: tuple("1.00", "a")})
		},
	} {
		var refused *KeyError
		if err := change(unlimited()); !errors.As(err, &refused) || refused.Text != "NaN" || refused.Column != "c0" {
			t.Errorf("%s: %v, want a KeyError", name, err)
		}
	}
}

func TestBits(t *testing.T) {
	var b Bits
	if b.At(0) || b.At(1000) || !b.All(0) || b.All(1) {
		t.Error("bits that are not there are set")
	}
	for _, i := range []int{0, 7, 8, 65} {
		b.Set(i, true)
	}
	b.Set(7, false)
	for i := range 80 {
		if want := i == 0 || i == 8 || i == 65; b.At(i) != want {
			t.Errorf("bit %d is %v", i, b.At(i))
		}
	}
	b.Set(100, false)
	if len(b) != 13 || b.All(2) || !b.All(1) {
		t.Errorf("the bits are %v", b)
	}
}

// TestManyKeys grows the index far over its first size, with keys that share
// much.
func TestManyKeys(t *testing.T) {
	var x keyIndex
	key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i%5000) }
	for i := range 20_000 {
		if n, found := x.lookup(key(i)); n != i%5000 || found != (i >= 5000) {
			t.Fatalf("key %s has number %d, found: %v", key(i), n, found)
		}
	}
	x.reset()
	if n, found := x.lookup(key(4321)); n != 0 || found {
		t.Errorf("after a reset key 4321 has number %d, found: %v", n, found)
	}
	// The parts of a key do not run together.
	a := appendKey(nil, tuple("ab", "c"), []int{0, 1})
	if string(a) == string(appendKey(nil, tuple("a", "bc"), []int{0, 1})) {
		t.Error("two keys are one")
	}
}
