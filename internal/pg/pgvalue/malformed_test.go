package pgvalue

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// typeOf finds a type among those of the tests.
func typeOf(t testing.TB, name string) *Type {
	t.Helper()
	for i := range testTypes {
		if testTypes[i].Name == name {
			return &testTypes[i].Type
		}
	}
	t.Fatalf("no type %q", name)
	return nil
}

// malformedTexts are no values of their types.
var malformedTexts = map[string][]string{
	"boolean":          {"", "true", "T", "1", "tf"},
	"smallint":         {"", "-", "+1", "32768", "-32769", "1 ", " 1", "1.0", "0x1", "--1", "99999999999999999999"},
	"integer":          {"", "2147483648", "-2147483649", "1e3", "١"},
	"bigint":           {"", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999"},
	"oid":              {"", "-1", "4294967296", "+1", "0x1", "1_0"},
	"xid8":             {"", "-1", "18446744073709551616", "1 "},
	"real":             {"", "nan", "inf", "+Inf", "0x1p3", "1e", "1e400", "1e39", ".", "-", "1,5", "--1", "0X1", "-0x1p-2"},
	"double precision": {"", "NAN", "infinity", "1e309", "1.5 ", "e5", "-0x10", "0b1", "1__0"},
	"numeric(38,10)":   {"", "-", ".", "1.", ".5", "+1", "1e5", "1.5.5", "--1", "1 ", "nan", "inf", "-.5", "0x10", "1,5", "1.5x", "1.00000000000x"},
	"bytea":            {"", "x", `\`, `\x0`, `\x0g`, "abc", `\\x00`, `\X00`},
	"date": {"", "2024", "2024-1-01", "2024-13-01", "2024-00-10", "2024-02-30", "2023-02-29", "0000-01-01", "-2024-01-01",
		"2024-01-01 AD", "2024-01-01BC", "4714-11-23 BC", "5874898-01-01", "99999999999-01-01", "Infinity", "2024-04-31", "1900-02-29", "0101-02-29 BC BC"},
	"time": {"", "24:00:00.000001", "25:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.", "12:00:00.1234567", "1:00:00", "12:00:00+00", "-1:00:00"},
	"timestamp": {"", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 24:00:00", "2024-01-01 00:00:00 ", "294277-01-01 00:00:00", "4714-11-23 23:59:59 BC",
		"2024-02-30 00:00:00", "INFINITY", "2024-01-01 00:00:00+1"},
	"timestamptz": {"", "2024-01-01 00:00:00+16", "2024-01-01 00:00:00+00:60", "2024-01-01 00:00:00Z", "4714-11-24 00:00:00+01 BC", "294277-01-01 00:00:00+00"},
	"interval": {"", "1", "1 week", "1 day 1 day", "00:00:01 00:00:01", "1 day ", " 1 day", "P1D", "@ 1 day", "1 day ago", "999999999999 days",
		"-178956970 years -9 mons", "178956971 years", "00:60:00", "1.5 days", "2562048:00:00 2562048:00:00"},
	"uuid": {"", "00000000-0000-0000-0000-00000000000", "00000000000000000000000000000000", "g0000000-0000-0000-0000-000000000000",
		"00000000-0000-0000-0000-0000000000000", "{00000000-0000-0000-0000-000000000000}", "00000000_0000-0000-0000-000000000000"},
	"integer[]": {"", "{", "}", "{1", "1", "{1,}", "{,1}", "{1}}", "{1}{2}", "{x}", `{"1}`, `{"1"x}`, `{1"}`, `{"\`, "{1;2}", "{null}", "{ 1}", "{1}x"},
	"text[]":    {"{a", `{a"b}`, `{a\b}`, `{"a}`, `{"a"`, `{"a"b}`, "{a{b}", `{"a\"}`, "{a,,b}"},
	"box[]":     {"{(1,1),(0,0)", "{;}"},
}

func TestMalformedTexts(t *testing.T) {
	for name, texts := range malformedTexts {
		typ := typeOf(t, name)
		for _, text := range texts {
			refuses(t, typ, text, func(c Column) error { return c.AppendText([]byte(text)) }, false)
		}
	}
}

// cannotHold are values that PostgreSQL has but their columns have not.
var cannotHold = map[string][]string{
	"numeric(38,10)": {"NaN", "Infinity", "-Infinity", strings.Repeat("9", 29), "0.00000000001", "1" + strings.Repeat("0", 100)},
	"numeric(5,5)":   {"1", "0.000001", "-1.5"},
	"timestamp":      {"294247-01-10 04:00:54.775807", "294276-12-31 23:59:59.999999"},
	"timestamptz":    {"294276-12-31 23:59:59.999999+00"},
	"interval":       {"infinity", "-infinity", "2562048:00:00", "-2562047788:00:54.775808", "1 day 2562047:59:59"},
	"text":           {"\xff", "caf\xe9", "\xed\xa0\x80", strings.Repeat("x", 8) + "\x80"},
	"json":           {"\"\xe9\""},
	"integer[]":      {"{{1}}", "[0:0]={1}", "[2:3]={1,2}"},
	"integer[][]":    {"{1}", "{{{1}}}", "{NULL}", "[0:0][1:1]={{1}}"},
	"text[]":         {"{\xff}", "{a,\"\xe9 b\"}"},
	"timestamp[]":    {`{"2024-01-01 00:00:00","294276-12-31 23:59:59.999999"}`},
	"numeric(5,5)[]": {"{0.1,NaN}", "{1}"},
}

func TestTextsThatCannotBeHeld(t *testing.T) {
	for name, texts := range cannotHold {
		typ := typeOf(t, name)
		for _, text := range texts {
			refuses(t, typ, text, func(c Column) error { return c.AppendText([]byte(text)) }, true)
		}
	}
}

// refuses expects that a column takes no value and stays as it is, between two
// others.
func refuses(t *testing.T, typ *Type, what string, add func(Column) error, held bool) {
	t.Helper()
	good := map[Kind]string{List: "{}", Decimal: "0", Bytes: `\x00`, Bool: "t", Date: "2024-01-01", Time: "00:00:00",
		Timestamp: "infinity", TimestampTZ: "infinity", Interval: "00:00:00", UUID: "00000000-0000-0000-0000-000000000000"}[typ.Kind]
	if good == "" {
		good = "0"
	}
	c := NewColumn(typ)
	if err := c.AppendText([]byte(good)); err != nil {
		t.Fatal(err)
	}
	if err := add(c); err == nil || errors.Is(err, ErrCannotHold) != held {
		t.Errorf("%s %q: %v", typ.Name, what, err)
	} else if len(what) > 8 && strings.Contains(err.Error(), what) {
		t.Errorf("%s: the error has the value in it: %v", typ.Name, err)
	}
	if err := c.AppendText([]byte(good)); err != nil || c.Len() != 2 {
		t.Errorf("%s after %q: %v, %d rows", typ.Name, what, err, c.Len())
	}
	array := c.Array()
	defer array.Release()
	if first, second := printed(t, typ, array, 0), printed(t, typ, array, 1); first != second {
		t.Errorf("%s after %q: %q and %q", typ.Name, what, first, second)
	}
}

// TestMalformedBinary cuts and lengthens values, and has what no server sends.
func TestMalformedBinary(t *testing.T) {
	for _, typ := range wireTypes {
		if typ.Kind == Text || typ.Kind == JSON || typ.Kind == Bytes {
			continue // of any length
		}
		for _, n := range []int{0, 1, 3, 5, 7, 9, 15, 17} {
			if typ.Kind == Bool && n == 1 {
				continue
			}
			src := make([]byte, n)
			refuses(t, &typ.Type, string(src), func(c Column) error { return c.AppendBinary(src) }, false)
		}
	}
	numeric := func(words ...uint16) []byte {
		var out []byte
		for _, w := range words {
			out = append(out, be16(w)...)
		}
		return out
	}
	for name, values := range map[string][][]byte{
		"numeric(38,10)": {
			numeric(1, 0, 0x1234, 0, 1), numeric(2, 0, 0, 0, 1), numeric(1, 0, 0, 0, 10_000), numeric(0, 0, 0, 0x4000), numeric(0xffff, 0, 0, 0, 1),
		},
		"date":        {be32(0x7ffffffe), be32(0x80000001)},
		"time":        {be64(1 << 63), be64(uint64(microsPerDay) + 1)},
		"timestamp":   {be64(1<<63 - 2), be64(1<<63 + 1)},
		"timestamptz": {be64(1<<63 - 2)},
		"integer[]":   {bytes.Repeat([]byte{0}, 20)},
	} {
		for _, src := range values {
			refuses(t, typeOf(t, name), string(src), func(c Column) error { return c.AppendBinary(src) }, false)
		}
	}
}

// TestBinaryThatCannotBeHeld has values that go beside the row, and their texts.
func TestBinaryThatCannotBeHeld(t *testing.T) {
	const endOf2000 = 9223371331199999999 // of the last microsecond, since 2000
	interval := func(micros int64, days, months int32) []byte {
		return append(append(be64(uint64(micros)), be32(uint32(days))...), be32(uint32(months))...)
	}
	for _, c := range []struct {
		name string
		src  []byte
		want string
	}{
		{"numeric(38,10)", mustHex("00000000c0000000"), "NaN"},
		{"numeric(38,10)", mustHex("00000000d0000000"), "Infinity"},
		{"numeric(38,10)", mustHex("00000000f0000000"), "-Infinity"},
		{"numeric(5,5)", numericToWire("-12345.678900"), "-12345.678900"},
		{"numeric(5,5)", numericToWire("0.0000000001"), "0.0000000001"},
		{"numeric(5,5)", numericToWire("100000000"), "100000000"},
		{"timestamp", be64(endOf2000), "294276-12-31 23:59:59.999999"},
		{"timestamptz", be64(endOf2000), "294276-12-31 23:59:59.999999+00"},
		{"interval", interval(1<<63-1, 1<<31-1, 1<<31-1), "infinity"},
		{"interval", interval(-1<<63, -1<<31, -1<<31), "-infinity"},
		{"interval", interval(-1<<63, 1, -13), "-1 years -1 mons +1 day -2562047788:00:54.775808"},
		{"text", []byte("caf\xe9"), `\x636166e9`},
		{"json", []byte("\x01\"\xe9\""), `\x22e922`},
	} {
		typ := typeOf(t, c.name)
		refuses(t, typ, string(c.src), func(column Column) error { return column.AppendBinary(c.src) }, true)
		if got, err := SpillText(typ, c.src); got != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if _, err := SpillText(typeOf(t, "uuid"), make([]byte, 16)); err == nil {
		t.Error("a uuid was spilled")
	}
}

func TestSideText(t *testing.T) {
	for text, want := range map[string]string{"": "", "größer": "größer", "\xff\x00": `\xff00`, "a\xe9": `\x61e9`, "NaN": "NaN"} {
		if got := SideText([]byte(text)); got != want || IsSideBytes(got) != strings.HasPrefix(want, `\x`) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
