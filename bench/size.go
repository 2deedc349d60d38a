package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"
)

// size is (e): the size of the file after every row was updated ten times.
func (b *bench) size(ctx context.Context) error {
	rows := 1_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("updated", rows)...); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "size.duckdb")
	file, err := b.pipelineFor("size", duckdbInto(path, ""))
	if err != nil {
		return err
	}
	if _, err := b.runChild(ctx, file); err != nil {
		return err
	}
	run, err := b.start(ctx, file, "until-eof")
	if err != nil {
		return err
	}
	peak, err := b.updateAll(ctx, path)
	if err != nil {
		return err
	}
	if _, err := run.stop(); err != nil {
		return err
	}
	if _, err := b.runChild(ctx, file); err != nil { // what was not caught up
		return err
	}
	updated, err := checkpointed(ctx, path)
	if err != nil {
		return err
	}
	fresh, err := b.freshSize(ctx)
	if err != nil {
		return err
	}
	b.add(result{
		"e", fmt.Sprintf("file after %d rows were updated ten times, checkpointed", rows),
		fmt.Sprintf("%d MiB (peak before, with its log: %d MiB)", updated>>20, peak>>20),
		fmt.Sprintf("%d MiB loaded afresh", fresh>>20), fmt.Sprintf("%.2f times", float64(updated)/float64(fresh)), "≤ 3 times",
	})
	return b.exec(ctx, dropSlots)
}

// updateAll updates every row ten times and watches the file grow.
func (b *bench) updateAll(ctx context.Context, path string) (peak int64, err error) {
	done := make(chan struct{})
	watched := make(chan int64)
	go func() {
		var most int64
		for {
			most = max(most, fileSize(path)+fileSize(path+".wal"))
			select {
			case <-done:
				watched <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	const steps = 20
	for round := range 10 {
		for step := range steps {
			update := fmt.Sprintf("UPDATE updated SET quantity = quantity + %d, token = md5(token || %d), at = now() WHERE id %% %d = %d", round, round, steps, step)
			if err = b.exec(ctx, update); err != nil {
				break
			}
		}
	}
	close(done)
	return <-watched, err
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// checkpointed is the size of a file after a checkpoint.
func checkpointed(ctx context.Context, path string) (int64, error) {
	db, err := sql.Open("duckdb", path)
	if err != nil {
		return 0, err
	}
	if _, err := db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return 0, err
	}
	if err := db.Close(); err != nil {
		return 0, err
	}
	return fileSize(path), nil
}

// freshSize is the size of a file into which the same table is loaded afresh.
func (b *bench) freshSize(ctx context.Context) (int64, error) {
	path := filepath.Join(b.dir, "fresh.duckdb")
	file, err := b.pipelineFor("fresh", duckdbInto(path, ""))
	if err != nil {
		return 0, err
	}
	if _, err := b.runChild(ctx, file); err != nil {
		return 0, err
	}
	return checkpointed(ctx, path)
}
