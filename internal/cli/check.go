package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"trunkline/internal/pipeline"
)

func (c *command) checkCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check -f pipeline.yaml",
		Short: "Test the connection: source, privileges, destination",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, log, err := c.prepare()
			if err != nil {
				return err
			}
			checks := pipeline.Checks(cmd.Context(), p, c.app.Kind(p), log)
			if err := c.printChecks(checks, asJSON); err != nil {
				return err
			}
			if pipeline.AnyFailed(checks) {
				return errSilent
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the checks as JSON")
	return c.withFile(cmd)
}

func (c *command) printChecks(checks []pipeline.Check, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(c.out)
		out.SetIndent("", "  ")
		return out.Encode(checks)
	}
	for _, check := range checks {
		title := ""
		if check.Code != 0 {
			title = fmt.Sprintf("%d %s: ", check.Code, check.Title)
		}
		fmt.Fprintf(c.out, "%-8s %-28s %s%s\n", check.Verdict, check.Name, title, check.Detail)
		if check.Action != "" {
			fmt.Fprintf(c.out, "%8s %-28s to mend it: %s\n", "", "", check.Action)
		}
	}
	return nil
}
