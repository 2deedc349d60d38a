// Package duckdb loads into a DuckDB file.
//
// Staged rows go in as Arrow and are read by SQL; a batch is deletes and
// inserts, which in DuckDB cost less than updates, and its position, in one
// transaction. Tables have no index: a primary key costs more than the scans
// it saves. The file is held only while there is work, so that others can read
// it.
//
// https://duckdb.org/docs/stable/connect/concurrency
package duckdb

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"trunkline/internal/destination"
)

// Kind is DuckDB as a destination.
func Kind() destination.Kind {
	return destination.Kind{
		Name:     "duckdb",
		Settings: func() any { return new(Settings) },
		Open:     open,
		Identify: func(settings any) string {
			path, err := resolve(settings.(*Settings).Path)
			if err != nil {
				path = settings.(*Settings).Path
			}
			return "duckdb:" + path + ":" + settings.(*Settings).Schema
		},
		TypeName: typeName,
	}
}

// database is the file as the destination of one pipeline.
type database struct {
	file     *file
	settings *Settings
	pipeline string
	owner    int64
	patience patience
	log      *slog.Logger
	now      func() time.Time
	// marked and spilled are the tables known to have marked rows and values in
	// the side table; absent means not known yet.
	marked  map[string]bool
	spilled map[string]bool
}

var (
	_ destination.Destination = (*database)(nil)
	_ destination.Querier     = (*database)(nil)
)

func open(_ context.Context, o destination.Options) (destination.Destination, error) {
	settings := o.Settings.(*Settings)
	path, err := resolve(settings.Path)
	if err != nil {
		return nil, err
	}
	d := &database{
		file: files.take(path), settings: settings, pipeline: o.Pipeline, log: o.Log, now: o.Now,
		patience: patience{limit: settings.LockTimeout, log: o.Log},
		marked:   map[string]bool{}, spilled: map[string]bool{},
	}
	if o.Patient {
		d.patience.limit = 0
	}
	if d.now == nil {
		d.now = time.Now
	}
	return d, nil
}

// Close gives the file back.
func (d *database) Close() error { return files.leave(d.file) }

// use runs work on a session of the file.
func (d *database) use(ctx context.Context, work func(*session) error) error {
	s, err := d.file.open(ctx, d.settings, d.patience)
	if err != nil {
		return err
	}
	err = work(s)
	d.file.done(s, err)
	return err
}

// exclusively runs work in a transaction while no other of this process is
// under way.
func (d *database) exclusively(ctx context.Context, work func(*session) error) error {
	d.file.migration.Lock()
	defer d.file.migration.Unlock()
	return d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error { return work(s) })
	})
}

// alongside runs work in a transaction beside others that leave the tables as
// they are.
func (d *database) alongside(ctx context.Context, work func(*session) error) error {
	d.file.migration.RLock()
	defer d.file.migration.RUnlock()
	return d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error { return work(s) })
	})
}

// Check opens the file, makes a table in it and takes all back. A file that
// does not exist is not made: a neighbour is, and removed.
func (d *database) Check(ctx context.Context) error {
	if _, err := os.Stat(d.file.path); errors.Is(err, os.ErrNotExist) {
		return d.checkFolder()
	}
	undo := errors.New("checked")
	d.file.migration.Lock()
	defer d.file.migration.Unlock()
	err := d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error {
			for _, sql := range []string{
				"CREATE SCHEMA IF NOT EXISTS " + quote(d.settings.Schema),
				fmt.Sprintf("CREATE TABLE %s.__trunkline_check (c INTEGER)", quote(d.settings.Schema)),
				fmt.Sprintf("INSERT INTO %s.__trunkline_check VALUES (1)", quote(d.settings.Schema)),
				fmt.Sprintf("DROP TABLE %s.__trunkline_check", quote(d.settings.Schema)),
			} {
				if _, err := s.exec(ctx, sql); err != nil {
					return err
				}
			}
			return undo
		})
	})
	if errors.Is(err, undo) {
		return nil
	}
	return err
}

func (d *database) checkFolder() error {
	probe, err := os.CreateTemp(filepath.Dir(d.file.path), ".trunkline-check-*")
	if err != nil {
		return destination.NotWritable.New("no file can be made in %s", filepath.Dir(d.file.path)).
			On("destination.path").By(err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Claim takes the pipeline over.
func (d *database) Claim(ctx context.Context) (c destination.Checkpoint, err error) {
	err = d.exclusively(ctx, func(s *session) error {
		for _, sql := range append(ownTables, "CREATE SCHEMA IF NOT EXISTS "+quote(d.settings.Schema)) {
			if _, err := s.exec(ctx, sql); err != nil {
				return err
			}
		}
		var found bool
		if c, found, err = d.readCheckpoint(ctx, s); err != nil {
			return err
		}
		c.Owner++
		claim := `UPDATE __trunkline.checkpoints SET owner = ? WHERE pipeline = ?`
		if !found {
			claim = `INSERT INTO __trunkline.checkpoints (owner, pipeline) VALUES (?, ?)`
		}
		if _, err := s.exec(ctx, claim, c.Owner, d.pipeline); err != nil {
			return err
		}
		c.Tables, err = d.readTables(ctx, s)
		return err
	})
	if err == nil {
		d.owner = c.Owner
	}
	return c, err
}

const selectColumns = `SELECT t.comment, c.column_name, c.data_type
FROM duckdb_tables() t JOIN duckdb_columns() c USING (database_name, schema_name, table_name)
WHERE t.database_name = current_database() AND t.schema_name = ? AND t.table_name = ?
ORDER BY c.column_index`

// Tables describes those of the named tables that exist. A name that differs in
// case alone is the same to DuckDB.
func (d *database) Tables(ctx context.Context, names []string) (infos []destination.TableInfo, err error) {
	if _, err := os.Stat(d.file.path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	err = d.use(ctx, func(s *session) error {
		for _, name := range names {
			info := destination.TableInfo{Name: name}
			err := s.query(ctx, selectColumns, func(v []driver.Value) error {
				if comment, ok := v[0].(string); ok {
					_ = json.Unmarshal([]byte(comment), &info.Origin) // another's comment is not ours
				}
				info.Columns = append(info.Columns, destination.ColumnInfo{Name: v[1].(string), Type: v[2].(string)})
				return nil
			}, d.settings.Schema, name)
			if err != nil {
				return err
			}
			if len(info.Columns) > 0 {
				infos = append(infos, info)
			}
		}
		return nil
	})
	return infos, err
}
