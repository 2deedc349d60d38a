package duckdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// timers collects what is to happen later; the test lets it happen.
type timers struct {
	waits []time.Duration
	calls []func()
}

func (t *timers) after(d time.Duration, call func()) *time.Timer {
	t.waits, t.calls = append(t.waits, d), append(t.calls, call)
	return time.NewTimer(time.Hour)
}

// in opens a pipeline on a file of a registry.
func (r *registry) in(t *testing.T, pipeline, path string) *database {
	t.Helper()
	d, err := r.open(context.Background(), destination.Options{Pipeline: pipeline, Settings: settingsOf(path)})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d.(*database)
}

// TestReleased shows that a file without work is closed after two seconds, so
// that other processes can read it, and opened again by the next work.
func TestReleased(t *testing.T) {
	if files.pace.idle != 2*time.Second {
		t.Errorf("files are released after %v", files.pace.idle)
	}
	var later timers
	r := &registry{pace: pace{idle: files.pace.idle, retry: time.Millisecond, after: later.after}}
	path := filepath.Join(t.TempDir(), "idle.duckdb")
	d := r.in(t, "p", path)
	_, err := d.Claim(context.Background())
	must(t, err)
	if line := startChild(t, "read", path).line(); !strings.Contains(line, "[2002]") {
		t.Errorf("another process reads a file in use, and says %q", line)
	}
	if n := len(later.calls); n == 0 || later.waits[n-1] != 2*time.Second {
		t.Fatalf("the file is to be released after %v", later.waits)
	}
	later.calls[len(later.calls)-1]()
	c := startChild(t, "read", path)
	if line := c.line(); line != "read 0/0" {
		t.Error(line)
	}
	c.end()
	_, err = d.Claim(context.Background())
	must(t, err)
	if d.file.connector == nil {
		t.Error("the file is not open although it was just used")
	}
}

// TestNotReleased is a timer that goes off while the file is in use again.
func TestNotReleased(t *testing.T) {
	var later timers
	r := &registry{pace: pace{idle: time.Second, retry: time.Millisecond, after: later.after}}
	d := r.in(t, "p", filepath.Join(t.TempDir(), "idle.duckdb"))
	_, err := d.Claim(context.Background())
	must(t, err)
	rows, err := d.Query(context.Background(), "SELECT 42")
	must(t, err)
	for _, call := range later.calls {
		call()
	}
	if !rows.Next() {
		t.Fatal("the rows are gone:", rows.Err())
	}
	rows.Release()
	rows.Release() // once more does no harm
	later.calls[len(later.calls)-1]()
	if d.file.connector != nil {
		t.Error("the file is open although nothing uses it")
	}
}

// TestOneFile finds a file again under each of its names.
func TestOneFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "one.duckdb")
	r := &registry{pace: files.pace}
	first := r.in(t, "a", path)
	_, err := first.Claim(context.Background())
	must(t, err)
	must(t, os.Symlink(path, filepath.Join(dir, "symlink.duckdb")))
	must(t, os.Link(path, filepath.Join(dir, "link.duckdb")))
	must(t, os.Symlink(dir, filepath.Join(dir, "folder")))
	for _, other := range []string{"symlink.duckdb", "link.duckdb", "folder/one.duckdb", "./one.duckdb"} {
		if d := r.in(t, other, filepath.Join(dir, other)); d.file != first.file {
			t.Errorf("%s is taken for another file", other)
		}
	}
	if d := r.in(t, "b", filepath.Join(dir, "two.duckdb")); d.file == first.file {
		t.Error("two files are taken for one")
	}
}

// TestTwoPipelines lets two pipelines write into one file at the same time, and
// one leave.
func TestTwoPipelines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.duckdb")
	r := &registry{pace: files.pace}
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for n := range errs {
		wait.Go(func() { errs[n] = r.pipelineOf(n, path) })
	}
	wait.Wait()
	must(t, errors.Join(errs...))
	if len(r.list) != 0 {
		t.Error("a file without owners is remembered")
	}
	for n := range errs {
		c, err := r.in(t, fmt.Sprint("p", n), path).Checkpoint(context.Background())
		must(t, err)
		if c.Position.End != pg.LSN(10+10*n) {
			t.Errorf("pipeline %d stands at %v", n, c.Position)
		}
	}
}

// pipelineOf leads a pipeline through its life.
func (r *registry) pipelineOf(n int, path string) error {
	ctx := context.Background()
	d, err := r.open(ctx, destination.Options{Pipeline: fmt.Sprint("p", n), Settings: settingsOf(path)})
	if err != nil {
		return err
	}
	c, err := d.Claim(ctx)
	if err != nil {
		return err
	}
	own := *plain
	own.Name = fmt.Sprint("t", n)
	if err := d.Migrate(ctx, schema.Plan{schema.BeginCopy{Table: &own, Generation: 1}, schema.EndCopy{Table: &own, Generation: 1}}); err != nil {
		return err
	}
	b := newBatches(c)
	b.route.Table = &own
	for range 10 + 10*n {
		if err := d.Apply(ctx, b.next(nil)); err != nil {
			return err
		}
	}
	return d.Close()
}

// notices passes on what is logged.
type notices struct {
	slog.Handler
	heard chan string
}

func (n notices) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	n.heard <- text
	return nil
}

// TestLocked waits for a file that another process holds, and says so once.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locked.duckdb")
	d, err := openFile(path)
	must(t, err)
	_, err = d.Claim(context.Background())
	must(t, err)
	must(t, d.Close())
	other := startChild(t, "hold", path)
	if line := other.line(); line != "holding" {
		t.Fatal(line)
	}
	pid := fmt.Sprint("process ", other.cmd.Process.Pid)

	settings := settingsOf(path)
	settings.LockTimeout = 0
	hasty, err := files.open(context.Background(), destination.Options{Pipeline: "p", Settings: settings})
	must(t, err)
	if _, err = hasty.Claim(context.Background()); !fault.Has(err, destination.Locked) || !strings.Contains(err.Error(), pid) {
		t.Errorf("claim: %v, want %q and %q", err, destination.Locked.Title, pid)
	}
	must(t, hasty.Close())

	log := notices{slog.NewTextHandler(&bytes.Buffer{}, nil), make(chan string, 10)}
	r := &registry{pace: pace{idle: time.Minute, retry: time.Millisecond, after: time.AfterFunc}}
	patient, err := r.open(context.Background(), destination.Options{Pipeline: "p", Settings: settings, Patient: true, Log: slog.New(log)})
	must(t, err)
	claimed := make(chan error)
	go func() {
		_, err := patient.Claim(context.Background())
		claimed <- err
	}()
	if said := <-log.heard; !strings.Contains(said, "in use; waiting") || !strings.Contains(said, pid) {
		t.Errorf("it says %q", said)
	}
	other.end()
	must(t, <-claimed)
	if len(log.heard) > 0 {
		t.Errorf("it says, too: %q", <-log.heard)
	}
	must(t, patient.Close())
}

// TestCalledAway ends the context of who waits for a file.
func TestCalledAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locked.duckdb")
	other := startChild(t, "stop inside", path)
	if line := other.line(); line != "inside" {
		t.Fatal(line)
	}
	log := notices{slog.NewTextHandler(&bytes.Buffer{}, nil), make(chan string, 10)}
	d, err := files.open(context.Background(), destination.Options{Pipeline: "p", Settings: settingsOf(path), Log: slog.New(log)})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-log.heard
		cancel()
	}()
	if _, err = d.Claim(ctx); !errors.Is(err, context.Canceled) || !fault.Has(err, destination.Locked) {
		t.Errorf("claim: %v, want the end of the context and why it waited", err)
	}
	must(t, d.Close())
}
