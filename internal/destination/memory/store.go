// Package memory is a destination in memory: the plainest statement of what
// every destination must do, and the model that the others are compared with.
//
// It keeps values as PostgreSQL prints them. A Store outlives the destinations
// opened on it, as a file outlives processes.
package memory

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Store is what is durable.
type Store struct {
	mu    sync.Mutex
	state state
}

// state is replaced as a whole by each transaction.
type state struct {
	owners      int64 // the number of the last owner of any pipeline
	checkpoints map[string]destination.Checkpoint
	tables      map[string]*Table // by name
	chunks      map[chunkID]bool
}

// table finds a table that must be there.
func (s *state) table(definition *schema.Table) (*Table, error) {
	if t := s.tables[definition.Name]; t != nil {
		return t, nil
	}
	return nil, destination.TableChanged.New("table %q is gone", definition.Name).On(definition.Object.String())
}

type chunkID struct {
	pipeline, object string
	generation       int64
	number           int
}

// Table is a table's rows, in the order in which they were written.
type Table struct {
	Definition *schema.Table
	Pipeline   string
	Rows       []Row
	// Overflow are the values that columns could not hold.
	Overflow map[destination.OverflowValue]bool

	// present are the columns that rows have: of the definition, those that were
	// there from the beginning and those added since.
	present map[string]bool
	// archive says that rows which the source has lost may stand unmarked, ownRows
	// that the table has rows which the source has not, and is not written to any
	// more.
	archive, ownRows bool
}

// Row has the text of each column of the definition; nil is null.
type Row []*string

// Table returns a table by name, or nil.
func (s *Store) Table(name string) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.tables[name]
}

// Settings of a destination in memory.
type Settings struct {
	Label string `yaml:"label" doc:"A name for it."`
}

// Kind is the store as a kind of destination.
func (s *Store) Kind() destination.Kind {
	return destination.Kind{
		Name:     "memory",
		Settings: func() any { return &Settings{} },
		Open: func(_ context.Context, o destination.Options) (destination.Destination, error) {
			now := o.Now
			if now == nil {
				now = time.Now
			}
			log := o.Log
			if log == nil {
				log = slog.New(slog.DiscardHandler)
			}
			return &database{store: s, pipeline: o.Pipeline, log: log, now: now}, nil
		},
		Identify: func(any) string { return "memory" },
		TypeName: func(t *pgvalue.Type) string { return t.Name },
	}
}

type database struct {
	store    *Store
	pipeline string
	owner    int64
	log      *slog.Logger
	now      func() time.Time
}

var _ destination.Destination = (*database)(nil)

func (d *database) Check(context.Context) error { return nil }
func (d *database) Close() error                { return nil }

func (d *database) Tables(_ context.Context, names []string) (infos []destination.TableInfo, err error) {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	for _, name := range names {
		t := d.store.state.tables[name]
		if t == nil {
			continue
		}
		info := destination.TableInfo{Name: name, Origin: destination.OriginOf(t.Pipeline, t.Definition)}
		for _, c := range t.Definition.Columns {
			info.Columns = append(info.Columns, destination.ColumnInfo{Name: c.Name, Type: c.Type.Name})
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// transact runs work on a copy of the state and puts it in place if it succeeds.
func (d *database) transact(work func(*state) error) error {
	d.store.mu.Lock()
	defer d.store.mu.Unlock()
	next := state{
		owners:      d.store.state.owners,
		checkpoints: maps.Clone(d.store.state.checkpoints),
		tables:      map[string]*Table{},
		chunks:      maps.Clone(d.store.state.chunks),
	}
	if next.checkpoints == nil {
		next.checkpoints, next.chunks = map[string]destination.Checkpoint{}, map[chunkID]bool{}
	}
	for name, t := range d.store.state.tables {
		next.tables[name] = &Table{
			Definition: t.Definition, Pipeline: t.Pipeline,
			Rows: slices.Clone(t.Rows), Overflow: maps.Clone(t.Overflow), present: maps.Clone(t.present),
			archive: t.archive, ownRows: t.ownRows,
		}
	}
	if err := work(&next); err != nil {
		return err
	}
	d.store.state = next
	return nil
}

// owned is transact for the owner of the pipeline.
func (d *database) owned(work func(*state, *destination.Checkpoint) error) error {
	return d.transact(func(s *state) error {
		c, ok := s.checkpoints[d.pipeline]
		if err := destination.Fence(d.pipeline, d.owner, ok, c.Owner); err != nil {
			return err
		}
		c.Tables = slices.Clone(c.Tables)
		if err := work(s, &c); err != nil {
			return err
		}
		if c.Owner == 0 {
			delete(s.checkpoints, d.pipeline) // forgotten
		} else {
			s.checkpoints[d.pipeline] = c
		}
		return nil
	})
}

func (d *database) Claim(context.Context) (c destination.Checkpoint, err error) {
	err = d.transact(func(s *state) error {
		s.owners++
		c = s.checkpoints[d.pipeline]
		c.Owner = s.owners
		s.checkpoints[d.pipeline] = c
		return nil
	})
	d.owner = c.Owner
	c.Tables = slices.Clone(c.Tables)
	return c, err
}

func (d *database) Load(_ context.Context, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	return d.owned(func(s *state, _ *destination.Checkpoint) error {
		id := chunkID{d.pipeline, c.Table.Object.String(), c.Generation, c.Number}
		if s.chunks[id] {
			return nil
		}
		t, err := s.table(c.Table)
		if err != nil {
			return err
		}
		for r, err := range rows {
			if err != nil {
				return err
			}
			if r.Record == nil {
				continue
			}
			if err := t.insert(r.Record, d.instant()); err != nil {
				return err
			}
			if err := t.spill(r.Record, r.Overflow); err != nil {
				return err
			}
			r.Record.Release()
		}
		s.chunks[id] = true
		return nil
	})
}
