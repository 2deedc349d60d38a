package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trunkline/internal/app"
	"trunkline/internal/config"
	"trunkline/internal/destination"
)

// TestReference compares the pages of docs/reference with what the program
// declares.
func TestReference(t *testing.T) {
	a := app.New()
	for page, write := range map[string]func(io.Writer) error{
		"errors.md":        a.Faults.Reference,
		"pipeline-file.md": func(w io.Writer) error { return config.Reference(w, a.Kinds.Settings()) },
		"types.md":         func(w io.Writer) error { return destination.TypesReference(w, a.Kinds) },
		"command-line.md":  func(w io.Writer) error { return commandReference(w, (&command{app: a}).root()) },
	} {
		t.Run(page, func(t *testing.T) {
			var want bytes.Buffer
			if err := write(&want); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("../../docs/reference", page)
			if *Update {
				if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.String(), string(got)); diff != "" {
				t.Errorf("%s is not what the program declares (-want +got); `make golden` writes it:\n%s", page, diff)
			}
		})
	}
}

const commandPreface = `<!-- Generated from the commands. Do not edit. -->

# The command line

Exit codes: 0 done, 1 failed, 2 the command line or the pipeline file was not understood. The log goes to stderr,
results go to stdout.
`

// commandReference writes the page of the commands.
func commandReference(w io.Writer, root *cobra.Command) error {
	var page strings.Builder
	page.WriteString(commandPreface)
	fmt.Fprintf(&page, "\n## Every command\n\n%s", flagTable(root.PersistentFlags()))
	for _, c := range root.Commands() {
		fmt.Fprintf(&page, "\n## `trunkline %s`\n\n%s.\n", c.Use, strings.TrimSuffix(c.Short, "."))
		if c.Long != "" {
			fmt.Fprintf(&page, "\n%s\n", strings.TrimSpace(c.Long))
		}
		if c.HasLocalFlags() {
			fmt.Fprintf(&page, "\n%s", flagTable(c.LocalNonPersistentFlags()))
		}
		if c.Example != "" {
			fmt.Fprintf(&page, "\n```sh\n%s\n```\n", strings.Trim(c.Example, "\n"))
		}
	}
	_, err := io.WriteString(w, page.String())
	return err
}

func flagTable(flags *pflag.FlagSet) string {
	var table strings.Builder
	table.WriteString("| flag | meaning | default |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := ""
		if f.DefValue != "" && f.DefValue != "false" {
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(&table, "| %s | %s | %s |\n", name, f.Usage, value)
	})
	return table.String()
}
