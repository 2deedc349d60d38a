package destinationtest

import (
	"slices"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Types of columns.
var (
	boolean     = pgvalue.Type{OID: 16, Mod: -1, Name: "boolean", Kind: pgvalue.Bool, Binary: true}
	bytea       = pgvalue.Type{OID: 17, Mod: -1, Name: "bytea", Kind: pgvalue.Bytes}
	bigint      = pgvalue.Type{OID: 20, Mod: -1, Name: "bigint", Kind: pgvalue.Int64, Binary: true}
	integer     = pgvalue.Type{OID: 23, Mod: -1, Name: "integer", Kind: pgvalue.Int32, Binary: true}
	text        = pgvalue.Type{OID: 25, Mod: -1, Name: "text", Kind: pgvalue.Text, Binary: true}
	timestamp   = pgvalue.Type{OID: 1114, Mod: -1, Name: "timestamp without time zone", Kind: pgvalue.Timestamp}
	timestamptz = pgvalue.Type{OID: 1184, Mod: -1, Name: "timestamp with time zone", Kind: pgvalue.TimestampTZ}
	interval    = pgvalue.Type{OID: 1186, Mod: -1, Name: "interval", Kind: pgvalue.Interval}
	uuid        = pgvalue.Type{OID: 2950, Mod: -1, Name: "uuid", Kind: pgvalue.UUID}
	jsonb       = pgvalue.Type{OID: 3802, Mod: -1, Name: "jsonb", Kind: pgvalue.JSON}
	// decimal is numeric(10,2), whose modifier is packed.
	decimal  = pgvalue.Type{OID: 1700, Mod: 10<<16 + 2 + 4, Name: "numeric(10,2)", Kind: pgvalue.Decimal, Precision: 10, Scale: 2}
	textList = pgvalue.Type{OID: 1009, Mod: -1, Name: "text[]", Kind: pgvalue.List, Elem: &text, Dims: 1, Delim: ','}
	intList  = pgvalue.Type{OID: 1007, Mod: -1, Name: "integer[]", Kind: pgvalue.List, Elem: &integer, Dims: 1, Delim: ','}
)

// spec says what a table is like.
type spec struct {
	name    string // "items" unless said
	columns []schema.Column
	// key are the names of the key's columns. Without one rows are told apart by
	// all of their values, if full is set, else there are but inserts.
	key  []string
	full bool // replica identity full
	mode schema.LoadMode
	// onDelete and onTruncate are schema.Mark unless said.
	onDelete, onTruncate schema.Treatment
}

// cols are columns given by name and type in turn.
func cols(pairs ...any) (columns []schema.Column) {
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		columns = append(columns, schema.Column{
			Name: name, Type: pairs[i+1].(pgvalue.Type), Source: name, Number: int16(i/2 + 1),
		})
	}
	return columns
}

// items is a table of a text key and two texts, as most stories need.
func items(s spec) spec {
	s.columns, s.key = cols("id", text, "v", text, "w", text), []string{"id"}
	return s
}

// table is the definition that a pipeline makes of such a table.
func (s spec) table() *schema.Table {
	if s.name == "" {
		s.name = "items"
	}
	t := &schema.Table{
		Object: pg.Name{Schema: "public", Name: s.name}, Name: s.name, Columns: slices.Clone(s.columns),
		Mode: s.mode, OnDelete: s.onDelete, OnTruncate: s.onTruncate, Identity: s.identity(),
	}
	if s.mode == schema.Merge {
		for _, name := range s.key {
			i := t.FindName(name)
			t.Columns[i].NotNull = true
			t.Key = append(t.Key, i)
		}
	}
	add := func(name string, role schema.Role, as pgvalue.Type) {
		t.Columns = append(t.Columns, schema.Column{Name: name, Role: role, Type: as})
	}
	if s.mode == schema.Append {
		add("__hevo_op", schema.Operation, text)
		add("__hevo_lsn", schema.CommitLSN, bigint)
		add("__hevo_seq", schema.Sequence, bigint)
		add("__hevo_unchanged", schema.UnchangedColumns, jsonb)
	} else if len(s.key) == 0 {
		add("__hevo_id", schema.RowID, text)
	}
	add("__hevo_ingested_at", schema.IngestedAt, timestamptz)
	add("__hevo_loaded_at", schema.LoadedAt, timestamptz)
	add("__hevo_source_modified_at", schema.ModifiedAt, timestamptz)
	if s.mode == schema.Merge {
		add("__hevo_marked_deleted", schema.Marked, boolean)
	}
	return t
}

func (s spec) identity() schema.Identity {
	switch {
	case len(s.key) > 0:
		return schema.ByKey
	case s.full:
		return schema.ByRow
	}
	return schema.InsertOnly
}

// relation is how the server describes a table.
func relationOf(t *schema.Table, full bool) *pgoutput.Relation {
	r := &pgoutput.Relation{Name: t.Object, ReplicaIdentity: 'd'}
	if full {
		r.ReplicaIdentity = 'f'
	}
	for _, i := range t.Current() {
		c := &t.Columns[i]
		r.Columns = append(r.Columns, pgoutput.RelationColumn{
			Key: full || t.IsKey(i), Name: c.Source, Type: c.Type.OID, Mod: c.Type.Mod,
		})
	}
	return r
}
