package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"trunkline/internal/pipeline"
)

func (c *command) dropCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drop -f pipeline.yaml",
		Short: "Remove slot, publications and state; keep the loaded data",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, log, err := c.prepare()
			if err != nil {
				return err
			}
			path, err := c.statePath(p)
			if err != nil {
				return err
			}
			state, err := pipeline.OpenState(path) // nobody may be running it
			if err != nil {
				return err
			}
			defer state.Close()
			if err := c.app.Drop(cmd.Context(), p, log); err != nil {
				return err
			}
			if err := os.RemoveAll(path); err != nil {
				return pipeline.StateUnusable.Wrap(err)
			}
			fmt.Fprintf(c.out, "pipeline %s is dropped: its slot, publications and state are gone; the tables stay\n", p.Name)
			return nil
		},
	}
	return c.withState(c.withFile(cmd))
}
