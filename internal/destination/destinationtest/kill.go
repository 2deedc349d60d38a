package destinationtest

import (
	"context"
	"errors"
	"testing"

	"trunkline/internal/batch"
	"trunkline/internal/schema"
)

// batchKilled ends the process before, within and behind every batch. After each
// end the destination stands between two batches, and takes any of the earlier
// ones again without a trace.
func batchKilled(t *testing.T, store Store) {
	s := newStory(t, store)
	s.rhythm = parts
	r := s.table(items(spec{}))
	log := s.table(items(spec{name: "log", mode: schema.Append}))
	bag := s.table(spec{name: "bag", columns: cols("a", text), full: true, onDelete: schema.Delete})
	for _, id := range []string{"1", "2", "3"} {
		r.insert(id, "v", "w")
		log.insert(id, "v", "w")
		bag.insert("x")
		s.commit()
		r.updateFrom(was(id), id+"0", same, "W")
		bag.updateFrom(was("x"), "y")
		log.delete(id)
		s.commit()
	}
	k := &killer{story: s, all: s.whole, from: []batch.Position{s.position}}
	s.forget()
	for i := range k.all {
		k.step(i)
	}
	r.holds("1|v|w marked", "10|v|W", "2|v|w marked", "20|v|W", "3|v|w marked", "30|v|W")
	bag.holds("y", "y", "y")
}

// killer ends the process at every step of a list of batches.
type killer struct {
	story *story
	all   []transaction
	// from has where each batch that was sent begins.
	from []batch.Position
}

// step leads batch i through all ends that it can come to.
func (k *killer) step(i int) {
	s := k.story
	k.restart()
	for part := range k.all[i].changes {
		k.tear(i, part+1)
		k.restart()
	}
	sent := k.all[i : i+1]
	s.both(func(l *lane) error { return l.apply(s.position, sent) })
	s.whole = sent
	s.sent()
	k.from = append(k.from, s.position)
	k.restart()
}

// tear begins a batch that ends behind some of its parts.
func (k *killer) tear(i, parts int) {
	s, l := k.story, k.story.lanes[0]
	some := k.all[i]
	some.changes = some.changes[:parts]
	b := batchOf(l.builder, s.position, []transaction{some})
	b.Parts = partsOf(l.builder, []transaction{some}, errLost)
	if err := l.d.Apply(context.Background(), b); !errors.Is(err, errLost) {
		s.t.Fatalf("apply: %v, want the error of the parts", err)
	}
}

// restart opens the destination anew and sends every suffix of what it has.
func (k *killer) restart() {
	s := k.story
	s.restart()
	s.compare()
	for first := range len(k.from) - 1 {
		for n := first; n < len(k.from)-1; n++ {
			s.must(s.lanes[0].apply(k.from[n], k.all[n:n+1]))
		}
		// The whole suffix in one batch is done, too.
		s.must(s.lanes[0].apply(k.from[first], k.all[first:len(k.from)-1]))
	}
	s.compare()
}
