package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"trunkline/internal/destination"
	"trunkline/internal/pipeline"
	"trunkline/internal/verify"
)

func (c *command) verifyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify -f pipeline.yaml",
		Short: "Compare source and destination row by row; best while nobody writes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.verify(cmd.Context(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the comparison as JSON")
	return c.withFile(cmd)
}

func (c *command) verify(ctx context.Context, asJSON bool) (err error) {
	p, log, err := c.prepare()
	if err != nil {
		return err
	}
	s, err := c.app.OpenSource(ctx, p, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := pipeline.Idle(ctx, s, pipeline.SlotName(p, c.app.Kind(p))); err != nil {
		return err
	}
	d, err := c.app.OpenDestination(ctx, p, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	querier, ok := d.(destination.Querier)
	if !ok {
		return destination.SettingsRefused.New("this kind of destination cannot be read back")
	}
	results, err := verify.All(ctx, p, s, querier)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(c.out).Encode(results)
	} else {
		err = printComparison(c.out, results)
	}
	if err == nil && !verify.Equal(results) {
		return errSilent
	}
	return err
}

// printComparison prints the table of a comparison.
func printComparison(out io.Writer, results []verify.Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "object\tsource rows\tdestination rows\tmissing\textra\t\t")
	for _, r := range results {
		verdict := "equal"
		switch {
		case r.Note != "":
			verdict = r.Note
		case !r.Equal():
			verdict = "DIFFERENT"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.Object, count(r.Source), count(r.Destination), count(r.Missing), count(r.Extra), verdict)
	}
	return w.Flush()
}
