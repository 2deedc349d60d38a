package pgvalue

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// offsets says where the rows of a column of variable width begin: row i lies
// from offs[i] to offs[i+1]. A column holds at most 2 GiB.
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

// errFull is no property of the value: smaller batches are the remedy.
var errFull = errors.New("more than 2 GiB in one column of a batch")

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

// appendText takes UTF-8 alone, which is what Arrow and destinations know. Even a
// server that says it sends UTF-8 sends other bytes: in databases of encoding
// SQL_ASCII anything goes, and before version 15 a "char" is one byte, whichever.
func appendText(dst, src []byte) ([]byte, error) {
	if !isASCII(src) && !utf8.Valid(src) {
		return dst, ErrCannotHold
	}
	return append(dst, src...), nil
}

// isASCII looks at eight bytes at a time, the last eight once more than needed;
// for the short texts that most values are it takes a third of utf8.Valid's time.
func isASCII(src []byte) bool {
	const high = 0x8080808080808080
	if len(src) < 8 {
		var all byte
		for _, c := range src {
			all |= c
		}
		return all < utf8.RuneSelf
	}
	all := binary.LittleEndian.Uint64(src[len(src)-8:])
	for ; len(src) > 8; src = src[8:] {
		all |= binary.LittleEndian.Uint64(src)
	}
	return all&high == 0
}

// appendJSON takes the binary form of json or of jsonb.
func appendJSON(dst, src []byte) ([]byte, error) { return appendText(dst, jsonText(src)) }

// jsonText takes the version off the binary form of jsonb. The form of json has
// none, and no JSON text begins like that.
func jsonText(src []byte) []byte {
	const version = "\x01"
	return bytes.TrimPrefix(src, []byte(version))
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
	switch {
	case err != nil:
		return err
	case len(data) > math.MaxInt32:
		return errFull
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

// Renew makes room for as much as there was and a little more, not for the most
// that ever was: one large value must not be paid for from then on.
func (b *bytesColumn) Renew() {
	b.renew()
	used := len(b.data)
	b.offs, b.data = make([]int32, 0, cap(b.offs)), make([]byte, 0, used+used/8)
}
