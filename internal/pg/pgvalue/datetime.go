package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg"
)

const (
	microsPerSecond int64 = 1_000_000
	microsPerDay    int64 = 86_400 * microsPerSecond
	epochDays       int32 = 10_957 // from 1970-01-01 to 2000-01-01
	infiniteDate    int32 = math.MaxInt32
)

// scanner takes numbers and signs from the front of a date or time in ISO form.
type scanner struct {
	src    []byte
	failed bool
}

func (s *scanner) peek() byte {
	if len(s.src) == 0 {
		return 0
	}
	return s.src[0]
}

func (s *scanner) skip(c byte) bool {
	if s.peek() != c || len(s.src) == 0 {
		return false
	}
	s.src = s.src[1:]
	return true
}

func (s *scanner) expect(c byte) {
	if !s.skip(c) {
		s.failed = true
	}
}

// number takes one or more digits.
func (s *scanner) number() int64 {
	var v int64
	i := 0
	for ; i < len(s.src) && i < 18; i++ {
		d := s.src[i] - '0'
		if d > 9 {
			break
		}
		v = v*10 + int64(d)
	}
	if i == 0 {
		s.failed = true
	}
	s.src = s.src[i:]
	return v
}

// date takes YYYY-MM-DD, the year in four digits or more.
func (s *scanner) date() (year, month, day int64) {
	year = s.number()
	s.expect('-')
	month = s.number()
	s.expect('-')
	day = s.number()
	return year, month, day
}

// clock takes HH:MM:SS with up to six digits of a fraction, in microseconds.
func (s *scanner) clock() int64 {
	h := s.number()
	s.expect(':')
	m := s.number()
	s.expect(':')
	return (h*3600+m*60+s.number())*microsPerSecond + s.fraction()
}

func (s *scanner) fraction() int64 {
	if !s.skip('.') {
		return 0
	}
	before := len(s.src)
	v := s.number()
	digits := before - len(s.src)
	if digits > 6 {
		s.failed = true
	}
	for ; digits < 6; digits++ {
		v *= 10
	}
	return v
}

// zone takes an offset ±HH[:MM[:SS]], in seconds.
func (s *scanner) zone() int64 {
	negative := s.peek() == '-'
	if !s.skip('-') {
		s.expect('+')
	}
	offset := s.number() * 3600
	if s.skip(':') {
		offset += s.number() * 60
	}
	if s.skip(':') {
		offset += s.number()
	}
	if negative {
		return -offset
	}
	return offset
}

// era takes a trailing " BC".
func (s *scanner) era(year int64) int64 {
	if string(s.src) == " BC" {
		s.src = nil
		return 1 - year
	}
	return year
}

func (s *scanner) ok() bool { return !s.failed && len(s.src) == 0 }

// civilDays counts days from 1970-01-01 in the proleptic Gregorian calendar,
// which is the one PostgreSQL uses.
// https://howardhinnant.github.io/date_algorithms.html#days_from_civil
func civilDays(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	shifted := month - 3
	if month <= 2 {
		shifted = month + 9
	}
	ofYear := (153*shifted+2)/5 + day - 1
	return era*146_097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719_468
}

// parseDate counts days since 1970-01-01; the infinities are the ends of the
// type, as DuckDB has them.
func parseDate(src []byte) (int32, error) {
	switch string(src) {
	case "infinity":
		return infiniteDate, nil
	case "-infinity":
		return -infiniteDate, nil
	}
	s := scanner{src: src}
	year, month, day := s.date()
	year = s.era(year)
	if !s.ok() {
		return 0, malformed("date", src)
	}
	return int32(civilDays(year, month, day)), nil
}

func binaryDate(src []byte) (int32, error) {
	days, err := binaryInt32(src)
	switch {
	case err != nil:
		return 0, err
	case days == math.MaxInt32:
		return infiniteDate, nil
	case days == math.MinInt32:
		return -infiniteDate, nil
	}
	return days + epochDays, nil
}

// parseTime counts microseconds since midnight; 24:00:00 is one.
func parseTime(src []byte) (int64, error) {
	s := scanner{src: src}
	v := s.clock()
	if !s.ok() {
		return 0, malformed("time", src)
	}
	return v, nil
}

// parseTimestamp counts microseconds since 1970-01-01, in UTC where a zone is
// given. The infinities are ±pg.InfinityMicros.
func parseTimestamp(src []byte) (int64, error) {
	switch string(src) {
	case "infinity":
		return int64(pg.InfinityMicros), nil
	case "-infinity":
		return -int64(pg.InfinityMicros), nil
	}
	s := scanner{src: src}
	year, month, day := s.date()
	s.expect(' ')
	clock := s.clock()
	if c := s.peek(); c == '+' || c == '-' {
		clock -= s.zone() * microsPerSecond
	}
	year = s.era(year)
	if !s.ok() {
		return 0, malformed("timestamp", src)
	}
	return addMicros(civilDays(year, month, day)*microsPerDay, clock)
}

func binaryTimestamp(src []byte) (int64, error) {
	v, err := binaryInt64(src)
	switch {
	case err != nil:
		return 0, err
	case v == math.MaxInt64:
		return int64(pg.InfinityMicros), nil
	case v == math.MinInt64:
		return -int64(pg.InfinityMicros), nil
	}
	return addMicros(v, pg.EpochOffset)
}

// addMicros adds, unless the sum is not a finite 64-bit count since 1970.
func addMicros(a, b int64) (int64, error) {
	sum := a + b
	if a > 0 && b > 0 && (sum < 0 || sum == math.MaxInt64) {
		return 0, ErrCannotHold
	}
	return sum, nil
}

const maxIntervalMicros = math.MaxInt64 / 1000 // Arrow counts nanoseconds

func makeInterval(months, days int32, micros int64) (arrow.MonthDayNanoInterval, error) {
	if micros > maxIntervalMicros || micros < -maxIntervalMicros {
		return arrow.MonthDayNanoInterval{}, ErrCannotHold
	}
	return arrow.MonthDayNanoInterval{Months: months, Days: days, Nanoseconds: micros * 1000}, nil
}

// parseInterval reads IntervalStyle = postgres: 1 year 2 mons -3 days 04:05:06.7.
// https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT
func parseInterval(src []byte) (arrow.MonthDayNanoInterval, error) {
	if text := string(src); text == "infinity" || text == "-infinity" {
		return arrow.MonthDayNanoInterval{}, ErrCannotHold
	}
	var months, days, micros int64
	s := scanner{src: src}
	for len(s.src) > 0 && !s.failed {
		negative := s.peek() == '-'
		if !s.skip('-') {
			s.skip('+')
		}
		v := s.number()
		if s.peek() == ':' {
			v = s.clockAfterHours(v)
		}
		if negative {
			v = -v
		}
		switch unit := s.unit(); unit {
		case "":
			micros = v
		case "year", "years":
			months += 12 * v
		case "mon", "mons":
			months += v
		case "day", "days":
			days = v
		default:
			s.failed = true
		}
		s.skip(' ')
	}
	if s.failed || len(src) == 0 || months != int64(int32(months)) || days != int64(int32(days)) {
		return arrow.MonthDayNanoInterval{}, malformed("interval", src)
	}
	return makeInterval(int32(months), int32(days), micros)
}

// clockAfterHours takes :MM:SS[.ffffff] after the hours.
func (s *scanner) clockAfterHours(hours int64) int64 {
	s.expect(':')
	m := s.number()
	s.expect(':')
	seconds := hours*3600 + m*60 + s.number()
	return seconds*microsPerSecond + s.fraction()
}

// unit takes a space and a word; none after a clock.
func (s *scanner) unit() string {
	if len(s.src) < 2 || s.src[0] != ' ' || s.src[1] < 'a' || s.src[1] > 'z' {
		return ""
	}
	i := 1
	for i < len(s.src) && s.src[i] >= 'a' && s.src[i] <= 'z' {
		i++
	}
	word := view(s.src[1:i])
	s.src = s.src[i:]
	return word
}

func binaryInterval(src []byte) (arrow.MonthDayNanoInterval, error) {
	if len(src) != 16 {
		return arrow.MonthDayNanoInterval{}, malformed("interval", src)
	}
	micros := int64(binary.BigEndian.Uint64(src))
	days := int32(binary.BigEndian.Uint32(src[8:]))
	months := int32(binary.BigEndian.Uint32(src[12:]))
	return makeInterval(months, days, micros)
}

func parseUUID(src []byte) (id [16]byte, err error) {
	if len(src) != 36 || src[8] != '-' || src[13] != '-' || src[18] != '-' || src[23] != '-' {
		return id, malformed("uuid", src)
	}
	for _, span := range [...]struct{ to, from, end int }{{0, 0, 8}, {4, 9, 13}, {6, 14, 18}, {8, 19, 23}, {10, 24, 36}} {
		if _, err := hex.Decode(id[span.to:], src[span.from:span.end]); err != nil {
			return id, malformed("uuid", src)
		}
	}
	return id, nil
}

func binaryUUID(src []byte) (id [16]byte, err error) {
	if len(src) != 16 {
		return id, malformed("uuid", src)
	}
	return [16]byte(src), nil
}
