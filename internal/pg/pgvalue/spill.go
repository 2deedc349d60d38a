package pgvalue

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// SpillText is PostgreSQL's text form of a binary value that Column.AppendBinary
// refused with ErrCannotHold.
func SpillText(t *Type, src []byte) (string, error) {
	switch t.Kind {
	case Decimal:
		return spillNumeric(src)
	case Timestamp, TimestampTZ:
		micros, err := binaryInt64(src)
		return string(spillTimestamp(micros, t.Kind == TimestampTZ)), err
	case Interval:
		return spillInterval(src)
	}
	return "", fmt.Errorf("every %s can be held", t.Name)
}

// spillNumeric prints NaN and the infinities, and numbers of more digits than
// the decimal has, which only a type modifier that was changed beneath the data
// can produce.
func spillNumeric(src []byte) (string, error) {
	if len(src) < 8 {
		return "", malformed("numeric", src)
	}
	switch binary.BigEndian.Uint16(src[4:]) {
	case 0xC000:
		return "NaN", nil
	case 0xD000:
		return "Infinity", nil
	case 0xF000:
		return "-Infinity", nil
	}
	return printNumeric(src)
}

// printNumeric prints the digits of numeric_send's form.
func printNumeric(src []byte) (string, error) {
	count := int(binary.BigEndian.Uint16(src))
	weight := int(int16(binary.BigEndian.Uint16(src[2:])))
	shown := int(binary.BigEndian.Uint16(src[6:]))
	digits := src[8:]
	if len(digits) != 2*count {
		return "", malformed("numeric", src)
	}
	group := func(i int) int {
		if i < 0 || i >= count {
			return 0
		}
		return int(binary.BigEndian.Uint16(digits[2*i:]))
	}
	var out []byte
	if binary.BigEndian.Uint16(src[4:]) == 0x4000 {
		out = append(out, '-')
	}
	if weight < 0 {
		out = append(out, '0')
	}
	for i := 0; i <= weight; i++ {
		if i == 0 {
			out = strconv.AppendInt(out, int64(group(i)), 10)
		} else {
			out = fmt.Appendf(out, "%04d", group(i))
		}
	}
	if shown == 0 {
		return string(out), nil
	}
	out = append(out, '.')
	var fraction []byte
	for i := weight + 1; len(fraction) < shown; i++ {
		fraction = fmt.Appendf(fraction, "%04d", group(i))
	}
	return string(append(out, fraction[:shown]...)), nil
}

// spillTimestamp prints a finite count of microseconds since 2000-01-01, of
// which the years after 294246 do not fit into a count since 1970.
func spillTimestamp(micros int64, zone bool) []byte {
	days, clock := micros/microsPerDay, micros%microsPerDay
	if clock < 0 {
		days, clock = days-1, clock+microsPerDay
	}
	dst, bc := appendDay(nil, days+int64(epochDays))
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

// spillInterval prints an interval whose time part is too long to be counted in
// nanoseconds, or that is infinite (all fields at their ends, since version 17).
func spillInterval(src []byte) (string, error) {
	if len(src) != 16 {
		return "", malformed("interval", src)
	}
	micros := int64(binary.BigEndian.Uint64(src))
	days := int32(binary.BigEndian.Uint32(src[8:]))
	months := int32(binary.BigEndian.Uint32(src[12:]))
	switch {
	case micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return "infinity", nil
	case micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return "-infinity", nil
	}
	return string(printIntervalParts(nil, int64(months), int64(days), micros)), nil
}

func printInterval(dst []byte, v arrow.MonthDayNanoInterval) []byte {
	return printIntervalParts(dst, int64(v.Months), int64(v.Days), v.Nanoseconds/1000)
}
