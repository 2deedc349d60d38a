package pipeline

import (
	"testing"
	"time"

	"trunkline/internal/pg"
)

func TestFlushPolicy(t *testing.T) {
	start := time.Unix(1000, 0)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for name, c := range map[string]struct {
		every, took, age time.Duration
		latest           time.Duration // since start
		want             time.Duration // since start
	}{
		"after the interval":                 {every: ms(200), want: ms(200)},
		"not sooner than four applies":       {every: ms(200), took: ms(100), want: ms(400)},
		"a little late is not behind":        {every: ms(200), age: ms(900), want: ms(200)},
		"behind, when nothing more comes":    {every: ms(200), age: ms(1100), latest: ms(5000), want: ms(5050)},
		"a long interval makes behind later": {every: 10 * time.Second, age: 15 * time.Second, want: 10 * time.Second},
	} {
		p := flushPolicy{every: c.every, took: c.took}
		p.observe(c.age)
		if got := p.due(start, start.Add(c.latest)).Sub(start); got != c.want {
			t.Errorf("%s: due after %v, want %v", name, got, c.want)
		}
	}
}

// confirmed ≤ checkpointed ≤ applied ≤ received, whatever is tried.
func TestWalk(t *testing.T) {
	w := StartWalk(10)
	steps := []struct {
		name string
		step func(*Walk, pg.LSN) error
		to   pg.LSN
		ok   bool
	}{
		{"apply what was not received", (*Walk).Apply, 20, false},
		{"receive", (*Walk).Receive, 20, true},
		{"checkpoint what was not applied", (*Walk).Checkpoint, 20, false},
		{"confirm what was not checkpointed", (*Walk).Confirm, 11, false},
		{"apply", (*Walk).Apply, 20, true},
		{"confirm before the checkpoint", (*Walk).Confirm, 20, false},
		{"checkpoint", (*Walk).Checkpoint, 20, true},
		{"confirm", (*Walk).Confirm, 20, true},
		{"receive what lies before", (*Walk).Receive, 15, false},
		{"the same again", (*Walk).Confirm, 20, true},
	}
	for _, s := range steps {
		before := w
		err := s.step(&w, s.to)
		if (err == nil) != s.ok {
			t.Fatalf("%s: %v", s.name, err)
		}
		if err != nil && w != before {
			t.Fatalf("%s: a refused step moved the walk from %+v to %+v", s.name, before, w)
		}
	}
}
