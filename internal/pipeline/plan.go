package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"trunkline/internal/config"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// Object is a table of the source and what the pipeline does with it.
type Object struct {
	Source source.Table
	// Table is the table in the destination; nil for an object that is not
	// replicated.
	Table *schema.Table
	State State
	// Reason says why an object is skipped or inaccessible, or what it cannot do.
	Reason string
	// Filter is the row filter of a given publication.
	Filter string
}

// State is the state of an object.
type State string

// The states of section 4 of the specification that occur so far.
const (
	Pending          State = "PENDING"
	Skipped          State = "SKIPPED"
	HistoricalLoad   State = "HISTORICAL_LOAD"
	CatchingUp       State = "CATCHING_UP"
	Active           State = "ACTIVE"
	PermissionDenied State = "PERMISSION_DENIED"
	Inaccessible     State = "INACCESSIBLE"
	Failed           State = "FAILED"
)

// planner decides what becomes of the tables of a source.
type planner struct {
	config   *config.Pipeline
	database string
	// generated says that stored generated columns are published.
	generated bool
	// given is what given publications publish; nil with managed ones.
	given map[pg.Name]source.Published
}

// plan decides about every table.
func (p *planner) plan(tables []source.Table) ([]Object, error) {
	selection := p.config.Selection()
	var objects []Object
	for i := range tables {
		entry, named := selection.Object(tables[i].Name.Schema, tables[i].Name.Name)
		o, err := p.object(tables[i], entry, named)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	if err := p.namedExist(objects); err != nil {
		return nil, err
	}
	return objects, collisions(objects)
}

// exactNames are the objects of the file that are no patterns.
func (p *planner) exactNames() (names []pg.Name) {
	for _, o := range p.config.Objects {
		parsed, err := config.ParseObjectName(o.Name)
		if err != nil {
			continue // the file was refused for it
		}
		if schema, table, ok := parsed.Exact(); ok && !o.Skip {
			names = append(names, pg.Name{Schema: schema, Name: table})
		}
	}
	return names
}

// namedExist refuses objects that were named one by one and cannot be had; those
// that only a pattern finds are shown with the reason.
func (p *planner) namedExist(objects []Object) error {
	for _, name := range p.exactNames() {
		i := slices.IndexFunc(objects, func(o Object) bool { return o.Source.Name == name })
		if i < 0 {
			return ObjectMissing.New("database %s has no such table", p.database).On(name.String())
		}
		if o := objects[i]; o.State == Skipped {
			return ObjectUnfit.New("%s", o.Reason).On(name.String())
		} else if o.State == Inaccessible {
			return source.PublicationIncomplete.New("%s", o.Reason).On(name.String()).
				Do("ALTER PUBLICATION %s ADD TABLE %s", pg.Quote(p.config.Source.Publication.Names[0]), name.SQL())
		}
	}
	return nil
}

func (p *planner) object(t source.Table, entry config.Object, named bool) (Object, error) {
	o := Object{Source: t, State: Skipped}
	switch unfit := t.Replicable(); {
	case !named:
		o.Reason = "not among the objects of the file"
		return o, nil
	case entry.Skip:
		o.Reason = "skipped in the file"
		return o, nil
	case unfit != "":
		o.Reason = unfit
		return o, nil
	}
	identity, err := p.identity(&t, entry)
	if err != nil {
		return o, err
	}
	columns := t.Columns
	if p.given != nil {
		published, ok := p.given[t.Name]
		if !ok || !published.Inserts {
			o.State, o.Reason = Inaccessible, "no given publication publishes it"
			return o, nil
		}
		o.Filter = published.Filter
		if !published.Updates || !published.Deletes {
			identity = source.Identity{Kind: schema.InsertOnly, Why: "its publication publishes inserts only"}
		}
		columns = publishedColumns(columns, published.Columns)
	}
	o.State, o.Reason = Pending, identity.Why
	o.Table, err = p.table(&t, entry, identity, columns)
	return o, err
}

func publishedColumns(columns []source.Column, names []string) []source.Column {
	if names == nil {
		return columns
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c source.Column) bool { return !slices.Contains(names, c.Name) })
}

// identity is the table's identity, with the key that the file chooses.
func (p *planner) identity(t *source.Table, entry config.Object) (source.Identity, error) {
	identity := t.Identity()
	if entry.Key == nil {
		return identity, nil
	}
	var key []int16
	for _, name := range entry.Key {
		i := slices.IndexFunc(t.Columns, func(c source.Column) bool { return c.Name == name })
		if i < 0 {
			return identity, KeyUnfit.New("column %q does not exist", name).On(t.Name.String())
		}
		if !t.Columns[i].NotNull {
			return identity, KeyUnfit.New("column %q may be null", name).On(t.Name.String())
		}
		key = append(key, t.Columns[i].Number)
	}
	covered := t.ReplicaIdentity == 'f'
	if identity.Kind == schema.ByKey && !covered {
		covered = !slices.ContainsFunc(key, func(n int16) bool { return !slices.Contains(identity.Key, n) })
	}
	if !covered {
		return identity, source.IdentityMissing.New("the key %s is not in the replica identity", strings.Join(entry.Key, ", ")).
			On(t.Name.String()).Do("ALTER TABLE %s REPLICA IDENTITY FULL", t.Name.SQL())
	}
	return source.Identity{Kind: schema.ByKey, Key: key}, nil
}

// table describes the table in the destination.
func (p *planner) table(t *source.Table, entry config.Object, identity source.Identity, columns []source.Column) (*schema.Table, error) {
	table := &schema.Table{
		Object:     t.Name,
		Name:       p.tableName(t.Name, entry),
		Identity:   identity.Kind,
		OnDelete:   treatment(entry.OnDelete),
		OnTruncate: treatment(entry.OnTruncate),
	}
	if entry.LoadMode == config.LoadAppend {
		table.Mode = schema.Append
	}
	for _, c := range columns {
		if c.Generated != 0 && !(p.generated && c.Generated == 's') {
			continue
		}
		table.Columns = append(table.Columns, p.column(&c, entry))
	}
	uniqueNames(table.Columns, reservedNames(table))
	if table.Mode == schema.Merge && identity.Kind == schema.ByKey {
		for _, number := range identity.Key {
			i := slices.IndexFunc(table.Columns, func(c schema.Column) bool { return c.Number == number })
			if i < 0 {
				return nil, KeyUnfit.New("its key has a column that is not replicated").On(t.Name.String())
			}
			table.Columns[i].NotNull = true
			table.Key = append(table.Key, i)
		}
	}
	return table, p.addMetadata(table)
}

func treatment(r config.Removal) schema.Treatment {
	switch r {
	case config.Delete:
		return schema.Delete
	case config.Ignore:
		return schema.Ignore
	}
	return schema.Mark
}

func (p *planner) column(c *source.Column, entry config.Object) schema.Column {
	column := schema.Column{
		Name: p.name(c.Name), Type: c.Type, Source: c.Name, Number: c.Number, Missing: c.Missing,
	}
	for _, override := range entry.Columns {
		if override.Name == c.Name && override.Type == config.ColumnText {
			column.Type = c.Type.AsText()
		}
	}
	return column
}

// tableName is the name in the destination: by the template, else the database
// and, outside public, the schema in front.
func (p *planner) tableName(object pg.Name, entry config.Object) string {
	if entry.TableName != "" {
		return p.name(p.config.DestinationTablePrefix + entry.TableName.Expand(p.database, object.Schema, object.Name))
	}
	parts := []string{p.database, object.Schema, object.Name}
	if object.Schema == "public" {
		parts = []string{p.database, object.Name}
	}
	return p.name(p.config.DestinationTablePrefix + strings.Join(parts, "_"))
}

// name is a name as the destination shall have it.
func (p *planner) name(s string) string {
	if p.config.Names != config.NamesSanitize {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, s)
}

// uniqueNames tells columns apart whose names differ in case alone, or not at
// all after they were made safe, for most destinations do not tell such names
// apart: the later ones are numbered.
func uniqueNames(columns []schema.Column, reserved []string) {
	taken := map[string]bool{}
	for _, c := range columns {
		taken[strings.ToLower(c.Name)] = true
	}
	seen := map[string]bool{}
	for _, name := range reserved {
		seen[name] = true
	}
	for i := range columns {
		name := columns[i].Name
		for n := 2; seen[strings.ToLower(name)] || name != columns[i].Name && taken[strings.ToLower(name)]; n++ {
			name = fmt.Sprintf("%s_%d", columns[i].Name, n)
		}
		columns[i].Name = name
		seen[strings.ToLower(name)] = true
	}
}

// reservedNames are names, in lower case, that no column of a table may have in
// the destination. By rowid several databases find a row; a column of that name
// hides it, and rows without a key have nothing else.
func reservedNames(t *schema.Table) []string {
	if t.Mode == schema.Merge && t.Identity != schema.ByKey {
		return []string{"rowid"}
	}
	return nil
}

// Types of the columns that Trunkline adds.
var (
	textType    = pgvalue.Type{OID: 25, Mod: -1, Name: "text", Kind: pgvalue.Text}
	boolType    = pgvalue.Type{OID: 16, Mod: -1, Name: "boolean", Kind: pgvalue.Bool}
	bigintType  = pgvalue.Type{OID: 20, Mod: -1, Name: "bigint", Kind: pgvalue.Int64}
	instantType = pgvalue.Type{OID: 1184, Mod: -1, Name: "timestamp with time zone", Kind: pgvalue.TimestampTZ}
	jsonType    = pgvalue.Type{OID: 3802, Mod: -1, Name: "jsonb", Kind: pgvalue.JSON}
)

// addMetadata adds the columns of section 5 of the specification.
func (p *planner) addMetadata(table *schema.Table) error {
	names := p.config.MetadataColumns
	var added []schema.Column
	add := func(name string, role schema.Role, t pgvalue.Type) {
		added = append(added, schema.Column{Name: name, Role: role, Type: t})
	}
	if table.Mode == schema.Append {
		add(names.Op, schema.Operation, textType)
		add(names.LSN, schema.CommitLSN, bigintType)
		add(names.Seq, schema.Sequence, bigintType)
		add(names.Unchanged, schema.UnchangedColumns, jsonType)
	} else if table.Identity != schema.ByKey {
		add(names.ID, schema.RowID, textType)
	}
	add(names.IngestedAt, schema.IngestedAt, instantType)
	add(names.LoadedAt, schema.LoadedAt, instantType)
	add(names.SourceModifiedAt, schema.ModifiedAt, instantType)
	if table.Mode == schema.Merge {
		add(names.MarkedDeleted, schema.Marked, boolType)
	}
	for _, a := range added {
		for _, c := range table.Columns {
			if strings.EqualFold(a.Name, c.Name) {
				return ColumnTaken.New("column %q of the source", c.Source).On(table.Object.String())
			}
		}
	}
	table.Columns = append(table.Columns, added...)
	return nil
}

// collisions refuses two objects of one name in the destination.
func collisions(objects []Object) error {
	planned := slices.DeleteFunc(slices.Clone(objects), func(o Object) bool { return o.Table == nil })
	slices.SortStableFunc(planned, func(a, b Object) int {
		return cmp.Compare(strings.ToLower(a.Table.Name), strings.ToLower(b.Table.Name))
	})
	for i := 1; i < len(planned); i++ {
		a, b := planned[i-1], planned[i]
		if strings.EqualFold(a.Table.Name, b.Table.Name) {
			return NamesCollide.New("%v and %v would both be table %q", a.Source.Name, b.Source.Name, b.Table.Name).
				On(b.Source.Name.String()).
				Do(`give one of them a name of its own: { name: %s, table_name: "..." }`, b.Source.Name)
		}
	}
	return nil
}
