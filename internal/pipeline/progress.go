package pipeline

import (
	"sync"
	"sync/atomic"
	"time"

	"trunkline/internal/pg"
)

// Phase is what a pipeline is doing as a whole.
type Phase string

// The phases of a run.
const (
	Starting  Phase = "starting"
	Copying   Phase = "historical load"
	Streaming Phase = "streaming"
	Retrying  Phase = "retrying"
	Stopped   Phase = "stopped"
)

// Snapshot is the progress of a pipeline at a moment, for people and programs.
type Snapshot struct {
	Phase Phase `json:"phase"`
	// Note says what is waited for or what went wrong last.
	Note   string        `json:"note,omitempty"`
	Tables []TableStatus `json:"tables"`
	// Changes is the number of changes applied since the start.
	Changes int64 `json:"changes"`
	Walk    Walk  `json:"-"`
	// LagSeconds is the age of the oldest change that is not readable in the
	// destination; LagBytes the WAL between the server's end and the checkpoint.
	LagSeconds float64 `json:"lag_seconds"`
	LagBytes   int64   `json:"lag_bytes"`
	// RetainedWAL is what the server keeps for the slot, in bytes.
	RetainedWAL int64     `json:"retained_wal_bytes"`
	Spooled     int64     `json:"spooled_bytes"`
	At          time.Time `json:"at"`
}

// TableStatus is the progress of one object.
type TableStatus struct {
	Object string `json:"object"`
	Table  string `json:"table,omitempty"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Rows and Bytes are what the historical load has read; RowsEstimate what the
	// server thinks there is, and Percent how much of the heap is done. A run that
	// finds the history loaded has read nothing, and has no percent to show.
	Rows         int64   `json:"rows"`
	Bytes        int64   `json:"bytes"`
	RowsEstimate int64   `json:"rows_estimate"`
	Percent      float64 `json:"percent,omitempty"`
	// ETA is how long the rest of the load will take, in seconds; 0 if unknown.
	ETA     float64 `json:"eta_seconds,omitempty"`
	Changes int64   `json:"changes"`
}

// progress collects what a run reports; every method may be called by any
// goroutine.
type progress struct {
	mu      sync.Mutex
	phase   Phase
	note    string
	walk    Walk
	tables  map[pg.Name]*tableProgress
	order   []pg.Name
	server  pg.LSN
	oldest  time.Time // commit of the oldest change that is not applied
	wal     int64
	spooled int64
	changes atomic.Int64
}

type tableProgress struct {
	table        string
	state        State
	reason       string
	rowsEstimate int64
	blocks, done int64
	began        time.Time
	rows, bytes  atomic.Int64
	changes      atomic.Int64
}

func newProgress() *progress {
	return &progress{phase: Starting, tables: map[pg.Name]*tableProgress{}}
}

func (p *progress) setPhase(phase Phase, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.note = phase, note
}

// setObjects starts over with these objects, keeping the counts of those known.
func (p *progress) setObjects(objects []Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = p.order[:0]
	for _, o := range objects {
		t := p.tables[o.Source.Name]
		if t == nil {
			t = &tableProgress{}
			p.tables[o.Source.Name] = t
		}
		t.state, t.reason, t.rowsEstimate = o.State, o.Reason, o.Source.Rows
		if o.Table != nil {
			t.table = o.Table.Name
		}
		p.order = append(p.order, o.Source.Name)
	}
}

func (p *progress) table(name pg.Name) *tableProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tables[name]
}

func (p *progress) setState(name pg.Name, state State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tables[name].state = state
}

func (p *progress) beginCopy(name pg.Name, blocks int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tables[name]
	t.state, t.blocks, t.done, t.began = HistoricalLoad, blocks, 0, time.Time{}
	t.rows.Store(0)
	t.bytes.Store(0)
}

func (p *progress) beginChunk(name pg.Name) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tables[name]; t.began.IsZero() {
		t.began = time.Now()
	}
}

func (p *progress) endChunk(name pg.Name, blocks int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tables[name].done += blocks
}

func (p *progress) setWalk(w Walk, server pg.LSN, oldest time.Time, spooled int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.walk, p.server, p.oldest, p.spooled = w, server, oldest, spooled
}

func (p *progress) setRetained(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wal = bytes
}

func (p *progress) snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Snapshot{
		Phase: p.phase, Note: p.note, Changes: p.changes.Load(), Walk: p.walk,
		RetainedWAL: p.wal, Spooled: p.spooled, At: time.Now(),
		Tables: make([]TableStatus, 0, len(p.order)), // none is [] in JSON, not null
	}
	if p.server > p.walk.Checkpointed {
		s.LagBytes = int64(p.server - p.walk.Checkpointed)
	}
	if !p.oldest.IsZero() {
		s.LagSeconds = max(0, time.Since(p.oldest).Seconds())
	}
	for _, name := range p.order {
		s.Tables = append(s.Tables, p.tables[name].status(name))
	}
	return s
}

func (t *tableProgress) status(name pg.Name) TableStatus {
	s := TableStatus{
		Object: name.String(), Table: t.table, State: t.state, Reason: t.reason,
		Rows: t.rows.Load(), Bytes: t.bytes.Load(), RowsEstimate: t.rowsEstimate, Changes: t.changes.Load(),
	}
	switch {
	case t.state == CatchingUp || t.state == Active:
		if s.Rows > 0 {
			s.Percent = 100
		}
	case t.state != HistoricalLoad:
	case t.rowsEstimate > 0:
		// Rows come steadily; blocks are counted only as chunks end.
		s.Percent = min(99.9, 100*float64(s.Rows)/float64(t.rowsEstimate))
	case t.blocks > 0:
		s.Percent = 100 * float64(t.done) / float64(t.blocks)
	}
	if s.Percent > 0 && s.Percent < 100 && !t.began.IsZero() {
		s.ETA = time.Since(t.began).Seconds() * (100 - s.Percent) / s.Percent
	}
	return s
}
