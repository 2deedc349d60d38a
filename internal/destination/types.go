package destination

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"trunkline/internal/pg/pgvalue"
)

// TypesReference writes the reference page of types in Markdown, from the table
// of types and the words of the destinations.
func TypesReference(w io.Writer, kinds Registry) error {
	p := typesPage{kinds: kinds}
	p.WriteString(typesPreface)
	p.table("PostgreSQL")
	for i := range pgvalue.Builtins {
		b := &pgvalue.Builtins[i]
		p.row(code(b.Name), &pgvalue.Type{OID: b.OID, Name: b.Name, Kind: b.Kind}, b.Note)
	}
	p.WriteString(constructsPreface)
	p.table("What", "Example")
	for i := range pgvalue.Constructs {
		c := &pgvalue.Constructs[i]
		p.row(c.What+" | "+code(c.Example.Name), &c.Example, c.Note)
	}
	p.WriteString(sidePreface)
	_, err := p.WriteTo(w)
	return err
}

// typesPage is the page under way.
type typesPage struct {
	bytes.Buffer
	kinds Registry
}

// table begins a table whose first columns have these heads.
func (p *typesPage) table(heads ...string) {
	for _, k := range p.kinds {
		heads = append(heads, "In `"+k.Name+"`")
	}
	heads = append(heads, "Arrow", "How it is kept", "What stands beside the row")
	fmt.Fprintf(p, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
}

// row adds what becomes of a type.
func (p *typesPage) row(first string, t *pgvalue.Type, note string) {
	cells := []string{first}
	for _, k := range p.kinds {
		cells = append(cells, code(k.TypeName(t)))
	}
	kept := t.Kind.Kept()
	if kept != "" && note != "" {
		kept += "; "
	}
	cells = append(cells, code(fmt.Sprint(t.Arrow())), kept+note, t.Kind.Beside())
	fmt.Fprintf(p, "| %s |\n", strings.TrimRight(strings.Join(cells, " | "), " "))
}

func code(s string) string { return "`" + s + "`" }

const typesPreface = `<!-- Generated from the table of types in internal/pg/pgvalue. Do not edit. -->

# Types

Every value arrives as it is at the source, to the last digit, or it is kept
beside its row. Nothing is rounded, cut off, clamped or turned into null.

* A type with a close relative becomes that. Any other becomes text: what
  PostgreSQL itself prints, under ` + "`DateStyle ISO`, `IntervalStyle postgres`,\n  `TimeZone UTC` and `bytea_output hex`" + `, whatever the server or the role has set.
* A value that its column cannot hold is null there, and its text stands
  [beside the row](#beside-the-row). Each kind of type has few such values; the
  tables below name them. Text that is not UTF-8 is one in every column.
* History, which is read by COPY, and changes, which come by the stream, give the
  same values.
* ` + "`columns: [{ name: ..., type: text }]`" + ` at an object makes any column text, which
  holds every value of it that is UTF-8.
* Columns of a key must hold all their values, for the key names the row. One that
  does not stops the pipeline with fault 3107, which says what to do.

## Types of PostgreSQL

Of versions 12 to 18. Nothing is said where there is nothing to say: such values
are simply the same.

`

const constructsPreface = `
## Types made of other types

`

const sidePreface = `
PostgreSQL as a destination has every built-in type itself, where its version is
not older than the type; names of the source's own objects and roles (` + "`regclass`,\n`aclitem`" + `) and amounts of ` + "`money`" + ` mean nothing there and are text. So are enums,
composite types and ranges of one's own. Types of extensions are themselves where
the destination has the extension, except in keys, else text.

## Beside the row

In a PostgreSQL only text that is not UTF-8 is kept beside its row, and values
that its version does not know yet: infinite numbers before 14, infinite intervals
before 17. Everything else is in its column.

Values that a column cannot hold are in the table ` + "`__trunkline.overflow`" + ` of the
destination, one row for each:

| Column | Meaning |
|---|---|
| ` + "`schema_name`, `table_name`" + ` | the table |
| ` + "`key`" + ` | the row: a JSON array of the texts of its key. Rows without a key are named by ` + "`__hevo_id`" + `, those of an append table by ` + "`__hevo_lsn` and `__hevo_seq`" + `, which number the history too |
| ` + "`column_name`" + ` | the column, which is null |
| ` + "`value`" + ` | the value as PostgreSQL prints it |

So, of a table ` + "`orders`" + ` with the key ` + "`id`" + `:

` + "```sql" + `
SELECT o.id, s.value
FROM orders AS o JOIN __trunkline.overflow AS s ON s.key = '["' || o.id || '"]'
WHERE s.table_name = 'orders' AND s.column_name = 'price';
` + "```" + `

A value goes when its row is written again or deleted, follows the row where
its key changes, and the column where it is renamed.

Text that is not UTF-8, which a database of encoding ` + "`SQL_ASCII`" + ` may hold (and
` + "`\"char\"`" + ` before version 15), is kept beside its row as the hexadecimal digits of its
bytes: ` + "`\\x636166e9`" + `. No other value there begins with a backslash. Where one
element of an array or one field of a composite is not UTF-8, that is the whole
value. A default that is not UTF-8 makes a table that is given such a column load
anew. A table is left out if its name, or that of a column or a type, is not UTF-8.
`
