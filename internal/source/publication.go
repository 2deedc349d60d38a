package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"trunkline/internal/pg"
)

// A pipeline has two publications: one that publishes everything, for tables
// whose replica identity finds rows, and one that publishes inserts and
// truncates, for the rest. A table of the second kind in the first would make
// the application's own updates fail.
const (
	suffixAll     = "_all"
	suffixInserts = "_ins"
)

// ManagedPublications are the names of the publications that belong to a slot.
func ManagedPublications(slot string) []string {
	return []string{slot + suffixAll, slot + suffixInserts}
}

// member is a relation of a publication.
type member struct {
	oid uint32
	sql string
}

// members are the relations by which a table is published: itself, or its leaves
// where the server cannot publish under the root.
func (s *Source) members(t *Table) []member {
	switch {
	case t.Kind != 'p':
		return []member{{t.OID, "ONLY " + t.Name.SQL()}}
	case s.Version.PublishesViaRoot():
		return []member{{t.OID, t.Name.SQL()}}
	}
	var leaves []member
	for _, l := range t.Leaves {
		leaves = append(leaves, member{l.OID, "ONLY " + l.Name.SQL()})
	}
	return leaves
}

// Publish makes the two publications of a slot publish just these tables, each
// the way its identity allows. The change is committed when it returns.
func (s *Source) Publish(ctx context.Context, slot string, tables []Table) error {
	if err := s.mayPublish(tables, slot); err != nil {
		return err
	}
	var all, inserts []member
	for i := range tables {
		if tables[i].Identity().PublishesAll() {
			all = append(all, s.members(&tables[i])...)
		} else {
			inserts = append(inserts, s.members(&tables[i])...)
		}
	}
	tx, err := s.conn.Begin(ctx)
	if err != nil {
		return serverFault(err, "change the publications")
	}
	defer func() { _ = tx.Rollback(ctx) }() // no effect after the commit
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '30s'"); err != nil {
		return serverFault(err, "change the publications")
	}
	// A table that changes sides leaves one publication before it joins the
	// other; both happen at once.
	if err := s.publish(ctx, tx, slot+suffixAll, "insert, update, delete, truncate", all); err != nil {
		return s.publicationFault(err, tables, slot)
	}
	if err := s.publish(ctx, tx, slot+suffixInserts, "insert, truncate", inserts); err != nil {
		return s.publicationFault(err, tables, slot)
	}
	if err := tx.Commit(ctx); err != nil {
		return serverFault(err, "change the publications")
	}
	return nil
}

const selectMembers = `
SELECT r.prrelid, CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_publication p
JOIN pg_publication_rel r ON r.prpubid = p.oid
JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.pubname = $1`

func (s *Source) publish(ctx context.Context, tx pgx.Tx, name, operations string, wanted []member) error {
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = $1)", name).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		_, err := tx.Exec(ctx, createPublication(name, operations, wanted, s.Version))
		return err
	}
	rows, err := tx.Query(ctx, selectMembers, name)
	if err != nil {
		return err
	}
	present, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m member, err error) {
		return m, row.Scan(&m.oid, &m.sql)
	})
	if err != nil {
		return err
	}
	byOID := func(a, b member) int { return cmp.Compare(a.oid, b.oid) }
	for _, change := range []struct {
		verb    string
		members []member
	}{
		{"DROP", without(present, wanted, byOID)},
		{"ADD", without(wanted, present, byOID)},
	} {
		if len(change.members) == 0 {
			continue
		}
		statement := fmt.Sprintf("ALTER PUBLICATION %s %s TABLE %s", quoteIdent(name), change.verb, joinMembers(change.members))
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// without are the members of a that are not in b.
func without(a, b []member, compare func(a, b member) int) []member {
	return slices.DeleteFunc(slices.Clone(a), func(m member) bool {
		return slices.ContainsFunc(b, func(o member) bool { return compare(m, o) == 0 })
	})
}

func joinMembers(members []member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.sql
	}
	return strings.Join(names, ", ")
}

func createPublication(name, operations string, members []member, v pg.Version) string {
	text := "CREATE PUBLICATION " + quoteIdent(name)
	if len(members) > 0 {
		text += " FOR TABLE " + joinMembers(members)
	}
	options := []string{"publish = '" + operations + "'"}
	if v.PublishesViaRoot() {
		options = append(options, "publish_via_partition_root = true")
	}
	if v.PublishesGenerated() {
		options = append(options, "publish_generated_columns = stored")
	}
	return text + " WITH (" + strings.Join(options, ", ") + ")"
}

// mayPublish refuses before anything is tried if a table is not ours to publish.
func (s *Source) mayPublish(tables []Table, slot string) error {
	foreign := slices.DeleteFunc(slices.Clone(tables), func(t Table) bool { return t.Owned })
	if len(foreign) == 0 {
		return nil
	}
	cause := fmt.Sprintf("role %s does not own %s", s.user, foreign[0].Name)
	if n := len(foreign); n > 1 {
		cause = fmt.Sprintf("role %s does not own %d of the tables, %v among them", s.user, n, foreign[0].Name)
	}
	return PublicationIncomplete.New("%s", cause).Do("%s", s.publicationStatements(tables, slot))
}

// publicationStatements are what an administrator runs instead, and what the
// pipeline file says then.
func (s *Source) publicationStatements(tables []Table, slot string) string {
	var all, inserts []member
	for i := range tables {
		if tables[i].Identity().PublishesAll() {
			all = append(all, s.members(&tables[i])...)
		} else {
			inserts = append(inserts, s.members(&tables[i])...)
		}
	}
	var statements, names []string
	if len(all) > 0 {
		names = append(names, slot+suffixAll)
		statements = append(statements, createPublication(slot+suffixAll, "insert, update, delete, truncate", all, s.Version))
	}
	if len(inserts) > 0 {
		names = append(names, slot+suffixInserts)
		statements = append(statements, createPublication(slot+suffixInserts, "insert, truncate", inserts, s.Version))
	}
	return fmt.Sprintf("let the owner run: %s; and write in the file: publication: [%s]",
		strings.Join(statements, "; "), strings.Join(names, ", "))
}

func (s *Source) publicationFault(err error, tables []Table, slot string) error {
	if sqlState(err) == "42501" {
		return PublicationIncomplete.Wrap(err).Do("GRANT CREATE ON DATABASE %s TO %s; or %s",
			quoteIdent(s.Database), quoteIdent(s.user), s.publicationStatements(tables, slot))
	}
	return serverFault(err, "change the publications")
}

// DropPublications drops the publications that belong to a slot.
func (s *Source) DropPublications(ctx context.Context, slot string) error {
	for _, name := range ManagedPublications(slot) {
		if _, err := s.conn.Exec(ctx, "DROP PUBLICATION IF EXISTS "+quoteIdent(name)); err != nil {
			return serverFault(err, "drop publication "+name)
		}
	}
	return nil
}

// Published says what given publications publish of a table.
type Published struct {
	Inserts, Updates, Deletes, Truncates bool
	// Columns are the published columns; nil means all.
	Columns []string
	// Filter is the row filter, an expression of the server's own making; empty
	// means all rows.
	Filter string
}

const selectGiven = `
SELECT n.nspname, c.relname, bool_or(p.pubinsert), bool_or(p.pubupdate), bool_or(p.pubdelete), bool_or(p.pubtruncate), %s
FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname
JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relname = t.tablename AND c.relnamespace = n.oid
WHERE p.pubname = ANY($1) GROUP BY n.nspname, c.relname`

// Given reads what publications made by an administrator publish, by table.
func (s *Source) Given(ctx context.Context, names []string) (map[pg.Name]Published, error) {
	if err := s.publicationsExist(ctx, names); err != nil {
		return nil, err
	}
	filters := "NULL::text[], ''"
	if s.Version.FiltersPublications() {
		filters = `CASE WHEN count(*) = 1 THEN min(t.attnames::text)::text[] END,
  CASE WHEN count(*) = 1 THEN coalesce(min(t.rowfilter), '') WHEN count(t.rowfilter) > 0 THEN '?' ELSE '' END`
	}
	type given struct {
		name      pg.Name
		published Published
	}
	list, err := collect(ctx, s.conn, fmt.Sprintf(selectGiven, filters), func(rows pgx.Rows) (g given, err error) {
		p := &g.published
		err = rows.Scan(&g.name.Schema, &g.name.Name, &p.Inserts, &p.Updates, &p.Deletes, &p.Truncates, &p.Columns, &p.Filter)
		return g, err
	}, names)
	if err != nil {
		return nil, serverFault(err, "read the publications")
	}
	tables := make(map[pg.Name]Published, len(list))
	for _, g := range list {
		if g.published.Filter == "?" {
			return nil, PublicationIncomplete.New("several publications filter the rows of %v", g.name).
				Do("publish each table by one of them")
		}
		tables[g.name] = g.published
	}
	return tables, nil
}

func (s *Source) publicationsExist(ctx context.Context, names []string) error {
	for _, name := range names {
		var n int
		err := s.conn.QueryRow(ctx, "SELECT 1 FROM pg_publication WHERE pubname = $1", name).Scan(&n)
		if errors.Is(err, pgx.ErrNoRows) {
			return PublicationIncomplete.New("publication %s does not exist", quoteIdent(name)).On("source.publication").
				Do("CREATE PUBLICATION %s FOR TABLE ...; or correct the name", quoteIdent(name))
		}
		if err != nil {
			return serverFault(err, "look up publication "+name)
		}
	}
	return nil
}

// MayPublish reports whether Publish would be allowed, without doing it.
func (s *Source) MayPublish(ctx context.Context, tables []Table, slot string) error {
	if err := s.mayPublish(tables, slot); err != nil {
		return err
	}
	var may bool
	const create = "SELECT has_database_privilege(current_database(), 'CREATE')"
	if err := s.conn.QueryRow(ctx, create).Scan(&may); err != nil {
		return serverFault(err, "read privileges")
	}
	if may {
		return nil
	}
	return PublicationIncomplete.New("role %s has no CREATE on database %s", s.user, s.Database).
		Do("GRANT CREATE ON DATABASE %s TO %s; or %s", quoteIdent(s.Database), quoteIdent(s.user), s.publicationStatements(tables, slot))
}
