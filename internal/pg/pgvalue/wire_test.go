package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/internal/pg"
)

// wireType makes random values of a kind in both forms, without the code that is
// tested as far as Go has the means.
type wireType struct {
	Type
	random func(r *rand.Rand) (wire []byte, text string)
}

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

var wireTypes = []wireType{
	{Type{Name: "boolean", Kind: Bool}, func(r *rand.Rand) ([]byte, string) {
		v := r.IntN(2)
		return []byte{byte(v)}, "ft"[v : v+1]
	}},
	{Type{Name: "smallint", Kind: Int16}, func(r *rand.Rand) ([]byte, string) {
		v := int16(r.Uint32())
		return be16(uint16(v)), fmt.Sprint(v)
	}},
	{Type{Name: "integer", Kind: Int32}, func(r *rand.Rand) ([]byte, string) {
		v := int32(randomInt64(r))
		return be32(uint32(v)), fmt.Sprint(v)
	}},
	{Type{Name: "bigint", Kind: Int64}, func(r *rand.Rand) ([]byte, string) {
		v := randomInt64(r)
		return be64(uint64(v)), fmt.Sprint(v)
	}},
	{Type{Name: "oid", Kind: Uint32}, func(r *rand.Rand) ([]byte, string) {
		v := r.Uint32()
		return be32(v), fmt.Sprint(v)
	}},
	{Type{Name: "xid8", Kind: Uint64}, func(r *rand.Rand) ([]byte, string) {
		v := uint64(randomInt64(r))
		return be64(v), fmt.Sprint(v)
	}},
	{Type{Name: "real", Kind: Float32}, func(r *rand.Rand) ([]byte, string) {
		v := r.Uint32()
		return be32(v), string(printFloat(nil, float64(math.Float32frombits(v)), 32))
	}},
	{Type{Name: "double precision", Kind: Float64}, func(r *rand.Rand) ([]byte, string) {
		v := r.Uint64()
		return be64(v), string(printFloat(nil, math.Float64frombits(v), 64))
	}},
	{Type{Name: "numeric(38,10)", Kind: Decimal, Precision: 38, Scale: 10}, randomNumeric(28, 10)},
	{Type{Name: "numeric(38,0)", Kind: Decimal, Precision: 38}, randomNumeric(38, 0)},
	{Type{Name: "numeric(38,38)", Kind: Decimal, Precision: 38, Scale: 38}, randomNumeric(0, 38)},
	{Type{Name: "numeric(9,3)", Kind: Decimal, Precision: 9, Scale: 3}, randomNumeric(6, 3)},
	{Type{Name: "bytea", Kind: Bytes}, func(r *rand.Rand) ([]byte, string) {
		v := []byte(randomText(r))
		return v, `\x` + hex.EncodeToString(v)
	}},
	{Type{Name: "date", Kind: Date}, func(r *rand.Rand) ([]byte, string) {
		days := between(r, minDay, endDay)
		return be32(uint32(days - epochDays)), civilText(time.Unix(days*86_400, 0), "", "")
	}},
	{Type{Name: "time", Kind: Time}, func(r *rand.Rand) ([]byte, string) {
		micros := between(r, 0, microsPerDay)
		return be64(uint64(micros)), clockText(time.UnixMicro(micros))
	}},
	{Type{Name: "timestamp", Kind: Timestamp}, func(r *rand.Rand) ([]byte, string) { return randomInstant(r, "") }},
	{Type{Name: "timestamptz", Kind: TimestampTZ}, func(r *rand.Rand) ([]byte, string) { return randomInstant(r, "+00") }},
	{Type{Name: "interval", Kind: Interval}, func(r *rand.Rand) ([]byte, string) {
		text := randomInterval(r)
		v, _ := parseInterval([]byte(text))
		wire := append(be64(uint64(v.Nanoseconds/1000)), be32(uint32(v.Days))...)
		return append(wire, be32(uint32(v.Months))...), text
	}},
	{Type{Name: "uuid", Kind: UUID}, func(r *rand.Rand) ([]byte, string) {
		wire := append(be64(r.Uint64()), be64(r.Uint64())...)
		return wire, fmt.Sprintf("%x-%x-%x-%x-%x", wire[:4], wire[4:6], wire[6:8], wire[8:10], wire[10:])
	}},
	{Type{Name: "jsonb", Kind: JSON}, func(r *rand.Rand) ([]byte, string) {
		text := strconv.Quote(randomText(r))
		return []byte("\x01" + text), text
	}},
	{Type{Name: "text", Kind: Text}, func(r *rand.Rand) ([]byte, string) {
		text := randomText(r)
		return []byte(text), text
	}},
}

// civilText prints a time in the calendar of package time, which is
// PostgreSQL's, and has a year 0.
func civilText(t time.Time, clock, zone string) string {
	t = t.UTC()
	year, era := t.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, t.Month(), t.Day()) + clock + zone + era
}

func clockText(t time.Time) string {
	return strings.TrimSuffix(strings.TrimRight(t.UTC().Format("15:04:05.000000"), "0"), ".")
}

func randomInstant(r *rand.Rand, zone string) ([]byte, string) {
	since2000 := between(r, (minDay-epochDays)*microsPerDay, math.MaxInt64-pg.EpochOffset) >> r.IntN(50)
	t := time.UnixMicro(since2000 + pg.EpochOffset)
	return be64(uint64(since2000)), civilText(t, " "+clockText(t), zone)
}

func randomNumeric(whole, scale int) func(r *rand.Rand) ([]byte, string) {
	return func(r *rand.Rand) ([]byte, string) {
		text := randomDecimal(r, whole, scale)
		return numericToWire(text), text
	}
}

// numericToWire makes numeric_send's form of a number, as the server does: no
// groups that are zero in front or behind.
func numericToWire(text string) []byte {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	shown := len(fraction)
	whole = strings.Repeat("0", (4-len(whole)%4)%4) + whole
	fraction += strings.Repeat("0", (4-len(fraction)%4)%4)
	weight := len(whole)/4 - 1
	var groups []uint16
	for all := whole + fraction; len(all) > 0; all = all[4:] {
		n, _ := strconv.Atoi(all[:4])
		groups = append(groups, uint16(n))
	}
	for len(groups) > 0 && groups[0] == 0 {
		groups, weight = groups[1:], weight-1
	}
	for len(groups) > 0 && groups[len(groups)-1] == 0 {
		groups = groups[:len(groups)-1]
	}
	var sign uint16 = numericPositive
	switch {
	case len(groups) == 0:
		weight = 0
	case negative:
		sign = numericNegative
	}
	wire := append(be16(uint16(len(groups))), be16(uint16(int16(weight)))...)
	wire = append(append(wire, be16(sign)...), be16(uint16(shown))...)
	for _, g := range groups {
		wire = append(wire, be16(g)...)
	}
	return wire
}

// TestRoundTrip appends random values of each kind in both forms, prints them
// and expects the text.
func TestRoundTrip(t *testing.T) {
	for _, typ := range wireTypes {
		t.Run(typ.Name, func(t *testing.T) {
			seeds(t, 2, func(t *testing.T, r *rand.Rand) {
				column := NewColumn(&typ.Type)
				var want []string
				for range 2000 {
					wire, text := typ.random(r)
					if err := column.AppendBinary(wire); err != nil {
						t.Fatalf("%x (%s): %v", wire, text, err)
					}
					if err := column.AppendText([]byte(text)); err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					want = append(want, text, text)
				}
				array := column.Array()
				defer array.Release()
				for row, w := range want {
					if got := printed(t, &typ.Type, array, row); got != w {
						t.Fatalf("%s form: %q, want %q", []string{"binary", "text"}[row&1], got, w)
					}
				}
			})
		})
	}
}

// TestRoundTripOfLists does the same with arrays, which come as text alone.
func TestRoundTripOfLists(t *testing.T) {
	for _, typ := range testTypes {
		if typ.Kind != List {
			continue
		}
		t.Run(typ.Name, func(t *testing.T) {
			seeds(t, 2, func(t *testing.T, r *rand.Rand) {
				column := NewColumn(&typ.Type)
				for row := range 500 {
					text := typ.random(r)
					if err := column.AppendText([]byte(text)); err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					array := column.Array()
					if got := printed(t, &typ.Type, array, row); got != text {
						t.Fatalf("%q, want %q", got, text)
					}
					array.Release()
				}
			})
		})
	}
}

// TestFloatsReadBack is the other half of printing floats: the text reads as the
// same bits, and no shorter one does.
func TestFloatsReadBack(t *testing.T) {
	seeds(t, 2, func(t *testing.T, r *rand.Rand) {
		for range 20_000 {
			v := math.Float64frombits(r.Uint64())
			if math.IsNaN(v) {
				continue
			}
			text := string(printFloat(nil, v, 64))
			back, err := strconv.ParseFloat(text, 64)
			if err != nil || math.Float64bits(back) != math.Float64bits(v) {
				t.Fatalf("%s is %v, want %v (%v)", text, back, v, err)
			}
		}
	})
}

// TestSpilledNumerics prints numbers that no decimal holds, against package big.
func TestSpilledNumerics(t *testing.T) {
	typ := Type{Name: "numeric(10,2)", Kind: Decimal, Precision: 10, Scale: 2}
	seeds(t, 2, func(t *testing.T, r *rand.Rand) {
		for range 500 {
			unscaled := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(9+r.IntN(200))), nil)
			unscaled.Add(unscaled, big.NewInt(randomInt64(r)>>1&math.MaxInt32))
			text := unscaled.String()
			if n := r.IntN(5); n > 0 {
				text += "." + strings.Repeat("7", n)
			}
			wire := numericToWire(text)
			if err := NewColumn(&typ).AppendBinary(wire); !errors.Is(err, ErrCannotHold) {
				t.Fatalf("%s: %v", text, err)
			}
			if got, err := SpillText(&typ, wire); got != text || err != nil {
				t.Fatalf("%s, %v; want %s", got, err, text)
			}
		}
	})
}
