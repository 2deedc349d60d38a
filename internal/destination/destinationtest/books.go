package destinationtest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

func testBookkeeping(t *testing.T, target Target) {
	each(t, target, map[string]func(*testing.T, Store){
		"a checkpoint":      booksCheckpoint,
		"tables":            booksTables,
		"a slot begun anew": booksSlot,
		"what exists":       booksExisting,
		"a check":           booksCheck,
	})
}

// remembered compares what both remember with what is wanted, but for the number
// of the owner.
func (s *story) remembered(want destination.Checkpoint) {
	s.t.Helper()
	for _, l := range s.lanes {
		c, err := l.d.Claim(context.Background())
		s.must(err)
		if d := cmp.Diff(want, c, cmpopts.IgnoreFields(destination.Checkpoint{}, "Owner"), cmpopts.EquateEmpty(), sameType); d != "" {
			s.t.Fatalf("the %s remembers (- want, + got):\n%s", l.name, d)
		}
	}
}

var sameType = cmp.Comparer(func(a, b pgvalue.Type) bool { return a.Equal(&b) })

var begun = destination.Checkpoint{
	Slot: slot, ConsistentPoint: consistentPoint, SystemIdentifier: "7", Timeline: 1,
	Position: batch.Position{Commit: consistentPoint, End: consistentPoint},
}

func booksCheckpoint(t *testing.T, store Store) {
	s := newStory(t, store)
	s.remembered(begun)
	want := begun
	for range 2 {
		s.commit()
		sent := s.whole[0]
		s.flush()
		want.Position, want.Committed = s.position, sent.committed
		s.remembered(want)
		s.restart()
		s.remembered(want)
	}
	s.migrate(schema.Forget{})
	s.remembered(destination.Checkpoint{})
}

func booksTables(t *testing.T, store Store) {
	s := newStory(t, store)
	b := s.copying(every, 3)
	a := s.table(spec{name: "a", columns: cols("id", bigint, "v", text), key: []string{"id"}, onTruncate: schema.Ignore})
	want := begun
	want.Tables = []destination.TableState{
		{Table: a.table, OID: 16384, Generation: 1, Start: consistentPoint, Copied: true},
		{Table: b.table, OID: 16384, Generation: 3, Start: consistentPoint},
	}
	s.remembered(want)
	a.add("x", decimal, new("NaN"))
	want.Tables[0].Table = a.table
	s.remembered(want)
	a.rename("x", "y")
	want.Tables[0].Table = a.table
	s.remembered(want)
	described := a.changed()
	described.Columns[1].Dropped, described.OnDelete = true, schema.Ignore
	s.migrate(schema.Describe{Table: described})
	want.Tables[0].Table = described
	s.remembered(want)
	s.restart()
	s.remembered(want)
	for range 2 {
		s.migrate(schema.Leave{Table: described})
	}
	want.Tables = want.Tables[1:]
	s.remembered(want)
}

// booksSlot loses the slot and makes another one: the tables stay, the position
// begins anew.
func booksSlot(t *testing.T, store Store) {
	s := newStory(t, store)
	s.commit()
	s.flush()
	s.migrate(schema.IntendSlot{Slot: "another"})
	s.remembered(destination.Checkpoint{Slot: "another"})
	point := consistentPoint * 4
	for range 2 {
		s.migrate(schema.RecordSlot{Slot: "another", ConsistentPoint: point, SystemIdentifier: "8", Timeline: 2, At: start})
	}
	s.remembered(destination.Checkpoint{
		Slot: "another", ConsistentPoint: point, SystemIdentifier: "8", Timeline: 2,
		Position: batch.Position{Commit: point, End: point},
	})
}

func booksExisting(t *testing.T, store Store) {
	s := newStory(t, store)
	r := s.table(items(spec{name: `It's "one"`}))
	ctx := context.Background()
	infos, err := s.lanes[0].d.Tables(ctx, []string{"none", r.table.Name, "nor this"})
	must(t, err)
	if len(infos) != 1 || infos[0].Name != r.table.Name {
		t.Fatalf("tables: %+v, want the one that exists", infos)
	}
	if o := infos[0].Origin; o.Pipeline != pipeline || o.Object != r.table.Object.String() {
		t.Errorf("origin %+v, want pipeline %q and object %v", o, pipeline, r.table.Object)
	}
	var names []string
	for _, c := range infos[0].Columns {
		names = append(names, c.Name)
	}
	var want []string
	for _, c := range r.table.Columns {
		want = append(want, c.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	infos, err = s.lanes[0].d.Tables(ctx, nil)
	if err != nil || len(infos) != 0 {
		t.Fatalf("without names: %+v, %v", infos, err)
	}
}

// booksCheck checks an empty store and one in use; neither shows a trace.
func booksCheck(t *testing.T, store Store) {
	d, err := store.Open(destination.Options{Pipeline: pipeline})
	must(t, err)
	must(t, d.Check(context.Background()))
	must(t, d.Close())
	s := newStory(t, store)
	r := s.table(items(spec{}))
	r.insert("1", "a", "b")
	s.flush()
	must(t, s.lanes[0].d.Check(context.Background()))
	r.update("1", "A", same)
	r.holds("1|A|b")
}
