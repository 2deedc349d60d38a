package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// Reference writes the reference page of the pipeline file in Markdown, from
// the declarations of the file and of the destinations.
func Reference(w io.Writer, kinds Kinds) error {
	var page bytes.Buffer
	page.WriteString(preface)
	root := Field{Type: TypeSection, Fields: Fields(Pipeline{})}
	writeSection(&page, "", &root)
	for _, name := range kinds.names() {
		settings := Field{Type: TypeSection, Fields: Fields(kinds[name]())}
		fmt.Fprintf(&page, "\n## `destination` of type `%s`\n\n", name)
		writeTable(&page, &settings)
	}
	_, err := page.WriteTo(w)
	return err
}

const preface = `<!-- Generated from the declarations in internal/config. Do not edit. -->

# The pipeline file

A pipeline is one YAML file. The shortest one:

` + "```yaml" + `
name: shop
source:
  type: azure_postgresql
  host: shop.postgres.database.azure.com
  user: replicator
  password: ${SHOP_PASSWORD}
  database: shop
destination:
  type: duckdb
  path: shop.duckdb
` + "```" + `

Every key is listed below. A key that is not is an error, with line, column and
the nearest key. All problems of a file are reported at once; nothing is started
before the file is right.

## How values are written

* **References.** ` + "`${NAME}`" + ` in a value is replaced by that environment variable; a variable
  that is not set is an error. ` + "`$${`" + ` stands for ` + "`${`" + `. Between ` + "`{`" + ` and ` + "`}`" + ` YAML wants quotes
  around it: ` + "`{ password: \"${NAME}\" }`" + `.
* **Secrets** may be ` + "`file:PATH`" + `: the content of that file without its last line end.
  PATH may contain references. Secrets are shown as ` + "`******`" + ` everywhere.
* **Paths** that are relative start at the current directory. ` + "`~`" + ` is not expanded;
  ` + "`${HOME}`" + ` is.
* **Durations** have a unit: ` + "`200ms`, `30s`, `5m`, `1.5h`, `1h30m`" + `.
* **Sizes** are a number of bytes, or have a unit: ` + "`kB`, `MB`, `GB`, `TB`" + ` are powers of 1000,
  ` + "`KiB`, `MiB`, `GiB`, `TiB`" + ` powers of 1024.
* **Text** needs quotes where YAML gives a character a meaning: ` + "`'\"Order Items\".x'`, `\"*.*\"`, `\"#1\"`" + `.
  An empty text is the same as none.
`

// writeSection writes the table of a section and then those within it.
func writeSection(page *bytes.Buffer, heading string, f *Field) {
	if heading == "" {
		page.WriteString("\n## The file\n\n")
	} else {
		fmt.Fprintf(page, "\n## `%s`\n\n%s\n\n", heading, f.Doc)
	}
	writeTable(page, f)
	for i := range f.Fields {
		m := f.Fields[i]
		if m.NotYet {
			continue
		}
		if m.Elem != nil {
			m.Fields, m.Path = m.Elem.Fields, m.Elem.Path
		}
		if len(m.Fields) > 0 && !allLater(m.Fields) {
			writeSection(page, m.Path, &m)
		}
	}
}

// allLater reports whether a section has nothing to set yet but its short form.
func allLater(fields []Field) bool {
	for _, f := range fields {
		if !f.NotYet {
			return false
		}
	}
	return true
}

func writeTable(page *bytes.Buffer, f *Field) {
	page.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for i := range f.Fields {
		m := &f.Fields[i]
		if m.NotYet {
			fmt.Fprintf(page, "| `%s` | | | *Not available in this version.* %s |\n", m.Name, cell(m.Doc))
			continue
		}
		fmt.Fprintf(page, "| `%s` | %s | %s | %s |\n", m.Name, cell(m.valueText()), cell(m.defaultText()), cell(m.Doc))
	}
}

// cell keeps text within its column.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// valueText says in the page what a field takes.
func (f *Field) valueText() string {
	switch {
	case f.Type == TypeSection && f.Scalar != nil && f.List != nil:
		return code(f.Scalar.Enum) + ", or a list of names" + laterText(f.Scalar)
	case f.Type == TypeSection && f.Scalar != nil && allLater(f.Fields):
		return code(f.Scalar.Enum)
	case f.Type == TypeSection:
		return "[section](#" + anchor(f.Path) + ")"
	case f.Type == TypeList && f.Elem.Type == TypeSection:
		return "list of [sections](#" + anchor(f.Path) + ")"
	case f.Type == TypeList:
		return "list of " + string(f.Elem.Type) + "s"
	case len(f.Enum) > 0:
		return code(f.Enum) + laterText(f)
	}
	return f.plainText()
}

func (f *Field) plainText() string {
	text := string(f.Type)
	switch {
	case f.Secret:
		text = "secret"
	case f.IsPath:
		text = "path"
	}
	if bounds := f.bounds(); bounds != "" {
		text += ", " + bounds
	}
	return text + laterText(f)
}

func laterText(f *Field) string {
	if len(f.Later) == 0 {
		return ""
	}
	return "; not yet: " + code(f.Later)
}

func (f *Field) defaultText() string {
	switch {
	case f.Required:
		return "**mandatory**"
	case f.Default != "":
		return code([]string{f.Default})
	case f.Type == TypeSwitch:
		return code([]string{"false"})
	case f.Type == TypeSection:
		return ""
	}
	return cmp.Or(f.Otherwise, "none")
}

func code(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

// anchor is the address that Markdown renderers give a heading.
func anchor(heading string) string {
	return strings.NewReplacer(".", "", "[", "", "]", "").Replace(heading)
}
