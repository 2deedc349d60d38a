package duckdb

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// Load writes a chunk by one insert that pulls its rows, so that DuckDB makes
// row groups as large as it likes.
func (d *database) Load(ctx context.Context, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	return d.alongside(ctx, func(s *session) error { return d.load(ctx, s, c, rows) })
}

const (
	selectChunk = `SELECT count(*) FROM __trunkline.chunks WHERE pipeline = ? AND object = ? AND generation = ? AND number = ?`
	insertChunk = `INSERT INTO __trunkline.chunks VALUES (?, ?, ?, ?, make_timestamptz(?))`
)

func (d *database) load(ctx context.Context, s *session, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	if _, err := d.fence(ctx, s); err != nil {
		return err
	}
	object := c.Table.Object.String()
	done, err := s.count(ctx, selectChunk, d.pipeline, object, c.Generation, int64(c.Number))
	if err != nil || done > 0 {
		return err
	}
	reader := startPuller(c, rows)
	defer reader.stop()
	// Views are entries of the catalog: two of one name, made by transactions at
	// the same time, are a conflict.
	number := d.file.loads.Add(1)
	view := fmt.Sprintf("%s_%d", stagedRows, number)
	if err := s.register(view, reader); err != nil {
		return err
	}
	loaded := d.instant()
	err = s.exec(ctx, d.statements(c.Table).insert(view), loaded)
	switch {
	case reader.err != nil:
		return reader.err // what DuckDB says then is that the reader has failed
	case err != nil:
		return changed(c.Table, err)
	}
	if len(reader.overflow) > 0 {
		view := fmt.Sprintf("%s_%d", stagedOverflow, number)
		if err := d.insertOverflow(ctx, s, view, c.Table, reader.overflow); err != nil {
			return err
		}
	}
	err = s.exec(ctx, insertChunk, d.pipeline, object, c.Generation, int64(c.Number), loaded)
	return err
}

// puller is a chunk's rows as the stream of records that DuckDB asks for. It
// asks on threads of its own, from where a Go iterator cannot be resumed: a
// goroutine reads the rows, and so reading and writing overlap.
type puller struct {
	chunk    destination.Chunk
	schema   *arrow.Schema
	rows     chan pulled
	enough   chan struct{}
	current  arrow.RecordBatch
	overflow []destination.OverflowValue
	err      error
}

type pulled struct {
	rows *batch.Rows
	err  error
}

func startPuller(c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) *puller {
	p := &puller{chunk: c, schema: stagedSchema(c.Table), rows: make(chan pulled, 1), enough: make(chan struct{})}
	go func() {
		defer close(p.rows)
		for r, err := range rows {
			select {
			case p.rows <- pulled{r, err}:
			case <-p.enough:
				return
			}
		}
	}()
	return p
}

// stop waits for the goroutine.
func (p *puller) stop() {
	close(p.enough)
	for range p.rows {
	}
}

func stagedSchema(t *schema.Table) *arrow.Schema {
	columns := t.Staged()
	fields := t.Fields(columns)
	for i := range fields {
		fields[i].Name = staged(columns[i])
	}
	return arrow.NewSchema(fields, nil)
}

// Retain and Release do nothing: the reader lives as long as Load.
func (p *puller) Retain() {}

// Release does nothing.
func (p *puller) Release() {}

// Schema is that of the staged rows.
func (p *puller) Schema() *arrow.Schema { return p.schema }

// RecordBatch is the record that Next found.
func (p *puller) RecordBatch() arrow.RecordBatch { return p.current }

// Record is RecordBatch under its former name, which the interface still has.
func (p *puller) Record() arrow.RecordBatch { return p.current }

// Err is why Next stopped, if not at the end.
func (p *puller) Err() error { return p.err }

// Next pulls rows until there are some.
func (p *puller) Next() bool {
	if p.current != nil {
		p.current.Release()
		p.current = nil
	}
	for p.err == nil {
		next, ok := <-p.rows
		rows := next.rows
		switch {
		case !ok:
			return false
		case next.err != nil:
			p.err = next.err
			return false
		case rows.Record == nil:
			continue
		}
		p.err = p.keepOverflow(rows)
		p.current = array.NewRecordBatch(p.schema, rows.Record.Columns(), rows.Record.NumRows())
		rows.Record.Release()
		return p.err == nil
	}
	return false
}

func (p *puller) keepOverflow(rows *batch.Rows) error {
	for _, o := range rows.Overflow {
		key, err := destination.KeyText(p.chunk.Table, rows.Record, o.Row, true)
		if err != nil {
			return err
		}
		p.overflow = append(p.overflow, destination.OverflowValue{Key: key, Column: p.chunk.Table.Columns[o.Column].Name, Value: o.Text})
	}
	return nil
}
