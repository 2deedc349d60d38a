package pgvalue

import (
	"math"
	"math/big"
	"strconv"
)

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
	for digits := mantissa(dst[start:]); midway(dst[start:], v, bits); digits++ {
		dst = strconv.AppendFloat(dst[:start], v, 'e', digits, bits)
	}
	if exponent := exponent(dst[start:]); exponent >= -4 && exponent < limit {
		return strconv.AppendFloat(dst[:start], v, 'f', -1, bits)
	}
	return dst
}

// exponent is the number behind the e.
func exponent(text []byte) int {
	i := len(text) - 1
	for text[i] != 'e' {
		i--
	}
	n, _ := strconv.Atoi(view(text[i+1:]))
	return n
}

// mantissa counts the digits in front of the e.
func mantissa(text []byte) (digits int) {
	for _, c := range text {
		switch {
		case c == 'e':
			return digits
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return digits
}

// midway reports whether a decimal, the shortest that reads back as v, lies
// exactly between v and its neighbour, as 1e+23 does. PostgreSQL does not print
// such, for not every reader rounds them to even; strconv does.
//
// The decimal is digits × 10^k, and a number between two neighbours an odd
// multiple, of one bit more than the mantissa has, of a power of two. 5^k must
// divide that multiple, which bounds k, and with it v, on both sides.
func midway(text []byte, v float64, bits int) bool {
	size, low, high := math.Abs(v), 0x1p53, 0x1p133
	above, below := math.Nextafter(v, math.Inf(1)), math.Nextafter(v, math.Inf(-1))
	if bits == 32 {
		low, high = 0x1p24, 0x1p64
		above = float64(math.Nextafter32(float32(v), float32(math.Inf(1))))
		below = float64(math.Nextafter32(float32(v), float32(math.Inf(-1))))
	}
	if size < low || size > high {
		return false
	}
	const exact = 256 // bits that hold every number in question
	decimal, _ := new(big.Float).SetPrec(exact).SetString(view(text))
	off, _ := decimal.Sub(decimal, big.NewFloat(v)).Float64()
	return off == (above-v)/2 || off == (below-v)/2
}
