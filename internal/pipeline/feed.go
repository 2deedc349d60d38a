package pipeline

import (
	"context"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
)

// feed is a batch under way: the receiver puts parts in, the destination takes
// them out. Most batches are one part that is there from the start; a
// transaction larger than a part is fed while it is received.
type feed struct {
	from batch.Position
	// first is there from the start; parts hands over the others as they are asked
	// for, so that no more than two exist: one applied, one filled.
	first *batch.Part
	parts chan *batch.Part
	// Set by the receiver before it closes parts.
	to        batch.Position
	committed pg.Micros
	err       error

	builder *batch.Builder
	events  int
	counts  []tableCount
}

// tableCount is how many changes of a table a batch has.
type tableCount struct {
	table   *tableProgress
	changes int64
}

func newFeed(builder *batch.Builder, from batch.Position) *feed {
	f := &feed{from: from, parts: make(chan *batch.Part), builder: builder}
	if !builder.Empty() {
		f.events = builder.Events()
		f.first = builder.Seal()
	}
	return f
}

// end closes the batch at the end of a transaction.
func (f *feed) end(to batch.Position, committed pg.Micros) {
	f.to, f.committed = to, committed
	close(f.parts)
}

// abort makes the destination give up what it has of the batch.
func (f *feed) abort(err error) {
	f.err = err
	close(f.parts)
}

// batch is the feed as the destination sees it.
func (f *feed) batch() *batch.Batch {
	return &batch.Batch{
		From: f.from,
		Parts: func(yield func(*batch.Part, error) bool) {
			if f.first != nil {
				again := yield(f.first, nil)
				f.builder.Release(f.first)
				if !again {
					return
				}
			}
			for part := range f.parts {
				again := yield(part, nil)
				f.builder.Release(part)
				if !again {
					return
				}
			}
			if f.err != nil {
				yield(nil, f.err)
			}
		},
		End: func() (batch.Position, pg.Micros) { return f.to, f.committed },
	}
}

// applier applies batches one after the other, beside the receiver.
type applier struct {
	destination destination.Destination
	in          chan *feed
	out         chan error
	stopped     chan struct{}
}

func startApplier(ctx context.Context, d destination.Destination) *applier {
	a := &applier{destination: d, in: make(chan *feed), out: make(chan error, 1), stopped: make(chan struct{})}
	go func() {
		defer close(a.stopped)
		for f := range a.in {
			a.out <- a.destination.Apply(ctx, f.batch())
		}
	}()
	return a
}

// stop waits for the applier; no batch may be under way any more.
func (a *applier) stop() {
	close(a.in)
	<-a.stopped
}
