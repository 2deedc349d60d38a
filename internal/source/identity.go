package source

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"trunkline/internal/schema"
)

// Identity is how rows of a table are found again, and what that allows to
// publish.
type Identity struct {
	Kind schema.Identity
	// Key are the attnums of the key, for schema.ByKey.
	Key []int16
	// Why says, for tables without a full identity, what is missing.
	Why string
}

// PublishesAll reports whether updates and deletes may be published: anything
// else would make the application's own updates fail.
func (i Identity) PublishesAll() bool { return i.Kind != schema.InsertOnly }

// Identity classifies a table by its replica identity.
// https://www.postgresql.org/docs/current/logical-replication-publication.html#LOGICAL-REPLICATION-PUBLICATION-REPLICA-IDENTITY
func (t *Table) Identity() Identity {
	if t.Kind == 'p' {
		return t.partitionedIdentity()
	}
	switch t.ReplicaIdentity {
	case 'f':
		if len(t.PrimaryKey) > 0 {
			return Identity{Kind: schema.ByKey, Key: t.PrimaryKey}
		}
		return Identity{Kind: schema.ByRow}
	case 'i':
		if len(t.IdentityIndex) > 0 {
			return Identity{Kind: schema.ByKey, Key: t.IdentityIndex}
		}
		return Identity{Kind: schema.InsertOnly, Why: "its replica identity is an index that is gone"}
	case 'n':
		return Identity{Kind: schema.InsertOnly, Why: "its replica identity is NOTHING"}
	}
	if len(t.PrimaryKey) > 0 {
		return Identity{Kind: schema.ByKey, Key: t.PrimaryKey}
	}
	if t.DeferrableKey {
		return Identity{Kind: schema.InsertOnly, Why: "its primary key is deferrable and cannot be a replica identity"}
	}
	return Identity{Kind: schema.InsertOnly, Why: "it has no primary key and no other replica identity"}
}

// partitionedIdentity asks the leaves as well: it is their identity that an
// update needs. Only a primary key is sure to reach every leaf, those made
// later included.
func (t *Table) partitionedIdentity() Identity {
	if t.DeferrableKey {
		return Identity{Kind: schema.InsertOnly, Why: "it is partitioned, and its primary key is deferrable and cannot be a replica identity"}
	}
	if len(t.PrimaryKey) == 0 {
		return Identity{Kind: schema.InsertOnly, Why: "it is partitioned and has no primary key"}
	}
	if t.ReplicaIdentity != 'd' && t.ReplicaIdentity != 'f' {
		return Identity{Kind: schema.InsertOnly, Why: "it is partitioned and its replica identity is not the default"}
	}
	bad := slices.IndexFunc(t.Leaves, func(l Leaf) bool {
		return l.ReplicaIdentity != 'f' && (l.ReplicaIdentity != 'd' || !l.HasPrimaryKey)
	})
	if bad >= 0 {
		return Identity{Kind: schema.InsertOnly, Why: fmt.Sprintf("its partition %v has no usable replica identity", t.Leaves[bad].Name)}
	}
	return Identity{Kind: schema.ByKey, Key: t.PrimaryKey}
}

// Replicable says why a table cannot be replicated logically, or is empty.
func (t *Table) Replicable() string {
	const instead = "; ingestion mode table can read it"
	switch {
	case t.Kind == 'v':
		return "views have no changes of their own" + instead
	case t.Kind == 'm':
		return "materialized views are not published" + instead
	case t.Kind == 'f':
		return "foreign tables are not published" + instead
	case t.Persistence == 'u':
		return "unlogged tables write no WAL" + instead
	case len(t.Columns) == 0:
		return "it has no columns"
	case !t.Named():
		return "its name, or that of a column or a type, is not UTF-8"
	}
	return ""
}

// Named reports whether the names of the table are such that destinations can
// have them. In databases of encoding SQL_ASCII names are any bytes.
func (t *Table) Named() bool {
	names := []string{t.Name.Schema, t.Name.Name}
	for i := range t.Columns {
		names = append(names, t.Columns[i].Name, t.Columns[i].Type.Name, t.Columns[i].Type.Output, t.Columns[i].Type.Base)
	}
	return !slices.ContainsFunc(names, func(s string) bool { return !utf8.ValidString(s) })
}
