package postgres

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg"
)

// outColumns are the columns of a record of Table.Staged, and the time of
// loading, in the order of the table.
func (l *layout) outColumns(record arrow.RecordBatch, loaded pg.Micros) []outColumn {
	at := l.table.Staged()
	columns := make([]outColumn, len(l.table.Columns))
	for i := range columns {
		if n := slices.Index(at, i); n >= 0 {
			columns[i] = l.outColumn(i, record.Column(n))
		} else {
			columns[i] = outColumn{kind: fromClock, loaded: loaded}
		}
	}
	return columns
}

func (l *layout) outColumn(i int, a arrow.Array) outColumn {
	return outColumn{array: a, as: &l.table.Columns[i].Type, binary: l.columns[i].binary}
}

// keyColumns are the columns of a record of Table.Key.
func (l *layout) keyColumns(record arrow.RecordBatch) []outColumn {
	columns := make([]outColumn, len(l.table.Key))
	for n, i := range l.table.Key {
		columns[n] = l.outColumn(i, record.Column(n))
	}
	return columns
}

// names are the quoted names of columns in the table, stagedNames those in
// temporary tables.
func (l *layout) names() []string { return mapped(l.all(), l.column) }

func (l *layout) stagedNames() []string { return mapped(l.all(), staged) }

func mapped(columns []int, name func(i int) string) []string {
	out := make([]string, len(columns))
	for n, i := range columns {
		out[n] = name(i)
	}
	return out
}
