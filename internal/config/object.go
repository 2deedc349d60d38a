package config

import (
	"fmt"
	"slices"
	"strings"
)

// Object is an entry of the list of objects: a table, or a pattern of tables.
type Object struct {
	Name    string `yaml:"name" title:"Object" required:"true" aka:"table" example:"public.orders" doc:"schema.table, written as in SQL: a part with capitals or special characters in double quotes, public.\"Order Items\". A * outside quotes stands for any characters: public.*"`
	Skip    bool   `yaml:"skip" title:"Skip" doc:"Whether it is left out."`
	Modes   `yaml:",inline"`
	Key     []string `yaml:"key" title:"Key" min:"1" aka:"primary_key,keys" otherwise:"the primary key" doc:"The columns that identify a row."`
	Columns []Column `yaml:"columns" title:"Columns" doc:"What holds for single columns."`

	QueryMode       *later `yaml:"query_mode" title:"Query Mode" later:"*" doc:"For ingestion modes table and logical_replication."`
	TimestampColumn *later `yaml:"timestamp_column" title:"Timestamp Column" later:"*" doc:"For query modes with a timestamp."`
	IncrementColumn *later `yaml:"increment_column" title:"Increment Column" later:"*" doc:"For query modes with an increasing column."`
	Wait            *later `yaml:"wait" title:"Wait" later:"*" doc:"For query modes with a timestamp."`
}

// Modes is what can be said of one object, and of all of them as a default.
type Modes struct {
	LoadMode   LoadMode `yaml:"load_mode" title:"Load Mode" enum:"merge,append" later:"history" otherwise:"merge" doc:"merge keeps the latest state of each row, by key; append adds a row for each change."`
	OnDelete   Removal  `yaml:"on_delete" title:"On Delete" enum:"mark,delete,ignore" otherwise:"mark" aka:"deletes" doc:"What a delete does: mark the row as deleted, delete it, or nothing."`
	OnTruncate Removal  `yaml:"on_truncate" title:"On Truncate" enum:"mark,delete,ignore" otherwise:"as on_delete" doc:"What a truncate does to the rows of the table."`
	TableName  Template `yaml:"table_name" title:"Table Name" otherwise:"{database}_{table} for schema public, {database}_{schema}_{table} for others" example:"\"{schema}.{table}\"" doc:"The name of the table in the destination. {database}, {schema} and {table} are replaced."`
}

// Defaults is what holds for objects that do not say otherwise.
type Defaults struct {
	Modes `yaml:",inline"`
}

// Column is what holds for one column.
type Column struct {
	Name string     `yaml:"name" title:"Column" required:"true" example:"price" doc:"The column, exactly as the source spells it."`
	Type ColumnType `yaml:"type" title:"Type" enum:"text" otherwise:"from the source's type" doc:"The type in the destination."`
}

// ColumnType is a type that overrides the one that follows from the source.
type ColumnType string

// ColumnText holds every value as PostgreSQL writes it.
const ColumnText ColumnType = "text"

// LoadMode is how changes become rows.
type LoadMode string

// The load modes.
const (
	LoadMerge   LoadMode = "merge"
	LoadAppend  LoadMode = "append"
	LoadHistory LoadMode = "history"
)

// Removal is what deleting does to rows in the destination.
type Removal string

// The removals.
const (
	Mark   Removal = "mark"
	Delete Removal = "delete"
	Ignore Removal = "ignore"
)

// over fills what is not said from the defaults, and last from the product's.
// A truncate follows, in this order: the object's on_truncate, that of the
// defaults, the object's on_delete.
func (m Modes) over(defaults Modes) Modes {
	m.LoadMode = first(m.LoadMode, defaults.LoadMode, LoadMerge)
	m.OnDelete = first(m.OnDelete, defaults.OnDelete, Mark)
	m.OnTruncate = first(m.OnTruncate, defaults.OnTruncate, m.OnDelete)
	m.TableName = first(m.TableName, defaults.TableName)
	return m
}

func first[T ~string](values ...T) T {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Complete checks the name, the template, the key and the columns.
func (o *Object) Complete(r *Report) {
	if r.Given("name") && r.Sound("name") {
		o.checkName(r)
	}
	o.checkTemplate(r)
	r.refuseTwice("key", o.Key, "")
	columns := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		columns[i] = c.Name
	}
	r.refuseTwice("columns", columns, ".name")
}

// refuseTwice refuses a name that stands in a list twice. within is where in an
// entry the name stands.
func (r *Report) refuseTwice(list string, names []string, within string) {
	for i, name := range names {
		field := fmt.Sprintf("%s[%d]%s", list, i, within)
		if name != "" && r.Sound(field) && slices.Contains(names[:i], name) {
			r.Refuse(DuplicateKey, field, "", "%s stands in the list twice", r.Shown(field))
		}
	}
}

// Complete checks the template.
func (d *Defaults) Complete(r *Report) { d.checkTemplate(r) }

func (o *Object) checkName(r *Report) {
	name, err := ParseObjectName(o.Name)
	if err != nil {
		r.Refuse(NotAllowed, "name", nameRemedy(o.Name, r.Refers("name")), "%s %s", r.Shown("name"), err)
		return
	}
	if name.folded {
		r.Warn("name", "%s means the table %s, as in SQL; for capitals write the part in double quotes", r.Shown("name"), shownName(name, r))
	}
}

func shownName(name ObjectName, r *Report) string {
	if r.Refers("name") {
		return "in lower case"
	}
	return name.String()
}

// nameRemedy proposes the name with the schema and the quotes that it lacks.
func nameRemedy(name string, refers bool) string {
	parts := strings.Split(name, ".")
	switch {
	case refers || strings.Contains(name, `"`) || len(parts) > 2:
		return "write schema.table, such as public.orders or public.\"Order Items\""
	case name == "*":
		return "write name: '*.*'"
	case len(parts) == 1:
		parts = []string{"public", name}
	}
	for i, part := range parts {
		if strings.ContainsFunc(part, needsQuotes) {
			parts[i] = quoteIdentifier(part)
		}
	}
	if better := strings.Join(parts, "."); strings.HasPrefix(better, `"`) {
		return "write name: '" + better + "'"
	} else if _, err := ParseObjectName(better); err == nil {
		return "write name: " + better
	}
	return "write schema.table, such as public.orders"
}

// Template makes a table's name from parts of the source's:
// "{schema}.{table}". Braces have no other use in it.
type Template string

func placeholders() []string { return []string{"database", "schema", "table"} }

// Expand replaces {database}, {schema} and {table}.
func (t Template) Expand(database, schema, table string) string {
	return strings.NewReplacer("{database}", database, "{schema}", schema, "{table}", table).Replace(string(t))
}

// checkTemplate refuses braces that are no placeholder.
func (m Modes) checkTemplate(r *Report) {
	rest := m.TableName.Expand("", "", "")
	open := strings.IndexAny(rest, "{}")
	if open < 0 || !r.Sound("table_name") {
		return
	}
	name, _, closed := strings.Cut(rest[open+1:], "}")
	near := nearest(name, placeholders())
	if rest[open] == '{' && closed && near != "" && !r.Refers("table_name") {
		r.Refuse(NotAllowed, "table_name", "", "%s has an unknown placeholder; did you mean {%s}?", r.Shown("table_name"), near)
		return
	}
	r.Refuse(NotAllowed, "table_name", "the placeholders are {database}, {schema} and {table}",
		"%s has a brace that belongs to no placeholder", r.Shown("table_name"))
}
