package duckdb

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"trunkline/internal/destination"
)

// registry are the files that a process has open, each once.
type registry struct {
	pace pace
	mu   sync.Mutex
	list []*file
}

// pace is how long files are held and waited for.
type pace struct {
	// idle is how long a file stays open without work. While it is open no other
	// process can read it.
	idle time.Duration
	// retry is how often a file that another process holds is tried again.
	retry time.Duration
	// after calls a function after a time.
	after func(time.Duration, func()) *time.Timer
}

// files are the open files of this process. The lock of a file belongs to the
// process, so this cannot but be one per process.
var files = registry{pace: pace{idle: 2 * time.Second, retry: 250 * time.Millisecond, after: time.AfterFunc}}

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
	f := &file{path: path, pace: r.pace, owners: 1}
	r.list = append(r.list, f)
	return f
}

// leave gives the file back; with the last owner it is closed.
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
	return f.leave()
}

// sameFile compares by device and inode. It must not open either file: closing
// it again would drop the lock that DuckDB holds on it.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// maxLinks is how many symbolic links a path may lead through, as on Linux.
const maxLinks = 40

// resolve is the absolute path without symbolic links, whether the file exists
// or not. DuckDB keeps its write-ahead log beside the name by which a file was
// opened: under another name, what only the log holds would not be seen.
func resolve(path string) (string, error) {
	if strings.ContainsAny(path, "?%") || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "md:") {
		return "", destination.SettingsRefused.New("%q is not the name of a file that DuckDB opens", path).
			On("destination.path").Do(`name a file, without "?" and "%%"`)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", destination.Unreachable.Wrap(err).On("destination.path")
	}
	for range maxLinks {
		folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
		if err != nil {
			return "", destination.Unreachable.New("the folder %s does not exist", filepath.Dir(absolute)).
				On("destination.path").Do("make the folder, or correct the path").By(err)
		}
		if info, err := os.Stat(folder); err == nil && !info.IsDir() {
			return "", destination.Unreachable.New("%s is not a folder", folder).
				On("destination.path").Do("name a file in a folder")
		}
		absolute = filepath.Join(folder, filepath.Base(absolute))
		target, err := os.Readlink(absolute)
		if err != nil {
			return absolute, notFolder(absolute)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(folder, target)
		}
		absolute = target
	}
	return "", destination.Unreachable.New("%s leads through too many symbolic links", path).On("destination.path")
}

func notFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return destination.Unreachable.New("%s is a folder", path).On("destination.path").Do("name a file in it")
	}
	return nil
}
