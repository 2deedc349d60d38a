package postgres

import (
	"fmt"
	"strings"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// ownSchema is the schema of what Trunkline remembers beside the data.
const ownSchema = "__trunkline"

// Columns beside the table's own in temporary tables, which number those.
const (
	columnMissing = "missing"
	columnDelete  = "deletes"
)

// statements makes the SQL for one table. Identifiers are always quoted; values
// are parameters, but in DDL, which takes none.
type statements struct {
	schema string
	table  *schema.Table
	types  func(t *pgvalue.Type, key bool) string
}

func quote(ident string) string { return pg.Quote(ident) }

// target is the qualified name of the table.
func (s statements) target() string { return quote(s.schema) + "." + quote(s.table.Name) }

func (s statements) column(i int) string { return quote(s.table.Columns[i].Name) }

func (s statements) role(r schema.Role) string { return s.column(s.table.Find(r)) }

// staged is the name that column i of the table has in temporary tables, base
// that of a column of the key under which missing values stand.
func staged(i int) string { return fmt.Sprintf("c%d", i) }

func base(i int) string { return fmt.Sprintf("b%d", i) }

// list joins what item makes of some columns.
func list(columns []int, item func(i int) string, separator string) string {
	parts := make([]string, len(columns))
	for n, i := range columns {
		parts[n] = item(i)
	}
	return strings.Join(parts, separator)
}

// all are the indexes of all columns.
func (s statements) all() []int {
	columns := make([]int, len(s.table.Columns))
	for i := range columns {
		columns[i] = i
	}
	return columns
}

func (s statements) columnType(i int) string {
	return columnType(s.types, s.table, i)
}

// columnType is the type of a column. The columns that Trunkline adds keep texts
// to the letter.
func columnType(types func(*pgvalue.Type, bool) string, t *schema.Table, i int) string {
	c := &t.Columns[i]
	if c.Role != schema.Data {
		return kindName(c.Type.Kind)
	}
	return types(&c.Type, t.IsKey(i))
}

func (s statements) create() string {
	columns := list(s.all(), func(i int) string { return "\n  " + s.definition(i) }, ",")
	return fmt.Sprintf("CREATE TABLE %s (%s\n)", s.target(), columns)
}

func (s statements) definition(i int) string {
	text := s.column(i) + " " + s.columnType(i)
	if s.table.Columns[i].NotNull {
		text += " NOT NULL"
	}
	return text
}

// key makes the primary key: after the history is loaded, for an index that is
// made at once costs less than one that grows row by row.
func (s statements) key() string {
	return fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", s.target(), list(s.table.Key, s.column, ", "))
}

func (s statements) dropConstraint(name string) string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", s.target(), quote(name))
}

// rowIndex makes the index by which rows without a key are found.
func (s statements) rowIndex() string {
	return fmt.Sprintf("CREATE INDEX ON %s (%s)", s.target(), s.role(schema.RowID))
}

// comment notes the origin of a table where other tools see it.
func (s statements) comment(origin string) string {
	return fmt.Sprintf("COMMENT ON TABLE %s IS %s", s.target(), pg.Literal(origin))
}

// addColumn adds a column. A default for the rows that are there is kept in the
// catalog and costs nothing; those that come have their own values.
func (s statements) addColumn(i int) []string {
	add := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", s.target(), s.definition(i))
	missing := s.table.Columns[i].Missing
	if missing == nil {
		return []string{add}
	}
	return []string{
		add + " DEFAULT " + pg.Literal(*missing),
		fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", s.target(), s.column(i)),
	}
}

func (s statements) renameColumn(from, to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", s.target(), quote(from), quote(to))
}

func (s statements) drop() string     { return "DROP TABLE " + s.target() }
func (s statements) truncate() string { return "TRUNCATE " + s.target() }

// deleteAll empties the table for those who look afterwards: TRUNCATE would do
// so for those who still read what was before, too.
func (s statements) deleteAll() string { return "DELETE FROM " + s.target() }

// markAll marks what a truncate leaves. Its parameters are the times of
// ingestion, of the commit and of loading.
func (s statements) markAll() string {
	return fmt.Sprintf("UPDATE %s SET %s = true, %s = $1, %s = $2, %s = $3 WHERE NOT %s",
		s.target(), s.role(schema.Marked), s.role(schema.IngestedAt), s.role(schema.ModifiedAt),
		s.role(schema.LoadedAt), s.role(schema.Marked))
}

// anyStanding finds out whether the table has rows that the source has not. Its
// parameters are the pipeline and the object.
func (s statements) anyStanding() string {
	return fmt.Sprintf(`SELECT 1 WHERE EXISTS (SELECT FROM %s WHERE %s)
OR EXISTS (SELECT FROM __trunkline.tables WHERE pipeline = $1 AND object = $2 AND archive)`,
		s.target(), s.role(schema.Marked))
}

// anyRow finds out whether the table has rows.
func (s statements) anyRow() string {
	return "SELECT 1 WHERE EXISTS (SELECT FROM " + s.target() + ")"
}

func (s statements) rename(to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME TO %s", s.target(), quote(to))
}

// copyInto is the COPY of rows into a table.
func copyInto(table string, columns []string, format string) string {
	return fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT %s)", table, strings.Join(columns, ", "), format)
}

// read reads columns of all rows.
func (s statements) read(columns []int) string {
	return fmt.Sprintf("SELECT %s FROM %s", list(columns, s.column, ", "), s.target())
}

// scan reads columns of the rows that are not marked.
func (s statements) scan(columns []int) string {
	text := s.read(columns)
	if s.table.Find(schema.Marked) >= 0 {
		text += " WHERE NOT " + s.role(schema.Marked)
	}
	return text
}
