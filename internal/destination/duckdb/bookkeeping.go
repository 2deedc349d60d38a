package duckdb

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// ownTables are what Trunkline remembers beside the data. Positions are numbers,
// so that they compare; the view freshness prints them.
var ownTables = []string{
	`CREATE SCHEMA IF NOT EXISTS __trunkline`,
	// Numbers of owners never come again, not even those of a pipeline that was
	// forgotten: who was fenced off stays fenced off.
	`CREATE SEQUENCE IF NOT EXISTS __trunkline.owners`,
	`CREATE TABLE IF NOT EXISTS __trunkline.checkpoints (
  pipeline VARCHAR NOT NULL,
  owner BIGINT NOT NULL,
  slot VARCHAR,
  consistent_point UBIGINT NOT NULL DEFAULT 0,
  system_identifier VARCHAR,
  timeline INTEGER NOT NULL DEFAULT 0,
  commit_lsn UBIGINT NOT NULL DEFAULT 0,
  end_lsn UBIGINT NOT NULL DEFAULT 0,
  committed_at BIGINT NOT NULL DEFAULT 0,
  updated_at TIMESTAMPTZ
)`,
	`CREATE TABLE IF NOT EXISTS __trunkline.tables (
  pipeline VARCHAR NOT NULL,
  object VARCHAR NOT NULL,
  table_name VARCHAR NOT NULL,
  oid UBIGINT NOT NULL,
  generation BIGINT NOT NULL,
  start_lsn UBIGINT NOT NULL,
  copied BOOLEAN NOT NULL,
  archive BOOLEAN NOT NULL,
  definition VARCHAR NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS __trunkline.chunks (
  pipeline VARCHAR NOT NULL,
  object VARCHAR NOT NULL,
  generation BIGINT NOT NULL,
  number BIGINT NOT NULL,
  loaded_at TIMESTAMPTZ
)`,
	`CREATE TABLE IF NOT EXISTS __trunkline.overflow (
  schema_name VARCHAR NOT NULL,
  table_name VARCHAR NOT NULL,
  key VARCHAR NOT NULL,
  column_name VARCHAR NOT NULL,
  value VARCHAR NOT NULL
)`,
	`CREATE VIEW IF NOT EXISTS __trunkline.freshness AS
SELECT pipeline,
  printf('%X/%X', end_lsn >> 32, end_lsn & 4294967295) AS position,
  CASE WHEN committed_at > 0 THEN make_timestamptz(committed_at) END AS complete_up_to,
  updated_at
FROM __trunkline.checkpoints`,
}

const selectCheckpoint = `SELECT owner, slot, consistent_point, system_identifier, timeline, commit_lsn, end_lsn, committed_at
FROM __trunkline.checkpoints WHERE pipeline = ?`

func (d *database) readCheckpoint(ctx context.Context, s *session) (c destination.Checkpoint, found bool, err error) {
	err = s.query(ctx, selectCheckpoint, func(v []driver.Value) error {
		found = true
		c.Owner = v[0].(int64)
		c.Slot, _ = v[1].(string)
		c.ConsistentPoint = pg.LSN(v[2].(uint64))
		c.SystemIdentifier, _ = v[3].(string)
		c.Timeline = v[4].(int32)
		c.Position = batch.Position{Commit: pg.LSN(v[5].(uint64)), End: pg.LSN(v[6].(uint64))}
		c.Committed = pg.Micros(v[7].(int64))
		return nil
	}, d.pipeline)
	return c, found, err
}

const selectTables = `SELECT oid, generation, start_lsn, copied, definition
FROM __trunkline.tables WHERE pipeline = ? ORDER BY object`

func (d *database) readTables(ctx context.Context, s *session) (states []destination.TableState, err error) {
	err = s.query(ctx, selectTables, func(v []driver.Value) error {
		state := destination.TableState{
			OID: uint32(v[0].(uint64)), Generation: v[1].(int64), Start: pg.LSN(v[2].(uint64)), Copied: v[3].(bool),
			Table: &schema.Table{},
		}
		states = append(states, state)
		return json.Unmarshal([]byte(v[4].(string)), state.Table)
	}, d.pipeline)
	return states, err
}

// takeOver makes this process the owner.
func (d *database) takeOver(ctx context.Context, s *session) (c destination.Checkpoint, err error) {
	c, found, err := d.readCheckpoint(ctx, s)
	if err != nil {
		return c, err
	}
	if c.Owner, err = s.count(ctx, `SELECT nextval('__trunkline.owners')`); err != nil {
		return c, err
	}
	claim := `UPDATE __trunkline.checkpoints SET owner = ? WHERE pipeline = ?`
	if !found {
		claim = `INSERT INTO __trunkline.checkpoints (owner, pipeline) VALUES (?, ?)`
	}
	if err := s.exec(ctx, claim, c.Owner, d.pipeline); err != nil {
		return c, err
	}
	c.Tables, err = d.readTables(ctx, s)
	return c, err
}

// fence fails unless this process owns the pipeline. It reads the row that
// every owner changes when it takes over, so that of two transactions one
// cannot commit.
func (d *database) fence(ctx context.Context, s *session) (destination.Checkpoint, error) {
	c, found, err := d.readCheckpoint(ctx, s)
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
	err = s.exec(ctx, `UPDATE __trunkline.tables SET definition = ?, table_name = ? WHERE pipeline = ? AND object = ?`,
		string(definition), t.Name, d.pipeline, t.Object.String())
	return err
}
