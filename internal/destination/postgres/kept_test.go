package postgres

import (
	"context"
	"strings"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/schema"
)

// claimed gives a claimed destination in a database of the newest server.
func claimed(t *testing.T) (*database, *pgtest.DB) {
	versions := pgtest.Versions()
	db := pgtest.Shared(t, versions[len(versions)-1]).Database(t)
	d, err := open(context.Background(), optionsFor(settingsOf(db)))
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	_, err = d.Claim(context.Background())
	must(t, err)
	return d.(*database), db
}

func begin(t *testing.T, d *database, table *schema.Table, generation int64) {
	t.Helper()
	must(t, d.Migrate(context.Background(), schema.Plan{
		schema.BeginCopy{Table: table, Generation: generation, Start: 1},
		schema.EndCopy{Table: table, Generation: generation},
	}))
}

// TestKeptLongName keeps tables whose names have no room for what follows, with
// a view on them, whose marks somebody has removed.
func TestKeptLongName(t *testing.T) {
	d, db := claimed(t)
	table := sqlTables()["keyed"]
	table.Name = strings.Repeat("n", 59) + "éé"
	mark := quote(table.Columns[table.Find(schema.Marked)].Name)
	begin(t, d, table, 1)
	for generation := int64(2); generation < 4; generation++ {
		db.Exec("ALTER TABLE " + quote(table.Name) + " DROP COLUMN " + mark)
		db.Exec("CREATE OR REPLACE VIEW seen AS SELECT 1 AS one FROM " + quote(table.Name))
		begin(t, d, table, generation)
	}
	first := strings.Repeat("n", 44)
	infos, err := d.Tables(context.Background(), []string{table.Name, first + "__before_2", first + "__before_3"})
	must(t, err)
	if len(infos) != 3 || infos[0].Origin.OwnRows || !infos[1].Origin.OwnRows || !infos[2].Origin.OwnRows {
		t.Errorf("the tables are %+v", infos)
	}
}

// TestQueryRefused has queries that fail at once, later, or because they write.
func TestQueryRefused(t *testing.T) {
	d, _ := claimed(t)
	for _, sql := range []string{
		"SELEC 1", "SELECT nothing", "SELECT 1 FROM nowhere", "SELECT 'x'::integer", "SELECT 1; SELECT 2", "SELECT",
		"SELECT 1 / (9000 - n) FROM generate_series(1, 10000) AS n", "CREATE TABLE made ()", "DELETE FROM __trunkline.checkpoints",
	} {
		reader, err := d.Query(t.Context(), sql)
		if err == nil {
			for reader.Next() {
			}
			err = reader.Err()
			reader.Release()
		}
		if !fault.Has(err, destination.QueryRefused) {
			t.Errorf("%q: %v", sql, err)
		}
	}
}
