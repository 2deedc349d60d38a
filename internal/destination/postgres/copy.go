package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
)

const (
	// nullField is the length of a field that is null.
	nullField uint32 = 1<<32 - 1
	// binaryHead begins a COPY in binary form, binaryEnd ends it.
	binaryHead = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	binaryEnd  = "\xff\xff"
	// copyBuffer is how much is made at once; larger rows are made whole.
	copyBuffer = 64 << 10
)

// outColumn is one column of rows on their way into a table.
type outColumn struct {
	array arrow.Array
	as    *pgvalue.Type
	// binary is nil where the value has a text form only.
	binary encoding
	// loaded, of a column without array, is the same instant in every row.
	loaded pg.Micros
	// bits and words, of a column without array, are a boolean and a byte string
	// of the row.
	bits  batch.Bits
	words []uint64
	width int // of words
	kind  outKind
}

// outKind says where the values of a column come from.
type outKind uint8

const (
	fromArray outKind = iota
	fromClock
	fromBits
	fromWords
	fromNumber // of the row
)

// cell is a row and the position of a column.
type cell struct{ row, column int }

// outRows are rows on their way into a table, as the reader that COPY takes.
type outRows struct {
	columns []outColumn
	rows    int
	// only, unless it is nil, says which rows go.
	only func(row int) bool
	// instead are values in text form that replace those of the arrays; nil is
	// null.
	instead map[cell]*string

	fields  []field
	binary  bool
	begun   bool
	next    int
	buf     []byte
	sent    int
	scratch []byte
	// err is what went wrong here; the server hears of it as an end.
	err error
}

// format is the form of COPY: binary, where every column has such a form.
func (o *outRows) format() string {
	o.binary = len(o.instead) == 0
	for i := range o.columns {
		o.binary = o.binary && (o.columns[i].kind != fromArray || o.columns[i].binary != nil)
	}
	if !o.binary {
		return "text"
	}
	for i := range o.columns {
		o.fields = append(o.fields, o.columns[i].field())
	}
	return "binary"
}

func (c *outColumn) field() field {
	switch c.kind {
	case fromClock:
		return func(dst []byte, _ int) []byte { return appendInstant(dst, c.loaded) }
	case fromNumber:
		return func(dst []byte, row int) []byte { return field32(dst, uint32(row)) }
	case fromBits:
		return func(dst []byte, row int) []byte {
			if c.bits.At(row) {
				return append(dst, 0, 0, 0, 1, 1)
			}
			return append(dst, 0, 0, 0, 1, 0)
		}
	case fromWords:
		return func(dst []byte, row int) []byte {
			dst = beginField(dst, 8*c.width)
			for _, w := range c.words[row*c.width : (row+1)*c.width] {
				dst = binary.LittleEndian.AppendUint64(dst, w)
			}
			return dst
		}
	}
	return c.binary(c.array)
}

func (c *outColumn) isNull(row int) bool { return c.kind == fromArray && c.array.IsNull(row) }

// errNoMore ends a COPY that is not to be kept.
var errNoMore = errors.New("the rows have ended before their end")

// Read gives the next bytes of the COPY.
func (o *outRows) Read(p []byte) (int, error) {
	if o.sent == len(o.buf) {
		o.buf, o.sent = o.buf[:0], 0
		if err := o.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.buf[o.sent:])
	o.sent += n
	return n, nil
}

// fill makes some rows.
func (o *outRows) fill() error {
	if o.binary && !o.begun {
		o.buf = append(o.buf, binaryHead...)
	}
	if o.next > o.rows || !o.binary && o.next == o.rows {
		return io.EOF
	}
	o.begun = true
	for len(o.buf) < copyBuffer && o.next < o.rows {
		row := o.next
		o.next++
		switch {
		case o.only != nil && !o.only(row):
		case o.binary:
			o.appendBinary(row)
		default:
			if o.err = o.appendText(row); o.err != nil {
				return errNoMore
			}
		}
	}
	if o.next == o.rows && o.binary {
		o.buf = append(o.buf, binaryEnd...)
		o.next++
	}
	if len(o.buf) == 0 {
		return io.EOF
	}
	return nil
}

func (o *outRows) appendBinary(row int) {
	o.buf = binary.BigEndian.AppendUint16(o.buf, uint16(len(o.columns)))
	for i, f := range o.fields {
		if o.columns[i].isNull(row) {
			o.buf = binary.BigEndian.AppendUint32(o.buf, nullField)
		} else {
			o.buf = f(o.buf, row)
		}
	}
}

// appendText makes a row in COPY's text form.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
func (o *outRows) appendText(row int) (err error) {
	for i := range o.columns {
		if i > 0 {
			o.buf = append(o.buf, '\t')
		}
		text, ok := o.instead[cell{row, i}]
		switch {
		case ok && text != nil:
			o.buf = appendEscaped(o.buf, *text)
			continue
		case ok, o.columns[i].isNull(row):
			o.buf = append(o.buf, `\N`...)
			continue
		}
		if o.scratch, err = o.columns[i].text(o.scratch[:0], row); err != nil {
			return err
		}
		o.buf = appendEscaped(o.buf, o.scratch)
	}
	o.buf = append(o.buf, '\n')
	return nil
}

func (c *outColumn) text(dst []byte, row int) ([]byte, error) {
	switch c.kind {
	case fromClock:
		return c.loaded.Time().AppendFormat(dst, "2006-01-02 15:04:05.999999Z07:00"), nil
	case fromNumber:
		return strconv.AppendInt(dst, int64(row), 10), nil
	case fromBits:
		if c.bits.At(row) {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case fromWords:
		const hex = "0123456789abcdef"
		dst = append(dst, `\x`...)
		for _, w := range c.words[row*c.width : (row+1)*c.width] {
			for range 8 {
				dst = append(dst, hex[w>>4&15], hex[w&15])
				w >>= 8
			}
		}
		return dst, nil
	}
	return pgvalue.Print(dst, c.as, c.array, row)
}

// appendEscaped escapes what means something to COPY.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\':
			dst = append(dst, '\\', '\\')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
