package pgvalue

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Print appends the value of a row of arr, which holds values of t, in
// PostgreSQL's text form under the session settings that Trunkline pins
// (DateStyle ISO, IntervalStyle postgres, TimeZone UTC, extra_float_digits 1 or
// more, bytea_output hex). The row must not be null.
//
// Where a destination gives back a value in another Arrow type that holds the
// same (a uuid as text, say), it is understood.
func Print(dst []byte, t *Type, arr arrow.Array, row int) ([]byte, error) {
	switch a := arr.(type) {
	case array.ExtensionArray:
		return Print(dst, t, a.Storage(), row)
	case *array.String:
		return append(dst, a.Value(row)...), nil
	case *array.LargeString:
		return append(dst, a.Value(row)...), nil
	case *array.Boolean:
		if a.Value(row) {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case *array.Int16:
		return strconv.AppendInt(dst, int64(a.Value(row)), 10), nil
	case *array.Int32:
		return strconv.AppendInt(dst, int64(a.Value(row)), 10), nil
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(row), 10), nil
	case *array.Uint32:
		return strconv.AppendUint(dst, uint64(a.Value(row)), 10), nil
	case *array.Uint64:
		return strconv.AppendUint(dst, a.Value(row), 10), nil
	case *array.Float32:
		return printFloat(dst, float64(a.Value(row)), 32), nil
	case *array.Float64:
		return printFloat(dst, a.Value(row), 64), nil
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return printDecimal(dst, a.Value(row), int(scale)), nil
	case *array.Binary:
		return printBytes(dst, a.Value(row)), nil
	case *array.FixedSizeBinary:
		return printUUID(dst, a.Value(row)), nil
	case *array.Date32:
		return printDate(dst, int32(a.Value(row))), nil
	case *array.Time64:
		return printClock(dst, uint64(a.Value(row))), nil
	case *array.Timestamp:
		return printTimestamp(dst, int64(a.Value(row)), t.Kind == TimestampTZ), nil
	case *array.MonthDayNanoInterval:
		return printInterval(dst, a.Value(row)), nil
	case *array.List:
		return printList(dst, t, a, row)
	}
	return dst, fmt.Errorf("a value of %s has no text form here", arr.DataType())
}

func printBytes(dst, v []byte) []byte {
	dst = append(dst, `\x`...)
	return hex.AppendEncode(dst, v)
}

// printList follows array_out: an element is quoted where it is empty, reads as
// NULL or holds a character that means something to the reader.
func printList(dst []byte, t *Type, a *array.List, row int) ([]byte, error) {
	start, end := a.ValueOffsets(row)
	items := a.ListValues()
	dst = append(dst, '{')
	for i := start; i < end; i++ {
		if i > start {
			dst = append(dst, t.Delim)
		}
		var err error
		if dst, err = printItem(dst, t, items, int(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func printItem(dst []byte, t *Type, items arrow.Array, i int) ([]byte, error) {
	if items.IsNull(i) {
		return append(dst, "NULL"...), nil
	}
	if inner, ok := items.(*array.List); ok {
		return printList(dst, t, inner, i)
	}
	text, err := Print(nil, t.Elem, items, i)
	if err != nil || !needsQuotes(text, t.Delim) {
		return append(dst, text...), err
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"'), nil
}

func needsQuotes(text []byte, delim byte) bool {
	if len(text) == 0 || len(text) == 4 && (text[0]|0x20) == 'n' && (text[1]|0x20) == 'u' &&
		(text[2]|0x20) == 'l' && (text[3]|0x20) == 'l' {
		return true
	}
	for _, c := range text {
		switch c {
		case '"', '\\', '{', '}', delim, ' ', '\t', '\n', '\r', '\v', '\f':
			return true
		}
	}
	return false
}
