package pgoutput_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgtest"
)

// TestTranscripts plays the pages of testdata on real servers: whatever their
// version, they tell the same story. -update rewrites it, on the first version
// of each page; the others are still compared.
func TestTranscripts(t *testing.T) {
	for _, p := range pages(t) {
		name := strings.TrimSuffix(filepath.Base(p.path), ".golden")
		written := !*update
		t.Run(name, func(t *testing.T) {
			pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
				if s.Major() < p.since {
					t.Skipf("servers say this from version %d on", p.since)
				}
				now := retell(t, s, p)
				if !written {
					written = true
					p = now
					if err := os.WriteFile(p.path, []byte(p.String()), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(p.String(), now.String()); diff != "" {
					t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", p.path, diff)
				}
			})
		})
	}
}

// retell is the page as this server tells it.
func retell(t *testing.T, s *pgtest.Server, p *page) *page {
	t.Helper()
	db := s.Database(t)
	said := play(t, db, p, p.options, p.settings...)
	told := newTeller(t, db)
	now := *p
	now.chapters = nil
	for i, c := range p.chapters {
		c.story = told.chapter(said[i])
		now.chapters = append(now.chapters, c)
	}
	return &now
}

// TestOriginWithoutName: where the origin of a transaction is due whose name
// cannot be found, servers before 14 send an empty message.
func TestOriginWithoutName(t *testing.T) {
	const origin = "'young upstream of ' || current_database()"
	p := &page{
		prepare: []string{"create table t (id int)", "create publication p for table t"},
		chapters: []chapter{{steps: []step{
			{sql: "begin; select pg_replication_origin_create(" + origin + "), pg_replication_origin_session_setup(" + origin + "); " +
				"insert into t values (1); commit"},
			{sql: "select pg_replication_origin_session_reset(), pg_replication_origin_drop(" + origin + ")"},
		}}},
	}
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		var kinds []string
		var m pgoutput.Message
		empty := 0
		for _, r := range play(t, s.Database(t), p, "proto_version '1'")[0] {
			decode(t, r.data, r.inStream, &m)
			kinds = append(kinds, m.Kind.String())
			if len(r.data) == 0 {
				empty++
			}
		}
		t.Logf("%d empty messages among %s", empty, strings.Join(kinds, ", "))
		if (empty > 0) != (s.Major() < 14) {
			t.Errorf("%d empty messages of %d", empty, s.Major())
		}
	})
}
