package postgres

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg/pgvalue"
)

// listEncoding writes array_send's form: the number of dimensions, whether there
// are nulls, the type of the elements, for each dimension its length and lower
// bound, and the elements. elem is 0 if the column is no array.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c
func listEncoding(t *pgvalue.Type, elem uint32) encoding {
	if elem == 0 {
		return nil
	}
	of := encodingOf(t.Elem, elem, 0)
	if of == nil {
		return nil
	}
	return func(a arrow.Array) field {
		l := &listField{elem: elem}
		for level, more := a.(*array.List), true; more; {
			l.levels = append(l.levels, level)
			l.items = level.ListValues()
			level, more = l.items.(*array.List)
		}
		l.item = of(l.items)
		return l.append
	}
}

// listField writes the values of an array of lists.
type listField struct {
	elem uint32
	// levels has the lists of each dimension, items the elements of the innermost.
	levels []*array.List
	items  arrow.Array
	item   field
}

// append writes one list. Those of several dimensions are as even as PostgreSQL
// has them: the first of each dimension tells the length of all.
func (l *listField) append(dst []byte, row int) []byte {
	size := len(dst)
	dst = beginField(dst, 0) // set below
	start, end := l.levels[0].ValueOffsets(row)
	if start == end {
		dst = binary.BigEndian.AppendUint64(dst, 0) // no dimensions, no nulls
		dst = binary.BigEndian.AppendUint32(dst, l.elem)
		binary.BigEndian.PutUint32(dst[size:], 12)
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(l.levels)))
	nulls := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, l.elem)
	for depth := range l.levels {
		from, to := start, end
		if depth > 0 {
			from, to = l.levels[depth].ValueOffsets(int(start))
			_, end = l.levels[depth].ValueOffsets(int(end - 1))
			start = from
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(to-from))
		dst = binary.BigEndian.AppendUint32(dst, 1)
	}
	for i := int(start); i < int(end); i++ {
		if l.items.IsNull(i) {
			dst = binary.BigEndian.AppendUint32(dst, nullField)
			binary.BigEndian.PutUint32(dst[nulls:], 1)
			continue
		}
		dst = l.item(dst, i)
	}
	binary.BigEndian.PutUint32(dst[size:], uint32(len(dst)-size-4))
	return dst
}
