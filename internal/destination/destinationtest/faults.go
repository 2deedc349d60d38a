package destinationtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

// errLost is what the pipeline sees of a failure: not whether anything was
// written.
var errLost = errors.New("the connection was lost")

// failure is a way in which a call fails.
type failure uint8

const (
	works failure = iota
	// rejects fails before anything is written.
	rejects
	// loses fails after everything is written: the answer does not arrive.
	loses
	// hangs waits for the end of the context, and has written nothing.
	hangs
	// hangsAfter waits for the end of the context when everything is written.
	hangsAfter
	// slows lets everybody else go first, and succeeds.
	slows
)

var failures = map[string]failure{
	"rejects": rejects, "loses the answer": loses, "hangs": hangs, "hangs after writing": hangsAfter, "slows": slows,
}

// faulty is a destination whose calls fail as a script says, one entry a call.
// The script is shared by the destinations that are opened one after another.
type faulty struct {
	destination.Destination
	script *script
}

type script struct {
	mu   sync.Mutex
	next []failure
	// claims says that Claim fails, too.
	claims bool
	// stop ends the context of the call that hangs.
	stop func()
}

func (s *script) wrap(d destination.Destination) destination.Destination { return &faulty{d, s} }

func (s *script) take() (f failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 {
		f, s.next = s.next[0], s.next[1:]
	}
	return f
}

// call makes a call fail as the script says.
func (s *script) call(ctx context.Context, write func() error) error {
	f := s.take()
	switch f {
	case rejects:
		return errLost
	case hangs:
		s.stop()
		<-ctx.Done()
		return ctx.Err()
	}
	if err := write(); err != nil {
		return err
	}
	switch f {
	case loses:
		return errLost
	case hangsAfter:
		s.stop()
		<-ctx.Done()
		return ctx.Err()
	case slows:
		for range 1000 {
			runtime.Gosched()
		}
	}
	return nil
}

// Apply fails as the script says.
func (f *faulty) Apply(ctx context.Context, b *batch.Batch) error {
	return f.script.call(ctx, func() error { return f.Destination.Apply(ctx, b) })
}

// Load fails as the script says.
func (f *faulty) Load(ctx context.Context, c destination.Chunk, rows iter.Seq2[*batch.Rows, error]) error {
	return f.script.call(ctx, func() error { return f.Destination.Load(ctx, c, rows) })
}

// Migrate fails as the script says.
func (f *faulty) Migrate(ctx context.Context, plan schema.Plan) error {
	return f.script.call(ctx, func() error { return f.Destination.Migrate(ctx, plan) })
}

// Claim fails as the script says, if claims are to fail.
func (f *faulty) Claim(ctx context.Context) (c destination.Checkpoint, err error) {
	if !f.script.claims {
		return f.Destination.Claim(ctx)
	}
	err = f.script.call(ctx, func() error {
		c, err = f.Destination.Claim(ctx)
		return err
	})
	return c, err
}

// again makes a call until it succeeds, as often as its failures are known.
func (s *script) again(t tb, call func(context.Context) error) {
	t.Helper()
	for range 10 {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop = cancel
		err := call(ctx)
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, errLost) && !errors.Is(err, context.Canceled) {
			t.Fatalf("a failure that was not asked for: %v", err)
		}
	}
	t.Fatal("ten attempts failed")
}

func testFaults(t *testing.T, target Target) {
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			t.Run("of a batch", func(t *testing.T) { faultsOfApply(t, target.New(t), f) })
			t.Run("of the other calls", func(t *testing.T) { faultsOfCalls(t, target.New(t), f) })
		})
	}
	t.Run("a claim during a batch", func(t *testing.T) { claimDuringApply(t, target.New(t)) })
}

// faultsOfApply lets every other batch fail; each time the destination is opened
// anew, and the stream goes on at the checkpoint.
func faultsOfApply(t *testing.T, store Store, f failure) {
	s := newStory(t, store)
	keyed, log, bag := s.table(items(spec{name: "keyed"})), s.table(items(spec{name: "log", mode: schema.Append})),
		s.table(spec{name: "bag", columns: cols("a", text), full: true})
	sc := &script{}
	target := s.lanes[0]
	target.wrap = sc.wrap
	s.restart()
	for n := range 4 {
		id := fmt.Sprint(n)
		keyed.insert(id, "a", "b")
		log.insert(id, "a", "b")
		bag.insert("x")
		s.commit()
		keyed.update(id, same, "B")
		bag.delete("x")
		s.commit()
	}
	sent := s.whole
	must(t, s.lanes[1].apply(s.position, sent))
	sc.next = []failure{f, works, f, f, works, works, f}
	at := s.position
	sc.again(t, func(ctx context.Context) error {
		for len(sent) > 0 {
			if err := target.d.Apply(ctx, batchOf(target.builder, at, sent[:1])); err != nil {
				must(t, target.close())
				at = target.open(t).Position
				for len(sent) > 0 && sent[0].end <= at.End {
					sent = sent[1:]
				}
				return err
			}
			at = batch.Position{Commit: sent[0].commit, End: sent[0].end}
			sent = sent[1:]
		}
		return nil
	})
	s.sent()
	s.stands(s.position)
	keyed.holds("0|a|B", "1|a|B", "2|a|B", "3|a|B")
	bag.holds("x marked", "x marked", "x marked", "x marked")
}

// faultsOfCalls lets every call fail once: it is made again with the same
// arguments.
func faultsOfCalls(t *testing.T, store Store, f failure) {
	s := newStory(t, store)
	sc := &script{claims: true}
	s.lanes[0].wrap = sc.wrap
	s.restart()
	once := func(call func(context.Context, *lane) error) {
		sc.next = []failure{f, f}
		sc.again(t, func(ctx context.Context) error { return call(ctx, s.lanes[0]) })
		must(t, call(context.Background(), s.lanes[1]))
	}
	r := &relation{story: s, table: spec{columns: cols("id", text, "n", decimal), key: []string{"id"}}.table(), key: []string{"id"}}
	r.describe(r.table)
	s.tables = append(s.tables, r)
	once(func(ctx context.Context, l *lane) error {
		return l.d.Migrate(ctx, schema.Plan{schema.BeginCopy{Table: r.table, OID: 1, Generation: 1, Start: consistentPoint}})
	})
	once(func(ctx context.Context, l *lane) error {
		return l.d.Load(ctx, r.chunk(0), r.history(0, [][]string{{"1", "NaN"}, {"2", "2.00"}}))
	})
	s.compare()
	once(func(ctx context.Context, l *lane) error {
		return l.d.Migrate(ctx, schema.Plan{schema.EndCopy{Table: r.table, Generation: 1}})
	})
	wider := r.added("v", text, new("missing"))
	once(func(ctx context.Context, l *lane) error {
		return l.d.Migrate(ctx, schema.Plan{schema.AddColumn{Table: wider, Name: "v"}})
	})
	r.describe(wider)
	r.insert("3", "3.00", "new")
	s.flush()
	renamed := r.renamed("v", "V2")
	once(func(ctx context.Context, l *lane) error {
		return l.d.Migrate(ctx, schema.Plan{schema.RenameColumn{Table: renamed, From: "v", To: "V2"}})
	})
	r.describe(renamed)
	once(func(ctx context.Context, l *lane) error {
		c, err := l.d.Claim(ctx)
		if err == nil && c.Position != s.position {
			err = fmt.Errorf("claimed at %v, want %v", c.Position, s.position)
		}
		return err
	})
	r.holds("1|∅|missing", "2|2.00|missing", "3|3.00|new")
}

// claimDuringApply takes the pipeline over while a batch is being written: the
// batch is applied as a whole before, or not at all.
func claimDuringApply(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{}))
	s.rhythm = parts
	r.insert("1", "a", "b")
	r.insert("2", "c", "d")
	sent := []transaction{s.now}
	rival := &lane{name: "rival", store: store}
	var wait sync.WaitGroup
	var claimed destination.Checkpoint
	b := batchOf(s.lanes[0].builder, s.position, sent)
	whole, began := b.Parts, sync.OnceFunc(func() { wait.Go(func() { claimed = rival.open(t) }) })
	b.Parts = func(yield func(*batch.Part, error) bool) {
		for part, err := range whole {
			began()
			if !yield(part, err) {
				return
			}
		}
	}
	err := s.lanes[0].d.Apply(context.Background(), b)
	wait.Wait()
	must(t, s.lanes[0].close())
	s.lanes[0] = rival
	if fault.Has(err, destination.Fenced) {
		if claimed.Position != s.position {
			t.Fatalf("fenced, and yet at %v", claimed.Position)
		}
		must(t, rival.apply(s.position, sent))
	} else if must(t, err); claimed.Position.End != s.now.end {
		t.Fatalf("applied, and the claim saw %v, want %v", claimed.Position, s.now.end)
	}
	must(t, s.lanes[1].apply(s.position, sent))
	s.whole = sent
	s.sent()
	r.holds("1|a|b", "2|c|d")
}
