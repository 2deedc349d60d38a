package duckdb

import (
	"context"
	"database/sql/driver"
	"path/filepath"
	"testing"

	"trunkline/internal/pg"
)

// stands reads the position and the number of rows, and fails unless the rows
// are those of whole batches up to the position.
func stands(t *testing.T, path string) pg.LSN {
	t.Helper()
	d, err := openFile(path)
	must(t, err)
	defer func() { must(t, d.Close()) }()
	c, err := d.Checkpoint(context.Background())
	must(t, err)
	var rows, keys int64
	must(t, d.use(context.Background(), func(s *session) error {
		return s.query(context.Background(), "SELECT count(*), count(DISTINCT id) FROM plain", func(v []driver.Value) error {
			rows, keys = v[0].(int64), v[1].(int64)
			return nil
		})
	}))
	if want := int64(c.Position.End) * rowsPerBatch; rows != want || keys != want {
		t.Fatalf("at %v there are %d rows of %d keys, want %d", c.Position, rows, keys, want)
	}
	return c.Position.End
}

// TestKilledInside kills a process that has written some parts of a batch.
func TestKilledInside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "killed.duckdb")
	for range 2 {
		c := startChild(t, "stop inside", path)
		if line := c.line(); line != "inside" {
			t.Fatal(line)
		}
		c.kill()
		if at := stands(t, path); at != 0 {
			t.Fatalf("the position is %v after a batch that was not whole", at)
		}
	}
}

// TestKilledAnywhere kills a process that streams, wherever it is; the next one
// goes on. What was said to be applied is there.
func TestKilledAnywhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "killed.duckdb")
	var at pg.LSN
	for n := range 5 {
		c := startChild(t, "stream", path)
		var last string
		for range 3 * (n + 1) {
			last = c.line()
		}
		c.kill()
		before := at
		at = stands(t, path)
		if at < before+pg.LSN(3*(n+1)) {
			t.Fatalf("%s was said, and the position is %v", last, at)
		}
	}
}
