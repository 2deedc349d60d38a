package postgres

import (
	"context"
	"testing"
	"time"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtest"
)

// TestClaimFromSilent takes a pipeline over from a process that has stopped in
// the middle of a batch.
func TestClaimFromSilent(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgtest.Server) {
		settings := settingsOf(server.Database(t))
		var both [2]*database
		for i := range both {
			d, err := open(context.Background(), optionsFor(settings))
			must(t, err)
			defer d.Close()
			both[i] = d.(*database)
		}
		first, second := both[0], both[1]
		second.patience = 50 * time.Millisecond
		before, err := first.Claim(context.Background())
		must(t, err)
		var claimed error
		b := &batch.Batch{
			Parts: func(yield func(*batch.Part, error) bool) {
				_, claimed = second.Claim(context.Background())
				yield(&batch.Part{}, nil)
			},
			End: func() (batch.Position, pg.Micros) { return batch.Position{Commit: 1, End: 2}, 3 },
		}
		if err := first.Apply(context.Background(), b); err == nil {
			t.Error("the batch of the owner before was taken")
		}
		must(t, claimed)
		after, err := second.Checkpoint(context.Background())
		must(t, err)
		if after.Position != before.Position || after.Owner != second.owner {
			t.Errorf("%+v, want owner %d at %v", after, second.owner, before.Position)
		}
	})
}

// TestCommitsReachTheDisk has a role whose commits would not wait.
func TestCommitsReachTheDisk(t *testing.T) {
	db := pgtest.Shared(t, pgtest.Versions()[0]).Database(t)
	db.Exec(`ALTER DATABASE "` + db.Name() + `" SET synchronous_commit = off`)
	for chosen, want := range map[string]string{"": "local", "remote_write": "remote_write"} {
		settings := settingsOf(db)
		settings.SynchronousCommit = chosen
		d, err := open(context.Background(), optionsFor(settings))
		must(t, err)
		defer d.Close()
		must(t, d.(*database).use(context.Background(), func(s *session) error {
			got, _, err := s.value(context.Background(), "SHOW synchronous_commit")
			if got != want {
				t.Errorf("synchronous_commit is %s, want %s", got, want)
			}
			return err
		}))
	}
}
