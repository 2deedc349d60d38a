//go:build !unix

package pgserver

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// The package builds everywhere, so that the programs that use it do. Private
// servers run on Unix.

func tryLock(*os.File) (bool, error) {
	return false, errors.New("private PostgreSQL servers need a Unix system")
}

func owner(fs.FileInfo) (uid, gid uint32) { return 0, 0 }

func isolate(*exec.Cmd, *account, syscall.Signal) {}
