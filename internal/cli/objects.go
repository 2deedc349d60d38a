package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"trunkline/internal/pipeline"
	"trunkline/internal/schema"
)

func (c *command) objectsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "objects -f pipeline.yaml",
		Short: "List the tables of the source: key, rows, size, state",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, log, err := c.prepare()
			if err != nil {
				return err
			}
			s, err := c.app.OpenSource(cmd.Context(), p, log)
			if err != nil {
				return err
			}
			defer s.Close()
			objects, err := pipeline.Objects(cmd.Context(), s, p)
			if err != nil {
				return err
			}
			return c.printObjects(objects)
		},
	}
	return c.withFile(cmd)
}

func (c *command) printObjects(objects []pipeline.Object) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "object\tstate\tkey\trows\tsize\ttable\tnote")
	for _, o := range objects {
		table := ""
		if o.Table != nil {
			table = o.Table.Name
		}
		fmt.Fprintf(w, "%v\t%s\t%s\t%s\t%s\t%s\t%s\n", o.Source.Name, o.State, keyOf(o), count(o.Source.Rows), size(o.Source.Bytes), table, o.Reason)
	}
	return w.Flush()
}

func keyOf(o pipeline.Object) string {
	if o.Table == nil {
		return ""
	}
	switch {
	case o.Table.Mode == schema.Append:
		return "(append)"
	case o.Table.Identity == schema.ByRow:
		return "(whole row)"
	case o.Table.Identity == schema.InsertOnly:
		return "(none)"
	}
	var names []string
	for _, i := range o.Table.Key {
		names = append(names, o.Table.Columns[i].Source)
	}
	return strings.Join(names, ", ")
}
