package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

// Route leads the tuples of one relation, as it is described now, to the columns
// of its table.
type Route struct {
	Table *schema.Table
	// from has, for each data column of the table, the index of its value in the
	// tuple, or -1 where the relation has no such column any more.
	from []int
	// key has the indexes in the tuple of the key's columns.
	key []int
	// missing are the values that rows of an older shape of the relation have in
	// columns that were added since (schema.Column.Missing).
	missing [][]byte
	width   int
}

// NewRoute maps a relation to its table, by the names that the columns have, or
// had, at the source.
func NewRoute(table *schema.Table, relation *pgoutput.Relation) (*Route, error) {
	at := make([]int, len(table.Columns))
	for i := range at {
		at[i] = -1
	}
	for n, c := range relation.Columns {
		if i := table.FindSource(c.Name); i >= 0 && at[i] < 0 {
			at[i] = n
		}
	}
	r := &Route{Table: table, width: len(relation.Columns)}
	for _, i := range table.Data() {
		column := &table.Columns[i]
		from := at[i]
		r.from = append(r.from, from)
		var missing []byte
		if from < 0 && column.Missing != nil {
			missing = []byte(*column.Missing)
		}
		r.missing = append(r.missing, missing)
	}
	for _, i := range table.Key {
		from := at[i]
		if from < 0 {
			return nil, fmt.Errorf("%v: key column %q is not in what the server sends", table.Object, table.Columns[i].Source)
		}
		r.key = append(r.key, from)
	}
	return r, nil
}

func (r *Route) check(t pgoutput.Tuple) error {
	if len(t) != r.width {
		return fmt.Errorf("%v: a row of %d columns where %d were announced", r.Table.Object, len(t), r.width)
	}
	return nil
}

// Hasher makes the stable hash by which rows without a key are told apart:
// 128 bits over the text of every data column, as PostgreSQL prints it under
// pinned session settings.
type Hasher struct {
	buf []byte
	out [32]byte
}

// Begin starts a row.
func (h *Hasher) Begin() { h.buf = h.buf[:0] }

// Null adds a null.
func (h *Hasher) Null() { h.buf = append(h.buf, 0) }

// Text adds a value. Its length goes in front, so that no two rows of different
// values run together to the same bytes.
func (h *Hasher) Text(text []byte) {
	h.buf = append(h.buf, 1)
	h.buf = binary.AppendUvarint(h.buf, uint64(len(text)))
	h.buf = append(h.buf, text...)
}

// Sum is the hash as 32 hexadecimal digits, valid until the next Sum.
func (h *Hasher) Sum() []byte {
	sum := sha256.Sum256(h.buf)
	hex.Encode(h.out[:], sum[:16])
	return h.out[:]
}
