package duckdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"trunkline/internal/schema"
)

// TestKept keeps a table that somebody has put an index on, and marks in; the
// file as it is on disk then, its log not folded in, says the same.
func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.duckdb")
	d, _, err := claimFile(path)
	must(t, err)
	defer d.Close()
	exec := func(d *database, sql string) {
		must(t, d.exclusively(t.Context(), func(s *session) error { return s.exec(t.Context(), sql) }))
	}
	exec(d, "INSERT INTO plain VALUES (1, 'a', now(), now(), now(), true), (2, 'b', now(), now(), now(), false)")
	exec(d, "CREATE INDEX theirs ON plain (v)")
	must(t, d.Migrate(t.Context(), schema.Plan{schema.BeginCopy{Table: plain, Generation: 2}}))

	const rows = "SELECT (SELECT count(*) FROM plain) * 100 + (SELECT count(*) FROM plain__before_2)"
	must(t, holdsRows(t.Context(), d, rows, 2))
	left := filepath.Join(t.TempDir(), "left.duckdb")
	for _, suffix := range []string{"", ".wal"} {
		data, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, os.WriteFile(left+suffix, data, 0o600))
	}
	after, err := openFile(left)
	must(t, err)
	defer after.Close()
	must(t, holdsRows(t.Context(), after, rows, 2))
}

// TestKeptAltered keeps a table whose marks somebody has removed.
func TestKeptAltered(t *testing.T) {
	d, _, err := claimFile(filepath.Join(t.TempDir(), "altered.duckdb"))
	must(t, err)
	defer d.Close()
	must(t, d.exclusively(t.Context(), func(s *session) error {
		return s.exec(t.Context(), "ALTER TABLE plain DROP COLUMN marked; INSERT INTO plain (id) VALUES (1)")
	}))
	must(t, d.Migrate(t.Context(), schema.Plan{schema.BeginCopy{Table: plain, Generation: 2}}))
	must(t, holdsRows(t.Context(), d, "SELECT count(*) FROM plain__before_2", 1))
}

func holdsRows(ctx context.Context, d *database, sql string, want int64) error {
	return d.use(ctx, func(s *session) error {
		n, err := s.count(ctx, sql)
		if err == nil && n != want {
			err = fmt.Errorf("%s: %d, want %d", sql, n, want)
		}
		return err
	})
}
