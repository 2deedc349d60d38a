package duckdb

import (
	"errors"
	"regexp"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/destination"
)

var lockHolder = regexp.MustCompile(`(?i)conflicting lock is held in (.*?) ?\(PID (\d+)\)`)

// classify turns errors of DuckDB that a user can act on into faults. DuckDB has
// classes of errors but no codes, so that the text has to tell the rest.
func classify(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "Could not set lock on file"):
		return lockedFault(text).By(err)
	case strings.Contains(text, "No space left on device"), strings.Contains(text, "Disk quota exceeded"):
		return destination.Full.Wrap(err)
	case strings.Contains(text, "not a valid DuckDB database file"),
		strings.Contains(text, "was created with a newer version"),
		strings.Contains(text, "Corrupt database file"),
		strings.Contains(text, "checksum"):
		return destination.Corrupt.Wrap(err)
	case strings.Contains(text, "Permission denied"), strings.Contains(text, "Read-only file system"),
		strings.Contains(text, "read-only mode"):
		return destination.NotWritable.Wrap(err)
	case strings.Contains(text, "Cannot open file") && strings.Contains(text, "No such file or directory"):
		return destination.Unreachable.Wrap(err).Do("make the folder, or correct destination.path")
	}
	var d *duck.Error
	if errors.As(err, &d) && d.Type == duck.ErrorTypeOutOfMemory {
		return destination.OutOfMemory.Wrap(err)
	}
	return err
}
