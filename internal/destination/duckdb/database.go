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
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// Kind is DuckDB as a destination.
func Kind() destination.Kind { return files.kind() }

// kind is DuckDB as a destination whose files are in r.
func (r *registry) kind() destination.Kind {
	return destination.Kind{
		Name:     "duckdb",
		Settings: func() any { return new(Settings) },
		Open:     r.open,
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
	leave    func() error
	settings *Settings
	pipeline string
	owner    int64
	patience patience
	log      *slog.Logger
	now      func() time.Time
	known    known
	// kept are the tables that the transaction under way gives other names.
	kept []destination.Kept
}

// known is what was found out about tables, by name, and stays true as long as
// this process alone writes them. What is absent is not known yet.
type known struct {
	// standing says that rows may stand under the keys of inserts, spilled that
	// there are values in the side table.
	standing, spilled map[string]bool
	// archived says that the table is noted as one which keeps what the source has
	// lost.
	archived map[string]bool
}

// forget makes everything be found out anew: after a transaction that failed,
// and may have found out what did not come to be.
func (d *database) forget() {
	d.known = known{standing: map[string]bool{}, spilled: map[string]bool{}, archived: map[string]bool{}}
}

var (
	_ destination.Destination = (*database)(nil)
	_ destination.Querier     = (*database)(nil)
)

func (r *registry) open(_ context.Context, o destination.Options) (destination.Destination, error) {
	settings := o.Settings.(*Settings)
	path, err := resolve(settings.Path)
	if err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	f := r.take(path)
	d := &database{
		file: f, leave: sync.OnceValue(func() error { return r.leave(f) }),
		settings: settings, pipeline: o.Pipeline, log: log, now: now,
		patience: patience{forever: o.Patient, limit: settings.LockTimeout, log: log},
	}
	d.forget()
	return d, nil
}

// Close gives the file back.
func (d *database) Close() error { return d.leave() }

// instant is the time of loading, in microseconds since 1970.
func (d *database) instant() int64 { return int64(pg.MicrosOf(d.now())) }

func (d *database) statements(t *schema.Table) statements {
	return statements{schema: d.settings.Schema, table: t}
}

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
	if err := d.file.tables.own(ctx); err != nil {
		return err
	}
	defer d.file.tables.leave()
	return d.transact(ctx, work)
}

// alongside runs work in a transaction beside others that leave the tables as
// they are.
func (d *database) alongside(ctx context.Context, work func(*session) error) error {
	if err := d.file.tables.share(ctx); err != nil {
		return err
	}
	defer d.file.tables.leave()
	return d.transact(ctx, work)
}

func (d *database) transact(ctx context.Context, work func(*session) error) error {
	return d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error { return work(s) })
	})
}

// exists reports whether there is a file. Only what writes makes one.
func (d *database) exists() bool {
	_, err := os.Stat(d.file.path)
	return !errors.Is(err, os.ErrNotExist)
}

// errUndo ends a transaction that shall not leave anything.
var errUndo = errors.New("nothing is to be kept")

// Check opens the file, makes a table in it and takes all back. A file that
// does not exist is not made: a neighbour is, and removed.
func (d *database) Check(ctx context.Context) error {
	if !d.exists() {
		return d.checkFolder()
	}
	err := d.exclusively(ctx, func(s *session) error {
		name := quote(d.settings.Schema) + ".__trunkline_check"
		for _, sql := range []string{
			"CREATE SCHEMA IF NOT EXISTS " + quote(d.settings.Schema),
			fmt.Sprintf("CREATE TABLE %s (c INTEGER)", name),
			fmt.Sprintf("INSERT INTO %s VALUES (1)", name),
			"DROP TABLE " + name,
		} {
			if err := s.exec(ctx, sql); err != nil {
				return err
			}
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
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
	d.forget() // another owner may have written since
	err = d.exclusively(ctx, func(s *session) error {
		for _, sql := range append(ownTables, "CREATE SCHEMA IF NOT EXISTS "+quote(d.settings.Schema)) {
			if err := s.exec(ctx, sql); err != nil {
				return err
			}
		}
		c, err = d.takeOver(ctx, s)
		return err
	})
	if err == nil {
		d.owner = c.Owner
	}
	return c, err
}
