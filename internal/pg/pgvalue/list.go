package pgvalue

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// list is a column of arrays; one of two dimensions is a list of lists.
//
// PostgreSQL's arrays know their dimensions and lower bounds per value, lists do
// not: a value of other dimensions than declared, or with a lower bound other
// than 1, cannot be held. An empty array has no dimensions and always can.
type list struct {
	validity
	offsets
	dt    arrow.DataType
	child Column
	inner *list // child, unless it holds the elements
	delim byte
	// unquoted is where a quoted element is put together.
	unquoted []byte
}

func newList(t *Type) *list {
	if t.Dims > 1 {
		below := *t
		below.Dims--
		inner := newList(&below)
		return &list{dt: t.Arrow(), child: inner, inner: inner, delim: t.Delim}
	}
	return &list{dt: t.Arrow(), child: NewColumn(t.Elem), delim: t.Delim}
}

// AppendText adds an array as array_out prints it.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func (l *list) AppendText(src []byte) error {
	switch {
	case string(src) == "{}":
		l.close(true)
		return nil
	case len(src) > 0 && src[0] == '[':
		return ErrCannotHold // bounds are printed only where one is not 1
	case len(src) == 0 || src[0] != '{':
		return malformed("array", src)
	}
	before := l.n
	rest, err := l.parse(src)
	if err == nil && len(rest) != 0 {
		err = malformed("array", src)
	}
	if err != nil {
		l.Truncate(before)
		l.dropOpen()
	}
	return err
}

// AppendBinary is not offered: arrays are read as text.
func (l *list) AppendBinary(src []byte) error { return malformed("array", src) }

// parse adds one brace-enclosed list from the front of src.
func (l *list) parse(src []byte) (rest []byte, err error) {
	if len(src) == 0 {
		return nil, malformed("array", src)
	}
	if src[0] != '{' {
		return nil, ErrCannotHold // fewer dimensions than declared
	}
	src = src[1:]
	for {
		if src, err = l.parseItem(src); err != nil {
			return nil, err
		}
		if len(src) == 0 {
			return nil, malformed("array", src)
		}
		switch src[0] {
		case l.delim:
			src = src[1:]
		case '}':
			l.close(true)
			return src[1:], nil
		default:
			return nil, malformed("array", src)
		}
	}
}

// parseItem adds one element, or one list of the next dimension.
func (l *list) parseItem(src []byte) (rest []byte, err error) {
	if l.inner != nil {
		return l.inner.parse(src)
	}
	if len(src) == 0 {
		return nil, malformed("array", src)
	}
	switch src[0] {
	case '{':
		return nil, ErrCannotHold // more dimensions than declared
	case '"':
		return l.parseQuoted(src[1:])
	}
	end := 0
	for end < len(src) && src[end] != l.delim && src[end] != '}' {
		if c := src[end]; c == '"' || c == '\\' || c == '{' {
			return nil, malformed("array", src)
		}
		end++
	}
	switch string(src[:end]) {
	case "":
		return nil, malformed("array", src)
	case "NULL":
		l.child.AppendNull()
		return src[end:], nil
	}
	return src[end:], l.child.AppendText(src[:end])
}

func (l *list) parseQuoted(src []byte) (rest []byte, err error) {
	l.unquoted = l.unquoted[:0]
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			return src[i+1:], l.child.AppendText(l.unquoted)
		case '\\':
			i++
			if i == len(src) {
				return nil, malformed("array", src)
			}
		}
		l.unquoted = append(l.unquoted, src[i])
	}
	return nil, malformed("array", src)
}

// close ends the row whose elements were added to the child.
func (l *list) close(valid bool) {
	l.end(l.child.Len())
	l.append(valid)
}

// dropOpen removes what a failed parse has left in the children without a row
// above it.
func (l *list) dropOpen() {
	end := 0
	if l.n > 0 {
		end = int(l.offs[l.n])
	}
	l.child.Truncate(end)
	if l.inner != nil {
		l.inner.dropOpen()
	}
}

// AppendNull adds a null.
func (l *list) AppendNull() { l.close(false) }

// AppendRow adds a copy of a row.
func (l *list) AppendRow(src Column, row int) {
	s := src.(*list)
	from, to := s.bounds(row)
	for i := from; i < to; i++ {
		l.child.AppendRow(s.child, int(i))
	}
	l.close(s.at(row))
}

// Keep drops all rows but those listed; see bytesColumn.Keep for the order of
// reading and writing.
func (l *list) Keep(rows []int32) {
	var items []int32
	for to, row := range rows {
		start, end := l.bounds(int(row))
		for i := start; i < end; i++ {
			items = append(items, i)
		}
		l.offs[to+1] = int32(len(items))
	}
	l.offs = l.offs[:min(len(rows)+1, len(l.offs))]
	l.child.Keep(items)
	l.keep(rows)
}

// Truncate drops the rows from n on.
func (l *list) Truncate(n int) {
	if n >= l.n {
		return
	}
	l.child.Truncate(int(l.offs[n]))
	l.offs = l.offs[:n+1]
	l.truncate(n)
}

// Len is the number of rows.
func (l *list) Len() int { return l.n }

// Size is the bytes they take.
func (l *list) Size() int { return 4*len(l.offs) + len(l.bits) + l.child.Size() }

// Array is the column as an Arrow array.
func (l *list) Array() arrow.Array {
	child := l.child.Array()
	defer child.Release()
	return l.array(l.dt, []arrow.ArrayData{child.Data()}, l.raw())
}

// Reset empties the column.
func (l *list) Reset() {
	l.reset()
	l.offs = l.offs[:0]
	l.child.Reset()
}

// Renew empties the column and leaves its memory to the arrays made before.
func (l *list) Renew() {
	l.renew()
	l.offs = make([]int32, 0, cap(l.offs))
	l.child.Renew()
}
