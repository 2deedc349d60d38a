package postgres

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg/pgtest"
	"trunkline/internal/schema"
)

// refusals are databases and settings that cannot be loaded into, what the check
// says of each, and a word of the remedy.
var refusals = []struct {
	name   string
	make   func(db *pgtest.DB, s *Settings)
	kind   *fault.Kind
	remedy string
}{
	{"a host that is not", func(_ *pgtest.DB, s *Settings) { s.Host = "nowhere.invalid" }, destination.Unavailable, "host"},
	{"a port where nobody listens", func(_ *pgtest.DB, s *Settings) { s.Port = 1 }, destination.Unavailable, "port"},
	{"a database that is not", func(_ *pgtest.DB, s *Settings) { s.Database = "nowhere" }, destination.Unreachable, `CREATE DATABASE "nowhere"`},
	{"a user who is not", func(_ *pgtest.DB, s *Settings) { s.User = "nobody" }, destination.LoginRefused, "user"},
	{"no TLS at the server", func(_ *pgtest.DB, s *Settings) { s.SSL.Mode = config.SSLRequire }, destination.SettingsRefused, "ssl: off"},
	{"a user who may not make schemas", func(db *pgtest.DB, s *Settings) {
		db.Role("reader_of_"+db.Name(), "login")
		s.User = "reader_of_" + db.Name()
	}, destination.NotWritable, "GRANT CREATE ON DATABASE"},
	{"a user who may not use the schema", func(db *pgtest.DB, s *Settings) {
		db.Role("maker_of_"+db.Name(), "login")
		s.User = "maker_of_" + db.Name()
		db.Exec(`REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CREATE ON DATABASE "` + db.Name() + `" TO "` + s.User + `"`)
	}, destination.NotWritable, "GRANT CREATE, USAGE ON SCHEMA"},
	{"a user who may not make temporary tables", func(db *pgtest.DB, s *Settings) {
		db.Role("loader_of_"+db.Name(), "login")
		s.User = "loader_of_" + db.Name()
		db.Exec(`REVOKE TEMP ON DATABASE "` + db.Name() + `" FROM PUBLIC; GRANT CREATE ON DATABASE "` + db.Name() + `" TO "` + s.User +
			`"; GRANT ALL ON SCHEMA public TO "` + s.User + `"`)
	}, destination.NotWritable, "GRANT TEMP ON DATABASE"},
}

// TestCheckRefuses has a fault for each way in which a database cannot serve.
func TestCheckRefuses(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgtest.Server) {
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				db := server.Database(t)
				s := settingsOf(db)
				r.make(db, s)
				wantFault(t, check(t, s), r.kind, r.remedy)
			})
		}
		t.Run("another encoding", func(t *testing.T) {
			s := settingsOf(server.Database(t, "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))
			wantFault(t, check(t, s), destination.EncodingRefused, "UTF8")
		})
	})
}

func check(t *testing.T, s *Settings) error {
	t.Helper()
	d, err := open(context.Background(), optionsFor(s))
	must(t, err)
	defer d.Close()
	return d.Check(context.Background())
}

func wantFault(t *testing.T, err error, kind *fault.Kind, remedy string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Kind != kind || !strings.Contains(f.Remedy(), remedy) {
		t.Errorf("%v, want %q with the remedy %q", err, kind.Title, remedy)
	}
}

// TestCheckLeavesNothing checks an empty database.
func TestCheckLeavesNothing(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgtest.Server) {
		db := server.Database(t)
		s := settingsOf(db)
		s.Schema = "made on the way"
		must(t, check(t, s))
		if got := db.Value("SELECT count(*) FROM pg_namespace WHERE nspname IN ('made on the way', '__trunkline')"); got != "0" {
			t.Errorf("%s schemas are left", got)
		}
	})
}

// TestFewPrivileges loads as a user who may do no more than needed, into schemas
// that an administrator has made.
func TestFewPrivileges(t *testing.T) {
	db := pgtest.Shared(t, pgtest.Versions()[0]).Database(t)
	s := settingsOf(db)
	s.User = "few_" + db.Name()
	db.Role(s.User, "login")
	db.Exec(`CREATE SCHEMA __trunkline AUTHORIZATION "` + s.User + `"; CREATE SCHEMA own AUTHORIZATION "` + s.User + `"`)
	s.Schema = "own"
	must(t, check(t, s))
	d, err := open(context.Background(), optionsFor(s))
	must(t, err)
	defer d.Close()
	_, err = d.Claim(context.Background())
	must(t, err)
}

// TestFilesOfTLS names a file that is not.
func TestFilesOfTLS(t *testing.T) {
	s := &Settings{Host: "localhost", Port: 1}
	s.SSL.Mode, s.SSL.CAFile = config.SSLVerifyFull, filepath.Join(t.TempDir(), "none.pem")
	_, err := open(context.Background(), optionsFor(s))
	wantFault(t, err, destination.SettingsRefused, "file")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want the error of the file system", err)
	}
}

// TestBeginCopyRefuses has tables that cannot be made.
func TestBeginCopyRefuses(t *testing.T) {
	db := pgtest.Shared(t, pgtest.Versions()[0]).Database(t)
	db.Exec("CREATE TABLE items (other integer); CREATE VIEW above AS SELECT * FROM items; CREATE VIEW seen AS SELECT 1 AS id")
	d, err := open(context.Background(), optionsFor(settingsOf(db)))
	must(t, err)
	defer d.Close()
	_, err = d.Claim(context.Background())
	must(t, err)
	wide := sqlTables()["keyed"]
	for len(wide.Columns) < 1601 {
		wide.Columns = append(wide.Columns, schema.Column{Name: strings.Repeat("c", 1+len(wide.Columns)%7) + string(rune('a'+len(wide.Columns)%26)) +
			strings.Repeat("d", len(wide.Columns)/182), Type: wide.Columns[1].Type})
	}
	for name, c := range map[string]struct {
		table  *schema.Table
		called string
		kind   *fault.Kind
		remedy string
	}{
		"too many columns": {wide, "wide", destination.Unfit, "leave columns out"},
		"a long name":      {sqlTables()["keyed"], strings.Repeat("n", 64), destination.Unfit, "table_name"},
		"a view above":     {sqlTables()["keyed"], "items", destination.Depended, "drop what depends"},
		"a view":           {sqlTables()["keyed"], "seen", destination.TableTaken, "table_name"},
	} {
		c.table.Name = c.called
		err := d.Migrate(context.Background(), schema.Plan{schema.BeginCopy{Table: c.table, Generation: 1, Start: 1}})
		t.Run(name, func(t *testing.T) { wantFault(t, err, c.kind, c.remedy) })
	}
}
