package pipeline

import (
	"fmt"

	"trunkline/internal/pg"
)

// Walk is where a pipeline stands: the steps that a change takes, each as far as
// it has come.
//
//	confirmed ≤ checkpointed ≤ applied ≤ received
//
// What the server was told it may discard is durable in the destination, what is
// durable was written, and what was written was received. A step that would
// break the order is refused.
type Walk struct {
	Received, Applied, Checkpointed, Confirmed pg.LSN
}

// StartWalk is the walk of a stream that begins at a checkpoint.
func StartWalk(at pg.LSN) Walk { return Walk{at, at, at, at} }

// Receive notes that everything up to an LSN has arrived.
func (w *Walk) Receive(to pg.LSN) error { return w.step(&w.Received, to) }

// Apply notes that everything up to an LSN was written.
func (w *Walk) Apply(to pg.LSN) error { return w.step(&w.Applied, to) }

// Checkpoint notes that everything up to an LSN is durable in the destination.
func (w *Walk) Checkpoint(to pg.LSN) error { return w.step(&w.Checkpointed, to) }

// Confirm notes that the server may discard everything up to an LSN.
func (w *Walk) Confirm(to pg.LSN) error { return w.step(&w.Confirmed, to) }

func (w *Walk) step(at *pg.LSN, to pg.LSN) error {
	if to < *at {
		return w.broken("back from %v to %v", *at, to)
	}
	before := *at
	*at = to
	if w.Confirmed <= w.Checkpointed && w.Checkpointed <= w.Applied && w.Applied <= w.Received {
		return nil
	}
	*at = before
	return w.broken("on to %v", to)
}

func (w *Walk) broken(format string, args ...any) error {
	return WalkBroken.New("received %v, applied %v, checkpointed %v, confirmed %v: %s",
		w.Received, w.Applied, w.Checkpointed, w.Confirmed, fmt.Sprintf(format, args...))
}
