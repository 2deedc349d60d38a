package destinationtest

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

// The stories' pipeline, the slot they begin with, and their clock.
const (
	pipeline               = "story"
	slot                   = "trunkline_story"
	consistentPoint pg.LSN = 0x1000
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	// written is the time of loading.
	written = start.Add(24 * time.Hour)
)

// rhythm says how a story is cut.
type rhythm uint8

const (
	// together makes one part of all transactions up to the next look.
	together rhythm = iota
	// parts makes one batch of them, and a part of each change.
	parts
	// batches makes a batch of each transaction.
	batches
)

var rhythms = map[string]rhythm{"together": together, "parts": parts, "batches": batches}

// story leads changes to the destination under test and to the model.
type story struct {
	t        tb
	rhythm   rhythm
	lanes    [2]*lane // the target, the model
	now      transaction
	whole    []transaction // committed, but not sent yet
	position batch.Position
	tables   []*relation
}

// tb is what a story needs of a test, which may be one of many random ones.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// lane is the way to one of the two.
type lane struct {
	name     string
	pipeline string // the story's unless said
	store    Store
	d        destination.Destination
	builder  *batch.Builder
	log      bytes.Buffer // what it warns of
	// wrap, unless it is nil, puts something around the destination.
	wrap func(destination.Destination) destination.Destination
}

// relation is a table of the source.
type relation struct {
	story *story
	table *schema.Table
	wire  *pgoutput.Relation
	route *batch.Route
	key   []string
	full  bool
}

// tell tells a story in every rhythm, each on a new store.
func tell(t *testing.T, target Target, tale func(*story)) {
	for name, rhythm := range rhythms {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, target.New(t))
			s.rhythm = rhythm
			tale(s)
			s.flush()
			s.compare()
		})
	}
}

// tellAll tells the stories of a group.
func tellAll(t *testing.T, target Target, tales map[string]func(*story)) {
	for name, tale := range tales {
		t.Run(name, func(t *testing.T) { tell(t, target, tale) })
	}
}

// newStory opens the pipeline on a store and on a new model.
func newStory(t tb, store Store) *story {
	s := &story{t: t, position: batch.Position{Commit: consistentPoint, End: consistentPoint}}
	s.lanes[0] = &lane{name: "target", store: store}
	s.lanes[1] = &lane{name: "model", store: newModel()}
	for _, l := range s.lanes {
		l.open(t)
	}
	s.recordSlot()
	t.Cleanup(func() {
		for _, l := range s.lanes {
			s.must(l.close())
		}
	})
	s.begin()
	return s
}

// recordSlot notes the slot that the story begins with.
func (s *story) recordSlot() {
	s.t.Helper()
	s.migrate(
		schema.IntendSlot{Slot: slot},
		schema.RecordSlot{Slot: slot, ConsistentPoint: consistentPoint, SystemIdentifier: "7", Timeline: 1, At: start},
	)
}

// open opens the lane's destination and claims the pipeline.
func (l *lane) open(t tb) destination.Checkpoint {
	t.Helper()
	l.builder = batch.NewBuilder(batch.Limits{Events: 1 << 30, Bytes: 1 << 30})
	var err error
	l.d, err = l.store.Open(destination.Options{
		Pipeline: cmp.Or(l.pipeline, pipeline), Now: func() time.Time { return written },
		Log: slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatalf("open the %s: %v", l.name, err)
	}
	if l.wrap != nil {
		l.d = l.wrap(l.d)
	}
	c, err := l.d.Claim(context.Background())
	if err != nil {
		t.Fatalf("claim the %s: %v", l.name, err)
	}
	return c
}

// close closes the lane's destination, if it is open.
func (l *lane) close() error {
	d := l.d
	l.d = nil
	if d == nil {
		return nil
	}
	return d.Close()
}

// restart drops the destinations, as the end of the process does, and opens them
// anew.
func (s *story) restart() {
	s.t.Helper()
	for _, l := range s.lanes {
		s.must(l.close())
		if c := l.open(s.t); c.Position != s.position {
			s.t.Fatalf("the %s stands at %v after the restart, want %v", l.name, c.Position, s.position)
		}
	}
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// both runs work on the destination and on the model.
func (s *story) both(work func(l *lane) error) {
	s.t.Helper()
	for _, l := range s.lanes {
		if err := work(l); err != nil {
			s.t.Fatalf("%s: %v", l.name, err)
		}
	}
}

func (s *story) migrate(plan ...schema.Step) {
	s.t.Helper()
	s.both(func(l *lane) error { return l.d.Migrate(context.Background(), plan) })
}

// table makes a table, empty and with its copy ended.
func (s *story) table(sp spec) *relation {
	s.t.Helper()
	r := s.copying(sp, 1)
	s.migrate(schema.EndCopy{Table: r.table, Generation: 1})
	return r
}

// copying makes a table whose copy has begun.
func (s *story) copying(sp spec, generation int64) *relation {
	s.t.Helper()
	r := &relation{story: s, table: sp.table(), key: sp.key, full: sp.full}
	s.migrate(schema.BeginCopy{Table: r.table, OID: 16384, Generation: generation, Start: consistentPoint})
	r.describe(r.table)
	s.tables = append(s.tables, r)
	return r
}

// describe sends changes from now on in the shape that a definition has.
func (r *relation) describe(t *schema.Table) {
	r.story.t.Helper()
	r.table = t
	r.reroute(relationOf(t, r.full))
}

// reroute sends changes in the shape of a description, which may be older than
// the table.
func (r *relation) reroute(wire *pgoutput.Relation) {
	route, err := batch.NewRoute(r.table, wire)
	r.story.must(err)
	r.wire, r.route = wire, route
}

// load loads a chunk on both sides.
func (r *relation) load(chunk destination.Chunk, rows ...[]string) {
	r.story.t.Helper()
	r.story.both(func(l *lane) error { return l.d.Load(context.Background(), chunk, r.history(chunk.Number, rows)) })
}

// history are rows of a chunk as a reader of the copy gives them, in two records.
func (r *relation) history(chunk int, rows [][]string) iter.Seq2[*batch.Rows, error] {
	return func(yield func(*batch.Rows, error) bool) {
		for half := range 2 {
			from, to := half*len(rows)/2, (half+1)*len(rows)/2
			taken, err := copied(r.table, 2*chunk+half, pg.MicrosOf(start), rows[from:to]...)
			if !yield(taken, err) || err != nil {
				return
			}
		}
	}
}

func (r *relation) insert(row ...string) { r.story.add(r.inserted(row...)) }

// inserted is an insert that no transaction has yet.
func (r *relation) inserted(row ...string) change {
	return change{relation: r, kind: pgoutput.KindInsert, new: row}
}

// update changes a row and leaves its key; the server sends no old row.
func (r *relation) update(row ...string) {
	r.story.add(change{relation: r, kind: pgoutput.KindUpdate, new: row})
}

// updateFrom changes a row of which the server sends what was: the old key, or
// the old row.
func (r *relation) updateFrom(old []string, row ...string) {
	r.story.add(change{relation: r, kind: pgoutput.KindUpdate, old: old, new: row, full: r.full})
}

// delete removes a row, given by its key, or by all of its values.
func (r *relation) delete(old ...string) {
	r.story.add(change{relation: r, kind: pgoutput.KindDelete, old: old, full: r.full})
}

// commit ends the transaction under way.
func (r *relation) commit() { r.story.commit() }

func (r *relation) truncate() {
	r.story.add(change{relation: r, kind: pgoutput.KindTruncate})
}

// was is a row, or a key, before an update.
func was(values ...string) []string { return values }

// add adds a change to the transaction under way.
func (s *story) add(c change) {
	c.cut = s.rhythm == parts
	s.now.changes = append(s.now.changes, c)
}

// begin begins a transaction. Each has times of its own, and they do not ascend
// with the commits: servers stamp commits before they are in order.
func (s *story) begin() {
	n := int64(len(s.whole)) + int64(s.position.End-consistentPoint)/16
	at := start.Add(time.Duration(n) * time.Second)
	s.now = transaction{
		commit: consistentPoint + pg.LSN(16*n+8), end: consistentPoint + pg.LSN(16*n+16),
		received:  pg.MicrosOf(at),
		committed: pg.MicrosOf(at.Add(-time.Minute + time.Duration(n%3)*-2500*time.Millisecond)),
	}
}

// commit ends the transaction under way.
func (s *story) commit() {
	s.t.Helper()
	s.whole = append(s.whole, s.now)
	s.begin()
	if s.rhythm == batches {
		s.flush()
	}
}

// flush commits what is under way and sends all that was not sent, as one batch.
func (s *story) flush() {
	s.t.Helper()
	if len(s.now.changes) > 0 {
		s.whole = append(s.whole, s.now)
	}
	if len(s.whole) == 0 {
		return
	}
	sent := s.whole
	s.both(func(l *lane) error { return l.apply(s.position, sent) })
	s.sent()
}

// sent takes the position on to the end of what was sent.
func (s *story) sent() {
	last := s.whole[len(s.whole)-1]
	s.position = batch.Position{Commit: last.commit, End: last.end}
	s.whole = nil
	s.begin()
}

// apply sends transactions as one batch.
func (l *lane) apply(from batch.Position, transactions []transaction) error {
	return l.d.Apply(context.Background(), batchOf(l.builder, from, transactions))
}

// refused sends what was not sent to the target alone, which must not take it;
// everything must be as before.
func (s *story) refused() error {
	s.t.Helper()
	whole := append(s.whole, s.now)
	l := s.lanes[0]
	err := l.apply(s.position, whole)
	if err == nil {
		s.t.Fatal("the batch was taken")
	}
	s.compare()
	return err
}

// forget drops what was not sent.
func (s *story) forget() {
	s.whole = nil
	s.begin()
}
