// Package pgtest gives tests a real PostgreSQL, a wire that can be cut, and
// drivers that put load on a server.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestCopy(t *testing.T) {
//		pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
//			db := s.Database(t)
//			db.Exec("create table t (id int primary key)")
//			...
//		})
//	}
//
// Where the binaries come from says package pgserver. The load drivers, TPCB and
// Discard, are for benchmarks too and need no test.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/internal/pg/pgserver"
)

// versionsVar names the major versions to test, separated by commas.
const versionsVar = "TRUNKLINE_TEST_PG"

// startPatience bounds the start of a server, which may have to be fetched.
const startPatience = 5 * time.Minute

// Versions are the major versions to test: those of TRUNKLINE_TEST_PG ("12,18"),
// else the oldest and the newest. It panics if the variable is not such a list.
func Versions() []int {
	text := os.Getenv(versionsVar)
	if text == "" {
		all := pgserver.Majors()
		return []int{all[0], all[len(all)-1]}
	}
	var majors []int
	for field := range strings.SplitSeq(text, ",") {
		major, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			panic(fmt.Sprintf("%s=%s: not a list of major versions such as 12,18", versionsVar, text))
		}
		majors = append(majors, major)
	}
	return majors
}

// EachVersion runs a subtest, named pg12 and the like, on the shared server of
// every version to test.
func EachVersion(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Helper()
	for _, major := range Versions() {
		t.Run(fmt.Sprintf("pg%d", major), func(t *testing.T) {
			test(t, Shared(t, major))
		})
	}
}

// Server is a PostgreSQL for tests.
type Server struct {
	*pgserver.Server
	// shared servers outlive the test, so what a test makes there is removed.
	shared bool
}

// New starts a server for this test alone, which may break it. It ends with
// the test, without ceremony.
func New(t testing.TB, o pgserver.Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	s, err := pgserver.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { discardServer(s) })
	return &Server{Server: s}
}

// discardServer ends a server whose data nobody wants: a fast shutdown would
// wait for replication clients that no longer read.
func discardServer(s *pgserver.Server) {
	s.Kill()
	_ = s.Stop(context.Background())
}

// Shared is the server of this version that all tests of the binary share. It is
// started when it is first asked for and stopped by Main. Tests must leave it
// running and as it was; roles, settings and all else that is not in their own
// database is seen by the others.
func Shared(t testing.TB, major int) *Server {
	t.Helper()
	s, err := shared.server(major)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Main runs the tests of a package and is all that its TestMain needs:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// It stops the shared servers and fails the run if goroutines are left over.
func Main(m *testing.M, ignore ...goleak.Option) (exitCode int) {
	shared.open()
	code := m.Run()
	shared.close()
	if code != 0 {
		return code
	}
	if err := goleak.Find(ignore...); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: goroutines are left over:", err)
		return 1
	}
	return 0
}

// shared are the servers that outlive tests; there is one binary, one Main and
// therefore one pool.
var shared pool

type pool struct {
	mu      sync.Mutex
	opened  bool
	servers map[int]*Server
	failed  map[int]error // starting is tried once
}

var errNoMain = errors.New("a shared server needs pgtest.Main: " +
	"func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }")

func (p *pool) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = true
	p.servers = map[int]*Server{}
	p.failed = map[int]error{}
}

func (p *pool) server(major int) (*Server, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened {
		return nil, errNoMain
	}
	if s := p.servers[major]; s != nil {
		return s, nil
	}
	if err := p.failed[major]; err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	s, err := pgserver.Start(ctx, pgserver.Options{Major: major})
	if err != nil {
		p.failed[major] = err
		return nil, err
	}
	p.servers[major] = &Server{Server: s, shared: true}
	return p.servers[major], nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = false
	for _, s := range p.servers {
		discardServer(s.Server)
	}
}
