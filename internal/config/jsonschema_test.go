package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"trunkline/internal/config"
)

// TestJSONSchema leads the files of testdata/says through the schema: those that
// Load takes must pass, and some that it refuses must not.
func TestJSONSchema(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	pages, err := filepath.Glob("testdata/says/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	taken, refused := 0, 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range casesOf(string(text)) {
			document, ok := asJSON(c.file)
			if !ok {
				continue // not YAML, or with keys that JSON cannot have
			}
			problem := schema.Validate(document)
			_, _, err := config.Parse("pipeline.yaml", []byte(c.file), kinds(), environment())
			switch {
			case err == nil && problem != nil:
				t.Errorf("%s: %s: the file is right, the schema says\n%v\n%s", page, c.title, problem, c.file)
			case err == nil:
				taken++
			case problem != nil:
				refused++
			}
		}
	}
	if taken < 10 || refused < 10 {
		t.Errorf("%d files passed and %d were refused by the schema; want 10 of each", taken, refused)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var text bytes.Buffer
	if err := config.JSONSchema(&text, kinds()); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(&text)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("pipeline.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// asJSON is a YAML file as an editor's validator sees it.
func asJSON(file string) (document any, ok bool) {
	var v any
	if yaml.Unmarshal([]byte(file), &v) != nil {
		return nil, false
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	document, err = jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	return document, err == nil
}
