package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/pg/pgserver"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// await asks until the answer is as wanted. What is waited for happens in
// another process that gives no sign.
func await(t *testing.T, conn *pgx.Conn, sql, want string, args ...any) {
	t.Helper()
	for {
		rows, err := queryOne(t.Context(), conn, sql, args)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if len(rows) == 1 && rows[0][0] == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestVersions(t *testing.T) {
	t.Setenv(versionsVar, "")
	if got := Versions(); !slices.Equal(got, []int{12, 18}) {
		t.Errorf("by default %v are tested", got)
	}
	t.Setenv(versionsVar, "13, 17,18")
	if got := Versions(); !slices.Equal(got, []int{13, 17, 18}) {
		t.Errorf("13, 17,18 is read as %v", got)
	}
	t.Setenv(versionsVar, "newest")
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "TRUNKLINE_TEST_PG=newest") {
			t.Errorf("the panic does not say what is wrong: %s", text)
		}
	}()
	Versions()
}

func TestSharedIsOne(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		if again := Shared(t, s.Major()); again != s {
			t.Error("two shared servers of one version")
		}
		if want := fmt.Sprintf("/pg%d", s.Major()); !strings.HasSuffix(t.Name(), want) {
			t.Errorf("the subtest is %s, want …%s", t.Name(), want)
		}
	})
}

func TestPoolNeedsMain(t *testing.T) {
	var p pool
	if _, err := p.server(18); !errors.Is(err, errNoMain) {
		t.Errorf("a pool that nobody closes gives a server: %v", err)
	}
}

func TestQuery(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		db := s.Database(t)
		db.Exec("create table t (id int, v text, at timestamptz); insert into t values (1, 'a', 'epoch'), (2, '', null)")
		want := [][]string{{"1", "a", "1970-01-01 00:00:00+00"}, {"2", "", Null}}
		for name, got := range map[string][][]string{
			"without args": db.Query("select * from t order by id"),
			"with args":    db.Query("select * from t where id < $1 and id = any($2) order by id", 3, []int32{1, 2}),
			"the last":     db.Query("select 1; select * from t order by id"),
		} {
			if !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if rows := db.Query("select from t where false"); len(rows) != 0 {
			t.Errorf("no rows are %q", rows)
		}
		if got := db.Value("select $1::numeric", "1.50"); got != "1.50" {
			t.Errorf("a value comes back as %q", got)
		}
		// A prepared statement would not survive this.
		db.Exec("alter table t drop column v")
		if got := db.Query("select * from t where id = $1", 1); len(got[0]) != 2 {
			t.Errorf("after a change of the table: %q", got)
		}
	})
}

func TestDatabasesAreApart(t *testing.T) {
	s := Shared(t, Versions()[0])
	one, two := s.Database(t), s.Database(t)
	one.Exec("create table t ()")
	two.Exec("create table t ()")
	if one.Name() == two.Name() || two.Value("select current_database()") != two.Name() {
		t.Errorf("databases %s and %s", one.Name(), two.Name())
	}
}

func TestRole(t *testing.T) {
	s := New(t, pgserver.Options{HBA: []string{"local all all trust", "host all all all scram-sha-256"}})
	db := s.Database(t)
	db.Role("Le Reader", "login password 'a/b@c'")
	conn, err := pgx.Connect(t.Context(), db.URLAs("Le Reader", "a/b@c"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var name string
	if err := conn.QueryRow(t.Context(), "select current_user").Scan(&name); err != nil || name != "Le Reader" {
		t.Errorf("logged in as %q: %v", name, err)
	}
}

// TestNothingIsLeft makes everything that keeps a database from being dropped.
func TestNothingIsLeft(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		admin, err := s.admin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer admin.Close(t.Context())
		var name string
		t.Run("use", func(t *testing.T) {
			db := s.Database(t)
			name = db.Name()
			db.Role("owner", "login")
			db.Exec("create table t (id int); alter table t owner to owner; create publication p for table t")
			slots(t, db)
			db.Exec("begin; lock t")
			db.Connect()
		})
		for _, sql := range []string{
			"select count(*) from pg_database where datname = $1",
			"select count(*) from pg_replication_slots where database = $1",
			"select count(*) from pg_roles where rolname = 'owner' and $1 <> ''",
		} {
			rows, err := queryOne(t.Context(), admin, sql, []any{name})
			if err != nil || rows[0][0] != "0" {
				t.Errorf("%s: %q, %v", sql, rows, err)
			}
		}
	})
}

// slots makes one of each kind: idle, temporary and in use.
func slots(t *testing.T, db *DB) {
	t.Helper()
	conn := db.Connect()
	for _, temporary := range []bool{false, true} {
		_, err := conn.Exec(t.Context(), "select pg_create_logical_replication_slot($1, 'pgoutput', $2)",
			fmt.Sprintf("left_%v", temporary), temporary)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "select pg_create_logical_replication_slot('busy', 'pgoutput')"); err != nil {
		t.Fatal(err)
	}
	reader := discarder{Discard: Discard{Slot: "busy", Options: "proto_version '1', publication_names 'p'"}}
	reader.conn = db.Replication()
	if err := reader.start(); err != nil {
		t.Fatal(err)
	}
}

func TestDropWithPrepared(t *testing.T) {
	s := New(t, pgserver.Options{Major: Versions()[0], Settings: map[string]string{"max_prepared_transactions": "5"}})
	db := s.Database(t)
	db.Exec("create table t (id int)")
	db.Exec("begin; insert into t values (1); prepare transaction 'it''s'")
	if err := db.drop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSessionComesBack(t *testing.T) {
	s := New(t, pgserver.Options{})
	db := s.Database(t)
	db.Exec("create table t as select 1 as n")
	s.Kill()
	if err := s.Restart(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := db.Value("select n from t"); got != "1" {
		t.Errorf("after a crash n is %s", got)
	}
	db.Exec("begin; update t set n = 2")
	if err := s.Restart(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := db.session(context.Background()); err == nil || !strings.Contains(err.Error(), "in a transaction") {
		t.Errorf("the loss of a transaction goes unnoticed: %v", err)
	}
}
