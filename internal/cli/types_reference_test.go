package cli_test

import (
	"bytes"
	"os"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/destination/all"
)

// The page of types is what the code says.
func TestTypesReference(t *testing.T) {
	const page = "../../docs/reference/types.md"
	var want bytes.Buffer
	if err := destination.TypesReference(&want, all.Kinds()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("../../docs/reference", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the code says (%v): run make golden", page, err)
	}
}
