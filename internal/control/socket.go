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

	"trunkline/internal/fault"
)

// maxSocketPath is what the address of a Unix socket holds on Linux.
const maxSocketPath = 107

// Request is what another process asks of the owner of a pipeline: a line of
// JSON. The answer is frames.
type Request struct {
	SQL    string `json:"sql"`
	Format string `json:"format"`
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	in := json.NewDecoder(conn)
	var r Request
	if err := in.Decode(&r); err != nil {
		return err
	}
	go func() {
		// Nothing more is said: a read ends when whoever asked has gone.
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	out := frames{json.NewEncoder(conn)}
	buffered := bufio.NewWriterSize(out, 64<<10)
	last := frame{End: true}
	if failed := errors.Join(do(ctx, r, buffered), buffered.Flush()); failed != nil {
		last.failed(failed)
	}
	return out.Encode(last)
}

// frame is a piece of an answer, a line of JSON: output, or how it ended. Only
// with the last does the asker know that the output is complete.
type frame struct {
	Output []byte `json:"output,omitempty"`
	End    bool   `json:"end,omitempty"`
	Error  string `json:"error,omitempty"`
	// Of an error that is in the catalogue:
	Code    int    `json:"code,omitempty"`
	Subject string `json:"subject,omitempty"`
	Action  string `json:"action,omitempty"`
}

func (f *frame) failed(err error) {
	f.Error = err.Error()
	if e, ok := fault.Of(err); ok {
		f.Error, f.Code, f.Subject, f.Action = e.Cause, e.Kind.Code, e.Subject, e.Action
	}
}

// err is the error that ended the answer.
func (f *frame) err(catalogue fault.Catalogue) error {
	if k := catalogue.Find(f.Code); k != nil {
		return &fault.Error{Kind: k, Subject: f.Subject, Cause: f.Error, Action: f.Action}
	}
	if f.Error != "" {
		return errors.New(f.Error)
	}
	return nil
}

// frames writes output as frames.
type frames struct{ *json.Encoder }

func (f frames) Write(p []byte) (int, error) { return len(p), f.Encode(frame{Output: p}) }

// ErrNobody says that no process answers on the socket.
var ErrNobody = errors.New("no process answers on the socket")

// Ask sends a request to the owner of a pipeline and copies the output to w. The
// owner's faults come back as those of the catalogue.
func Ask(ctx context.Context, path string, r Request, catalogue fault.Catalogue, w io.Writer) (err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return ErrNobody
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return err
	}
	for in := json.NewDecoder(conn); ; {
		var f frame
		switch err := in.Decode(&f); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("the running pipeline did not answer to the end: %w", err)
		case f.End:
			return f.err(catalogue)
		}
		if _, err := w.Write(f.Output); err != nil {
			return err
		}
	}
}
