package pipeline_test

import (
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// Each change of a table's shape, with changes of rows before and after it in
// the same transaction, ends with both sides equal.
func TestTablesChangeShape(t *testing.T) {
	changes := map[string]string{
		"add a column":                           "ALTER TABLE rows ADD extra int",
		"add a column with a default":            "ALTER TABLE rows ADD extra text DEFAULT 'it''s'",
		"add a column with a default of bytes":   `ALTER TABLE rows ADD extra bytea DEFAULT '\x00ff'`,
		"add an array with a default":            "ALTER TABLE rows ADD extra text[] DEFAULT '{a,NULL}'",
		"add a column with a volatile default":   "ALTER TABLE rows ADD extra float DEFAULT random()",
		"add a serial column":                    "ALTER TABLE rows ADD extra serial",
		"add a domain with a default":            "CREATE DOMAIN seven AS int DEFAULT 7 CHECK (value > 0); ALTER TABLE rows ADD extra seven",
		"add a domain over such a domain":        "CREATE DOMAIN seven AS int DEFAULT 7; CREATE DOMAIN odd AS seven CHECK (value > 0); ALTER TABLE rows ADD extra odd",
		"add a domain with its default taken":    "CREATE DOMAIN seven AS int DEFAULT 7 CHECK (value > 0); ALTER TABLE rows ADD extra seven DEFAULT 5",
		"add a domain without a default":         "CREATE DOMAIN positive AS int CHECK (value > 0); ALTER TABLE rows ADD extra positive",
		"drop a column":                          "ALTER TABLE rows DROP v",
		"drop a column and add it again":         "ALTER TABLE rows DROP v; ALTER TABLE rows ADD v text",
		"rename a column":                        "ALTER TABLE rows RENAME v TO w",
		"swap two names":                         "ALTER TABLE rows RENAME v TO x; ALTER TABLE rows RENAME short TO v; ALTER TABLE rows RENAME x TO short",
		"widen a text":                           "ALTER TABLE rows ALTER short TYPE varchar(100)",
		"widen an integer":                       "ALTER TABLE rows ALTER n TYPE bigint",
		"change a type":                          "ALTER TABLE rows ALTER n TYPE text USING 'n' || n",
		"change the key":                         "ALTER TABLE rows DROP CONSTRAINT rows_pkey; ALTER TABLE rows ADD PRIMARY KEY (n)",
		"change the key's type":                  "ALTER TABLE rows ALTER id TYPE bigint",
		"rename the key":                         "ALTER TABLE rows RENAME id TO ident; ALTER TABLE rows RENAME ident TO id",
		"make the replica identity full":         "ALTER TABLE rows REPLICA IDENTITY FULL",
		"rewrite":                                "CREATE INDEX rows_v ON rows (v); CLUSTER rows USING rows_v",
		"truncate":                               "TRUNCATE rows",
		"a column with a default, dropped again": "ALTER TABLE rows ADD extra int DEFAULT 7; ALTER TABLE rows DROP extra",
	}
	const before = `CREATE TABLE rows (id int PRIMARY KEY, v text, n int NOT NULL, short varchar(10));
CREATE TABLE others (id int PRIMARY KEY, v text);
CREATE TABLE whole (a int, b text); ALTER TABLE whole REPLICA IDENTITY FULL;
INSERT INTO rows SELECT i, 'v' || i, i, 's' FROM generate_series(1, 100) i;
INSERT INTO others SELECT i, 'o' FROM generate_series(1, 100) i`
	// The first and last lines are transactions of their own; those between are
	// one with the change of shape, if it can be in one.
	const work = `
UPDATE others SET v = 'before' WHERE id < 10;
UPDATE rows SET short = 'before' WHERE id < 10;
BEGIN;
UPDATE others SET v = 'in' WHERE id < 20;
UPDATE rows SET short = 'in' WHERE id BETWEEN 5 AND 20;
DELETE FROM rows WHERE id = 50;
%;
UPDATE rows SET short = 'after' WHERE id BETWEEN 15 AND 30;
INSERT INTO rows (id, n, short) VALUES (1001, 1001, 'new');
UPDATE others SET v = 'out' WHERE id > 90;
COMMIT;
UPDATE rows SET short = 'end' WHERE id BETWEEN 25 AND 40;
INSERT INTO rows (id, n) VALUES (1002, 1002)`
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		for name, change := range changes {
			t.Run(name, func(t *testing.T) {
				h := newHarness(t, s.Database(t))
				h.db.Exec(before)
				h.catchUp()
				h.db.Exec(strings.Replace(work, "%", change, 1))
				h.catchUp()
				h.equal()
				h.db.Exec("INSERT INTO rows (id, n) VALUES (2001, 2001); UPDATE rows SET short = 'last' WHERE id > 80")
				h.catchUp()
				h.equal()
			})
		}
	})
}

// Tables that rows are known by as a whole change shape too.
func TestTablesWithoutKeyChangeShape(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	for _, change := range []string{
		"ALTER TABLE whole ADD c int", "ALTER TABLE whole ADD c int DEFAULT 5", "ALTER TABLE whole DROP b",
		"ALTER TABLE whole RENAME b TO bb", "ALTER TABLE whole ALTER a TYPE bigint",
	} {
		t.Run(change, func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec("CREATE TABLE whole (a int, b text); ALTER TABLE whole REPLICA IDENTITY FULL; INSERT INTO whole SELECT i % 3, 'x' FROM generate_series(1, 30) i")
			h.catchUp()
			h.db.Exec("UPDATE whole SET a = 7 WHERE a = 1; BEGIN; DELETE FROM whole WHERE ctid IN (SELECT ctid FROM whole WHERE a = 2 LIMIT 2);" +
				change + "; UPDATE whole SET a = 8 WHERE a = 0; INSERT INTO whole (a) VALUES (9); COMMIT; DELETE FROM whole WHERE a = 8")
			h.catchUp()
			h.equal()
		})
	}
}

// A change of shape survives a kill around the migration.
func TestKilledAtMigration(t *testing.T) {
	versions := pgtest.Versions()
	s := pgtest.Shared(t, versions[len(versions)-1])
	for _, step := range []string{"migrated:1", "batch ready:1", "applied:1"} {
		t.Run(step, func(t *testing.T) {
			h := newHarness(t, s.Database(t))
			h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY, a text, b text); INSERT INTO rows SELECT i, 'a', 'b' FROM generate_series(1, 50) i")
			h.catchUp()
			h.db.Exec(`UPDATE rows SET a = 'x' WHERE id = 1;
BEGIN; UPDATE rows SET a = 'y' WHERE id = 2; ALTER TABLE rows RENAME a TO c; ALTER TABLE rows ADD d int DEFAULT 3; ALTER TABLE rows DROP b; UPDATE rows SET c = 'z' WHERE id = 3; COMMIT;
UPDATE rows SET d = 4 WHERE id = 4`)
			if !h.killed(step) {
				t.Fatal("the pipeline never came to this step")
			}
			h.catchUp()
			h.equal()
		})
	}
}

// Tables come, go and come again.
func TestTablesComeAndGo(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.db.Exec("CREATE TABLE stays (id int PRIMARY KEY); CREATE TABLE comes (id int PRIMARY KEY, v text); INSERT INTO comes VALUES (1, 'a'), (2, 'b')")
		h.catchUp()
		h.db.Exec("DROP TABLE comes; INSERT INTO stays VALUES (1)")
		h.catchUp()
		h.equal()
		h.db.Exec("CREATE TABLE comes (id int PRIMARY KEY, w int); INSERT INTO comes VALUES (1, 10); CREATE TABLE new (id int PRIMARY KEY); INSERT INTO new VALUES (5)")
		h.catchUp()
		h.equal()
		h.db.Exec("INSERT INTO comes VALUES (2, 20); INSERT INTO new VALUES (6); DELETE FROM comes WHERE id = 1")
		h.catchUp()
		h.equal()
	})
}
