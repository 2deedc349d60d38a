package pgtest

import (
	"encoding/hex"
	"fmt"
	"strings"

	"trunkline/internal/pg"
)

// Sample is a type of PostgreSQL with values of it, the awkward ones among them.
type Sample struct {
	// Name tells samples apart and is fit for the name of a table.
	Name string
	// Type is the type as CREATE TABLE takes it.
	Type string
	// Of is the name of the type that the sample is about, as format_type prints
	// it without a modifier.
	Of     string
	Values []SampleValue
}

// SampleValue is a value of a sample.
type SampleValue struct {
	// SQL is an expression of the sample's type.
	SQL string
	// Beside says that Trunkline carries the value as text beside its row,
	// because no column of the type that it chooses can hold it.
	Beside bool
}

// SampleTypes makes the types that samples use beside the built-in ones. What
// contrib provides needs no more than the extensions.
const SampleTypes = `
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube; CREATE EXTENSION isn;
CREATE TYPE mood AS ENUM ('fine', 'so so', 'say "hi"', 'a,b', 'back\slash', '{brace}', '(paren)', 'NULL', '', 'größer 😀');
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN small_price AS price CHECK (VALUE < 1000);
CREATE DOMAIN loose AS numeric;
CREATE DOMAIN five AS character(5);
CREATE DOMAIN flags AS bit(4);
CREATE DOMAIN document AS jsonb;
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN fives AS character(5)[];
CREATE DOMAIN grid AS integer[][];
CREATE TYPE part AS (number integer, gone text, "the Name" text, price numeric(10,2), feeling mood);
ALTER TYPE part DROP ATTRIBUTE gone;
CREATE TYPE whole AS (first part, more part[], note "char");
CREATE DOMAIN spare AS part;
CREATE TYPE span AS RANGE (subtype = text, collation = "C")`

// sample is how samples are written down. Of values, literals come first, then
// expressions; then those that no column holds.
type sample struct {
	typ          string
	since, until int // versions; until is the first without
	of           string
	texts        []string
	sql          []string
	beside       []string
	besideSQL    []string
	noArray      bool // no array is made of the values
}

// Samples are the samples that a server of this major version has: every
// built-in type, arrays of each, and what can be built of them.
func Samples(major int) []Sample {
	var all []Sample
	index := map[string]int{}
	add := func(s Sample) {
		if i, ok := index[s.Type]; ok {
			all[i].Values = append(all[i].Values, s.Values...)
			return
		}
		s.Name = fmt.Sprintf("s%03d", len(all))
		index[s.Type] = len(all)
		all = append(all, s)
	}
	for _, s := range samples {
		if major < s.since || s.until > 0 && major >= s.until {
			continue
		}
		add(s.make())
		if !s.noArray {
			add(s.array())
		}
	}
	return all
}

// about is the type without a modifier.
func (s *sample) about() string {
	if s.of == "" {
		return s.typ
	}
	return s.of
}

func (s *sample) make() Sample {
	out := Sample{Type: s.typ, Of: s.about()}
	out.Values = append(out.Values, s.values(s.texts, s.sql, false)...)
	out.Values = append(out.Values, s.values(s.beside, s.besideSQL, true)...)
	return out
}

func (s *sample) values(texts, sql []string, beside bool) (values []SampleValue) {
	for _, text := range texts {
		values = append(values, SampleValue{fmt.Sprintf("%s::%s", pg.Literal(text), s.typ), beside})
	}
	for _, expression := range sql {
		values = append(values, SampleValue{expression, beside})
	}
	return values
}

// array is the sample of the array type: all values in one, in more dimensions
// than declared, and what only arrays have.
func (s *sample) array() Sample {
	typ := s.typ + "[]"
	held := expressions(s.values(s.texts, s.sql, false))
	out := Sample{Type: typ, Of: s.about() + "[]"}
	put := func(beside bool, format string, args ...any) {
		out.Values = append(out.Values, SampleValue{fmt.Sprintf(format, args...) + "::" + typ, beside})
	}
	put(false, "'{}'")
	put(false, "'{NULL}'")
	for _, one := range expressions(s.values(s.beside, s.besideSQL, true)) {
		put(true, "ARRAY[NULL, %s]", one)
	}
	if len(held) > 0 {
		put(false, "ARRAY[%s, NULL]", strings.Join(held, ", "))
		put(true, "ARRAY[ARRAY[%s], ARRAY[NULL]]", held[0])
		put(true, "array_fill(%s, ARRAY[2], ARRAY[0])", held[0])
	}
	return out
}

func expressions(values []SampleValue) (sql []string) {
	for _, v := range values {
		sql = append(sql, v.SQL)
	}
	return sql
}

// allBytes is a bytea of every byte.
func allBytes() string {
	raw := make([]byte, 256)
	for i := range raw {
		raw[i] = byte(i)
	}
	return `\x` + hex.EncodeToString(raw)
}

func digits(n int) string { return strings.Repeat("1234567890", n/10+1)[:n] }

// texts that are awkward for every type that holds any text.
var awkward = []string{
	"", " ", "plain", "NULL", "null", `\N`, `quote " and ' and ""`, `back\slash \\ \n`, "new\nline\r\n", "tab\there",
	"{brace,comma}", "(paren)", "größer", "😀 日本語 \u0301", " lead and trail ", "\v\f\x01\x7f", "\ufeff\u2028", `\x41`,
}

var samples = []sample{
	{typ: "boolean", texts: []string{"t", "f"}},
	{typ: "smallint", texts: []string{"0", "-32768", "32767"}},
	{typ: "integer", texts: []string{"0", "-2147483648", "2147483647"}},
	{typ: "bigint", texts: []string{"0", "-9223372036854775808", "9223372036854775807"}},
	{typ: "real", texts: []string{
		"0", "-0", "NaN", "Infinity", "-Infinity", "1e-45", "-1.1754942e-38", "3.4028235e38", "1e-4", "1e-5", "100000", "999999",
		"1e6", "1234567", "0.1", "1.5", "16777216", "33554432", "8.589973e9", "1e10", "2.5e11",
	}},
	{typ: "double precision", texts: []string{
		"0", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "-2.2250738585072011e-308", "1.7976931348623157e308", "1e-4", "1e-5",
		"1e14", "1e15", "999999999999999", "1e16", "123456789012345680", "0.1", "1e21", "1e22", "1e23", "9007199254740993", "0.30000000000000004",
	}},
	{typ: "numeric", texts: []string{
		"0", "-0.00", "0E-20", "1.5000", "NaN", "1e3", digits(1000), "-" + digits(1000) + "." + digits(1000),
		"0." + strings.Repeat("0", 16382) + "1", "1e131071", "0.1", "100000000000000000000.00000000000000000001",
	}},
	{typ: "numeric", since: 14, texts: []string{"Infinity", "-Infinity"}},
	{typ: "numeric(10,2)", of: "numeric", texts: []string{"0", "-0.00", "1.5", "99999999.99", "-99999999.99", "0.01", "-0.01"}, beside: []string{"NaN"}},
	{typ: "numeric(38,10)", of: "numeric", texts: []string{
		strings.Repeat("9", 28) + "." + strings.Repeat("9", 10), "-" + strings.Repeat("9", 28) + "." + strings.Repeat("9", 10), "0.0000000001",
	}, beside: []string{"NaN"}},
	{typ: "numeric(38,38)", of: "numeric", texts: []string{"0." + digits(38), "-0." + strings.Repeat("9", 38)}},
	{typ: "numeric(18,0)", of: "numeric", texts: []string{"999999999999999999", "-1", "10000", "100000000"}},
	{typ: "numeric(39,0)", of: "numeric", texts: []string{strings.Repeat("9", 39), "NaN"}},
	{typ: "numeric(4,-2)", of: "numeric", since: 15, texts: []string{"0", "123456", "-999900", "50"}, beside: []string{"NaN"}},
	{typ: "numeric(2,5)", of: "numeric", since: 15, texts: []string{"0.00012", "-0.00099", "0"}},
	{typ: "numeric(38,-10)", of: "numeric", since: 15, texts: []string{"1e40"}},
	{typ: "money", texts: []string{"0", "-1234.5", "92233720368547758.07", "-92233720368547758.08"}},

	{typ: "text", texts: awkward},
	{typ: "character varying", texts: awkward},
	{typ: "character varying(3)", of: "character varying", texts: []string{"", "abc", "日本語"}},
	{typ: "character(5)", of: "character", texts: []string{"", "ab", "abcde", " a", "größe"}},
	{typ: "name", texts: []string{"", "a b", strings.Repeat("n", 63), "größer"}},
	{typ: `"char"`, texts: []string{"", "a", `"`, `\`, "{", " "}},
	{typ: `"char"`, until: 15, besideSQL: []string{`(-23)::"char"`}},
	{typ: `"char"`, since: 15, sql: []string{`(-23)::"char"`}},
	{typ: "bytea", texts: []string{`\x`, `\x00`, `\x5c22`, allBytes()}},

	{typ: "date", texts: []string{"1970-01-01", "2000-02-29", "infinity", "-infinity", "0001-01-01", "0001-12-31 BC", "4714-11-24 BC", "5874897-12-31", "9999-12-31", "10000-01-01"}},
	{typ: "time without time zone", texts: []string{"00:00:00", "24:00:00", "23:59:59.999999", "12:00:00.000001", "01:02:03.5"}},
	{typ: "time with time zone", texts: []string{
		"00:00:00+00", "24:00:00+00", "24:00:00-15:59:59", "00:00:00+15:59:59", "12:34:56.789012-08", "12:00:00+05:30", "12:00:00-00:00:01",
	}},
	{typ: "timestamp without time zone", texts: []string{
		"1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "infinity", "-infinity", "0001-01-01 00:00:00", "0044-03-15 12:00:00.5 BC",
		"4714-11-24 00:00:00 BC", "294246-12-31 23:59:59.999999", "294247-01-10 04:00:54.775806", "2024-02-29 12:34:56.000001",
	}, beside: []string{"294247-01-10 04:00:54.775807", "294276-12-31 23:59:59.999999"}},
	{typ: "timestamp(0) without time zone", of: "timestamp without time zone", texts: []string{"2024-02-29 12:34:56.5"}},
	{typ: "timestamp with time zone", texts: []string{
		"1970-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "infinity", "-infinity", "2024-03-31 02:30:00 Europe/Berlin", "2024-10-27 01:30:00+02",
		"4714-11-24 00:00:00+00 BC", "0044-03-15 12:00:00.000001+00 BC", "294246-12-31 23:59:59.999999+00", "294247-01-10 04:00:54.775806+00",
	}, beside: []string{"294247-01-10 04:00:54.775807+00", "294276-12-31 23:59:59.999999+00"}},
	{typ: "interval", texts: []string{
		"0", "1 year 2 mons -3 days 04:05:06.7", "-1 year -2 mons +3 days -04:05:06.7", "-1 day +00:00:01", "1 mon -1 day", "-00:00:00.000001", "24:00:00",
		"-178956970 years -8 mons", "178956970 years 7 mons 2147483647 days", "-1 mon 1 day", "100000 hours", "2562047 hours", "1 day -00:00:00.1", "-1 year 1 day 1 sec",
	}, beside: []string{"2562048 hours", "-1 day 2147483647 hours"}},
	{typ: "interval", since: 15, beside: []string{"2562047788:00:54.775807", "-2562047788 hours -54.775808 sec"}},
	{typ: "interval", since: 17, beside: []string{"infinity", "-infinity"}},
	{typ: "interval day to second(3)", of: "interval", texts: []string{"1 day 00:00:00.1239"}},

	{typ: "uuid", texts: []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}},
	{typ: "json", texts: []string{
		`{"a" :  1,  "a": 2 }`, `null`, `"\u0000"`, ` [1e400, 18446744073709551616, -0, 0.10] `, `"\ud83d\ude00 \\ \" 😀"`, `"\ud800"`, `{"": {"b":[{},[],"x\ny"]}}`, "\n{\n\t\"k\":1}\n",
	}},
	{typ: "jsonb", texts: []string{
		`{"a" :  1,  "a": 2 }`, `null`, `[1e400, 18446744073709551616, -0, 0.10, 1.0]`, `"\ud83d\ude00 \\ \" 😀"`, `{"": {"b":[{},[],"x\ny"]}, "NULL": null}`, `""`, `1e-400`,
	}},
	{typ: "xml", texts: []string{`<a b="c">d &amp; e</a>`, "text", `<?xml version="1.0" encoding="UTF-8"?><ü/>`, `<?xml version="1.0" standalone="yes"?><a/>`, ``, "<a>\n <b/></a>"}},
	{typ: "jsonpath", texts: []string{`$.a[*] ? (@ > 1)`, `strict $."x y".**{2 to last}.type()`, `"a\"b"`}},

	{typ: "bit(1)", of: "bit", texts: []string{"0", "1"}},
	{typ: "bit(9)", of: "bit", texts: []string{"000000001", "101010101"}},
	{typ: "bit varying", texts: []string{"", "1", "0000000000000000000000000000000000000000000000000000000000000000011"}},
	{typ: "bit varying(5)", of: "bit varying", texts: []string{"", "10101"}},

	{typ: "inet", texts: []string{"192.168.0.1", "192.168.0.1/24", "0.0.0.0/0", "::1", "::/0", "2001:db8::ff00:42:8329/64", "::ffff:1.2.3.4", "255.255.255.255/32"}},
	{typ: "cidr", texts: []string{"192.168.0.0/24", "0.0.0.0/0", "10.0.0.1", "::/0", "2001:db8::/32", "::1/128"}},
	{typ: "macaddr", texts: []string{"08:00:2b:01:02:03", "ff-ff-ff-ff-ff-ff"}},
	{typ: "macaddr8", texts: []string{"08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03"}},

	{typ: "point", texts: []string{"(0,-0)", "(Infinity,-Infinity)", "(NaN,1e-300)", "(1e15,0.1)"}},
	{typ: "lseg", texts: []string{"[(0,0),(1,1)]", "[(Infinity,1),(2,NaN)]"}},
	{typ: "path", texts: []string{"((0,0),(1,1))", "[(0,0),(1,1.5),(Infinity,2)]"}},
	{typ: "box", texts: []string{"(1,1),(0,0)", "(Infinity,Infinity),(-Infinity,-Infinity)"}},
	{typ: "polygon", texts: []string{"((0,0),(1,1),(2,0))"}},
	{typ: "line", texts: []string{"{1,2,3}", "{0,-1,0.5}"}},
	{typ: "circle", texts: []string{"<(0,0),1>", "<(1e10,-1e-10),Infinity>"}},

	{typ: "tsvector", texts: []string{"", "a b c", `'it''s':1A,2B 'back\\slash' 'sp ace':3`, "'größer' '😀'"}},
	{typ: "tsquery", texts: []string{"", "a & !b | c", `'it''s':AB <-> 'back\\slash':*`}},

	{typ: "int4range", texts: []string{"empty", "(,)", "[1,5)", "[1,5]", "(,5)", "[1,)", "[-2147483648,2147483647)"}},
	{typ: "int8range", texts: []string{"empty", "(,)", "[-9223372036854775808,9223372036854775807)"}},
	{typ: "numrange", texts: []string{"empty", "[1.50,2.0]", "(,1)", "(1,1.1)", "[NaN,NaN]"}},
	{typ: "tsrange", texts: []string{"empty", "[-infinity,infinity]", "[\"2024-01-01 00:00:00\",\"2024-01-02 00:00:00.5\")", "[0044-03-15 BC,)"}},
	{typ: "tstzrange", texts: []string{"empty", "(,)", "[2024-01-01 00:00:00+05:30,infinity)"}},
	{typ: "daterange", texts: []string{"empty", "[2024-01-01,2024-01-31]", "[-infinity,infinity]", "(,0001-01-01 BC)"}},
	{typ: "int4multirange", since: 14, texts: []string{"{}", "{[1,3),[5,8)}", "{(,)}"}},
	{typ: "int8multirange", since: 14, texts: []string{"{}", "{[1,3),[5,8)}"}},
	{typ: "nummultirange", since: 14, texts: []string{"{}", "{[1.0,1.50],(3,)}"}},
	{typ: "tsmultirange", since: 14, texts: []string{"{}", "{[2024-01-01,2024-01-02)}"}},
	{typ: "tstzmultirange", since: 14, texts: []string{"{}", "{[2024-01-01 00:00:00+05:30,infinity)}"}},
	{typ: "datemultirange", since: 14, texts: []string{"{}", "{[2024-01-01,2024-01-31],[2025-01-01,)}"}},

	{typ: "oid", texts: []string{"0", "2147483648", "4294967295"}},
	{typ: "xid", texts: []string{"0", "3", "4294967295"}},
	{typ: "cid", texts: []string{"0", "4294967295"}},
	{typ: "xid8", since: 13, texts: []string{"0", "18446744073709551615"}},
	{typ: "tid", texts: []string{"(0,0)", "(4294967295,65535)"}},
	{typ: "pg_lsn", texts: []string{"0/0", "FFFFFFFF/FFFFFFFF", "16/B374D848"}},
	{typ: "txid_snapshot", texts: []string{"10:20:10,14,15", "1:1:"}},
	{typ: "pg_snapshot", since: 13, texts: []string{"10:20:10,14,15", "1:1:"}},
	{typ: "regproc", texts: []string{"-", "pg_catalog.now", "4294967295"}},
	{typ: "regprocedure", texts: []string{"-", "pg_catalog.sum(integer)", "public.hstore(text,text)"}},
	{typ: "regoper", texts: []string{"0", "pg_catalog.||/", "4294967295"}},
	{typ: "regoperator", texts: []string{"0", "pg_catalog.+(integer,integer)"}},
	{typ: "regclass", texts: []string{"-", "pg_class", "public.part", "information_schema.tables", "4294967295"}},
	{typ: "regtype", texts: []string{"-", "integer", "public.mood", `"char"`, "timestamp with time zone"}},
	{typ: "regconfig", texts: []string{"simple", "4294967295"}},
	{typ: "regdictionary", texts: []string{"simple"}},
	{typ: "regnamespace", texts: []string{"-", "public"}},
	{typ: "regrole", texts: []string{"-", "postgres"}},
	{typ: "regcollation", since: 13, texts: []string{"-", `pg_catalog."C"`}},
	{typ: "aclitem", texts: []string{"postgres=arwdDxt/postgres", "=r*/postgres"}},
	{typ: "refcursor", texts: []string{"", `<unnamed portal 1>`}},
	{typ: "int2vector", texts: []string{"", "1 2 3", "-32768"}, noArray: true},
	{typ: "int2vector[]", texts: []string{"{}", `{"1 2","3",NULL}`}, noArray: true},
	{typ: "oidvector", texts: []string{"", "1 2 4294967295"}, noArray: true},
	{typ: "oidvector[]", texts: []string{"{}", `{"1 2","3",NULL}`}, noArray: true},

	{typ: "integer[]", texts: []string{"{1,2,3}", "{-1,NULL,2}"}, beside: []string{
		"{{1,2},{3,4}}", "{{{1}},{{2}}}", "[0:1]={1,2}", "[2:4]={1,2,3}", "[-3:-3]={0}", "[0:0][1:1]={{1}}",
	}, noArray: true},
	{typ: "integer[][]", of: "integer[]", texts: []string{"{{1,2},{3,4}}", "{{NULL},{1}}", "{}"}, beside: []string{"{1}", "{{{1}}}", "[0:0][1:1]={{1}}"}, noArray: true},
	{typ: "text[][][]", of: "text[]", texts: []string{`{{{a,"b c"}},{{"NULL",NULL}}}`, "{}"}, beside: []string{"{{a}}"}, noArray: true},
	{typ: "numeric(10,2)[]", of: "numeric[]", texts: []string{"{1,2.5,-0.01}"}, beside: []string{"{1,NaN}"}, noArray: true},
	{typ: "timestamp without time zone[][]", of: "timestamp without time zone[]", texts: []string{"{{infinity,-infinity}}"}, beside: []string{"{{1970-01-01,294276-01-01}}"}, noArray: true},

	{typ: "mood", texts: []string{"fine", "so so", `say "hi"`, "a,b", `back\slash`, "{brace}", "(paren)", "NULL", "", "größer 😀"}},
	{typ: "price", texts: []string{"1.5", "-99999999.99"}, beside: []string{"NaN"}},
	{typ: "small_price", texts: []string{"1.5"}},
	{typ: "loose", texts: []string{"1.50", "NaN"}},
	{typ: "five", texts: []string{"ab", "abcde"}},
	{typ: "flags", texts: []string{"1010"}},
	{typ: "document", texts: []string{`{"a": 1}`, "null"}},
	{typ: "feeling", texts: []string{"so so"}},
	{typ: "fives", texts: []string{"{ab,NULL,abcde}"}, sql: []string{"'{}'::fives"}, noArray: true},
	{typ: "fives[]", texts: []string{`{"{ab,c}",NULL}`, "{}"}, noArray: true},
	{typ: "grid", texts: []string{"{{1,2},{3,4}}"}, beside: []string{"{1}"}, noArray: true},
	{typ: "part", sql: []string{
		`ROW(1, 'it''s "quoted", (really) \', 1.5, 'so so')::part`, "ROW(NULL, NULL, NULL, NULL)::part", "ROW(2, '', 'NaN', '')::part",
	}},
	{typ: "whole", sql: []string{`ROW(ROW(1, 'a', 2, 'fine'), ARRAY[ROW(2, 'b"c', 3, NULL)::part, NULL], 'x')::whole`}},
	{typ: "whole", until: 15, besideSQL: []string{`ROW(NULL, NULL, (-23)::"char")::whole`}},
	{typ: "whole", since: 15, sql: []string{`ROW(NULL, NULL, (-23)::"char")::whole`}},
	{typ: "spare", sql: []string{`ROW(1, 'a b', 1.5, 'fine')::part::spare`}},
	{typ: "span", texts: []string{"empty", "(,)", `[a,"b c")`, `["",)`}},

	{typ: "hstore", texts: []string{"", `a=>1, "b c"=>NULL, "q\"uote"=>"x=>y"`}},
	{typ: "citext", texts: []string{"", "MiXed", "a b"}},
	{typ: "ltree", texts: []string{"", "Top.Science.Astronomy"}},
	{typ: "lquery", texts: []string{"*.foo|bar@.!baz.*{2,}"}},
	{typ: "cube", texts: []string{"(1,2,3),(4,5,6)", "(0)"}},
	{typ: "isbn13", texts: []string{"978-0-393-04002-9"}},
}
