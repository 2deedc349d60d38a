package pgvalue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unsafe"
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

// parseFloat reads what extra_float_digits >= 1 prints: the shortest decimal that
// reads back as the same value. strconv reads more: hexadecimals, other names.
func parseFloat(src []byte, bits int) (float64, bool) {
	switch string(src) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	digits := bytes.TrimPrefix(src, []byte{'-'})
	if len(digits) == 0 || digits[0]-'0' > 9 || len(digits) > 1 && digits[1]|0x20 == 'x' {
		return 0, false
	}
	v, err := strconv.ParseFloat(view(src), bits)
	return v, err == nil
}

func parseFloat64(src []byte) (float64, error) {
	v, ok := parseFloat(src, 64)
	if !ok {
		return 0, malformed("double precision", src)
	}
	return v, nil
}

func parseFloat32(src []byte) (float32, error) {
	v, ok := parseFloat(src, 32)
	if !ok {
		return 0, malformed("real", src)
	}
	return float32(v), nil
}

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

// binaryFloat32 makes every NaN the one that the text form makes: a value must
// be the same by COPY as by the stream.
func binaryFloat32(src []byte) (float32, error) {
	raw, err := binaryUint32(src)
	v := math.Float32frombits(raw)
	if v != v {
		v = float32(math.NaN())
	}
	return v, err
}

func binaryFloat64(src []byte) (float64, error) {
	raw, err := binaryUint64(src)
	v := math.Float64frombits(raw)
	if v != v {
		v = math.NaN()
	}
	return v, err
}
