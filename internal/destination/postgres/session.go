package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/pg"
)

// session is one connection. It is used by one goroutine at a time.
type session struct {
	conn *pgconn.PgConn
	// staged are the temporary tables of the session, by what is staged in them.
	staged map[string]*staging
	// stagings numbers them.
	stagings int
	// dirty are the temporary tables that the transaction under way has filled.
	dirty map[*staging]bool
}

// closePatience bounds the farewell to a server that may be gone.
const closePatience = 2 * time.Second

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever was to be kept was committed
	<-s.conn.CleanupDone()
}

// usable reports whether the session may serve again.
func (s *session) usable() bool { return !s.conn.IsClosed() && s.conn.TxStatus() == 'I' }

// arguments are the parameters of a statement in text form.
func arguments(args []any) [][]byte {
	values := make([][]byte, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case nil:
		case string:
			values[i] = []byte(v)
		case []byte:
			values[i] = v
		case bool:
			values[i] = strconv.AppendBool(nil, v)
		case int:
			values[i] = strconv.AppendInt(nil, int64(v), 10)
		case int32:
			values[i] = strconv.AppendInt(nil, int64(v), 10)
		case int64:
			values[i] = strconv.AppendInt(nil, v, 10)
		case uint32:
			values[i] = strconv.AppendUint(nil, uint64(v), 10)
		case pg.LSN:
			values[i] = []byte(v.String())
		case instant:
			values[i] = []byte(pg.Micros(v).Time().Format("2006-01-02 15:04:05.999999Z07:00"))
		default:
			panic(fmt.Sprintf("postgres: a parameter of type %T", a))
		}
	}
	return values
}

// instant is a parameter of type timestamp with time zone.
type instant pg.Micros

// exec runs one statement with parameters and returns how many rows it changed.
func (s *session) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	r := s.conn.ExecParams(ctx, sql, arguments(args), nil, nil, nil).Read()
	return r.CommandTag.RowsAffected(), classify(r.Err)
}

// run runs statements without parameters.
func (s *session) run(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// query runs a statement and calls row with the texts of each row; null is nil.
func (s *session) query(ctx context.Context, sql string, row func([][]byte) error, args ...any) error {
	r := s.conn.ExecParams(ctx, sql, arguments(args), nil, nil, nil)
	var failed error
	for failed == nil && r.NextRow() {
		failed = row(r.Values())
	}
	_, err := r.Close()
	if err != nil {
		return classify(err)
	}
	return failed
}

// value runs a statement that yields one text; found is false if it yields no
// row.
func (s *session) value(ctx context.Context, sql string, args ...any) (text string, found bool, err error) {
	err = s.query(ctx, sql, func(v [][]byte) error {
		text, found = string(v[0]), true
		return nil
	}, args...)
	return text, found, err
}

// exists reports whether a statement yields a row.
func (s *session) exists(ctx context.Context, sql string, args ...any) (bool, error) {
	_, found, err := s.value(ctx, sql, args...)
	return found, err
}

// copyIn copies rows into columns of a table.
func (s *session) copyIn(ctx context.Context, table string, columns []string, rows *outRows) error {
	_, err := s.conn.CopyFrom(ctx, rows, copyInto(table, columns, rows.format()))
	if rows.err != nil {
		return rows.err
	}
	return classify(err)
}

// transact runs work in a transaction, which is rolled back if it fails.
func (s *session) transact(ctx context.Context, work func() error) (err error) {
	if err := s.run(ctx, "BEGIN"); err != nil {
		return err
	}
	s.dirty = map[*staging]bool{}
	if err := work(); err != nil {
		// The context may be what ended the work; the rollback must happen all the
		// same. Temporary tables made in the transaction go with it: the session is
		// not used again.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
		defer cancel()
		_ = s.run(undo, "ROLLBACK") // closing the connection undoes it, too
		s.close()
		return err
	}
	tag, err := s.conn.ExecParams(ctx, "COMMIT", nil, nil, nil, nil).Close()
	if err == nil && tag.String() != "COMMIT" {
		err = errors.New("the server rolled the transaction back")
	}
	return classify(err)
}
