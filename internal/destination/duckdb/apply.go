package duckdb

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

const updateCheckpoint = `UPDATE __trunkline.checkpoints
SET commit_lsn = ?, end_lsn = ?, committed_at = ?, updated_at = make_timestamptz(?) WHERE pipeline = ?`

// Apply writes a batch and its end position in one transaction.
func (d *database) Apply(ctx context.Context, b *batch.Batch) error {
	d.file.migration.RLock()
	defer d.file.migration.RUnlock()
	d.file.apply.Lock()
	defer d.file.apply.Unlock()
	return d.use(ctx, func(s *session) error {
		return s.transact(ctx, func() error { return d.apply(ctx, s, b) })
	})
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
	_, err = s.exec(ctx, updateCheckpoint, uint64(to.Commit), uint64(to.End), int64(committed), d.instant(), d.pipeline)
	return err
}

// change applies the changes of one table, in the order that batch.Changes says.
func (d *database) change(ctx context.Context, s *session, c *batch.Changes) error {
	w := &work{d: d, s: s, c: c, st: d.statements(c.Table), loaded: d.instant()}
	steps := []func(context.Context) error{w.truncate, w.fill, w.spill, w.deletes, w.inserts, w.removals}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
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
	_, err := w.s.exec(ctx, sql, args...)
	return err
}

func (w *work) truncate(ctx context.Context) error {
	t := w.c.Truncate
	if t == nil {
		return nil
	}
	if w.c.Table.OnTruncate == schema.Mark {
		w.d.marked[w.c.Table.Name] = true
		return w.exec(ctx, w.st.markAll(), int64(t.Received), int64(t.Committed), w.loaded)
	}
	if err := w.exec(ctx, w.st.deleteAll()); err != nil {
		return err
	}
	return w.exec(ctx, `DELETE FROM __trunkline.overflow WHERE table_name = ?`, w.c.Table.Name)
}

// fill makes the table of completed rows.
func (w *work) fill(ctx context.Context) error {
	p := w.c.Partial
	if p == nil {
		return nil
	}
	record := w.partialRecord(p)
	defer record.Release()
	if err := w.s.stage(stagedPartial, record, func(i int) string { return record.Schema().Field(i).Name }); err != nil {
		return err
	}
	if err := w.exec(ctx, w.st.fill()); err != nil {
		return err
	}
	absent, err := w.s.count(ctx, unfilled)
	if err != nil {
		return err
	}
	if absent > 0 {
		return destination.BaseMissing.New("%d rows of table %q to update are not there", absent, w.c.Table.Name).
			On(w.c.Table.Object.String())
	}
	return nil
}

// partialRecord puts rows, base keys and the words that say what is missing
// side by side.
func (w *work) partialRecord(p *batch.Partial) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	add := func(name string, f arrow.Field, a arrow.Array) {
		f.Name = name
		fields = append(fields, f)
		columns = append(columns, a)
	}
	for n, i := range w.c.Table.Staged() {
		add(staged(i), p.Rows.Schema().Field(n), p.Rows.Column(n))
	}
	for n, i := range w.c.Table.Key {
		add(base(i), p.Base.Schema().Field(n), p.Base.Column(n))
	}
	n := int(p.Rows.NumRows())
	made := []arrow.Array{bitColumn(p.Deletes, n)}
	add(columnDelete, arrow.Field{Type: arrow.FixedWidthTypes.Boolean}, made[0])
	for word := range p.Words {
		a := wordColumn(p.Missing, word, p.Words, n)
		made = append(made, a)
		add(missing(word), arrow.Field{Type: arrow.PrimitiveTypes.Uint64}, a)
	}
	record := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(n))
	for _, a := range made {
		a.Release()
	}
	return record
}

func bitColumn(bits batch.Bits, n int) arrow.Array {
	raw := make([]byte, (n+7)>>3)
	copy(raw, bits)
	data := array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.NewBooleanData(data)
}

func wordColumn(words []uint64, word, step, n int) arrow.Array {
	raw := make([]byte, 0, 8*n)
	for i := range n {
		raw = binary.LittleEndian.AppendUint64(raw, words[i*step+word])
	}
	data := array.NewData(arrow.PrimitiveTypes.Uint64, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.NewUint64Data(data)
}

// deletes removes the rows that go and those that come again.
func (w *work) deletes(ctx context.Context) error {
	t := w.c.Table
	if w.c.Rows != nil && t.Mode == schema.Merge && t.Identity == schema.ByKey {
		if err := w.deleteRows(ctx); err != nil {
			return err
		}
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

// deleteRows removes the rows that stand under the keys of new ones. A fresh key
// has at most a marked row.
func (w *work) deleteRows(ctx context.Context) error {
	anyMarked, err := w.anyMarked(ctx)
	if err != nil {
		return err
	}
	keys := w.keyRecord(!anyMarked)
	if keys == nil {
		return nil
	}
	defer keys.Release()
	if err := w.s.stage(stagedKeys, keys, func(i int) string { return keys.Schema().Field(i).Name }); err != nil {
		return err
	}
	source := stagedKeys
	if !anyMarked {
		source = "(SELECT * FROM " + stagedKeys + " WHERE NOT fresh)"
	}
	return w.exec(ctx, w.st.deleteKeys(source))
}

// anyMarked reports whether the table may have marked rows.
func (w *work) anyMarked(ctx context.Context) (bool, error) {
	name := w.c.Table.Name
	known, ok := w.d.marked[name]
	if !ok {
		n, err := w.s.count(ctx, w.st.anyMarked())
		if err != nil {
			return false, err
		}
		known = n > 0
	}
	w.d.marked[name] = known || w.c.Marks > 0
	return known, nil
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

// removals takes rows away from a multiset: the oldest of equal ones first, and
// after the inserts, so that it does not matter where batches were cut.
func (w *work) removals(ctx context.Context) error {
	r := w.c.Removals
	if r == nil {
		return nil
	}
	record := removalRecord(r)
	defer record.Release()
	if err := w.s.stage(stagedRemovals, record, func(i int) string { return record.Schema().Field(i).Name }); err != nil {
		return err
	}
	// The statement reads the view twice, which a view of Arrow does not allow.
	const copied = "CREATE OR REPLACE TEMP TABLE " + wantedRemovals + " AS SELECT * FROM " + stagedRemovals
	if err := w.exec(ctx, copied); err != nil {
		return err
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{w.st.remove(), nil},
		{w.st.insertMarked(), []any{w.loaded}},
		{w.st.deleteGone(), nil},
		{w.st.dropOrphans(), []any{w.c.Table.Name}},
		{"DROP TABLE " + goneRows, nil},
		{"DROP TABLE " + wantedRemovals, nil},
	} {
		if err := w.exec(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}

func removalRecord(r *batch.Removals) arrow.RecordBatch {
	n := int(r.Rows.NumRows())
	instant := arrow.Field{Type: r.Rows.Schema().Field(1).Type}
	named := func(f arrow.Field, name string) arrow.Field { f.Name = name; return f }
	fields := []arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		named(instant, "ingested"), named(instant, "modified"),
		{Name: "mark", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "seq", Type: arrow.PrimitiveTypes.Uint64},
	}
	order := make([]uint64, n)
	for i := range order {
		order[i] = uint64(i)
	}
	mark, seq := bitColumn(r.Mark, n), wordColumn(order, 0, 1, n)
	defer mark.Release()
	defer seq.Release()
	columns := []arrow.Array{r.Rows.Column(0), r.Rows.Column(1), r.Rows.Column(2), mark, seq}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(n))
}
