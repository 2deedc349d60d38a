package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"trunkline/internal/pg"
	"trunkline/internal/source"
)

// Before the tables are known the list is empty, not null.
func TestSnapshotWithoutTables(t *testing.T) {
	text, err := json.Marshal(newProgress().snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"tables":[]`) {
		t.Errorf("%s", text)
	}
}

// A table whose history was loaded by an earlier run shows no percentage of it.
func TestNoPercentOfNothing(t *testing.T) {
	p, name := newProgress(), pg.Name{Schema: "public", Name: "rows"}
	p.setObjects([]Object{{Source: source.Table{Name: name}, State: Active}})
	if got := p.snapshot().Tables[0].Percent; got != 0 {
		t.Errorf("%v %% of no rows", got)
	}
	p.table(name).rows.Add(3)
	if got := p.snapshot().Tables[0].Percent; got != 100 {
		t.Errorf("%v %% of a loaded table", got)
	}
}
