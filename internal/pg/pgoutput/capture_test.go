package pgoutput_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgtest"
)

var capture = flag.Bool("capture", false, "let real servers write the corpus of FuzzDecode anew; "+
	"TRUNKLINE_TEST_PG says which")

const (
	corpus = "testdata/fuzz/FuzzDecode"
	// captureMost bounds the corpus, and captureLength its messages: files of a
	// corpus are read in every run of the tests.
	captureMost   = 150
	captureLength = 400
)

// ways are how the pages are played for the corpus, beside their own.
var ways = []struct {
	page, options, setting string
	since                  int
}{
	{"changes", "proto_version '1', binary 'true'", "work_mem=64kB", 14},
	// Every change is a block of its own, so that blocks hold all kinds of them.
	{"changes", "proto_version '2', streaming 'on'", "debug_logical_replication_streaming=immediate", 17},
	{"changes", "proto_version '2', streaming 'on', binary 'true'", "debug_logical_replication_streaming=immediate", 17},
}

// TestCapture writes the corpus: of the messages of real servers one of each
// kind and shape.
func TestCapture(t *testing.T) {
	if !*capture {
		t.Skip("only with -capture")
	}
	if err := os.RemoveAll(corpus); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(corpus, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		for _, p := range pages(t) {
			if s.Major() < p.since {
				continue
			}
			keep(t, s, files, play(t, s.Database(t), p, p.options, p.settings...))
			for _, w := range ways {
				if strings.HasSuffix(p.path, w.page+".golden") && s.Major() >= w.since {
					keep(t, s, files, play(t, s.Database(t), p, w.options, w.setting))
				}
			}
		}
	})
	if len(files) > captureMost {
		t.Errorf("%d files, want at most %d", len(files), captureMost)
	}
	t.Logf("%d files", len(files))
}

// keep writes the messages whose shape is new.
func keep(t *testing.T, s *pgtest.Server, files map[string]bool, chapters [][]recorded) {
	t.Helper()
	for _, said := range chapters {
		for _, r := range said {
			name := shape(t, r)
			if files[name] || len(r.data) > captureLength {
				continue
			}
			files[name] = true
			text := fmt.Sprintf("go test fuzz v1\n[]byte(%+q)\nbool(%v)\n", r.data, r.inStream)
			path := filepath.Join(corpus, fmt.Sprintf("pg%d-%s", s.Major(), name))
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// shape is what makes a message unlike others of its kind, as a file name.
func shape(t *testing.T, r recorded) string {
	t.Helper()
	var m pgoutput.Message
	c := decode(t, r.data, r.inStream, &m)
	name := strings.ToLower(strings.ReplaceAll(c.Kind.String(), " ", "-"))
	switch {
	case len(r.data) == 0:
		name = "empty"
	case c.Relation != nil:
		name += fmt.Sprintf("-%c%d", c.Relation.ReplicaIdentity, len(c.Relation.Columns))
	case c.Kind == pgoutput.KindTruncate:
		name += fmt.Sprintf("-%d-%v-%v", len(c.Truncated), c.Cascade, c.RestartIdentity)
	case c.Kind == pgoutput.KindMessage:
		name += fmt.Sprintf("-%v-%v", c.Transactional, len(c.Prefix) > 0)
	case c.Kind == pgoutput.KindStreamStart:
		name += fmt.Sprintf("-%v", c.First)
	case c.Kind == pgoutput.KindStreamAbort:
		name += fmt.Sprintf("-%v", c.XID == c.SubXID)
	}
	name += columns("-old-", c.Old) + columns("-new-", c.New)
	if r.inStream {
		name += "-in-block"
	}
	return name
}

func columns(prefix string, t pgoutput.Tuple) string {
	if len(t) == 0 {
		return ""
	}
	kinds := []byte(prefix)
	for _, c := range t {
		kinds = append(kinds, byte(c.Kind))
	}
	return string(kinds)
}
