package control

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
)

// scratch gives memory that is written over when it is freed, as that of a
// destination outside Go's heap may be.
type scratch struct{ memory.Allocator }

func (s scratch) Free(b []byte) {
	for i := range b {
		b[i] = '#'
	}
	s.Allocator.Free(b)
}

// results answers every query with the same records, one row in each.
type results struct {
	destination.Querier
	destination.Destination
	rows int
}

func (r results) Query(context.Context, string) (array.RecordReader, error) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us}, {Name: "sum", Type: &arrow.Decimal128Type{Precision: 10, Scale: 2}},
	}, nil)
	return &reader{schema: schema, left: r.rows}, nil
}

// reader makes a record at a time and releases the last one.
type reader struct {
	array.RecordReader
	schema *arrow.Schema
	left   int
	record arrow.RecordBatch
}

func (r *reader) Schema() *arrow.Schema          { return r.schema }
func (r *reader) RecordBatch() arrow.RecordBatch { return r.record }
func (r *reader) Err() error                     { return nil }

func (r *reader) Release() {
	if r.record != nil {
		r.record.Release()
		r.record = nil
	}
}

func (r *reader) Next() bool {
	r.Release()
	if r.left == 0 {
		return false
	}
	b := array.NewRecordBuilder(scratch{memory.NewGoAllocator()}, r.schema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).Append(int64(r.left))
	name := fmt.Sprintf("row %d, \"ö\"\nwith a second line", r.left)
	b.Field(1).(*array.StringBuilder).Append(name)
	if r.left%2 == 0 {
		b.Field(2).AppendNull()
	} else {
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(r.left))
	}
	_ = b.Field(3).AppendValueFromString("-0.05")
	r.record = b.NewRecordBatch()
	r.left--
	return true
}

func TestFormats(t *testing.T) {
	for format, want := range map[string]string{
		FormatTable: `id  name                            at                          sum
--  ------------------------------  --------------------------  -----
3   row 3, "ö"\nwith a second line  1970-01-01 00:00:00.000003  -0.05
2   row 2, "ö"\nwith a second line  NULL                        -0.05
1   row 1, "ö"\nwith a second line  1970-01-01 00:00:00.000001  -0.05
(3 rows)
`,
		FormatCSV: `id,name,at,sum
3,"row 3, ""ö""
with a second line",1970-01-01 00:00:00.000003,-0.05
2,"row 2, ""ö""
with a second line",,-0.05
1,"row 1, ""ö""
with a second line",1970-01-01 00:00:00.000001,-0.05
`,
		FormatJSON: `{"at":"1970-01-01 00:00:00.000003","id":3,"name":"row 3, \"ö\"\nwith a second line","sum":"-0.05"}
{"at":null,"id":2,"name":"row 2, \"ö\"\nwith a second line","sum":"-0.05"}
{"at":"1970-01-01 00:00:00.000001","id":1,"name":"row 1, \"ö\"\nwith a second line","sum":"-0.05"}
`,
	} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			if err := Query(t.Context(), results{rows: 3}, "SELECT", format, &out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	err := Query(t.Context(), results{}, "", "xml", nil)
	if !fault.Has(err, destination.SettingsRefused) || !strings.Contains(err.Error(), "table, csv or json") {
		t.Error(err)
	}
}

func TestEmptyQuery(t *testing.T) {
	if err := Query(t.Context(), results{}, " \n", FormatTable, nil); !fault.Has(err, destination.QueryRefused) {
		t.Error(err)
	}
}

// TestLongResult passes the sample by which the width of the columns is chosen.
func TestLongResult(t *testing.T) {
	var out bytes.Buffer
	if err := Query(t.Context(), results{rows: sampleRows + 5}, "SELECT", FormatTable, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if n := len(lines); n != sampleRows+5+4 || lines[2][:4] != "1005" || lines[n-3][:4] != "1   " {
		t.Errorf("%d lines:\n%s\n%s", n, lines[2], lines[n-3])
	}
	if strings.Contains(out.String(), "#") {
		t.Error("a row shows memory that was freed")
	}
}
