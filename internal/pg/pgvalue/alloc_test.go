package pgvalue

import (
	"math/rand/v2"
	"testing"
)

// TestAppendsDoNotAllocate appends values of every kind to a column that has its
// memory already.
func TestAppendsDoNotAllocate(t *testing.T) {
	for i := range testTypes {
		typ := &testTypes[i]
		r := rand.New(rand.NewPCG(uint64(i), 0))
		text := []byte(typ.random(r))
		for len(text) < 3 && typ.Kind == List {
			text = []byte(typ.random(r))
		}
		doesNotAllocate(t, typ.Name+" as text", &typ.Type, text, Column.AppendText)
	}
	for i := range wireTypes {
		typ := &wireTypes[i]
		wire, _ := typ.random(rand.New(rand.NewPCG(uint64(i), 0)))
		doesNotAllocate(t, typ.Name+" as binary", &typ.Type, wire, Column.AppendBinary)
	}
}

func doesNotAllocate(t *testing.T, what string, typ *Type, src []byte, add func(Column, []byte) error) {
	t.Helper()
	const rows = 100
	c := NewColumn(typ)
	allocations := testing.AllocsPerRun(10, func() {
		c.Reset()
		for range rows {
			if err := add(c, src); err != nil {
				t.Fatal(err)
			}
			c.AppendNull()
		}
	})
	if allocations != 0 {
		t.Errorf("%s: %v allocations for %d rows", what, allocations, rows)
	}
}

// TestPrintsDoNotAllocate prints values into memory that is there, which is what
// verification spends its time in.
func TestPrintsDoNotAllocate(t *testing.T) {
	for i := range wireTypes {
		typ := &wireTypes[i]
		if typ.Kind == Float64 || typ.Kind == Float32 {
			continue // large ones take package big
		}
		wire, _ := typ.random(rand.New(rand.NewPCG(uint64(i), 0)))
		c := NewColumn(&typ.Type)
		if err := c.AppendBinary(wire); err != nil {
			t.Fatal(err)
		}
		array := c.Array()
		defer array.Release()
		buffer := make([]byte, 0, 1024)
		allocations := testing.AllocsPerRun(100, func() {
			var err error
			if buffer, err = Print(buffer[:0], &typ.Type, array, 0); err != nil {
				t.Fatal(err)
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", typ.Name, allocations)
		}
	}
}
