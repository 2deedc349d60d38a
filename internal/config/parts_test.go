package config_test

import (
	"bytes"
	"strings"
	"testing"

	"trunkline/internal/config"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"0": 0, "1": 1, "128MiB": 128 << 20, "64MB": 64_000_000, "64mb": 64_000_000, "1.5GiB": 3 << 29,
		"2 TB": 2e12, "10B": 10, "0.5kB": 500, "9223372036854775807": 1<<63 - 1, "1KiB": 1024,
	} {
		if got, err := config.ParseSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "MiB", "-1", "+1", "1e3", "1_000", "1.5", "0.3B", "1PB", "9223372036854775808",
		"9007199254740993TiB", "NaN", "Inf", "0x1", "1..5", "1.", ".5", "1 0"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
	for size, want := range map[config.Size]string{0: "0", 1: "1", 1023: "1023", 1024: "1KiB", 1000: "1kB", 3 << 29: "1536MiB", config.TiB: "1TiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %s", int64(size), got)
		}
		if again, err := config.ParseSize(size.String()); again != size || err != nil {
			t.Errorf("%s is read as %d, %v", size, again, err)
		}
	}
}

func TestObjectNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, schema, table string }{
		{"public.orders", "public", "orders"},
		{"Public.ORDERS", "public", "orders"},
		{`public."Order Items"`, "public", "Order Items"},
		{`"a.b"."c""d"`, "a.b", `c"d`},
		{`public."*"`, "public", "*"},
		{"öffentlich.straße", "öffentlich", "straße"},
		{"_a.b$1", "_a", "b$1"},
	} {
		n, err := config.ParseObjectName(c.name)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if schema, table, exact := n.Exact(); schema != c.schema || table != c.table || !exact {
			t.Errorf("%s is %s and %s, exact %v", c.name, schema, table, exact)
		}
		again, err := config.ParseObjectName(n.String())
		if err != nil || !again.Matches(c.schema, c.table) || again.Matches(c.schema, c.table+"x") {
			t.Errorf("%s is written %s, which is read otherwise: %v", c.name, n, err)
		}
	}
}

func TestObjectPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"public.*", []string{"orders", ""}, nil},
		{"public.or*", []string{"orders", "or"}, []string{"o", "xor"}},
		{"public.*_log", []string{"a_log", "_log", "a_log_log"}, []string{"a_logs"}},
		{"public.a*b*c", []string{"abc", "axbxc", "abbcc"}, []string{"ac", "acb", "abcx"}},
		{"public.a*a", []string{"aa", "aba"}, []string{"a"}},
		{"p*.*", []string{"orders"}, nil},
		{`public."or*"`, []string{"or*"}, []string{"orders"}},
	} {
		n, err := config.ParseObjectName(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range c.yes {
			if !n.Matches("public", table) {
				t.Errorf("%s does not match %s", c.pattern, table)
			}
		}
		for _, table := range c.no {
			if n.Matches("public", table) {
				t.Errorf("%s matches %s", c.pattern, table)
			}
		}
		if n.Matches("sales", "orders") {
			t.Errorf("%s matches another schema", c.pattern)
		}
	}
	if (config.ObjectName{}).Matches("", "") {
		t.Error("the zero name matches")
	}
}

// The entry that says most about a table governs it.
func TestObjectThatGoverns(t *testing.T) {
	t.Parallel()
	selection := parse(t, shop+`
defaults: { on_delete: ignore }
objects:
  - { name: public.orders, load_mode: append }
  - { name: public.*, on_delete: delete }
  - { name: public.tmp_*, skip: true }
  - { name: "*.tmp_*", load_mode: append }
`).Selection()
	for _, c := range []struct{ schema, table, want string }{
		{"public", "orders", "public.orders append ignore ignore false true"},
		{"public", "items", "public.items merge delete delete false true"},
		{"public", "tmp_1", "public.tmp_1 merge ignore ignore true true"},
		{"other", "tmp_1", "other.tmp_1 append ignore ignore false true"},
		{"other", "Items", `other."Items" merge ignore ignore false false`},
	} {
		o, named := selection.Object(c.schema, c.table)
		words := []string{o.Name, string(o.LoadMode), string(o.OnDelete), string(o.OnTruncate)}
		got := strings.Join(words, " ") + " " + trueFalse(o.Skip) + " " + trueFalse(named)
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func trueFalse(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	if got := config.Template("{database}/{schema}.{table}").Expand("d", "{table}", "t"); got != "d/{table}.t" {
		t.Error(got)
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := config.Reference(&page, config.Kinds{"duckdb": kinds()["duckdb"]}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/pipeline-file.md", page.String())
}

// The shortest file of the reference page is one.
func TestReferenceExample(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := config.Reference(&page, nil); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(page.String(), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	parse(t, example)
}

// Every setting can be shown in a form and on the reference page.
func TestDeclarationsAreComplete(t *testing.T) {
	t.Parallel()
	paths := map[string]bool{}
	config.Walk(&config.Pipeline{}, func(f config.Field) {
		if paths[f.Path] {
			t.Errorf("%s is declared twice", f.Path)
		}
		paths[f.Path] = true
		if f.Doc == "" || f.Title == "" && !strings.HasPrefix(f.Path, "metadata_columns.") {
			t.Errorf("%s has no title or no doc", f.Path)
		}
		if strings.HasSuffix(f.Default, " ") || f.Required && f.Default != "" {
			t.Errorf("%s: default %q", f.Path, f.Default)
		}
	})
	for _, path := range []string{"name", "source.ssl.mode", "objects[].columns[].type", "destination.type", "source.publication"} {
		if !paths[path] {
			t.Errorf("%s is not walked", path)
		}
	}
}

func TestFieldsTellWhatAFormNeeds(t *testing.T) {
	t.Parallel()
	found := map[string]config.Field{}
	config.Walk(config.Pipeline{}, func(f config.Field) { found[f.Path] = f })
	if f := found["source.password"]; !f.Secret || f.Type != config.TypeText {
		t.Errorf("password: %+v", f)
	}
	if f := found["source.publication"]; f.Scalar == nil || f.List == nil || f.Scalar.Enum[0] != "managed" || f.Default != "managed" {
		t.Errorf("publication: %+v", f)
	}
	if f := found["objects[].load_mode"]; strings.Join(f.Enum, " ") != "merge append" || f.Later[0] != "history" {
		t.Errorf("load_mode: %+v", f)
	}
	if f := found["source.port"]; f.Min != "1" || f.Max != "65535" || f.Default != "5432" || f.Type != config.TypeNumber {
		t.Errorf("port: %+v", f)
	}
}

// A wrong declaration is a mistake of the program, and found at once.
func TestWrongDeclarationPanics(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"no struct": "",
		"unknown type": struct {
			F float64 `yaml:"f"`
		}{},
		"unknown tag option": struct {
			F int `yaml:"f,omitempty"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			config.Fields(v)
		}()
	}
}
