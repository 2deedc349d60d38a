package batch

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// Rows are complete rows of a table's history: the columns of Table.Staged.
type Rows struct {
	Record   arrow.RecordBatch
	Overflow []Overflow
}

// Loader turns rows of COPY BINARY into Rows. The query must select the data
// columns in order, in binary form where Table.ReadBinary says so and as text
// elsewhere.
type Loader struct {
	rows     *rows
	binary   []bool
	hasher   Hasher
	received pg.Micros
	log      *changeLog
	number   int64
}

// NewLoader makes a loader for a table.
func NewLoader(table *schema.Table) *Loader {
	l := &Loader{}
	if table.Mode == schema.Append {
		l.log = newChangeLog(table)
		l.rows = l.log.rows
	} else {
		l.rows = newRows(table)
	}
	for _, i := range table.Data() {
		l.binary = append(l.binary, table.ReadBinary(i))
	}
	return l
}

// Received sets when the rows that follow were read.
func (l *Loader) Received(at pg.Micros) { l.received = at }

// chunkRows is more than the rows of any chunk.
const chunkRows = 1 << 32

// Chunk says which chunk of the table the rows are. Rows of an append table are
// numbered through all chunks: beside the table each is known by its number.
func (l *Loader) Chunk(n int) { l.number = int64(n) * chunkRows }

// Len and Size are the rows and bytes collected.
func (l *Loader) Len() int { return l.rows.len() }

// Size is about how many bytes the collected rows take.
func (l *Loader) Size() int { return l.rows.size() }

// Append adds a row: the count of its fields and for each its length, or -1 for
// null, and its bytes.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
func (l *Loader) Append(row []byte) error {
	if len(row) < 2 || int(binary.BigEndian.Uint16(row)) != len(l.rows.data) {
		return fmt.Errorf("%v: a row of other columns than were asked for", l.rows.table.Object)
	}
	row = row[2:]
	hashed := l.rows.id != nil
	l.hasher.Begin()
	for i := range l.rows.data {
		if len(row) < 4 {
			return l.malformed()
		}
		n := int(int32(binary.BigEndian.Uint32(row)))
		row = row[4:]
		if n < 0 {
			l.rows.data[i].AppendNull()
			if hashed {
				l.hasher.Null()
			}
			continue
		}
		if n > len(row) {
			return l.malformed()
		}
		if err := l.value(i, row[:n], hashed); err != nil {
			return err
		}
		row = row[n:]
	}
	return l.finish(hashed)
}

func (l *Loader) malformed() error {
	return fmt.Errorf("%v: a row that ends in the middle of a value", l.rows.table.Object)
}

func (l *Loader) value(i int, field []byte, hashed bool) error {
	if hashed {
		l.hasher.Text(field)
	}
	if l.binary[i] {
		return l.rows.appendBinary(i, field)
	}
	return l.rows.appendText(i, field)
}

func (l *Loader) finish(hashed bool) error {
	if hashed {
		if err := l.rows.id.AppendText(l.hasher.Sum()); err != nil {
			return err
		}
	}
	if l.log != nil {
		e := event{received: l.received, sequence: l.number}
		l.number++
		return l.log.finish(e, opRead, nil)
	}
	l.rows.finish(l.received, 0, false)
	return nil
}

// Take returns the rows collected so far; their memory is theirs.
func (l *Loader) Take() *Rows {
	out := &Rows{Record: l.rows.record(), Overflow: l.rows.overflow}
	for _, c := range l.rows.columns {
		c.Renew()
	}
	l.rows.overflow = nil
	clear(l.rows.overflowAt)
	return out
}
