package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/config"
)

// session is one connection to the file. It is used by one goroutine.
type session struct {
	conn  driver.Conn
	arrow *duck.Arrow
	// Views registered in the transaction under way. They are entries of the
	// file's catalog, which the end of the transaction must not keep.
	views    []string
	releases []func()
}

func connect(ctx context.Context, connector *duck.Connector) (*session, error) {
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	a, err := duck.NewArrowFromConn(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &session{conn: conn, arrow: a}, nil
}

func (s *session) close() error { return s.conn.Close() }

// leastMemory is what DuckDB may use at least.
const leastMemory = 512 << 20

// limitMemory lets DuckDB use a quarter of the machine's memory, or of the
// container's. Its own default, by which it says how much there is, is four
// fifths: too much beside a source or another pipeline.
func (s *session) limitMemory(ctx context.Context) error {
	const fourFifths = 0.8
	limit := int64(leastMemory)
	err := s.query(ctx, "SELECT current_setting('memory_limit')", func(v []driver.Value) error {
		var most float64
		var unit string
		if _, err := fmt.Sscan(v[0].(string), &most, &unit); err != nil {
			return fmt.Errorf("memory limit %q: %w", v[0], err)
		}
		one, err := config.ParseSize("1" + unit)
		limit = max(limit, int64(most*float64(one)/fourFifths/4))
		return err
	})
	if err != nil {
		return err
	}
	return s.exec(ctx, fmt.Sprintf("SET memory_limit = '%dB'", limit))
}

// exec runs statements.
func (s *session) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.conn.(driver.ExecerContext).ExecContext(ctx, sql, named(args))
	return classify(err)
}

func named(args []any) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values
}

// query runs a statement and calls row with the values of each row.
func (s *session) query(ctx context.Context, sql string, row func([]driver.Value) error, args ...any) (err error) {
	rows, err := s.conn.(driver.QueryerContext).QueryContext(ctx, sql, named(args))
	if err != nil {
		return classify(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return classify(err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// count runs a statement that yields one number.
func (s *session) count(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = s.query(ctx, sql, func(v []driver.Value) error {
		count, ok := v[0].(int64)
		if !ok {
			return fmt.Errorf("%T where a number is expected", v[0])
		}
		n = count
		return nil
	}, args...)
	return n, err
}

// transact runs work in a transaction, which is rolled back if it fails.
func (s *session) transact(ctx context.Context, work func() error) (err error) {
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	defer s.releaseViews()
	err = work()
	if err == nil {
		err = s.dropViews(ctx)
	}
	if err != nil {
		// The context may be what ended the work; the rollback must happen all
		// the same.
		rollback := s.exec(context.WithoutCancel(ctx), "ROLLBACK")
		s.views = s.views[:0]
		return errors.Join(err, rollback)
	}
	return s.exec(ctx, "COMMIT")
}

// stage offers a record to SQL under a name, its columns renamed. A view can be
// read once only: every statement that reads rows registers its own.
func (s *session) stage(name string, record arrow.RecordBatch, column func(i int) string) error {
	fields := make([]arrow.Field, record.NumCols())
	for i := range fields {
		fields[i] = record.Schema().Field(i)
		fields[i].Name = column(i)
	}
	renamed := array.NewRecordBatch(arrow.NewSchema(fields, nil), record.Columns(), record.NumRows())
	defer renamed.Release()
	reader, err := array.NewRecordReader(renamed.Schema(), []arrow.RecordBatch{renamed})
	if err != nil {
		return err
	}
	defer reader.Release()
	return s.register(name, reader)
}

// register offers a stream of records to SQL under a name, replacing the view
// that had it.
func (s *session) register(name string, reader array.RecordReader) error {
	release, err := s.arrow.RegisterView(reader, name)
	if err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	s.releases = append(s.releases, release)
	for _, v := range s.views {
		if v == name {
			return nil
		}
	}
	s.views = append(s.views, name)
	return nil
}

func (s *session) dropViews(ctx context.Context) error {
	for _, v := range s.views {
		if err := s.exec(ctx, "DROP VIEW IF EXISTS "+quote(v)); err != nil {
			return err
		}
	}
	s.views = s.views[:0]
	return nil
}

func (s *session) releaseViews() {
	for _, release := range s.releases {
		release()
	}
	s.releases = s.releases[:0]
}
