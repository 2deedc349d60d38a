// Package pgvalue turns PostgreSQL values into Arrow columns and back, exactly.
//
// A Type says how one column of a table travels; a Column is a growing Arrow
// column that takes values in PostgreSQL's text form, as replication sends them,
// or in its binary form, as COPY BINARY sends them. A Printer turns Arrow values
// back into PostgreSQL's text form, which is the oracle of every test here.
//
// No value is ever rounded, clamped or nulled: one that its Arrow type cannot
// hold makes the append fail with ErrCannotHold and leaves the column as it was;
// the caller appends a null and carries the text beside the row.
//
// https://www.postgresql.org/docs/current/datatype.html
package pgvalue

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
)

// ErrCannotHold says that a value is valid in PostgreSQL but outside what the
// Arrow type of its column can hold: NaN in a decimal, say.
var ErrCannotHold = errors.New("value cannot be held by the column's type")

// Kind is how values of a type travel in Arrow.
type Kind uint8

// The kinds. Text is the fallback for every type without a closer one: the value
// is PostgreSQL's own text output.
const (
	Text Kind = iota
	Bool
	Int16
	Int32
	Int64
	Uint32
	Uint64
	Float32
	Float64
	Decimal
	Bytes
	Date
	Time
	TimeTZ
	Timestamp
	TimestampTZ
	Interval
	UUID
	JSON
	List
)

// String is the kind's name in lower case.
func (k Kind) String() string { return kinds[k].name }

// Type is the resolved type of a column: what PostgreSQL calls it and how it
// travels.
type Type struct {
	// OID and Mod are pg_attribute.atttypid and atttypmod.
	OID uint32
	Mod int32
	// Name is the type as format_type prints it: numeric(12,2), text[].
	Name string
	Kind Kind
	// Precision and Scale belong to Decimal; 1 to 38 digits, 0 to Precision.
	Precision, Scale int32
	// Elem, Dims and Delim belong to List: the type of the innermost elements,
	// the declared number of dimensions (at least 1) and what separates elements
	// in PostgreSQL's text form.
	Elem  *Type
	Dims  int
	Delim byte
	// Overridden marks a type that is carried as text because the user wants it.
	Overridden bool
	// Binary reports whether the binary form of COPY is understood; otherwise
	// the column is read as text.
	Binary bool
	// Output is the type's output function, quoted and qualified, and Base the
	// type below a domain, as format_type prints it, or empty. They make the
	// text form inside a query.
	Output, Base string
}

// Arrow is the Arrow type that values of t travel in.
func (t *Type) Arrow() arrow.DataType {
	switch t.Kind {
	case Bool:
		return arrow.FixedWidthTypes.Boolean
	case Int16:
		return arrow.PrimitiveTypes.Int16
	case Int32:
		return arrow.PrimitiveTypes.Int32
	case Int64:
		return arrow.PrimitiveTypes.Int64
	case Uint32:
		return arrow.PrimitiveTypes.Uint32
	case Uint64:
		return arrow.PrimitiveTypes.Uint64
	case Float32:
		return arrow.PrimitiveTypes.Float32
	case Float64:
		return arrow.PrimitiveTypes.Float64
	case Decimal:
		return &arrow.Decimal128Type{Precision: t.Precision, Scale: t.Scale}
	case Bytes:
		return arrow.BinaryTypes.Binary
	case Date:
		return arrow.PrimitiveTypes.Date32
	case Time:
		return arrow.FixedWidthTypes.Time64us
	case Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case TimestampTZ:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case Interval:
		return arrow.FixedWidthTypes.MonthDayNanoInterval
	case UUID:
		return &arrow.FixedSizeBinaryType{ByteWidth: 16}
	case List:
		return t.listArrow()
	}
	return arrow.BinaryTypes.String
}

// Field is an Arrow field for values of t. UUID and JSON carry the names of the
// canonical extension types, by which a reader knows them.
// https://arrow.apache.org/docs/format/CanonicalExtensions.html
func (t *Type) Field(name string) arrow.Field {
	f := arrow.Field{Name: name, Type: t.Arrow(), Nullable: true}
	switch t.Kind {
	case UUID:
		f.Metadata = extension("arrow.uuid")
	case JSON:
		f.Metadata = extension("arrow.json")
	}
	return f
}

func extension(name string) arrow.Metadata {
	return arrow.MetadataFrom(map[string]string{
		"ARROW:extension:name":     name,
		"ARROW:extension:metadata": "",
	})
}

func (t *Type) listArrow() arrow.DataType {
	dt := arrow.ListOfField(t.Elem.Field("item"))
	for range t.Dims - 1 {
		dt = arrow.ListOf(dt)
	}
	return dt
}

// AsText is t carried as PostgreSQL's text output instead of its own kind: the
// per-column override `type: text`.
func (t Type) AsText() Type {
	t.Kind, t.Elem, t.Dims, t.Precision, t.Scale, t.Binary = Text, nil, 0, 0, 0, false
	t.Overridden = true
	return t
}

// Equal reports whether two types carry values the same way under the same
// PostgreSQL name.
func (t *Type) Equal(o *Type) bool {
	if t.Kind != o.Kind || t.Name != o.Name || t.Precision != o.Precision || t.Scale != o.Scale || t.Dims != o.Dims {
		return false
	}
	if t.Elem == nil || o.Elem == nil {
		return t.Elem == o.Elem
	}
	return t.Elem.Equal(o.Elem)
}
