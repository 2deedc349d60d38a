package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// A table of as many columns as PostgreSQL allows: a destination needs memory for
// each column that it writes, whatever the rows.
func TestWideTable(t *testing.T) {
	versions := pgtest.Versions()
	h := newHarness(t, pgtest.Shared(t, versions[len(versions)-1]).Database(t))
	var columns strings.Builder
	for i := range 1599 {
		fmt.Fprintf(&columns, ", c%d integer", i)
	}
	h.db.Exec("CREATE TABLE wide (id integer PRIMARY KEY" + columns.String() + ")")
	h.db.Exec("INSERT INTO wide (id, c7) SELECT i, i FROM generate_series(1, 50) i")
	h.catchUp()
	h.db.Exec("UPDATE wide SET c5 = 7; INSERT INTO wide (id, c1598) VALUES (1000, 1)")
	h.catchUp()
	h.equal()
}
