package pipeline

import (
	"context"
	"errors"
	"time"

	"trunkline/internal/config"
	"trunkline/internal/pg"
	"trunkline/internal/source"
)

// watchEvery is how often the source is looked at while a pipeline runs, unless
// its heartbeat is faster.
const watchEvery = 5 * time.Second

// watched runs work while the source is watched, and ends it with errAgain if the
// publications must be made anew.
func (a *attempt) watched(ctx context.Context, work func(context.Context) error) error {
	inner, again := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.watch(inner, again)
	}()
	err := work(inner)
	if errors.Is(context.Cause(inner), errAgain) {
		err = errAgain
	}
	again(nil)
	<-done
	return err
}

func (a *attempt) watch(ctx context.Context, again context.CancelCauseFunc) {
	every := watchEvery
	if beat := a.Config.Source.Heartbeat; beat > 0 {
		every = min(every, beat)
	}
	publication := ""
	if a.Config.Source.Publication.Mode != config.PublicationGiven {
		publication = source.ManagedPublications(a.slot)[0]
	}
	warned := false
	a.source.Watch(ctx, every, a.slot, publication, func(w source.Watched) {
		a.progress.setRetained(w.Retained)
		if limit := int64(a.Config.Source.MaxRetainedWAL); w.Retained > limit && !warned {
			warned = true
			a.Log.WarnContext(ctx, "the source keeps more WAL for the slot than max_retained_wal",
				"slot", a.slot, "bytes", w.Retained, "limit", limit)
		}
		if a.newlyExposed(w.Exposed) {
			a.Log.WarnContext(ctx, "tables have lost their replica identity; they are taken out of the publication of updates, which would fail at the source",
				"objects", w.Exposed)
			again(errAgain)
		}
	})
}

// newlyExposed reports whether there is a table among these that was not there
// the last time. Of one that stays there nothing better is known.
func (a *attempt) newlyExposed(names []pg.Name) bool {
	found := false
	before := a.exposed
	a.exposed = map[pg.Name]bool{}
	for _, name := range names {
		a.exposed[name] = true
		found = found || !before[name]
	}
	return found
}
