package destination

import (
	"encoding/json"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Identity are the indexes of the columns by which a row is named beside its
// table: its key, or its hash where it has none; in an append table its place in
// the stream, or its number in the history.
func Identity(t *schema.Table) []int {
	if t.Mode == schema.Append {
		return []int{t.Find(schema.CommitLSN), t.Find(schema.Sequence)}
	}
	if id := t.Find(schema.RowID); id >= 0 {
		return []int{id}
	}
	return t.Key
}

// KeyText names a row beside its table, in the side table or in a message: a
// JSON array of the texts of its identity. staged says that record has the
// columns of Table.Staged, else those of Identity.
func KeyText(t *schema.Table, record arrow.RecordBatch, row int, staged bool) (string, error) {
	at := func(n int) int { return n }
	if staged {
		columns := t.Staged()
		at = func(n int) int { return slices.Index(columns, Identity(t)[n]) }
	}
	return keyText(t, record, row, at)
}

// KeyOf is KeyText for a record in which the columns of Identity stand together,
// from index first on.
func KeyOf(t *schema.Table, record arrow.RecordBatch, first, row int) (string, error) {
	return keyText(t, record, row, func(n int) int { return first + n })
}

// keyText prints the columns of Identity, the n-th of which stands at(n).
func keyText(t *schema.Table, record arrow.RecordBatch, row int, at func(n int) int) (string, error) {
	identity := Identity(t)
	parts := make([]*string, len(identity))
	for n, i := range identity {
		column := record.Column(at(n))
		if column.IsNull(row) {
			continue
		}
		text, err := pgvalue.Print(nil, &t.Columns[i].Type, column, row)
		if err != nil {
			return "", err
		}
		s := string(text)
		parts[n] = &s
	}
	out, err := json.Marshal(parts)
	return string(out), err
}
