package pipeline_test

import (
	"strings"
	"testing"

	"trunkline/internal/pg/pgtest"
)

// everyShape are tables of every kind of identity, with rows.
const everyShape = `
CREATE TABLE keyed (id int PRIMARY KEY, v text, n numeric, at timestamptz, big text);
ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
CREATE TABLE composite (a int, b text, v text, PRIMARY KEY (b, a));
CREATE TABLE indexed (a int NOT NULL, b int, v text);
CREATE UNIQUE INDEX indexed_a ON indexed (a);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_a;
CREATE TABLE whole (a int, b text);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE whole_keyed (id int PRIMARY KEY, big text, v int);
ALTER TABLE whole_keyed REPLICA IDENTITY FULL;
ALTER TABLE whole_keyed ALTER big SET STORAGE EXTERNAL;
CREATE TABLE log (at int, line text);
CREATE TABLE "Odd ""Name" ("Key" int PRIMARY KEY, "select" text, "key" text);
CREATE TABLE parts (id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE empty (id int PRIMARY KEY);
INSERT INTO keyed SELECT i, 'v' || i, i / 7.0, timestamptz '2024-01-01' + i * interval '1 hour', repeat(md5(i::text), 100) FROM generate_series(1, 1000) i;
INSERT INTO composite SELECT i % 10, 'b' || i, 'v' FROM generate_series(1, 300) i;
INSERT INTO indexed SELECT i, i, 'v' || i FROM generate_series(1, 300) i;
INSERT INTO whole SELECT i % 5, 'b' || i % 7 FROM generate_series(1, 300) i;
INSERT INTO whole_keyed SELECT i, repeat(md5(i::text), 100), i FROM generate_series(1, 300) i;
INSERT INTO log SELECT i, NULL FROM generate_series(1, 100) i;
INSERT INTO "Odd ""Name" SELECT i, 's' || i, 'k' FROM generate_series(1, 50) i;
INSERT INTO parts SELECT i, i % 20, 'v' || i FROM generate_series(1, 300) i;
`

// everyChange does everything to them that can be done.
const everyChange = `
BEGIN;
INSERT INTO keyed SELECT i, 'new', NULL, NULL, repeat('x', 5000) FROM generate_series(1001, 1200) i;
UPDATE keyed SET v = v || '!' WHERE id % 3 = 0;
UPDATE keyed SET big = repeat('y', 4000) WHERE id % 50 = 0;
DELETE FROM keyed WHERE id % 7 = 0;
COMMIT;
BEGIN;
UPDATE keyed SET id = -id WHERE id = 1;
UPDATE keyed SET id = 1 WHERE id = 2;
UPDATE keyed SET id = 2 WHERE id = -1;
UPDATE keyed SET id = id + 100000, v = 'moved' WHERE id BETWEEN 10 AND 30;
COMMIT;
DELETE FROM keyed WHERE id = 100;
INSERT INTO keyed VALUES (100, 'again', 1, now(), 'short');
UPDATE composite SET a = a + 100 WHERE a = 3;
UPDATE composite SET v = 'w' WHERE b LIKE 'b1%';
DELETE FROM composite WHERE a = 5;
UPDATE indexed SET b = -b WHERE a < 50;
UPDATE indexed SET a = a + 1000 WHERE a < 20;
DELETE FROM indexed WHERE a > 250 AND a < 1000;
DELETE FROM whole WHERE ctid IN (SELECT ctid FROM whole WHERE a = 1 LIMIT 5);
UPDATE whole SET b = 'same' WHERE a = 2;
UPDATE whole SET a = NULL WHERE a = 3 AND b = 'b3';
INSERT INTO whole SELECT 4, 'b4' FROM generate_series(1, 5);
UPDATE whole_keyed SET v = v + 1;
UPDATE whole_keyed SET id = id + 1000 WHERE id < 10;
DELETE FROM whole_keyed WHERE id BETWEEN 20 AND 40;
INSERT INTO log VALUES (1000, 'one more');
UPDATE "Odd ""Name" SET "key" = 'changed' WHERE "Key" < 10;
UPDATE parts SET v = 'u' WHERE id % 3 = 0;
UPDATE parts SET day = day + 10 WHERE day = 5;
DELETE FROM parts WHERE day = 7;
INSERT INTO parts VALUES (9999, 1, 'new'), (9999, 15, 'new');
INSERT INTO empty SELECT generate_series(1, 10);
TRUNCATE empty;
INSERT INTO empty VALUES (42);
`

// History and every kind of change arrive, on every version, whatever a delete
// does to the destination.
func TestHistoryAndChanges(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		for _, onDelete := range []string{"mark", "delete"} {
			t.Run(onDelete, func(t *testing.T) {
				h := newHarness(t, s.Database(t))
				h.rest = "metadata_prefix: __tl_\n"
				h.source = ""
				h.rest += "objects: [{ name: \"public.*\", on_delete: " + onDelete + " }]\n"
				h.db.Exec(everyShape)
				h.catchUp()
				h.equal()
				h.db.Exec(everyChange)
				h.catchUp()
				h.equal()
				if onDelete == "mark" {
					if got := h.query(`SELECT count(*) FROM keyed WHERE __tl_marked_deleted`); got == "0" {
						t.Error("no row of keyed is marked as deleted")
					}
				}
			})
		}
	})
}

// The application's own statements never fail because of us: a table that
// cannot identify its rows is published for inserts only.
func TestSourceUpdatesNeverFail(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.db.Exec(`CREATE TABLE bare (a int, b text);
CREATE TABLE nothing (id int PRIMARY KEY, v text);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE halves (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE halves_1 PARTITION OF halves FOR VALUES FROM (0) TO (100);
INSERT INTO bare VALUES (1, 'x'); INSERT INTO nothing VALUES (1, 'x'); INSERT INTO halves VALUES (1, 'x');`)
		h.catchUp()
		h.equal()
		for _, table := range []string{"bare SET b", "nothing SET v", "halves SET v"} {
			h.db.Exec("UPDATE " + table + " = 'y'")
		}
		h.db.Exec("DELETE FROM bare; DELETE FROM nothing; DELETE FROM halves")
		h.db.Exec("INSERT INTO bare VALUES (2, 'z')")
		h.catchUp()
		if got := h.query("SELECT string_agg(a, ',' ORDER BY a) FROM bare"); got != `"1,2"` {
			t.Errorf("bare has %s, want the inserts alone", got)
		}
		// A partition that comes later has no identity either.
		h.db.Exec("CREATE TABLE halves_2 PARTITION OF halves FOR VALUES FROM (100) TO (200); INSERT INTO halves VALUES (150, 'x'); UPDATE halves SET v = 'y'")
	})
}

// The rows of a partition that is truncated stay. PostgreSQL 12 tells of it, and
// a warning says so, once for each partition; later ones tell of the root alone.
func TestTruncatedPartition(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		warnings, marked := 0, "3"
		if s.Major() == 12 {
			warnings, marked = 1, "0"
		}
		h := newHarness(t, s.Database(t))
		h.db.Exec(`CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1), (11)`)
		h.catchUp()
		h.db.Exec("TRUNCATE parts_1; INSERT INTO parts VALUES (2)")
		h.db.Exec("TRUNCATE parts_1; TRUNCATE parts_2")
		log, err := h.tryCatchUp()
		if err != nil {
			t.Fatalf("run: %v\n%s", err, log)
		}
		for _, partition := range []string{"public.parts_1", "public.parts_2"} {
			if n := strings.Count(log, "partition="+partition); n != warnings {
				t.Errorf("%d warnings of %s, want %d:\n%s", n, partition, warnings, log)
			}
		}
		const count = "SELECT count(*) FROM parts WHERE __hevo_marked_deleted"
		if got := h.query(count); got != "0" {
			t.Errorf("%s rows are marked after truncates of partitions, want none", got)
		}
		h.db.Exec("TRUNCATE parts")
		h.catchUp()
		if got := h.query(count); got != marked {
			t.Errorf("%s rows are marked after a truncate of the root, want %s", got, marked)
		}
	})
}

// A transaction with a rolled-back savepoint brings the same rows whether the
// server streams it in progress or sends it when it commits.
func TestRolledBackSavepoints(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY, v text)")
		streams := s.Major() >= 14
		if streams {
			h.db.Exec("ALTER DATABASE " + h.db.Name() + " SET logical_decoding_work_mem TO '64kB'")
		}
		h.catchUp()
		h.db.Exec(`BEGIN;
INSERT INTO rows SELECT i, repeat('a', 50) FROM generate_series(1, 3000) i;
SAVEPOINT one;
INSERT INTO rows SELECT i, repeat('b', 50) FROM generate_series(3001, 5000) i;
ROLLBACK TO one;
INSERT INTO rows SELECT i, repeat('c', 50) FROM generate_series(3001, 4000) i;
SAVEPOINT two;
SAVEPOINT three;
UPDATE rows SET v = 'd' WHERE id < 1000;
RELEASE three;
ROLLBACK TO two;
DELETE FROM rows WHERE id = 1;
INSERT INTO rows VALUES (1, 'again'), (4001, 'last');
COMMIT`)
		h.db.Exec(`BEGIN; INSERT INTO rows SELECT i, repeat('r', 50) FROM generate_series(10001, 15000) i; ROLLBACK`)
		h.catchUp()
		h.equal()
		if got := h.query("SELECT count(*) FROM rows WHERE NOT __hevo_marked_deleted"); got != "4001" {
			t.Errorf("%s rows, want 4001", got)
		}
		if streams {
			eventually(t, "the server says that it streamed transactions in progress", func() bool {
				return h.db.Value("SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = $1", h.slot()) == "t"
			})
		}
	})
}

// A transaction far larger than a part is one transaction in the destination.
func TestLargeTransaction(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, s *pgtest.Server) {
		h := newHarness(t, s.Database(t))
		h.rest = "load: { rows: 1000 }\n"
		h.db.Exec("CREATE TABLE rows (id int PRIMARY KEY, v text); CREATE TABLE others (id int PRIMARY KEY); INSERT INTO rows SELECT i, 'old' FROM generate_series(1, 5000) i")
		h.catchUp()
		h.db.Exec(`BEGIN;
INSERT INTO others SELECT generate_series(1, 500);
INSERT INTO rows SELECT i, 'new' FROM generate_series(5001, 30000) i;
UPDATE rows SET v = v || '!' WHERE id % 2 = 0;
DELETE FROM rows WHERE id % 5 = 0;
UPDATE rows SET id = id + 100000 WHERE id % 7 = 0;
INSERT INTO others SELECT generate_series(501, 1000);
COMMIT`)
		h.catchUp()
		h.equal()
	})
}

// What the file says about objects holds.
func TestObjects(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[0])
	h := newHarness(t, s.Database(t))
	h.db.Exec(`CREATE SCHEMA sales;
CREATE TABLE sales.orders (id int PRIMARY KEY, total numeric(10,2), note text);
CREATE TABLE sales.secret (id int PRIMARY KEY);
CREATE TABLE events (id int PRIMARY KEY, v text);
CREATE VIEW sums AS SELECT sum(total) FROM sales.orders;
INSERT INTO sales.orders VALUES (1, 1.50, 'a'), (2, 'NaN', 'b');
INSERT INTO events VALUES (1, 'x')`)
	h.rest = `objects:
  - { name: "*.*" }
  - { name: sales.secret, skip: true }
  - { name: sales.orders, table_name: "orders of {schema}", columns: [{ name: total, type: text }] }
  - { name: public.events, load_mode: append }
`
	h.catchUp()
	h.db.Exec("UPDATE sales.orders SET note = 'c' WHERE id = 2; UPDATE events SET v = 'y'; DELETE FROM events; TRUNCATE events")
	h.catchUp()
	if got := h.query(`SELECT string_agg(total || note, ' ' ORDER BY id) FROM "orders of sales"`); got != "1.50a NaNc" {
		t.Errorf("orders: %s", got)
	}
	if got := h.query(`SELECT string_agg(__hevo_op || coalesce(v, '-'), ' ' ORDER BY __hevo_lsn, __hevo_seq) FROM events`); got != "Rx Uy D- T-" {
		t.Errorf("events: %s", got)
	}
	tables := h.query("SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM duckdb_tables() WHERE schema_name = 'main'")
	if tables != "events orders of sales" {
		t.Errorf("tables: %s", tables)
	}
	out, err := h.command("", "objects", "-f", h.file).Output()
	if err != nil || !strings.Contains(string(out), "views have no changes") {
		t.Errorf("objects: %v\n%s", err, out)
	}
}
