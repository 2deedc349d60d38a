package duckdb

import (
	"path/filepath"
	"testing"

	"trunkline/internal/destination/destinationtest"
)

// TestSuite runs the suite on files.
func TestSuite(t *testing.T) {
	destinationtest.Run(t, destinationtest.Target{New: newStore, Concurrent: true})
}

func newStore(t *testing.T) destinationtest.Store {
	return destinationtest.SQL(Kind(), settingsOf(filepath.Join(t.TempDir(), "suite.duckdb")), "main")
}
