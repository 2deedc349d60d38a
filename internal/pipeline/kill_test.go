package pipeline_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"trunkline/internal/pg/pgtest"
)

// steps are those between which a pipeline can be killed.
var steps = []string{
	"claimed:1", "slot intended:1", "published:1", "slot made:1", "slot recorded:1", "chunk loaded:1", "chunk loaded:3",
	"table loaded:2", "history loaded:1", "stream started:1", "batch ready:1", "batch ready:3", "applied:1", "applied:3",
	"confirmed:1", "confirmed:2",
}

// Killed between any two steps, the pipeline neither loses nor repeats a row.
func TestKilledAtEveryStep(t *testing.T) {
	for _, major := range pgtest.Versions() {
		s := pgtest.Shared(t, major)
		t.Run("pg"+strconv.Itoa(major), func(t *testing.T) {
			for _, step := range steps {
				t.Run(step, func(t *testing.T) { newHarness(t, s.Database(t)).survives(step) })
			}
		})
	}
}

// survives kills a new pipeline at a step and runs it again.
func (h *harness) survives(step string) {
	h.t.Helper()
	h.rest = "load: { rows: 300 }\n"
	h.db.Exec(everyShape)
	// Steps of the start are met at once, those of the stream once there are
	// changes.
	killed := h.killed(step)
	h.db.Exec(everyChange)
	if !killed {
		killed = h.killed(step)
	}
	if !killed {
		h.t.Fatal("the pipeline never came to this step")
	}
	h.catchUp()
	h.equal()
}

// Killed at random moments under load, during the historical load and the
// stream, it ends with all four tables equal. `make soak` does it for longer.
func TestKilledUnderLoad(t *testing.T) {
	scale, kills, seconds := 2, 3, 9
	if os.Getenv("TRUNKLINE_SOAK") != "" {
		scale, kills, seconds = 20, 10, 60
	}
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	h := newHarness(t, s.Database(t))
	load := pgtest.TPCB{URL: h.db.URL(), Scale: scale, Clients: 4}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if err := load.Create(ctx); err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		commits int64
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		commits, err := load.Run(ctx)
		done <- outcome{commits, err}
	}()
	began := time.Now()
	for _, moment := range moments(kills, seconds) {
		r := h.start()
		time.Sleep(time.Until(began.Add(moment)))
		r.kill()
	}
	time.Sleep(time.Until(began.Add(time.Duration(seconds) * time.Second)))
	stop()
	end := <-done
	if end.err != nil {
		t.Fatal(end.err)
	}
	h.catchUp()
	h.equal()
	t.Logf("%d transactions, %d kills", end.commits, kills)
}

// moments are n random moments of so many seconds, in order.
func moments(n, seconds int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = rand.N(time.Duration(seconds) * time.Second)
	}
	slices.Sort(all)
	return all
}
