package duckdb

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"trunkline/internal/destination/destinationtest"
)

// TestSuite runs the suite on files.
func TestSuite(t *testing.T) {
	destinationtest.Run(t, destinationtest.Target{New: newStore, Concurrent: true})
}

func newStore(t *testing.T) destinationtest.Store {
	return destinationtest.SQL(Kind(), settingsOf(filepath.Join(t.TempDir(), "suite.duckdb")), "main")
}

// settingsOf are the defaults for a file.
func settingsOf(path string) *Settings {
	return &Settings{Path: path, Schema: "main", MemoryLimit: 512 << 20, LockTimeout: time.Minute}
}

var quiet = slog.New(slog.DiscardHandler)
