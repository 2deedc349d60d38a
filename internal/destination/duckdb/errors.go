package duckdb

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

// classify turns errors of DuckDB that a user can act on into faults. DuckDB has
// classes of errors but no codes, so that the text has to tell the rest.
func classify(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	said := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	as := func(k *fault.Kind) *fault.Error { return k.New("%s", sentence(text)).By(err) }
	switch {
	case said("Could not set lock on file"):
		return lockedFault(text).By(err)
	case said("No space left on device", "Disk quota exceeded"):
		return as(destination.Full)
	case said("sqlite_scanner"):
		return destination.Corrupt.New("the file is an SQLite database").On("destination.path").By(err)
	case said("not a valid DuckDB database file", "newer version of DuckDB", "Corrupt database file",
		"checksum", "Could not read enough bytes"):
		return as(destination.Corrupt).On("destination.path")
	case said("Permission denied", "Read-only file system", "read-only mode"):
		return as(destination.NotWritable).On("destination.path")
	case said("Cannot open file") && said("No such file or directory"):
		return as(destination.Unreachable).On("destination.path").Do("make the folder, or correct the path")
	}
	// A commit that finds no memory says so in an error of transactions.
	var d *duck.Error
	if errors.As(err, &d) && d.Type == duck.ErrorTypeOutOfMemory || said("could not allocate block", "failed to allocate") {
		return as(destination.OutOfMemory).On("destination.memory_limit")
	}
	return err
}

// noise is what the driver and DuckDB put in front of the sentence that says
// what is wrong.
var noise = []string{
	"database/sql/driver: ", "could not connect to database: ",
	"IO Error: ", "Out of Memory Error: ", "Catalog Error: ", "Binder Error: ",
}

// sentence is DuckDB's own sentence in a message.
func sentence(text string) string {
	for _, prefix := range noise {
		text = strings.TrimPrefix(text, prefix)
	}
	text, _, _ = strings.Cut(text, "\n")
	return strings.TrimRight(text, "!.")
}

// explain is classify for an error on opening the file. It looks at the file's
// name alone: see sameFile.
func (f *file) explain(err error) error {
	err = classify(err)
	e, ok := fault.Of(err)
	if !ok || e.Kind != destination.Corrupt {
		return err
	}
	if info, statErr := os.Stat(f.path); statErr == nil && info.Size() == 0 {
		return e.Do("the file is empty: remove it, it is then made anew")
	}
	return err
}

// changed tells a table that somebody altered in the destination from other
// errors of a statement on it.
func changed(t *schema.Table, err error) error {
	var d *duck.Error
	if errors.As(err, &d) && (d.Type == duck.ErrorTypeCatalog || d.Type == duck.ErrorTypeBinder) {
		return destination.TableChanged.New("%s", sentence(err.Error())).On(t.Object.String()).By(err)
	}
	return err
}

// isFatal reports whether any error of the tree is one after which DuckDB
// refuses to go on with the open file. errors.As would see the first of its kind
// only, and that of a rollback comes second.
//
//nolint:errorlint // this is the walk itself
func isFatal(err error) bool {
	if e, ok := err.(*fault.Error); ok && e.Kind == destination.Full {
		return true
	}
	if d, ok := err.(*duck.Error); ok && (d.Type == duck.ErrorTypeFatal || d.Type == duck.ErrorTypeInternal) {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return isFatal(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if isFatal(inner) {
				return true
			}
		}
	}
	return false
}

var lockHolder = regexp.MustCompile(`(?i)conflicting lock is held in (.*?) ?\(PID (\d+)\)`)

// lockedFault names the process that holds the file.
func lockedFault(text string) *fault.Error {
	m := lockHolder.FindStringSubmatch(text)
	if m == nil {
		return destination.Locked.New("another process holds the file")
	}
	return destination.Locked.New("%s holds the file", holder(m[1], m[2])).On("destination.path")
}

func holder(program, pid string) string {
	if program == "" {
		return "process " + pid
	}
	return fmt.Sprintf("process %s (%s)", pid, program)
}
