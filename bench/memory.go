package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// memory is (d): the peak of resident memory for one transaction of 5 M rows.
func (b *bench) memory(ctx context.Context) error {
	rows := 5_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("huge", 1000)...); err != nil {
		return err
	}
	file, err := b.pipelineFor("memory", duckdbInto(filepath.Join(b.dir, "memory.duckdb"), ", memory_limit: 256MiB"))
	if err != nil {
		return err
	}
	if _, err := b.runChild(ctx, file); err != nil {
		return err
	}
	insert := fmt.Sprintf(`INSERT INTO huge SELECT i + 1000, (i * 7919::bigint) %% 1000003, i * 0.37, i %% 3 = 0, 'customer-' || i, md5(i::text),
  timestamptz '2024-01-01' + i * interval '13 seconds', date '2020-01-01' + (i %% 3000)::int, (i %% 1000000)::numeric / 100,
  jsonb_build_object('k', i %% 100, 's', 'v' || i) FROM generate_series(1, %d) i`, rows)
	if err := b.exec(ctx, insert); err != nil {
		return err
	}
	moments, err := b.runChild(ctx, file)
	if err != nil {
		return err
	}
	end, err := at(moments, "end", true)
	if err != nil {
		return err
	}
	seconds, _, err := between(moments, "stream started", "confirmed")
	if err != nil {
		return err
	}
	b.add(result{
		"d", fmt.Sprintf("peak resident memory for one transaction of %d rows", rows),
		fmt.Sprintf("%d MiB", end.PeakRSS>>20), fmt.Sprintf("DuckDB's own limit 256 MiB; %.1f s", seconds), "", "< 512 MiB",
	})
	return b.exec(ctx, dropSlots)
}
