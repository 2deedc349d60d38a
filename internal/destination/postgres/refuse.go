package postgres

import (
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
	"trunkline/internal/pg/pgvalue"
)

const oidNumrange, oidNummultirange = 3906, 4532

// shortest is the one interval that no server reads as it prints it.
const shortest = "-2562047788:00:54.775808"

// manyHours finds hours that may be more than fit into 32 bits.
var manyHours = regexp.MustCompile(`[0-9]{10}:`)

// wary reports whether a column takes less than the newest servers have.
func (a *abilities) wary(c layoutColumn) bool {
	switch c.innermost() {
	case oidNumeric, oidNumrange:
		return a.major < 14
	case oidInterval:
		return true
	}
	return false
}

// refuses reports whether a wary column does not take a value: infinite numbers
// came with version 14, infinite intervals with 17, and hours that do not fit
// into 32 bits with 15. In arrays the shortest interval cannot be spelled.
func (a *abilities) refuses(c layoutColumn, text string) bool {
	if c.innermost() != oidInterval {
		return strings.Contains(text, "Infinity")
	}
	return a.major < 17 && strings.Contains(text, "infinity") || c.elem != 0 && strings.Contains(text, shortest) ||
		a.major < 15 && slices.ContainsFunc(manyHours.FindAllString(text, -1), func(h string) bool { return h > "2147483647:" })
}

// innermost is the type of the elements of an array, else of the column itself.
func (c layoutColumn) innermost() uint32 {
	if c.elem != 0 {
		return c.elem
	}
	return c.oid
}

// instead parts the values that Arrow cannot hold: most the table can, and they
// go there as text; the others are for the side table. So are those that only
// newer servers take.
func (l *layout) instead(record arrow.RecordBatch, overflow []batch.Overflow) (texts map[cell]*string, side []batch.Overflow) {
	put := func(o batch.Overflow) {
		if texts == nil {
			texts = map[cell]*string{}
		}
		c := l.columns[o.Column]
		if pgvalue.IsSideBytes(o.Text) || l.abilities.wary(c) && l.abilities.refuses(c, o.Text) {
			side = append(side, o)
			texts[cell{o.Row, o.Column}] = nil
			return
		}
		text := readable(c, o.Text)
		texts[cell{o.Row, o.Column}] = &text
	}
	for _, o := range overflow {
		put(o)
	}
	for n, i := range l.table.Staged() {
		if l.abilities.wary(l.columns[i]) {
			l.refused(record.Column(n), i, put)
		}
	}
	return texts, side
}

// refused finds the values of a wary column that it does not take. What Arrow
// keeps as anything but text cannot be such.
func (l *layout) refused(a arrow.Array, i int, put func(batch.Overflow)) {
	list, isList := a.(*array.List)
	if _, isText := a.(*array.String); !isText && !isList || isList && list.ListValues().DataType().ID() != arrow.STRING {
		return
	}
	var text []byte
	for row := range a.Len() {
		if a.IsNull(row) {
			continue
		}
		text, _ = pgvalue.Print(text[:0], &l.table.Columns[i].Type, a, row) // texts print
		if l.abilities.refuses(l.columns[i], string(text)) {
			put(batch.Overflow{Row: row, Column: i, Text: string(text)})
		}
	}
}

// readable is a text in a form that the server reads.
func readable(c layoutColumn, text string) string {
	if c.oid != oidInterval {
		return text
	}
	return strings.Replace(text, shortest, "-2562047788 hours -54.775808 secs", 1)
}
