package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
)

// checkpointThreshold is the size of the write-ahead log at which DuckDB folds
// it into the file. The default of 16 MiB makes a steady stream pay for one
// every few batches.
const checkpointThreshold = "64MiB"

// file is one database file, shared by all pipelines of this process that load
// into it, for a process must open a file once only. It is open while there is
// work and a short time after.
type file struct {
	path string
	pace pace

	// tables is shared by what reads and writes rows, and held alone by what
	// changes tables: a transaction on a table that was altered meanwhile cannot
	// commit. stream is held alone by what writes changes; it is entered second.
	tables gate
	stream gate
	loads  atomic.Int64 // numbers the views of loads

	owners int // guarded by the registry

	mu    sync.Mutex
	users int
	// last says that the end of the last use closes the file: it has no owner any
	// more, or DuckDB refuses to go on with it.
	last      bool
	connector *duck.Connector
	idle      *time.Timer
}

// patience says how long to wait for a file that another process holds.
type patience struct {
	forever bool // until the context ends
	limit   time.Duration
	log     *slog.Logger
}

// open begins a use of the file, waiting while another process holds it.
func (f *file) open(ctx context.Context, settings *Settings, p patience) (*session, error) {
	began, told := time.Now(), false
	for {
		s, err := f.enter(ctx, settings)
		if !fault.Has(err, destination.Locked) {
			return s, err
		}
		if !p.forever && time.Since(began) >= p.limit {
			return nil, err
		}
		if !told {
			told = true
			p.log.WarnContext(ctx, "the destination's file is in use; waiting", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(f.pace.retry):
		}
	}
}

// enter makes a session; it opens the file if need be.
func (f *file) enter(ctx context.Context, settings *Settings) (*session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == 0 && f.last {
		f.shut()
	}
	opened := f.connector == nil
	if opened {
		connector, err := duck.NewConnector(f.path+"?"+settings.options(), perConnection)
		if err != nil {
			return nil, f.explain(err)
		}
		f.connector = connector
	}
	s, err := connect(ctx, f.connector)
	if err == nil && opened && settings.MemoryLimit == 0 {
		err = s.limitMemory(ctx)
	}
	if err != nil {
		f.rest()
		return nil, classify(err)
	}
	f.users++
	return s, nil
}

// options are the settings as DuckDB takes them on opening a file: what it does
// then, replaying the log above all, is bound by them too. A file of another
// kind must not make it fetch an extension that could read it.
func (s *Settings) options() string {
	options := url.Values{
		"checkpoint_threshold":         {checkpointThreshold},
		"preserve_insertion_order":     {"false"},
		"autoinstall_known_extensions": {"false"},
	}
	if s.MemoryLimit > 0 {
		options.Set("memory_limit", strconv.FormatInt(int64(s.MemoryLimit), 10)+"B")
	}
	if s.Threads > 0 {
		options.Set("threads", strconv.Itoa(s.Threads))
	}
	if s.TempDirectory != "" {
		options.Set("temp_directory", s.TempDirectory)
	}
	return options.Encode()
}

// perConnection sets what belongs to a connection.
func perConnection(conn driver.ExecerContext) error {
	_, err := conn.ExecContext(context.Background(), "SET TimeZone = 'UTC'", nil)
	return err
}

// done ends a use of the file. After an error that DuckDB calls fatal it refuses
// all work: the next use opens the file anew.
func (f *file) done(s *session, err error) {
	_ = s.close() // nothing is pending on it
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users--
	f.last = f.last || isFatal(err)
	f.rest()
}

// rest closes the file, at once or after a time, unless it is in use.
func (f *file) rest() {
	switch {
	case f.users > 0:
	case f.last:
		f.shut()
	default:
		f.stopTimer()
		f.idle = f.pace.after(f.pace.idle, f.release)
	}
}

func (f *file) stopTimer() {
	if f.idle != nil {
		f.idle.Stop()
	}
}

// release closes the file after a time without work.
func (f *file) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == 0 {
		f.shut()
	}
}

// leave closes the file, which has no owner any more, after its last use.
func (f *file) leave() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = true
	f.rest()
	return nil
}

// shut closes the file. A checkpoint that fails then is made again when the file
// is opened next.
func (f *file) shut() {
	f.stopTimer()
	if f.connector != nil {
		_ = f.connector.Close() // never fails
	}
	f.connector, f.last = nil, false
}
