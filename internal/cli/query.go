package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"trunkline/internal/control"
	"trunkline/internal/pipeline"
)

func (c *command) queryCommand() *cobra.Command {
	format := control.FormatTable
	cmd := &cobra.Command{
		Use:   `query -f pipeline.yaml "SELECT ..."`,
		Short: "Run SQL on the destination, also while the pipeline runs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.query(cmd, control.Request{SQL: args[0], Format: format})
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "how the result is printed: table, csv or json")
	return c.withState(c.withFile(cmd))
}

// query asks the process that runs the pipeline, if there is one, for it holds
// the destination; else it opens the destination itself.
func (c *command) query(cmd *cobra.Command, r control.Request) (err error) {
	p, log, err := c.prepare()
	if err != nil {
		return err
	}
	path, err := c.statePath(p)
	if err != nil {
		return err
	}
	asked := control.Ask(cmd.Context(), (&pipeline.StateDir{Path: path}).Socket(), r, c.app.Faults, c.out)
	if !errors.Is(asked, control.ErrNobody) {
		return asked
	}
	d, err := c.app.OpenDestination(cmd.Context(), p, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return control.Query(cmd.Context(), d, r.SQL, r.Format, c.out)
}
