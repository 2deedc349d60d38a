package pgvalue

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Column is a growing Arrow column. It keeps its memory across Reset, so that a
// column that is filled again and again allocates nothing.
//
// Arrays made by Array alias the column's memory: they are valid until the next
// Reset, Keep or Append, or for good if the next is Renew.
type Column interface {
	// AppendText adds a value in PostgreSQL's text form. ErrCannotHold leaves the
	// column unchanged; any other error means that the text is malformed.
	AppendText(src []byte) error
	// AppendBinary adds a value in PostgreSQL's binary form; only for types whose
	// Binary is set.
	AppendBinary(src []byte) error
	// AppendNull adds a null.
	AppendNull()
	// AppendRow adds a copy of a row of src, a column of the same type, which may
	// be the column itself.
	AppendRow(src Column, row int)
	// Keep drops all rows but those listed, which are in ascending order.
	Keep(rows []int32)
	// Truncate drops the rows from n on.
	Truncate(n int)
	// Len is the number of rows, Size the bytes they take.
	Len() int
	Size() int
	// Array is the column as an Arrow array.
	Array() arrow.Array
	// Reset empties the column and keeps its memory, which arrays made before
	// must not use any more.
	Reset()
	// Renew empties the column and leaves its memory to the arrays made before.
	Renew()
}

// NewColumn makes an empty column for values of t.
func NewColumn(t *Type) Column {
	dt := t.Arrow()
	switch t.Kind {
	case Bool:
		return &Bools{}
	case Int16:
		return newFixed(dt, parseInt[int16], binaryInt16)
	case Int32:
		return newFixed(dt, parseInt[int32], binaryInt32)
	case Int64:
		return newFixed(dt, parseInt[int64], binaryInt64)
	case Uint32:
		return newFixed(dt, parseUint[uint32], binaryUint32)
	case Uint64:
		return newFixed(dt, parseUint[uint64], binaryUint64)
	case Float32:
		return newFixed(dt, parseFloat32, binaryFloat32)
	case Float64:
		return newFixed(dt, parseFloat64, binaryFloat64)
	case Decimal:
		d := decimals{t.Precision, t.Scale}
		return newFixed[decimal128.Num](dt, d.parse, d.binary)
	case Date:
		return newFixed(dt, parseDate, binaryDate)
	case Time:
		return newFixed(dt, parseTime, binaryTime)
	case Timestamp, TimestampTZ:
		return newFixed(dt, parseTimestamp, binaryTimestamp)
	case Interval:
		return newFixed(dt, parseInterval, binaryInterval)
	case UUID:
		return newFixed(dt, parseUUID, binaryUUID)
	case Bytes:
		return &bytesColumn{dt: dt, text: appendBytea, binary: appendVerbatim}
	case JSON:
		return &bytesColumn{dt: dt, text: appendText, binary: appendJSON}
	case List:
		return newList(t)
	}
	return &bytesColumn{dt: dt, text: appendText, binary: appendText}
}

// NewTimes makes a column of instants in UTC, for the metadata of rows.
func NewTimes() *Fixed[int64] {
	t := Type{Kind: TimestampTZ}
	return newFixed(t.Arrow(), parseTimestamp, binaryTimestamp)
}

// validity is the bitmap of rows that are not null.
type validity struct {
	bits  []byte
	n     int
	nulls int
}

func (v *validity) append(valid bool) {
	i := v.n
	if i>>3 == len(v.bits) {
		v.bits = append(v.bits, 0)
	}
	if valid {
		v.bits[i>>3] |= 1 << (i & 7)
	} else {
		v.nulls++
	}
	v.n++
}

func (v *validity) at(i int) bool { return v.bits[i>>3]&(1<<(i&7)) != 0 }

func (v *validity) truncate(n int) {
	if n >= v.n {
		return
	}
	for i := n; i < v.n; i++ {
		if !v.at(i) {
			v.nulls--
		}
	}
	v.n = n
	v.bits = v.bits[:(n+7)>>3]
	if n&7 != 0 {
		v.bits[n>>3] &= 1<<(n&7) - 1
	}
}

// keep moves the listed rows to the front. Rows ascend, so no row is
// overwritten before it was read.
func (v *validity) keep(rows []int32) {
	nulls := 0
	for to, from := range rows {
		mask := byte(1) << (to & 7)
		if v.at(int(from)) {
			v.bits[to>>3] |= mask
		} else {
			v.bits[to>>3] &^= mask
			nulls++
		}
	}
	v.n = len(rows)
	v.bits = v.bits[:(v.n+7)>>3]
	if v.n&7 != 0 {
		v.bits[v.n>>3] &= 1<<(v.n&7) - 1
	}
	v.nulls = nulls
}

func (v *validity) reset() {
	v.bits, v.n, v.nulls = v.bits[:0], 0, 0
}

func (v *validity) renew() {
	v.bits, v.n, v.nulls = make([]byte, 0, cap(v.bits)), 0, 0
}

// buffer is the bitmap for Arrow: none where no row is null.
func (v *validity) buffer() *memory.Buffer {
	if v.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(v.bits)
}

// array makes an Arrow array of the bitmap and the buffers after it.
func (v *validity) array(dt arrow.DataType, children []arrow.ArrayData, buffers ...[]byte) arrow.Array {
	all := make([]*memory.Buffer, 1, 3)
	all[0] = v.buffer()
	for _, b := range buffers {
		all = append(all, memory.NewBufferBytes(b))
	}
	data := array.NewData(dt, v.n, all, children, v.nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// Bools is a column of booleans.
type Bools struct {
	validity
	bits []byte
}

// Append adds a value.
func (b *Bools) Append(v bool) {
	b.push(v)
	b.append(true)
}

// Set overwrites the value of a row.
func (b *Bools) Set(row int, v bool) {
	mask := byte(1) << (row & 7)
	if v {
		b.bits[row>>3] |= mask
	} else {
		b.bits[row>>3] &^= mask
	}
}

// At is the value of a row.
func (b *Bools) At(row int) bool { return b.bits[row>>3]&(1<<(row&7)) != 0 }

func (b *Bools) push(v bool) {
	if b.n>>3 == len(b.bits) {
		b.bits = append(b.bits, 0)
	}
	b.Set(b.n, v)
}

// AppendText adds t or f.
func (b *Bools) AppendText(src []byte) error {
	if len(src) != 1 || src[0] != 't' && src[0] != 'f' {
		return malformed("boolean", src)
	}
	b.Append(src[0] == 't')
	return nil
}

// AppendBinary adds a byte, 0 or 1.
func (b *Bools) AppendBinary(src []byte) error {
	if len(src) != 1 {
		return malformed("boolean", src)
	}
	b.Append(src[0] != 0)
	return nil
}

// AppendNull adds a null.
func (b *Bools) AppendNull() {
	b.push(false)
	b.append(false)
}

// AppendRow adds a copy of a row of another column of booleans.
func (b *Bools) AppendRow(src Column, row int) {
	s := src.(*Bools)
	b.push(s.At(row))
	b.append(s.at(row))
}

// Keep drops all rows but those listed.
func (b *Bools) Keep(rows []int32) {
	for to, from := range rows {
		b.Set(to, b.At(int(from)))
	}
	b.keep(rows)
	b.bits = b.bits[:len(b.validity.bits)]
}

// Truncate drops the rows from n on.
func (b *Bools) Truncate(n int) {
	b.truncate(n)
	b.bits = b.bits[:len(b.validity.bits)]
}

// Len is the number of rows.
func (b *Bools) Len() int { return b.n }

// Size is the bytes they take.
func (b *Bools) Size() int { return 2 * len(b.bits) }

// Array is the column as an Arrow array.
func (b *Bools) Array() arrow.Array {
	return b.array(arrow.FixedWidthTypes.Boolean, nil, b.bits)
}

// Reset empties the column.
func (b *Bools) Reset() {
	b.reset()
	b.bits = b.bits[:0]
}

// Renew empties the column and leaves its memory to the arrays made before.
func (b *Bools) Renew() {
	b.renew()
	b.bits = make([]byte, 0, cap(b.bits))
}
