package pgvalue

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// testType is a type and a source of random values of it, as PostgreSQL prints
// them.
type testType struct {
	Type
	random func(r *rand.Rand) string
}

func listOf(elem testType, dims int) testType {
	delim := byte(',')
	if elem.Name == "box" {
		delim = ';'
	}
	t := Type{Name: elem.Name + strings.Repeat("[]", dims), Kind: List, Elem: &elem.Type, Dims: dims, Delim: delim}
	return testType{t, func(r *rand.Rand) string { return randomList(r, &t, elem.random, dims) }}
}

// testTypes has every kind, and lists of several.
var testTypes = func() []testType {
	scalars := []testType{
		{Type{Name: "boolean", Kind: Bool}, func(r *rand.Rand) string { return string("tf"[r.IntN(2)]) }},
		{Type{Name: "smallint", Kind: Int16}, func(r *rand.Rand) string { return fmt.Sprint(int16(r.Uint64())) }},
		{Type{Name: "integer", Kind: Int32}, func(r *rand.Rand) string { return fmt.Sprint(int32(randomInt64(r))) }},
		{Type{Name: "bigint", Kind: Int64}, func(r *rand.Rand) string { return fmt.Sprint(randomInt64(r)) }},
		{Type{Name: "oid", Kind: Uint32}, func(r *rand.Rand) string { return fmt.Sprint(r.Uint32()) }},
		{Type{Name: "xid8", Kind: Uint64}, func(r *rand.Rand) string { return fmt.Sprint(uint64(randomInt64(r))) }},
		{Type{Name: "real", Kind: Float32}, func(r *rand.Rand) string {
			return string(printFloat(nil, float64(math.Float32frombits(r.Uint32())), 32))
		}},
		{Type{Name: "double precision", Kind: Float64}, func(r *rand.Rand) string {
			return string(printFloat(nil, math.Float64frombits(r.Uint64()), 64))
		}},
		{Type{Name: "numeric(38,10)", Kind: Decimal, Precision: 38, Scale: 10}, func(r *rand.Rand) string { return randomDecimal(r, 28, 10) }},
		{Type{Name: "numeric(10,0)", Kind: Decimal, Precision: 10}, func(r *rand.Rand) string { return randomDecimal(r, 10, 0) }},
		{Type{Name: "numeric(5,5)", Kind: Decimal, Precision: 5, Scale: 5}, func(r *rand.Rand) string { return randomDecimal(r, 0, 5) }},
		{Type{Name: "bytea", Kind: Bytes}, func(r *rand.Rand) string { return `\x` + hex.EncodeToString([]byte(randomText(r))) }},
		{Type{Name: "date", Kind: Date}, func(r *rand.Rand) string {
			return string(printDate(nil, int32(between(r, minDay, endDay))))
		}},
		{Type{Name: "time", Kind: Time}, func(r *rand.Rand) string { return string(printClock(nil, uint64(between(r, 0, microsPerDay+1)))) }},
		{Type{Name: "timetz", Kind: TimeTZ}, func(r *rand.Rand) string {
			return string(printClock(nil, uint64(between(r, 0, microsPerDay+1)))) + "+05:30"
		}},
		{Type{Name: "timestamp", Kind: Timestamp}, func(r *rand.Rand) string { return randomTimestamp(r, false) }},
		{Type{Name: "timestamptz", Kind: TimestampTZ}, func(r *rand.Rand) string { return randomTimestamp(r, true) }},
		{Type{Name: "interval", Kind: Interval}, randomInterval},
		{Type{Name: "uuid", Kind: UUID}, func(r *rand.Rand) string {
			return string(printUUID(nil, []byte(fmt.Sprintf("%016x", r.Uint64()))))
		}},
		{Type{Name: "json", Kind: JSON}, func(r *rand.Rand) string { return fmt.Sprintf("{%q: %d}", randomText(r), r.IntN(9)) }},
		{Type{Name: "text", Kind: Text}, randomText},
		{Type{Name: "box", Kind: Text}, func(r *rand.Rand) string { return fmt.Sprintf("(%d,1),(0,0)", r.IntN(9)) }},
	}
	all := scalars
	for _, s := range scalars {
		all = append(all, listOf(s, 1))
	}
	return append(all, listOf(scalars[2], 2), listOf(scalars[20], 3), listOf(scalars[0], 2))
}()

// randomInt64 has as many small numbers as large ones.
func randomInt64(r *rand.Rand) int64 { return int64(r.Uint64()) >> r.IntN(64) }

func between(r *rand.Rand, from, to int64) int64 { return from + int64(r.Uint64N(uint64(to-from))) }

func randomDecimal(r *rand.Rand, whole, scale int) string {
	var digits strings.Builder
	for range whole + scale {
		digits.WriteByte(byte('0' + r.IntN(10)))
	}
	all := digits.String()
	out := strings.TrimLeft(all[r.IntN(whole+1):whole], "0")
	if out == "" {
		out = "0"
	}
	if scale > 0 {
		out += "." + all[whole:]
	}
	if strings.Trim(out, "0.") != "" && r.IntN(2) == 0 {
		return "-" + out
	}
	return out
}

func randomTimestamp(r *rand.Rand, zone bool) string {
	if r.IntN(10) == 0 {
		return []string{"infinity", "-infinity"}[r.IntN(2)]
	}
	micros := between(r, (minDay-epochDays)*microsPerDay, math.MaxInt64-pg.EpochOffset)
	return string(printInstant(nil, micros>>r.IntN(40), epochDays, zone))
}

func randomInterval(r *rand.Rand) string {
	v := span{int32(r.Uint32()) >> r.IntN(32), int32(r.Uint32()) >> r.IntN(32), between(r, -maxIntervalMicros, maxIntervalMicros) >> r.IntN(63)}
	return string(v.print(nil))
}

func randomText(r *rand.Rand) string {
	pieces := []string{"a", "NULL", " ", `"`, `\`, "{", "}", ",", ";", "ö", "😀", "\n", "null", "0", "x y"}
	var text strings.Builder
	for range r.IntN(6) {
		text.WriteString(pieces[r.IntN(len(pieces))])
	}
	return text.String()
}

// randomList makes what array_out would.
func randomList(r *rand.Rand, t *Type, elem func(*rand.Rand) string, dims int) string {
	n := r.IntN(4)
	if n == 0 {
		return "{}"
	}
	if dims > 1 || t.Dims > 1 {
		n = 2 // all lists of one dimension are of one length
	}
	items := make([]string, n)
	for i := range items {
		switch {
		case dims > 1:
			items[i] = "{}"
			for items[i] == "{}" {
				items[i] = randomList(r, t, elem, dims-1)
			}
		case r.IntN(4) == 0:
			items[i] = "NULL"
		default:
			items[i] = elem(r)
			if needsQuotes([]byte(items[i]), t.Delim) {
				items[i] = `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(items[i]) + `"`
			}
		}
	}
	return "{" + strings.Join(items, string(t.Delim)) + "}"
}

// random is a reproducible source; the seed is part of the test's name.
func seeds(t *testing.T, n int, test func(t *testing.T, r *rand.Rand)) {
	for seed := range n {
		t.Run(strconv.Itoa(seed), func(t *testing.T) { test(t, rand.New(rand.NewPCG(uint64(seed), 0))) })
	}
}
