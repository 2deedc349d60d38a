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

// newStore has its tables in a schema of an awkward name.
func newStore(t *testing.T) destinationtest.Store {
	settings := settingsOf(filepath.Join(t.TempDir(), "it's a suite.duckdb"))
	settings.Schema = `the "Schema"`
	return destinationtest.SQL(Kind(), settings, settings.Schema)
}
