package cli

import (
	"fmt"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"trunkline/internal/app"
	"trunkline/internal/config"
)

func (c *command) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Say what an error code means and what to do",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := strconv.Atoi(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%q is not an error code such as 1003", args[0])}
			}
			k := c.app.Faults.Find(code)
			if k == nil {
				return usageError{fmt.Errorf("there is no error %d", code)}
			}
			fmt.Fprintf(c.out, "%d %s\n", k.Code, k.Title)
			if k.Known != "" {
				fmt.Fprintf(c.out, "  known as:    %s\n", k.Known)
			}
			fmt.Fprintf(c.out, "  found by:    %s\n  to mend it:  %s\n", k.Found, k.Action)
			return nil
		},
	}
}

func (c *command) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the pipeline file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return config.JSONSchema(c.out, c.app.Kinds.Settings())
		},
	}
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(c.out, "trunkline %s (%s, %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
