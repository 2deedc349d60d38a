package batch

import (
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

// stage collects the changes of one table in a part.
type stage interface {
	table() *schema.Table
	insert(r *Route, e event, t pgoutput.Tuple) error
	update(r *Route, e event, m *pgoutput.Message) error
	delete(r *Route, e event, m *pgoutput.Message) error
	// seal ends the collection; the result aliases the stage until reset.
	seal() *Changes
	// size is about how many bytes the stage takes.
	size() int
	reset()
}

// Limits bound a part.
type Limits struct {
	Events int
	Bytes  int
}

// Builder turns changes into parts. It is used by one goroutine; Release may be
// called by another.
type Builder struct {
	limits Limits
	now    event
	// open are the stages of the part under way, in the order in which they are
	// applied; current finds the last one of each table.
	open    []*openStage
	current map[*schema.Table]*openStage
	last    *openStage // the stage of the last change
	events  int
	// size is that of the stages when it was last measured; it is measured again
	// at so many events, or as soon as so many bytes have come since.
	size    int
	sizedAt int
	came    int
	free    pool
}

type openStage struct {
	stage    stage
	truncate *Truncate
}

// NewBuilder makes a builder of parts within limits.
func NewBuilder(limits Limits) *Builder {
	return &Builder{limits: limits, current: map[*schema.Table]*openStage{}}
}

// Begin starts a transaction: its commit record starts at lsn and says
// committed; received is when its frames arrived.
func (b *Builder) Begin(lsn pg.LSN, committed, received pg.Micros) {
	b.now = event{lsn: lsn, committed: committed, received: received}
}

// Events is the number of changes in the part under way.
func (b *Builder) Events() int { return b.events }

// Empty reports whether a part made now would do nothing.
func (b *Builder) Empty() bool { return len(b.open) == 0 }

const (
	// sizedEvery is after how many changes the size is measured.
	sizedEvery = 256
	// noticed is which part of the limit does not wait for that: a few long values
	// would else fill the memory unseen.
	noticed = 64
)

// Full reports whether the part under way has reached a limit.
func (b *Builder) Full() bool {
	if b.events >= b.limits.Events {
		return true
	}
	if b.events >= b.sizedAt || b.came >= b.limits.Bytes/noticed {
		b.measure()
	}
	return b.size >= b.limits.Bytes
}

// measure finds the size. Where it has grown much, it is found again at the next
// change: an update may copy a long value that did not come again.
func (b *Builder) measure() {
	before := b.size
	b.size, b.came, b.sizedAt = 0, 0, b.events+sizedEvery
	for _, o := range b.open {
		b.size += o.stage.size()
	}
	if b.size-before >= b.limits.Bytes/noticed {
		b.sizedAt = b.events + 1
	}
}

// weigh counts the bytes of values that come.
func (b *Builder) weigh(t pgoutput.Tuple) {
	for i := range t {
		b.came += len(t[i].Data)
	}
}

// Insert adds the insert in m.
func (b *Builder) Insert(r *Route, m *pgoutput.Message) error {
	if err := r.check(m.New); err != nil {
		return err
	}
	b.weigh(m.New)
	return b.stage(r.Table).insert(r, b.now, m.New)
}

// Update adds the update in m. It may fill in values of m.New.
func (b *Builder) Update(r *Route, m *pgoutput.Message) error {
	if err := r.check(m.New); err != nil {
		return err
	}
	if len(m.Old) > 0 {
		if err := r.check(m.Old); err != nil {
			return err
		}
	}
	b.weigh(m.Old)
	b.weigh(m.New)
	stage, twice := b.stage(r.Table), r.Table.Mode == schema.Append && movedKey(m)
	err := stage.update(r, b.now, m)
	if twice {
		b.now.sequence++ // it has become a delete and an insert
	}
	return err
}

// Delete adds the delete in m.
func (b *Builder) Delete(r *Route, m *pgoutput.Message) error {
	if err := r.check(m.Old); err != nil {
		return err
	}
	b.weigh(m.Old)
	return b.stage(r.Table).delete(r, b.now, m)
}

// Truncate adds the truncate of a table.
func (b *Builder) Truncate(table *schema.Table) error {
	if table.Mode == schema.Append {
		log := b.stage(table).(*changeLog)
		return log.truncate(b.now)
	}
	if table.OnTruncate == schema.Ignore {
		b.stage(table) // the table takes part, though nothing happens to it
		return nil
	}
	b.events++
	b.now.sequence++
	if table.OnTruncate == schema.Delete {
		b.discard(table)
	}
	b.push(table, &Truncate{Received: b.now.received, Committed: b.now.committed})
	return nil
}

// discard drops what the part was to do to a table: it is emptied anyway.
func (b *Builder) discard(table *schema.Table) {
	kept := b.open[:0]
	for _, o := range b.open {
		if o.stage.table() == table {
			b.free.put(o.stage)
		} else {
			kept = append(kept, o)
		}
	}
	b.open, b.last = kept, nil
	delete(b.current, table)
}

// stage is where changes of a table go now.
func (b *Builder) stage(table *schema.Table) stage {
	b.events++
	b.now.sequence++
	if b.last != nil && b.last.stage.table() == table {
		return b.last.stage
	}
	o := b.current[table]
	if o == nil {
		o = b.push(table, nil)
	}
	b.last = o
	return o.stage
}

func (b *Builder) push(table *schema.Table, truncate *Truncate) *openStage {
	o := &openStage{stage: b.free.get(table), truncate: truncate}
	b.open = append(b.open, o)
	b.current[table] = o
	b.last = o
	return o
}

// Seal ends the part under way and begins the next. The part is to be given
// back by Release.
func (b *Builder) Seal() *Part {
	p := &Part{Events: b.events}
	for _, o := range b.open {
		c := o.stage.seal()
		c.Truncate = o.truncate
		p.Changes = append(p.Changes, c)
		p.stages = append(p.stages, o.stage)
	}
	b.open, b.last = nil, nil
	clear(b.current)
	b.events, b.size, b.sizedAt, b.came = 0, 0, 0, 0
	return p
}

// Release gives back the memory of a part, which must not be used afterwards.
func (b *Builder) Release(p *Part) {
	for _, c := range p.Changes {
		c.release()
	}
	for _, s := range p.stages {
		b.free.put(s)
	}
	p.Changes, p.stages = nil, nil
}
