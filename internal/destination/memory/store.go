// Package memory is a destination in memory: the plainest statement of what
// every destination must do, and the model that the others are compared with.
//
// It keeps values as PostgreSQL prints them. A Store outlives the destinations
// opened on it, as a file outlives processes.
package memory

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
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
	checkpoints map[string]destination.Checkpoint
	tables      map[string]*Table // by name
	chunks      map[chunkID]bool
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
	// Overflow holds values that columns could not, by key and column.
	Overflow map[[2]string]string
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
			return &database{store: s, pipeline: o.Pipeline, now: now}, nil
		},
		Identify: func(any) string { return "memory" },
		TypeName: func(t *pgvalue.Type) string { return t.Name },
	}
}

type database struct {
	store    *Store
	pipeline string
	owner    int64
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
		info := destination.TableInfo{Name: name, Origin: destination.Origin{Pipeline: t.Pipeline, Object: t.Definition.Object.String()}}
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
			Rows: slices.Clone(t.Rows), Overflow: maps.Clone(t.Overflow),
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
		c := s.checkpoints[d.pipeline]
		if c.Owner != d.owner {
			return destination.Fenced.New("owner %d was followed by owner %d", d.owner, c.Owner)
		}
		c.Tables = slices.Clone(c.Tables)
		if err := work(s, &c); err != nil {
			return err
		}
		s.checkpoints[d.pipeline] = c
		return nil
	})
}

func (d *database) Claim(context.Context) (c destination.Checkpoint, err error) {
	err = d.transact(func(s *state) error {
		c = s.checkpoints[d.pipeline]
		c.Owner++
		s.checkpoints[d.pipeline] = c
		return nil
	})
	d.owner = c.Owner
	c.Tables = slices.Clone(c.Tables)
	return c, err
}

func (d *database) Migrate(_ context.Context, plan schema.Plan) error {
	return d.owned(func(s *state, c *destination.Checkpoint) error {
		for _, step := range plan {
			if err := d.step(s, c, step); err != nil {
				return fmt.Errorf("%v: %w", step, err)
			}
		}
		return nil
	})
}

func (d *database) step(s *state, c *destination.Checkpoint, step schema.Step) error {
	find := func(object pg.Name) *destination.TableState {
		i := slices.IndexFunc(c.Tables, func(t destination.TableState) bool { return t.Table.Object == object })
		if i < 0 {
			return nil
		}
		return &c.Tables[i]
	}
	switch p := step.(type) {
	case schema.BeginCopy:
		s.tables[p.Table.Name] = &Table{Definition: p.Table, Pipeline: d.pipeline, Overflow: map[[2]string]string{}}
		c.Tables = slices.DeleteFunc(c.Tables, func(t destination.TableState) bool { return t.Table.Object == p.Table.Object })
		c.Tables = append(c.Tables, destination.TableState{Table: p.Table, OID: p.OID, Generation: p.Generation, Start: p.Start})
	case schema.EndCopy:
		if t := find(p.Table.Object); t != nil && t.Generation == p.Generation {
			t.Copied = true
		}
	case schema.AddColumn:
		s.tables[p.Table.Name].addColumn(p.Table, p.Table.FindName(p.Name))
		find(p.Table.Object).Table = p.Table
	case schema.RenameColumn:
		s.tables[p.Table.Name].Definition = p.Table
		find(p.Table.Object).Table = p.Table
	case schema.Describe:
		s.tables[p.Table.Name].Definition = p.Table
		find(p.Table.Object).Table = p.Table
	case schema.Leave:
		c.Tables = slices.DeleteFunc(c.Tables, func(t destination.TableState) bool { return t.Table.Object == p.Table.Object })
	case schema.IntendSlot:
		*c = destination.Checkpoint{Owner: c.Owner, Slot: p.Slot, Tables: c.Tables}
	case schema.RecordSlot:
		c.Slot, c.ConsistentPoint, c.SystemIdentifier, c.Timeline = p.Slot, p.ConsistentPoint, p.SystemIdentifier, p.Timeline
		c.Position = batch.Position{Commit: p.ConsistentPoint, End: p.ConsistentPoint}
	case schema.Forget:
		*c = destination.Checkpoint{Owner: c.Owner}
	default:
		return fmt.Errorf("a step of type %T is not known", step)
	}
	return nil
}

// addColumn gives existing rows the new column, unless it is there.
func (t *Table) addColumn(definition *schema.Table, column int) {
	if len(t.Definition.Columns) == len(definition.Columns) {
		t.Definition = definition
		return
	}
	for i, row := range t.Rows {
		t.Rows[i] = slices.Insert(slices.Clone(row), column, definition.Columns[column].Missing)
	}
	t.Definition = definition
}

func (d *database) Load(_ context.Context, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	return d.owned(func(s *state, _ *destination.Checkpoint) error {
		id := chunkID{d.pipeline, c.Table.Object.String(), c.Generation, c.Number}
		if s.chunks[id] {
			return nil
		}
		t := s.tables[c.Table.Name]
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

func (d *database) instant() string {
	return d.now().UTC().Format("2006-01-02 15:04:05.999999-07")
}

// insert adds staged rows.
func (t *Table) insert(record arrow.RecordBatch, loaded string) error {
	for row := range int(record.NumRows()) {
		r, err := t.read(record, row, loaded)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, r)
	}
	return nil
}

// read prints a staged row.
func (t *Table) read(record arrow.RecordBatch, row int, loaded string) (Row, error) {
	out := make(Row, len(t.Definition.Columns))
	for at, i := range t.Definition.Staged() {
		if record.Column(at).IsNull(row) {
			continue
		}
		text, err := pgvalue.Print(nil, &t.Definition.Columns[i].Type, record.Column(at), row)
		if err != nil {
			return nil, err
		}
		s := string(text)
		out[i] = &s
	}
	if i := t.Definition.Find(schema.LoadedAt); i >= 0 {
		out[i] = &loaded
	}
	return out, nil
}

func (t *Table) spill(record arrow.RecordBatch, overflow []batch.Overflow) error {
	for _, o := range overflow {
		key, err := destination.KeyText(t.Definition, record, o.Row, true)
		if err != nil {
			return err
		}
		t.Overflow[[2]string{key, t.Definition.Columns[o.Column].Name}] = o.Text
	}
	return nil
}
