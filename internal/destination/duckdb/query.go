package duckdb

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow/array"
	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

// Checkpoint reads what is remembered of the pipeline.
func (d *database) Checkpoint(ctx context.Context) (c destination.Checkpoint, err error) {
	if !d.exists() {
		return c, nil
	}
	err = d.use(ctx, func(s *session) error {
		n, err := s.count(ctx, `SELECT count(*) FROM duckdb_tables() WHERE schema_name = ? AND table_name = 'checkpoints'`, ownSchema)
		if err != nil || n == 0 {
			return err
		}
		if c, _, err = d.readCheckpoint(ctx, s); err != nil {
			return err
		}
		c.Tables, err = d.readTables(ctx, s)
		return err
	})
	return c, err
}

// Query runs one statement of a user's.
func (d *database) Query(ctx context.Context, sql string) (array.RecordReader, error) {
	reader, err := d.query(ctx, sql)
	var refused *duck.Error
	if _, known := fault.Of(err); !known && errors.As(err, &refused) && ctx.Err() == nil {
		return nil, destination.QueryRefused.Wrap(refused)
	}
	return reader, err
}

// query runs one statement; the result holds the file until it is released.
func (d *database) query(ctx context.Context, sql string) (array.RecordReader, error) {
	if !d.exists() {
		return nil, destination.Unreachable.New("%s does not exist yet", d.file.path).On("destination.path").
			Do("run the pipeline first, which makes it")
	}
	s, err := d.file.open(ctx, d.settings, d.patience)
	if err != nil {
		return nil, err
	}
	// A reader that writes by mistake is told so.
	if err := s.exec(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		d.file.done(s, err)
		return nil, err
	}
	done := func(err error) {
		rollback := s.exec(context.WithoutCancel(ctx), "ROLLBACK")
		d.file.done(s, errors.Join(err, rollback))
	}
	reader, err := s.arrow.QueryContext(ctx, sql)
	if err != nil {
		err = classify(err)
		done(err)
		return nil, err
	}
	return &result{RecordReader: reader, done: func() { done(nil) }}, nil
}

// result gives the file back with its release.
type result struct {
	array.RecordReader
	done func()
}

// Release ends the use of the file.
func (r *result) Release() {
	r.RecordReader.Release()
	if r.done != nil {
		r.done()
		r.done = nil
	}
}

// Scan reads columns of the rows that are not marked.
func (d *database) Scan(ctx context.Context, table *schema.Table, columns []int) (array.RecordReader, error) {
	return d.query(ctx, d.statements(table).scan(columns))
}
