package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/pg"
)

// Null stands for NULL in the rows of Query. No value of PostgreSQL has a zero
// byte in its text.
const Null = "\x00NULL"

// DB is a database of one test. Its methods fail the test when they fail, so
// they belong on the test's own goroutine; Connect gives a connection for others.
type DB struct {
	t      testing.TB
	server *Server
	name   string
	conn   *pgx.Conn
	roles  []string
}

// databases numbers the databases of this process.
var databases atomic.Int64

// Database makes an empty database, which lives as long as the test. At its end
// sessions in it are ended and its slots and roles dropped with it. The helpers
// go through the socket, so tests may shut the port to everyone. Options follow
// CREATE DATABASE and its name.
func (s *Server) Database(t testing.TB, options ...string) *DB {
	t.Helper()
	ctx := context.Background()
	admin, err := s.admin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	db := &DB{t: t, server: s, name: databaseName(t.Name())}
	if _, err := admin.Exec(ctx, "create database "+pg.Quote(db.name)+" "+strings.Join(options, " ")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.remove)
	return db
}

// databaseName tells whose database it is, in letters that need no quotes.
func databaseName(test string) string {
	plain := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}
	name := strings.Map(plain, test)
	return fmt.Sprintf("db%d_%s", databases.Add(1), name[:min(len(name), 40)])
}

// Name is the name of the database.
func (db *DB) Name() string { return db.name }

// Server is where the database is.
func (db *DB) Server() *Server { return db.server }

// URL is for the superuser, over TCP.
func (db *DB) URL() string { return db.server.ConnString(db.name) }

// URLAs is URL for another role.
func (db *DB) URLAs(role, password string) string {
	return db.edit(func(u *url.URL) {
		u.User = url.User(role)
		if password != "" {
			u.User = url.UserPassword(role, password)
		}
	})
}

// URLAt is URL with another address, such as that of a Proxy.
func (db *DB) URLAt(addr string) string {
	return db.edit(func(u *url.URL) { u.Host = addr })
}

func (db *DB) edit(change func(*url.URL)) string {
	db.t.Helper()
	u, err := url.Parse(db.URL())
	if err != nil {
		db.t.Fatal(err)
	}
	change(u)
	return u.String()
}

// Role makes a role with the attributes of CREATE ROLE ("login password 'x'")
// and drops it after the database. Roles belong to the whole server: tests that
// run at the same time need different names.
func (db *DB) Role(name, attributes string) {
	db.t.Helper()
	db.Exec("create role " + pg.Quote(name) + " " + attributes)
	db.roles = append(db.roles, name)
}

// Exec runs SQL: with args one statement with parameters $1, $2; without, one or
// several, which are then one transaction unless they say otherwise. All
// statements of a DB run in one session, which lasts until the server ends it.
func (db *DB) Exec(sql string, args ...any) {
	db.t.Helper()
	db.Query(sql, args...)
}

// Query runs SQL as Exec does and returns the rows of the last statement, as
// PostgreSQL prints the values; NULL is Null.
func (db *DB) Query(sql string, args ...any) [][]string {
	db.t.Helper()
	ctx := context.Background()
	conn, err := db.session(ctx)
	if err != nil {
		db.t.Fatal(err)
	}
	query := queryOne
	if len(args) == 0 {
		query = queryAll
	}
	rows, err := query(ctx, conn, sql, args)
	if err != nil {
		db.t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

// Value is the only value of the only row that Query returns.
func (db *DB) Value(sql string, args ...any) string {
	db.t.Helper()
	rows := db.Query(sql, args...)
	if len(rows) != 1 || len(rows[0]) != 1 {
		db.t.Fatalf("%s: want one value, got %q", sql, rows)
	}
	return rows[0][0]
}

// LSN is the position up to which the server has written its WAL: all that has
// committed lies before it.
func (db *DB) LSN() pg.LSN {
	db.t.Helper()
	lsn, err := pg.ParseLSN(db.Value("select pg_current_wal_flush_lsn()"))
	if err != nil {
		db.t.Fatal(err)
	}
	return lsn
}

// Connect opens another session, closed at the end of the test.
func (db *DB) Connect() *pgx.Conn {
	db.t.Helper()
	conn, err := pgx.Connect(context.Background(), db.URL())
	if err != nil {
		db.t.Fatal(err)
	}
	db.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Replication opens a walsender on the database, closed at the end of the test.
func (db *DB) Replication() *pgconn.PgConn {
	db.t.Helper()
	conn, err := pgconn.Connect(context.Background(), db.URL()+"&replication=database")
	if err != nil {
		db.t.Fatal(err)
	}
	db.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// session is the session of the helpers, made anew after the server was
// restarted. A session that had a transaction open is not replaced: that the
// transaction is gone must not go unnoticed.
func (db *DB) session(ctx context.Context) (*pgx.Conn, error) {
	if db.conn != nil {
		err := db.conn.Ping(ctx)
		if err == nil {
			return db.conn, nil
		}
		if db.conn.PgConn().TxStatus() != 'I' {
			return nil, fmt.Errorf("session lost in a transaction: %w", err)
		}
		_ = db.conn.Close(ctx)
	}
	var err error
	db.conn, err = pgx.Connect(ctx, db.server.SocketString(db.name))
	return db.conn, err
}

// queryAll runs several statements and returns the rows of the last.
func queryAll(ctx context.Context, conn *pgx.Conn, sql string, _ []any) ([][]string, error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	var rows [][]string
	for _, values := range results[len(results)-1].Rows {
		rows = append(rows, texts(values))
	}
	return rows, nil
}

// queryOne runs one statement with parameters. It does not keep the prepared
// statement, which a change of the tables would break.
func queryOne(ctx context.Context, conn *pgx.Conn, sql string, args []any) ([][]string, error) {
	options := []any{pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}
	rows, err := conn.Query(ctx, sql, append(options, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		all = append(all, texts(rows.RawValues()))
	}
	return all, rows.Err()
}

func texts(values [][]byte) []string {
	row := make([]string, len(values))
	for i, value := range values {
		row[i] = Null
		if value != nil {
			row[i] = string(value)
		}
	}
	return row
}

// admin is a session in the database that is always there.
func (s *Server) admin(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.SocketString("postgres"))
}

// removePatience bounds the removal of a database: clients that come back again
// and again to a slot would keep it for ever.
const removePatience = time.Minute

func (db *DB) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), removePatience)
	defer cancel()
	if db.conn != nil {
		_ = db.conn.Close(ctx)
	}
	if !db.server.shared || db.server.Pid() == 0 {
		return // it goes with its server
	}
	if err := db.drop(ctx); err != nil {
		db.t.Errorf("remove database %s: %v", db.name, err)
	}
}
