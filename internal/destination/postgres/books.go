package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// ownTables are what Trunkline remembers beside the data.
var ownTables = []string{
	// Numbers of owners never come again, not even those of a pipeline that was
	// forgotten: who was fenced off stays fenced off.
	`CREATE SEQUENCE __trunkline.owners`,
	`CREATE TABLE __trunkline.checkpoints (
  pipeline text PRIMARY KEY,
  owner bigint NOT NULL,
  slot text,
  consistent_point pg_lsn NOT NULL DEFAULT '0/0',
  system_identifier text,
  timeline integer NOT NULL DEFAULT 0,
  commit_lsn pg_lsn NOT NULL DEFAULT '0/0',
  end_lsn pg_lsn NOT NULL DEFAULT '0/0',
  committed_at bigint NOT NULL DEFAULT 0,
  updated_at timestamp with time zone
)`,
	`CREATE TABLE __trunkline.tables (
  pipeline text NOT NULL,
  object text NOT NULL,
  table_name text NOT NULL,
  oid bigint NOT NULL,
  generation bigint NOT NULL,
  start_lsn pg_lsn NOT NULL,
  copied boolean NOT NULL,
  archive boolean NOT NULL,
  definition text NOT NULL,
  PRIMARY KEY (pipeline, object)
)`,
	`CREATE TABLE __trunkline.chunks (
  pipeline text NOT NULL,
  object text NOT NULL,
  generation bigint NOT NULL,
  number bigint NOT NULL,
  loaded_at timestamp with time zone,
  PRIMARY KEY (pipeline, object, generation, number)
)`,
	`CREATE TABLE __trunkline.overflow (
  schema_name text NOT NULL,
  table_name text NOT NULL,
  key text NOT NULL,
  column_name text NOT NULL,
  value text NOT NULL
)`,
	// Not of the keys, which may be longer than an index takes.
	`CREATE INDEX ON __trunkline.overflow (schema_name, table_name)`,
	`CREATE VIEW __trunkline.freshness AS
SELECT pipeline, end_lsn AS position,
  CASE WHEN committed_at > 0 THEN to_timestamp(committed_at / 1000000.0) END AS complete_up_to,
  updated_at
FROM __trunkline.checkpoints`,
}

// Statements on what is remembered; the first parameter is the pipeline.
const (
	// oneAtATime makes those wait who would make the tables at the same time.
	oneAtATime       = `SELECT pg_advisory_xact_lock(hashtext('__trunkline'))`
	ownTablesThere   = `SELECT 1 WHERE to_regclass('__trunkline.freshness') IS NOT NULL`
	schemaThere      = `SELECT 1 FROM pg_namespace WHERE nspname = $1`
	addCheckpoint    = `INSERT INTO __trunkline.checkpoints (pipeline, owner) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	takeOwnership    = `UPDATE __trunkline.checkpoints SET owner = nextval('__trunkline.owners') WHERE pipeline = $1 RETURNING owner`
	selectCheckpoint = `SELECT owner, slot, consistent_point, system_identifier, timeline, commit_lsn, end_lsn, committed_at
FROM __trunkline.checkpoints WHERE pipeline = $1`
	updateCheckpoint = `UPDATE __trunkline.checkpoints
SET commit_lsn = $2, end_lsn = $3, committed_at = $4, updated_at = $5 WHERE pipeline = $1`
	intendSlot = `UPDATE __trunkline.checkpoints SET slot = $2, consistent_point = '0/0', system_identifier = NULL,
  timeline = 0, commit_lsn = '0/0', end_lsn = '0/0', committed_at = 0, updated_at = now() WHERE pipeline = $1`
	recordSlot = `UPDATE __trunkline.checkpoints SET slot = $2, consistent_point = $3, system_identifier = $4,
  timeline = $5, commit_lsn = $3, end_lsn = $3, updated_at = now() WHERE pipeline = $1`
	selectTables = `SELECT oid, generation, start_lsn, copied, definition
FROM __trunkline.tables WHERE pipeline = $1 ORDER BY object COLLATE "C"`
	insertTable = `INSERT INTO __trunkline.tables VALUES ($1, $2, $3, $4, $5, $6, false, false, $7)`
	updateTable = `UPDATE __trunkline.tables SET definition = $3, table_name = $4 WHERE pipeline = $1 AND object = $2`
	deleteTable = `DELETE FROM __trunkline.tables WHERE pipeline = $1 AND object = $2`
	endCopy     = `UPDATE __trunkline.tables SET copied = true WHERE pipeline = $1 AND object = $2 AND generation = $3`
	noteArchive = `UPDATE __trunkline.tables SET archive = true WHERE pipeline = $1 AND object = $2 AND NOT archive`

	selectChunk  = `SELECT 1 FROM __trunkline.chunks WHERE pipeline = $1 AND object = $2 AND generation = $3 AND number = $4`
	insertChunk  = `INSERT INTO __trunkline.chunks VALUES ($1, $2, $3, $4, $5)`
	deleteChunks = `DELETE FROM __trunkline.chunks WHERE pipeline = $1 AND object = $2`
)

// lock is how the row of the checkpoint is held until the end of a transaction.
type lock string

const (
	// unlocked only looks.
	unlocked lock = ""
	// beside lets others of the same owner write at the same time: chunks load
	// while batches are applied. It keeps a new owner out.
	beside lock = " FOR KEY SHARE"
	// moving is for the one who moves the position.
	moving lock = " FOR NO KEY UPDATE"
	// alone waits for all of them.
	alone lock = " FOR UPDATE"
)

func (d *database) readCheckpoint(ctx context.Context, s *session, as lock) (c destination.Checkpoint, found bool, err error) {
	err = s.query(ctx, selectCheckpoint+string(as), func(v [][]byte) (err error) {
		found = true
		c.Slot, c.SystemIdentifier = string(v[1]), string(v[3])
		r := reader{}
		c.Owner = r.number(v[0])
		c.ConsistentPoint = r.lsn(v[2])
		c.Timeline = int32(r.number(v[4]))
		c.Position = batch.Position{Commit: r.lsn(v[5]), End: r.lsn(v[6])}
		c.Committed = pg.Micros(r.number(v[7]))
		return r.err
	}, d.pipeline)
	return c, found, err
}

// reader reads texts and keeps the first error.
type reader struct{ err error }

func (r *reader) number(text []byte) int64 {
	n, err := strconv.ParseInt(string(text), 10, 64)
	r.keep(err)
	return n
}

func (r *reader) lsn(text []byte) pg.LSN {
	l, err := pg.ParseLSN(string(text))
	r.keep(err)
	return l
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (d *database) readTables(ctx context.Context, s *session) (states []destination.TableState, err error) {
	err = s.query(ctx, selectTables, func(v [][]byte) error {
		r := reader{}
		state := destination.TableState{
			OID: uint32(r.number(v[0])), Generation: r.number(v[1]), Start: r.lsn(v[2]), Copied: string(v[3]) == "t",
			Table: &schema.Table{},
		}
		r.keep(json.Unmarshal(v[4], state.Table))
		states = append(states, state)
		return r.err
	}, d.pipeline)
	return states, err
}

// setUp makes what is remembered in, and the schema of the tables, unless they
// are there: a role that may not make them may use them.
func (d *database) setUp(ctx context.Context, s *session) error {
	if there, err := d.isSetUp(ctx, s); err != nil || there {
		return err
	}
	if err := s.run(ctx, oneAtATime); err != nil {
		return err
	}
	for _, name := range []string{ownSchema, d.settings.Schema} {
		there, err := s.exists(ctx, schemaThere, name)
		if err == nil && !there {
			err = s.run(ctx, "CREATE SCHEMA "+quote(name))
		}
		if err != nil {
			return err
		}
	}
	there, err := s.exists(ctx, ownTablesThere)
	if err == nil && !there {
		err = s.run(ctx, ownTables...)
	}
	return err
}

func (d *database) isSetUp(ctx context.Context, s *session) (bool, error) {
	there, err := s.exists(ctx, ownTablesThere)
	if err != nil || !there {
		return false, err
	}
	return s.exists(ctx, schemaThere, d.settings.Schema)
}

// takeOver makes this process the owner.
func (d *database) takeOver(ctx context.Context, s *session) (c destination.Checkpoint, err error) {
	if _, err := s.exec(ctx, addCheckpoint, d.pipeline); err != nil {
		return c, err
	}
	if c, _, err = d.readCheckpoint(ctx, s, alone); err != nil {
		return c, err
	}
	owner, _, err := s.value(ctx, takeOwnership, d.pipeline)
	if err != nil {
		return c, err
	}
	if c.Owner, err = strconv.ParseInt(owner, 10, 64); err != nil {
		return c, err
	}
	c.Tables, err = d.readTables(ctx, s)
	return c, err
}

// fence fails unless this process owns the pipeline, and keeps it the owner
// until the end of the transaction.
func (d *database) fence(ctx context.Context, s *session, as lock) (destination.Checkpoint, error) {
	c, found, err := d.readCheckpoint(ctx, s, as)
	if err != nil {
		return c, err
	}
	return c, destination.Fence(d.pipeline, d.owner, found, c.Owner)
}

// remember writes the definition of a table.
func (d *database) remember(ctx context.Context, s *session, t *schema.Table) error {
	definition, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("remember %v: %w", t.Object, err)
	}
	_, err = s.exec(ctx, updateTable, d.pipeline, t.Object.String(), definition, t.Name)
	return err
}
