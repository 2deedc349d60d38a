package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// rootCache is where root keeps programs that an unprivileged user must run:
// root's own cache directory cannot be entered by others.
const rootCache = "/var/tmp/trunkline-cache"

// cacheDir is the directory that Ensure fetches into. It may not exist.
func cacheDir() (string, error) {
	if dir := os.Getenv("TRUNKLINE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return rootCache, checkOwned(rootCache)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (name one in TRUNKLINE_CACHE): %w", err)
	}
	return filepath.Join(dir, "trunkline"), nil
}

// checkOwned refuses a directory that somebody else has put in our place:
// everyone may write to /var/tmp, and we are going to run what is in it.
func checkOwned(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if uid, _ := owner(info); !info.IsDir() || int(uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of this user: remove it, or name another one in TRUNKLINE_CACHE", dir)
	}
	return nil
}

// openTree lets everyone read the tree, and run and enter what its owner can.
func openTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return openMode(path)
	})
}

// openMode is chmod a+rX of one file.
func openMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm() | 0o444
	if info.IsDir() || mode&0o100 != 0 {
		mode |= 0o111
	}
	if mode == info.Mode().Perm() {
		return nil
	}
	return os.Chmod(path, mode)
}

// makeOpenDir is MkdirAll for directories that everyone can enter, whatever the
// umask. Directories that exist keep their mode.
func makeOpenDir(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", path)
		}
		return nil
	}
	if err := makeOpenDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(path, 0o755)
}

// replaceFile writes a file in one step, so that nobody reads half of it.
func replaceFile(path string, text []byte) error {
	draft := path + ".new"
	if err := os.WriteFile(draft, text, 0o644); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// waitLock takes a lock that other processes see, and waits for it until ctx
// ends. The lock goes with the process that holds it.
func waitLock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		locked, err := tryLock(file)
		if err == nil && locked {
			return func() { _ = file.Close() }, nil
		}
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("wait for another process to fetch, lock %s: %w", path, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
