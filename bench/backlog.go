package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"trunkline/internal/config"
	"trunkline/internal/destination/duckdb"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/pipeline"
)

// backlog is (b): 850 k changes, 1,000 a transaction, into a table that holds
// 1 M rows.
func (b *bench) backlog(ctx context.Context) error {
	base := 1_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("backlog", base)...); err != nil {
		return err
	}
	file, path, slot, err := b.loaded(ctx, "backlog")
	if err != nil {
		return err
	}
	changes, end, err := b.makeBacklog(ctx, base)
	if err != nil {
		return err
	}
	limit, err := b.drain(ctx, slot, end)
	if err != nil {
		return err
	}
	if err := b.crossCheck(ctx, slot, end); err != nil {
		return err
	}
	var times, cpus []float64
	for range b.runs {
		seconds, cpu, err := b.catchUp(ctx, file, path, slot)
		if err != nil {
			return err
		}
		times, cpus = append(times, seconds), append(cpus, cpu)
	}
	took := median(times)
	b.add(result{
		"b", fmt.Sprintf("backlog of %d changes into duckdb", changes),
		fmt.Sprintf("%.2f s (%.0f k changes/s)", took, float64(changes)/took/1000),
		fmt.Sprintf("%.2f s, a reader that discards", limit), fmt.Sprintf("%.2f", limit/took), "≥ 0.75",
	})
	b.add(result{"b", "CPU per million changes, DuckDB included", fmt.Sprintf("%.2f s", median(cpus)/float64(changes)*1e6), "", "", "≤ 5 s"})
	return b.exec(ctx, dropSlots)
}

// loaded loads the history of a pipeline and keeps copies of its slot and of its
// file, from which every run starts.
func (b *bench) loaded(ctx context.Context, name string) (file, path, slot string, err error) {
	path = filepath.Join(b.dir, name+".duckdb")
	if file, err = b.pipelineFor(name, duckdbInto(path, "")); err != nil {
		return
	}
	if _, err = b.runChild(ctx, file); err != nil {
		return
	}
	settings := &duckdb.Settings{Path: path, Schema: "main"}
	slot = pipeline.SlotName(&config.Pipeline{Name: name, Destination: config.Destination{Settings: settings}}, duckdb.Kind())
	if err = copyFile(path, path+".start"); err != nil {
		return
	}
	return file, path, slot, b.exec(ctx,
		fmt.Sprintf("SELECT pg_copy_logical_replication_slot('%s', 'start')", slot),
		fmt.Sprintf("SELECT pg_copy_logical_replication_slot('%s', 'limit')", slot))
}

// makeBacklog spreads inserts, updates and deletes evenly over transactions of
// 1,000 changes: ten, five and two of each seventeen.
func (b *bench) makeBacklog(ctx context.Context, base int) (changes int, end pg.LSN, err error) {
	transactions := 850 / b.scale
	inserts, updates, deletes := 588, 294, 118
	script := `DO $$ DECLARE t int; BEGIN FOR t IN 0..%[1]d LOOP
INSERT INTO backlog SELECT i, (i * 7919) %% 1000003, i * 0.37, i %% 3 = 0, 'customer-' || i, md5(i::text), timestamptz '2024-01-01' + i * interval '13 seconds',
  date '2020-01-01' + (i %% 3000)::int, (i %% 1000000)::numeric / 100, jsonb_build_object('k', i %% 100, 's', 'v' || i)
  FROM generate_series(%[2]d + t::bigint * %[3]d + 1, %[2]d + (t::bigint + 1) * %[3]d) i;
UPDATE backlog SET quantity = quantity + 1, token = md5(token), at = at + interval '1 day'
  WHERE id IN (SELECT 1 + (t::bigint * %[4]d + i) * 7 %% %[2]d FROM generate_series(1, %[4]d) i);
DELETE FROM backlog WHERE id IN (SELECT 1 + (3 + (t::bigint * %[5]d + i) * 7) %% %[2]d FROM generate_series(1, %[5]d) i);
COMMIT; END LOOP; END $$`
	if err := b.exec(ctx, fmt.Sprintf(script, transactions-1, base, inserts, updates, deletes), "CHECKPOINT"); err != nil {
		return 0, 0, err
	}
	end, err = b.lsn(ctx)
	return transactions * (inserts + updates + deletes), end, err
}

// drain is how long a reader that discards needs for the same, with the same
// options.
func (b *bench) drain(ctx context.Context, slot string, end pg.LSN) (float64, error) {
	var options []string
	for _, o := range streamOptions(slot) {
		options = append(options, o[0]+" "+pg.Literal(o[1]))
	}
	var times []time.Duration
	for range b.runs {
		if err := b.exec(ctx, "SELECT pg_copy_logical_replication_slot('limit', 'drain')"); err != nil {
			return 0, err
		}
		began := time.Now()
		reader := pgtest.Discard{URL: b.server.ConnString("postgres"), Slot: "drain", Options: strings.Join(options, ", "), Until: end}
		if _, err := reader.Run(ctx); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
		if err := b.exec(ctx, "SELECT pg_drop_replication_slot('drain')"); err != nil {
			return 0, err
		}
	}
	return median(times).Seconds(), nil
}

// streamOptions are those with which Trunkline streams.
func streamOptions(slot string) [][2]string {
	return [][2]string{
		{"proto_version", "2"}, {"streaming", "on"}, {"messages", "true"},
		{"publication_names", `"` + slot + `_all","` + slot + `_ins"`},
	}
}

// crossCheck lets PostgreSQL's own client read the same, if it is there.
func (b *bench) crossCheck(ctx context.Context, slot string, end pg.LSN) error {
	program, err := exec.LookPath("pg_recvlogical")
	if err != nil {
		return nil
	}
	if err := b.exec(ctx, "SELECT pg_copy_logical_replication_slot('limit', 'drain')"); err != nil {
		return err
	}
	args := []string{"-d", b.server.ConnString("postgres"), "--slot", "drain", "--start", "-f", "/dev/null", "--endpos", end.String(), "--no-loop", "-F", "0"}
	for _, o := range streamOptions(slot) {
		args = append(args, "-o", o[0]+"="+o[1])
	}
	began := time.Now()
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("pg_recvlogical: %w: %s", err, out)
	}
	b.add(result{"b", "cross-check: pg_recvlogical into /dev/null", fmt.Sprintf("%.2f s", time.Since(began).Seconds()), "", "", ""})
	return b.exec(ctx, "SELECT pg_drop_replication_slot('drain')")
}

// catchUp runs the pipeline on the backlog, from the start.
func (b *bench) catchUp(ctx context.Context, file, path, slot string) (seconds, cpu float64, err error) {
	if err := b.exec(ctx, fmt.Sprintf("SELECT pg_drop_replication_slot('%s')", slot),
		fmt.Sprintf("SELECT pg_copy_logical_replication_slot('start', '%s')", slot)); err != nil {
		return 0, 0, err
	}
	if err := os.Remove(path + ".wal"); err != nil && !os.IsNotExist(err) {
		return 0, 0, err
	}
	if err := copyFile(path+".start", path); err != nil {
		return 0, 0, err
	}
	moments, err := b.runChild(ctx, file)
	if err != nil {
		return 0, 0, err
	}
	return between(moments, "stream started", "confirmed")
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
