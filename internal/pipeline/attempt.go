package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// attempt is one life of the connections: from opening them to the first error.
type attempt struct {
	*Pipeline
	source      *source.Source
	destination destination.Destination
	checkpoint  destination.Checkpoint
	slot        string
	objects     []Object
}

// attempt prepares, loads what is not loaded, and streams.
func (p *Pipeline) attempt(ctx context.Context) (err error) {
	p.progress.setPhase(Starting, "")
	a := &attempt{Pipeline: p}
	defer func() { err = errors.Join(err, a.close()) }()
	if a.source, err = source.Open(ctx, &p.Config.Source, "trunkline "+p.Config.Name, p.Log); err != nil {
		return err
	}
	if err := a.source.Blocked(ctx); err != nil {
		return err
	}
	if err := a.source.IdentifySystem(ctx); err != nil {
		return err
	}
	if a.objects, err = Objects(ctx, a.source, p.Config); err != nil {
		return err
	}
	if err := replicates(a.objects); err != nil {
		return err
	}
	p.progress.setObjects(a.objects)
	if err := a.open(ctx); err != nil {
		return err
	}
	return a.watched(ctx, func(ctx context.Context) error {
		if err := a.prepare(ctx); err != nil {
			return err
		}
		return a.stream(ctx)
	})
}

func (a *attempt) close() error {
	var errs []error
	a.setCurrent(nil)
	if a.destination != nil {
		errs = append(errs, a.destination.Close())
	}
	if a.source != nil {
		errs = append(errs, a.source.Close())
	}
	return errors.Join(errs...)
}

// Objects decides what becomes of each table of a source.
func Objects(ctx context.Context, s *source.Source, c *config.Pipeline) ([]Object, error) {
	tables, err := s.Tables(ctx)
	if err != nil {
		return nil, err
	}
	p := &planner{config: c, database: s.Database}
	if c.Source.Publication.Mode == config.PublicationGiven {
		if p.given, err = s.Given(ctx, c.Source.Publication.Names); err != nil {
			return nil, err
		}
	} else {
		p.generated = s.Version.PublishesGenerated()
	}
	objects, err := p.plan(tables)
	if err != nil {
		return nil, err
	}
	for i := range objects {
		if o := &objects[i]; o.Table != nil && !o.Source.Readable {
			return nil, source.AccessMissing.New("role %s may not read it", c.Source.User).On(o.Source.Name.String()).
				Do("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s",
					pg.Quote(o.Source.Name.Schema), pg.Quote(c.Source.User), o.Source.Name.SQL(), pg.Quote(c.Source.User))
		}
	}
	return objects, nil
}

// replicates refuses a run in which no object takes part, unless the file asks
// for none.
func replicates(objects []Object) error {
	if slices.ContainsFunc(objects, func(o Object) bool { return o.Table != nil }) {
		return nil
	}
	if len(objects) == 0 {
		return NothingToDo.New("the database has no tables, or none that the user may see")
	}
	return NothingToDo.New("all %d tables are skipped, %v for one: %s", len(objects), objects[0].Source.Name, objects[0].Reason)
}

// open opens the destination and takes the pipeline over: first the lock at the
// source, then the fence. Who has not got the one never raises the other.
func (a *attempt) open(ctx context.Context) (err error) {
	a.slot = SlotName(a.Config, a.Kind)
	if err := a.source.Lock(ctx, a.slot); err != nil {
		return err
	}
	a.destination, err = a.Kind.Open(ctx, destination.Options{
		Pipeline: a.Config.Name, Settings: a.Config.Destination.Settings, Log: a.Log, Patient: a.Patient,
	})
	if err != nil {
		return err
	}
	if err := tablesFree(ctx, a.destination, a.Config.Name, a.objects); err != nil {
		return err
	}
	if err := a.slotReady(ctx); err != nil {
		return err
	}
	if a.checkpoint, err = a.destination.Claim(ctx); err != nil {
		return err
	}
	a.setCurrent(a.destination)
	a.connected = true
	a.Step("claimed")
	return nil
}

// prepare brings slot, publications and tables to where the stream can begin.
func (a *attempt) prepare(ctx context.Context) error {
	slot, exists, err := a.source.Slot(ctx, a.slot)
	if err != nil {
		return err
	}
	if err := slotFits(&a.checkpoint, a.source, a.slot, slot, exists, a.TakeOver); err != nil {
		return err
	}
	if unrecorded(&a.checkpoint) {
		return a.begin(ctx, exists)
	}
	return a.resume(ctx)
}

// begin makes the slot, after dropping one that exists, and loads the history of
// every table under the snapshot at which the slot begins.
func (a *attempt) begin(ctx context.Context, exists bool) error {
	if exists {
		if err := a.source.DropSlot(ctx, a.slot); err != nil {
			return err
		}
	}
	if err := a.source.SlotsFree(ctx); err != nil {
		return err
	}
	if err := a.destination.Migrate(ctx, schema.Plan{schema.IntendSlot{Slot: a.slot}}); err != nil {
		return err
	}
	a.Step("slot intended")
	if err := a.publish(ctx); err != nil {
		return err
	}
	a.Step("published")
	snapshot, err := a.source.CreateSlot(ctx, a.slot, false)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	a.Step("slot made")
	wanted := a.replicated()
	if err := a.refresh(ctx, wanted); err != nil {
		return err
	}
	plan := schema.Plan{schema.RecordSlot{
		Slot: a.slot, ConsistentPoint: snapshot.ConsistentPoint,
		SystemIdentifier: a.source.SystemIdentifier, Timeline: a.source.Timeline, At: time.Now(),
	}}
	for _, o := range wanted {
		plan = append(plan, a.beginCopy(o, snapshot.ConsistentPoint)...)
	}
	if err := a.destination.Migrate(ctx, plan); err != nil {
		return err
	}
	a.Step("slot recorded")
	return a.copyAll(ctx, snapshot, wanted)
}

// resume loads the history of tables that have none yet, or not all of it, under
// a snapshot of their own; the others go on at the checkpoint.
func (a *attempt) resume(ctx context.Context) error {
	if err := a.leave(ctx); err != nil {
		return err
	}
	if err := a.publish(ctx); err != nil {
		return err
	}
	var unloaded []*Object
	for _, o := range a.replicated() {
		state := a.state(o.Source.Name)
		if state == nil || !state.Copied || state.OID != o.Source.OID || a.reload[o.Source.Name] || !sameShape(state.Table, o.Table) {
			unloaded = append(unloaded, o)
			continue
		}
		adopt(o, state.Table)
	}
	if err := a.stillThere(ctx, unloaded); err != nil || len(unloaded) == 0 {
		return err
	}
	snapshot, err := a.source.CreateSlot(ctx, a.slot+"_copy", true)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	if err := a.refresh(ctx, unloaded); err != nil {
		return err
	}
	var plan schema.Plan
	for _, o := range unloaded {
		plan = append(plan, a.beginCopy(o, snapshot.ConsistentPoint)...)
	}
	if err := a.destination.Migrate(ctx, plan); err != nil {
		return err
	}
	a.Step("copy resumed")
	return a.copyAll(ctx, snapshot, unloaded)
}

// refresh describes objects again as they are after a snapshot was taken. What
// the catalog showed before may be older: a column that came in between would
// be missing in the copy, and so would what was written to it until then.
func (a *attempt) refresh(ctx context.Context, objects []*Object) error {
	fresh, err := Objects(ctx, a.source, a.Config)
	if err != nil {
		return err
	}
	for _, o := range objects {
		i := slices.IndexFunc(fresh, func(f Object) bool { return f.Source.OID == o.Source.OID && f.Table != nil })
		if i < 0 || fresh[i].Table.Identity != o.Table.Identity || fresh[i].Source.Name != o.Source.Name {
			return errAgain // dropped, renamed or published in another way by now
		}
		*o = fresh[i]
	}
	return nil
}

// leave forgets objects that are not replicated any more: changes to them are
// not received, so that they would have to be loaded anew.
func (a *attempt) leave(ctx context.Context) error {
	var plan schema.Plan
	for _, state := range a.checkpoint.Tables {
		i := slices.IndexFunc(a.objects, func(o Object) bool { return o.Source.Name == state.Table.Object && o.Table != nil })
		if i < 0 {
			plan = append(plan, schema.Leave{Table: state.Table})
		}
	}
	if len(plan) == 0 {
		return nil
	}
	return a.destination.Migrate(ctx, plan)
}

// stillThere refuses to go on with tables that somebody dropped in the
// destination.
func (a *attempt) stillThere(ctx context.Context, unloaded []*Object) error {
	var names []string
	for _, o := range a.replicated() {
		if !slices.Contains(unloaded, o) {
			names = append(names, o.Table.Name)
		}
	}
	present, err := a.destination.Tables(ctx, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(present, func(t destination.TableInfo) bool { return t.Name == name }) {
			return DestinationGone.New("table %q does not exist", name)
		}
	}
	return nil
}

// replicated are the objects that take part.
func (a *attempt) replicated() (list []*Object) {
	for i := range a.objects {
		if a.objects[i].Table != nil {
			list = append(list, &a.objects[i])
		}
	}
	return list
}

// state is what the destination remembers of an object, or nil.
func (a *attempt) state(object pg.Name) *destination.TableState {
	i := slices.IndexFunc(a.checkpoint.Tables, func(t destination.TableState) bool { return t.Table.Object == object })
	if i < 0 {
		return nil
	}
	return &a.checkpoint.Tables[i]
}

// beginCopy opens a generation of an object, and notes it here as there.
func (a *attempt) beginCopy(o *Object, start pg.LSN) schema.Plan {
	state := destination.TableState{Table: o.Table, OID: o.Source.OID, Generation: 1, Start: start}
	if old := a.state(o.Source.Name); old != nil {
		state.Generation = old.Generation + 1
		*old = state
	} else {
		a.checkpoint.Tables = append(a.checkpoint.Tables, state)
	}
	return schema.Plan{schema.BeginCopy{Table: o.Table, OID: state.OID, Generation: state.Generation, Start: start}}
}

// sameShape reports whether a table that was loaded as one definition can go on
// as another: what changes the rows that are there already cannot. Columns are
// followed by the stream.
func sameShape(loaded, wanted *schema.Table) bool {
	if loaded.Name != wanted.Name || loaded.Mode != wanted.Mode || loaded.Identity != wanted.Identity || len(loaded.Key) != len(wanted.Key) {
		return false
	}
	for i := range loaded.Key {
		if loaded.Columns[loaded.Key[i]].Number != wanted.Columns[wanted.Key[i]].Number {
			return false
		}
	}
	return true
}

// adopt goes on with the columns that the destination has, under the treatments
// that the file asks for now.
func adopt(o *Object, loaded *schema.Table) {
	table := *loaded
	table.OnDelete, table.OnTruncate = o.Table.OnDelete, o.Table.OnTruncate
	o.Table = &table
}

// publish makes the publications publish just the objects that take part; given
// ones are left alone.
func (a *attempt) publish(ctx context.Context) error {
	if a.Config.Source.Publication.Mode == config.PublicationGiven {
		return nil
	}
	var tables []source.Table
	for _, o := range a.replicated() {
		tables = append(tables, o.Source)
	}
	return a.source.Publish(ctx, a.slot, tables)
}

// publications are the names that the stream asks for.
func (a *attempt) publications() []string {
	if a.Config.Source.Publication.Mode == config.PublicationGiven {
		return a.Config.Source.Publication.Names
	}
	return source.ManagedPublications(a.slot)
}
