// Package source reads a PostgreSQL database: its catalog, the history of its
// tables by COPY, and its changes by logical replication. It owns the slot and
// the publications of a pipeline, and takes care that nothing it does makes the
// source's own statements fail.
package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/config"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtls"
)

const (
	connectTimeout = 10 * time.Second
	// readBuffer is how much is taken from the socket at once. The driver's own
	// buffer holds 8 KiB, which for a stream of small messages means a system
	// call every few dozen rows.
	readBuffer = 256 << 10
)

func quoteIdent(name string) string { return pg.Quote(name) }

// Connector makes connections to one database with one set of credentials, all
// with the same session settings.
type Connector struct {
	host     string
	port     int
	user     string
	database string
	password string
	sslMode  string
	name     string // application_name
	tls      pgtls.Settings
}

// NewConnector prepares connections to the database that c names. application
// is what the server's views show.
func NewConnector(c *config.Source, application string) (*Connector, error) {
	settings, err := loadTLS(c)
	if err != nil {
		return nil, err
	}
	return &Connector{
		host: c.Host, port: c.Port, user: c.User, database: c.Database,
		password: c.Password.Reveal(), sslMode: string(c.SSL.Mode), name: application, tls: settings,
	}, nil
}

func (c *Connector) address() string {
	if strings.HasPrefix(c.host, "/") {
		return c.host
	}
	return net.JoinHostPort(c.host, strconv.Itoa(c.port))
}

// SQL makes a connection for statements.
func (c *Connector) SQL(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	return connect(ctx, c, cfg, pgx.ConnectConfig, (*pgx.Conn).PgConn)
}

// Replication makes a connection that understands the replication protocol.
func (c *Connector) Replication(ctx context.Context) (*pgconn.PgConn, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["replication"] = "database"
	same := func(conn *pgconn.PgConn) *pgconn.PgConn { return conn }
	return connect(ctx, c, &cfg.Config, pgconn.ConnectConfig, same)
}

// connect opens a connection by open and pins the settings of its session.
func connect[C any, T interface{ Close(context.Context) error }](
	ctx context.Context, c *Connector, cfg C,
	open func(context.Context, C) (T, error), session func(T) *pgconn.PgConn,
) (none T, err error) {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := open(limited, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		return none, c.connectFault(err)
	}
	if err := pin(limited, session(conn)); err != nil {
		return none, errors.Join(fmt.Errorf("set up the session: %w", err), conn.Close(ctx))
	}
	return conn, nil
}

// config builds on an empty configuration: neither the environment (PGHOST and
// its kin) nor service and password files have a say.
func (c *Connector) config() (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig("host=/nowhere sslmode=disable passfile=/dev/null servicefile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Database = c.host, uint16(c.port), c.user, c.database
	cfg.Password = c.password
	cfg.TLSConfig = c.tls.Config(c.host)
	cfg.Fallbacks = nil
	cfg.ValidateConnect, cfg.AfterConnect = nil, nil
	cfg.RuntimeParams = map[string]string{"application_name": c.name}
	dial := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &bufferedConn{Conn: conn, buf: make([]byte, readBuffer)}, nil
	}
	return cfg, nil
}

// pinned are the session settings on which the text of values depends, and what
// an administrator may have set for the role that would hit us: read-only
// transactions, and timeouts, of which each version has others.
const pinned = `SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET search_path = pg_catalog;
SET row_security = off; SET default_transaction_read_only = off;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`

// pin makes the session's settings ours, whatever the role's are.
func pin(ctx context.Context, conn *pgconn.PgConn) error {
	settings := pinned + "; SET client_encoding = 'UTF8'"
	if conn.ParameterStatus("server_encoding") == "SQL_ASCII" {
		// Such a database knows no encoding; asking for one makes the server
		// refuse rows that are not valid in it.
		settings = pinned + "; SET client_encoding = 'SQL_ASCII'"
	}
	return conn.Exec(ctx, settings).Close()
}

// bufferedConn reads ahead.
type bufferedConn struct {
	net.Conn
	buf        []byte
	start, end int
}

// Read takes from the buffer, which one read of the socket fills.
func (b *bufferedConn) Read(p []byte) (int, error) {
	if b.start == b.end {
		if len(p) >= len(b.buf) {
			return b.Conn.Read(p)
		}
		n, err := b.Conn.Read(b.buf)
		b.start, b.end = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.start:b.end])
	b.start += n
	return n, nil
}
