package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The binary units, for defaults in code.
const (
	KiB Size = 1 << (10 * (iota + 1))
	MiB
	GiB
	TiB
)

// sizeUnit is one suffix of a size. The decimal suffixes mean powers of 1000,
// as in SI and DuckDB, and not of 1024 as in postgresql.conf.
type sizeUnit struct {
	suffix string
	bytes  int64
}

// sizeUnits has longer suffixes before those they end with.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	}
}

var errSize = errors.New("is not a size such as 64MiB, 500MB or 1048576")

// ParseSize reads a number of bytes with an optional unit: B, kB, MB, GB, TB
// (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024), in any case. The number
// may have a fraction if the result is a whole number of bytes.
func ParseSize(text string) (Size, error) {
	number, unit := text, int64(1)
	for _, u := range sizeUnits() {
		if head, ok := cutSuffixFold(text, u.suffix); ok {
			number, unit = strings.TrimRight(head, " "), u.bytes
			break
		}
	}
	if !plainDecimal(number) {
		return 0, errSize
	}
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil && whole <= math.MaxInt64/unit {
		return Size(whole * unit), nil
	}
	bytes, err := strconv.ParseFloat(number, 64)
	bytes *= float64(unit)
	if err != nil || bytes >= math.MaxInt64 || bytes != math.Trunc(bytes) {
		return 0, errSize
	}
	return Size(bytes), nil
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	best := sizeUnit{"", 1}
	for _, u := range sizeUnits() {
		if s != 0 && u.bytes > best.bytes && int64(s)%u.bytes == 0 {
			best = u
		}
	}
	return strconv.FormatInt(int64(s)/best.bytes, 10) + best.suffix
}

// MarshalText writes the size as a pipeline file does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func cutSuffixFold(s, suffix string) (string, bool) {
	cut := len(s) - len(suffix)
	if cut <= 0 || !strings.EqualFold(s[cut:], suffix) {
		return s, false
	}
	return s[:cut], true
}

// plainDecimal reports whether s is digits with at most one point between them:
// no sign, exponent, infinity or hexadecimal, which strconv would take.
func plainDecimal(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return allDigits(whole) && (!point || allDigits(fraction))
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
