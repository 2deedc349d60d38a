package postgres

import (
	"context"
	"errors"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/pg"
)

// oldestVersion is the oldest that is loaded into.
const oldestVersion = 12

const (
	selectServer = `SELECT current_setting('server_version_num')::int, getdatabaseencoding(), pg_is_in_recovery()`
	// selectPrivileges yields whether the role may make schemas, and whether it may
	// use and fill the two that are needed; null where there is none.
	selectPrivileges = `SELECT has_database_privilege(current_database(), 'CREATE'),
  (SELECT has_schema_privilege(oid, 'CREATE, USAGE') FROM pg_namespace WHERE nspname = $1),
  (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = '__trunkline'),
  has_database_privilege(current_database(), 'TEMP')`
	probeTable = "__trunkline_check"
)

// errUndo ends a transaction that shall not leave anything.
var errUndo = errors.New("nothing is to be kept")

// Check looks at the server and the privileges, makes a table, fills it and takes
// all back.
func (d *database) Check(ctx context.Context) error {
	err := d.transact(ctx, func(s *session) error {
		for _, check := range []func(context.Context, *session) error{d.checkServer, d.checkPrivileges, d.checkTable} {
			if err := check(ctx, s); err != nil {
				return err
			}
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		return nil
	}
	return err
}

func (d *database) checkServer(ctx context.Context, s *session) error {
	return s.query(ctx, selectServer, func(v [][]byte) error {
		r := reader{}
		version := pg.Version(r.number(v[0]))
		switch {
		case r.err != nil:
			return r.err
		case !version.AtLeast(oldestVersion):
			return destination.SettingsRefused.New("the server is PostgreSQL %v, older than %d", version, oldestVersion).
				On("destination.host").Do("upgrade the server, or name another")
		case string(v[1]) != "UTF8":
			return destination.EncodingRefused.New("database %q is in %s", d.settings.Database, v[1]).On("destination.database")
		case string(v[2]) == "t":
			return destination.NotWritable.New("the server is a standby, which cannot be written").
				On("destination.host").Do("name the primary server")
		}
		return nil
	})
}

func (d *database) checkPrivileges(ctx context.Context, s *session) error {
	user, database, schema := quote(d.settings.User), quote(d.settings.Database), quote(d.settings.Schema)
	return s.query(ctx, selectPrivileges, func(v [][]byte) error {
		may := func(at int) bool { return string(v[at]) == "t" }
		lacks := func(what string, action string, names ...any) *fault.Error {
			return destination.NotWritable.New("user %s lacks %s", user, what).On("destination.user").Do(action, names...)
		}
		switch {
		case !may(0) && (v[1] == nil || v[2] == nil):
			return lacks("CREATE on the database, to make schemas", "GRANT CREATE ON DATABASE %s TO %s", database, user)
		case v[1] != nil && !may(1):
			return lacks("CREATE and USAGE on schema "+schema, "GRANT CREATE, USAGE ON SCHEMA %s TO %s", schema, user)
		case v[2] != nil && !may(2):
			return lacks("USAGE on schema "+ownSchema, "GRANT USAGE ON SCHEMA %[1]s TO %[2]s; "+
				"GRANT ALL ON ALL TABLES IN SCHEMA %[1]s TO %[2]s; GRANT ALL ON ALL SEQUENCES IN SCHEMA %[1]s TO %[2]s", ownSchema, user)
		case !may(3):
			return lacks("TEMP on the database, for rows on their way", "GRANT TEMP ON DATABASE %s TO %s", database, user)
		}
		return nil
	}, d.settings.Schema)
}

func (d *database) checkTable(ctx context.Context, s *session) error {
	if err := d.setUp(ctx, s); err != nil {
		return err
	}
	name := quote(d.settings.Schema) + "." + probeTable
	return s.run(ctx, "CREATE TABLE "+name+" (c integer)", "INSERT INTO "+name+" VALUES (1)", "DROP TABLE "+name)
}
