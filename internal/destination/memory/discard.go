package memory

import (
	"context"
	"iter"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
)

// Discard is a destination that reads everything and keeps nothing but its
// bookkeeping: what the way to a destination costs.
func Discard() destination.Kind {
	store := &Store{}
	return destination.Kind{
		Name:     "discard",
		Settings: func() any { return &Settings{} },
		Open: func(ctx context.Context, o destination.Options) (destination.Destination, error) {
			inner, err := store.Kind().Open(ctx, o)
			if err != nil {
				return nil, err
			}
			return &discard{Destination: inner}, nil
		},
		Identify: func(any) string { return "discard" },
		TypeName: func(t *pgvalue.Type) string { return t.Name },
	}
}

type discard struct{ destination.Destination }

// Load reads the rows.
func (d *discard) Load(_ context.Context, _ destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	for r, err := range rows {
		if err != nil {
			return err
		}
		if r.Record != nil {
			r.Record.Release()
		}
	}
	return nil
}

// Apply reads the parts and keeps the position.
func (d *discard) Apply(ctx context.Context, b *batch.Batch) error {
	for _, err := range b.Parts {
		if err != nil {
			return err
		}
	}
	empty := *b
	empty.Parts = func(func(*batch.Part, error) bool) {}
	return d.Destination.Apply(ctx, &empty)
}
