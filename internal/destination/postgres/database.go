// Package postgres loads into a PostgreSQL database.
//
// Rows go by COPY, in binary form where their types have one: straight into the
// table where nothing can stand under their keys, else by way of a temporary
// table and one statement that inserts or updates. A batch and its position are
// one transaction, whose commit is on the server's disk before it is reported.
//
// https://www.postgresql.org/docs/current/sql-copy.html
package postgres

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Kind is PostgreSQL as a destination.
func Kind() destination.Kind {
	return destination.Kind{
		Name:     "postgresql",
		Settings: func() any { return new(Settings) },
		Open:     open,
		Identify: identify,
		TypeName: func(t *pgvalue.Type) string { return newest.typeName(t, false) },
	}
}

// database is the destination of one pipeline.
type database struct {
	pool     *pool
	settings *Settings
	pipeline string
	owner    int64
	patience time.Duration
	now      func() time.Time
	log      *slog.Logger
	known    known
}

// known is what was found out and stays true as long as this process alone
// writes the tables. What is absent is not known yet.
type known struct {
	mu        sync.Mutex
	abilities *abilities
	// standing says of tables, by name, that rows may stand under the keys of
	// inserts; spilled that they have values in the side table.
	standing, spilled map[string]bool
	// archived says that the table is noted as one which keeps what the source has
	// lost.
	archived map[string]bool
	layouts  map[*schema.Table]*layout
}

// forget makes everything be found out anew: after a transaction that failed,
// and may have found out what did not come to be.
func (d *database) forget() {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	d.known.standing, d.known.spilled = map[string]bool{}, map[string]bool{}
	d.known.archived = map[string]bool{}
	d.known.layouts = map[*schema.Table]*layout{}
}

// forgetTable is forget for one table, whose shape or rows are others now.
func (d *database) forgetTable(name string) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	delete(d.known.standing, name)
	delete(d.known.spilled, name)
	delete(d.known.archived, name)
	for t := range d.known.layouts {
		if t.Name == name {
			delete(d.known.layouts, t)
		}
	}
}

var (
	_ destination.Destination = (*database)(nil)
	_ destination.Querier     = (*database)(nil)
)

func open(_ context.Context, o destination.Options) (destination.Destination, error) {
	settings := o.Settings.(*Settings)
	connector, err := newConnector(settings, "trunkline "+o.Pipeline)
	if err != nil {
		return nil, err
	}
	d := &database{
		pool: &pool{connector: connector}, settings: settings, pipeline: o.Pipeline,
		patience: claimPatience, now: o.Now, log: o.Log,
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.forget()
	return d, nil
}

// Close closes the connections.
func (d *database) Close() error {
	d.pool.close()
	return nil
}

// instant is the time of loading.
func (d *database) instant() pg.Micros { return pg.MicrosOf(d.now()) }

// use runs work on a connection.
func (d *database) use(ctx context.Context, work func(*session) error) error {
	s, err := d.pool.get(ctx)
	if err != nil {
		return err
	}
	defer d.pool.put(s)
	return work(s)
}

// transact runs work in a transaction. When the context ends, that is the error,
// whatever the driver makes of it.
func (d *database) transact(ctx context.Context, work func(*session) error) error {
	err := d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error { return work(s) })
	})
	if err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

// able finds out once what the server's types can do.
func (d *database) able(ctx context.Context) (*abilities, error) {
	d.known.mu.Lock()
	a := d.known.abilities
	d.known.mu.Unlock()
	if a != nil {
		return a, nil
	}
	var found abilities
	// On a connection of its own: a statement that fails would end a transaction.
	err := d.use(ctx, func(s *session) (err error) {
		found, err = s.abilities(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	d.known.abilities = &found
	return &found, nil
}

// statements are those for a table.
func (d *database) statements(ctx context.Context, t *schema.Table) (statements, error) {
	a, err := d.able(ctx)
	if err != nil {
		return statements{}, err
	}
	return statements{schema: d.settings.Schema, table: t, types: a.typeName}, nil
}
