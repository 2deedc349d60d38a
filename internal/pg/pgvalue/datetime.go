package pgvalue

import (
	"math"
	"strconv"

	"trunkline/internal/pg"
)

const (
	epochDays    int64 = 10_957 // from 1970-01-01 to 2000-01-01
	infiniteDate int32 = math.MaxInt32

	// PostgreSQL's calendar begins on 4714-11-24 BC. Dates end before
	// 5874898-01-01, timestamps before 294277-01-01. Days are counted from
	// 1970-01-01.
	// https://github.com/postgres/postgres/blob/master/src/include/datatype/timestamp.h
	minDay          int64 = epochDays - 2_451_545
	endDay          int64 = epochDays + 2_145_031_949
	endTimestampDay int64 = epochDays + 106_751_983
)

func validDate(days int64) bool { return days >= minDay && days < endDay }

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

// days is civilDays of a date that was scanned; it fails where the month has no
// such day.
func (s *scanner) days(year, month, day int64) int64 {
	days := civilDays(year, month, day)
	if day > 28 {
		_, m, _ := civilDate(days)
		s.check(m == month)
	}
	return days
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
	days := s.days(s.era(year), month, day)
	if !s.ok() || !validDate(days) {
		return 0, malformed("date", src)
	}
	return int32(days), nil
}

func binaryDate(src []byte) (int32, error) {
	since2000, err := binaryInt32(src)
	switch {
	case err != nil:
		return 0, err
	case since2000 == math.MaxInt32:
		return infiniteDate, nil
	case since2000 == math.MinInt32:
		return -infiniteDate, nil
	}
	days := int64(since2000) + epochDays
	if !validDate(days) {
		return 0, malformed("date", src)
	}
	return int32(days), nil
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

func binaryTime(src []byte) (int64, error) {
	v, err := binaryInt64(src)
	if err == nil && (v < 0 || v > microsPerDay) {
		err = malformed("time", src)
	}
	return v, err
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
	s.check(clock < microsPerDay)
	if c := s.peek(); c == '+' || c == '-' {
		clock -= s.zone()
	}
	days := s.days(s.era(year), month, day)
	if !s.ok() || days < minDay-1 || days > endTimestampDay {
		return 0, malformed("timestamp", src)
	}
	micros := (days-epochDays)*microsPerDay + clock
	if !validTimestamp(micros) {
		return 0, malformed("timestamp", src)
	}
	return since1970(micros)
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
	case !validTimestamp(v):
		return 0, malformed("timestamp", src)
	}
	return since1970(v)
}

// since1970 turns microseconds since 2000-01-01, which hold every timestamp of
// PostgreSQL, into those since 1970-01-01, which lack the last thirty years.
func since1970(since2000 int64) (int64, error) {
	if since2000 >= math.MaxInt64-pg.EpochOffset {
		return 0, ErrCannotHold
	}
	return since2000 + pg.EpochOffset, nil
}

func validTimestamp(since2000 int64) bool {
	return since2000 >= (minDay-epochDays)*microsPerDay && since2000 < (endTimestampDay-epochDays)*microsPerDay
}

func appendDay(dst []byte, days int64) (out []byte, bc bool) {
	year, month, day := civilDate(days)
	bc = year <= 0
	if bc {
		year = 1 - year
	}
	if year < 10_000 {
		dst = padTwo(padTwo(dst, year/100), year%100)
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = append(dst, '-')
	dst = padTwo(dst, month)
	dst = append(dst, '-')
	return padTwo(dst, day), bc
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
	return printInstant(dst, micros, 0, zone)
}

// printInstant prints microseconds since a day, which itself is counted from
// 1970-01-01.
func printInstant(dst []byte, micros, since int64, zone bool) []byte {
	days, clock := micros/microsPerDay, micros%microsPerDay
	if clock < 0 {
		days, clock = days-1, clock+microsPerDay
	}
	dst, bc := appendDay(dst, days+since)
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
	const perSecond, perHour = uint64(microsPerSecond), uint64(microsPerHour)
	if hours := micros / perHour; hours < 100 {
		dst = padTwo(dst, int64(hours))
	} else {
		dst = strconv.AppendUint(dst, hours, 10)
	}
	seconds, fraction := int64(micros%perHour/perSecond), micros%perSecond
	dst = append(dst, ':')
	dst = padTwo(dst, seconds/60)
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
