// Package verify compares a source with a destination, row by row.
//
// Rows are compared as PostgreSQL prints them: the source's own text output on
// one side, what the destination gives back, printed the same way, on the other.
// Each table is a multiset of rows; marked rows and the columns that Trunkline
// adds are left out. The two sides are read one after the other, so that they
// are equal only if nothing is written meanwhile.
package verify

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/pipeline"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// Result is the comparison of one table.
type Result struct {
	Object string `json:"object"`
	Table  string `json:"table"`
	// Source and Destination are the rows on either side, Missing those of the
	// source that the destination lacks, Extra those that it has beyond.
	Source      int64 `json:"source_rows"`
	Destination int64 `json:"destination_rows"`
	Missing     int64 `json:"missing"`
	Extra       int64 `json:"extra"`
	// Note says why a table could not be compared.
	Note string `json:"note,omitempty"`
}

// Equal reports whether both sides have the same rows.
func (r Result) Equal() bool { return r.Note == "" && r.Missing == 0 && r.Extra == 0 }

// digest stands for a row.
type digest [16]byte

// rowHash collects the texts of a row.
type rowHash struct{ buf []byte }

func (h *rowHash) null() { h.buf = append(h.buf, 0) }

// printed adds a text of the source as the destination has it, beside the row if
// not in it.
func (h *rowHash) printed(s []byte) {
	if utf8.Valid(s) {
		h.text(s)
	} else {
		h.text([]byte(pgvalue.SideText(s)))
	}
}

func (h *rowHash) text(s []byte) {
	h.buf = append(h.buf, 1)
	h.buf = binary.AppendUvarint(h.buf, uint64(len(s)))
	h.buf = append(h.buf, s...)
}

func (h *rowHash) sum() digest {
	full := sha256.Sum256(h.buf)
	h.buf = h.buf[:0]
	return digest(full[:16])
}

// Table compares one table: loaded is its definition in the destination.
func Table(ctx context.Context, s *source.Source, q destination.Querier, o *pipeline.Object, loaded *schema.Table) (Result, error) {
	r := Result{Object: o.Source.Name.String(), Table: loaded.Name}
	if loaded.Mode == schema.Append {
		r.Note = "an append table holds changes, not rows"
		return r, nil
	}
	balance := map[digest]int64{}
	var h rowHash
	err := s.ReadTexts(ctx, &o.Source, loaded, o.Filter, func(row []*[]byte) {
		for _, field := range row {
			if field == nil {
				h.null()
			} else {
				h.printed(*field)
			}
		}
		r.Source++
		balance[h.sum()]++
	})
	if err != nil {
		return r, err
	}
	if err := readDestination(ctx, q, loaded, &r, balance); err != nil {
		return r, err
	}
	for _, n := range balance {
		r.Missing += max(n, 0)
		r.Extra += max(-n, 0)
	}
	return r, nil
}

// readDestination takes the destination's rows off the balance.
func readDestination(ctx context.Context, q destination.Querier, t *schema.Table, r *Result, balance map[digest]int64) error {
	side, err := sideValues(ctx, q, t)
	if err != nil {
		return err
	}
	columns := t.Current()
	records, err := q.Scan(ctx, t, slices.Concat(columns, destination.Identity(t)))
	if err != nil {
		return fmt.Errorf("read table %q: %w", t.Name, err)
	}
	defer records.Release()
	row := &printer{table: t, columns: columns, side: side}
	for records.Next() {
		record := records.RecordBatch()
		for i := range int(record.NumRows()) {
			d, err := row.digest(record, i)
			if err != nil {
				return fmt.Errorf("read table %q: %w", t.Name, err)
			}
			r.Destination++
			if balance[d]--; balance[d] == 0 {
				delete(balance, d)
			}
		}
	}
	return records.Err()
}

type cell struct{ key, column string }

// sideValues are the values that columns could not hold.
func sideValues(ctx context.Context, q destination.Querier, t *schema.Table) (map[cell]string, error) {
	values, err := q.Overflow(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("read the side table: %w", err)
	}
	side := make(map[cell]string, len(values))
	for _, v := range values {
		side[cell{v.Key, v.Column}] = v.Value
	}
	return side, nil
}

// printer prints rows of the destination.
type printer struct {
	table   *schema.Table
	columns []int
	side    map[cell]string
	hash    rowHash
	text    []byte
}

func (p *printer) digest(record arrow.RecordBatch, row int) (digest, error) {
	var key string
	if len(p.side) > 0 {
		var err error
		if key, err = destination.KeyOf(p.table, record, len(p.columns), row); err != nil {
			return digest{}, err
		}
	}
	for at, i := range p.columns {
		column := &p.table.Columns[i]
		if record.Column(at).IsNull(row) {
			if text, ok := p.side[cell{key, column.Name}]; ok {
				p.hash.text([]byte(text))
			} else {
				p.hash.null()
			}
			continue
		}
		var err error
		if p.text, err = pgvalue.Print(p.text[:0], &column.Type, record.Column(at), row); err != nil {
			return digest{}, err
		}
		p.hash.text(p.text)
	}
	return p.hash.sum(), nil
}

// All compares every object of a pipeline.
func All(ctx context.Context, c *config.Pipeline, s *source.Source, q destination.Querier) ([]Result, error) {
	objects, err := pipeline.Objects(ctx, s, c)
	if err != nil {
		return nil, err
	}
	checkpoint, err := q.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	var results []Result
	for i := range objects {
		o := &objects[i]
		if o.Table == nil {
			continue
		}
		r := Result{Object: o.Source.Name.String(), Table: o.Table.Name, Note: "not loaded yet"}
		if loaded := definition(checkpoint, o); loaded != nil {
			if r, err = Table(ctx, s, q, o, loaded); err != nil {
				return results, err
			}
		}
		results = append(results, r)
	}
	return results, nil
}

// definition is the table as the destination has it, or nil.
func definition(c destination.Checkpoint, o *pipeline.Object) *schema.Table {
	for _, t := range c.Tables {
		if t.Table.Object == o.Source.Name && t.Copied {
			return t.Table
		}
	}
	return nil
}

// Equal reports whether every comparison found both sides equal.
func Equal(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return !r.Equal() })
}
