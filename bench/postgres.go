package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/pg"
)

// The databases that are loaded into: by Trunkline and by what it is compared
// with.
const (
	targetDatabase = "target"
	rivalDatabase  = "rival"
)

// postgres is (f): the history and the backlog into another database of the same
// server, beside COPY piped into COPY and PostgreSQL's own subscription.
func (b *bench) postgres(ctx context.Context) error {
	if err := b.exec(ctx, "CREATE DATABASE "+targetDatabase, "CREATE DATABASE "+rivalDatabase); err != nil {
		return err
	}
	if err := b.historyIntoPostgres(ctx); err != nil {
		return err
	}
	return b.backlogIntoPostgres(ctx)
}

// postgresInto is the end of a pipeline file. A subscription deletes what is
// deleted.
func (b *bench) postgresInto() string {
	return fmt.Sprintf("{ type: postgresql, host: 127.0.0.1, port: %d, user: postgres, database: %s }\nobjects: [{ name: \"public.*\", on_delete: delete }]",
		b.server.Port(), targetDatabase)
}

func (b *bench) historyIntoPostgres(ctx context.Context) error {
	rows := 2_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("history", rows)...); err != nil {
		return err
	}
	var bare, keyed, times []float64
	for i := range b.runs {
		for _, way := range []struct {
			seconds *[]float64
			key     string
		}{{&bare, "DROP CONSTRAINT history_pkey"}, {&keyed, "ALTER id SET NOT NULL"}} {
			seconds, err := b.pipeCopies(ctx, "history", way.key)
			if err != nil {
				return err
			}
			*way.seconds = append(*way.seconds, seconds)
		}
		file, err := b.pipelineFor(fmt.Sprint("into_postgres_", i), b.postgresInto())
		if err != nil {
			return err
		}
		moments, err := b.runChild(ctx, file)
		if err != nil {
			return err
		}
		seconds, _, err := between(moments, "slot recorded", "history loaded")
		if err != nil {
			return err
		}
		times = append(times, seconds)
		if err := errors.Join(b.exec(ctx, dropSlots), b.execIn(ctx, targetDatabase, "DROP TABLE history")); err != nil {
			return err
		}
	}
	took := median(times)
	for _, limit := range []struct {
		how     string
		seconds float64
	}{{"without the key", median(bare)}, {"with the key", median(keyed)}} {
		b.add(result{
			"f", fmt.Sprintf("copy of %d rows × 10 columns into postgresql, its key made", rows),
			fmt.Sprintf("%.2f s (%.0f k rows/s)", took, float64(rows)/took/1000),
			fmt.Sprintf("%.2f s, COPY piped into COPY %s", limit.seconds, limit.how), fmt.Sprintf("%.2f", limit.seconds/took), "≥ 0.9",
		})
	}
	return b.exec(ctx, "DROP TABLE history")
}

// pipeCopies copies a table into an empty one of the same shape, altered, which
// goes afterwards.
func (b *bench) pipeCopies(ctx context.Context, table, alter string) (seconds float64, err error) {
	if err := b.execIn(ctx, rivalDatabase, "DROP TABLE IF EXISTS "+table, mixedTable(table, 0)[0],
		fmt.Sprintf("ALTER TABLE %s %s", table, alter), "CHECKPOINT"); err != nil {
		return 0, err
	}
	began := time.Now()
	err = b.pipe(ctx, table)
	return time.Since(began).Seconds(), err
}

// pipe copies a table into that of the same name in the rival's database.
func (b *bench) pipe(ctx context.Context, table string) error {
	from, err := pgx.Connect(ctx, b.server.ConnString("postgres"))
	if err != nil {
		return err
	}
	defer from.Close(context.WithoutCancel(ctx))
	to, err := pgx.Connect(ctx, b.server.ConnString(rivalDatabase))
	if err != nil {
		return err
	}
	defer to.Close(context.WithoutCancel(ctx))
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		_, err := from.PgConn().CopyTo(ctx, w, "COPY "+table+" TO STDOUT (FORMAT binary)")
		_ = w.CloseWithError(err) // always nil
		read <- err
	}()
	_, err = to.PgConn().CopyFrom(ctx, r, "COPY "+table+" FROM STDIN (FORMAT binary)")
	_ = r.Close() // always nil
	return errors.Join(err, <-read)
}

func (b *bench) backlogIntoPostgres(ctx context.Context) error {
	base := 1_000_000 / b.scale
	if err := b.exec(ctx, mixedTable("backlog", base)...); err != nil {
		return err
	}
	if err := b.execIn(ctx, rivalDatabase, mixedTable("backlog", 0)[0]); err != nil {
		return err
	}
	if err := b.pipe(ctx, "backlog"); err != nil {
		return err
	}
	if err := b.execIn(ctx, rivalDatabase, "VACUUM (FREEZE, ANALYZE) backlog"); err != nil {
		return err
	}
	if err := b.exec(ctx, "CREATE PUBLICATION rival FOR TABLE backlog", "SELECT pg_create_logical_replication_slot('rival', 'pgoutput')"); err != nil {
		return err
	}
	file, err := b.pipelineFor("backlog_into_postgres", b.postgresInto())
	if err != nil {
		return err
	}
	if _, err := b.runChild(ctx, file); err != nil {
		return err
	}
	if err := b.execIn(ctx, targetDatabase, "VACUUM (FREEZE, ANALYZE) backlog"); err != nil {
		return err
	}
	changes, end, err := b.makeBacklog(ctx, base)
	if err != nil {
		return err
	}
	rival, err := b.subscribe(ctx, end)
	if err != nil {
		return err
	}
	if err := b.exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	moments, err := b.runChild(ctx, file)
	if err != nil {
		return err
	}
	took, cpu, err := between(moments, "stream started", "confirmed")
	if err != nil {
		return err
	}
	b.add(result{
		"f", fmt.Sprintf("backlog of %d changes into postgresql, once", changes),
		fmt.Sprintf("%.2f s (%.0f k changes/s)", took, float64(changes)/took/1000),
		fmt.Sprintf("%.2f s, a subscription WITH (binary, streaming)", rival), fmt.Sprintf("%.2f", rival/took), "≥ 1",
	})
	b.add(result{"f", "CPU per million changes, servers not included", fmt.Sprintf("%.2f s", cpu/float64(changes)*1e6), "", "", ""})
	return nil
}

// subscribe is how long a subscription needs for the backlog.
func (b *bench) subscribe(ctx context.Context, end pg.LSN) (seconds float64, err error) {
	began := time.Now()
	err = b.execIn(ctx, rivalDatabase, fmt.Sprintf("CREATE SUBSCRIPTION rival CONNECTION %s PUBLICATION rival "+
		"WITH (create_slot = false, slot_name = 'rival', copy_data = false, binary = true, streaming = on)",
		pg.Literal(b.server.ConnString("postgres"))))
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, b.server.ConnString("postgres"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for there := false; !there; time.Sleep(10 * time.Millisecond) {
		const query = "SELECT confirmed_flush_lsn >= $1::pg_lsn FROM pg_replication_slots WHERE slot_name = 'rival'"
		if err := conn.QueryRow(ctx, query, end.String()).Scan(&there); err != nil {
			return 0, err
		}
	}
	seconds = time.Since(began).Seconds()
	return seconds, b.execIn(ctx, rivalDatabase, "ALTER SUBSCRIPTION rival DISABLE")
}
