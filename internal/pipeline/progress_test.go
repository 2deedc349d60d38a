package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pipeline"
)

// faltering fails once, before it applies anything.
type faltering struct {
	destination.Destination
	failed *bool
}

func (f faltering) Apply(ctx context.Context, b *batch.Batch) error {
	if *f.failed {
		return f.Destination.Apply(ctx, b)
	}
	*f.failed = true
	return errors.New("interrupted")
}

// progressOf runs the pipeline in this process until it is caught up, with one
// interruption, and returns what it shows at the end.
func (h *harness) progressOf() pipeline.Snapshot {
	h.t.Helper()
	a, c := h.load()
	state, err := pipeline.OpenState(h.state())
	if err != nil {
		h.t.Fatal(err)
	}
	defer state.Close()
	kind, failed := a.Kind(c), false
	open := kind.Open
	kind.Open = func(ctx context.Context, o destination.Options) (destination.Destination, error) {
		d, err := open(ctx, o)
		return faltering{d, &failed}, err
	}
	p := pipeline.New(pipeline.Options{Config: c, Kind: kind, State: state, Log: slog.New(slog.DiscardHandler), UntilCaughtUp: true})
	if err := p.Run(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	if !failed {
		h.t.Error("the run was not interrupted")
	}
	return p.Progress()
}

// At the end of a run that was interrupted, each change counts once, and the
// tables are caught up.
func TestProgressAtTheEnd(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	h.db.Exec(oneTable)
	h.catchUp()
	h.db.Exec("INSERT INTO rows SELECT i, 'w' FROM generate_series(101, 110) i")
	s := h.progressOf()
	table := s.Tables[0]
	if table.Changes != 10 || s.Changes != 10 {
		t.Errorf("%d changes of the table, %d in all, want 10", table.Changes, s.Changes)
	}
	if table.State != pipeline.Active {
		t.Errorf("the table is %s", table.State)
	}
	h.equal()
}
