package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtls"
)

// connectTimeout bounds the making of one connection.
const connectTimeout = 10 * time.Second

// connector makes connections to the database, all with the same session.
type connector struct {
	settings *Settings
	name     string // application_name
	tls      pgtls.Settings
}

func newConnector(settings *Settings, name string) (*connector, error) {
	tls, err := pgtls.Load(settings.SSL)
	var file *pgtls.FileError
	if errors.As(err, &file) {
		return nil, destination.SettingsRefused.Wrap(file.Err).On("destination.ssl."+file.Field).Do("%s", file.Action)
	}
	return &connector{settings: settings, name: name, tls: tls}, err
}

func (c *connector) address() string {
	if strings.HasPrefix(c.settings.Host, "/") {
		return c.settings.Host
	}
	return net.JoinHostPort(c.settings.Host, strconv.Itoa(c.settings.Port))
}

// config builds on an empty configuration: neither the environment (PGHOST and
// its kin) nor service and password files have a say.
func (c *connector) config() (*pgconn.Config, error) {
	cfg, err := pgconn.ParseConfig("host=/nowhere sslmode=disable passfile=/dev/null servicefile=/dev/null")
	if err != nil {
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	s := c.settings
	cfg.Host, cfg.Port, cfg.User, cfg.Database = s.Host, uint16(s.Port), s.User, s.Database
	cfg.Password = s.Password.Reveal()
	cfg.TLSConfig = c.tls.Config(s.Host)
	cfg.Fallbacks = nil
	cfg.ValidateConnect, cfg.AfterConnect = nil, nil
	cfg.RuntimeParams = map[string]string{"application_name": c.name, "client_encoding": "UTF8"}
	cfg.DialFunc = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	return cfg, nil
}

// pinned are the session settings on which the reading and printing of values
// depends, and what an administrator may have set for the role that would hit
// us. A commit is on the server's disk before it is reported, whatever the
// server's own setting. A part changes a small share of a table, which its index
// finds sooner than the scan that the default costs make of it. A peer that is gone is found out within a minute, so that
// its locks do not keep a successor waiting.
const pinned = `SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET search_path = pg_catalog;
SET standard_conforming_strings = on; SET check_function_bodies = off; SET row_security = off;
SET default_transaction_read_only = off; SET default_transaction_isolation = 'read committed';
SET client_min_messages = 'warning'; SET temp_tablespaces = ''; SET random_page_cost = 1.1;
SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') = 'off';
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3`

// connect makes a connection.
func (c *connector) connect(ctx context.Context) (*session, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(limited, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.connectFault(err)
	}
	s := &session{conn: conn, staged: map[string]*staging{}}
	settings := pinned
	if chosen := c.settings.SynchronousCommit; chosen != "" {
		settings += "; SET synchronous_commit = " + pg.Literal(chosen)
	}
	if err := conn.Exec(limited, settings).Close(); err != nil {
		s.close()
		return nil, fmt.Errorf("set up the session: %w", err)
	}
	return s, nil
}
