package postgres

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		if slices.Contains(roles, c.role) {
			columns = append(columns, schema.Column{Name: c.name, Role: c.role, Type: pgvalue.Type{Kind: c.kind}})
		}
	}
	return columns
}

// sqlTables are a table of each sort.
func sqlTables() map[string]*schema.Table {
	text := pgvalue.Type{OID: oidText, Name: "text"}
	numeric := pgvalue.Type{OID: oidNumeric, Name: "numeric"}
	missing := `it's a \ default`
	named := func(t *schema.Table, name string) *schema.Table {
		t.Object, t.Name = pg.Name{Schema: "public", Name: name}, name
		return t
	}
	return map[string]*schema.Table{
		"keyed": named(&schema.Table{
			Columns: append([]schema.Column{
				{Name: "id", Type: pgvalue.Type{OID: oidInt8, Name: "bigint", Kind: pgvalue.Int64}, NotNull: true},
				{Name: `Quo"ted`, Type: text, Missing: &missing},
				{Name: "at", Type: pgvalue.Type{OID: oidDate, Name: "date", Kind: pgvalue.Date}, NotNull: true},
				{Name: "amount", Type: pgvalue.Type{OID: oidNumeric, Name: "numeric(12,2)", Kind: pgvalue.Decimal, Precision: 12, Scale: 2}},
				{Name: "grid", Type: pgvalue.Type{OID: 1231, Name: "numeric[]", Kind: pgvalue.List, Elem: &numeric, Dims: 2}},
			}, metadata(schema.IngestedAt, schema.LoadedAt, schema.ModifiedAt, schema.Marked)...),
			Key: []int{2, 0},
		}, "Order Items"),
		"without key": named(&schema.Table{
			Columns: append([]schema.Column{{Name: "a", Type: text}, {Name: "b", Type: pgvalue.Type{OID: oidJSONB, Name: "jsonb", Kind: pgvalue.JSON}}},
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
			l := &layout{statements: statements{schema: "public", table: table, types: newest.typeName}}
			var b strings.Builder
			say := func(title string, statements ...string) {
				fmt.Fprintf(&b, "-- %s\n%s;\n\n", title, strings.Join(statements, ";\n"))
			}
			say("create", l.create())
			say("comment", l.comment(`{"object":"it's"}`))
			say("add column", l.addColumn(1)...)
			say("rename column", l.renameColumn("from", `t"o`))
			say("drop", l.drop())
			say("truncate", l.truncate())
			say("any row", l.anyRow())
			say("rename", l.rename(`k"ept`))
			say("drop constraint", l.dropConstraint("k"))
			say("delete all", l.deleteAll())
			say("copy", copyInto(l.target(), l.names(), "binary"))
			say("read", l.read(destination.Identity(table)))
			say("scan", l.scan(table.Data()))
			if table.Find(schema.Marked) >= 0 {
				say("mark all", l.markAll())
				say("any standing", l.anyStanding())
			}
			if len(table.Key) > 0 {
				sayMerge(say, l)
			}
			if table.Identity == schema.ByRow {
				say("row index", l.rowIndex())
				say("stage removals", stageRemovals("pg_temp.staged_1"))
				say("remove", l.remove("pg_temp.staged_1"))
				say("drop orphans", l.dropOrphans("pg_temp.staged_1"))
			}
			golden(t, strings.ReplaceAll(name, " ", ""), b.String())
		})
	}
}

// sayMerge has the statements of a table with a key.
func sayMerge(say func(string, ...string), l *layout) {
	const rows, keys, partial = "pg_temp.staged_1", "pg_temp.staged_2", "pg_temp.staged_3"
	missing := gaps{none, every, none, some, none}
	say("key", l.key())
	say("stage rows", l.stageRows(rows))
	say("stage keys", l.stageKeys(keys))
	say("stage partial", l.stagePartial(partial))
	say("settle rows", l.settle(rows, partial, false))
	say("settle partial rows", l.settle(partial, rows, true))
	say("unfilled", l.unfilled(partial))
	say("move", l.move(partial, rows, missing))
	say("delete keys", l.deleteKeys(keys, ""))
	say("delete keys beside partial rows", l.deleteKeys(keys, partial))
	say("complete", l.complete(partial, missing))
	say("upsert", l.upsert(rows))
}

// TestSQLBooks compares the statements of the bookkeeping, whole.
func TestSQLBooks(t *testing.T) {
	var b strings.Builder
	for _, sql := range slices.Concat([]string{pinned}, ownTables, []string{
		oneAtATime, ownTablesThere, schemaThere, addCheckpoint, takeOwnership,
		selectCheckpoint + string(beside), selectCheckpoint + string(moving), selectCheckpoint + string(alone),
		updateCheckpoint, intendSlot, recordSlot, selectTables, insertTable, updateTable, deleteTable, endCopy, noteArchive,
		selectChunk, insertChunk, deleteChunks, selectColumns, selectKey, selectKeyName, selectIndexed, selectAbilities,
		selectServer, selectPrivileges, selectOverflow, anyOverflow, forgetAllOverflow, forgetOverflow, renameOverflow, addOverflow,
		selectCopied, keepOverflow, selectTaken, limitLocks, evictSilent,
	}) {
		fmt.Fprintf(&b, "%s;\n\n", sql)
	}
	golden(t, "books", b.String())
}

// TestSQLTypes compares the types of all kinds, on the newest server and on an
// old one.
func TestSQLTypes(t *testing.T) {
	old := abilities{major: 12, extensions: map[string]bool{"public.hstore": true}}
	var b strings.Builder
	say := func(as *pgvalue.Type) {
		fmt.Fprintf(&b, "%s: %s; in 12: %s; as key: %s\n", as.Name, newest.typeName(as, false), old.typeName(as, false), old.typeName(as, true))
	}
	for _, builtin := range pgvalue.Builtins {
		as := pgvalue.Type{OID: builtin.OID, Name: builtin.Name, Kind: builtin.Kind}
		say(&as)
		list := pgvalue.Type{OID: 1, Name: builtin.Name + "[]", Kind: pgvalue.List, Elem: &as, Dims: 1}
		say(&list)
	}
	for i := range pgvalue.Constructs {
		say(&pgvalue.Constructs[i].Example)
	}
	integer := pgvalue.Type{OID: oidInt4, Name: "public.five", Base: "integer", Kind: pgvalue.Int32}
	for _, as := range []pgvalue.Type{
		{OID: oidBPChar, Name: "character(3)"}, {OID: 1560, Name: "bit(8)"}, {OID: oidVarchar, Name: "character varying(10)"},
		{OID: oidVarchar, Name: "character varying(10)", Overridden: true},
		{OID: 20000, Name: "public.code", Base: "character"}, {OID: 20001, Name: "public.flags", Base: `"bit"`},
		{OID: 20002, Name: "public.doc", Base: "jsonb", Kind: pgvalue.JSON}, {OID: 20003, Name: "public.hstore"},
		{OID: 20004, Name: "public.hstore(3)"}, {OID: 20005, Name: "public.five[]", Kind: pgvalue.List, Elem: &integer, Dims: 1},
		{OID: 1015, Name: "character varying(10)[]", Kind: pgvalue.List, Elem: &pgvalue.Type{OID: oidVarchar, Name: "character varying"}, Dims: 1},
	} {
		say(&as)
	}
	golden(t, "types", b.String())
}
