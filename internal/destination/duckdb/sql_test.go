package duckdb

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (- want, + got); go test -update writes it anew:\n%s", path, d)
	}
}

// metadata are columns as a pipeline adds them.
func metadata(roles ...schema.Role) (columns []schema.Column) {
	for _, c := range []struct {
		name string
		role schema.Role
		kind pgvalue.Kind
	}{
		{"__hevo_id", schema.RowID, pgvalue.Text}, {"__hevo_op", schema.Operation, pgvalue.Text},
		{"__hevo_lsn", schema.CommitLSN, pgvalue.Int64}, {"__hevo_seq", schema.Sequence, pgvalue.Int64},
		{"__hevo_unchanged", schema.UnchangedColumns, pgvalue.JSON},
		{"__hevo_ingested_at", schema.IngestedAt, pgvalue.TimestampTZ}, {"__hevo_loaded_at", schema.LoadedAt, pgvalue.TimestampTZ},
		{"__hevo_source_modified_at", schema.ModifiedAt, pgvalue.TimestampTZ}, {"__hevo_marked_deleted", schema.Marked, pgvalue.Bool},
	} {
		for _, role := range roles {
			if role == c.role {
				columns = append(columns, schema.Column{Name: c.name, Role: c.role, Type: pgvalue.Type{Kind: c.kind}})
			}
		}
	}
	return columns
}

// sqlTables are a table of each sort.
func sqlTables() map[string]*schema.Table {
	text := pgvalue.Type{Kind: pgvalue.Text}
	timetz := pgvalue.Type{Kind: pgvalue.TimeTZ}
	named := func(t *schema.Table, name string) *schema.Table {
		t.Object, t.Name = pg.Name{Schema: "public", Name: name}, name
		return t
	}
	return map[string]*schema.Table{
		"keyed": named(&schema.Table{
			Columns: append([]schema.Column{
				{Name: "id", Type: pgvalue.Type{Kind: pgvalue.Int64}, NotNull: true},
				{Name: `Quo"ted`, Type: text},
				{Name: "at", Type: timetz, NotNull: true},
				{Name: "amount", Type: pgvalue.Type{Kind: pgvalue.Decimal, Precision: 12, Scale: 2}},
				{Name: "times", Type: pgvalue.Type{Kind: pgvalue.List, Elem: &timetz, Dims: 2}},
			}, metadata(schema.IngestedAt, schema.LoadedAt, schema.ModifiedAt, schema.Marked)...),
			Key: []int{2, 0},
		}, "Order Items"),
		"without key": named(&schema.Table{
			Columns: append([]schema.Column{{Name: "a", Type: text}, {Name: "b", Type: pgvalue.Type{Kind: pgvalue.JSON}}},
				metadata(schema.RowID, schema.IngestedAt, schema.LoadedAt, schema.ModifiedAt, schema.Marked)...),
			Identity: schema.ByRow,
		}, "select"),
		"append": named(&schema.Table{
			Columns: append([]schema.Column{{Name: "id", Type: text}}, metadata(schema.Operation, schema.CommitLSN, schema.Sequence,
				schema.UnchangedColumns, schema.IngestedAt, schema.LoadedAt, schema.ModifiedAt)...),
			Mode: schema.Append,
		}, "log's"),
	}
}

// TestSQLStatements compares every statement made for a table, whole.
func TestSQLStatements(t *testing.T) {
	for name, table := range sqlTables() {
		t.Run(name, func(t *testing.T) {
			s := statements{schema: "main", table: table}
			var b strings.Builder
			say := func(title, sql string) { fmt.Fprintf(&b, "-- %s\n%s;\n\n", title, sql) }
			say("create", s.create())
			say("comment", s.comment(`{"object":"it's"}`))
			say("add column", s.addColumn(1))
			say("backfill", s.backfill(0))
			say("rename column", s.renameColumn("from", `t"o`))
			say("insert", s.insert(stagedRows))
			say("delete all", s.deleteAll())
			say("read", s.read(destination.Identity(table)))
			say("scan", s.scan(table.Data()))
			if table.Find(schema.Marked) >= 0 {
				say("mark all", s.markAll())
				say("any standing", s.anyStanding())
			}
			if len(table.Key) > 0 {
				say("delete keys", s.deleteKeys(stagedKeys))
				say("fill", s.fill())
				say("unfilled", unfilled)
				say("insert filled", s.insert(filled))
			}
			if table.Identity == schema.ByRow {
				say("remove", s.remove())
				say("insert marked", s.insertMarked())
				say("delete gone", s.deleteGone())
				say("drop orphans", s.dropOrphans())
			}
			golden(t, strings.ReplaceAll(name, " ", ""), b.String())
		})
	}
}

// TestSQLBooks compares the statements of the bookkeeping, whole.
func TestSQLBooks(t *testing.T) {
	var b strings.Builder
	for _, sql := range append(ownTables, selectCheckpoint, updateCheckpoint, selectTables, selectColumns, selectChunk,
		insertChunk, addOverflow+stagedOverflow, selectOverflow, countOverflow, forgetAllOverflow, forgetOverflow, renameOverflow) {
		fmt.Fprintf(&b, "%s;\n\n", sql)
	}
	golden(t, "books", b.String())
}

// TestSQLTypes compares the types of all kinds.
func TestSQLTypes(t *testing.T) {
	var b strings.Builder
	for k := pgvalue.Kind(0); k <= pgvalue.List; k++ {
		one := pgvalue.Type{Kind: k, Precision: 10, Scale: 3, Elem: &pgvalue.Type{Kind: pgvalue.Date}, Dims: 1}
		list := pgvalue.Type{Kind: pgvalue.List, Elem: &one, Dims: 2}
		fmt.Fprintf(&b, "%v: %s", k, typeName(&one))
		if k != pgvalue.List {
			fmt.Fprintf(&b, ", %s", typeName(&list))
		}
		b.WriteByte('\n')
	}
	golden(t, "types", b.String())
}
