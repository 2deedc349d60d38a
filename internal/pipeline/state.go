package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// StateDir is the folder of one pipeline on this machine: a lock, a socket and
// scratch space. What must survive is in the destination.
type StateDir struct {
	Path string
	lock *os.File
}

// OpenState makes the folder if need be and locks it for this process.
func OpenState(path string) (*StateDir, error) {
	const field = "--state"
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, StateUnusable.Wrap(err).On(field)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, StateUnusable.Wrap(err).On(field)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close() // it was not written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, StateInUse.New("another process has locked %s", path).On(field)
		}
		return nil, StateUnusable.Wrap(err).On(field)
	}
	s := &StateDir{Path: path, lock: lock}
	// Scratch of a process that was killed is of no use.
	if err := errors.Join(os.RemoveAll(s.Scratch()), os.MkdirAll(s.Scratch(), 0o700)); err != nil {
		return nil, errors.Join(StateUnusable.Wrap(err).On(field), lock.Close())
	}
	return s, nil
}

// Scratch is the folder for transactions in progress.
func (s *StateDir) Scratch() string { return filepath.Join(s.Path, "scratch") }

// Socket is the path under which the owner of the pipeline answers others.
func (s *StateDir) Socket() string { return filepath.Join(s.Path, "socket") }

// Close unlocks the folder.
func (s *StateDir) Close() error { return s.lock.Close() }

// DefaultState is where the state of a pipeline is unless somebody says
// otherwise: in the user's state directory.
// https://specifications.freedesktop.org/basedir-spec/latest/
func DefaultState(name string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", StateUnusable.Wrap(err).On("--state")
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "trunkline", fileName(name)), nil
}

// fileName makes a name that any file system takes, one for each pipeline.
func fileName(name string) string {
	safe := make([]byte, 0, len(name))
	const hex = "0123456789abcdef"
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			safe = append(safe, c)
		default:
			safe = append(safe, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(safe)
}
