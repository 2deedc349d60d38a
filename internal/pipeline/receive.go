package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
)

// change takes one message of a transaction.
func (s *stream) change(ctx context.Context, m *pgoutput.Message) error {
	switch m.Kind {
	case pgoutput.KindBegin:
		return s.begin(m)
	case pgoutput.KindCommit:
		return s.commit(m)
	case pgoutput.KindRelation:
		s.routes.describe(m.Relation)
		return nil
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		return s.row(ctx, m)
	case pgoutput.KindTruncate:
		return s.truncate(ctx, m)
	case pgoutput.KindMessage:
		return nil // ours mark a place by their commit; those of others are not for us
	}
	return fmt.Errorf("a %v where a change is expected", m.Kind)
}

func (s *stream) begin(m *pgoutput.Message) error {
	received := time.Now()
	s.latest = received
	s.now.commit, s.now.committed, s.now.events = m.CommitLSN, m.CommitTime, 0
	s.policy.observe(time.Duration(s.source.Sent()-m.CommitTime) * time.Microsecond)
	s.builder.Begin(m.CommitLSN, m.CommitTime, pg.MicrosOf(received))
	return nil
}

// row adds an insert, update or delete.
func (s *stream) row(ctx context.Context, m *pgoutput.Message) error {
	route, err := s.route(ctx, m.RelationID)
	if err != nil || route == nil {
		return err
	}
	s.arrived()
	switch m.Kind {
	case pgoutput.KindInsert:
		err = s.builder.Insert(route.batch, m)
	case pgoutput.KindUpdate:
		err = s.builder.Update(route.batch, m)
	default:
		err = s.builder.Delete(route.batch, m)
	}
	if err != nil {
		return err
	}
	s.count(route)
	return s.makeRoom()
}

func (s *stream) truncate(ctx context.Context, m *pgoutput.Message) error {
	for _, id := range m.Truncated {
		route, err := s.route(ctx, id)
		if err != nil {
			return err
		}
		if route == nil {
			continue
		}
		if route.leaf {
			s.truncatedLeaf(ctx, id)
			continue
		}
		s.arrived()
		if err := s.builder.Truncate(route.batch.Table); err != nil {
			return err
		}
		s.count(route)
	}
	return nil
}

// count notes a change of a table, to be shown once it is applied.
func (s *stream) count(r *route) {
	if r.gathered == 0 {
		s.counted = append(s.counted, r)
	}
	r.gathered++
}

// takeCounts moves what was counted to the batch that has the changes.
func (s *stream) takeCounts(f *feed) {
	for _, r := range s.counted {
		f.counts = append(f.counts, tableCount{r.counted, r.gathered})
		r.gathered = 0
	}
	s.counted = s.counted[:0]
}

// truncatedLeaf warns, once for each leaf, of rows that stay: those of a leaf
// cannot be told apart in its root.
func (s *stream) truncatedLeaf(ctx context.Context, id uint32) {
	if s.truncatedLeaves[id] {
		return
	}
	s.truncatedLeaves[id] = true
	s.Log.WarnContext(ctx, "a TRUNCATE of a partition is not followed; its rows stay in the destination",
		"object", s.routes.objects[id].Source.Name.String(), "partition", s.routes.relations[id].Name.String())
}

// arrived notes a change of the transaction under way.
func (s *stream) arrived() {
	s.now.events++
	if s.since.IsZero() {
		s.since = s.latest
		// The commit by our clock: as long ago as it was when the server sent it.
		s.oldestGathered = s.latest.Add(-time.Duration(s.source.Sent()-s.now.committed) * time.Microsecond)
	}
}

// makeRoom ends a part that is full. In the middle of a transaction the batch is
// handed over while it is still being received.
func (s *stream) makeRoom() error {
	if !s.builder.Full() {
		return nil
	}
	if s.feeding != nil {
		return s.feedPart()
	}
	if err := s.settle(); err != nil {
		return err
	}
	s.feeding = newFeed(s.builder, s.sent)
	s.takeCounts(s.feeding)
	s.start(s.feeding)
	return nil
}

// feedPart adds the part under way to the batch that is being fed.
func (s *stream) feedPart() error {
	s.feeding.events += s.builder.Events()
	s.takeCounts(s.feeding)
	select {
	case s.feeding.parts <- s.builder.Seal():
		return nil
	case err := <-s.applier.out:
		// The destination gave up before the batch was complete.
		s.feeding = nil
		return s.applied(errors.Join(err, errIncomplete(err)))
	}
}

func errIncomplete(err error) error {
	if err != nil {
		return nil
	}
	return errors.New("the destination took a batch for complete that was not")
}

func (s *stream) commit(m *pgoutput.Message) error {
	s.latest = time.Now()
	s.whole = batch.Position{Commit: m.CommitLSN, End: m.EndLSN}
	s.committed = m.CommitTime
	s.now.events = 0
	if err := s.walk.Receive(m.EndLSN); err != nil {
		return err
	}
	if s.feeding == nil {
		return s.holdBack()
	}
	if !s.builder.Empty() {
		if err := s.feedPart(); err != nil {
			return err
		}
	}
	s.feeding.end(s.whole, s.committed)
	s.feeding = nil
	return nil
}

// holdBack waits for the destination when a part is full: what comes next has
// no place yet, and the server waits with it.
func (s *stream) holdBack() error {
	if !s.builder.Full() {
		return nil
	}
	return s.settle()
}
