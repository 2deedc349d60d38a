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
	loose := w.l.isLoose()
	fresh := func(row int) bool { return !standing && !loose && w.c.Fresh.At(row) }
	freshRows, otherRows := w.count(fresh)
	st, err := w.stageAll(ctx, otherRows > 0, func(row int) bool { return !fresh(row) })
	if err == nil && loose && w.c.Marks > 0 {
		err = w.settle(ctx, st)
	}
	if err != nil {
		return err
	}
	moved := int64(0)
	if st.partial != "" {
		if moved, err = w.s.exec(ctx, w.l.move(st.partial, st.rows, st.missing)); err != nil {
			return err
		}
	}
	if err := w.deletes(ctx, st.partial); err != nil {
		return err
	}
	if st.partial != "" {
		if err := w.s.run(ctx, w.l.complete(st.partial, st.missing)); err != nil {
			return err
		}
	}
	if otherRows > 0 || moved > 0 {
		if err := w.s.run(ctx, w.l.upsert(st.rows)); err != nil {
			return err
		}
	}
	if freshRows == 0 {
		return nil
	}
	return w.s.copyIn(ctx, w.l.target(), w.l.names(), w.rowsOut(fresh))
}

// count counts the complete rows that are fresh, and the others.
func (w *work) count(fresh func(row int) bool) (freshRows, otherRows int) {
	if w.c.Rows == nil {
		return 0, 0
	}
	for row := range int(w.c.Rows.NumRows()) {
		if fresh(row) {
			freshRows++
		} else {
			otherRows++
		}
	}
	return freshRows, otherRows
}

// stagedChanges are the temporary tables of changes; empty where there are none.
type stagedChanges struct {
	rows, partial string
	missing       gaps
}

// stageAll stages the partial rows, and complete ones, of which only some count.
func (w *work) stageAll(ctx context.Context, others bool, only func(row int) bool) (st stagedChanges, err error) {
	if w.c.Partial != nil {
		st.missing = gapsOf(w.c)
		if st.partial, err = w.stagePartial(ctx); err != nil {
			return st, err
		}
	}
	if !others && st.partial == "" {
		return st, nil
	}
	if st.rows, err = w.s.stage(ctx, "rows", w.l, w.l.stageRows); err != nil || !others {
		return st, err
	}
	return st, w.s.copyIn(ctx, st.rows, w.l.stagedNames(), w.rowsOut(only))
}

// settle leaves one row of those whose keys are equal.
func (w *work) settle(ctx context.Context, st stagedChanges) error {
	if st.rows != "" {
		if err := w.s.run(ctx, w.l.settle(st.rows, st.partial, false)); err != nil {
			return err
		}
	}
	if st.partial == "" {
		return nil
	}
	return w.s.run(ctx, w.l.settle(st.partial, st.rows, true))
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
