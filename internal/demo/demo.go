// Package demo is a shop to look at: a PostgreSQL server with live traffic and a
// pipeline that replicates it into a DuckDB file.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/app"
	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/pg/pgserver"
	"trunkline/internal/pipeline"
	"trunkline/internal/source"
	"trunkline/internal/verify"
)

//go:embed schema.sql
var schemaSQL string

//go:embed seed.sql
var seedSQL string

const (
	clients = 4
	// role owns the shop's tables and may replicate, and nothing more.
	role     = "shop_replicator"
	password = "demo"
)

// Demo is a shop under way.
type Demo struct {
	// File is the pipeline file, for commands beside the demo.
	File     string
	Pipeline *pipeline.Pipeline

	app     *app.App
	config  *config.Pipeline
	server  *pgserver.Server
	state   *pipeline.StateDir
	traffic *traffic
	log     *slog.Logger
}

// Start starts a server, fills the shop and prepares the pipeline. What it
// makes is in dir, which a later start writes anew; say is told what happens.
func Start(ctx context.Context, a *app.App, dir string, log *slog.Logger, say func(string)) (d *Demo, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, old := range []string{"shop.duckdb", "shop.duckdb.wal", "state"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return nil, err
		}
	}
	major, err := newest(ctx, say)
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("starting PostgreSQL %d", major))
	server, err := pgserver.Start(ctx, pgserver.Options{Major: major})
	if err != nil {
		return nil, err
	}
	d = &Demo{app: a, server: server, log: log, File: filepath.Join(dir, "shop.yaml")}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	say("filling the shop")
	if err := d.fill(ctx); err != nil {
		return nil, err
	}
	return d, d.prepare(dir)
}

// newest is the newest server that is on this machine, or else one that npm can
// fetch.
func newest(ctx context.Context, say func(string)) (int, error) {
	majors := pgserver.Majors()
	if found, err := pgserver.Find(); err == nil && len(found) > 0 {
		return found[len(found)-1].Major, nil
	}
	last := majors[len(majors)-1]
	say(fmt.Sprintf("fetching PostgreSQL %d with npm, once", last))
	_, err := pgserver.Ensure(ctx, last)
	return last, err
}

// fill makes role, database, tables and rows.
func (d *Demo) fill(ctx context.Context) error {
	if err := d.exec(ctx, "postgres", fmt.Sprintf("CREATE ROLE %s LOGIN REPLICATION PASSWORD '%s'", role, password)); err != nil {
		return err
	}
	if err := d.exec(ctx, "postgres", "CREATE DATABASE shop OWNER "+role); err != nil {
		return err
	}
	return d.exec(ctx, "shop", "SET ROLE "+role+";"+schemaSQL+seedSQL)
}

func (d *Demo) exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, d.server.ConnString(database))
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

const pipelineFile = `# Written by "trunkline demo". While it runs, try in another terminal:
#   trunkline query -f %[2]s --state %[3]s "SELECT status, count(*) FROM shop_orders GROUP BY ALL"
name: shop
source:
  type: postgresql
  host: 127.0.0.1
  port: %[1]d
  user: ` + role + `
  password: ` + password + `
  database: shop
destination:
  type: duckdb
  path: %[4]s
`

// prepare writes the pipeline file and loads it, as a user would.
func (d *Demo) prepare(dir string) (err error) {
	state := filepath.Join(dir, "state")
	text := fmt.Sprintf(pipelineFile, d.server.Port(), d.File, state, filepath.Join(dir, "shop.duckdb"))
	if err := os.WriteFile(d.File, []byte(text), 0o600); err != nil {
		return err
	}
	if d.config, _, err = d.app.Load(d.File); err != nil {
		return err
	}
	if d.state, err = pipeline.OpenState(state); err != nil {
		return err
	}
	d.Pipeline = pipeline.New(pipeline.Options{
		Config: d.config, Kind: d.app.Kind(d.config), State: d.state, Log: d.log, Patient: true,
	})
	d.traffic = &traffic{url: d.server.ConnString("shop"), clients: clients}
	return nil
}

// State is the pipeline's state directory.
func (d *Demo) State() *pipeline.StateDir { return d.state }

// Close stops the server.
func (d *Demo) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := d.server.Stop(ctx)
	if d.state != nil {
		err = errors.Join(err, d.state.Close())
	}
	return err
}

// Run lets traffic and pipeline run until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.traffic.run(ctx) }()
	err := d.Pipeline.Run(ctx)
	cancel()
	return errors.Join(err, <-done)
}

// Once lets traffic and pipeline run for a time, waits until the pipeline has
// caught up, and compares both sides.
func (d *Demo) Once(ctx context.Context, duration time.Duration) ([]verify.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- d.Pipeline.Run(ctx)
		cancel() // whatever waits for the pipeline waits in vain
	}()
	err := d.once(ctx, duration)
	cancel()
	if failed := <-ended; failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return d.compare(context.WithoutCancel(ctx))
}

func (d *Demo) once(ctx context.Context, duration time.Duration) error {
	working, stop := context.WithTimeout(ctx, duration)
	defer stop()
	if err := d.traffic.run(working); err != nil {
		return err
	}
	s, err := d.app.OpenSource(ctx, d.config, d.log)
	if err != nil {
		return err
	}
	defer s.Close()
	end, err := s.Mark(ctx)
	if err != nil {
		return err
	}
	return d.Pipeline.Wait(ctx, end)
}

// compare compares all tables.
func (d *Demo) compare(ctx context.Context) (results []verify.Result, err error) {
	var s *source.Source
	if s, err = d.app.OpenSource(ctx, d.config, d.log); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	into, err := d.app.OpenDestination(ctx, d.config, d.log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	return verify.All(ctx, d.config, s, into.(destination.Querier))
}

// Transactions is how many transactions the traffic has committed.
func (d *Demo) Transactions() int64 { return d.traffic.transactions.Load() }
