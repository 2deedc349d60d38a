// Package archtest holds the structure of the program as tests: which room may
// know which, and what stays behind which border.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "trunkline/"

// floors are the rooms from the ground up. A room imports rooms of lower floors
// only, so that what is known below never depends on what is decided above.
var floors = [][]string{
	{"internal/pg", "internal/config", "internal/fault", "internal/telemetry", "internal/pg/pgserver"},
	{"internal/pg/pgoutput", "internal/pg/pgvalue", "internal/pg/pgtest", "internal/pg/pgtls"},
	{"internal/schema"},
	{"internal/batch"},
	{"internal/destination"},
	{"internal/source", "internal/destination/duckdb", "internal/destination/memory", "internal/destination/postgres"},
	{"internal/destination/destinationtest"},
	{"internal/pipeline", "internal/destination/all"},
	{"internal/verify"},
	{"internal/control"},
	{"internal/app"},
	{"internal/demo"},
	{"internal/cli"},
	{"cmd/trunkline", "bench"},
}

// exempt are imports within a floor, with their reason.
var exempt = map[[2]string]string{
	{"internal/pg/pgserver", "internal/pg"}: "versions are words of PostgreSQL",
	{"internal/config", "internal/fault"}:   "what is wrong with a file is a fault",
}

// borders are modules and packages that only some rooms may know; "" stands for
// all of them.
var borders = map[string][]string{
	"github.com/jackc/pgx":       {"internal/source", "internal/destination/postgres", "internal/demo", "internal/pg/pgserver", "internal/pg/pgtest", "bench"},
	"github.com/duckdb":          {"internal/destination/duckdb", "bench"},
	"github.com/spf13/cobra":     {"internal/cli"},
	"go.yaml.in/yaml":            {"internal/config"},
	"net/http":                   {"internal/pg/pgserver"}, // fetches servers for tests and the demo
	"testing":                    {"internal/pg/pgtest", "internal/destination/destinationtest"},
	"github.com/apache/arrow-go": {"internal/pg/pgvalue", "internal/schema", "internal/batch", "internal/destination", "internal/source", "internal/pipeline", "internal/verify", "internal/control", "internal/cli", "bench"},
}

// room is a package as `go list -json` describes it.
type room struct {
	ImportPath string
	Imports    []string
}

func (r room) name() string { return strings.TrimPrefix(r.ImportPath, module) }

func rooms(t *testing.T) (all []room) {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	var said bytes.Buffer
	list.Stderr = &said
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, said.String())
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var r room
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if r.name() != "internal/archtest" {
			all = append(all, r)
		}
	}
}

func floorOf(name string) int {
	return slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, name) })
}

func TestFloors(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rooms(t) {
		seen[r.name()] = true
		floor := floorOf(r.name())
		if floor < 0 {
			t.Errorf("%s is on no floor", r.name())
			continue
		}
		for _, i := range r.Imports {
			below, ours := strings.CutPrefix(i, module)
			if !ours || exempt[[2]string{r.name(), below}] != "" {
				continue
			}
			if floorOf(below) >= floor {
				t.Errorf("%s imports %s, which is not on a lower floor", r.name(), below)
			}
		}
	}
	for _, name := range slices.Concat(floors...) {
		if !seen[name] {
			t.Errorf("%s has a floor and does not exist", name)
		}
	}
}

func TestBorders(t *testing.T) {
	for _, r := range rooms(t) {
		for _, i := range r.Imports {
			for what, allowed := range borders {
				if (i == what || strings.HasPrefix(i, what+"/")) && !within(r.name(), allowed) {
					t.Errorf("%s imports %s, which only %s may", r.name(), i, strings.Join(allowed, ", "))
				}
			}
		}
	}
}

// within reports whether a room is one of these, or inside one.
func within(name string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return name == r || strings.HasPrefix(name, r+"/") })
}

// TestLength keeps files to a length that one reads.
func TestLength(t *testing.T) {
	const most = 450
	for _, top := range []string{"../../internal", "../../cmd", "../../bench"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			if lines := bytes.Count(text, []byte("\n")); lines > most {
				t.Errorf("%s has %d lines: is it one room?", path, lines)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
