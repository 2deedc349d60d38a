// Package pipeline leads changes from a source to a destination: it plans the
// tables, loads their history, and then runs the one loop that receives,
// batches, applies and confirms.
//
// A run may be killed at any moment. What was applied and checkpointed is one
// transaction of the destination; what was not is sent again by the server.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg"
	"trunkline/internal/source"
)

// Options are what a pipeline runs with.
type Options struct {
	Config *config.Pipeline
	Kind   destination.Kind
	State  *StateDir
	Log    *slog.Logger
	// UntilCaughtUp ends the run once everything that was committed at the source
	// before it began is in the destination.
	UntilCaughtUp bool
	// TakeOver allows to drop a slot of our name that the destination does not
	// know.
	TakeOver bool
	// Patient waits without limit for a destination that another process holds.
	Patient bool
	// Step, if set, is told the name of every step that was taken; tests end the
	// process there.
	Step func(name string)
}

// Pipeline is one pipeline of this process.
type Pipeline struct {
	Options
	progress *progress
	// reload are objects whose history is to be loaded again.
	reload map[pg.Name]bool
	// truncatedLeaves are the leaves, by OID, whose truncates were warned of.
	truncatedLeaves map[uint32]bool
	// connected says that a run has had both ends in hand: from then on it is worth
	// trying again after an interruption. established says that one has come as far
	// as streaming: from then on so is whatever is not known to need somebody.
	connected, established bool
	// exposed are tables for whose sake the publications were made anew.
	exposed map[pg.Name]bool

	// wanted is the position that somebody waits for, 0 for none.
	wanted atomic.Uint64

	mu      sync.RWMutex
	current destination.Destination // open, for those who ask from outside
}

// New makes a pipeline.
func New(o Options) *Pipeline {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	return &Pipeline{
		Options: o, progress: newProgress(),
		reload: map[pg.Name]bool{}, truncatedLeaves: map[uint32]bool{}, exposed: map[pg.Name]bool{},
	}
}

// Progress is where the pipeline stands; any goroutine may ask.
func (p *Pipeline) Progress() Snapshot { return p.progress.snapshot() }

// Ask runs work on the destination as it is open now. It fails while the
// pipeline is not connected.
func (p *Pipeline) Ask(work func(destination.Destination) error) error {
	// The lock is not held meanwhile: what is asked may take long, and the loop must
	// be able to give its connections up.
	p.mu.RLock()
	d := p.current
	p.mu.RUnlock()
	if d == nil {
		return errors.New("the pipeline is not connected to its destination now")
	}
	return work(d)
}

// Wait returns once everything up to a position is readable in the destination.
// The position must be one that the stream passes: that of source.Mark, say.
func (p *Pipeline) Wait(ctx context.Context, to pg.LSN) error {
	p.want(to)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for p.Progress().Walk.Checkpointed <= to {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

// want makes the loop write the position as soon as it is received, although
// there may be no rows to write.
func (p *Pipeline) want(to pg.LSN) {
	for {
		old := p.wanted.Load()
		if uint64(to) <= old || p.wanted.CompareAndSwap(old, uint64(to)) {
			return
		}
	}
}

func (p *Pipeline) setCurrent(d destination.Destination) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current = d
}

// SlotName is the name of the slot that a pipeline file asks for.
func SlotName(c *config.Pipeline, kind destination.Kind) string {
	if c.Source.Slot != "" {
		return c.Source.Slot
	}
	return pg.SlotName(c.Name, kind.Identify(c.Destination.Settings))
}

// Idle refuses to go on while a process, on any machine, runs the pipeline that
// has this slot: it holds the destination.
func Idle(ctx context.Context, s *source.Source, slot string) error {
	holder, held, err := s.Holder(ctx, slot)
	if err != nil || !held {
		return err
	}
	return destination.Locked.New("%s runs the pipeline and holds the destination", holder).
		Do("stop the pipeline first and start it again afterwards; trunkline query asks the running one")
}

// errAgain asks for a new attempt at once: a table is to be loaded again, or the
// stream to be read again from the checkpoint.
var errAgain = errors.New("begin again at the checkpoint")

// Run runs the pipeline until the context ends, which is no error, or it is
// caught up, if that was asked for, or something happens that trying again
// would not mend.
func (p *Pipeline) Run(ctx context.Context) error {
	defer p.progress.setPhase(Stopped, "")
	for failures := 0; ; {
		err := p.attempt(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return p.stopError(ctx, err)
		case errors.Is(err, errAgain):
			continue
		case !p.worthRetrying(err):
			return err
		}
		wait := backoff(failures)
		failures++
		p.progress.setPhase(Retrying, err.Error())
		p.Log.WarnContext(ctx, "the pipeline was interrupted; trying again", "error", err, "wait", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// stopError keeps what went wrong while stopping apart from the stop itself.
func (p *Pipeline) stopError(ctx context.Context, err error) error {
	if ctx.Err() == nil || err == nil {
		return err
	}
	p.Log.DebugContext(ctx, "stopped", "error", err)
	return nil
}

// worthRetrying tells interruptions, which pass, from faults, which somebody has
// to mend. At the start, when files and privileges are new, it is better to say
// what is wrong than to try again.
func (p *Pipeline) worthRetrying(err error) bool {
	if f, ok := fault.Of(err); ok {
		passing := []*fault.Kind{source.HostUnreachable, source.ServerUnavailable, source.SlotInUse, destination.Locked, destination.Unavailable}
		return p.connected && slices.Contains(passing, f.Kind)
	}
	return p.established || p.connected && source.Interrupted(err)
}

// backoff grows from a quarter of a second to half a minute.
func backoff(failures int) time.Duration {
	return min(250*time.Millisecond<<min(failures, 10), 30*time.Second)
}
