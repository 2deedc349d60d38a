package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
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
