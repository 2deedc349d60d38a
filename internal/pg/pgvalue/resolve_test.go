package pgvalue

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

// types is a catalog.
type types map[uint32]TypeInfo

func (c types) Type(oid uint32) (TypeInfo, bool) {
	info, ok := c[oid]
	info.OID = oid
	return info, ok
}

const (
	oidInt4, oidInt4Array       = 23, 1007
	oidNumericArray             = 1231
	oidBox, oidBoxArray         = 603, 1020
	oidMood, oidMoodArray       = 90_001, 90_002
	oidPrice, oidSmall          = 90_003, 90_004
	oidPriceArray               = 90_005
	oidRows, oidRowsArray       = 90_006, 90_007
	oidAddress, oidTextRange    = 90_008, 90_009
	oidHstore, oidLoop          = 90_010, 90_011
	oidGone, oidOrphan, oidGrid = 90_012, 90_013, 90_014
)

// catalog is what pg_type has of the types under test.
var catalog = types{
	oidInt4:         {Name: "integer", Class: 'b', Output: "pg_catalog.int4out"},
	oidInt4Array:    {Name: "integer[]", Class: 'b', Elem: oidInt4, Delim: ','},
	oidNumeric:      {Name: "numeric", Class: 'b'},
	oidNumericArray: {Name: "numeric[]", Class: 'b', Elem: oidNumeric, Delim: ','},
	oidBox:          {Name: "box", Class: 'b'},
	oidBoxArray:     {Name: "box[]", Class: 'b', Elem: oidBox, Delim: ';'},
	oidRefcursor:    {Name: "refcursor", Class: 'b', Output: "pg_catalog.textout"},
	oidMood:         {Name: "mood", Class: 'e'},
	oidMoodArray:    {Name: "mood[]", Class: 'b', Elem: oidMood, Delim: ','},
	oidPrice:        {Name: "price", Class: 'd', Base: oidNumeric, BaseMod: 10<<16 | 2 + 4},
	oidSmall:        {Name: "small_price", Class: 'd', Base: oidPrice, BaseMod: -1},
	oidPriceArray:   {Name: "price[]", Class: 'b', Elem: oidPrice, Delim: ','},
	oidRows:         {Name: "rows", Class: 'd', Base: oidInt4Array, BaseMod: -1},
	oidRowsArray:    {Name: "rows[]", Class: 'b', Elem: oidRows, Delim: ','},
	oidGrid:         {Name: "grid", Class: 'd', Base: oidInt4Array, BaseMod: -1, Dims: 2},
	oidAddress:      {Name: "address", Class: 'c'},
	oidTextRange:    {Name: "textrange", Class: 'r'},
	oidHstore:       {Name: "hstore", Class: 'b'},
	oidLoop:         {Name: "loop", Class: 'd', Base: oidLoop, BaseMod: -1},
	oidOrphan:       {Name: "orphan[]", Class: 'b', Elem: oidGone, Delim: ','},
}

func mod(precision, scale int32) int32 { return precision<<16 | scale&0x7ff + 4 }

// TestResolve says how columns of each make travel: kind(precision,scale), the
// element and the dimensions of lists, and b for a binary form.
func TestResolve(t *testing.T) {
	for _, c := range []struct {
		oid  uint32
		mod  int32
		dims int
		name string
		want string
	}{
		{oidInt4, -1, 0, "integer", "integer: int32 b"},
		{oidNumeric, -1, 0, "numeric", "numeric: text"},
		{oidNumeric, mod(12, 2), 0, "numeric(12,2)", "numeric(12,2): decimal(12,2) b"},
		{oidNumeric, mod(38, 38), 0, "numeric(38,38)", "numeric(38,38): decimal(38,38) b"},
		{oidNumeric, mod(39, 0), 0, "numeric(39,0)", "numeric(39,0): text"},
		{oidNumeric, mod(4, -2), 0, "numeric(4,-2)", "numeric(4,-2): decimal(6,0) b"},
		{oidNumeric, mod(38, -1), 0, "numeric(38,-1)", "numeric(38,-1): text"},
		{oidNumeric, mod(2, 5), 0, "numeric(2,5)", "numeric(2,5): decimal(5,5) b"},
		{oidNumeric, mod(1000, 1000), 0, "numeric(1000,1000)", "numeric(1000,1000): text"},
		{oidInt4Array, -1, 0, "integer[]", "integer[]: list of integer: int32 b, 1 by ,"},
		{oidInt4Array, -1, 1, "integer[]", "integer[]: list of integer: int32 b, 1 by ,"},
		{oidInt4Array, -1, 2, "integer[]", "integer[]: list of integer: int32 b, 2 by ,"},
		{oidInt4Array, -1, 6, "integer[]", "integer[]: list of integer: int32 b, 6 by ,"},
		{oidInt4Array, -1, 7, "integer[]", "integer[]: text"},
		{oidNumericArray, mod(12, 2), 1, "numeric(12,2)[]", "numeric(12,2)[]: list of numeric: decimal(12,2) b, 1 by ,"},
		{oidNumericArray, -1, 1, "numeric[]", "numeric[]: list of numeric: text, 1 by ,"},
		{oidBoxArray, -1, 1, "box[]", "box[]: list of box: text, 1 by ;"},
		{oidMood, -1, 0, "mood", "mood: text b"},
		{oidMoodArray, -1, 1, "mood[]", "mood[]: list of mood: text b, 1 by ,"},
		{oidPrice, -1, 0, "price", "price: decimal(10,2) b"},
		{oidSmall, -1, 0, "small_price", "small_price: decimal(10,2) b"},
		{oidPriceArray, -1, 1, "price[]", "price[]: list of price: decimal(10,2) b, 1 by ,"},
		{oidRows, -1, 0, "rows", "rows: list of integer: int32 b, 1 by ,"},
		{oidGrid, -1, 0, "grid", "grid: list of integer: int32 b, 2 by ,"},
		{oidRowsArray, -1, 1, "rows[]", "rows[]: text"},
		{oidAddress, -1, 0, "address", "address: text"},
		{oidTextRange, -1, 0, "textrange", "textrange: text"},
		{oidHstore, -1, 0, "hstore", "hstore: text"},
		{oidRefcursor, -1, 0, "refcursor", "refcursor: text b"},
		{oidInt4, -1, 0, "", "integer: int32 b"},
	} {
		got, err := Resolve(catalog, c.oid, c.mod, c.dims, c.name)
		if err != nil || described(&got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, described(&got), err, c.want)
		}
		if got.OID != c.oid || got.Mod != c.mod {
			t.Errorf("%s: oid %d and modifier %d, want %d and %d", c.name, got.OID, got.Mod, c.oid, c.mod)
		}
	}
}

func described(t *Type) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %v", t.Name, t.Kind)
	if t.Kind == Decimal {
		fmt.Fprintf(&s, "(%d,%d)", t.Precision, t.Scale)
	}
	if t.Binary {
		s.WriteString(" b")
	}
	if t.Elem != nil {
		fmt.Fprintf(&s, " of %s, %d by %c", described(t.Elem), t.Dims, t.Delim)
	}
	return s.String()
}

func TestResolveFails(t *testing.T) {
	for oid, want := range map[uint32]string{
		oidGone: "type 90012 is not in pg_type", oidOrphan: "type 90012 is not in pg_type", oidLoop: "type loop: nested too deep",
	} {
		if _, err := Resolve(catalog, oid, -1, 0, "v"); err == nil || err.Error() != want {
			t.Errorf("%d: %v, want %s", oid, err, want)
		}
	}
}

// TestBase is what the text form inside a query is cast to.
func TestBase(t *testing.T) {
	for oid, want := range map[uint32]string{oidInt4: "", oidPrice: "numeric", oidSmall: "numeric", oidRefcursor: "text", oidRows: "integer[]"} {
		if got, err := Resolve(catalog, oid, -1, 0, ""); err != nil || got.Base != want {
			t.Errorf("%d: %q, %v; want %q", oid, got.Base, err, want)
		}
	}
}

// TestConstructs expects of the declared rules that Resolve follows them.
func TestConstructs(t *testing.T) {
	columns := map[string]struct {
		oid  uint32
		mod  int32
		dims int
	}{
		"numeric(12,2)": {oidNumeric, mod(12, 2), 0}, "numeric(39,0)": {oidNumeric, mod(39, 0), 0}, "numeric(4,-2)": {oidNumeric, mod(4, -2), 0},
		"rows[]": {oidRowsArray, -1, 1}, "mood": {oidMood, -1, 0}, "price": {oidPrice, -1, 0}, "address": {oidAddress, -1, 0},
		"textrange": {oidTextRange, -1, 0}, "hstore": {oidHstore, -1, 0},
	}
	for _, c := range Constructs {
		column, ok := columns[c.Example.Name]
		if c.Example.Kind == List {
			column.oid, column.mod, column.dims, ok = oidInt4Array, -1, c.Example.Dims, true
		}
		got, err := Resolve(catalog, column.oid, column.mod, column.dims, c.Example.Name)
		if !ok || err != nil || !got.Equal(&c.Example) {
			t.Errorf("%s: %s, %v; want %s", c.What, described(&got), err, described(&c.Example))
		}
	}
}

// TestBuiltins: no type stands in the table twice, and each kind has its words.
func TestBuiltins(t *testing.T) {
	oids, names := map[uint32]bool{}, map[string]bool{}
	for _, b := range Builtins {
		if oids[b.OID] || names[b.Name] {
			t.Errorf("%s (%d) is there twice", b.Name, b.OID)
		}
		oids[b.OID], names[b.Name] = true, true
	}
	if len(kinds) != int(List)+1 {
		t.Errorf("%d kinds are described, of %d", len(kinds), List+1)
	}
	for k := range kinds {
		if kinds[k].name == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestAsText(t *testing.T) {
	for _, name := range []string{"numeric(38,10)", "integer[]", "uuid"} {
		own := *typeOf(t, name)
		own.Binary = true
		text := own.AsText()
		if text.Kind != Text || text.Elem != nil || text.Binary || !text.Overridden || text.Name != name || text.Arrow() != arrow.BinaryTypes.String {
			t.Errorf("%s: %+v", name, text)
		}
		if text.Equal(&own) || own.Kind == Text {
			t.Errorf("%s as text is what it was", name)
		}
	}
}

func TestEqual(t *testing.T) {
	list := Type{Name: "x[]", Kind: List, Elem: &Type{Name: "x"}, Dims: 1}
	otherElem, deeper, noElem := list, list, list
	otherElem.Elem = &Type{Name: "y"}
	deeper.Dims = 2
	noElem.Elem = nil
	decimal := Type{Name: "numeric", Kind: Decimal, Precision: 10, Scale: 2}
	finer := decimal
	finer.Scale = 3
	for _, c := range []struct {
		a, b Type
		want bool
	}{
		{list, list, true}, {list, otherElem, false}, {list, deeper, false}, {list, noElem, false}, {noElem, list, false},
		{decimal, decimal, true}, {decimal, finer, false}, {decimal, list, false},
	} {
		if c.a.Equal(&c.b) != c.want {
			t.Errorf("%s and %s: %v", described(&c.a), c.b.Name, !c.want)
		}
	}
}

// TestFields: readers know a uuid and JSON by the names of their extensions,
// inside lists too.
func TestFields(t *testing.T) {
	for kind, want := range map[Kind]string{UUID: "arrow.uuid", JSON: "arrow.json", Text: ""} {
		alone := Type{Kind: kind}
		inList := Type{Kind: List, Elem: &alone, Dims: 2}
		inner := inList.Field("v").Type.(*arrow.ListType).Elem().(*arrow.ListType).ElemField()
		for _, f := range []arrow.Field{alone.Field("v"), inner} {
			if got, _ := f.Metadata.GetValue("ARROW:extension:name"); got != want || !f.Nullable {
				t.Errorf("%v: %q, want %q", kind, got, want)
			}
		}
	}
}
