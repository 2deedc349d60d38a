//go:build unix

package pgserver

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// tryLock takes the lock of a file without waiting. Closing the file gives it
// back.
func tryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// owner is the user and the group that a file belongs to.
func owner(info fs.FileInfo) (uid, gid uint32) {
	stat := info.Sys().(*syscall.Stat_t)
	return stat.Uid, stat.Gid
}

// isolate makes cmd run as another user (nil: our own), in a process group of
// its own, so that an interrupt typed at the terminal reaches only us and we
// decide when the server stops, and lets it die by a signal when we do.
func isolate(cmd *exec.Cmd, as *account, death syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	dieWithUs(cmd.SysProcAttr, death)
}
