package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/destination"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// TestEveryTypeInDuckDB leads every sample into a DuckDB file, as history and as
// changes, from a table with a key and from one without. What is read back, from
// the tables and from beside them, must be what the server prints.
func TestEveryTypeInDuckDB(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		samples := pgtest.Samples(s.Major())
		rows := h.db.CreateWideSamples(samples)
		h.catchUp()
		h.compareSamples(samples, rows)
		h.moveSamples(samples)
		h.catchUp()
		h.compareSamples(samples, 2*rows)
		h.equal() // what the user is told agrees
	})
}

// moveSamples changes the tables of CreateWideSamples: values move with their
// rows, come again, and stay where another column is updated.
func (h *harness) moveSamples(samples []pgtest.Sample) {
	h.t.Helper()
	names := make([]string, len(samples))
	for i := range samples {
		names[i] = samples[i].Name
	}
	h.db.Exec(fmt.Sprintf(`UPDATE wide SET id = id + 1000;
INSERT INTO wide SELECT id + 1000, %[1]s FROM wide; UPDATE wide SET %[2]s = NOT %[2]s WHERE id >= 2000;
INSERT INTO bare SELECT * FROM bare; UPDATE bare SET %[2]s = NOT %[2]s; UPDATE bare SET %[2]s = NOT %[2]s WHERE ctid IN (
  SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY bare::text) %% 2 AS odd FROM bare) AS numbered WHERE odd = 1)`,
		strings.Join(names, ", "), names[0]))
}

// Each value beside an append table is found again from its row, be it of the
// history or a change.
func TestBesideAppendTables(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h := newHarness(t, s.Database(t))
	h.rest = "objects: [{ name: \"public.*\", load_mode: append }]\n"
	h.db.Exec(`CREATE TABLE log (id integer PRIMARY KEY, a integer[]) PARTITION BY RANGE (id);
CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (3); CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (3) TO (9);
INSERT INTO log SELECT i, ARRAY[ARRAY[i]] FROM generate_series(1, 4) i; INSERT INTO log VALUES (5, '{5}')`)
	h.catchUp()
	h.db.Exec("UPDATE log SET a = '{{20}}' WHERE id = 2; INSERT INTO log VALUES (6, '[0:0]={6}')")
	h.catchUp()
	const joined = `SELECT string_agg(l.__hevo_op || l.id || '=' || coalesce(o.value, l.a::VARCHAR), ' ' ORDER BY l.__hevo_lsn, l.id)
FROM log l LEFT JOIN __trunkline.overflow o ON o.key = '["' || l.__hevo_lsn || '","' || l.__hevo_seq || '"]'`
	if got, want := h.query(joined), "R1={{1}} R2={{2}} R3={{3}} R4={{4}} R5=[5] U2={{20}} I6=[0:0]={6}"; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

// compareSamples compares the tables of CreateWideSamples with what the server
// prints. The key of a row tells its number by its last three digits.
func (h *harness) compareSamples(samples []pgtest.Sample, rows int) {
	h.t.Helper()
	b := h.openBothSides()
	beside := func(row []*string, column int) bool {
		id, err := strconv.Atoi(*row[0])
		if err != nil {
			h.t.Fatal(err)
		}
		n := id % 1000
		return column > 0 && n < len(samples[column-1].Values) && samples[column-1].Values[n].Beside
	}
	want, got := b.printed("wide", beside), b.read("wide")
	if len(want) != rows || len(got) != rows {
		h.t.Fatalf("%d rows, %d in the destination; want %d", len(want), len(got), rows)
	}
	for n := range want {
		for i := range want[n] {
			if want[n][i] != got[n][i] {
				h.t.Errorf("%s of row %s is\n %v, want\n %v", b.tables["wide"].Columns[i].Type.Name, want[n][0].text, got[n][i], want[n][i])
			}
		}
	}
	b.compareBare(want)
}

// compareBare compares the rows without a key, which are those with one but for
// the key.
func (b *bothSides) compareBare(wide []sampleRow) {
	b.t.Helper()
	var want, got []string
	for _, row := range wide {
		want = append(want, fmt.Sprint(row[1:]))
	}
	for _, row := range b.read("bare") {
		got = append(got, fmt.Sprint(row))
	}
	slices.Sort(want)
	slices.Sort(got)
	for n := range want {
		if n < len(got) && want[n] != got[n] {
			b.t.Errorf("a row without a key is\n %s, want\n %s", got[n], want[n])
		}
	}
	if len(got) != len(want) {
		b.t.Errorf("%d rows without a key, want %d", len(got), len(want))
	}
}

// sampleRow is a row, sampleValue a value as text and whether it stands beside
// the row.
type (
	sampleRow   []sampleValue
	sampleValue struct {
		text   string
		beside bool
	}
)

func (v sampleValue) String() string {
	if v.beside {
		return "beside " + strconv.Quote(v.text)
	}
	return strconv.Quote(v.text)
}

// bothSides reads tables at the source and in the destination, as they are
// after a run.
type bothSides struct {
	t           *testing.T
	source      *source.Source
	destination destination.Querier
	objects     map[string]*source.Table
	tables      map[string]*schema.Table
}

// openBothSides opens both for the rest of the test.
func (h *harness) openBothSides() *bothSides {
	h.t.Helper()
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	a, c := h.load()
	b := &bothSides{t: h.t, objects: map[string]*source.Table{}, tables: map[string]*schema.Table{}}
	fail := func(err error) {
		if err != nil {
			h.t.Helper()
			h.t.Fatal(err)
		}
	}
	s, err := a.OpenSource(ctx, c, log)
	fail(err)
	h.t.Cleanup(func() { _ = s.Close() })
	d, err := a.OpenDestination(ctx, c, log)
	fail(err)
	h.t.Cleanup(func() { _ = d.Close() })
	b.source, b.destination = s, d.(destination.Querier)
	tables, err := s.Tables(ctx)
	fail(err)
	for i := range tables {
		b.objects[tables[i].Name.Name] = &tables[i]
	}
	checkpoint, err := b.destination.Checkpoint(ctx)
	fail(err)
	for _, t := range checkpoint.Tables {
		b.tables[t.Table.Name] = t.Table
	}
	return b
}

// printed are the rows of a table as the server prints them to our sessions, in
// the order of their first column.
func (b *bothSides) printed(name string, beside func(row []*string, column int) bool) (rows []sampleRow) {
	b.t.Helper()
	err := b.source.ReadTexts(context.Background(), b.objects[name], b.tables[name], "", func(fields []*[]byte) {
		texts := make([]*string, len(fields))
		for i, field := range fields {
			if field != nil {
				text := pgvalue.SideText(*field)
				texts[i] = &text
			}
		}
		row := make(sampleRow, len(fields))
		for i, text := range texts {
			row[i].text = pgtest.Null
			if text != nil {
				row[i] = sampleValue{*text, beside(texts, i)}
			}
		}
		rows = append(rows, row)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return sorted(rows)
}

func sorted(rows []sampleRow) []sampleRow {
	slices.SortFunc(rows, func(a, b sampleRow) int { return strings.Compare(a[0].text, b[0].text) })
	return rows
}

// read are the rows of a table in the destination, in the same order.
func (b *bothSides) read(name string) (rows []sampleRow) {
	b.t.Helper()
	table := b.tables[name]
	columns, beside := table.Current(), b.beside(table)
	records, err := b.destination.Scan(context.Background(), table, slices.Concat(columns, destination.Identity(table)))
	if err != nil {
		b.t.Fatal(err)
	}
	defer records.Release()
	for records.Next() {
		record := records.RecordBatch()
		for n := range int(record.NumRows()) {
			key, err := destination.KeyOf(table, record, len(columns), n)
			if err != nil {
				b.t.Fatal(err)
			}
			row := make(sampleRow, len(columns))
			for at, i := range columns {
				row[at] = b.value(&table.Columns[i], record.Column(at), n, beside[key])
			}
			rows = append(rows, row)
		}
	}
	if err := records.Err(); err != nil {
		b.t.Fatal(err)
	}
	return sorted(rows)
}

// value is one value; beside has those beside its row, by the name of their
// column.
func (b *bothSides) value(column *schema.Column, values arrow.Array, row int, beside map[string]string) sampleValue {
	b.t.Helper()
	text, ok := beside[column.Name]
	switch {
	case !values.IsNull(row):
		printed, err := pgvalue.Print(nil, &column.Type, values, row)
		if err != nil {
			b.t.Fatal(err)
		}
		return sampleValue{string(printed), ok}
	case ok:
		return sampleValue{text, true}
	}
	return sampleValue{text: pgtest.Null}
}

// beside are the values beside the rows of a table, by the name of their row and
// that of their column.
func (b *bothSides) beside(table *schema.Table) map[string]map[string]string {
	b.t.Helper()
	values, err := b.destination.Overflow(context.Background(), table)
	if err != nil {
		b.t.Fatal(err)
	}
	texts := map[string]map[string]string{}
	for _, o := range values {
		if texts[o.Key] == nil {
			texts[o.Key] = map[string]string{}
		}
		texts[o.Key][o.Column] = o.Value
	}
	return texts
}
