package pgvalue

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/pg"
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
		return append(dst, a.Value(row).ToString(scale)...), nil
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

// printFloat follows PostgreSQL's shortest form: plain digits unless the decimal
// exponent is below -4 or not below the digits a value is sure to keep.
// https://github.com/postgres/postgres/blob/master/src/common/d2s.c
func printFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case v == 0:
		if math.Signbit(v) {
			return append(dst, "-0"...)
		}
		return append(dst, '0')
	}
	limit := 15
	if bits == 32 {
		limit = 6
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'e', -1, bits)
	exponent := 0
	for i := len(dst) - 1; i > start; i-- {
		if dst[i] == 'e' {
			exponent, _ = strconv.Atoi(string(dst[i+1:]))
			break
		}
	}
	if exponent >= -4 && exponent < limit {
		return strconv.AppendFloat(dst[:start], v, 'f', -1, bits)
	}
	return dst
}

func printBytes(dst, v []byte) []byte {
	dst = append(dst, `\x`...)
	return hex.AppendEncode(dst, v)
}

func printUUID(dst, v []byte) []byte {
	for i, span := range [...][]byte{v[:4], v[4:6], v[6:8], v[8:10], v[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, span)
	}
	return dst
}

// civilDate is the inverse of civilDays.
// https://howardhinnant.github.io/date_algorithms.html#civil_from_days
func civilDate(days int64) (year, month, day int64) {
	days += 719_468
	era := days / 146_097
	if days < 0 {
		era = (days - 146_096) / 146_097
	}
	ofEra := days - era*146_097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36_524 - ofEra/146_096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*ofYear + 2) / 153
	day = ofYear - (153*shifted+2)/5 + 1
	month = shifted + 3
	if month > 12 {
		month -= 12
	}
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func appendDay(dst []byte, days int64) (out []byte, bc bool) {
	year, month, day := civilDate(days)
	bc = year <= 0
	if bc {
		year = 1 - year
	}
	dst = padFour(dst, year)
	dst = append(dst, '-')
	dst = padTwo(dst, month)
	dst = append(dst, '-')
	return padTwo(dst, day), bc
}

func padTwo(dst []byte, v int64) []byte {
	if v < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

func padFour(dst []byte, v int64) []byte {
	for limit := int64(1000); limit > 1 && v < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

func printDate(dst []byte, days int32) []byte {
	switch days {
	case infiniteDate:
		return append(dst, "infinity"...)
	case -infiniteDate:
		return append(dst, "-infinity"...)
	}
	dst, bc := appendDay(dst, int64(days))
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

func printTimestamp(dst []byte, micros int64, zone bool) []byte {
	switch pg.Micros(micros) {
	case pg.InfinityMicros:
		return append(dst, "infinity"...)
	case -pg.InfinityMicros:
		return append(dst, "-infinity"...)
	}
	days := micros / microsPerDay
	clock := micros % microsPerDay
	if clock < 0 {
		days, clock = days-1, clock+microsPerDay
	}
	dst, bc := appendDay(dst, days)
	dst = append(dst, ' ')
	dst = printClock(dst, uint64(clock))
	if zone {
		dst = append(dst, "+00"...)
	}
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}

// printClock prints HH:MM:SS and a fraction without trailing zeros. It takes an
// unsigned count, which can hold the opposite of every signed one.
func printClock(dst []byte, micros uint64) []byte {
	const perSecond = uint64(microsPerSecond)
	seconds, fraction := int64(micros/perSecond), micros%perSecond
	dst = padTwo(dst, seconds/3600)
	dst = append(dst, ':')
	dst = padTwo(dst, seconds/60%60)
	dst = append(dst, ':')
	dst = padTwo(dst, seconds%60)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for limit := perSecond / 10; fraction > 0; limit /= 10 {
		dst = append(dst, byte('0'+fraction/limit))
		fraction %= limit
	}
	return dst
}

// printIntervalParts follows IntervalStyle postgres: a sign is printed where it
// differs from what was printed before.
func printIntervalParts(dst []byte, months, days, micros int64) []byte {
	start, before := len(dst), false
	part := func(value int64, unit string) {
		if value == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if before && value > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, value, 10)
		dst = append(dst, ' ')
		dst = append(dst, unit...)
		if value != 1 {
			dst = append(dst, 's')
		}
		before = value < 0
	}
	part(months/12, "year")
	part(months%12, "mon")
	part(days, "day")
	if micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	switch {
	case micros < 0:
		return printClock(append(dst, '-'), uint64(-micros))
	case before:
		dst = append(dst, '+')
	}
	return printClock(dst, uint64(micros))
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
