package fault

import (
	"fmt"
	"io"
	"strings"
)

const preface = `<!-- Generated from the declarations of the faults. Do not edit. -->

# Errors

Whatever goes wrong in Trunkline has a number that never changes. A message says what it concerns, what was
found, and the statement, setting or command that mends it; this page says the same in general. On the command
line, ` + "`trunkline explain 1003`" + ` prints an entry.

Nothing is half written after an error: a pipeline stands at the last position that its destination has committed,
and goes on from there.
`

// Reference writes the reference page of the catalogue in Markdown.
func (c Catalogue) Reference(w io.Writer) error {
	var page strings.Builder
	page.WriteString(preface)
	groups := []string{1: "The source", 2: "The destination", 3: "The pipeline, its file and its objects"}
	group := 0
	for _, k := range c {
		if k.Code/1000 != group {
			group = k.Code / 1000
			fmt.Fprintf(&page, "\n## %dxxx: %s\n", group, groups[group])
		}
		k.section(&page)
	}
	_, err := io.WriteString(w, page.String())
	return err
}

func (k *Kind) section(page *strings.Builder) {
	fmt.Fprintf(page, "\n### %d %s\n\n", k.Code, k.Title)
	if k.Known != "" {
		fmt.Fprintf(page, "* **Elsewhere known as** %s\n", k.Known)
	}
	fmt.Fprintf(page, "* **Found by** %s\n* **To mend it** %s\n", k.Found, k.Action)
	if k.Usage {
		page.WriteString("* Ends with exit code 2: nothing was tried yet.\n")
	}
}
