package config_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/internal/config"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// secret is what every reference of the tests resolves to; no message and no
// redacted file may contain it.
const secret = "s3cr3t-value"

// environment is what the files in testdata refer to.
func environment() config.Environment {
	variables := map[string]string{
		"SHOP_PASSWORD": secret, "EMPTY": "", "HOST": "shop.postgres.database.azure.com",
		"URL": "https://" + secret, "WORD": secret, "PORT": "6432", "DIR": "/run/secrets",
	}
	return config.Environment{
		Lookup: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "/run/secrets/shop":
				return []byte(secret + "\n"), nil
			case "/run/secrets/locked":
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}

// duckdb is a destination as its package would declare it.
type duckdb struct {
	Path        string        `yaml:"path" title:"Path" required:"true" path:"true" example:"shop.duckdb" doc:"The database file."`
	Schema      string        `yaml:"schema" title:"Schema" default:"main" doc:"The schema of the tables."`
	MemoryLimit config.Size   `yaml:"memory_limit" title:"Memory Limit" min:"64MiB" example:"1GiB" doc:"The most memory DuckDB may use."`
	Token       config.Secret `yaml:"token" title:"Token" doc:"A token."`
	Threads     *uint8        `yaml:"threads" title:"Threads" min:"1" doc:"The most threads."`
}

func (d *duckdb) Complete(r *config.Report) {
	if r.Given("threads") && r.Sound("threads") && *d.Threads > 100 {
		r.Warn("threads", "%s is more than any machine has", r.Shown("threads"))
	}
}

func kinds() config.Kinds {
	return config.Kinds{
		"duckdb":     func() any { return &duckdb{} },
		"postgresql": func() any { return &struct{}{} },
	}
}

// TestSays goes through testdata/says: pipeline files, and after each what is
// said about it. A file without problems is followed by itself as redacted.
func TestSays(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("testdata/says/*.txt")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			var now strings.Builder
			for _, c := range casesOf(string(old)) {
				now.WriteString("=== " + c.title + "\n" + c.file + "=> says\n" + says(c.file) + "\n")
			}
			golden(t, page, now.String())
		})
	}
}

type sayingCase struct{ title, file string }

func casesOf(page string) []sayingCase {
	var cases []sayingCase
	for _, text := range strings.Split("\n"+page, "\n=== ")[1:] {
		title, rest, _ := strings.Cut(text+"\n", "\n")
		file, _, _ := strings.Cut(rest, "=> says\n")
		cases = append(cases, sayingCase{title, file})
	}
	return cases
}

func says(file string) string {
	p, warnings, err := config.Parse("pipeline.yaml", []byte(file), kinds(), environment())
	var b strings.Builder
	for _, w := range warnings {
		b.WriteString("warning: " + w + "\n")
	}
	if err != nil {
		return b.String() + err.Error() + "\n"
	}
	redacted, err := config.Redacted(p)
	if err != nil {
		return err.Error()
	}
	return b.String() + string(redacted)
}

// golden compares with a file of testdata, or rewrites it under -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if strings.Contains(got, secret) {
		t.Errorf("%s: a secret is shown:\n%s", path, got)
	}
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}
