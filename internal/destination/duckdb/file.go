package duckdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	duck "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
)

const (
	// idleBeforeRelease is how long the file stays open without work. While it is
	// open no other process can read it.
	idleBeforeRelease = 2 * time.Second
	// lockRetry is how often a file that another process holds is tried again.
	lockRetry = 250 * time.Millisecond
	// checkpointThreshold is the size of the write-ahead log at which DuckDB folds
	// it into the file. The default of 16 MiB makes a steady stream pay for one
	// every few batches.
	checkpointThreshold = "64MiB"
)

// file is one database file, shared by all pipelines of this process that load
// into it, for a process must open a file once only. It is open while there is
// work and a short time after.
type file struct {
	path string

	// migration is held shared by what reads and writes rows and exclusively by
	// what changes tables: a transaction on a table that was altered meanwhile
	// cannot commit. apply is held by what writes changes.
	migration sync.RWMutex
	apply     sync.Mutex
	loads     atomic.Int64 // numbers the views of loads

	mu        sync.Mutex
	owners    int
	users     int
	broken    bool
	connector *duck.Connector
	idle      *time.Timer
}

// files are the open files of this process. The lock of a file belongs to the
// process, so this cannot but be one per process.
var files registry

type registry struct {
	mu   sync.Mutex
	list []*file
}

// take finds the file at path or adds it.
func (r *registry) take(path string) *file {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.list {
		if f.path == path || sameFile(f.path, path) {
			f.owners++
			return f
		}
	}
	f := &file{path: path, owners: 1}
	r.list = append(r.list, f)
	return f
}

// leave gives the file back; the last owner closes it.
func (r *registry) leave(f *file) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.owners--
	if f.owners > 0 {
		return nil
	}
	for i, other := range r.list {
		if other == f {
			r.list = append(r.list[:i], r.list[i+1:]...)
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shut()
}

// sameFile compares by device and inode. It must not open either file: closing
// it again would drop the lock that DuckDB holds on it.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// resolve is the absolute path without symbolic links in its folder.
func resolve(path string) (string, error) {
	if strings.ContainsAny(path, "?%") || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "md:") {
		return "", destination.SettingsRefused.New("%q is not the name of a file that DuckDB opens", path).
			On("destination.path").Do(`name a file, without "?" and "%%"`)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", destination.Unreachable.Wrap(err).On("destination.path")
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
	if err != nil {
		return "", destination.Unreachable.New("the folder %s does not exist", filepath.Dir(absolute)).
			On("destination.path").Do("make the folder, or correct the path").By(err)
	}
	if info, err := os.Stat(absolute); err == nil && info.IsDir() {
		return "", destination.Unreachable.New("%s is a folder", absolute).
			On("destination.path").Do("name a file in it")
	}
	return filepath.Join(folder, filepath.Base(absolute)), nil
}

// patience says how long to wait for a file that another process holds.
type patience struct {
	limit time.Duration // 0 means until the context ends
	log   *slog.Logger
}

// open begins a use of the file: it opens it if need be and makes a session.
func (f *file) open(ctx context.Context, settings *Settings, p patience) (*session, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.idle != nil {
		f.idle.Stop()
	}
	if f.broken && f.users == 0 {
		_ = f.shut() // the error that broke it has been reported
	}
	if f.connector == nil {
		if err := f.start(ctx, settings, p); err != nil {
			return nil, err
		}
	}
	s, err := f.connect(ctx)
	if err != nil {
		return nil, err
	}
	f.users++
	return s, nil
}

func (f *file) connect(ctx context.Context) (*session, error) {
	conn, err := f.connector.Connect(ctx)
	if err != nil {
		return nil, classify(err)
	}
	return newSession(conn)
}

// done ends a use of the file. An error that DuckDB calls fatal, after which it
// refuses all work, makes the next use open the file anew.
func (f *file) done(s *session, err error) {
	_ = s.close() // nothing is pending on it
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users--
	if isFatal(err) {
		f.broken = true
	}
	if f.users > 0 {
		return
	}
	if f.broken {
		_ = f.shut() // the error that broke it is on its way to the caller
		return
	}
	if f.idle == nil {
		f.idle = time.AfterFunc(idleBeforeRelease, f.release)
	} else {
		f.idle.Reset(idleBeforeRelease)
	}
}

func isFatal(err error) bool {
	if fault.Has(err, destination.Full) {
		return true
	}
	var d *duck.Error
	return errors.As(err, &d) && (d.Type == duck.ErrorTypeFatal || d.Type == duck.ErrorTypeInternal)
}

// release closes the file after a time without work.
func (f *file) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == 0 {
		_ = f.shut() // a checkpoint that fails here is made again at the next open
	}
}

func (f *file) shut() error {
	f.broken = false
	if f.idle != nil {
		f.idle.Stop()
	}
	if f.connector == nil {
		return nil
	}
	err := f.connector.Close()
	f.connector = nil
	return classify(err)
}

// start opens the file, waiting while another process holds it.
func (f *file) start(ctx context.Context, settings *Settings, p patience) error {
	began := time.Now()
	told := false
	for {
		connector, err := duck.NewConnector(f.path, perConnection)
		if err == nil {
			f.connector = connector
			return f.configure(ctx, settings)
		}
		err = classify(err)
		if !fault.Has(err, destination.Locked) {
			return err
		}
		if p.limit > 0 && time.Since(began) > p.limit {
			return err
		}
		if !told {
			told = true
			p.log.WarnContext(ctx, "the destination's file is in use; waiting", "error", err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(lockRetry):
		}
	}
}

// perConnection sets what belongs to a connection.
func perConnection(conn driver.ExecerContext) error {
	_, err := conn.ExecContext(context.Background(), "SET TimeZone = 'UTC'", nil)
	return err
}

// configure sets what belongs to the open file.
func (f *file) configure(ctx context.Context, settings *Settings) error {
	s, err := f.connect(ctx)
	if err != nil {
		return errors.Join(err, f.shut())
	}
	defer s.close()
	options := []string{
		fmt.Sprintf("SET memory_limit = '%dB'", int64(settings.MemoryLimit)),
		"SET checkpoint_threshold = '" + checkpointThreshold + "'",
		"SET preserve_insertion_order = false",
		"SET autoinstall_known_extensions = false",
	}
	if settings.Threads > 0 {
		options = append(options, fmt.Sprintf("SET threads = %d", settings.Threads))
	}
	if settings.TempDirectory != "" {
		options = append(options, "SET temp_directory = "+literal(settings.TempDirectory))
	}
	for _, option := range options {
		if _, err := s.exec(ctx, option); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", option, err), f.shut())
		}
	}
	return nil
}

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
