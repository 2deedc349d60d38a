package pgvalue

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// malformed is the error for bytes that are no value of the type. It does not
// carry the value: errors are logged.
func malformed(what string, src []byte) error {
	return fmt.Errorf("malformed %s of %d bytes", what, len(src))
}

// view reads bytes as a string without a copy; the result must not outlive src.
func view(src []byte) string { return unsafe.String(unsafe.SliceData(src), len(src)) }

type signed interface{ int16 | int32 | int64 }

func parseInt[T signed](src []byte) (T, error) {
	digits := src
	negative := len(src) > 0 && src[0] == '-'
	if negative {
		digits = src[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, malformed("integer", src)
	}
	var v uint64
	for _, c := range digits {
		d := c - '0'
		if d > 9 {
			return 0, malformed("integer", src)
		}
		v = v*10 + uint64(d)
	}
	// 19 digits cannot overflow a uint64; the round trip finds what T cannot hold.
	n := int64(v)
	if negative {
		n = -n
	}
	out := T(n)
	if int64(out) != n || n != 0 && n < 0 != negative {
		return 0, malformed("integer", src)
	}
	return out, nil
}

type unsigned interface{ uint32 | uint64 }

func parseUint[T unsigned](src []byte) (T, error) {
	v, err := strconv.ParseUint(view(src), 10, int(unsafe.Sizeof(T(0)))*8)
	if err != nil {
		return 0, malformed("unsigned integer", src)
	}
	return T(v), nil
}

// parseFloat64 reads what extra_float_digits >= 1 prints: the shortest decimal
// that reads back as the same value. strconv reads NaN and Infinity as well.
func parseFloat64(src []byte) (float64, error) {
	v, err := strconv.ParseFloat(view(src), 64)
	if err != nil {
		return 0, malformed("double precision", src)
	}
	return v, nil
}

func parseFloat32(src []byte) (float32, error) {
	v, err := strconv.ParseFloat(view(src), 32)
	if err != nil {
		return 0, malformed("real", src)
	}
	return float32(v), nil
}

// decimals reads numerics into 128-bit decimals of a fixed scale.
type decimals struct{ precision, scale int32 }

// parse reads numeric_out's form, which never has an exponent.
func (d decimals) parse(src []byte) (decimal128.Num, error) {
	digits := src
	negative := len(src) > 0 && src[0] == '-'
	if negative {
		digits = src[1:]
	}
	if len(digits) == 0 {
		return decimal128.Num{}, malformed("numeric", src)
	}
	if digits[0] == 'N' || digits[0] == 'I' {
		return decimal128.Num{}, ErrCannotHold
	}
	var acc accumulator
	fraction := int32(-1) // digits after the point; -1 before it
	for _, c := range digits {
		if c == '.' && fraction < 0 {
			fraction = 0
			continue
		}
		v := c - '0'
		if v > 9 {
			return decimal128.Num{}, malformed("numeric", src)
		}
		if fraction >= 0 {
			if fraction == d.scale {
				if v != 0 {
					return decimal128.Num{}, ErrCannotHold
				}
				continue
			}
			fraction++
		}
		acc.push(10, uint64(v))
	}
	acc.scale(d.scale - max(fraction, 0))
	return acc.result(negative, d.precision)
}

// binary reads numeric_send's form: four 16-bit words (count of digits, weight
// of the first, sign, scale for display) and the digits to base 10,000.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
func (d decimals) binary(src []byte) (decimal128.Num, error) {
	if len(src) < 8 {
		return decimal128.Num{}, malformed("numeric", src)
	}
	count := int(binary.BigEndian.Uint16(src))
	weight := int32(int16(binary.BigEndian.Uint16(src[2:])))
	sign := binary.BigEndian.Uint16(src[4:])
	if sign != 0 && sign != 0x4000 {
		return decimal128.Num{}, ErrCannotHold // NaN and the infinities
	}
	digits := src[8:]
	if len(digits) != 2*count {
		return decimal128.Num{}, malformed("numeric", src)
	}
	var acc accumulator
	for i := range count {
		acc.push(10_000, uint64(binary.BigEndian.Uint16(digits[2*i:])))
	}
	// The value is acc × 10^(4 × (weight - (count-1))).
	acc.scale(4*(weight-int32(count)+1) + d.scale)
	return acc.result(sign != 0, d.precision)
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

// scale multiplies by 10^n. With n below zero it divides, and the digits that go
// must be zeros.
func (a *accumulator) scale(n int32) {
	for ; n > 0 && (a.hi != 0 || a.lo != 0) && !a.over; n-- {
		a.push(10, 0)
	}
	for ; n < 0 && (a.hi != 0 || a.lo != 0); n++ {
		var rest uint64
		a.hi, rest = a.hi/10, a.hi%10
		a.lo, rest = bits.Div64(rest, a.lo, 10)
		a.over = a.over || rest != 0
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
	if a.hi == 0 && precision < int32(len(powersOfTen)) && a.lo >= powersOfTen[precision] {
		return decimal128.Num{}, ErrCannotHold
	}
	if negative {
		n = n.Negate()
	}
	return n, nil
}

// powersOfTen are those that a uint64 holds.
var powersOfTen = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func binaryInt16(src []byte) (int16, error) {
	if len(src) != 2 {
		return 0, malformed("smallint", src)
	}
	return int16(binary.BigEndian.Uint16(src)), nil
}

func binaryInt32(src []byte) (int32, error) {
	v, err := binaryUint32(src)
	return int32(v), err
}

func binaryInt64(src []byte) (int64, error) {
	v, err := binaryUint64(src)
	return int64(v), err
}

func binaryUint32(src []byte) (uint32, error) {
	if len(src) != 4 {
		return 0, malformed("value of 4 bytes", src)
	}
	return binary.BigEndian.Uint32(src), nil
}

func binaryUint64(src []byte) (uint64, error) {
	if len(src) != 8 {
		return 0, malformed("value of 8 bytes", src)
	}
	return binary.BigEndian.Uint64(src), nil
}

func binaryFloat32(src []byte) (float32, error) {
	v, err := binaryUint32(src)
	return math.Float32frombits(v), err
}

func binaryFloat64(src []byte) (float64, error) {
	v, err := binaryUint64(src)
	return math.Float64frombits(v), err
}
