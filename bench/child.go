package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/app"
	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/destination/all"
	"trunkline/internal/destination/memory"
	"trunkline/internal/pg"
	"trunkline/internal/pipeline"
	"trunkline/internal/schema"
)

// childCommand runs a pipeline in a process of its own, whose time, processor
// seconds and memory are then Trunkline's alone.
const childCommand = "run-pipeline"

// moment is what the child reports at a step of the pipeline.
type moment struct {
	Step string  `json:"step"`
	At   float64 `json:"at"`  // seconds since the start of the process
	CPU  float64 `json:"cpu"` // seconds of this process so far
	// Latencies, in milliseconds, are in the last moment alone.
	Latencies []float64 `json:"latencies,omitempty"`
	PeakRSS   int64     `json:"peak_rss,omitempty"`
}

func now(step string, began time.Time) moment {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	return moment{Step: step, At: time.Since(began).Seconds(), CPU: cpu, PeakRSS: u.Maxrss << 10}
}

// child runs the pipeline in file and reports the moments named in steps. It
// ends when caught up, or, with a duration, after that.
func child(args []string) error {
	file, mode := args[0], args[1]
	began := time.Now()
	app.Tune()
	timer := &timed{}
	kinds := append(all.Kinds(), memory.Discard())
	for i := range kinds {
		kinds[i].Open = timer.wrap(kinds[i].Open)
	}
	a := app.With(kinds)
	c, _, err := a.Load(file)
	if err != nil {
		return err
	}
	state, err := pipeline.OpenState(file + ".state")
	if err != nil {
		return err
	}
	defer state.Close()
	if profile := os.Getenv("TRUNKLINE_BENCH_PROFILE"); profile != "" {
		w, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	out := json.NewEncoder(os.Stdout)
	steps := []string{"slot recorded", "history loaded", "stream started", "confirmed"}
	p := pipeline.New(pipeline.Options{
		Config: c, Kind: a.Kind(c), State: state, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		UntilCaughtUp: mode == "until-caught-up",
		Step: func(name string) {
			if slices.Contains(steps, name) {
				_ = out.Encode(now(name, began)) // the parent reads as long as it lives
			}
		},
	})
	ctx := context.Background()
	if mode == "until-eof" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	if err := p.Run(ctx); err != nil {
		return err
	}
	last := now("end", began)
	last.Latencies = timer.latencies
	return out.Encode(last)
}

// timed notes for each row how long after its commit its batch was committed in
// the destination.
type timed struct{ latencies []float64 }

func (t *timed) wrap(open func(context.Context, destination.Options) (destination.Destination, error)) func(context.Context, destination.Options) (destination.Destination, error) {
	return func(ctx context.Context, o destination.Options) (destination.Destination, error) {
		d, err := open(ctx, o)
		if err != nil {
			return nil, err
		}
		return &timedDestination{d, t}, nil
	}
}

type timedDestination struct {
	destination.Destination
	timed *timed
}

func (d *timedDestination) Apply(ctx context.Context, b *batch.Batch) error {
	var commits []pg.Micros
	watched := *b
	watched.Parts = func(yield func(*batch.Part, error) bool) {
		for part, err := range b.Parts {
			if err == nil && len(d.timed.latencies) < 1<<20 {
				for _, c := range part.Changes {
					commits = append(commits, commitTimes(c)...)
				}
			}
			if !yield(part, err) {
				return
			}
		}
	}
	err := d.Destination.Apply(ctx, &watched)
	at := pg.MicrosOf(time.Now())
	for _, c := range commits {
		d.timed.latencies = append(d.timed.latencies, float64(at-c)/1000)
	}
	return err
}

// commitTimes are the commit times of a sample of the rows: all of a small part.
func commitTimes(c *batch.Changes) (times []pg.Micros) {
	if c.Rows == nil || c.Rows.NumRows() > 5000 {
		return nil
	}
	at := slices.Index(c.Table.Staged(), c.Table.Find(schema.ModifiedAt))
	column := c.Rows.Column(at).(*array.Timestamp)
	for i := range column.Len() {
		times = append(times, pg.Micros(column.Value(i)))
	}
	return times
}

const pipelineFile = `name: %s
source: { type: postgresql, host: 127.0.0.1, port: %d, user: postgres, password: none, database: postgres }
defaults: { table_name: "{table}" }
destination: %s
`

// pipelineFor writes a pipeline file.
func (b *bench) pipelineFor(name, destination string) (file string, err error) {
	file = filepath.Join(b.dir, name+".yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, pipelineFile, name, b.server.Port(), destination), 0o600)
}

func duckdbInto(path, more string) string {
	return fmt.Sprintf("{ type: duckdb, path: %q%s }", path, more)
}

// running is a child under way.
type running struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	moments []moment
	done    chan error
}

// start runs a child until it is caught up or, mode "until-eof", until stop.
func (b *bench) start(ctx context.Context, file, mode string) (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &running{cmd: exec.CommandContext(ctx, self, childCommand, file, mode), done: make(chan error, 1)}
	r.cmd.Stderr = os.Stderr
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				break
			}
			var m moment
			if json.Unmarshal(line, &m) == nil {
				r.moments = append(r.moments, m)
			}
		}
		r.done <- r.cmd.Wait()
	}()
	return r, nil
}

// wait returns the moments of a child that has ended.
func (r *running) wait() ([]moment, error) {
	if err := <-r.done; err != nil {
		return nil, err
	}
	return r.moments, nil
}

// stop asks the child to end and waits for it.
func (r *running) stop() ([]moment, error) {
	if err := r.in.Close(); err != nil {
		return nil, err
	}
	return r.wait()
}

// runChild runs a child until it is caught up.
func (b *bench) runChild(ctx context.Context, file string) ([]moment, error) {
	r, err := b.start(ctx, file, "until-caught-up")
	if err != nil {
		return nil, err
	}
	return r.wait()
}

// at finds the first (or last) moment of a step.
func at(moments []moment, step string, last bool) (moment, error) {
	list := slices.Clone(moments)
	if last {
		slices.Reverse(list)
	}
	i := slices.IndexFunc(list, func(m moment) bool { return m.Step == step })
	if i < 0 {
		return moment{}, errors.New("the pipeline did not come to: " + step)
	}
	return list[i], nil
}

// between is the time and the processor seconds from one step to another.
func between(moments []moment, from, to string) (seconds, cpu float64, err error) {
	first, err := at(moments, from, false)
	if err != nil {
		return 0, 0, err
	}
	last, err := at(moments, to, true)
	return last.At - first.At, last.CPU - first.CPU, err
}
