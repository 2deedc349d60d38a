package postgres

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg/pgvalue"
)

// encodeDecimal goes by way of the decimal's text, which is about as long.
func encodeDecimal(t *pgvalue.Type) encoding {
	return func(a arrow.Array) field {
		var text []byte
		return func(dst []byte, row int) []byte {
			text, _ = pgvalue.Print(text[:0], t, a, row) // decimals print
			return appendNumeric(dst, text)
		}
	}
}

func encodeNumeric(a arrow.Array) field {
	v := a.(*array.String)
	return func(dst []byte, row int) []byte { return appendNumeric(dst, v.Value(row)) }
}

// The signs in numeric_send's form.
const (
	numericPositive = 0x0000
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInfinity = 0xD000
	numericMinusInf = 0xF000
)

// appendNumeric writes a number that numeric_out has printed in numeric_send's
// form: four 16-bit words (count of digits, weight of the first, sign, scale for
// display) and the digits to base 10,000.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
func appendNumeric[T string | []byte](dst []byte, text T) []byte {
	sign := uint16(numericPositive)
	switch string(text) {
	case "NaN":
		return appendNumericHead(dst, 0, 0, numericNaN, 0)
	case "Infinity":
		return appendNumericHead(dst, 0, 0, numericInfinity, 0)
	case "-Infinity":
		return appendNumericHead(dst, 0, 0, numericMinusInf, 0)
	}
	if len(text) > 0 && text[0] == '-' {
		sign, text = numericNegative, text[1:]
	}
	point := 0
	for point < len(text) && text[point] != '.' {
		point++
	}
	shown := max(len(text)-point-1, 0)
	// Groups of four digits are counted from the point; those at the ends that are
	// zero are not sent.
	first, last := -((point + 3) / 4), (shown+3)/4
	for first < last && numericGroup(text, point, first) == 0 {
		first++
	}
	for first < last && numericGroup(text, point, last-1) == 0 {
		last--
	}
	if first == last {
		return appendNumericHead(dst, 0, 0, numericPositive, shown)
	}
	dst = appendNumericHead(dst, last-first, -first-1, sign, shown)
	for i := first; i < last; i++ {
		dst = binary.BigEndian.AppendUint16(dst, numericGroup(text, point, i))
	}
	return dst
}

func appendNumericHead(dst []byte, count, weight int, sign uint16, shown int) []byte {
	dst = beginField(dst, 8+2*count)
	for _, word := range [...]uint16{uint16(count), uint16(weight), sign, uint16(shown)} {
		dst = binary.BigEndian.AppendUint16(dst, word)
	}
	return dst
}

// numericGroup is group i of four digits behind the point, or before it if i is
// negative.
func numericGroup[T string | []byte](text T, point, i int) (group uint16) {
	at := point + 4*i
	if i >= 0 {
		at++ // the point itself
	}
	for n := range 4 {
		group *= 10
		if k := at + n; k >= 0 && k < len(text) {
			group += uint16(text[k] - '0')
		}
	}
	return group
}
