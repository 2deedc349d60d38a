package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/destination"
)

// claimPatience is how long a claim waits for what the owner before has under
// way, until it looks whether that one still does anything.
const claimPatience = 10 * time.Second

const (
	limitLocks = `SELECT set_config('lock_timeout', $1, true)`
	// evictSilent ends the sessions of the pipeline that hold a transaction open and
	// wait for a process that says nothing: it was stopped, or its machine is gone.
	evictSilent = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = current_setting('application_name')
  AND pid <> pg_backend_pid() AND wait_event_type = 'Client' AND xact_start < now() - $1 * interval '1 millisecond'`
)

// Claim takes the pipeline over. It waits for what the owner before has under
// way, unless that one hangs.
func (d *database) Claim(ctx context.Context) (c destination.Checkpoint, err error) {
	d.forget() // another owner may have written since
	for {
		err = d.transact(ctx, func(s *session) (err error) {
			if err := d.setUp(ctx, s); err != nil {
				return err
			}
			if _, err := s.exec(ctx, limitLocks, d.patience.Milliseconds()); err != nil {
				return err
			}
			c, err = d.takeOver(ctx, s)
			return err
		})
		if err == nil {
			d.owner = c.Owner
		}
		if !isHeld(err) {
			return c, err
		}
		if err := d.evict(ctx); err != nil {
			return c, err
		}
	}
}

// isHeld reports whether a lock was not given in time.
func isHeld(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "55P03"
}

func (d *database) evict(ctx context.Context) error {
	return d.use(ctx, func(s *session) error {
		ended, err := s.exec(ctx, evictSilent, d.patience.Milliseconds())
		if err == nil {
			d.log.WarnContext(ctx, "another process has a transaction of the pipeline open", "ended", ended)
		}
		return err
	})
}
