package pgvalue

// kinds says of each kind how its values are kept and which valid values of
// PostgreSQL it cannot hold; those go beside the row. Both are for people: they
// stand in docs/reference/types.md. That text which is not UTF-8 goes beside the
// row holds of every kind and is not repeated.
var kinds = [...]struct{ name, kept, beside string }{
	Text:        {"text", "as PostgreSQL prints it", ""},
	Bool:        {"bool", "", ""},
	Int16:       {"int16", "", ""},
	Int32:       {"int32", "", ""},
	Int64:       {"int64", "", ""},
	Uint32:      {"uint32", "", ""},
	Uint64:      {"uint64", "", ""},
	Float32:     {"float32", "`NaN`, infinities and negative zero included", ""},
	Float64:     {"float64", "`NaN`, infinities and negative zero included", ""},
	Decimal:     {"decimal", "every digit", "`NaN`"},
	Bytes:       {"bytes", "every byte", ""},
	Date:        {"date", "years BC and infinities included", ""},
	Time:        {"time", "in microseconds; `24:00:00` is kept", ""},
	TimeTZ:      {"timetz", "in microseconds, with the offset, to the second; `24:00:00` is kept", ""},
	Timestamp:   {"timestamp", "in microseconds; years BC and infinities included", endOfTime},
	TimestampTZ: {"timestamptz", "an instant in UTC, in microseconds; years BC and infinities included", endOfTime},
	Interval: {"interval", "months, days and microseconds, which do not turn into each other",
		"a time part of more than 2,562,047 hours; the infinities"},
	UUID: {"uuid", "", ""},
	JSON: {"json", "to the letter: spaces, order and repeated keys as PostgreSQL prints them", ""},
	List: {"list", "a list for each declared dimension; elements may be null",
		"an array of other dimensions than its column declares, with a lower bound other than 1, " +
			"or with an element that its type cannot hold; `{}` always fits"},
}

const endOfTime = "what comes after 294247-01-10 04:00:54.775806"

// Kept says how values of the kind are kept, in a few words; empty where there is
// nothing to say.
func (k Kind) Kept() string { return kinds[k].kept }

// Beside says which values stand beside their row; empty if none do.
func (k Kind) Beside() string { return kinds[k].beside }

// Construct is a way in which PostgreSQL makes types of others, and how they
// travel.
type Construct struct {
	// What names the construct, Example is one.
	What    string
	Example Type
	Note    string
}

// Constructs are the rules of Resolve beyond Builtins.
var Constructs = []Construct{
	{"`numeric(p,s)` up to 38 digits", Type{Name: "numeric(12,2)", Kind: Decimal, Precision: 12, Scale: 2}, ""},
	{"`numeric(p,s)` of more than 38 digits", Type{Name: "numeric(39,0)"}, "every digit, `NaN` too"},
	{"`numeric(p,-s)`", Type{Name: "numeric(4,-2)", Kind: Decimal, Precision: 6},
		"the zeros before the point count as digits; past 38 of them, text"},
	{"array", Type{Name: "integer[]", Kind: List, Elem: &Type{Name: "integer", Kind: Int32}, Dims: 1, Delim: ','}, ""},
	{"array of several dimensions", Type{Name: "integer[]", Kind: List, Elem: &Type{Name: "integer", Kind: Int32}, Dims: 2, Delim: ','},
		"declared as `integer[][]`; PostgreSQL does not enforce the declaration"},
	{"array of a domain over an array", Type{Name: "rows[]"}, ""},
	{"enum", Type{Name: "mood"}, "the label; it sorts as text, not by the order of the labels"},
	{"domain", Type{Name: "price", Kind: Decimal, Precision: 10, Scale: 2}, "as the type below it; its constraints stay at the source"},
	{"composite type", Type{Name: "address"}, "`(1,\"a b\",)`"},
	{"range of one's own", Type{Name: "textrange"}, ""},
	{"type of an extension", Type{Name: "hstore"}, "by its own output function: `citext`, `hstore`, `ltree`, PostGIS and any other"},
}
