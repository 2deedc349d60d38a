// Package control is what an operator may ask of a pipeline, whichever process
// runs it.
package control

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/destination"
)

// Formats of a query's result.
const (
	FormatTable = "table"
	FormatCSV   = "csv"
	FormatJSON  = "json"
)

// Query runs SQL on a destination and writes the result to w: as a table for
// people, CSV, or a JSON object a line.
func Query(ctx context.Context, d destination.Destination, sql, format string, w io.Writer) error {
	q, ok := d.(destination.Querier)
	if !ok {
		return destination.SettingsRefused.New("this kind of destination does not answer queries")
	}
	write, ok := map[string]func(io.Writer, array.RecordReader) error{
		FormatTable: writeTable, FormatCSV: writeCSV, FormatJSON: writeJSON,
	}[format]
	if !ok {
		return destination.SettingsRefused.New("format %q is not known", format).On("--format").Do("write table, csv or json")
	}
	if strings.TrimSpace(sql) == "" {
		return destination.QueryRefused.New("the query is empty")
	}
	reader, err := q.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer reader.Release()
	if err := write(w, reader); err != nil {
		return err
	}
	return reader.Err()
}

// names are the columns of a result.
func names(reader array.RecordReader) []string {
	fields := reader.Schema().Fields()
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return list
}

// eachRow calls row with the values of each row as text; nil is null.
func eachRow(reader array.RecordReader, row func(record arrow.RecordBatch, i int) error) error {
	for reader.Next() {
		record := reader.RecordBatch()
		for i := range int(record.NumRows()) {
			if err := row(record, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func texts(record arrow.RecordBatch, row int, null string) []string {
	cells := make([]string, record.NumCols())
	for c := range cells {
		cells[c] = null
		if column := record.Column(c); !column.IsNull(row) {
			cells[c] = text(column, row)
		}
	}
	return cells
}

// text prints a value for people. The text is a copy: that of Arrow lies in the
// memory of a record which goes when the next one is read.
func text(column arrow.Array, row int) string {
	if t, ok := column.(*array.Timestamp); ok {
		at, err := t.DataType().(*arrow.TimestampType).GetToTimeFunc()
		if err == nil && t.Value(row) != math.MaxInt64 && t.Value(row) != -math.MaxInt64 {
			return at(t.Value(row)).UTC().Format("2006-01-02 15:04:05.999999")
		}
	}
	return strings.Clone(column.ValueStr(row))
}

const (
	// sampleRows are read before the width of the columns is decided; the rest is
	// written as it comes.
	sampleRows = 1000
	widestCell = 60
)

// oneLine keeps a value on its line.
var oneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`)

func writeTable(w io.Writer, reader array.RecordReader) error {
	header := names(reader)
	widths := make([]int, len(header))
	var sample [][]string
	flushed := false
	count := 0
	flush := func() error {
		flushed = true
		for _, cells := range append([][]string{header}, sample...) {
			for i, c := range cells {
				widths[i] = min(max(widths[i], utf8.RuneCountInString(c)), widestCell)
			}
		}
		rule := make([]string, len(header))
		for i := range rule {
			rule[i] = strings.Repeat("-", widths[i])
		}
		for _, cells := range append([][]string{header, rule}, sample...) {
			if err := writeCells(w, cells, widths); err != nil {
				return err
			}
		}
		return nil
	}
	err := eachRow(reader, func(record arrow.RecordBatch, i int) error {
		count++
		cells := texts(record, i, "NULL")
		for c := range cells {
			cells[c] = oneLine.Replace(cells[c])
		}
		if !flushed {
			sample = append(sample, cells)
			if len(sample) == sampleRows {
				return flush()
			}
			return nil
		}
		return writeCells(w, cells, widths)
	})
	if err == nil && !flushed {
		err = flush()
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "(%d rows)\n", count)
	}
	return err
}

func writeCells(w io.Writer, cells []string, widths []int) error {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		if n := utf8.RuneCountInString(c); n > widths[i] {
			c = string([]rune(c)[:widths[i]-1]) + "…"
		} else if i < len(cells)-1 {
			c += strings.Repeat(" ", widths[i]-n)
		}
		b.WriteString(c)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

func writeCSV(w io.Writer, reader array.RecordReader) error {
	out := csv.NewWriter(w)
	if err := out.Write(names(reader)); err != nil {
		return err
	}
	err := eachRow(reader, func(record arrow.RecordBatch, i int) error { return out.Write(texts(record, i, "")) })
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func writeJSON(w io.Writer, reader array.RecordReader) error {
	header := names(reader)
	out := json.NewEncoder(w)
	return eachRow(reader, func(record arrow.RecordBatch, i int) error {
		row := make(map[string]any, len(header))
		for c, name := range header {
			column := record.Column(c)
			switch a := column.(type) {
			case *array.Boolean, *array.Int16, *array.Int32, *array.Int64, *array.Uint32, *array.Uint64, *array.List, *array.Struct:
				row[name] = a.GetOneForMarshal(i)
			default:
				if !column.IsNull(i) {
					row[name] = text(column, i)
				} else {
					row[name] = nil
				}
			}
		}
		return out.Encode(row)
	})
}
