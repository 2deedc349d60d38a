// Package pgserver runs private PostgreSQL servers: for the demo, for the
// benchmarks and, through pgtest, for the tests.
//
// A private server is a child of this process and dies with it. It trusts
// everyone who can reach its port on 127.0.0.1 and, unless told otherwise, does
// not fsync: it is for data that can be made again.
//
// Binaries come from the machine or from npm; see Ensure. Everything works as
// root too, where PostgreSQL refuses to run: the server then runs as an
// unprivileged user.
package pgserver

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// superuser is the role that initdb makes.
const superuser = "postgres"

// logName is the file of the server's log in the data directory.
const logName = "server.log"

// Options say what server to start. The zero value is a throwaway server of the
// newest version.
type Options struct {
	// Major is the version. Zero means that of the data in Dir, if there is some,
	// else the newest of Majors.
	Major int
	// Dir is the data directory. It is initialised if it is empty or missing, and
	// used as it is if it holds a cluster. Empty means a temporary directory,
	// which Stop removes.
	//
	// As root, Dir must lie where the unprivileged user can reach it (MkdirTemp
	// makes such a place); a new directory becomes that user's, an existing
	// cluster is run as the user who owns it.
	Dir string
	// InitArgs are more arguments for initdb, such as --locale or
	// --wal-segsize; the last one given wins.
	InitArgs []string
	// HBA replaces the lines of pg_hba.conf. Nil means trust for everyone.
	HBA []string
	// Fsync makes the server wait for the disk, as a real one does.
	Fsync bool
	// Settings override the settings of the server. The port and the directory of
	// the socket are not among them.
	Settings map[string]string
}

// Server is a private server. Its methods may be called from any goroutine.
type Server struct {
	install Install
	account *account // nil: runs as ourselves
	room    *room
	dir     string
	hba     []string
	fsync   bool
	port    int // chosen at the first start, kept ever after

	pickPort func() int

	// mu is held while the server starts or stops, and guards what follows.
	mu       sync.Mutex
	settings map[string]string
	proc     *process // the last one started, nil before
	removed  bool
}

// Start starts a server and returns when it accepts connections. ctx bounds the
// start only. The caller must call Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := prepare(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start a private PostgreSQL: %w", err)
	}
	if err := s.start(ctx); err != nil {
		s.remove()
		return nil, fmt.Errorf("start a private PostgreSQL %d: %w", s.install.Major, err)
	}
	return s, nil
}

// Stop shuts the server down as "fast" does: sessions end, what is committed
// is kept, and the server waits for replication clients to take what they have
// not read. When ctx ends first it is shut down as by Kill and ctx's error
// returned; the server is gone in either case. A temporary directory is removed.
// Stopping again is harmless.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.halt(ctx)
	s.remove()
	return err
}

// Kill ends the server at once, without a checkpoint, like a crash of the
// process. The data stays, for Restart or another Start; Stop is still due.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash()
}

// Restart stops the server if it runs and starts it again with the same data on
// the same port. settings are added to those it has.
func (s *Server) Restart(ctx context.Context, settings map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return fmt.Errorf("restart PostgreSQL %d: it was stopped for good", s.install.Major)
	}
	if err := checkSettings(settings); err != nil {
		return err
	}
	if err := s.halt(ctx); err != nil {
		return err
	}
	maps.Copy(s.settings, settings)
	if err := s.start(ctx); err != nil {
		return fmt.Errorf("restart PostgreSQL %d: %w", s.install.Major, err)
	}
	return nil
}

// ConnString is a URL for the superuser over TCP.
func (s *Server) ConnString(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     s.Addr(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// SocketString is a URL for the superuser over the Unix socket.
func (s *Server) SocketString(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.SocketDir()}, "port": {strconv.Itoa(s.Port())}}.Encode(),
	}
	return u.String()
}

// Addr is the address of the server: 127.0.0.1 and its port.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port()))
}

// Port is the port of the server, the same in all its life.
func (s *Server) Port() int { return s.port }

// SocketDir is the directory of the Unix socket, short enough for one.
func (s *Server) SocketDir() string { return s.room.path }

// Dir is the data directory.
func (s *Server) Dir() string { return s.dir }

// Major is the major version.
func (s *Server) Major() int { return s.install.Major }

// Install is the installation that the server runs from.
func (s *Server) Install() Install { return s.install }

// Pid is the process id of the postmaster, 0 while the server is stopped.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || s.proc.exited() {
		return 0
	}
	return s.proc.cmd.Process.Pid
}

// CPU is the processor time that the server has used since it was last started:
// that of the postmaster, of its living children and of those it has reaped.
//
// It is read from /proc, so it is zero on other systems than Linux and when the
// server is stopped. The kernel counts in steps of 10 ms per process, and what
// a child uses between its death and the postmaster's noticing is not seen; a
// difference of less than a few tenths of a second means nothing.
func (s *Server) CPU() (user, system time.Duration) {
	pid := s.Pid()
	if pid == 0 {
		return 0, 0
	}
	return treeTime(pid)
}

// Log is the end of the server's log, for messages.
func (s *Server) Log() string { return s.logSince(0) }
