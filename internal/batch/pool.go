package batch

import (
	"sync"

	"trunkline/internal/schema"
)

// pool keeps emptied stages for the next part of the same table, so that a
// steady stream allocates nothing. Two of a table are enough: one fills while
// the other is applied.
type pool struct {
	mu     sync.Mutex
	stages map[*schema.Table][]stage
}

const (
	keptPerTable = 2
	keptTables   = 64
)

func (p *pool) get(table *schema.Table) stage {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.stages[table]
	if len(list) == 0 {
		return newStage(table)
	}
	s := list[len(list)-1]
	p.stages[table] = list[:len(list)-1]
	return s
}

func (p *pool) put(s stage) {
	s.reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stages == nil || len(p.stages) >= keptTables {
		// Tables come and go, and each change of a table's shape is a new one;
		// starting over bounds what is kept for those that are gone.
		p.stages = map[*schema.Table][]stage{}
	}
	if list := p.stages[s.table()]; len(list) < keptPerTable {
		p.stages[s.table()] = append(list, s)
	}
}
