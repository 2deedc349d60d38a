package pgserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// roomPrefix begins the name of every directory of ours.
const roomPrefix = "trunkline-pg-"

// socketPathMax is the longest path of a Unix socket: 107 bytes on Linux, less
// on others.
const socketPathMax = 103

// room is the private directory of a running server: its socket and, unless the
// data directory was named, its data.
type room struct {
	path string
	lock *os.File // held as long as the room is in use
}

// newRoom makes a room that the account can reach and whose path is short enough
// for a socket. On the way it removes the rooms of processes that died.
func newRoom(a *account) (*room, error) {
	var refused []error
	for _, base := range bases() {
		sweep(base)
		r, err := newRoomIn(base, a)
		if err == nil {
			return r, nil
		}
		refused = append(refused, err)
	}
	return nil, fmt.Errorf("no place for a private directory: %w", errors.Join(refused...))
}

// bases are the directories tried for rooms: TMPDIR may be deep, or closed to
// the account.
func bases() []string {
	return slices.Compact([]string{os.TempDir(), "/var/tmp", "/tmp"})
}

func newRoomIn(base string, a *account) (*room, error) {
	path, err := mkdirFor(base, a)
	if err != nil {
		return nil, err
	}
	r := &room{path: path}
	if socket := filepath.Join(path, ".s.PGSQL.65535"); len(socket) > socketPathMax {
		err = fmt.Errorf("%s is too long for the path of a socket", base)
	} else {
		err = r.occupy()
	}
	if err != nil {
		r.remove()
		return nil, err
	}
	return r, nil
}

// MkdirTemp makes a new directory in which servers of this process can have
// their data: for root, one that the unprivileged user owns and can reach. The
// caller removes it.
func MkdirTemp() (string, error) {
	a, err := chooseAccount("")
	if err != nil {
		return "", err
	}
	var refused []error
	for _, base := range bases() {
		dir, err := mkdirFor(base, a)
		if err == nil {
			return dir, nil
		}
		refused = append(refused, err)
	}
	return "", fmt.Errorf("no place for a temporary directory: %w", errors.Join(refused...))
}

func mkdirFor(base string, a *account) (string, error) {
	if err := a.checkReach(base); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(base, roomPrefix)
	if err != nil {
		return "", err
	}
	if err := a.give(dir); err != nil {
		_ = os.Remove(dir)
		return "", err
	}
	return dir, nil
}

// lockName is the file in a room that is locked while its process lives.
const lockName = "in-use"

// occupy marks the room as in use. The file gets its name when it is locked, so
// that nobody finds it unlocked.
func (r *room) occupy() error {
	draft, err := os.CreateTemp(r.path, lockName)
	if err != nil {
		return err
	}
	r.lock = draft
	if locked, err := tryLock(draft); !locked {
		return errors.Join(fmt.Errorf("lock %s", draft.Name()), err)
	}
	return os.Rename(draft.Name(), filepath.Join(r.path, lockName))
}

func (r *room) remove() {
	_ = os.RemoveAll(r.path)
	if r.lock != nil {
		_ = r.lock.Close()
	}
}

// sweep removes the rooms in base whose process was killed before it could: a
// data directory is 40 MB at least.
func sweep(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, roomPrefix+"*", lockName))
	for _, path := range locks {
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if locked, _ := tryLock(file); locked {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = file.Close()
	}
}
