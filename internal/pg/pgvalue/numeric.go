package pgvalue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// decimals reads numerics into 128-bit decimals of a fixed scale.
type decimals struct{ precision, scale int32 }

// parse reads numeric_out's form, which never has an exponent.
func (d decimals) parse(src []byte) (decimal128.Num, error) {
	switch string(src) {
	case "NaN", "Infinity", "-Infinity":
		return decimal128.Num{}, ErrCannotHold
	}
	digits := src
	negative := len(src) > 0 && src[0] == '-'
	if negative {
		digits = src[1:]
	}
	whole, fraction, point := bytes.Cut(digits, []byte{'.'})
	var acc accumulator
	kept := fraction[:min(len(fraction), int(d.scale))]
	if len(whole) == 0 || point && len(fraction) == 0 || !acc.digits(whole) || !acc.digits(kept) {
		return decimal128.Num{}, malformed("numeric", src)
	}
	for _, c := range fraction[len(kept):] {
		if c-'0' > 9 {
			return decimal128.Num{}, malformed("numeric", src)
		}
		acc.over = acc.over || c != '0'
	}
	acc.scale(d.scale - int32(len(kept)))
	return acc.result(negative, d.precision)
}

// The signs in numeric_send's form.
const (
	numericPositive  = 0x0000
	numericNegative  = 0x4000
	numericNaN       = 0xC000
	numericInfinity  = 0xD000
	numericMinusInf  = 0xF000
	numericHeader    = 8
	numericBase      = 10_000
	numericGroup     = 4 // digits to base ten in one to base 10,000
	numericChunk     = 4 // groups that are read into a uint64 at once
	maxShownFraction = 0x3FFF
)

// numericWire is numeric_send's form: four 16-bit words (count of digits, weight
// of the first, sign, scale for display) and the digits to base 10,000.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
type numericWire struct {
	count  int
	weight int32
	sign   uint16
	shown  int
	groups []byte
}

func readNumeric(src []byte) (n numericWire, err error) {
	if len(src) < numericHeader {
		return n, malformed("numeric", src)
	}
	n.count = int(binary.BigEndian.Uint16(src))
	n.weight = int32(int16(binary.BigEndian.Uint16(src[2:])))
	n.sign = binary.BigEndian.Uint16(src[4:])
	n.shown = int(binary.BigEndian.Uint16(src[6:]))
	n.groups = src[numericHeader:]
	switch n.sign {
	case numericPositive, numericNegative:
	case numericNaN, numericInfinity, numericMinusInf:
	default:
		return n, malformed("numeric", src)
	}
	if len(n.groups) != 2*n.count || n.shown > maxShownFraction {
		return n, malformed("numeric", src)
	}
	for groups := n.groups; len(groups) > 0; groups = groups[2:] {
		if binary.BigEndian.Uint16(groups) >= numericBase {
			return n, malformed("numeric", src)
		}
	}
	return n, nil
}

// group is a digit to base 10,000; those that were not sent are zero.
func (n *numericWire) group(i int) uint64 {
	if i < 0 || i >= n.count {
		return 0
	}
	return uint64(binary.BigEndian.Uint16(n.groups[2*i:]))
}

// binary reads numeric_send's form.
func (d decimals) binary(src []byte) (decimal128.Num, error) {
	n, err := readNumeric(src)
	if err != nil {
		return decimal128.Num{}, err
	}
	if n.sign != numericPositive && n.sign != numericNegative {
		return decimal128.Num{}, ErrCannotHold
	}
	var acc accumulator
	groups := n.groups
	// The value is groups × 10^exponent units of the decimal. What stands below
	// its last digit goes before the rest is put together: only with it would the
	// largest decimals be too much for 128 bits.
	exponent := d.scale + numericGroup*(n.weight-int32(n.count)+1)
	for ; exponent <= -numericGroup && len(groups) > 0; exponent += numericGroup {
		acc.over = acc.over || lastGroup(groups) != 0
		groups = groups[:len(groups)-2]
	}
	if exponent < 0 && len(groups) > 0 {
		below, last := powersOfTen[-exponent], lastGroup(groups)
		acc.groups(groups[:len(groups)-2])
		acc.push(numericBase/below, last/below)
		acc.over = acc.over || last%below != 0
	} else {
		acc.groups(groups)
		acc.scale(exponent)
	}
	return acc.result(n.sign == numericNegative, d.precision)
}

func lastGroup(groups []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(groups[len(groups)-2:]))
}

// accumulator is an unsigned 128-bit integer that remembers when it could not
// hold what it was given.
type accumulator struct {
	hi, lo uint64
	over   bool
}

// push makes it v × base + digit.
func (a *accumulator) push(base, digit uint64) {
	hi, lo := bits.Mul64(a.lo, base)
	if a.hi != 0 {
		over, high := bits.Mul64(a.hi, base)
		var carry uint64
		hi, carry = bits.Add64(hi, high, 0)
		a.over = a.over || over != 0 || carry != 0
	}
	var carry uint64
	a.lo, carry = bits.Add64(lo, digit, 0)
	a.hi, carry = bits.Add64(hi, 0, carry)
	a.over = a.over || carry != 0
}

// maxPower is the largest power of ten that a uint64 holds.
const maxPower = 19

// powersOfTen are those that a uint64 holds.
var powersOfTen = func() (p [maxPower + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// digits appends decimal digits; it reports whether there was nothing else.
func (a *accumulator) digits(src []byte) bool {
	for len(src) > 0 {
		n := min(len(src), maxPower)
		var chunk uint64
		for _, c := range src[:n] {
			d := c - '0'
			if d > 9 {
				return false
			}
			chunk = chunk*10 + uint64(d)
		}
		if a.hi == 0 && a.lo == 0 {
			a.lo = chunk
		} else {
			a.push(powersOfTen[n], chunk)
		}
		src = src[n:]
	}
	return true
}

// groups appends digits to base 10,000, several at a time.
func (a *accumulator) groups(src []byte) {
	for len(src) > 0 {
		base, chunk := uint64(1), uint64(0)
		for range min(numericChunk, len(src)/2) {
			base, chunk = base*numericBase, chunk*numericBase+uint64(binary.BigEndian.Uint16(src))
			src = src[2:]
		}
		if a.hi == 0 && a.lo == 0 {
			a.lo = chunk
		} else {
			a.push(base, chunk)
		}
	}
}

// scale multiplies by 10^n, for n above zero.
func (a *accumulator) scale(n int32) {
	for n > 0 && (a.hi != 0 || a.lo != 0) && !a.over {
		step := min(n, maxPower)
		a.push(powersOfTen[step], 0)
		n -= step
	}
}

// result is the signed value, if it has at most precision digits.
func (a *accumulator) result(negative bool, precision int32) (decimal128.Num, error) {
	if a.over || a.hi > math.MaxInt64 {
		return decimal128.Num{}, ErrCannotHold
	}
	n := decimal128.New(int64(a.hi), a.lo)
	if a.hi != 0 && !n.FitsInPrecision(precision) {
		return decimal128.Num{}, ErrCannotHold
	}
	if a.hi == 0 && precision <= maxPower && a.lo >= powersOfTen[precision] {
		return decimal128.Num{}, ErrCannotHold
	}
	if negative {
		n = n.Negate()
	}
	return n, nil
}

// printDecimal prints a decimal with scale digits after the point.
func printDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	hi, lo := uint64(v.HighBits()), v.LowBits()
	if v.Sign() < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	start := len(dst)
	dst = appendUint128(dst, hi, lo)
	if scale == 0 {
		return dst
	}
	for len(dst)-start <= scale { // at least one digit before the point
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '0'
	}
	dst = append(dst, 0)
	point := len(dst) - 1 - scale
	copy(dst[point+1:], dst[point:])
	dst[point] = '.'
	return dst
}

// appendUint128 prints a number below 2^127, which has at most 39 digits.
func appendUint128(dst []byte, hi, lo uint64) []byte {
	if hi == 0 {
		return strconv.AppendUint(dst, lo, 10)
	}
	const base = 10_000_000_000_000_000_000 // 10^19; the quotient fits a uint64
	quotient, rest := bits.Div64(hi, lo, base)
	dst = strconv.AppendUint(dst, quotient, 10)
	for limit := uint64(base / 10); limit > 1 && rest < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, rest, 10)
}

// spillNumeric prints NaN and the infinities, and numbers of more digits than
// the decimal has, which only a type modifier that was changed beneath the data
// can produce.
func spillNumeric(src []byte) (string, error) {
	n, err := readNumeric(src)
	if err != nil {
		return "", err
	}
	switch n.sign {
	case numericNaN:
		return "NaN", nil
	case numericInfinity:
		return "Infinity", nil
	case numericMinusInf:
		return "-Infinity", nil
	}
	return string(n.print(nil)), nil
}

// print follows numeric_out: shown digits after the point, whatever was sent.
func (n *numericWire) print(dst []byte) []byte {
	if n.sign == numericNegative {
		dst = append(dst, '-')
	}
	if n.weight < 0 {
		dst = append(dst, '0')
	}
	for i := 0; i <= int(n.weight); i++ {
		if i == 0 {
			dst = strconv.AppendUint(dst, n.group(0), 10)
		} else {
			dst = fmt.Appendf(dst, "%04d", n.group(i))
		}
	}
	if n.shown == 0 {
		return dst
	}
	dst = append(dst, '.')
	end := len(dst) + n.shown
	for i := int(n.weight) + 1; len(dst) < end; i++ {
		dst = fmt.Appendf(dst, "%04d", n.group(i))
	}
	return dst[:end]
}
