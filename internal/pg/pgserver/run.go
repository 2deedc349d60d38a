package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// The signals by which a postmaster shuts down.
// https://www.postgresql.org/docs/current/server-shutdown.html
const (
	fastShutdown      = syscall.SIGINT
	immediateShutdown = syscall.SIGQUIT
)

// crashPatience is how long a postmaster may take to end after SIGQUIT: it gives
// its children 5 s before it kills them.
const crashPatience = 10 * time.Second

// logTail is how much of a log goes into a message.
const logTail = 16 << 10

// errPortTaken says that another process has the port.
var errPortTaken = errors.New("another process has it")

// start starts the server on its port; the first time it looks for a free one.
// Between finding and binding a port somebody else may take it, so both are
// tried again.
func (s *Server) start(ctx context.Context) error {
	search := s.port == 0
	var err error
	for range 20 {
		if search {
			s.port = s.pickPort()
		}
		err = s.launch(ctx)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

// freePort is a port that nobody listens on. It lies below the ports that
// systems give to outgoing connections, so that none of those can take it while
// the server restarts.
func freePort() int {
	const low, high = 15000, 32000
	for {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// launch starts the postmaster and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	if err := s.configure(); err != nil {
		return err
	}
	log, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.install.Bin, "postgres"), "-D", s.dir)
	cmd.Dir = s.dir
	cmd.Env = s.environment()
	cmd.Stdout, cmd.Stderr = log, log
	if s.proc, err = spawn(cmd, s.account, immediateShutdown); err != nil {
		return err
	}
	if err := s.waitReady(ctx); err != nil {
		s.crash()
		said := s.logSince(begin)
		if strings.Contains(said, "could not create any TCP/IP sockets") {
			return fmt.Errorf("port %d: %w", s.port, errPortTaken)
		}
		return fmt.Errorf("%w; its log:\n%s", err, said)
	}
	return nil
}

// waitReady waits until the server answers, its process ends or ctx ends.
func (s *Server) waitReady(ctx context.Context) error {
	for !s.answers(ctx) {
		if s.proc.exited() {
			return fmt.Errorf("the server ended while it started (%s)", fmt.Sprint(s.proc.err))
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("the server did not become ready: %w", err)
		}
	}
	return nil
}

// answers reports whether the server takes connections. It asks through the
// socket, which is ours alone: on the port somebody else might answer. A server
// that refuses this user is up as well.
func (s *Server) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgconn.Connect(ctx, s.SocketString("postgres"))
	if err == nil {
		_ = conn.Close(ctx)
		return true
	}
	const cannotConnectNow = "57P03"
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code != cannotConnectNow
}

// halt shuts the server down as fast as committed data allows, and when ctx ends
// first, at once.
func (s *Server) halt(ctx context.Context) error {
	if s.proc == nil || s.proc.exited() {
		return nil
	}
	s.proc.signal(fastShutdown)
	select {
	case <-s.proc.done:
		return nil
	case <-ctx.Done():
		s.crash()
		return fmt.Errorf("shut down PostgreSQL %d: %w", s.install.Major, ctx.Err())
	}
}

// crash ends the server without a checkpoint.
func (s *Server) crash() {
	if s.proc == nil {
		return
	}
	s.proc.signal(immediateShutdown)
	patience := time.NewTimer(crashPatience)
	defer patience.Stop()
	select {
	case <-s.proc.done:
	case <-patience.C:
		s.proc.signal(syscall.SIGKILL)
		<-s.proc.done
	}
}

// remove removes what belongs to a server that does not run.
func (s *Server) remove() {
	if !s.removed {
		s.removed = true
		s.room.remove()
	}
}

// openLog opens the log for appending; a server begins its life with an empty
// one.
func (s *Server) openLog() (*os.File, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if s.proc == nil {
		mode |= os.O_TRUNC
	}
	log, err := root.OpenFile(logName, mode, 0o600)
	if err != nil {
		return nil, err
	}
	return log, s.giveIn(root, logName)
}

// logSince is the end of what was logged after position begin.
func (s *Server) logSince(begin int64) string {
	log, err := os.Open(filepath.Join(s.dir, logName))
	if err != nil {
		return err.Error()
	}
	defer log.Close()
	size, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	begin = max(begin, size-logTail)
	text, err := io.ReadAll(io.NewSectionReader(log, begin, size-begin))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// pause waits, or returns the error of ctx when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
