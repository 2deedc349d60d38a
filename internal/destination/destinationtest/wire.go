package destinationtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Values that are not texts. No text of PostgreSQL has a zero byte.
const (
	null = "\x00null"
	// same stands for a value that an update did not touch and the server did not
	// send.
	same = "\x00same"
)

// change is a message of the stream, kept as texts so that it can be sent again.
type change struct {
	relation *relation
	kind     pgoutput.Kind
	// old has all columns if full is set, else those of the key, in its order.
	old, new []string
	full     bool
	// cut says that a part ends behind the change.
	cut bool
}

// transaction is what one commit brings.
type transaction struct {
	commit, end         pg.LSN
	committed, received pg.Micros
	changes             []change
}

// message is the change as it is decoded. The builder may write into it.
func (c *change) message() *pgoutput.Message {
	m := &pgoutput.Message{Kind: c.kind, New: tuple(c.new)}
	switch {
	case c.full:
		m.Old, m.OldIsFull = tuple(c.old), true
	case c.old != nil:
		m.Old = tuple(c.relation.keyed(c.old))
	}
	return m
}

func tuple(values []string) (t pgoutput.Tuple) {
	for _, v := range values {
		switch v {
		case null:
			t = append(t, pgoutput.Column{Kind: pgoutput.Null})
		case same:
			t = append(t, pgoutput.Column{Kind: pgoutput.Unchanged})
		default:
			t = append(t, pgoutput.Column{Kind: pgoutput.Text, Data: []byte(v)})
		}
	}
	return t
}

// feed gives the change to a builder.
func (c *change) feed(b *batch.Builder) error {
	m := c.message()
	switch c.kind {
	case pgoutput.KindInsert:
		return b.Insert(c.relation.route, m)
	case pgoutput.KindUpdate:
		return b.Update(c.relation.route, m)
	case pgoutput.KindDelete:
		return b.Delete(c.relation.route, m)
	}
	return b.Truncate(c.relation.route.Table)
}

// partsOf are transactions as the parts of a batch. torn, unless it is nil, is
// what the receiver says after the last part instead of ending the batch.
func partsOf(b *batch.Builder, transactions []transaction, torn error) func(func(*batch.Part, error) bool) {
	return func(yield func(*batch.Part, error) bool) {
		deliver := func() bool {
			part := b.Seal()
			defer b.Release(part)
			return yield(part, nil)
		}
		for _, t := range transactions {
			b.Begin(t.commit, t.committed, t.received)
			for i := range t.changes {
				if err := t.changes[i].feed(b); err != nil {
					b.Release(b.Seal())
					yield(nil, err)
					return
				}
				if t.changes[i].cut && !deliver() {
					return
				}
			}
		}
		if !b.Empty() && !deliver() {
			return
		}
		if torn != nil {
			yield(nil, torn)
		}
	}
}

// batchOf are transactions as a batch that begins at from.
func batchOf(b *batch.Builder, from batch.Position, transactions []transaction) *batch.Batch {
	to, committed := from, pg.Micros(0)
	if n := len(transactions); n > 0 {
		last := transactions[n-1]
		to, committed = batch.Position{Commit: last.commit, End: last.end}, last.committed
	}
	return &batch.Batch{
		From: from, Parts: partsOf(b, transactions, nil),
		End: func() (batch.Position, pg.Micros) { return to, committed },
	}
}

// copied are rows of a table's history, as a COPY in binary form brings them.
// Those of each number are numbered apart.
func copied(t *schema.Table, number int, received pg.Micros, rows ...[]string) (*batch.Rows, error) {
	loader := batch.NewLoader(t)
	loader.Chunk(number)
	loader.Received(received)
	for _, row := range rows {
		field, err := copyRow(t, row)
		if err != nil {
			return nil, err
		}
		if err := loader.Append(field); err != nil {
			return nil, err
		}
	}
	return loader.Take(), nil
}

// copyRow is a row as the server sends it.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
func copyRow(t *schema.Table, values []string) ([]byte, error) {
	row := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for n, i := range t.Data() {
		if values[n] == null {
			row = binary.BigEndian.AppendUint32(row, 0xffffffff)
			continue
		}
		field := []byte(values[n])
		if t.ReadBinary(i) {
			var err error
			if field, err = binaryForm(&t.Columns[i].Type, values[n]); err != nil {
				return nil, err
			}
		}
		row = binary.BigEndian.AppendUint32(row, uint32(len(field)))
		row = append(row, field...)
	}
	return row, nil
}

// binaryForm is the value as the send function of its type makes it.
func binaryForm(t *pgvalue.Type, value string) ([]byte, error) {
	switch t.Kind {
	case pgvalue.Text:
		return []byte(value), nil
	case pgvalue.Bool:
		if value == "t" {
			return []byte{1}, nil
		}
		return []byte{0}, nil
	case pgvalue.Int32:
		n, err := strconv.ParseInt(value, 10, 32)
		return binary.BigEndian.AppendUint32(nil, uint32(n)), err
	case pgvalue.Int64:
		n, err := strconv.ParseInt(value, 10, 64)
		return binary.BigEndian.AppendUint64(nil, uint64(n)), err
	case pgvalue.UUID:
		return hex.DecodeString(strings.ReplaceAll(value, "-", ""))
	}
	return nil, fmt.Errorf("the suite does not know the binary form of %s", t.Name)
}

// keyed spreads the values of a key over a row whose other values are null.
func (r *relation) keyed(key []string) []string {
	row := slices.Repeat([]string{null}, len(r.wire.Columns))
	for n, name := range r.key {
		row[slices.IndexFunc(r.wire.Columns, func(c pgoutput.RelationColumn) bool { return c.Name == name })] = key[n]
	}
	return row
}
