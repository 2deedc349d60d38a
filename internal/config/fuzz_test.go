package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"trunkline/internal/config"
	"trunkline/internal/fault"
)

// FuzzLoad: no file makes the program panic; every error is a usage fault; what
// references stand for is never shown; a redacted pipeline is the same pipeline.
func FuzzLoad(f *testing.F) {
	pages, err := filepath.Glob("testdata/says/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range casesOf(string(text)) {
			f.Add([]byte(c.file))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, warnings, err := config.Parse("f.yaml", file, kinds(), environment())
		if err != nil {
			checkFault(t, file, err)
			return
		}
		checkRedacted(t, p)
		for _, w := range warnings {
			checkHidden(t, file, w)
		}
	})
}

func checkFault(t *testing.T, file []byte, err error) {
	t.Helper()
	if found, ok := fault.Of(err); !ok || !found.Kind.Usage {
		t.Errorf("no usage fault: %v", err)
	}
	checkHidden(t, file, err.Error())
}

func checkHidden(t *testing.T, file []byte, text string) {
	t.Helper()
	if bytes.Contains([]byte(text), []byte(secret)) && !bytes.Contains(file, []byte(secret)) {
		t.Errorf("a secret is shown: %s", text)
	}
}

func checkRedacted(t *testing.T, p *config.Pipeline) {
	t.Helper()
	redacted, err := config.Redacted(p)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := config.Parse("redacted.yaml", redacted, kinds(), environment())
	if err != nil {
		t.Fatalf("%v\n%s", err, redacted)
	}
	twice, err := config.Redacted(again)
	if err != nil || !bytes.Equal(redacted, twice) {
		t.Errorf("%v\n%s\n%s", err, redacted, twice)
	}
}
