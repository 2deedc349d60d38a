package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/pg"
)

// Slot is a logical replication slot as the server shows it.
// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
type Slot struct {
	Name      string
	Plugin    string
	Database  string
	Active    bool
	ActivePID int32
	Confirmed pg.LSN
	Restart   pg.LSN
	// Invalid says why the server gave the slot up; empty while it is good.
	Invalid string
	// Retained is the WAL, in bytes, that the server keeps for the slot; Safe how
	// much more may come before the server gives the slot up, or -1 without limit.
	Retained int64
	Safe     int64
}

const selectSlot = `
SELECT slot_name, plugin, coalesce(database, ''), active, coalesce(active_pid, 0),
  coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(restart_lsn, '0/0')::text,
  coalesce((%s - restart_lsn)::bigint, 0), %s
FROM pg_replication_slots WHERE slot_name = $1`

// slotState adds what versions know about the loss of slots.
func (s *Source) slotState() string {
	switch {
	case s.Version.AtLeast(17):
		return "coalesce(invalidation_reason, CASE WHEN wal_status = 'lost' THEN 'wal_removed' END, ''), coalesce(safe_wal_size, -1)"
	case s.Version.AtLeast(16):
		return "CASE WHEN conflicting THEN 'conflict with recovery' WHEN wal_status = 'lost' THEN 'WAL removed' ELSE '' END, coalesce(safe_wal_size, -1)"
	case s.Version.AtLeast(13):
		return "CASE WHEN wal_status = 'lost' THEN 'WAL removed' ELSE '' END, coalesce(safe_wal_size, -1)"
	}
	return "'', -1::bigint"
}

// currentLSN is the expression for the end of WAL, on a standby that of replay.
func (s *Source) currentLSN() string {
	if s.Standby {
		return "pg_last_wal_replay_lsn()"
	}
	return "pg_current_wal_lsn()"
}

// Slot looks up a slot; ok is false if there is none.
func (s *Source) Slot(ctx context.Context, name string) (slot Slot, ok bool, err error) {
	var confirmed, restart string
	err = s.conn.QueryRow(ctx, fmt.Sprintf(selectSlot, s.currentLSN(), s.slotState()), name).Scan(
		&slot.Name, &slot.Plugin, &slot.Database, &slot.Active, &slot.ActivePID,
		&confirmed, &restart, &slot.Retained, &slot.Invalid, &slot.Safe)
	if errors.Is(err, pgx.ErrNoRows) {
		return slot, false, nil
	}
	if err != nil {
		return slot, false, serverFault(err, "look up slot "+name)
	}
	if slot.Confirmed, err = pg.ParseLSN(confirmed); err == nil {
		slot.Restart, err = pg.ParseLSN(restart)
	}
	return slot, true, err
}

// CurrentLSN is the end of the WAL written so far.
func (s *Source) CurrentLSN(ctx context.Context) (pg.LSN, error) {
	var text string
	if err := s.conn.QueryRow(ctx, "SELECT "+s.currentLSN()+"::text").Scan(&text); err != nil {
		return 0, serverFault(err, "read the end of the WAL")
	}
	return pg.ParseLSN(text)
}

// DropSlot drops a slot, waiting a little for a walsender that has not noticed
// yet that its client is gone. A slot that does not exist is no error.
func (s *Source) DropSlot(ctx context.Context, name string) error {
	for {
		_, err := s.conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", name)
		switch sqlState(err) {
		case "":
			return err
		case "42704":
			return nil
		case "55006":
		default:
			return serverFault(err, "drop slot "+name)
		}
		if err := s.waitForSlot(ctx, name); err != nil {
			return err
		}
	}
}

// slotPatience is how long a slot may stay active after its client is gone:
// the walsender notices at the latest after wal_sender_timeout, but mostly at
// once.
const slotPatience = 60 * time.Second

// waitForSlot waits until nobody uses a slot, and reports who does if that
// lasts.
func (s *Source) waitForSlot(ctx context.Context, name string) error {
	began := time.Now()
	for {
		slot, ok, err := s.Slot(ctx, name)
		switch {
		case err != nil:
			return err
		case !ok || !slot.Active:
			return nil
		case time.Since(began) > slotPatience:
			return SlotInUse.New("backend %d uses slot %s", slot.ActivePID, name).
				Do("stop that process, or SELECT pg_terminate_backend(%d)", slot.ActivePID)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Snapshot is a consistent view of the database at a point of the WAL, held open
// until Close.
type Snapshot struct {
	// Name imports the snapshot into other transactions.
	Name string
	// ConsistentPoint divides what the snapshot shows from what the stream
	// brings: commits whose record starts at it or later are not in the snapshot.
	ConsistentPoint pg.LSN

	source *Source
	holder *pgx.Conn
}

// Close lets the snapshot go.
func (n *Snapshot) Close() error { return n.holder.Close(context.Background()) }

// CreateSlot makes a slot and returns the snapshot at which it begins. A
// temporary slot is gone when CreateSlot returns; its snapshot stays.
//
// The server makes a slot only once every transaction that is writing has ended.
func (s *Source) CreateSlot(ctx context.Context, name string, temporary bool) (*Snapshot, error) {
	conn, err := s.Replication(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	row, err := s.createSlot(ctx, conn, name, temporary)
	if err != nil {
		return nil, s.slotFault(err, name)
	}
	point, err := pg.ParseLSN(row["consistent_point"])
	if err != nil {
		return nil, err
	}
	snapshot := &Snapshot{ConsistentPoint: point, source: s}
	if err := snapshot.hold(ctx, row["snapshot_name"]); err != nil {
		return nil, err
	}
	return snapshot, nil
}

func (s *Source) createSlot(ctx context.Context, conn *pgconn.PgConn, name string, temporary bool) (map[string]string, error) {
	command := "CREATE_REPLICATION_SLOT " + quoteIdent(name)
	if temporary {
		command += " TEMPORARY"
	}
	command += " LOGICAL pgoutput "
	switch {
	case s.Version.AtLeast(17) && !temporary && !s.Standby:
		command += "(SNAPSHOT 'export', FAILOVER)"
	case s.Version.AtLeast(15):
		command += "(SNAPSHOT 'export')"
	default:
		command += "EXPORT_SNAPSHOT"
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watchSlotCreation(ctx, done, conn.PID())
	}()
	row, err := oneRow(ctx, conn, command)
	close(done)
	<-watched
	return row, err
}

const selectBlockers = `
SELECT coalesce(string_agg(format('%s (%s, %s)', pid, coalesce(application_name, ''), coalesce(state, '')), ', '), '')
FROM (SELECT pid, application_name, state FROM pg_stat_activity
  WHERE backend_xid IS NOT NULL AND pid <> $1 ORDER BY xact_start LIMIT 5) AS b`

// watchSlotCreation says whom the creation of a slot waits for.
func (s *Source) watchSlotCreation(ctx context.Context, done <-chan struct{}, pid uint32) {
	for wait := 5 * time.Second; ; wait = 30 * time.Second {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		var blockers string
		if err := s.conn.QueryRow(ctx, selectBlockers, int32(pid)).Scan(&blockers); err == nil && blockers != "" {
			s.log.WarnContext(ctx, "the slot can be made only once these transactions have ended", "backends", blockers)
		}
	}
}

func (s *Source) slotFault(err error, name string) error {
	switch state := sqlState(err); {
	case state == "42501":
		return ReplicationRoleMissing.Wrap(err).
			Do("ALTER ROLE %s WITH REPLICATION; Amazon RDS: GRANT rds_replication TO %s", quoteIdent(s.user), quoteIdent(s.user))
	case state == "53400" || state == "53300":
		return NoFreeSlot.Wrap(err)
	case state == "55000" && s.Standby:
		return StandbyCannot.Wrap(err)
	case state == "55000":
		return WALLevel.Wrap(err)
	}
	return serverFault(err, "make slot "+name)
}

// hold imports an exported snapshot into a transaction of its own and exports it
// again from there, so that the walsender that made it is free.
func (n *Snapshot) hold(ctx context.Context, exported string) (err error) {
	if n.holder, err = n.source.SQL(ctx); err != nil {
		return err
	}
	if _, err = n.holder.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "+pg.Literal(exported)); err == nil {
		err = n.holder.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&n.Name)
	}
	if err != nil {
		return errors.Join(serverFault(err, "import the slot's snapshot"), n.Close())
	}
	return nil
}

// oneRow runs a replication command that yields a row, by column names.
func oneRow(ctx context.Context, conn *pgconn.PgConn, command string) (map[string]string, error) {
	results, err := conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return nil, fmt.Errorf("%s: no single row in the answer", command)
	}
	row := map[string]string{}
	for i, f := range results[0].FieldDescriptions {
		row[f.Name] = string(results[0].Rows[0][i])
	}
	return row, nil
}

// Blocked reports the features of the server that stand in the way of logical
// replication, in the order in which they are to be mended.
func (s *Source) Blocked(ctx context.Context) error {
	var level string
	if err := s.conn.QueryRow(ctx, "SHOW wal_level").Scan(&level); err != nil {
		return serverFault(err, "read wal_level")
	}
	if s.Standby && !s.Version.AtLeast(16) {
		return StandbyCannot.New("the server is a standby of version %v; standbys decode from 16 on", s.Version)
	}
	if level != "logical" {
		return WALLevel.New("wal_level is %s", level)
	}
	var replicates bool
	const role = `
SELECT r.rolreplication OR r.rolsuper
  OR EXISTS (SELECT FROM pg_roles p WHERE p.rolname = 'rds_replication' AND pg_has_role(current_user, p.oid, 'USAGE'))
FROM pg_roles r WHERE r.rolname = current_user`
	if err := s.conn.QueryRow(ctx, role).Scan(&replicates); err != nil {
		return serverFault(err, "read the role")
	}
	if !replicates {
		return ReplicationRoleMissing.New("role %s has no REPLICATION", s.user).
			Do("ALTER ROLE %s WITH REPLICATION; Amazon RDS: GRANT rds_replication TO %s", quoteIdent(s.user), quoteIdent(s.user))
	}
	return nil
}

// SlotsFree reports whether a slot and a walsender are to be had.
func (s *Source) SlotsFree(ctx context.Context) error {
	const count = `
SELECT current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots),
  current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication)`
	var maxSlots, slots, maxSenders, senders int64
	if err := s.conn.QueryRow(ctx, count).Scan(&maxSlots, &slots, &maxSenders, &senders); err != nil {
		return serverFault(err, "count the free slots")
	}
	switch {
	case slots >= maxSlots:
		return NoFreeSlot.New("all of max_replication_slots = %d are taken", maxSlots)
	case senders >= maxSenders:
		return NoFreeSlot.New("all of max_wal_senders = %d are taken", maxSenders)
	}
	return nil
}
