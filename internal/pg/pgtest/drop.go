package pgtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/pg"
)

// drop removes the database with all that PostgreSQL lets stand in the way of
// it: prepared transactions, sessions and slots.
func (db *DB) drop(ctx context.Context) error {
	conn, err := db.server.admin(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := db.rollbackPrepared(ctx, conn); err != nil {
		return err
	}
	// From here on nobody comes in again.
	name := pg.Quote(db.name)
	if _, err := conn.Exec(ctx, "alter database "+name+" with allow_connections false"); err != nil {
		return err
	}
	if err := db.dropSlots(ctx, conn); err != nil {
		return err
	}
	statement := "drop database " + name
	if db.server.Major() >= 13 {
		statement += " with (force)"
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return err
	}
	for _, role := range db.roles {
		if _, err := conn.Exec(ctx, "drop role if exists "+pg.Quote(role)); err != nil {
			return err
		}
	}
	return nil
}

// rollbackPrepared ends the prepared transactions, which can only be done from
// inside the database.
func (db *DB) rollbackPrepared(ctx context.Context, conn *pgx.Conn) error {
	gids, err := column(ctx, conn, "select gid from pg_prepared_xacts where database = $1", db.name)
	if err != nil || len(gids) == 0 {
		return err
	}
	inside, err := pgx.Connect(ctx, db.server.SocketString(db.name))
	if err != nil {
		return err
	}
	defer inside.Close(ctx)
	for _, gid := range gids {
		if _, err := inside.Exec(ctx, "rollback prepared "+pg.Literal(gid)); err != nil {
			return err
		}
	}
	return nil
}

// dropSlots ends all sessions in the database and drops its slots. A session
// takes a moment to end and to let go of its slot.
func (db *DB) dropSlots(ctx context.Context, conn *pgx.Conn) error {
	for {
		_, err := conn.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", db.name)
		if err != nil {
			return err
		}
		slots, err := column(ctx, conn, "select slot_name from pg_replication_slots where database = $1", db.name)
		if err != nil || len(slots) == 0 {
			return err
		}
		for _, slot := range slots {
			_, err := conn.Exec(ctx, "select pg_drop_replication_slot($1)", slot)
			if err != nil && !passes(err) {
				return fmt.Errorf("drop slot %s: %w", slot, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("slots %q are still in use: %w", slots, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// passes reports whether an error of dropping a slot goes away by waiting: the
// slot is in use, or was temporary and has gone with its session.
func passes(err error) bool {
	const objectInUse, undefinedObject = "55006", "42704"
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == objectInUse || e.Code == undefinedObject)
}

func column(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
