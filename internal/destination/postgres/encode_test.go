package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pg/pgvalue"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample is values of a type, as PostgreSQL prints them.
type sample struct {
	t      pgvalue.Type
	oid    uint32
	elem   uint32
	values []string
}

func listSample(name string, elem sample, oid uint32, dims int, values ...string) sample {
	e := elem.t
	e.Name = elem.t.Name
	return sample{pgvalue.Type{Name: name, Kind: pgvalue.List, Elem: &e, Dims: dims, Delim: ','}, oid, elem.oid, values}
}

func samples() []sample {
	of := func(name string, kind pgvalue.Kind, oid uint32, values ...string) sample {
		return sample{pgvalue.Type{OID: oid, Name: name, Kind: kind}, oid, 0, values}
	}
	decimal := of("numeric(38,10)", pgvalue.Decimal, oidNumeric, "0.0000000000", "1.0000000000", "-0.0000000001",
		"9999999999999999999999999999.9999999999", "-10000.5000000000", "100000000.0000000000")
	decimal.t.Precision, decimal.t.Scale = 38, 10
	numbers := []string{"0", "0.000", "1", "-1", "10000", "9999", "12345678.9", "0.00001", "-0.00010000", "NaN",
		"100000000000000000000000000000000000000000000000000000000000.5", "1234.5678", "10.10"}
	integer := of("integer", pgvalue.Int32, oidInt4, "0", "-2147483648", "2147483647")
	text := of("text", pgvalue.Text, oidText, "", "ö ✓", "a\tb\nc\\d\r", `\N`, `\.`, `"quoted"`)
	return []sample{
		of("boolean", pgvalue.Bool, oidBool, "t", "f"), of("smallint", pgvalue.Int16, oidInt2, "-32768", "32767"),
		integer, of("bigint", pgvalue.Int64, oidInt8, "-9223372036854775808", "9223372036854775807"),
		of("oid", pgvalue.Uint32, oidOID, "0", "4294967295"), of("xid", pgvalue.Uint32, oidXID, "7"),
		of("real", pgvalue.Float32, oidFloat4, "1.5", "-0", "NaN", "Infinity", "1e-45"),
		of("double precision", pgvalue.Float64, oidFloat8, "0.1", "-Infinity", "5e-324", "1.7976931348623157e+308"),
		decimal, of("numeric", pgvalue.Text, oidNumeric, numbers...), of("bytea", pgvalue.Bytes, oidBytea, `\x`, `\x00ff5c`),
		of("date", pgvalue.Date, oidDate, "2000-01-01", "1999-12-31", "infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"),
		of("time without time zone", pgvalue.Time, oidTime, "00:00:00", "24:00:00", "12:34:56.789012"),
		of("time with time zone", pgvalue.TimeTZ, 1266, "12:34:56.789012+05:30", "24:00:00-15:59:59"),
		of("timestamp without time zone", pgvalue.Timestamp, oidTimestamp, "2000-01-01 00:00:00", "infinity", "-infinity",
			"4713-01-01 00:00:00 BC", "1969-12-31 23:59:59.999999"),
		of("timestamp with time zone", pgvalue.TimestampTZ, oidTimestampTZ, "2026-01-02 03:04:05.678901+00", "-infinity", "0044-03-15 12:00:00+00 BC"),
		of("interval", pgvalue.Interval, oidInterval, "00:00:00", "1 year 2 mons 3 days 04:05:06.789", "-1 mons +3 days -00:00:00.000001"),
		of("uuid", pgvalue.UUID, oidUUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
		of("json", pgvalue.JSON, oidJSON, `{"b":  1, "a": [null]}`), of("jsonb", pgvalue.JSON, oidJSONB, `{"a": [1.10, null], "b": "\\\t"}`),
		text, of("character varying", pgvalue.Text, oidVarchar, "x "), of("bpchar", pgvalue.Text, oidBPChar, "x  "),
		of("inet", pgvalue.Text, 869, "10.0.0.0/8", "::1"), of("int4range", pgvalue.Text, 3904, "[1,5)", "empty"),
		listSample("integer[]", integer, 1007, 1, "{}", "{1,NULL,-3}"), listSample("integer[]", integer, 1007, 2, "{}", "{{1,2,3},{NULL,5,6}}"),
		listSample("text[]", text, 1009, 1, `{a,"b c",NULL,"NULL",""}`), listSample("text[]", text, 1009, 3, `{{{a},{b}},{{c},{d}}}`),
		listSample("numeric(38,10)[]", decimal, 1231, 1, "{1.0000000000,NULL,-10000.5000000000}"),
	}
}

func (s *sample) array(t testing.TB) arrow.Array {
	t.Helper()
	c := pgvalue.NewColumn(&s.t)
	for _, v := range s.values {
		must(t, c.AppendText([]byte(v)))
	}
	c.AppendNull()
	return c.Array()
}

// TestServerReads copies every sample in both forms and reads it back.
func TestServerReads(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgtest.Server) {
		d, err := open(t.Context(), optionsFor(settingsOf(server.Database(t))))
		must(t, err)
		defer d.Close()
		s, err := d.(*database).pool.get(context.Background())
		must(t, err)
		defer s.close()
		for n, sample := range samples() {
			for _, binary := range []bool{true, false} {
				out := &outRows{rows: len(sample.values) + 1, columns: []outColumn{{kind: fromNumber}, {array: sample.array(t), as: &sample.t}}}
				if binary {
					out.columns[1].binary = encodingOf(&sample.t, sample.oid, sample.elem)
				}
				name := fmt.Sprintf("pg_temp.t%d_%v", n, binary)
				must(t, s.run(t.Context(), fmt.Sprintf("CREATE TEMP TABLE %s (n integer, v %s)", name, sample.t.Name)))
				must(t, s.copyIn(t.Context(), name, []string{"n", "v"}, out))
				var got []string
				must(t, s.query(t.Context(), "SELECT v FROM "+name+" ORDER BY n", func(v [][]byte) error {
					if v[0] == nil {
						v[0] = []byte("∅")
					}
					got = append(got, string(v[0]))
					return nil
				}))
				want := append(sample.values, "∅")
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, binary %v: %q, want %q", sample.t.Name, out.binary, got, want)
				}
			}
		}
	})
}

// TestDecodesAgain gives the binary form to the decoder of the history.
func TestDecodesAgain(t *testing.T) {
	for _, s := range samples() {
		e := encodingOf(&s.t, s.oid, s.elem)
		if e == nil || s.t.Kind == pgvalue.List || s.t.Kind == pgvalue.Text && s.oid == oidNumeric {
			continue // read as text
		}
		a := s.array(t)
		f, back := e(a), pgvalue.NewColumn(&s.t)
		for row := range s.values {
			must(t, back.AppendBinary(f(nil, row)[4:]))
		}
		again := back.Array()
		for row, want := range s.values {
			got, err := pgvalue.Print(nil, &s.t, again, row)
			must(t, err)
			if string(got) != want {
				t.Errorf("%s: %s, want %s", s.t.Name, got, want)
			}
		}
	}
}

// TestNoAllocation makes rows over and over.
func TestNoAllocation(t *testing.T) {
	const rows = 1000
	var columns []outColumn
	for _, s := range samples() {
		e := encodingOf(&s.t, s.oid, s.elem)
		if e == nil {
			continue
		}
		c := pgvalue.NewColumn(&s.t)
		for n := range rows {
			must(t, c.AppendText([]byte(s.values[n%len(s.values)])))
		}
		columns = append(columns, outColumn{array: c.Array(), as: &s.t, binary: e})
	}
	out := &outRows{columns: columns, rows: rows}
	if form := out.format(); form != "binary" {
		t.Fatal(form)
	}
	var sink bytes.Buffer
	sink.Grow(8 << 20)
	_, err := io.CopyBuffer(struct{ io.Writer }{&sink}, struct{ io.Reader }{out}, make([]byte, 64<<10))
	must(t, err)
	perRow := testing.AllocsPerRun(5, func() {
		out.buf = out.buf[:0]
		for row := range rows {
			out.appendBinary(row)
		}
	}) / rows
	if perRow > 0.01 {
		t.Errorf("%.2f allocations a row", perRow)
	}
}
