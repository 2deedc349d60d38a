package postgres

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// recordRows and recordBytes are about how much of a result makes a record.
const (
	recordRows  = 4096
	recordBytes = 8 << 20
)

// Checkpoint reads what is remembered of the pipeline.
func (d *database) Checkpoint(ctx context.Context) (c destination.Checkpoint, err error) {
	err = d.use(ctx, func(s *session) error {
		there, err := s.exists(ctx, ownTablesThere)
		if err != nil || !there {
			return err
		}
		if c, _, err = d.readCheckpoint(ctx, s, unlocked); err != nil {
			return err
		}
		c.Tables, err = d.readTables(ctx, s)
		return err
	})
	return c, err
}

// Query runs one statement of a user's, who finds the tables by their names
// alone.
func (d *database) Query(ctx context.Context, sql string) (array.RecordReader, error) {
	return d.read(ctx, sql, quote(d.settings.Schema)+", public", func(err error) error { return queryRefused(ctx, err) })
}

// queryRefused tells what the server says against a statement of a user's from
// what ails the server.
func queryRefused(ctx context.Context, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || ctx.Err() != nil {
		return err
	}
	for _, kind := range []*fault.Kind{destination.Unavailable, destination.Full, destination.OutOfMemory, destination.Locked} {
		if fault.Has(err, kind) {
			return err
		}
	}
	return destination.QueryRefused.New("%s", e.Message).By(err)
}

// Scan reads columns of the rows that are not marked.
func (d *database) Scan(ctx context.Context, table *schema.Table, columns []int) (array.RecordReader, error) {
	return d.read(ctx, statements{schema: d.settings.Schema, table: table}.scan(columns), "pg_catalog", classify)
}

// read runs one statement; the result holds the connection until it is released.
// What the statement fails with is for the caller to judge.
func (d *database) read(ctx context.Context, sql, path string, judge func(error) error) (array.RecordReader, error) {
	s, err := d.pool.get(ctx)
	if err != nil {
		return nil, err
	}
	const set = `SELECT set_config('search_path', $1, false)`
	_, err = s.exec(ctx, set, path)
	if err == nil {
		// A reader that writes by mistake is told so.
		err = s.run(ctx, "BEGIN TRANSACTION READ ONLY")
	}
	if err != nil {
		s.close()
		return nil, err
	}
	r := &result{judge: judge, rows: s.conn.ExecParams(ctx, sql, nil, nil, nil, nil)}
	// A user's statement may have changed the session: it is not used again.
	r.release = func() {
		_, _ = r.rows.Close() // what is wrong is known, the rest is not wanted
		s.close()
	}
	r.pending = r.rows.NextRow()
	if !r.pending {
		if _, err := r.rows.Close(); err != nil {
			s.close()
			return nil, judge(classify(err))
		}
	}
	if err := r.describe(); err != nil {
		r.release()
		return nil, err
	}
	return r, nil
}

// result is the rows of a statement as Arrow. Booleans and numbers of one width
// are such; everything else is the text that PostgreSQL prints, which holds every
// value.
type result struct {
	rows    *pgconn.ResultReader
	judge   func(error) error
	release func()
	pending bool // a row is there that was not taken
	schema  *arrow.Schema
	columns []pgvalue.Column
	current arrow.RecordBatch
	err     error
}

func (r *result) describe() error {
	kinds := map[uint32]pgvalue.Kind{
		oidBool: pgvalue.Bool, oidInt2: pgvalue.Int16, oidInt4: pgvalue.Int32, oidInt8: pgvalue.Int64,
		oidFloat4: pgvalue.Float32, oidFloat8: pgvalue.Float64,
	}
	var fields []arrow.Field
	for _, f := range r.rows.FieldDescriptions() {
		t := pgvalue.Type{Kind: kinds[f.DataTypeOID]} // text unless it is there
		fields = append(fields, t.Field(f.Name))
		r.columns = append(r.columns, pgvalue.NewColumn(&t))
	}
	if len(fields) == 0 && r.pending {
		return destination.QueryRefused.New("the result has rows without columns")
	}
	r.schema = arrow.NewSchema(fields, nil)
	return nil
}

// Retain does nothing: the reader lives until it is released.
func (r *result) Retain() {}

// Release ends the statement.
func (r *result) Release() {
	r.drop()
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

func (r *result) drop() {
	if r.current != nil {
		r.current.Release()
		r.current = nil
	}
}

// Schema is that of the result.
func (r *result) Schema() *arrow.Schema { return r.schema }

// RecordBatch is the record that Next found.
func (r *result) RecordBatch() arrow.RecordBatch { return r.current }

// Record is RecordBatch under its former name, which the interface still has.
func (r *result) Record() arrow.RecordBatch { return r.current }

// Err is why Next stopped, if not at the end.
func (r *result) Err() error { return r.err }

// Next reads rows.
func (r *result) Next() bool {
	r.drop()
	if r.err != nil || !r.pending {
		return false
	}
	for _, c := range r.columns {
		c.Reset()
	}
	n, size := 0, 0
	for r.pending && n < recordRows && size < recordBytes {
		for i, value := range r.rows.Values() {
			size += len(value)
			if value == nil {
				r.columns[i].AppendNull()
			} else if r.err = r.columns[i].AppendText(value); r.err != nil {
				return false
			}
		}
		n++
		if r.pending = r.rows.NextRow(); !r.pending {
			_, err := r.rows.Close()
			r.err = r.judge(classify(err))
		}
	}
	arrays := make([]arrow.Array, len(r.columns))
	for i, c := range r.columns {
		arrays[i] = c.Array()
		defer arrays[i].Release()
	}
	r.current = array.NewRecordBatch(r.schema, arrays, int64(n))
	return r.err == nil
}
