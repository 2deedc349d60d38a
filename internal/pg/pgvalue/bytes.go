package pgvalue

import (
	"encoding/hex"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// offsets says where the rows of a column of variable width begin: row i lies
// from offs[i] to offs[i+1]. A column holds at most 2 GiB; parts are far
// smaller.
type offsets struct{ offs []int32 }

func (o *offsets) bounds(row int) (from, to int32) { return o.offs[row], o.offs[row+1] }

func (o *offsets) end(at int) {
	if len(o.offs) == 0 {
		o.offs = append(o.offs, 0)
	}
	o.offs = append(o.offs, int32(at))
}

func (o *offsets) raw() []byte {
	if len(o.offs) == 0 {
		o.offs = append(o.offs, 0)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&o.offs[0])), 4*len(o.offs))
}

// bytesColumn is a column of texts or byte strings.
type bytesColumn struct {
	validity
	offsets
	data   []byte
	dt     arrow.DataType
	text   appender
	binary appender
}

// appender decodes one value from src to the end of dst. An error leaves what
// stood in dst before as it was.
type appender func(dst, src []byte) ([]byte, error)

func appendVerbatim(dst, src []byte) ([]byte, error) { return append(dst, src...), nil }

// appendJSONB takes the version byte off the binary form of jsonb.
func appendJSONB(dst, src []byte) ([]byte, error) {
	if len(src) == 0 || src[0] != 1 {
		return dst, malformed("jsonb", src)
	}
	return append(dst, src[1:]...), nil
}

// appendBytea decodes bytea_output = hex.
// https://www.postgresql.org/docs/current/datatype-binary.html
func appendBytea(dst, src []byte) ([]byte, error) {
	if len(src) < 2 || src[0] != '\\' || src[1] != 'x' {
		return dst, malformed("bytea", src)
	}
	out, err := hex.AppendDecode(dst, src[2:])
	if err != nil {
		return dst, malformed("bytea", src)
	}
	return out, nil
}

func (b *bytesColumn) add(data []byte, err error) error {
	if err != nil {
		return err
	}
	b.data = data
	b.end(len(data))
	b.append(true)
	return nil
}

func (b *bytesColumn) AppendText(src []byte) error   { return b.add(b.text(b.data, src)) }
func (b *bytesColumn) AppendBinary(src []byte) error { return b.add(b.binary(b.data, src)) }

func (b *bytesColumn) AppendNull() {
	b.end(len(b.data))
	b.append(false)
}

func (b *bytesColumn) AppendRow(src Column, row int) {
	s := src.(*bytesColumn)
	from, to := s.bounds(row)
	b.data = append(b.data, s.data[from:to]...)
	b.end(len(b.data))
	b.append(s.at(row))
}

// Keep moves rows to the front. offs[to+1] may be written while offs[from] of a
// later row is still to be read: either from > to+1, or no row was dropped so
// far and what is written is what stood there.
func (b *bytesColumn) Keep(rows []int32) {
	var size int32
	for to, row := range rows {
		start, end := b.bounds(int(row))
		copy(b.data[size:], b.data[start:end])
		size += end - start
		b.offs[to+1] = size
	}
	b.offs = b.offs[:min(len(rows)+1, len(b.offs))]
	b.data = b.data[:size]
	b.keep(rows)
}

func (b *bytesColumn) Truncate(n int) {
	if n >= b.n {
		return
	}
	b.data = b.data[:b.offs[n]]
	b.offs = b.offs[:n+1]
	b.truncate(n)
}

func (b *bytesColumn) Len() int  { return b.n }
func (b *bytesColumn) Size() int { return len(b.data) + 4*len(b.offs) + len(b.bits) }

func (b *bytesColumn) Array() arrow.Array {
	return b.array(b.dt, nil, b.raw(), b.data)
}

func (b *bytesColumn) Reset() {
	b.reset()
	b.offs, b.data = b.offs[:0], b.data[:0]
}

func (b *bytesColumn) Renew() {
	b.renew()
	b.offs, b.data = make([]int32, 0, cap(b.offs)), make([]byte, 0, cap(b.data))
}
