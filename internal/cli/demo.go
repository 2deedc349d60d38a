package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"trunkline/internal/control"
	"trunkline/internal/demo"
	"trunkline/internal/destination"
	"trunkline/internal/verify"
)

func (c *command) demoCommand() *cobra.Command {
	var once bool
	dir, duration := "demo", 20*time.Second
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start a shop with live traffic and replicate it, to look at",
		Long: `Starts a PostgreSQL server with a shop's tables and live traffic, and a pipeline
that replicates it into a DuckDB file. Nothing outside the folder is touched.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.demo(cmd.Context(), dir, once, duration)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "run for a time, compare source and destination row by row, and end")
	cmd.Flags().DurationVar(&duration, "for", duration, "how long the traffic lasts with --once")
	cmd.Flags().StringVar(&dir, "dir", dir, "folder for the DuckDB file, the pipeline file and the state; written anew")
	return cmd
}

func (c *command) demo(ctx context.Context, dir string, once bool, duration time.Duration) (err error) {
	terminal := isTerminal(c.out)
	log, err := c.log()
	if err != nil {
		return err
	}
	if terminal {
		log = slog.New(slog.DiscardHandler) // it would be written into the picture
	}
	d, err := demo.Start(ctx, c.app, dir, log, func(text string) { fmt.Fprintln(c.err, text) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	server, err := control.Serve(ctx, d.State().Socket(), log, func(ctx context.Context, r control.Request, w io.Writer) error {
		return d.Pipeline.Ask(func(to destination.Destination) error { return control.Query(ctx, to, r.SQL, r.Format, w) })
	})
	if err == nil {
		defer func() { err = errors.Join(err, server.Close()) }()
		fmt.Fprintf(c.err, "in another terminal: bin/trunkline query -f %s --state %s \"SELECT status, count(*) FROM shop_orders GROUP BY ALL\"\n\n", d.File, d.State().Path)
	}
	show := startDisplay(c.out, terminal, time.Second, d.Pipeline.Progress)
	if !once {
		err = d.Run(ctx)
		show.stop()
		return err
	}
	results, err := d.Once(ctx, duration)
	show.stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\n%s transactions in %v; source and destination compared row by row:\n\n", count(d.Transactions()), duration)
	if err := printComparison(c.out, results); err != nil {
		return err
	}
	if !verify.Equal(results) {
		return errSilent
	}
	return nil
}
