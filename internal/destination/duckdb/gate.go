package duckdb

import (
	"context"
	"sync"
)

// gate is a lock that many may share or one may have alone, like sync.RWMutex;
// but who waits at it can be called away. The zero value is open.
type gate struct {
	mu      sync.Mutex
	sharing int
	alone   bool
	// waiting is how many want it alone. Nobody joins the sharing meanwhile, or
	// loads that follow one another would keep a migration out for good.
	waiting int
	// changed is closed as soon as those who wait should look again.
	changed chan struct{}
}

// share enters beside others that share. Every enter is followed by leave.
func (g *gate) share(ctx context.Context) error { return g.enter(ctx, false) }

// own enters alone.
func (g *gate) own(ctx context.Context) error { return g.enter(ctx, true) }

func (g *gate) enter(ctx context.Context, alone bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.waiting++
		defer func() { g.waiting-- }()
	}
	for g.alone || alone && g.sharing > 0 || !alone && g.waiting > 0 {
		if err := g.wait(ctx); err != nil {
			g.wake() // those who let this one go first
			return err
		}
	}
	if alone {
		g.alone = true
	} else {
		g.sharing++
	}
	return nil
}

// wait gives up the mutex until something has changed.
func (g *gate) wait(ctx context.Context) error {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave ends what share or own began.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alone {
		g.alone = false
	} else {
		g.sharing--
	}
	g.wake()
}

func (g *gate) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}
