package pgvalue

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// sampleLiteral is how samples write a value of text.
var sampleLiteral = regexp.MustCompile(`(?s)^ ?E?'(.*)'::(.*)$`)

// addSamples seeds a fuzzer with the samples of each type under test.
func addSamples(f *testing.F) {
	indexes := map[Kind][]int{}
	for i := range testTypes {
		indexes[testTypes[i].Kind] = append(indexes[testTypes[i].Kind], i)
	}
	const newest = 18
	for _, sample := range pgtest.Samples(newest) {
		kind := Text
		if strings.HasSuffix(sample.Type, "[]") {
			kind = List
		}
		for i := range Builtins {
			if Builtins[i].Name == sample.Of {
				kind = Builtins[i].Kind
			}
		}
		for _, v := range sample.Values {
			literal := sampleLiteral.FindStringSubmatch(v.SQL)
			if literal == nil {
				continue
			}
			text := strings.ReplaceAll(literal[1], "''", "'")
			for _, i := range indexes[kind] {
				f.Add(uint8(i), []byte(text))
			}
		}
	}
}

// FuzzAppendText offers any bytes as the text of a value of each type: there is
// an error and nothing is added, or there is a value whose text reads as itself.
func FuzzAppendText(f *testing.F) {
	addSamples(f)
	for kind := range testTypes {
		r := rand.New(rand.NewPCG(uint64(kind), 0))
		for range 3 {
			f.Add(uint8(kind), []byte(testTypes[kind].random(r)))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, src []byte) {
		typ := &testTypes[int(kind)%len(testTypes)].Type
		c := NewColumn(typ)
		c.AppendNull()
		before := bytes.Clone(src)
		if err := c.AppendText(src); err != nil {
			if c.Len() != 1 {
				t.Fatalf("%v, and %d rows", err, c.Len())
			}
		} else {
			readsAsItself(t, typ, c)
		}
		if !bytes.Equal(before, src) {
			t.Fatal("the source was written to")
		}
	})
}

// readsAsItself prints the second row of a column, reads the text and prints it
// again.
func readsAsItself(t *testing.T, typ *Type, c Column) string {
	t.Helper()
	array := c.Array()
	defer array.Release()
	if array.Len() != 2 || array.NullN() != 1 || array.IsNull(1) {
		t.Fatalf("%d rows, %d nulls", array.Len(), array.NullN())
	}
	text := printed(t, typ, array, 1)
	again := NewColumn(typ)
	if err := again.AppendText([]byte(text)); err != nil {
		t.Fatalf("the text of a value, %q: %v", text, err)
	}
	second := again.Array()
	defer second.Release()
	if got := printed(t, typ, second, 0); got != text {
		t.Fatalf("%q reads as %q", text, got)
	}
	return text
}

// FuzzAppendBinary offers any bytes as the binary form of a value of each kind.
// What is too much for its column has a text that is too much as well.
func FuzzAppendBinary(f *testing.F) {
	for kind := range wireTypes {
		r := rand.New(rand.NewPCG(uint64(kind), 0))
		for range 5 {
			wire, text := wireTypes[kind].random(r)
			f.Add(uint8(kind), wire)
			f.Add(uint8(kind), []byte(text))
		}
		f.Add(uint8(kind), mustHex("00000000c0000000"))
	}
	f.Fuzz(func(t *testing.T, kind uint8, src []byte) {
		typ := &wireTypes[int(kind)%len(wireTypes)].Type
		c := NewColumn(typ)
		c.AppendNull()
		err := c.AppendBinary(src)
		switch {
		case err == nil:
			readsAsItself(t, typ, c)
		case c.Len() != 1:
			t.Fatalf("%v, and %d rows", err, c.Len())
		case errors.Is(err, ErrCannotHold):
			text, err := SpillText(typ, src)
			if err != nil {
				t.Fatalf("no text for what cannot be held: %v", err)
			}
			// A number may say that fewer digits are shown than it has.
			if err := c.AppendText([]byte(text)); err == nil && typ.Kind != Decimal && !IsSideBytes(text) {
				t.Fatalf("%q can be held", text)
			}
		}
	})
}
