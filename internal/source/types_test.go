package source

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/batch"
	"trunkline/internal/config"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestEveryType reads every sample by COPY and by the stream, from a table with
// a key, where COPY is binary as far as it can be, and from one without, where
// all is text. What Arrow holds, or what stands beside the row, must be what the
// server prints.
func TestEveryType(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		db := s.Database(t)
		samples := pgtest.Samples(s.Major())
		db.CreateSamples(samples)
		r := openReading(t, db, db.Name())
		r.copyAll()
		db.RepeatSamples(samples)
		r.streamAll()
		for i := range samples {
			r.compare(&samples[i])
		}
	})
}

// reading is a database that is read by the way of production.
type reading struct {
	t      *testing.T
	source *Source
	slot   string
	start  *Snapshot
	tables map[string]*Table
	plans  map[string]*schema.Table
	// copied and streamed are the rows of each table.
	copied, streamed map[string]rowsRead
}

func openReading(t *testing.T, db *pgtest.DB, database string) *reading {
	t.Helper()
	ctx := t.Context()
	s, err := Open(ctx, &config.Source{
		Host: "127.0.0.1", Port: db.Server().Port(), User: "postgres", Database: database, SSL: config.SSL{Mode: config.SSLOff},
	}, "types_test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := &reading{
		t: t, source: s, slot: "types_" + database, tables: map[string]*Table{}, plans: map[string]*schema.Table{},
		copied: map[string]rowsRead{}, streamed: map[string]rowsRead{},
	}
	tables, err := s.Tables(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(ctx, r.slot, tables); err != nil {
		t.Fatal(err)
	}
	if r.start, err = s.CreateSlot(ctx, r.slot, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.start.Close() })
	for i := range tables {
		name := tables[i].Name.Name
		r.tables[name], r.plans[name] = &tables[i], plan(&tables[i])
	}
	return r
}

// plan is the table as the pipeline would plan it, as far as reading goes.
func plan(t *Table) *schema.Table {
	out := &schema.Table{Object: t.Name, Name: t.Name.Name, Identity: t.Identity().Kind}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, schema.Column{Name: c.Name, Type: c.Type, Source: c.Name, Number: c.Number})
	}
	if out.Identity == schema.ByKey {
		out.Key = []int{0}
		return out
	}
	out.Columns = append(out.Columns, schema.Column{Name: "__hevo_id", Role: schema.RowID, Type: pgvalue.Type{Name: "text"}})
	return out
}

// copyAll reads the history of every table.
func (r *reading) copyAll() {
	r.t.Helper()
	reader, err := r.start.Reader(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	for name, table := range r.tables {
		chunks, err := r.source.Chunks(r.t.Context(), table)
		if err != nil || len(chunks) != 1 {
			r.t.Fatalf("%s: %d chunks, %v", name, len(chunks), err)
		}
		for rows, err := range reader.Copy(r.t.Context(), chunks[0], r.plans[name], "", func(int, int64) {}) {
			if err != nil {
				r.t.Fatalf("copy %s (%s): %v", name, r.plans[name].Columns[0].Type.Name, err)
			}
			r.copied[name] = r.read(r.plans[name], rows.Record, rows.Overflow)
			rows.Record.Release()
		}
	}
}

// streamAll reads the one transaction that was written since.
func (r *reading) streamAll() {
	r.t.Helper()
	stream, err := r.source.Stream(r.t.Context(), StreamOptions{
		Slot: r.slot, Publications: ManagedPublications(r.slot), Start: r.start.ConsistentPoint, Scratch: r.t.TempDir(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	builder := batch.NewBuilder(batch.Limits{Events: 1 << 30, Bytes: 1 << 30})
	routes := map[uint32]*batch.Route{}
	var m pgoutput.Message
	for m.Kind != pgoutput.KindCommit || builder.Events() == 0 {
		signal, err := stream.Next(&m, time.Now().Add(time.Second))
		switch {
		case err != nil:
			r.t.Fatal(err)
		case signal != Change:
			m.Kind = 0
		case m.Kind == pgoutput.KindRelation:
			routes[m.Relation.ID], err = batch.NewRoute(r.plans[m.Relation.Name.Name], m.Relation)
		case m.Kind == pgoutput.KindInsert:
			err = builder.Insert(routes[m.RelationID], &m)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	part := builder.Seal()
	defer builder.Release(part)
	for _, c := range part.Changes {
		r.streamed[c.Table.Name] = r.read(c.Table, c.Rows, c.Overflow)
	}
}

// rowsRead are the values of a column v, and the hashes of the rows without a key.
type rowsRead struct {
	values []valueRead
	ids    []string
}

// valueRead is a value as text, or pgtest.Null.
type valueRead struct {
	text   string
	beside bool
}

// read prints the rows of a record.
func (r *reading) read(table *schema.Table, record arrow.RecordBatch, overflow []batch.Overflow) (out rowsRead) {
	r.t.Helper()
	v := table.FindName("v")
	at := slices.Index(table.Staged(), v)
	for row := range int(record.NumRows()) {
		value := valueRead{text: pgtest.Null}
		if column := record.Column(at); !column.IsNull(row) {
			text, err := pgvalue.Print(nil, &table.Columns[v].Type, column, row)
			if err != nil {
				r.t.Fatalf("%s: %v", table.Name, err)
			}
			value.text = string(text)
		}
		for _, o := range overflow {
			if o.Row == row && o.Column == v {
				value = valueRead{pgvalue.SideText([]byte(o.Text)), true}
			}
		}
		out.values = append(out.values, value)
		if id := table.Find(schema.RowID); id >= 0 {
			out.ids = append(out.ids, record.Column(slices.Index(table.Staged(), id)).ValueStr(row))
		}
	}
	return out
}

// compare compares what was read of a sample with what the server prints.
func (r *reading) compare(s *pgtest.Sample) {
	r.t.Helper()
	want := r.printed(s)
	for _, read := range []struct {
		how  string
		rows rowsRead
	}{
		{"COPY, mixed", r.copied["k_"+s.Name]}, {"COPY, text", r.copied["l_"+s.Name]},
		{"stream, keyed", r.streamed["k_"+s.Name]}, {"stream, no key", r.streamed["l_"+s.Name]},
	} {
		if len(read.rows.values) != len(want) {
			r.t.Errorf("%s by %s: %d rows, want %d", s.Type, read.how, len(read.rows.values), len(want))
			continue
		}
		for i, got := range read.rows.values {
			if got != want[i] {
				r.t.Errorf("%s by %s: row %d is\n %+v, want\n %+v", s.Type, read.how, i, got, want[i])
			}
		}
	}
	if copied, streamed := r.copied["l_"+s.Name].ids, r.streamed["l_"+s.Name].ids; !slices.Equal(copied, streamed) {
		r.t.Errorf("%s: the hashes by COPY are %v, by the stream %v", s.Type, copied, streamed)
	}
}

// printed is what the server prints under the settings of our sessions.
func (r *reading) printed(s *pgtest.Sample) (want []valueRead) {
	r.t.Helper()
	results, err := r.source.conn.PgConn().Exec(context.Background(),
		fmt.Sprintf("SELECT v FROM public.k_%s WHERE id < 1000 ORDER BY id", s.Name)).ReadAll()
	if err != nil {
		r.t.Fatal(err)
	}
	for i, row := range results[0].Rows {
		value := valueRead{text: pgtest.Null}
		if row[0] != nil {
			value = valueRead{pgvalue.SideText(row[0]), s.Values[i].Beside}
		}
		want = append(want, value)
	}
	return want
}

// notForColumns are types that exist in the catalog but take no input.
var notForColumns = []string{
	"pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "gtsvector", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary",
}

// TestEveryTypeHasSamples compares the types of a server with the table of types
// and with the samples.
func TestEveryTypeHasSamples(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		sampled := map[string]bool{}
		for _, sample := range pgtest.Samples(s.Major()) {
			sampled[sample.Of] = true
		}
		known := map[string]bool{}
		for _, b := range pgvalue.Builtins {
			known[fmt.Sprint(b.OID, b.Name)] = true
		}
		const types = `SELECT oid, format_type(oid, NULL) FROM pg_type
WHERE typtype IN ('b', 'r', 'm') AND typoutput <> 'array_out'::regproc AND oid < 16384`
		for _, row := range s.Database(t).Query(types) {
			oid, name := row[0], row[1]
			if slices.Contains(notForColumns, name) {
				continue
			}
			if !known[oid+name] {
				t.Errorf("%s (%s) is not in the table of types", name, oid)
			}
			if !sampled[name] || !sampled[name+"[]"] {
				t.Errorf("%s, or an array of it, has no sample", name)
			}
		}
	})
}

// TestMissingValues adds columns with a default to a table that has a row: the
// catalog keeps the value, of whichever type, for the rows that are there.
func TestMissingValues(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		db := s.Database(t)
		db.Exec(pgtest.SampleTypes + "; CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)")
		samples := slices.DeleteFunc(pgtest.Samples(s.Major()), func(s pgtest.Sample) bool {
			// No defaults are allowed of the one, of the other they rewrite the table.
			return strings.HasPrefix(s.Of, "regrole") || strings.HasPrefix(s.Of, "small_price")
		})
		for _, sample := range samples {
			for i, v := range sample.Values[:min(3, len(sample.Values))] {
				db.Exec(fmt.Sprintf("ALTER TABLE t ADD COLUMN %s_%d %s DEFAULT %s", sample.Name, i, sample.Type, v.SQL))
			}
		}
		r := openReading(t, db, db.Name())
		results, err := r.source.conn.PgConn().Exec(t.Context(), "SELECT * FROM public.t").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for i, c := range r.tables["t"].Columns {
			if c.Missing == nil {
				continue // the server has written the row again
			}
			kept++
			if want := string(results[0].Rows[0][i]); *c.Missing != want {
				t.Errorf("%s: the catalog says %q, the row %q", c.Type.Name, *c.Missing, want)
			}
		}
		if kept < len(samples) {
			t.Errorf("only %d values are kept in the catalog", kept)
		}
	})
}
