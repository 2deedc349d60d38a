package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"trunkline/internal/control"
	"trunkline/internal/destination"
	"trunkline/internal/pipeline"
)

func (c *command) runCommand() *cobra.Command {
	var untilCaughtUp, takeOver bool
	cmd := &cobra.Command{
		Use:   "run -f pipeline.yaml",
		Short: "Load the history, then follow every change, until stopped",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), untilCaughtUp, takeOver)
		},
	}
	cmd.Flags().BoolVar(&untilCaughtUp, "until-caught-up", false, "end once everything committed at the source before the start is in the destination")
	cmd.Flags().BoolVar(&takeOver, "take-over", false, "drop a slot of this pipeline's name that the destination does not know, and begin anew")
	return c.withState(c.withFile(cmd))
}

func (c *command) run(ctx context.Context, untilCaughtUp, takeOver bool) (err error) {
	p, log, err := c.prepare()
	if err != nil {
		return err
	}
	path, err := c.statePath(p)
	if err != nil {
		return err
	}
	state, err := pipeline.OpenState(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	terminal := isTerminal(c.out)
	run := pipeline.New(pipeline.Options{
		Config: p, Kind: c.app.Kind(p), State: state, Log: log,
		UntilCaughtUp: untilCaughtUp, TakeOver: takeOver, Patient: terminal,
	})
	server, err := control.Serve(ctx, state.Socket(), log, func(ctx context.Context, r control.Request, w io.Writer) error {
		return run.Ask(func(d destination.Destination) error { return control.Query(ctx, d, r.SQL, r.Format, w) })
	})
	if err != nil {
		log.WarnContext(ctx, "queries cannot be answered while the pipeline runs", "error", err)
	} else {
		defer func() { err = errors.Join(err, server.Close()) }()
	}
	show := startDisplay(c.out, terminal, time.Second, run.Progress)
	err = run.Run(ctx)
	show.stop()
	return err
}
