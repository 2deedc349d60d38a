package postgres

import (
	"context"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
)

// merge writes rows by key. What is to be read of the table is read before
// anything is changed; rows under whose keys nothing stands go straight into it.
func (w *work) merge(ctx context.Context) error {
	standing, err := w.anyStanding(ctx)
	if err != nil {
		return err
	}
	if w.c.Marks > 0 {
		w.d.note(w.d.known.standing, w.c.Table.Name, true)
	}
	fresh := func(row int) bool { return !standing && w.c.Fresh.At(row) }
	count := 0 // of fresh rows
	if w.c.Rows != nil {
		for row := range int(w.c.Rows.NumRows()) {
			if fresh(row) {
				count++
			}
		}
	}
	others := w.c.Rows != nil && count < int(w.c.Rows.NumRows())
	var rows, partial string
	var missing gaps
	if w.c.Partial != nil {
		missing = gapsOf(w.c)
		if partial, err = w.stagePartial(ctx); err != nil {
			return err
		}
	}
	if others || partial != "" {
		if rows, err = w.s.stage(ctx, "rows", w.l, w.l.stageRows); err != nil {
			return err
		}
	}
	moved := int64(0)
	if partial != "" {
		if moved, err = w.s.exec(ctx, w.l.move(partial, rows, missing)); err != nil {
			return err
		}
	}
	if err := w.deletes(ctx, partial); err != nil {
		return err
	}
	if partial != "" {
		if err := w.s.run(ctx, w.l.complete(partial, missing)); err != nil {
			return err
		}
	}
	if others {
		out := w.rowsOut(func(row int) bool { return !fresh(row) })
		if err := w.s.copyIn(ctx, rows, w.l.stagedNames(), out); err != nil {
			return err
		}
	}
	if others || moved > 0 {
		if err := w.s.run(ctx, w.l.upsert(rows)); err != nil {
			return err
		}
	}
	if count == 0 {
		return nil
	}
	return w.s.copyIn(ctx, w.l.target(), w.l.names(), w.rowsOut(fresh))
}

// deletes removes the rows whose keys go.
func (w *work) deletes(ctx context.Context, partial string) error {
	if w.c.Deletes == nil {
		return nil
	}
	keys, err := w.s.stage(ctx, "keys", w.l, w.l.stageKeys)
	if err != nil {
		return err
	}
	out := &outRows{columns: w.l.keyColumns(w.c.Deletes), rows: int(w.c.Deletes.NumRows())}
	if err := w.s.copyIn(ctx, keys, mapped(w.c.Table.Key, staged), out); err != nil {
		return err
	}
	return w.s.run(ctx, w.l.deleteKeys(keys, partial))
}

// stagePartial stages the rows that lack values and makes sure that those can be
// found.
func (w *work) stagePartial(ctx context.Context) (name string, err error) {
	p, l := w.c.Partial, w.l
	if name, err = w.s.stage(ctx, "partial", l, l.stagePartial); err != nil {
		return "", err
	}
	out := &outRows{
		columns: append(l.outColumns(p.Rows, w.loaded), l.keyColumns(p.Base)...),
		rows:    int(p.Rows.NumRows()), instead: w.partial,
	}
	out.columns = append(out.columns,
		outColumn{kind: fromBits, bits: p.Deletes}, outColumn{kind: fromWords, words: p.Missing, width: p.Words})
	names := append(l.stagedNames(), mapped(w.c.Table.Key, base)...)
	if err := w.s.copyIn(ctx, name, append(names, columnDelete, columnMissing), out); err != nil {
		return "", err
	}
	absent, _, err := w.s.value(ctx, l.unfilled(name))
	if err == nil && absent != "0" {
		err = destination.BaseMissing.New("%s rows of table %q to update are not there", absent, w.c.Table.Name).
			On(w.c.Table.Object.String())
	}
	return name, err
}

// gapsOf says which data columns the partial rows lack.
func gapsOf(c *batch.Changes) gaps {
	p := c.Partial
	rows := int(p.Rows.NumRows())
	out := make(gaps, len(c.Table.Data()))
	for i := range out {
		missing := 0
		for row := range rows {
			if p.Missing[row*p.Words+i>>6]&(1<<(i&63)) != 0 {
				missing++
			}
		}
		switch missing {
		case 0:
		case rows:
			out[i] = every
		default:
			out[i] = some
		}
	}
	return out
}
