package postgres

import (
	"context"

	"trunkline/internal/pg/pgvalue"
)

// removals takes rows away from a multiset: the oldest of equal ones first, and
// after the inserts, so that it does not matter where batches were cut.
func (w *work) removals(ctx context.Context) error {
	r := w.c.Removals
	if r == nil {
		return nil
	}
	name, err := w.s.stage(ctx, "removals", nil, stageRemovals)
	if err != nil {
		return err
	}
	text, instants := pgvalue.Type{Kind: pgvalue.Text}, pgvalue.Type{Kind: pgvalue.TimestampTZ}
	out := &outRows{rows: int(r.Rows.NumRows()), columns: []outColumn{
		{array: r.Rows.Column(0), as: &text, binary: encodeText},
		{array: r.Rows.Column(1), as: &instants, binary: encodeTimestamp},
		{array: r.Rows.Column(2), as: &instants, binary: encodeTimestamp},
		{kind: fromBits, bits: r.Mark}, {kind: fromNumber},
	}}
	if err := w.s.copyIn(ctx, name, []string{"id", "ingested", "modified", "mark", "seq"}, out); err != nil {
		return err
	}
	if _, err := w.s.exec(ctx, w.l.remove(name), instant(w.loaded)); err != nil {
		return err
	}
	if spilled, _ := w.d.noted(w.d.known.spilled, w.c.Table.Name); !spilled {
		return nil
	}
	_, err = w.s.exec(ctx, w.l.dropOrphans(name), w.d.settings.Schema, w.c.Table.Name)
	return err
}
