package pgvalue

// Builtin is one row of the table of types: the source of the decoder's choice,
// of docs/reference/types.md and of the test of every type.
type Builtin struct {
	OID  uint32
	Name string
	Kind Kind
	// Binary says that the binary form is decoded here.
	Binary bool
	// Note says what Kind.Kept does not: why the kind was chosen, say.
	Note string
}

// Builtins is the table of types of PostgreSQL 12 to 18. Arrays of a type are
// lists of its kind. A type that is not here is carried as text, by its own
// output function. OIDs are fixed by
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
var Builtins = []Builtin{
	{16, "boolean", Bool, true, ""},
	{21, "smallint", Int16, true, ""},
	{23, "integer", Int32, true, ""},
	{20, "bigint", Int64, true, ""},
	{700, "real", Float32, true, ""},
	{701, "double precision", Float64, true, ""},
	{oidNumeric, "numeric", Text, false, "without precision and scale numbers have up to 131,072 digits before the point and 16,383 behind; " +
		"`NaN` and the infinities are kept too"},
	{790, "money", Text, false, "in the currency of the database's `lc_monetary`: `$1,234.50`"},

	{25, "text", Text, true, ""},
	{1043, "character varying", Text, true, ""},
	{1042, "character", Text, true, "with its padding"},
	{19, "name", Text, true, ""},
	{18, `"char"`, Text, false, ""},
	{17, "bytea", Bytes, true, ""},

	{1082, "date", Date, true, ""},
	{1083, "time without time zone", Time, true, ""},
	{1266, "time with time zone", TimeTZ, false, "Arrow has no such type: text there"},
	{1114, "timestamp without time zone", Timestamp, true, ""},
	{1184, "timestamp with time zone", TimestampTZ, true, ""},
	{1186, "interval", Interval, true, ""},

	{2950, "uuid", UUID, true, ""},
	{114, "json", JSON, true, ""},
	{3802, "jsonb", JSON, true, ""},
	{142, "xml", Text, false, ""},
	{4072, "jsonpath", Text, false, ""},

	{1560, "bit", Text, false, "`0` and `1`: an empty bit string has no other form"},
	{1562, "bit varying", Text, false, "`0` and `1`"},

	{869, "inet", Text, false, ""},
	{650, "cidr", Text, false, ""},
	{829, "macaddr", Text, false, ""},
	{774, "macaddr8", Text, false, ""},

	{600, "point", Text, false, ""},
	{601, "lseg", Text, false, ""},
	{602, "path", Text, false, ""},
	{603, "box", Text, false, ""},
	{604, "polygon", Text, false, ""},
	{628, "line", Text, false, ""},
	{718, "circle", Text, false, ""},

	{3614, "tsvector", Text, false, ""},
	{3615, "tsquery", Text, false, ""},

	{3904, "int4range", Text, false, ""},
	{3906, "numrange", Text, false, ""},
	{3908, "tsrange", Text, false, ""},
	{3910, "tstzrange", Text, false, ""},
	{3912, "daterange", Text, false, ""},
	{3926, "int8range", Text, false, ""},
	{4451, "int4multirange", Text, false, ""},
	{4532, "nummultirange", Text, false, ""},
	{4533, "tsmultirange", Text, false, ""},
	{4534, "tstzmultirange", Text, false, ""},
	{4535, "datemultirange", Text, false, ""},
	{4536, "int8multirange", Text, false, ""},

	{26, "oid", Uint32, true, ""},
	{28, "xid", Uint32, true, ""},
	{29, "cid", Uint32, true, ""},
	{5069, "xid8", Uint64, true, ""},
	{27, "tid", Text, false, ""},
	{3220, "pg_lsn", Text, false, ""},
	{2970, "txid_snapshot", Text, false, ""},
	{5038, "pg_snapshot", Text, false, ""},
	{24, "regproc", Text, false, ""},
	{2202, "regprocedure", Text, false, ""},
	{2203, "regoper", Text, false, ""},
	{2204, "regoperator", Text, false, ""},
	{2205, "regclass", Text, false, ""},
	{2206, "regtype", Text, false, ""},
	{3734, "regconfig", Text, false, ""},
	{3769, "regdictionary", Text, false, ""},
	{4089, "regnamespace", Text, false, ""},
	{4096, "regrole", Text, false, ""},
	{4191, "regcollation", Text, false, ""},
	{1033, "aclitem", Text, false, ""},
	{oidRefcursor, "refcursor", Text, true, ""},
	{22, "int2vector", Text, false, ""},
	{30, "oidvector", Text, false, ""},
}

const (
	oidNumeric   = 1700
	oidRefcursor = 1790
)

// builtin finds a row of the table, or nil. The table is short and resolved
// types are kept, so a scan serves.
func builtin(oid uint32) *Builtin {
	for i := range Builtins {
		if Builtins[i].OID == oid {
			return &Builtins[i]
		}
	}
	return nil
}
