package source

import (
	"context"
	"time"

	"trunkline/internal/pg"
)

// heartbeatTimeout bounds a heartbeat: it must not wait for a source that is
// stuck.
const heartbeatTimeout = 10 * time.Second

// MessagePrefix marks our logical decoding messages.
const MessagePrefix = "trunkline"

// Heartbeat writes a transactional logical decoding message every so often,
// until ctx ends, so that the slot moves on in a database that is idle while
// others of the server write. The message is transactional because only a
// commit moves the slot's restart_lsn. On a standby nothing can be written; the
// server's keepalives have to do.
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
func (c *Connector) Heartbeat(ctx context.Context, every time.Duration, beat func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := c.beat(ctx); ctx.Err() == nil {
			beat(err)
		}
	}
}

// Mark writes a place into the WAL and returns a position: a transaction that
// was committed before Mark was called ends at or before it, and the stream will
// pass it although nothing else may be written. On a standby it is how far
// replay has come.
func (s *Source) Mark(ctx context.Context) (pg.LSN, error) {
	if s.Standby {
		at, err := s.CurrentLSN(ctx)
		return at - 1, err
	}
	var text string
	err := s.conn.QueryRow(ctx, "SELECT pg_logical_emit_message(true, $1, 'mark')::text", MessagePrefix).Scan(&text)
	if err != nil {
		return 0, serverFault(err, "mark a place in the WAL")
	}
	return pg.ParseLSN(text)
}

func (c *Connector) beat(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	conn, err := c.SQL(limited)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(limited, "SELECT pg_logical_emit_message(true, $1, '')", MessagePrefix)
	if err != nil {
		return serverFault(err, "heartbeat")
	}
	return nil
}
