package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// maxSocketPath is what the address of a Unix socket holds on Linux.
const maxSocketPath = 107

// Request is what another process asks of the owner of a pipeline: a line of
// JSON. The answer is a line of JSON, empty or with an error, and the output.
type Request struct {
	SQL    string `json:"sql"`
	Format string `json:"format"`
}

type answer struct {
	Error string `json:"error,omitempty"`
}

// Server answers requests on a socket.
type Server struct {
	listener net.Listener
	group    sync.WaitGroup
	cancel   context.CancelFunc
}

// Serve listens on a socket in the state directory; whoever may enter that may
// ask. do writes the output of a request.
func Serve(ctx context.Context, path string, log *slog.Logger, do func(ctx context.Context, r Request, w io.Writer) error) (*Server, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path %s is too long for a socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // one that is there was left by a process that was killed
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{listener: listener, cancel: cancel}
	s.group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			s.group.Go(func() {
				if err := handle(ctx, conn, do); err != nil {
					log.DebugContext(ctx, "a request on the socket failed", "error", err)
				}
			})
		}
	})
	return s, nil
}

// Close stops listening and waits for the requests under way.
func (s *Server) Close() error {
	s.cancel()
	err := s.listener.Close()
	s.group.Wait()
	return err
}

func handle(ctx context.Context, conn net.Conn, do func(context.Context, Request, io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, conn.Close()) }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var r Request
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return err
	}
	out := &lateHeader{w: bufio.NewWriter(conn)}
	if failed := do(ctx, r, out); failed != nil {
		return out.fail(failed)
	}
	return out.end()
}

// lateHeader writes the answer's first line before the first output, when it is
// known that the request went well that far.
type lateHeader struct {
	w     *bufio.Writer
	begun bool
}

func (l *lateHeader) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		if err := json.NewEncoder(l.w).Encode(answer{}); err != nil {
			return 0, err
		}
	}
	return l.w.Write(p)
}

func (l *lateHeader) fail(failed error) error {
	if l.begun {
		return errors.Join(failed, l.w.Flush())
	}
	return errors.Join(json.NewEncoder(l.w).Encode(answer{Error: failed.Error()}), l.w.Flush())
}

func (l *lateHeader) end() error {
	if _, err := l.Write(nil); err != nil {
		return err
	}
	return l.w.Flush()
}

// ErrNobody says that no process answers on the socket.
var ErrNobody = errors.New("no process answers on the socket")

// Ask sends a request to the owner of a pipeline and copies the output to w.
func Ask(ctx context.Context, path string, r Request, w io.Writer) (err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return ErrNobody
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the running pipeline did not answer: %w", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	_, err = io.Copy(w, in)
	return err
}
