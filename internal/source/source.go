package source

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/config"
	"trunkline/internal/pg"
)

// Source is a database that is read by one pipeline. Its catalog connection is
// used by one goroutine at a time; copies and streams have their own.
type Source struct {
	*Connector
	Version pg.Version
	// SystemIdentifier tells servers apart, Timeline the histories of one.
	SystemIdentifier string
	Timeline         int32
	Standby          bool
	Database         string
	// Azure says that the server is Azure Database for PostgreSQL.
	Azure bool

	conn  *pgx.Conn
	types typeCache
	log   *slog.Logger
}

// Open connects and finds out what kind of server answers.
func Open(ctx context.Context, c *config.Source, application string, log *slog.Logger) (*Source, error) {
	connector, err := NewConnector(c, application)
	if err != nil {
		return nil, err
	}
	s := &Source{Connector: connector, log: log}
	if s.conn, err = connector.SQL(ctx); err != nil {
		return nil, err
	}
	if err := s.identify(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const selectServer = `
SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_database(),
  EXISTS (SELECT FROM pg_settings WHERE name = 'azure.extensions')`

func (s *Source) identify(ctx context.Context) error {
	err := s.conn.QueryRow(ctx, selectServer).Scan(&s.Version, &s.Standby, &s.Database, &s.Azure)
	if err != nil {
		return serverFault(err, "identify the server")
	}
	if s.Version < pg.OldestSupported {
		return VersionTooOld.New("the server is PostgreSQL %v", s.Version)
	}
	return nil
}

// Close ends the catalog connection.
func (s *Source) Close() error { return s.conn.Close(context.Background()) }

// IdentifySystem asks the server which history of which cluster it is. It takes
// a replication connection, and with it the attribute REPLICATION.
// https://www.postgresql.org/docs/current/protocol-replication.html
func (s *Source) IdentifySystem(ctx context.Context) error {
	conn, err := s.Replication(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	row, err := oneRow(ctx, conn, "IDENTIFY_SYSTEM")
	if err != nil {
		return serverFault(err, "identify the server")
	}
	s.SystemIdentifier = row["systemid"]
	_, err = fmt.Sscan(row["timeline"], &s.Timeline)
	return err
}

// Lock makes sure that no other process, on any machine, runs the pipeline that
// has this slot. The lock belongs to the catalog connection.
func (s *Source) Lock(ctx context.Context, slot string) error {
	key := lockKey(slot)
	var got bool
	if err := s.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&got); err != nil {
		return serverFault(err, "lock the pipeline at the source")
	}
	if got {
		return nil
	}
	holder, held, err := s.Holder(ctx, slot)
	if err != nil {
		return err
	}
	if !held {
		holder = "another process" // it has ended since, or the server does not show it
	}
	return SlotInUse.New("%s runs the pipeline with slot %s", holder, slot)
}

const selectHolder = `
SELECT l.pid, coalesce(host(a.client_addr), 'a socket of the server''s machine')
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32 | l.objid::bigint) = $1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// Holder says in words which process runs the pipeline that has this slot; held
// is false if none does. Unlike Lock it leaves the lock alone.
func (s *Source) Holder(ctx context.Context, slot string) (holder string, held bool, err error) {
	var pid int32
	var address string
	err = s.conn.QueryRow(ctx, selectHolder, lockKey(slot)).Scan(&pid, &address)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, serverFault(err, "look for a running pipeline")
	}
	return fmt.Sprintf("another process, connected from %s (backend %d),", address, pid), true, nil
}

func lockKey(slot string) int64 {
	sum := sha256.Sum256([]byte("trunkline slot " + slot))
	return int64(binary.BigEndian.Uint64(sum[:]))
}
