package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that dies with this process (on Linux).
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the child has been reaped
	err  error         // how it ended, to be read after done
}

// spawn starts a child as another user (nil: our own). death is the signal it
// gets if we die first.
func spawn(cmd *exec.Cmd, as *account, death syscall.Signal) (*process, error) {
	isolate(cmd, as, death)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.own(started)
	err := <-started
	if as != nil && errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("user %s cannot run %s; every directory above it must be open to that user: %w",
			as.name, cmd.Path, err)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// own starts the child and waits for it. It keeps its thread all the while:
// Linux sends the death signal when the thread that forked the child ends, and
// the runtime ends threads at will.
func (p *process) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
	close(p.done)
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal is for a child that may be gone already.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// run runs a program to its end, or terminates it when ctx ends, and returns
// what it printed.
func run(ctx context.Context, cmd *exec.Cmd, as *account) (output string, err error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// A grandchild that outlives the program must not keep us waiting.
	cmd.WaitDelay = 5 * time.Second
	p, err := spawn(cmd, as, syscall.SIGTERM)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.signal(syscall.SIGTERM)
		<-p.done
		return out.String(), ctx.Err()
	}
	return out.String(), p.err
}
