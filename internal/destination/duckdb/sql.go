package duckdb

import (
	"fmt"
	"strings"

	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// The schema of what Trunkline remembers beside the data.
const ownSchema = "__trunkline"

// Names of staged views and of the temporary tables made from them. The views
// stand among the tables of schema main, where no other may have such a name.
const (
	stagedPrefix   = "__staged_"
	stagedRows     = "__staged_rows"
	stagedKeys     = "__staged_keys"
	stagedPartial  = "__staged_partial"
	stagedDeletes  = "__staged_deletes"
	stagedRemovals = "__staged_removals"
	wantedRemovals = "__wanted_removals"
	stagedOverflow = "__staged_overflow"
	filledRows     = "__filled"
	goneRows       = "__gone"
)

// Columns beside the table's own in staged views; a dollar keeps them apart from
// what tables at the source are likely to have, and staged views number the
// columns of the table anyway.
const (
	columnAbsent = "absent"
	columnDelete = "deletes"
	columnSource = "rid"
)

// statements makes the SQL for one table.
type statements struct {
	schema string
	table  *schema.Table
}

func quote(ident string) string { return pg.Quote(ident) }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// target is the qualified name of the table.
func (s statements) target() string { return quote(s.schema) + "." + quote(s.table.Name) }

func (s statements) column(i int) string { return quote(s.table.Columns[i].Name) }

func (s statements) role(r schema.Role) string { return s.column(s.table.Find(r)) }

// staged is the name that column i of the table has in staged views.
func staged(i int) string { return fmt.Sprintf("c%d", i) }

func base(i int) string { return fmt.Sprintf("b%d", i) }

func missing(word int) string { return fmt.Sprintf("m%d", word) }

func list(n int, item func(i int) string, separator string) string {
	parts := make([]string, n)
	for i := range n {
		parts[i] = item(i)
	}
	return strings.Join(parts, separator)
}

func (s statements) create() string {
	columns := list(len(s.table.Columns), func(i int) string { return "\n  " + s.definition(i) }, ",")
	return fmt.Sprintf("CREATE TABLE %s (%s\n)", s.target(), columns)
}

func (s statements) definition(i int) string {
	c := &s.table.Columns[i]
	text := quote(c.Name) + " " + typeName(&c.Type)
	if c.NotNull {
		text += " NOT NULL"
	}
	return text
}

// comment notes the origin of a table where other tools see it.
func (s statements) comment(origin string) string {
	return fmt.Sprintf("COMMENT ON TABLE %s IS %s", s.target(), literal(origin))
}

func (s statements) addColumn(i int) string {
	return fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s", s.target(), s.definition(i))
}

// backfill gives existing rows the value that rows older than a column have at
// the source; it stands in a staged view of one row.
func (s statements) backfill(i int) string {
	return fmt.Sprintf("UPDATE %s SET %s = (SELECT %s FROM %s)",
		s.target(), s.column(i), incoming(&s.table.Columns[i].Type, staged(i)), stagedRows)
}

func (s statements) renameColumn(from, to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", s.target(), quote(from), quote(to))
}

func (s statements) deleteAll() string { return "DELETE FROM " + s.target() }

// markAll marks what a truncate leaves. Its parameters are the times of
// ingestion, of the commit and of loading, in microseconds.
func (s statements) markAll() string {
	return fmt.Sprintf("UPDATE %s SET %s = true, %s = make_timestamptz(?), %s = make_timestamptz(?), %s = make_timestamptz(?) WHERE NOT %s",
		s.target(), s.role(schema.Marked), s.role(schema.IngestedAt), s.role(schema.ModifiedAt),
		s.role(schema.LoadedAt), s.role(schema.Marked))
}

// anyStanding finds out whether the table has rows that the source has not. Its
// parameters are the pipeline and the object.
func (s statements) anyStanding() string {
	return fmt.Sprintf(`SELECT count(*) FROM (
  SELECT 1 FROM %s WHERE %s
  UNION ALL
  SELECT 1 FROM __trunkline.tables WHERE pipeline = ? AND object = ? AND archive
  LIMIT 1
)`, s.target(), s.role(schema.Marked))
}

// anyRow finds out whether the table has rows.
func (s statements) anyRow() string {
	return fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT 1)", s.target())
}

func (s statements) rename(to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME TO %s", s.target(), quote(to))
}

// insert inserts staged rows. Its parameter is the time of loading.
func (s statements) insert(from string) string {
	columns := len(s.table.Columns)
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s",
		s.target(),
		list(columns, s.column, ", "),
		list(columns, func(i int) string {
			if s.table.Columns[i].Role == schema.LoadedAt {
				return "make_timestamptz(?)"
			}
			return incoming(&s.table.Columns[i].Type, staged(i))
		}, ", "),
		from)
}

// deleteKeys deletes the rows whose keys stand in a staged view.
func (s statements) deleteKeys(from string) string {
	return fmt.Sprintf("DELETE FROM %s AS t USING %s AS s WHERE %s", s.target(), from, s.sameKey("t", "s", staged))
}

// sameKey compares the key of the target with that of a staged view. Values of
// key columns are never null.
func (s statements) sameKey(target, source string, name func(int) string) string {
	return list(len(s.table.Key), func(i int) string {
		k := s.table.Key[i]
		return target + "." + s.column(k) + " = " + incoming(&s.table.Columns[k].Type, source+"."+name(k))
	}, " AND ")
}

// fill completes partial rows: values that were not sent are read from the row
// of the base key, before any row is deleted. Where there is none, the key, which
// is never null, is.
func (s statements) fill() string {
	data := s.table.Data()
	bit := make(map[int]int, len(data))
	for i, column := range data {
		bit[column] = i
	}
	columns := s.table.Staged()
	return fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS SELECT %s, s.%s, t.%s IS NULL AS %s FROM %s AS s LEFT JOIN %s AS t ON %s",
		filledRows,
		list(len(columns), func(n int) string {
			i := columns[n]
			value := incoming(&s.table.Columns[i].Type, "s."+staged(i))
			if b, ok := bit[i]; ok && !s.table.IsKey(i) {
				value = fmt.Sprintf("CASE WHEN (s.%s >> %d) & 1 = 1 THEN t.%s ELSE %s END", missing(b>>6), b&63, s.column(i), value)
			}
			return value + " AS " + staged(i)
		}, ", "),
		columnDelete, s.column(s.table.Key[0]), columnAbsent, stagedPartial, s.target(), s.sameKey("t", "s", base))
}

// unfilled counts the rows that lack their base although it must be there.
const unfilled = "SELECT count(*) FROM " + filledRows + " WHERE " + columnAbsent + " AND NOT " + columnDelete

// filled are the rows of fill to insert.
const filled = filledRows + " WHERE NOT " + columnAbsent

// remove finds the rows of a multiset that go, oldest first: rows stand in the
// order in which they came. Times would not do, for those of commits do not
// always ascend.
func (s statements) remove() string {
	id := s.role(schema.RowID)
	return fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE %s AS
WITH present AS (
  SELECT rowid AS %s, %s AS id, row_number() OVER (PARTITION BY %s ORDER BY rowid) AS n
  FROM %s WHERE NOT %s AND %s IN (SELECT id FROM %s)
), wanted AS (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY seq) AS n FROM %s
)
SELECT present.%s, wanted.mark, wanted.ingested, wanted.modified FROM present JOIN wanted USING (id, n)`,
		goneRows, columnSource, id, id, s.target(), s.role(schema.Marked), id, wantedRemovals, wantedRemovals, columnSource)
}

// insertMarked inserts again, marked, the rows found by remove that stay as
// marked ones. Its parameter is the time of loading.
func (s statements) insertMarked() string {
	columns := len(s.table.Columns)
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t JOIN %s AS g ON t.rowid = g.%s WHERE g.mark",
		s.target(),
		list(columns, s.column, ", "),
		list(columns, func(i int) string {
			switch s.table.Columns[i].Role {
			case schema.LoadedAt:
				return "make_timestamptz(?)"
			case schema.IngestedAt:
				return "g.ingested"
			case schema.ModifiedAt:
				return "g.modified"
			case schema.Marked:
				return "true"
			}
			return "t." + s.column(i)
		}, ", "),
		s.target(), goneRows, columnSource)
}

func (s statements) deleteGone() string {
	return fmt.Sprintf("DELETE FROM %s AS t USING %s AS g WHERE t.rowid = g.%s", s.target(), goneRows, columnSource)
}

// dropOrphans forgets values in the side table whose last row went. Its
// parameters are the schema and the name of the table.
func (s statements) dropOrphans() string {
	id := s.role(schema.RowID)
	return forgetAllOverflow + fmt.Sprintf(` AND key IN (
  SELECT '["' || id || '"]' FROM %s WHERE id NOT IN (SELECT %s FROM %s)
)`, wantedRemovals, id, s.target())
}

// read reads columns of all rows.
func (s statements) read(columns []int) string {
	return fmt.Sprintf("SELECT %s FROM %s", list(len(columns), func(n int) string {
		c := &s.table.Columns[columns[n]]
		return outgoing(&c.Type, quote(c.Name)) + " AS " + quote(c.Name)
	}, ", "), s.target())
}

// scan reads columns of the rows that are not marked.
func (s statements) scan(columns []int) string {
	text := s.read(columns)
	if s.table.Find(schema.Marked) >= 0 {
		text += " WHERE NOT " + s.role(schema.Marked)
	}
	return text
}
