package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/pg"
)

// exec runs statements on the server, each in a transaction of its own.
func (b *bench) exec(ctx context.Context, statements ...string) error {
	return b.execIn(ctx, "postgres", statements...)
}

func (b *bench) execIn(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, b.server.ConnString(database))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%.60s: %w", s, err)
		}
	}
	return nil
}

func (b *bench) lsn(ctx context.Context) (at pg.LSN, err error) {
	conn, err := pgx.Connect(ctx, b.server.ConnString("postgres"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var text string
	if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return 0, err
	}
	return pg.ParseLSN(text)
}

// mixedTable is a table of ten columns of the usual types.
func mixedTable(name string, rows int) []string {
	return []string{
		fmt.Sprintf(`CREATE TABLE %s (id bigint PRIMARY KEY, quantity integer, rate double precision, active boolean,
  customer text, token text, at timestamptz, day date, amount numeric(18,2), detail jsonb)`, name),
		fmt.Sprintf(`INSERT INTO %s SELECT i, (i * 7919::bigint) %% 1000003, i * 0.37, i %% 3 = 0, 'customer-' || i, md5(i::text),
  timestamptz '2024-01-01' + i * interval '13 seconds', date '2020-01-01' + (i %% 3000)::int, (i %% 1000000)::numeric / 100,
  jsonb_build_object('k', i %% 100, 's', 'v' || i) FROM generate_series(1, %d) i`, name, rows),
		"VACUUM (FREEZE, ANALYZE) " + name,
		"CHECKPOINT",
	}
}

// copyBinary is how long COPY of a table takes to a reader that throws the rows
// away.
func (b *bench) copyBinary(ctx context.Context, table string) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, b.server.ConnString("postgres"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	began := time.Now()
	_, err = conn.PgConn().CopyTo(ctx, io.Discard, "COPY "+table+" TO STDOUT (FORMAT binary)")
	return time.Since(began), err
}
