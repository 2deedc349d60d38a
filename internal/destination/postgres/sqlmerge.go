package postgres

import (
	"fmt"
	"strings"

	"trunkline/internal/schema"
)

// stageRows makes a temporary table for rows of the table.
func (s statements) stageRows(name string) string {
	return s.stage(name, list(s.all(), func(i int) string { return s.column(i) + " AS " + staged(i) }, ", "))
}

// stagePartial makes one for rows some of whose values stand in the table.
func (s statements) stagePartial(name string) string {
	return s.stage(name, list(s.all(), func(i int) string { return s.column(i) + " AS " + staged(i) }, ", ")+", "+
		list(s.table.Key, func(i int) string { return s.column(i) + " AS " + base(i) }, ", ")+
		", NULL::boolean AS "+columnDelete+", NULL::bytea AS "+columnMissing)
}

// stageKeys makes one for keys.
func (s statements) stageKeys(name string) string {
	return s.stage(name, list(s.table.Key, func(i int) string { return s.column(i) + " AS " + staged(i) }, ", "))
}

// stage makes a temporary table that is emptied at the end of each transaction.
// Its columns have the types that those of the table have now.
func (s statements) stage(name, columns string) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s ON COMMIT DELETE ROWS AS SELECT %s FROM %s WITH NO DATA", name, columns, s.target())
}

// sameKey compares keys, whose values are never null.
func (s statements) sameKey(left, right func(i int) string) string {
	return list(s.table.Key, func(i int) string { return left(i) + " = " + right(i) }, " AND ")
}

// of is a way to name columns: those of a table under an alias.
func of(alias string, name func(i int) string) func(i int) string {
	return func(i int) string { return alias + "." + name(i) }
}

// upsert writes staged rows, whatever stands under their keys. Rows that stand
// are updated in place: their entries in indexes stay where no key changes. The
// order of the keys is that of the index, whose pages are then met once.
func (s statements) upsert(from string) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s ORDER BY %s ON CONFLICT (%s) DO UPDATE SET %s",
		s.target(), list(s.all(), s.column, ", "), list(s.all(), staged, ", "), from,
		list(s.table.Key, staged, ", "), list(s.table.Key, s.column, ", "),
		list(s.all(), func(i int) string { return s.column(i) + " = excluded." + s.column(i) }, ", "))
}

// deleteKeys deletes the rows whose keys are staged; those which rows of partial
// are about to complete where they stand are spared, if partial is given.
func (s statements) deleteKeys(from, partial string) string {
	text := fmt.Sprintf("DELETE FROM %s AS t USING %s AS s WHERE %s",
		s.target(), from, s.sameKey(of("t", s.column), of("s", staged)))
	if partial == "" {
		return text
	}
	return text + fmt.Sprintf(" AND NOT EXISTS (SELECT FROM %s AS p WHERE %s AND %s)",
		partial, s.sameKey(of("p", staged), of("s", staged)), s.inPlace("p"))
}

// inPlace is the condition that a partial row stands under the key of its base.
func (s statements) inPlace(alias string) string {
	return s.sameKey(of(alias, staged), of(alias, base))
}

// gaps says of each data column whether its value is missing in no, some or all
// of the partial rows.
type gaps []gap

type gap uint8

const (
	none gap = iota
	some
	every
)

// value is the value of column i of a completed row, and whether it is another
// than that of its base.
func (s statements) value(i int, missing gaps) (text string, other bool) {
	for bit, column := range s.table.Data() {
		switch {
		case column != i || s.table.IsKey(i):
		case missing[bit] == every:
			return "t." + s.column(i), false
		case missing[bit] == some:
			return fmt.Sprintf("CASE WHEN get_bit(p.%s, %d) = 1 THEN t.%s ELSE p.%s END", columnMissing, bit, s.column(i), staged(i)), true
		}
	}
	return "p." + staged(i), true
}

// move completes the partial rows that leave the key of their base, into a table
// of staged rows: before anything is changed.
func (s statements) move(partial, to string, missing gaps) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS p JOIN %s AS t ON %s WHERE NOT (%s)",
		to, list(s.all(), staged, ", "),
		list(s.all(), func(i int) string { text, _ := s.value(i, missing); return text }, ", "),
		partial, s.target(), s.sameKey(of("t", s.column), of("p", base)), s.inPlace("p"))
}

// complete updates the rows that partial ones stand for. Values that were not
// sent are not touched, so that those out of line stay where they are.
func (s statements) complete(partial string, missing gaps) string {
	var set []string
	for _, i := range s.all() {
		if text, other := s.value(i, missing); other {
			set = append(set, s.column(i)+" = "+text)
		}
	}
	return fmt.Sprintf("UPDATE %s AS t SET %s FROM %s AS p WHERE %s AND %s",
		s.target(), strings.Join(set, ", "), partial, s.sameKey(of("t", s.column), of("p", base)), s.inPlace("p"))
}

// unfilled counts the rows that lack their base although it must be there.
func (s statements) unfilled(partial string) string {
	return fmt.Sprintf("SELECT count(*) FROM %s AS p WHERE NOT p.%s AND NOT EXISTS (SELECT FROM %s AS t WHERE %s)",
		partial, columnDelete, s.target(), s.sameKey(of("t", s.column), of("p", base)))
}

// settle drops staged rows that are marked and whose key equals that of another
// row which counts: one in the second table, or a later one in the same. The
// second table counts as a whole if all is set, else only what is not marked.
func (s statements) settle(from, other string, all bool) string {
	marked := staged(s.table.Find(schema.Marked))
	text := fmt.Sprintf("DELETE FROM %[1]s AS s WHERE s.%[2]s AND (EXISTS (SELECT FROM %[1]s AS o WHERE %[3]s AND (NOT o.%[2]s OR o.ctid > s.ctid))",
		from, marked, s.sameKey(of("o", staged), of("s", staged)))
	if other != "" {
		text += fmt.Sprintf(" OR EXISTS (SELECT FROM %s AS o WHERE %s", other, s.sameKey(of("o", staged), of("s", staged)))
		if !all {
			text += " AND NOT o." + marked
		}
		text += ")"
	}
	return text + ")"
}

// stageRemovals makes the temporary table of what goes from a multiset.
func stageRemovals(name string) string {
	return fmt.Sprintf(`CREATE TEMP TABLE %s (id text, ingested timestamp with time zone, modified timestamp with time zone,
  mark boolean, seq integer) ON COMMIT DELETE ROWS`, name)
}

// remove takes rows from a multiset, or marks them: of equal ones the oldest
// first. Rows of the history are older than those of the stream, which follow one
// another as they were received; what has the same times is the same but for the
// time of loading. Its parameter is the time of loading.
func (s statements) remove(from string) string {
	id, marked, ingested, modified := s.role(schema.RowID), s.role(schema.Marked), s.role(schema.IngestedAt), s.role(schema.ModifiedAt)
	return fmt.Sprintf(`WITH wanted AS (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY seq) AS n FROM %[1]s
), present AS (
  SELECT t.ctid AS at, t.%[2]s AS id,
    row_number() OVER (PARTITION BY t.%[2]s ORDER BY t.%[5]s IS NOT NULL, t.%[4]s, t.%[5]s, t.ctid) AS n
  FROM %[6]s AS t WHERE NOT t.%[3]s AND t.%[2]s IN (SELECT id FROM %[1]s)
), gone AS (
  SELECT present.at, wanted.mark, wanted.ingested, wanted.modified FROM present JOIN wanted USING (id, n)
), deleted AS (
  DELETE FROM %[6]s AS t USING gone AS g WHERE t.ctid = g.at AND NOT g.mark
)
UPDATE %[6]s AS t SET %[3]s = true, %[4]s = g.ingested, %[5]s = g.modified, %[7]s = $1
FROM gone AS g WHERE t.ctid = g.at AND g.mark`,
		from, id, marked, ingested, modified, s.target(), s.role(schema.LoadedAt))
}

// dropOrphans forgets values in the side table whose last row went. Its
// parameters are the schema and the name of the table.
func (s statements) dropOrphans(from string) string {
	return forgetAllOverflow + fmt.Sprintf(` AND key IN (
  SELECT '["' || w.id || '"]' FROM %s AS w WHERE NOT EXISTS (SELECT FROM %s AS t WHERE t.%s = w.id)
)`, from, s.target(), s.role(schema.RowID))
}
