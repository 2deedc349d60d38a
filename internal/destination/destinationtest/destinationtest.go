// Package destinationtest is the suite that every kind of destination must pass.
//
// A scenario is a story: rows come, change and go, transactions commit. It is
// led through the real batch builder to the destination under test and to the
// model in memory; what the two hold afterwards is compared, all but the time of
// loading. Stories are told in several rhythms (all at once, in small parts, in
// small batches), for where batches are cut must not show.
package destinationtest

import (
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/destination/memory"
	"trunkline/internal/schema"
)

// Target is the kind of destination under test.
type Target struct {
	// New makes an empty store, for one test.
	New func(t *testing.T) Store
	// Concurrent says that the store's rows can be read while a batch is being
	// applied.
	Concurrent bool
}

// Store is what outlives the destinations opened on it, as a file outlives
// processes.
type Store interface {
	// Open opens a destination on the store, as a process does when it starts. The
	// settings are the store's.
	Open(o destination.Options) (destination.Destination, error)
	// Rows reads all rows of a table, marked ones too: the text of each column of
	// the definition, nil for null, in any order. It fails if there is no such
	// table or column.
	Rows(t *schema.Table) ([][]*string, error)
	// Side reads the values of a table that its columns could not hold.
	Side(t *schema.Table) ([]destination.OverflowValue, error)
}

// Run runs the suite.
func Run(t *testing.T, target Target) {
	for _, group := range []struct {
		name string
		run  func(*testing.T, Target)
	}{
		{"copy", testCopy},
		{"merge", testMerge},
		{"unchanged", testUnchanged},
		{"without key", testWithoutKey},
		{"append", testAppend},
		{"overflow", testOverflow},
		{"fence", testFence},
		{"batch", testBatch},
		{"faults", testFaults},
		{"migrate", testMigrate},
		{"kept", testKept},
		{"bookkeeping", testBookkeeping},
		{"names", testNames},
		{"large", testLarge},
		{"readers", testReaders},
		{"cuts", testCuts},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, target) })
	}
}

// Memory is the destination in memory as a target.
func Memory() Target {
	return Target{New: func(*testing.T) Store { return newModel() }, Concurrent: true}
}

// model is the store with which every other is compared.
type model struct {
	kind  destination.Kind
	store *memory.Store
}

func newModel() *model {
	store := &memory.Store{}
	return &model{store.Kind(), store}
}

func (m *model) Open(o destination.Options) (destination.Destination, error) { return open(m.kind, o) }

func (m *model) Rows(t *schema.Table) (rows [][]*string, err error) {
	stored := m.store.Table(t.Name)
	if stored == nil {
		return nil, errNoTable(t)
	}
	for _, row := range stored.Rows {
		out := make([]*string, len(t.Columns))
		for i := range t.Columns {
			at := stored.Definition.FindName(t.Columns[i].Name)
			if at < 0 {
				return nil, errNoColumn(t, i)
			}
			out[i] = row[at]
		}
		rows = append(rows, out)
	}
	return rows, nil
}

func (m *model) Side(t *schema.Table) (values []destination.OverflowValue, err error) {
	for v := range m.store.Table(t.Name).Overflow {
		values = append(values, v)
	}
	return values, nil
}
