package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/internal/pipeline"
)

// moments are three looks at a pipeline, two seconds apart.
func moments() []pipeline.Snapshot {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	table := func(name string, state pipeline.State, rows, changes int64) pipeline.TableStatus {
		return pipeline.TableStatus{Object: name, State: state, Rows: rows, Bytes: rows * 100, Changes: changes}
	}
	loading := table("public.orders", pipeline.HistoricalLoad, 250_000, 0)
	loading.RowsEstimate, loading.Percent, loading.ETA = 1_000_000, 25, 90
	archive := table("archive.a_table_with_a_very_long_name", pipeline.Active, 3, 0)
	archive2, archive3 := archive, archive
	archive2.Changes, archive3.Changes = 200, 1_000
	skipped := table("public.old", pipeline.Skipped, 0, 0)
	return []pipeline.Snapshot{
		{At: start, Phase: pipeline.Copying, RetainedWAL: 5 << 20, Tables: []pipeline.TableStatus{loading, archive, skipped}},
		{
			At: start.Add(2 * time.Second), Phase: pipeline.Streaming, Changes: 200, LagSeconds: 0.25, LagBytes: 2048,
			Tables: []pipeline.TableStatus{table("public.orders", pipeline.CatchingUp, 1_000_000, 0), archive2, skipped},
		},
		{
			At: start.Add(4 * time.Second), Phase: pipeline.Streaming, Changes: 12_000, LagSeconds: 200, Note: "waiting",
			Tables: []pipeline.TableStatus{table("public.orders", pipeline.Active, 1_000_000, 11_000), archive3, skipped},
		},
	}
}

const pictures = `historical load   0 changes, 0/s   lag 0.0 s, 0 B, the source keeps 5.0 MiB of WAL

  object                     state             rows loaded      bytes       changes  changes/s
  public.orders              HISTORICAL_LOAD       250 000   23.8 MiB  [==        ]  25 %, 90 s left
  archive.a_table_with_a_ve… ACTIVE                      3      300 B             0          0
  and 1 more
^6
streaming   200 changes, 100/s   lag 0.2 s, 2.0 KiB

  object                     state             rows loaded      bytes       changes  changes/s
  public.orders              CATCHING_UP         1 000 000   95.4 MiB             0          0
  archive.a_table_with_a_ve… ACTIVE                      3      300 B           200        100
  and 1 more
^6
streaming   12 000 changes, 3 000/s   lag 3m20s, 0 B
  waiting

  object                     state             rows loaded      bytes       changes  changes/s
  public.orders              ACTIVE              1 000 000   95.4 MiB        11 000      2 750
  archive.a_table_with_a_ve… ACTIVE                      3      300 B         1 000        250
  and 1 more
`

// TestDrawing draws the moments over each other; ^6 is the way up.
func TestDrawing(t *testing.T) {
	var out bytes.Buffer
	draw := inPlace(&out)
	for _, s := range moments() {
		draw(s)
	}
	got := strings.NewReplacer("\x1b[6A\x1b[J", "^6\n", "\x1b[J", "").Replace(out.String())
	if diff := cmp.Diff(pictures, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	draw := jsonLines(&out)
	for _, s := range moments() {
		draw(s)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(moments()) {
		t.Fatalf("%d lines, want %d", len(lines), len(moments()))
	}
	var s struct {
		Phase  string
		Tables []struct{ Object, State string }
	}
	if err := json.Unmarshal([]byte(lines[0]), &s); err != nil {
		t.Fatal(err)
	}
	if s.Phase != string(pipeline.Copying) || s.Tables[0].Object != "public.orders" || s.Tables[0].State != "HISTORICAL_LOAD" {
		t.Errorf("the line says %+v", s)
	}
}

func TestSizeUnknown(t *testing.T) {
	for _, c := range [][4]int{{0, 0, 100, 40}, {80, 24, 80, 24}} {
		if width, height := likelySize(c[0], c[1]); width != c[2] || height != c[3] {
			t.Errorf("%d by %d becomes %d by %d", c[0], c[1], width, height)
		}
	}
}
