package pipeline

import (
	"context"
	"errors"
	"time"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/source"
)

const (
	// progressPerHeartbeat and idleProgress are how often a position is written to
	// the destination although there are no rows to write: every other heartbeat,
	// or without heartbeats once a minute.
	progressPerHeartbeat = 2
	idleProgress         = time.Minute
	// lookEvery is how often the loop looks around without being asked.
	lookEvery = 500 * time.Millisecond
	// pollEvery is how often the loop looks for the end of a batch in flight.
	pollEvery = 5 * time.Millisecond
	// stopPatience is how long a batch may still take after a stop.
	stopPatience = 10 * time.Second
)

// errAborted is what a destination sees of a batch that is given up.
var errAborted = errors.New("the batch was given up")

// stream receives changes and leads them to the destination until the context
// ends or something fails.
type stream struct {
	*attempt
	source  *source.Stream
	applier *applier
	builder *batch.Builder
	walk    Walk
	policy  flushPolicy
	routes  routes

	// sent is the end of the last batch handed over, whole the end of the last
	// whole transaction received, with its commit time.
	sent      batch.Position
	whole     batch.Position
	committed pg.Micros
	// The transaction under way.
	now struct {
		commit    pg.LSN
		committed pg.Micros
		events    int
	}
	// since is when the first change arrived that was not handed over, latest when
	// the last thing arrived.
	since, latest time.Time
	// inFlight is the batch being applied; feeding is inFlight while parts are
	// still added to it.
	inFlight, feeding *feed
	began             time.Time
	// oldest is the commit time, by our clock, of the first change in flight and of
	// the first one gathered.
	oldestInFlight, oldestGathered time.Time
	wrote                          time.Time // when the destination was last written
	looked                         time.Time
	target                         pg.LSN // behind which all was committed that was there at the start
	caughtUp                       bool
	counted                        []*route // those with changes gathered
}

// stream runs the loop.
func (a *attempt) stream(ctx context.Context) (err error) {
	s := &stream{
		attempt: a,
		builder: batch.NewBuilder(batch.Limits{Events: a.Config.Load.Rows, Bytes: int(a.Config.Load.Bytes)}),
		policy:  flushPolicy{every: a.Config.Load.Every},
		wrote:   time.Now(),
	}
	// The position as checkpointed by now: copies do not move it, but it may be
	// that of a slot that was just made.
	if a.checkpoint, err = a.destination.Claim(ctx); err != nil {
		return err
	}
	s.sent, s.whole = a.checkpoint.Position, a.checkpoint.Position
	s.committed = a.checkpoint.Committed
	s.walk = StartWalk(s.sent.End)
	s.routes.init(a)
	if s.source, err = a.source.Stream(ctx, source.StreamOptions{
		Slot: a.slot, Publications: a.publications(), Start: s.sent.End, Scratch: a.State.Scratch(),
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.source.Close()) }()
	a.Step("stream started")
	if s.target, err = a.source.Mark(ctx); err != nil {
		return err
	}
	if a.UntilCaughtUp {
		a.want(s.target)
	}
	stopHeartbeat := a.startHeartbeat(ctx)
	defer stopHeartbeat()
	a.progress.setPhase(Streaming, "")
	for _, o := range a.replicated() {
		a.progress.setState(o.Source.Name, CatchingUp)
	}
	a.established = true
	return s.run(ctx)
}

// startHeartbeat keeps the slot of an idle database moving.
func (a *attempt) startHeartbeat(ctx context.Context) (stop func()) {
	every := a.Config.Source.Heartbeat
	if every == 0 || a.source.Standby {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.source.Heartbeat(ctx, every, func(err error) {
			if err != nil {
				a.Log.WarnContext(ctx, "the heartbeat did not reach the source", "error", err)
			}
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

// run is the loop. However it ends, no batch is under way afterwards.
func (s *stream) run(ctx context.Context) error {
	// A stop does not cut applying short at once: mostly it ends soon by itself.
	applying, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopPatience, cancel) })()
	s.applier = startApplier(applying, s.destination)
	defer s.applier.stop()
	defer s.show() // the last picture is of the end
	err := s.loop(ctx)
	if s.inFlight != nil {
		if s.feeding != nil {
			s.feeding.abort(errAborted)
			s.feeding = nil
		}
		if applied := s.await(); applied != nil && err == nil && !errors.Is(applied, errAborted) {
			err = applied
		}
	}
	return err
}

func (s *stream) loop(ctx context.Context) error {
	var m pgoutput.Message
	due := s.nextDue()
	for {
		signal, err := s.source.Next(&m, due)
		if err != nil {
			return err
		}
		if signal == source.Change {
			if err := s.change(ctx, &m); err != nil {
				return keyFault(err)
			}
			if m.Kind != pgoutput.KindCommit && ctx.Err() == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			return s.finish()
		}
		if err := s.between(ctx, signal); err != nil || s.done() {
			return err
		}
		due = s.nextDue()
	}
}

// finish ends the stream in good order: what was received whole is applied.
func (s *stream) finish() error {
	if s.inside() {
		return nil // in the middle of a transaction, which will come again
	}
	if err := s.settle(); err != nil {
		return err
	}
	if s.sent.Before(s.whole) {
		if err := s.handOver(s.whole); err != nil {
			return err
		}
	}
	return s.settle()
}

// nextDue is until when to wait for the server. It is never past: a read whose
// deadline has passed takes nothing, however much there is.
func (s *stream) nextDue() time.Time {
	now := time.Now()
	due := now.Add(lookEvery)
	if s.inside() {
		return due
	}
	if s.inFlight != nil {
		// The end of the batch in flight does not wake the reader: look often.
		return now.Add(pollEvery)
	}
	if s.builder.Events() > 0 {
		if flush := s.policy.due(s.since, s.latest); flush.Before(due) {
			due = flush
		}
	}
	if soonest := now.Add(pollEvery); due.Before(soonest) {
		return soonest
	}
	return due
}

// inside reports whether a transaction is under way.
func (s *stream) inside() bool { return s.feeding != nil || s.now.events > 0 }

// between is called between two transactions, or when there is nothing to
// receive: here batches end.
func (s *stream) between(ctx context.Context, signal source.Signal) error {
	if s.inFlight != nil && s.feeding == nil {
		if err := s.poll(); err != nil {
			return err
		}
	}
	if signal == source.Progress && !s.inside() && s.builder.Events() == 0 && s.source.ServerEnd() > s.whole.End {
		// Nothing of what was received is left, and the server has no more up to
		// there: other databases and unpublished tables wrote the rest.
		s.whole.End = s.source.ServerEnd()
		if err := s.walk.Receive(s.whole.End); err != nil {
			return err
		}
	}
	s.report()
	if s.inside() || s.inFlight != nil {
		return nil
	}
	if !s.flushDue(signal) {
		return nil
	}
	if err := s.noteDescriptions(ctx); err != nil {
		return err
	}
	return s.handOver(s.whole)
}

// flushDue reports whether what was gathered is to be handed over now.
func (s *stream) flushDue(signal source.Signal) bool {
	now := time.Now()
	if s.builder.Events() == 0 {
		if !s.sent.Before(s.whole) {
			return false
		}
		return now.Sub(s.wrote) >= s.progressEvery() || s.reachedTarget()
	}
	if s.builder.Full() {
		return true
	}
	if s.policy.behind && signal == source.Change {
		return false // more is coming
	}
	return !now.Before(s.policy.due(s.since, s.latest))
}

func (s *stream) progressEvery() time.Duration {
	if beat := s.Config.Source.Heartbeat; beat > 0 {
		return progressPerHeartbeat * beat
	}
	return idleProgress
}

// reachedTarget reports whether somebody waits for a position that was received
// and is not durable yet.
func (s *stream) reachedTarget() bool {
	wanted := pg.LSN(s.wanted.Load())
	return wanted > 0 && s.walk.Checkpointed <= wanted && s.whole.End > wanted
}

// done reports whether --until-caught-up is satisfied.
func (s *stream) done() bool {
	return s.UntilCaughtUp && s.inFlight == nil && s.walk.Checkpointed > s.target
}

// handOver gives what was gathered, up to the end of a whole transaction, to the
// destination, which is idle.
func (s *stream) handOver(to batch.Position) error {
	f := newFeed(s.builder, s.sent)
	s.takeCounts(f)
	f.end(to, s.committed)
	s.start(f)
	return nil
}

// start hands a batch to the applier.
func (s *stream) start(f *feed) {
	s.Step("batch ready")
	s.inFlight, s.began = f, time.Now()
	s.oldestInFlight, s.oldestGathered = s.oldestGathered, time.Time{}
	s.since = time.Time{}
	s.applier.in <- f
}

// poll looks whether the batch in flight has ended.
func (s *stream) poll() error {
	select {
	case err := <-s.applier.out:
		return s.applied(err)
	default:
		return nil
	}
}

// await waits for the batch in flight.
func (s *stream) await() error { return s.applied(<-s.applier.out) }

// settle waits until no batch is in flight.
func (s *stream) settle() error {
	if s.inFlight == nil {
		return nil
	}
	return s.await()
}

// applied takes the walk on to the end of a batch and tells the source.
func (s *stream) applied(err error) error {
	f := s.inFlight
	s.inFlight = nil
	if err != nil {
		return err
	}
	s.Step("applied")
	s.policy.took = time.Since(s.began)
	s.sent, s.wrote = f.to, time.Now()
	s.oldestInFlight = time.Time{}
	s.progress.changes.Add(int64(f.events))
	for _, c := range f.counts {
		c.table.changes.Add(c.changes)
	}
	end := f.to.End
	for _, step := range []func(pg.LSN) error{s.walk.Apply, s.walk.Checkpoint, s.walk.Confirm} {
		if err := step(end); err != nil {
			return err
		}
	}
	s.source.Confirm(end)
	s.Step("confirmed")
	return nil
}

// report shows where the stream stands.
func (s *stream) report() {
	now := time.Now()
	if now.Sub(s.looked) < lookEvery/5 {
		return
	}
	s.looked = now
	s.show()
}

// show tells the progress where the stream stands now.
func (s *stream) show() {
	oldest := s.oldestInFlight
	if oldest.IsZero() {
		oldest = s.oldestGathered
	}
	if !s.caughtUp && s.walk.Checkpointed >= s.target {
		s.caughtUp = true
		for _, o := range s.replicated() {
			s.progress.setState(o.Source.Name, Active)
		}
	}
	s.progress.setWalk(s.walk, max(s.source.ServerEnd(), s.walk.Received), oldest, s.source.Spooled())
}
