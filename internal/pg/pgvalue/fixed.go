package pgvalue

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// width is what a fixed-width Arrow column holds.
type width interface {
	int16 | int32 | int64 | uint32 | uint64 | float32 | float64 |
		decimal128.Num | arrow.MonthDayNanoInterval | [16]byte
}

// Fixed is a column of values of one width.
type Fixed[T width] struct {
	validity
	values []T
	dt     arrow.DataType
	text   func([]byte) (T, error)
	binary func([]byte) (T, error)
}

func newFixed[T width](dt arrow.DataType, text, binary func([]byte) (T, error)) *Fixed[T] {
	return &Fixed[T]{dt: dt, text: text, binary: binary}
}

// Append adds a value.
func (f *Fixed[T]) Append(v T) {
	f.values = append(f.values, v)
	f.append(true)
}

// Set overwrites the value of a row, which is not null afterwards.
func (f *Fixed[T]) Set(row int, v T) {
	f.values[row] = v
	if !f.at(row) {
		f.bits[row>>3] |= 1 << (row & 7)
		f.nulls--
	}
}

// At is the value of a row; ok is false for a null.
func (f *Fixed[T]) At(row int) (v T, ok bool) { return f.values[row], f.at(row) }

// AppendText adds a value in text form.
func (f *Fixed[T]) AppendText(src []byte) error {
	v, err := f.text(src)
	if err != nil {
		return err
	}
	f.Append(v)
	return nil
}

// AppendBinary adds a value in binary form.
func (f *Fixed[T]) AppendBinary(src []byte) error {
	v, err := f.binary(src)
	if err != nil {
		return err
	}
	f.Append(v)
	return nil
}

// AppendNull adds a null.
func (f *Fixed[T]) AppendNull() {
	var zero T
	f.values = append(f.values, zero)
	f.append(false)
}

// AppendRow adds a copy of a row of another column of the same type.
func (f *Fixed[T]) AppendRow(src Column, row int) {
	s := src.(*Fixed[T])
	f.values = append(f.values, s.values[row])
	f.append(s.at(row))
}

// Keep drops all rows but those listed.
func (f *Fixed[T]) Keep(rows []int32) {
	for to, from := range rows {
		f.values[to] = f.values[from]
	}
	f.values = f.values[:len(rows)]
	f.keep(rows)
}

// Truncate drops the rows from n on.
func (f *Fixed[T]) Truncate(n int) {
	f.truncate(n)
	f.values = f.values[:f.n]
}

// Len is the number of rows.
func (f *Fixed[T]) Len() int { return f.n }

// Size is the bytes they take.
func (f *Fixed[T]) Size() int { return len(f.bits) + len(f.raw()) }

// Array is the column as an Arrow array.
func (f *Fixed[T]) Array() arrow.Array {
	return f.array(f.dt, nil, f.raw())
}

// Reset empties the column.
func (f *Fixed[T]) Reset() {
	f.reset()
	f.values = f.values[:0]
}

// Renew empties the column and leaves its memory to the arrays made before.
func (f *Fixed[T]) Renew() {
	f.renew()
	f.values = make([]T, 0, cap(f.values))
}

// raw is the memory of the values.
func (f *Fixed[T]) raw() []byte {
	if len(f.values) == 0 {
		return []byte{}
	}
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(&f.values[0])), len(f.values)*int(unsafe.Sizeof(zero)))
}
