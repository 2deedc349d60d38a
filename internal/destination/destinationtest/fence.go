package destinationtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

func testFence(t *testing.T, target Target) {
	each(t, target, map[string]func(*testing.T, Store){
		"a second claimer":       fenceSecond,
		"a pipeline forgotten":   fenceForgotten,
		"pipelines side by side": fenceOthers,
		"numbers never return":   fenceNumbers,
	})
}

// rival opens the story's pipeline once more on the target, as a second process
// does, and takes it over.
func (s *story) rival() *lane {
	s.t.Helper()
	l := &lane{name: "rival", store: s.lanes[0].store}
	l.open(s.t)
	s.t.Cleanup(func() { s.must(l.close()) })
	return l
}

// fencedOff tries all that writes, which must fail and change nothing.
func (s *story) fencedOff(r *relation) {
	s.t.Helper()
	target := s.lanes[0]
	ctx := context.Background()
	r.insert("9", "never", "written")
	for name, err := range map[string]error{
		"apply":   s.refused(),
		"empty":   target.apply(s.position, nil),
		"load":    target.d.Load(ctx, r.chunk(9), r.history(9, [][]string{{"9", "never", "written"}})),
		"migrate": target.d.Migrate(ctx, schema.Plan{schema.BeginCopy{Table: r.table, Generation: 2, Start: 1}}),
	} {
		if !fault.Has(err, destination.Fenced) {
			s.t.Fatalf("%s: %v, want %q", name, err, destination.Fenced.Title)
		}
	}
	s.forget()
	s.compare()
}

func fenceSecond(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	rival := s.rival()
	s.fencedOff(r)
	// The rival goes on where the first stood.
	s.lanes[0], rival = rival, s.lanes[0]
	r.update("1", "A", same)
	r.holds("1|A|b")
	// And may be superseded in turn.
	c, err := rival.d.Claim(context.Background())
	s.must(err)
	if c.Position != s.position {
		t.Fatalf("the position is %v, want %v", c.Position, s.position)
	}
	s.fencedOff(r)
	s.lanes[0], rival = rival, s.lanes[0]
	s.must(rival.close())
	r.update("1", "AA", same)
	r.holds("1|AA|b")
}

func fenceForgotten(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	rival := s.rival()
	forget := schema.Plan{schema.Forget{}}
	s.must(rival.d.Migrate(context.Background(), forget))
	s.fencedOff(r)
	s.must(rival.d.Migrate(context.Background(), forget)) // once more, after a crash
	c, err := rival.d.Claim(context.Background())
	s.must(err)
	if c.Slot != "" || c.Position.End != 0 || len(c.Tables) > 0 {
		t.Fatalf("a forgotten pipeline is remembered: %+v", c)
	}
	s.fencedOff(r)
	s.compare() // its tables stay
}

func fenceNumbers(t *testing.T, store Store) {
	seen := map[int64]bool{}
	for n := range 4 {
		d, err := store.Open(destination.Options{Pipeline: fmt.Sprint("p", n%2)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			c, err := d.Claim(context.Background())
			if err != nil || seen[c.Owner] || c.Owner <= 0 {
				t.Fatalf("owner %d, seen before: %v, error: %v", c.Owner, seen[c.Owner], err)
			}
			seen[c.Owner] = true
		}
		err = errors.Join(d.Migrate(context.Background(), schema.Plan{schema.Forget{}}), d.Close())
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fenceOthers leads three pipelines into one destination, in turn.
func fenceOthers(t *testing.T, store Store) {
	const pipelines = 3
	var all [pipelines]*lane
	var tables [pipelines]*schema.Table
	ctx := context.Background()
	for i := range all {
		l := &lane{name: "target", store: store, pipeline: fmt.Sprint("pipeline ", i)}
		l.open(t)
		t.Cleanup(func() { must(t, l.close()) })
		tables[i] = items(spec{name: fmt.Sprint("t", i)}).table()
		must(t, l.d.Migrate(ctx, schema.Plan{
			schema.IntendSlot{Slot: slot},
			schema.RecordSlot{Slot: slot, ConsistentPoint: consistentPoint, SystemIdentifier: "7", Timeline: 1, At: start},
			schema.BeginCopy{Table: tables[i], OID: 1, Generation: 1, Start: consistentPoint},
			schema.EndCopy{Table: tables[i], Generation: 1},
		}))
		all[i] = l
	}
	positions := [pipelines]batch.Position{}
	for i := range positions {
		positions[i] = batch.Position{Commit: consistentPoint, End: consistentPoint}
	}
	for round := range 3 {
		for i, l := range all {
			r := &relation{story: &story{t: t}, table: tables[i], key: []string{"id"}}
			r.describe(r.table)
			tx := transaction{commit: positions[i].End + 8, end: positions[i].End + 16}
			for n := range i + 1 {
				tx.changes = append(tx.changes, r.inserted(fmt.Sprint(round, ".", n), "v", "w"))
			}
			must(t, l.apply(positions[i], []transaction{tx}))
			positions[i] = batch.Position{Commit: tx.commit, End: tx.end}
		}
	}
	must(t, all[1].d.Migrate(ctx, schema.Plan{schema.Forget{}}))
	for i := range all {
		rows, err := store.Rows(tables[i])
		must(t, err)
		if len(rows) != 3*(i+1) {
			t.Fatalf("table %d has %d rows, want %d", i, len(rows), 3*(i+1))
		}
	}
	c, err := all[2].d.Claim(ctx)
	must(t, err)
	if c.Position != positions[2] || len(c.Tables) != 1 || c.Tables[0].Table.Name != "t2" {
		t.Fatalf("pipeline 2 stands at %+v, want %v and its own table", c, positions[2])
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testBatch(t *testing.T, target Target) {
	each(t, target, map[string]func(*testing.T, Store){
		"nothing but a position":   batchEmpty,
		"a gap":                    batchGap,
		"the same again":           batchAgain,
		"one that is not whole":    batchTorn,
		"a context that has ended": batchCancelled,
		"killed at every step":     batchKilled,
	})
}

func (s *story) stands(at batch.Position) {
	s.t.Helper()
	for _, l := range s.lanes {
		c, err := l.d.Claim(context.Background())
		s.must(err)
		if c.Position != at {
			s.t.Fatalf("the %s stands at %v, want %v", l.name, c.Position, at)
		}
	}
}

func batchEmpty(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{}))
	s.stands(s.position)
	for range 3 {
		s.commit() // a transaction of other tables
		s.flush()
		s.stands(s.position)
	}
	to := batch.Position{Commit: s.position.End + 8, End: s.position.End + 16}
	s.both(func(l *lane) error { return l.d.Apply(context.Background(), batch.Single(s.position, to, 5, nil)) })
	s.stands(to)
	s.position = to
	s.begin()
	r.insert("1", "a", "b")
	r.holds("1|a|b")
	s.restart()
}

func batchGap(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	at := s.position
	r.insert("2", "c", "d")
	sent := []transaction{s.now}
	for name, from := range map[string]batch.Position{
		"a batch that begins later":                  {Commit: at.Commit + 8, End: at.End + 8},
		"a batch that begins before and ends behind": {Commit: consistentPoint, End: consistentPoint},
		"a batch that begins before everything":      {},
	} {
		if err := s.lanes[0].apply(from, sent); !fault.Has(err, destination.Gap) {
			t.Fatalf("%s: %v, want %q", name, err, destination.Gap.Title)
		}
		s.compare()
	}
	s.stands(at)
	r.holds("1|a|b", "2|c|d")
}

func batchAgain(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{mode: schema.Append}))
	bag := s.table(spec{name: "bag", columns: cols("a", text), full: true})
	before := s.position
	r.insert("1", "a", "b")
	bag.insert("x")
	bag.delete("x")
	bag.insert("x")
	sent := []transaction{s.now}
	s.flush()
	for range 2 {
		s.both(func(l *lane) error { return l.apply(before, sent) })
		s.compare()
		s.restart()
	}
	r.holds("I 1|a|b")
	bag.holds("x", "x marked")
}

func batchTorn(t *testing.T, store Store) {
	s := newStory(t, store)
	s.rhythm = parts
	r := s.table(items(spec{onTruncate: schema.Delete}))
	r.insert("1", "a", "b")
	s.flush()
	r.insert("2", "c", "d")
	r.truncate()
	r.insert("3", "e", "f")
	torn := batchOf(s.lanes[0].builder, s.position, []transaction{s.now})
	torn.Parts = partsOf(s.lanes[0].builder, []transaction{s.now}, errLost)
	if err := s.lanes[0].d.Apply(context.Background(), torn); !errors.Is(err, errLost) {
		t.Fatalf("apply: %v, want the error of the parts", err)
	}
	s.compare()
	r.holds("3|e|f")
}

func batchCancelled(t *testing.T, store Store) {
	s := newStory(t, store)
	s.rhythm = parts
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	r.insert("2", "c", "d")
	ctx, cancel := context.WithCancel(context.Background())
	b := batchOf(s.lanes[0].builder, s.position, []transaction{s.now})
	b.Parts = endedBy(ctx, cancel, b.Parts)
	if err := s.lanes[0].d.Apply(ctx, b); !errors.Is(err, context.Canceled) {
		t.Fatalf("apply: %v, want the end of the context", err)
	}
	s.compare()
	r.holds("1|a|b", "2|c|d")
}

// endedBy are parts during which the context ends, as the pipeline's do.
func endedBy(ctx context.Context, cancel func(), parts iter.Seq2[*batch.Part, error]) iter.Seq2[*batch.Part, error] {
	return func(yield func(*batch.Part, error) bool) {
		n := 0
		for part, err := range parts {
			if n++; n == 2 {
				cancel()
				err = ctx.Err()
			}
			if !yield(part, err) {
				return
			}
		}
	}
}
