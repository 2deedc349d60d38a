package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

// routes lead relations of the stream to the tables of their objects.
type routes struct {
	objects map[uint32]*Object // by OID, leaves included
	leaves  map[uint32]bool
	// relations are as the server described them last; known are the routes made
	// from them.
	relations map[uint32]*pgoutput.Relation
	known     map[uint32]*route
	start     map[*Object]pg.LSN
	// described are objects whose definition the destination is yet to note.
	described map[*Object]bool
}

type route struct {
	batch   *batch.Route
	counted *tableProgress
	// gathered are the changes that no batch has taken yet.
	gathered int64
	start    pg.LSN
	leaf     bool
}

func (r *routes) init(a *attempt) {
	r.objects, r.leaves = map[uint32]*Object{}, map[uint32]bool{}
	r.relations, r.known = map[uint32]*pgoutput.Relation{}, map[uint32]*route{}
	r.start, r.described = map[*Object]pg.LSN{}, map[*Object]bool{}
	for _, o := range a.replicated() {
		r.objects[o.Source.OID] = o
		for _, l := range o.Source.Leaves {
			r.objects[l.OID] = o
			r.leaves[l.OID] = true
		}
		r.start[o] = a.state(o.Source.Name).Start
	}
}

// describe takes the server's description of a relation; what it means is found
// out at its first change that counts.
func (r *routes) describe(relation *pgoutput.Relation) {
	r.relations[relation.ID] = relation
	delete(r.known, relation.ID)
}

// route finds the way of a relation's changes; nil if they do not count: those
// of relations that are no objects of ours, and those that the copy of the table
// has seen.
func (s *stream) route(ctx context.Context, id uint32) (*route, error) {
	if r := s.routes.known[id]; r != nil {
		if s.now.commit < r.start {
			return nil, nil
		}
		return r, nil
	}
	object := s.routes.objects[id]
	if object == nil || s.now.commit < s.routes.start[object] {
		return nil, nil
	}
	relation := s.routes.relations[id]
	if relation == nil {
		return nil, fmt.Errorf("a change of relation %d before its description", id)
	}
	if err := s.evolve(ctx, object, relation); err != nil {
		return nil, err
	}
	way, err := batch.NewRoute(object.Table, relation)
	if err != nil {
		return nil, err
	}
	r := &route{
		batch: way, counted: s.progress.table(object.Source.Name),
		start: s.routes.start[object], leaf: s.routes.leaves[id],
	}
	s.routes.known[id] = r
	return r, nil
}

// evolve makes the table fit for a relation whose shape has changed. Columns are
// added and renamed before the transaction that brings them; anything that
// changes rows which are there already loads the table again.
func (s *stream) evolve(ctx context.Context, o *Object, relation *pgoutput.Relation) error {
	// A message that looks the same may be of another shape: a column that was
	// dropped and added again. The catalog tells by the columns' numbers.
	current, exists, err := s.attempt.source.Table(ctx, o.Source.OID)
	if err != nil {
		return err
	}
	if !exists {
		current.Columns = nil // dropped since; the message has to do
	}
	if !current.Named() {
		return ObjectUnfit.New("%s", current.Replicable()).On(o.Source.Name.String()).
			Do("give it a name in UTF-8; or start again, which leaves the table out")
	}
	evolution := &evolution{planner: s.planner(), object: o, relation: relation, catalog: &current}
	if err := evolution.find(ctx, s.attempt.source); err != nil {
		return err
	}
	if fits(o.Table, relation) && evolution.reload == "" {
		return nil
	}
	if evolution.reload != "" {
		s.Log.WarnContext(ctx, "the history of the table is loaded again", "object", o.Source.Name.String(), "reason", evolution.reload)
		s.reload[o.Source.Name] = true
		return errAgain
	}
	if len(evolution.plan) == 0 {
		if evolution.described {
			o.Table = evolution.table
			s.routes.described[o] = true
		}
		return nil
	}
	return s.migrate(ctx, o, evolution)
}

// migrate carries out a plan before the transaction under way. Where that has
// left changes among those gathered, the stream is read again from the
// checkpoint, the table being fit by then.
func (s *stream) migrate(ctx context.Context, o *Object, e *evolution) error {
	clean := s.feeding == nil && s.now.events == 0
	if clean {
		if err := s.settle(); err != nil {
			return err
		}
		if s.sent.Before(s.whole) {
			if err := s.handOver(s.whole); err != nil {
				return err
			}
		}
	} else if s.feeding != nil {
		s.feeding.abort(errAborted)
		s.feeding = nil
	}
	if err := s.settle(); err != nil && !errors.Is(err, errAborted) {
		return err
	}
	for _, step := range e.plan {
		s.Log.InfoContext(ctx, "the source's table has changed", "object", o.Source.Name.String(), "step", step.String())
	}
	if err := s.destination.Migrate(ctx, e.plan); err != nil {
		return err
	}
	s.Step("migrated")
	o.Table = e.table
	if !clean {
		return errAgain
	}
	// Routes of leaves lead to the table as it was.
	maps.DeleteFunc(s.routes.known, func(id uint32, _ *route) bool { return s.routes.objects[id] == o })
	return nil
}

// noteDescriptions lets the destination note definitions that have changed
// without a change of its tables. No batch is under way. It has no place in the
// order of things: whoever starts with the old definition finds the same out
// again.
func (s *stream) noteDescriptions(ctx context.Context) error {
	if len(s.routes.described) == 0 {
		return nil
	}
	var plan schema.Plan
	for o := range s.routes.described {
		plan = append(plan, schema.Describe{Table: o.Table})
	}
	clear(s.routes.described)
	return s.destination.Migrate(ctx, plan)
}

// fits reports whether every column of a relation has its place in the table,
// with the same type, and the relation is identified as the table expects.
func fits(t *schema.Table, relation *pgoutput.Relation) bool {
	for _, c := range relation.Columns {
		i := t.FindSource(c.Name)
		if i < 0 || t.Columns[i].Dropped || t.Columns[i].Type.OID != c.Type || t.Columns[i].Type.Mod != c.Mod {
			return false
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.Role == schema.Data && !c.Dropped && !hasColumn(relation, c.Source) {
			return false
		}
	}
	return identified(t, relation)
}

func hasColumn(relation *pgoutput.Relation, name string) bool {
	return slices.ContainsFunc(relation.Columns, func(c pgoutput.RelationColumn) bool { return c.Name == name })
}

// identified reports whether the relation's replica identity is the one that the
// table was planned for.
func identified(t *schema.Table, relation *pgoutput.Relation) bool {
	if t.Mode == schema.Append {
		return true
	}
	switch t.Identity {
	case schema.ByRow:
		return relation.ReplicaIdentity == 'f'
	case schema.ByKey:
		if relation.ReplicaIdentity == 'f' {
			return true
		}
		for _, i := range t.Key {
			at := slices.IndexFunc(relation.Columns, func(c pgoutput.RelationColumn) bool { return c.Name == t.Columns[i].Source })
			if at < 0 || !relation.Columns[at].Key {
				return false
			}
		}
	}
	return true
}
