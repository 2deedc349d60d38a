package pgvalue

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// span is an interval as PostgreSQL keeps it. Months, days and microseconds do
// not turn into each other: a month has no fixed length, nor has a day.
type span struct {
	months, days int32
	micros       int64
}

const maxIntervalMicros = math.MaxInt64 / 1000 // Arrow counts nanoseconds

func (v span) arrow() (arrow.MonthDayNanoInterval, error) {
	if v.micros > maxIntervalMicros || v.micros < -maxIntervalMicros {
		return arrow.MonthDayNanoInterval{}, ErrCannotHold
	}
	return arrow.MonthDayNanoInterval{Months: v.months, Days: v.days, Nanoseconds: v.micros * 1000}, nil
}

// parseInterval reads IntervalStyle = postgres: 1 year 2 mons -3 days 04:05:06.7.
// https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT
func parseInterval(src []byte) (arrow.MonthDayNanoInterval, error) {
	switch string(src) {
	case "infinity", "-infinity":
		return arrow.MonthDayNanoInterval{}, ErrCannotHold
	}
	s := spanScanner{scanner: scanner{src: src}}
	for more := true; more; more = s.skip(' ') {
		s.part()
	}
	months := 12*s.years + s.months
	if !s.ok() || months != int64(int32(months)) || s.days != int64(int32(s.days)) {
		return arrow.MonthDayNanoInterval{}, malformed("interval", src)
	}
	if s.long {
		return arrow.MonthDayNanoInterval{}, ErrCannotHold
	}
	return span{int32(months), int32(s.days), s.micros}.arrow()
}

// spanScanner takes the parts of an interval.
type spanScanner struct {
	scanner
	years, months, days, micros int64
	// long says that the time part is more than nanoseconds can count.
	long bool
}

// part takes a signed number and its unit, or a signed time.
func (s *spanScanner) part() {
	negative := s.skip('-')
	if !negative {
		s.skip('+')
	}
	v := s.number()
	unit := &s.micros
	if s.peek() == ':' {
		v = s.afterHours(v)
	} else {
		unit = s.unit()
	}
	if negative {
		v = -v
	}
	s.check(*unit == 0) // each at most once
	*unit = v
}

// afterHours takes :MM:SS[.ffffff] after the hours.
func (s *spanScanner) afterHours(hours int64) int64 {
	rest := s.minutes()
	const limit = maxIntervalMicros / microsPerHour
	s.long = hours > limit || hours*microsPerHour+rest > maxIntervalMicros
	s.check(hours <= math.MaxInt64/microsPerHour)
	if s.long {
		return 1 // any but zero, so that a second time part is seen
	}
	return hours*microsPerHour + rest
}

// unit takes a space and a word.
func (s *spanScanner) unit() *int64 {
	s.expect(' ')
	i := 0
	for i < len(s.src) && s.src[i] >= 'a' && s.src[i] <= 'z' {
		i++
	}
	word := s.src[:i]
	s.src = s.src[i:]
	switch string(word) {
	case "year", "years":
		return &s.years
	case "mon", "mons":
		return &s.months
	case "day", "days":
		return &s.days
	}
	s.failed = true
	return new(int64)
}

// readSpan reads interval_send's form.
func readSpan(src []byte) (span, error) {
	if len(src) != 16 {
		return span{}, malformed("interval", src)
	}
	return span{
		micros: int64(binary.BigEndian.Uint64(src)),
		days:   int32(binary.BigEndian.Uint32(src[8:])),
		months: int32(binary.BigEndian.Uint32(src[12:])),
	}, nil
}

func binaryInterval(src []byte) (arrow.MonthDayNanoInterval, error) {
	v, err := readSpan(src)
	if err != nil {
		return arrow.MonthDayNanoInterval{}, err
	}
	return v.arrow()
}

// spillInterval prints an interval whose time part is too long to be counted in
// nanoseconds, or that is infinite (all fields at their ends, since version 17).
func spillInterval(src []byte) (string, error) {
	v, err := readSpan(src)
	switch v {
	case span{math.MaxInt32, math.MaxInt32, math.MaxInt64}:
		return "infinity", nil
	case span{math.MinInt32, math.MinInt32, math.MinInt64}:
		return "-infinity", nil
	}
	return string(v.print(nil)), err
}

func printInterval(dst []byte, v arrow.MonthDayNanoInterval) []byte {
	return span{v.Months, v.Days, v.Nanoseconds / 1000}.print(dst)
}

// print follows IntervalStyle postgres: a sign is printed where it differs from
// what was printed before.
func (v span) print(dst []byte) []byte {
	start, below := len(dst), false
	part := func(value int32, unit string) {
		if value == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if below && value > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, int64(value), 10)
		dst = append(dst, ' ')
		dst = append(dst, unit...)
		if value != 1 {
			dst = append(dst, 's')
		}
		below = value < 0
	}
	part(v.months/12, "year")
	part(v.months%12, "mon")
	part(v.days, "day")
	if v.micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	switch {
	case v.micros < 0:
		return printClock(append(dst, '-'), -uint64(v.micros))
	case below:
		dst = append(dst, '+')
	}
	return printClock(dst, uint64(v.micros))
}
