package pgvalue

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

const null = "\x00null"

// TestColumnsAgainstAModel does random things to a column of each type and the
// same to a list of texts.
func TestColumnsAgainstAModel(t *testing.T) {
	for _, typ := range testTypes {
		t.Run(typ.Name, func(t *testing.T) {
			seeds(t, 3, func(t *testing.T, r *rand.Rand) {
				m := &modelled{t: t, typ: &typ, column: NewColumn(&typ.Type)}
				for range 300 {
					m.step(r)
				}
				m.check()
			})
		})
	}
}

// modelled is a column and what should be in it.
type modelled struct {
	t      *testing.T
	typ    *testType
	column Column
	want   []string
	// kept is an array that outlived the column's rows, with what is in it.
	kept     arrow.Array
	keptWant []string
}

func (m *modelled) step(r *rand.Rand) {
	m.t.Helper()
	n := len(m.want)
	switch r.IntN(16) {
	default:
		m.append(m.typ.random(r))
	case 0, 1:
		m.column.AppendNull()
		m.want = append(m.want, null)
	case 2, 3:
		if n > 0 {
			row := r.IntN(n)
			m.column.AppendRow(m.column, row)
			m.want = append(m.want, m.want[row])
		}
	case 4:
		m.appendFromAnother(r)
	case 5:
		m.refuse(r)
	case 6:
		m.keep(r)
	case 7:
		to := r.IntN(n + 2)
		m.column.Truncate(to)
		m.want = m.want[:min(n, to)]
	case 8:
		m.check()
	case 9:
		m.empty(r)
	}
}

func (m *modelled) append(text string) {
	m.t.Helper()
	if err := m.column.AppendText([]byte(text)); err != nil {
		m.t.Fatalf("append %q: %v", text, err)
	}
	m.want = append(m.want, text)
}

func (m *modelled) appendFromAnother(r *rand.Rand) {
	m.t.Helper()
	other := NewColumn(&m.typ.Type)
	text := m.typ.random(r)
	other.AppendNull()
	if err := other.AppendText([]byte(text)); err != nil {
		m.t.Fatal(err)
	}
	m.column.AppendRow(other, 1)
	m.column.AppendRow(other, 0)
	m.want = append(m.want, text, null)
}

// refuse offers what is no value, or one that cannot be held; for lists after
// good elements.
func (m *modelled) refuse(r *rand.Rand) {
	m.t.Helper()
	bad := "\xff"
	if m.typ.Kind == List {
		text := m.typ.random(r)
		bad = text[:len(text)-1]
	}
	if m.column.AppendText([]byte(bad)) == nil {
		m.t.Fatalf("%q was taken", bad)
	}
}

func (m *modelled) keep(r *rand.Rand) {
	var rows []int32
	var want []string
	for row := range m.want {
		if r.IntN(4) > 0 {
			rows, want = append(rows, int32(row)), append(want, m.want[row])
		}
	}
	m.column.Keep(rows)
	m.want = want
}

// empty begins anew; after Renew arrays made before must stay as they were.
func (m *modelled) empty(r *rand.Rand) {
	m.t.Helper()
	if r.IntN(2) == 0 {
		m.column.Reset()
	} else {
		m.checkKept()
		m.kept, m.keptWant = m.column.Array(), m.want
		m.column.Renew()
	}
	m.want = nil
}

func (m *modelled) check() {
	m.t.Helper()
	if m.column.Len() != len(m.want) || m.column.Size() < 0 {
		m.t.Fatalf("Len is %d, want %d; Size is %d", m.column.Len(), len(m.want), m.column.Size())
	}
	array := m.column.Array()
	defer array.Release()
	m.compare(array, m.want)
	m.checkKept()
}

func (m *modelled) checkKept() {
	m.t.Helper()
	if m.kept != nil {
		m.compare(m.kept, m.keptWant)
	}
}

func (m *modelled) compare(array arrow.Array, want []string) {
	m.t.Helper()
	if !arrow.TypeEqual(array.DataType(), m.typ.Arrow()) || array.Len() != len(want) {
		m.t.Fatalf("an array of %d %v, want %d %v", array.Len(), array.DataType(), len(want), m.typ.Arrow())
	}
	nulls := 0
	for row, w := range want {
		if w == null {
			nulls++
		}
		if got := printed(m.t, &m.typ.Type, array, row); got != w {
			m.t.Fatalf("row %d is %q, want %q", row, got, w)
		}
	}
	if array.NullN() != nulls {
		m.t.Fatalf("%d nulls, want %d", array.NullN(), nulls)
	}
}

func printed(t testing.TB, typ *Type, array arrow.Array, row int) string {
	t.Helper()
	if array.IsNull(row) {
		return null
	}
	text, err := Print(nil, typ, array, row)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFixedSetsRows covers what the metadata of rows needs beyond Column.
func TestFixedSetsRows(t *testing.T) {
	times := NewTimes()
	times.AppendNull()
	times.Append(1)
	times.Set(0, 5)
	times.Set(1, 6)
	for row, want := range []int64{5, 6} {
		if v, ok := times.At(row); v != want || !ok {
			t.Errorf("row %d is %d, %v", row, v, ok)
		}
	}
	if a := times.Array(); a.NullN() != 0 {
		t.Errorf("%d nulls", a.NullN())
	}
	bits := &Bools{}
	bits.Append(true)
	bits.Set(0, false)
	if bits.At(0) {
		t.Error("a bit was not cleared")
	}
}
