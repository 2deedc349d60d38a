package pipeline_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trunkline/internal/app"
	"trunkline/internal/cli"
	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pipeline"
	"trunkline/internal/verify"
)

// childVariable makes a run of the test binary a run of trunkline: the command
// line, or, with killAt, a pipeline that kills itself at a step.
const (
	childVariable = "TRUNKLINE_TEST_CHILD"
	killAt        = "TRUNKLINE_TEST_KILL_AT" // "applied:2": at the second "applied"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(pgtest.Main(m))
}

func child() int {
	step := os.Getenv(killAt)
	if step == "" {
		return cli.Run(os.Args[1:], os.Stdout, os.Stderr)
	}
	if err := runUntilKilled(os.Args[1], os.Args[2], step); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runUntilKilled runs a pipeline until it is caught up, or kills the process at
// a step, as kill -9 would.
func runUntilKilled(file, state, step string) error {
	name, number, _ := strings.Cut(step, ":")
	left, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	a := app.New()
	c, _, err := a.Load(file)
	if err != nil {
		return err
	}
	s, err := pipeline.OpenState(state)
	if err != nil {
		return err
	}
	defer s.Close()
	p := pipeline.New(pipeline.Options{
		Config: c, Kind: a.Kind(c), State: s, UntilCaughtUp: true,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Step: func(at string) {
			if at == name {
				if left--; left == 0 {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {} // the signal is on its way
				}
			}
		},
	})
	return p.Run(context.Background())
}

// harness is a pipeline from a test's database into a DuckDB file, or into what
// destination says.
type harness struct {
	t    *testing.T
	db   *pgtest.DB
	dir  string
	file string
	// More lines of the pipeline file.
	source, rest string
	// destination is that section of the file.
	destination string
	// port is where the source is reached; 0 means at its server.
	port int
}

func newHarness(t *testing.T, db *pgtest.DB) *harness {
	h := &harness{t: t, db: db, dir: t.TempDir()}
	h.file = filepath.Join(h.dir, "pipeline.yaml")
	h.destination = fmt.Sprintf("{ type: duckdb, path: %q }", h.duckdb())
	return h
}

const pipelineFile = `name: test
source:
  type: postgresql
  host: 127.0.0.1
  port: %d
  user: postgres
  password: none
  database: %s
%s
destination: %s
defaults: { table_name: "{table}" }
%s
`

// through leads the pipeline's connections through a proxy from now on.
func (h *harness) through() *pgtest.Proxy {
	h.t.Helper()
	proxy := pgtest.NewProxy(h.t, h.db.Server().Addr())
	_, port, err := net.SplitHostPort(proxy.Addr())
	if err != nil {
		h.t.Fatal(err)
	}
	if h.port, err = strconv.Atoi(port); err != nil {
		h.t.Fatal(err)
	}
	return proxy
}

// write writes the pipeline file.
func (h *harness) write() {
	h.t.Helper()
	text := fmt.Sprintf(pipelineFile, cmp.Or(h.port, h.db.Server().Port()), h.db.Name(), h.source, h.destination, h.rest)
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) duckdb() string { return filepath.Join(h.dir, "test.duckdb") }
func (h *harness) state() string  { return filepath.Join(h.dir, "state") }

// command is trunkline in a process of its own.
func (h *harness) command(env string, args ...string) *exec.Cmd {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	return cmd
}

// start runs the pipeline until it is stopped. Its output goes to the test's.
func (h *harness) start() *running {
	h.t.Helper()
	h.write()
	r := &running{t: h.t, cmd: h.command("", "run", "-f", h.file, "--state", h.state())}
	r.cmd.Stderr = &r.log
	if err := r.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// running is trunkline in a process of its own.
type running struct {
	t   *testing.T
	cmd *exec.Cmd
	log output
}

// output is what a process says, to be read while it goes on.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// kill ends it as kill -9 does.
func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
}

// stop ends it with a signal and expects it to end well.
func (r *running) stop(signal os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Fatalf("%v: %v\n%s", signal, err, r.log.String())
	}
}

// catchUp runs the pipeline until it is caught up.
func (h *harness) catchUp(more ...string) {
	h.t.Helper()
	if out, err := h.tryCatchUp(more...); err != nil {
		h.t.Fatalf("run: %v\n%s", err, out)
	}
}

// patience bounds what a test waits for: a hang is to fail here, with the log.
const patience = 90 * time.Second

func (h *harness) tryCatchUp(more ...string) (log string, err error) {
	h.t.Helper()
	h.write()
	cmd := h.command("", append([]string{"run", "-f", h.file, "--state", h.state(), "--until-caught-up"}, more...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer timer.Stop()
	err = cmd.Wait()
	return stderr.String(), err
}

// killed runs the pipeline until it kills itself at a step; false if it has
// caught up without coming there.
func (h *harness) killed(step string) bool {
	h.t.Helper()
	h.write()
	cmd := h.command(killAt+"="+step, h.file, h.state())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return true
	}
	h.t.Fatalf("killed at %s: %v\n%s", step, err, stderr.String())
	return false
}

// load reads the pipeline file.
func (h *harness) load() (*app.App, *config.Pipeline) {
	h.t.Helper()
	h.write()
	a := app.New()
	c, _, err := a.Load(h.file)
	if err != nil {
		h.t.Fatal(err)
	}
	return a, c
}

// results compares source and destination.
func (h *harness) results() []verify.Result {
	h.t.Helper()
	ctx := context.Background()
	a, c := h.load()
	log := slog.New(slog.DiscardHandler)
	s, err := a.OpenSource(ctx, c, log)
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	d, err := a.OpenDestination(ctx, c, log)
	if err != nil {
		h.t.Fatal(err)
	}
	defer d.Close()
	results, err := verify.All(ctx, c, s, d.(destination.Querier))
	if err != nil {
		h.t.Fatal(err)
	}
	return results
}

// equal fails the test unless both sides have the same rows, and some.
func (h *harness) equal() {
	h.t.Helper()
	results := h.results()
	if len(results) == 0 {
		h.t.Fatal("no table was compared")
	}
	for _, r := range results {
		if !r.Equal() {
			h.t.Errorf("%s differs: %+v", r.Object, r)
		}
	}
}

// query runs SQL on the destination and returns the result as CSV without its
// first line.
func (h *harness) query(sql string) string {
	h.t.Helper()
	cmd := h.command("", "query", "-f", h.file, "--state", h.state(), "--format", "csv", sql)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("query: %v\n%s", err, stderr.String())
	}
	_, rows, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(rows)
}

// slot is the name of the pipeline's slot.
func (h *harness) slot() string {
	h.t.Helper()
	a, c := h.load()
	return pipeline.SlotName(c, a.Kind(c))
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
