package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
)

// appendRows is how many rows a column takes before it is emptied, as the loader
// does.
const appendRows = 16384

// BenchmarkAppend measures the appends that copies and streams spend their time
// in; after the first rows nothing is allocated.
func BenchmarkAppend(b *testing.B) {
	int8, float8 := make([]byte, 8), make([]byte, 8)
	binary.BigEndian.PutUint64(int8, 1234567890123)
	binary.BigEndian.PutUint64(float8, math.Float64bits(12345.678))
	instant := binary.BigEndian.AppendUint64(nil, 775_000_000_123_456)
	const words = "The quick brown fox jumps over the lazy dog"
	const object = `{"id": 12345, "name": "Ada", "tags": ["a", "b"], "price": 12.50}`
	for _, c := range []struct {
		name   string
		typ    Type
		text   string
		binary []byte
	}{
		{"int8", Type{Kind: Int64}, "1234567890123", int8},
		{"float8", Type{Kind: Float64}, "12345.678", float8},
		{"timestamptz", Type{Kind: TimestampTZ}, "2024-07-22 21:46:40.123456+00", instant},
		{"numeric(18,2)", Type{Kind: Decimal, Precision: 18, Scale: 2}, "1234567890.12",
			mustHex("0004000200000002000c0d801ed204b0")},
		{"text", Type{Kind: Text}, words, []byte(words)},
		{"jsonb", Type{Kind: JSON}, object, []byte("\x01" + object)},
		{"int8[]", Type{Kind: List, Elem: &Type{Kind: Int64}, Dims: 1, Delim: ','}, "{1,22,333,4444,NULL}", nil},
	} {
		benchmarkAppend(b, c.name+"/text", &c.typ, []byte(c.text), Column.AppendText)
		if c.binary != nil {
			benchmarkAppend(b, c.name+"/binary", &c.typ, c.binary, Column.AppendBinary)
		}
	}
}

func benchmarkAppend(b *testing.B, name string, t *Type, value []byte, add func(Column, []byte) error) {
	b.Run(name, func(b *testing.B) {
		column := NewColumn(t)
		for range appendRows {
			if err := add(column, value); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			if column.Len() == appendRows {
				column.Reset()
			}
			_ = add(column, value)
		}
	})
}

func mustHex(s string) []byte {
	out, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return out
}
