// Command bench measures Trunkline against the limits of this machine, each
// measured in the same run: what the server alone needs to send the same data to
// a reader that throws it away.
//
// Source, Trunkline and DuckDB share the machine. Times are medians; a ratio is
// the limit's time divided by Trunkline's, so that 1 is as fast as can be.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"

	"trunkline/internal/pg/pgserver"
)

// bench is a run of benchmarks.
type bench struct {
	server *pgserver.Server
	dir    string
	runs   int
	// scale divides the sizes, for a quick look.
	scale   int
	results []result
}

// result is a line of the table.
type result struct {
	name, what, measured, limit, ratio, target string
}

var benches = []struct {
	key string
	run func(*bench, context.Context) error
}{
	{"copy", (*bench).copy},
	{"backlog", (*bench).backlog},
	{"latency", (*bench).latency},
	{"memory", (*bench).memory},
	{"size", (*bench).size},
	{"postgres", (*bench).postgres},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		if err := child(os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	var keys []string
	for _, b := range benches {
		keys = append(keys, b.key)
	}
	only := flag.String("only", strings.Join(keys, ","), "which to run")
	runs := flag.Int("runs", 3, "how often each is repeated; the median counts")
	scale := flag.Int("scale", 1, "divide the sizes by this, for a quick look; not for figures")
	major := flag.Int("pg", 18, "PostgreSQL version")
	out := flag.String("out", "bench/RESULTS.md", "file for the table; empty for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, strings.Split(*only, ","), *runs, *scale, *major, *out); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, only []string, runs, scale, major int, out string) (err error) {
	if _, err := pgserver.Ensure(ctx, major); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "trunkline-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, runs: runs, scale: scale}
	for _, one := range benches {
		if !slices.Contains(only, one.key) {
			continue
		}
		if err := b.one(ctx, major, one.run); err != nil {
			return fmt.Errorf("%s: %w", one.key, err)
		}
	}
	return b.report(out, major)
}

// one runs a benchmark on a server of its own.
func (b *bench) one(ctx context.Context, major int, run func(*bench, context.Context) error) (err error) {
	b.server, err = pgserver.Start(ctx, pgserver.Options{Major: major, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "20GB", "checkpoint_timeout": "1h", "autovacuum": "off",
	}})
	if err != nil {
		return err
	}
	defer func() {
		if stop := b.server.Stop(context.WithoutCancel(ctx)); err == nil {
			err = stop
		}
	}()
	return run(b, ctx)
}

func (b *bench) add(r result) {
	b.results = append(b.results, r)
	line, _ := json.Marshal([]string{r.name, r.what, r.measured, r.limit, r.ratio, r.target})
	fmt.Println(string(line))
}

// median of the middle of an odd number of values.
func median[T interface{ ~float64 | ~int64 }](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
