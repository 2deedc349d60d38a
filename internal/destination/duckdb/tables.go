package duckdb

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// selectColumns finds the columns of all tables and views, or of one, as DuckDB
// finds them: names that differ in the case of ASCII letters alone are the same.
var selectColumns = `SELECT ` + foldCase("c.table_name") + `, t.comment, c.column_name, c.data_type, c.is_nullable
FROM duckdb_columns() c LEFT JOIN duckdb_tables() t USING (database_name, schema_name, table_name)
WHERE c.database_name = current_database() AND ` + foldCase("c.schema_name") + ` = ` + foldCase("?") +
	` AND (? OR ` + foldCase("c.table_name") + ` = ` + foldCase("?") + `)
ORDER BY c.table_name, c.column_index`

// foldCase is fold in SQL.
func foldCase(expr string) string {
	return `translate(` + expr + `, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')`
}

// fold makes names that DuckDB takes for the same the same.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// found is a table as it is in the file.
type found struct {
	comment string
	columns []foundColumn
}

type foundColumn struct {
	destination.ColumnInfo
	nullable bool
}

// look finds a table or view; it has no columns if there is none.
func (d *database) look(ctx context.Context, s *session, name string) (f found, err error) {
	err = s.query(ctx, selectColumns, func(v []driver.Value) error {
		f.add(v)
		return nil
	}, d.settings.Schema, false, name)
	return f, err
}

// add adds a column, as selectColumns describes it.
func (f *found) add(v []driver.Value) {
	f.comment, _ = v[1].(string)
	f.columns = append(f.columns, foundColumn{
		destination.ColumnInfo{Name: v[2].(string), Type: v[3].(string)}, v[4].(bool),
	})
}

// wanted are the columns that a table should have.
func wanted(t *schema.Table) []foundColumn {
	columns := make([]foundColumn, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		columns[i] = foundColumn{destination.ColumnInfo{Name: c.Name, Type: typeName(&c.Type)}, !c.NotNull}
	}
	return columns
}

// has reports whether there is a column of exactly this name.
func (f *found) has(name string) bool {
	return slices.ContainsFunc(f.columns, func(c foundColumn) bool { return c.Name == name })
}

// Tables describes those of the named tables that exist, views included. Each
// has the name that was asked for.
func (d *database) Tables(ctx context.Context, names []string) (infos []destination.TableInfo, err error) {
	if !d.exists() {
		return nil, nil
	}
	all := map[string]*found{}
	err = d.use(ctx, func(s *session) error {
		return s.query(ctx, selectColumns, func(v []driver.Value) error {
			name := v[0].(string)
			if all[name] == nil {
				all[name] = &found{}
			}
			all[name].add(v)
			return nil
		}, d.settings.Schema, true, "")
	})
	for _, name := range names {
		f := all[fold(name)]
		if f == nil {
			continue
		}
		info := destination.TableInfo{Name: name, Origin: destination.ParseOrigin(f.comment)}
		for _, c := range f.columns {
			info.Columns = append(info.Columns, c.ColumnInfo)
		}
		infos = append(infos, info)
	}
	return infos, err
}
