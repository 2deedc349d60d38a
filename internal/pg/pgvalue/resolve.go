package pgvalue

import "fmt"

// TypeInfo is a row of pg_type, as far as it matters here.
// https://www.postgresql.org/docs/current/catalog-pg-type.html
type TypeInfo struct {
	OID uint32
	// Name is format_type(oid, -1), a name that casts to the type change nothing.
	Name string
	// Class is typtype: b(ase), c(omposite), d(omain), e(num), p(seudo),
	// r(ange), m(ultirange).
	Class byte
	// Elem is typelem if the type is a true array, else 0; Delim the typdelim of
	// the element type.
	Elem  uint32
	Delim byte
	// Base, BaseMod and Dims are typbasetype, typtypmod and typndims of a domain.
	Base    uint32
	BaseMod int32
	Dims    int
	// Output is typoutput, quoted and qualified.
	Output string
}

// Catalog looks up rows of pg_type.
type Catalog interface {
	Type(oid uint32) (TypeInfo, bool)
}

const (
	maxDecimal   = 38 // digits of a 128-bit decimal
	maxNesting   = 32 // domains over domains over arrays ...; deeper is a loop
	maxArrayDims = 6  // MAXDIM of PostgreSQL
)

// Resolve finds how a column of type oid with type modifier mod travels. name is
// the column's type as format_type prints it; dims is pg_attribute.attndims.
func Resolve(catalog Catalog, oid uint32, mod int32, dims int, name string) (Type, error) {
	t, err := resolve(catalog, oid, mod, dims, 0)
	t.OID, t.Mod = oid, mod
	if name != "" {
		t.Name = name
	}
	return t, err
}

func resolve(catalog Catalog, oid uint32, mod int32, dims, depth int) (Type, error) {
	info, ok := catalog.Type(oid)
	if !ok {
		return Type{}, fmt.Errorf("type %d is not in pg_type", oid)
	}
	if depth > maxNesting {
		return Type{}, fmt.Errorf("type %s: nested too deep", info.Name)
	}
	t := Type{OID: oid, Mod: mod, Name: info.Name, Output: info.Output}
	switch {
	case info.Class == 'd':
		return resolveDomain(catalog, info, mod, dims, depth)
	case info.Elem != 0:
		return resolveArray(catalog, t, info, dims, depth)
	case info.Class == 'e':
		t.Binary = true // enum_send sends the label
		return t, nil
	}
	if b := builtin(oid); b != nil {
		t.Kind, t.Binary = b.Kind, b.Binary
	}
	switch oid {
	case oidNumeric:
		resolveNumeric(&t)
	case oidRefcursor:
		t.Base = "text" // alone among types it has the output function of another
	}
	return t, nil
}

// resolveDomain carries a domain as the type below it.
func resolveDomain(catalog Catalog, info TypeInfo, mod int32, dims, depth int) (Type, error) {
	if info.BaseMod >= 0 {
		mod = info.BaseMod
	}
	t, err := resolve(catalog, info.Base, mod, max(dims, info.Dims), depth+1)
	if err != nil {
		return t, err
	}
	if t.Base == "" {
		t.Base = t.Name
	}
	t.Name = info.Name
	return t, nil
}

// resolveArray makes a list as deep as the column was declared. PostgreSQL does
// not enforce the declaration; a value of other dimensions cannot be held.
func resolveArray(catalog Catalog, t Type, info TypeInfo, dims, depth int) (Type, error) {
	elem, err := resolve(catalog, info.Elem, t.Mod, 0, depth+1)
	if err != nil {
		return t, err
	}
	if elem.Kind == List || dims > maxArrayDims {
		return t, nil // a domain over an array as element: text
	}
	t.Kind, t.Elem, t.Dims, t.Delim = List, &elem, max(dims, 1), info.Delim
	return t, nil
}

// resolveNumeric makes numeric(p,s) a decimal where 38 digits suffice. The
// modifier holds precision and scale, the scale signed in 11 bits since
// version 15. A negative scale counts as trailing zeros; a scale above the
// precision as leading ones.
func resolveNumeric(t *Type) {
	if t.Mod < 4 {
		return
	}
	packed := t.Mod - 4
	precision := packed >> 16 & 0xffff
	scale := (packed&0x7ff ^ 1024) - 1024
	if scale < 0 {
		precision, scale = precision-scale, 0
	}
	precision = max(precision, scale)
	if precision > maxDecimal {
		return
	}
	t.Kind, t.Binary = Decimal, true
	t.Precision, t.Scale = precision, scale
}
