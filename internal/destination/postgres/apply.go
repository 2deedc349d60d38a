package postgres

import (
	"context"
	"fmt"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// Apply writes a batch and its end position in one transaction.
func (d *database) Apply(ctx context.Context, b *batch.Batch) error {
	err := d.transact(ctx, func(s *session) error { return d.apply(ctx, s, b) })
	if err != nil {
		d.forget()
	}
	return err
}

func (d *database) apply(ctx context.Context, s *session, b *batch.Batch) error {
	stored, err := d.fence(ctx, s, moving)
	if err != nil {
		return err
	}
	if stored.Position.End != b.From.End {
		return destination.AfterGap(stored.Position, b)
	}
	for part, err := range b.Parts {
		if err != nil {
			return err
		}
		for _, c := range part.Changes {
			if err := d.change(ctx, s, c); err != nil {
				return fmt.Errorf("apply %v: %w", c.Table.Object, err)
			}
		}
	}
	to, committed := b.End()
	_, err = s.exec(ctx, updateCheckpoint, d.pipeline, to.Commit, to.End, int64(committed), instant(d.instant()))
	return err
}

// change applies the changes of one table, in the order that batch.Changes says.
func (d *database) change(ctx context.Context, s *session, c *batch.Changes) error {
	w := &work{d: d, s: s, c: c, loaded: d.instant()}
	for _, step := range []func(context.Context) error{w.open, w.archive, w.truncate, w.spill, w.write, w.removals} {
		if err := step(ctx); err != nil {
			return about(c.Table, err)
		}
	}
	return nil
}

// work is the changes of one table on their way.
type work struct {
	d      *database
	s      *session
	c      *batch.Changes
	l      *layout
	loaded pg.Micros
	// rows and partial are the values that go as text, side those that go beside
	// the table.
	rows, partial map[cell]*string
	side          []batch.Overflow
}

// open finds out how the table is written, and what becomes of the values that
// Arrow cannot hold.
func (w *work) open(ctx context.Context) (err error) {
	if w.l, err = w.d.layout(ctx, w.s, w.c.Table); err != nil {
		return err
	}
	if err := w.d.ensureKey(ctx, w.s, w.l); err != nil {
		return err
	}
	var ofRows, ofPartial []batch.Overflow
	for _, o := range w.c.Overflow {
		if o.Partial {
			ofPartial = append(ofPartial, o)
		} else {
			ofRows = append(ofRows, o)
		}
	}
	if w.c.Rows != nil {
		w.rows, w.side = w.l.instead(w.c.Rows, ofRows)
	}
	if w.c.Partial != nil {
		var side []batch.Overflow
		w.partial, side = w.l.instead(w.c.Partial.Rows, ofPartial)
		for _, o := range side {
			o.Partial = true
			w.side = append(w.side, o)
		}
	}
	return nil
}

func (d *database) note(what map[string]bool, table string, is bool) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	what[table] = is
}

func (d *database) noted(what map[string]bool, table string) (is, known bool) {
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	is, known = what[table]
	return is, known
}

// archive notes that rows which the source has lost are kept as they are. They
// may still be there once the file asks for another treatment.
func (w *work) archive(ctx context.Context) error {
	t := w.c.Table
	if t.OnDelete != schema.Ignore && t.OnTruncate != schema.Ignore {
		return nil
	}
	if archived, _ := w.d.noted(w.d.known.archived, t.Name); archived {
		return nil
	}
	w.d.note(w.d.known.archived, t.Name, true)
	w.d.note(w.d.known.standing, t.Name, true)
	_, err := w.s.exec(ctx, noteArchive, w.d.pipeline, t.Object.String())
	return err
}

func (w *work) truncate(ctx context.Context) error {
	t := w.c.Truncate
	if t == nil {
		return nil
	}
	name := w.c.Table.Name
	if w.c.Table.OnTruncate == schema.Mark {
		w.d.note(w.d.known.standing, name, true)
		_, err := w.s.exec(ctx, w.l.markAll(), instant(t.Received), instant(t.Committed), instant(w.loaded))
		return err
	}
	if err := w.s.run(ctx, w.l.deleteAll()); err != nil {
		return err
	}
	_, err := w.s.exec(ctx, forgetAllOverflow, w.d.settings.Schema, name)
	return err
}

// anyStanding reports whether rows may stand under keys that the batch calls
// fresh: marked ones, and those that an archive keeps.
func (w *work) anyStanding(ctx context.Context) (bool, error) {
	name := w.c.Table.Name
	if standing, ok := w.d.noted(w.d.known.standing, name); ok {
		return standing, nil
	}
	standing, err := w.s.exists(ctx, w.l.anyStanding(), w.d.pipeline, w.c.Table.Object.String())
	if err == nil {
		w.d.note(w.d.known.standing, name, standing)
	}
	return standing, err
}

// write writes rows: by key, where they have one, else one after the other.
func (w *work) write(ctx context.Context) error {
	if w.c.Table.Mode == schema.Merge && w.c.Table.Identity == schema.ByKey {
		return w.merge(ctx)
	}
	if w.c.Rows == nil {
		return nil
	}
	return w.s.copyIn(ctx, w.l.target(), w.l.names(), w.rowsOut(nil))
}

// rowsOut are the complete rows, or some of them.
func (w *work) rowsOut(only func(row int) bool) *outRows {
	return &outRows{
		columns: w.l.outColumns(w.c.Rows, w.loaded), rows: int(w.c.Rows.NumRows()), only: only, instead: w.rows,
	}
}
