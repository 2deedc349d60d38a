package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// copy is (a): the history of 2 M rows of 10 columns.
func (b *bench) copy(ctx context.Context) error {
	rows := 2_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("history", rows)...); err != nil {
		return err
	}
	var limits []time.Duration
	for range b.runs + 1 {
		d, err := b.copyBinary(ctx, "history")
		if err != nil {
			return err
		}
		limits = append(limits, d)
	}
	limit := median(limits[1:]).Seconds() // the first warmed the server up
	for _, into := range []struct{ name, target, cpu string }{
		{"duckdb", "≥ 0.6", "≤ 3"}, {"discard", "≥ 0.85", ""},
	} {
		var times, cpus []float64
		for i := range b.runs {
			seconds, cpu, err := b.copyOnce(ctx, into.name, i)
			if err != nil {
				return err
			}
			times, cpus = append(times, seconds), append(cpus, cpu)
		}
		took := median(times)
		b.add(result{
			"a", fmt.Sprintf("copy of %d rows × 10 columns into %s", rows, into.name),
			fmt.Sprintf("%.2f s (%.0f k rows/s)", took, float64(rows)/took/1000),
			fmt.Sprintf("%.2f s, COPY binary to nowhere", limit), fmt.Sprintf("%.2f", limit/took), into.target,
		})
		if into.cpu != "" {
			b.add(result{"a", "CPU per million rows, DuckDB included", fmt.Sprintf("%.2f s", median(cpus)/float64(rows)*1e6), "", "", into.cpu + " s"})
		}
	}
	return nil
}

// copyOnce loads the history by a pipeline of its own. The time is that from the
// slot to the last row.
func (b *bench) copyOnce(ctx context.Context, into string, run int) (seconds, cpu float64, err error) {
	name := fmt.Sprintf("copy_%s_%d", into, run)
	path := filepath.Join(b.dir, name+".duckdb")
	destination := "{ type: discard }"
	if into == "duckdb" {
		destination = duckdbInto(path, "")
	}
	file, err := b.pipelineFor(name, destination)
	if err != nil {
		return 0, 0, err
	}
	moments, err := b.runChild(ctx, file)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.Remove(path) }()
	if err := b.exec(ctx, dropSlots); err != nil {
		return 0, 0, err
	}
	return between(moments, "slot recorded", "history loaded")
}

const dropSlots = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"
