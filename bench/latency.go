package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// latency is (c): 1,000 transactions a second into a table of 2 M rows.
func (b *bench) latency(ctx context.Context) error {
	rows := 2_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("latency", rows)...); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "latency.duckdb")
	file, err := b.pipelineFor("latency", duckdbInto(path, ""))
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
	time.Sleep(time.Second) // the stream has started by then, or what follows would be a backlog
	const perSecond, clients = 1000, 4
	duration := time.Duration(30/min(b.scale, 10)) * time.Second
	sent, err := b.paced(ctx, rows, perSecond, clients, duration)
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	moments, err := run.stop()
	if err != nil {
		return err
	}
	end, err := at(moments, "end", true)
	if err != nil {
		return err
	}
	l := end.Latencies
	slices.Sort(l)
	if len(l) == 0 {
		return fmt.Errorf("nothing was applied")
	}
	rate := float64(sent) / duration.Seconds()
	what := fmt.Sprintf("commit to destination's commit at %.0f transactions/s, table of %d rows, %d samples", rate, rows, len(l))
	b.add(result{"c", what, fmt.Sprintf("p50 %.0f ms", l[len(l)/2]), "flush interval 200 ms", "", "< 300 ms"})
	b.add(result{"c", "the same", fmt.Sprintf("p99 %.0f ms", l[len(l)*99/100]), "", "", "< 1000 ms"})
	return b.exec(ctx, dropSlots)
}

// paced updates random rows, one a transaction, at a steady rate.
func (b *bench) paced(ctx context.Context, rows, perSecond, clients int, duration time.Duration) (sent int, err error) {
	var group sync.WaitGroup
	errs := make([]error, clients)
	counts := make([]int, clients)
	began := time.Now()
	for i := range clients {
		group.Go(func() {
			conn, err := pgx.Connect(ctx, b.server.ConnString("postgres"))
			if err != nil {
				errs[i] = err
				return
			}
			defer conn.Close(context.WithoutCancel(ctx))
			every := time.Second * time.Duration(clients) / time.Duration(perSecond)
			for n := 0; ; n++ {
				due := began.Add(time.Duration(n) * every)
				if due.Sub(began) > duration {
					return
				}
				time.Sleep(time.Until(due))
				id := (n*clients+i)*7919%rows + 1
				if _, errs[i] = conn.Exec(ctx, "UPDATE latency SET quantity = quantity + 1, at = now() WHERE id = $1", id); errs[i] != nil {
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	for i := range clients {
		sent += counts[i]
		if errs[i] != nil {
			err = errs[i]
		}
	}
	return sent, err
}
