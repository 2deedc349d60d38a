package postgres

import (
	"context"
	"iter"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
)

// Load copies a chunk straight into its table, one COPY for each record, while
// the next one is being read.
func (d *database) Load(ctx context.Context, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	return d.transact(ctx, func(s *session) error { return d.load(ctx, s, c, rows) })
}

func (d *database) load(ctx context.Context, s *session, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	if _, err := d.fence(ctx, s, beside); err != nil {
		return err
	}
	object := c.Table.Object.String()
	done, err := s.exists(ctx, selectChunk, d.pipeline, object, c.Generation, c.Number)
	if err != nil || done {
		return err
	}
	l, err := d.layout(ctx, s, c.Table)
	if err != nil {
		return err
	}
	ahead := readAhead(rows)
	defer ahead.stop()
	for r := range ahead.rows {
		if r.err != nil {
			return r.err
		}
		if err := d.loadRows(ctx, s, l, r.rows); err != nil {
			return about(c.Table, err)
		}
	}
	_, err = s.exec(ctx, insertChunk, d.pipeline, object, c.Generation, c.Number, instant(d.instant()))
	return err
}

func (d *database) loadRows(ctx context.Context, s *session, l *layout, rows *batch.Rows) error {
	if rows.Record == nil {
		return nil
	}
	defer rows.Record.Release()
	texts, side := l.instead(rows.Record, rows.Overflow)
	out := &outRows{columns: l.outColumns(rows.Record, d.instant()), rows: int(rows.Record.NumRows()), instead: texts}
	if err := s.copyIn(ctx, l.target(), l.names(), out); err != nil {
		return err
	}
	values, err := destination.Beside(&batch.Changes{Table: l.table, Rows: rows.Record}, side)
	if err != nil {
		return err
	}
	return d.insertOverflow(ctx, s, l.table, values)
}

// ahead are the rows of a chunk, read by a goroutine of their own.
type ahead struct {
	rows   chan taken
	enough chan struct{}
}

type taken struct {
	rows *batch.Rows
	err  error
}

func readAhead(rows iter.Seq2[*batch.Rows, error]) *ahead {
	a := &ahead{rows: make(chan taken, 1), enough: make(chan struct{})}
	go func() {
		defer close(a.rows)
		for r, err := range rows {
			select {
			case a.rows <- taken{r, err}:
			case <-a.enough:
				return
			}
		}
	}()
	return a
}

// stop waits for the goroutine.
func (a *ahead) stop() {
	close(a.enough)
	for range a.rows {
	}
}
