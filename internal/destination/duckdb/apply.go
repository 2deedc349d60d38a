package duckdb

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

const updateCheckpoint = `UPDATE __trunkline.checkpoints
SET commit_lsn = ?, end_lsn = ?, committed_at = ?, updated_at = make_timestamptz(?) WHERE pipeline = ?`

// Apply writes a batch and its end position in one transaction.
func (d *database) Apply(ctx context.Context, b *batch.Batch) error {
	if err := d.file.tables.share(ctx); err != nil {
		return err
	}
	defer d.file.tables.leave()
	if err := d.file.stream.own(ctx); err != nil {
		return err
	}
	defer d.file.stream.leave()
	err := d.transact(ctx, func(s *session) error { return d.apply(ctx, s, b) })
	if err != nil {
		d.forget()
	}
	return err
}

func (d *database) apply(ctx context.Context, s *session, b *batch.Batch) error {
	stored, err := d.fence(ctx, s)
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
		// Views alias the part, which is about to be used again.
		s.releaseViews()
	}
	to, committed := b.End()
	err = s.exec(ctx, updateCheckpoint, uint64(to.Commit), uint64(to.End), int64(committed), d.instant(), d.pipeline)
	return err
}

// change applies the changes of one table, in the order that batch.Changes says.
func (d *database) change(ctx context.Context, s *session, c *batch.Changes) error {
	w := &work{d: d, s: s, c: c, st: d.statements(c.Table), loaded: d.instant()}
	steps := []func(context.Context) error{w.archive, w.truncate, w.fill, w.spill, w.deletes, w.inserts, w.removals}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return changed(c.Table, err)
		}
	}
	return nil
}

// work is the changes of one table on their way.
type work struct {
	d      *database
	s      *session
	c      *batch.Changes
	st     statements
	loaded int64
}

func (w *work) exec(ctx context.Context, sql string, args ...any) error {
	err := w.s.exec(ctx, sql, args...)
	return err
}

func (w *work) truncate(ctx context.Context) error {
	t := w.c.Truncate
	if t == nil {
		return nil
	}
	if w.c.Table.OnTruncate == schema.Mark {
		w.d.known.standing[w.c.Table.Name] = true
		return w.exec(ctx, w.st.markAll(), int64(t.Received), int64(t.Committed), w.loaded)
	}
	if err := w.exec(ctx, w.st.deleteAll()); err != nil {
		return err
	}
	return w.exec(ctx, forgetAllOverflow, w.d.settings.Schema, w.c.Table.Name)
}

// deletes removes the rows that go and those that come again.
func (w *work) deletes(ctx context.Context) error {
	t := w.c.Table
	if w.c.Rows != nil && t.Mode == schema.Merge && t.Identity == schema.ByKey {
		if err := w.deleteRows(ctx); err != nil {
			return err
		}
	}
	if w.c.Marks > 0 {
		w.d.known.standing[t.Name] = true
	}
	if w.c.Partial != nil {
		if err := w.exec(ctx, w.st.deleteKeys(filledRows)); err != nil {
			return err
		}
	}
	if w.c.Deletes == nil {
		return nil
	}
	if err := w.s.stage(stagedDeletes, w.c.Deletes, func(i int) string { return staged(t.Key[i]) }); err != nil {
		return err
	}
	return w.exec(ctx, w.st.deleteKeys(stagedDeletes))
}

// deleteRows removes the rows that stand under the keys of new ones.
func (w *work) deleteRows(ctx context.Context) error {
	standing, err := w.anyStanding(ctx)
	if err != nil {
		return err
	}
	keys := w.keyRecord(!standing)
	if keys == nil {
		return nil
	}
	defer keys.Release()
	if err := w.s.stage(stagedKeys, keys, func(i int) string { return keys.Schema().Field(i).Name }); err != nil {
		return err
	}
	source := stagedKeys
	if !standing {
		source = "(SELECT * FROM " + stagedKeys + " WHERE NOT fresh)"
	}
	return w.exec(ctx, w.st.deleteKeys(source))
}

// anyStanding reports whether rows may stand under keys that the batch calls
// fresh: marked ones, and those that an archive keeps.
func (w *work) anyStanding(ctx context.Context) (bool, error) {
	name := w.c.Table.Name
	standing, ok := w.d.known.standing[name]
	if !ok {
		n, err := w.s.count(ctx, w.st.anyStanding(), w.d.pipeline, w.c.Table.Object.String())
		if err != nil {
			return false, err
		}
		standing = n > 0
		w.d.known.standing[name] = standing
	}
	return standing, nil
}

// archive notes that rows which the source has lost are kept as they are. They
// may still be there once the file asks for another treatment.
func (w *work) archive(ctx context.Context) error {
	t := w.c.Table
	if t.OnDelete != schema.Ignore && t.OnTruncate != schema.Ignore || w.d.known.archived[t.Name] {
		return nil
	}
	w.d.known.standing[t.Name], w.d.known.archived[t.Name] = true, true
	return w.exec(ctx, `UPDATE __trunkline.tables SET archive = true WHERE pipeline = ? AND object = ? AND NOT archive`,
		w.d.pipeline, t.Object.String())
}

// keyRecord is the key columns of the rows, with the bits that say which are
// fresh; nil if all are and fresh ones do not count.
func (w *work) keyRecord(skipFresh bool) arrow.RecordBatch {
	rows := w.c.Rows
	n := int(rows.NumRows())
	if skipFresh && w.c.Fresh.All(n) {
		return nil
	}
	var fields []arrow.Field
	var columns []arrow.Array
	for at, i := range w.c.Table.Staged() {
		if w.c.Table.IsKey(i) {
			f := rows.Schema().Field(at)
			f.Name = staged(i)
			fields = append(fields, f)
			columns = append(columns, rows.Column(at))
		}
	}
	fresh := bitColumn(w.c.Fresh, n)
	defer fresh.Release()
	fields = append(fields, arrow.Field{Name: "fresh", Type: arrow.FixedWidthTypes.Boolean})
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), append(columns, fresh), int64(n))
}

func (w *work) inserts(ctx context.Context) error {
	if w.c.Rows != nil {
		columns := w.c.Table.Staged()
		if err := w.s.stage(stagedRows, w.c.Rows, func(i int) string { return staged(columns[i]) }); err != nil {
			return err
		}
		if err := w.exec(ctx, w.st.insert(stagedRows), w.loaded); err != nil {
			return err
		}
	}
	if w.c.Partial == nil {
		return nil
	}
	if err := w.exec(ctx, w.st.insert(filled), w.loaded); err != nil {
		return err
	}
	return w.exec(ctx, "DROP TABLE "+filledRows)
}
