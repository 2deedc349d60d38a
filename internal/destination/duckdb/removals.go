package duckdb

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
)

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
	} {
		if err := w.exec(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	if w.d.known.spilled[w.c.Table.Name] {
		if err := w.exec(ctx, w.st.dropOrphans(), w.d.settings.Schema, w.c.Table.Name); err != nil {
			return err
		}
	}
	return w.exec(ctx, "DROP TABLE "+goneRows+"; DROP TABLE "+wantedRemovals)
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
