package config

import (
	"reflect"
	"time"
)

// Pipeline is a pipeline file: one source database, one destination, the
// objects and how they are loaded. One that Load returned is complete: every
// default is filled in, also in each object.
type Pipeline struct {
	Name        string      `yaml:"name" title:"Pipeline Name" required:"true" max:"255" example:"shop" doc:"The pipeline's name, unique among the pipelines of one server."`
	Source      Source      `yaml:"source" title:"Source" required:"true" doc:"The database that is replicated."`
	Objects     []Object    `yaml:"objects" title:"Objects" otherwise:"every table" aka:"tables,streams" doc:"The tables to replicate. Without the key every table is; with a list those named; with an empty list ([]) none yet."`
	Defaults    Defaults    `yaml:"defaults" title:"Defaults of objects" doc:"What holds for every object that does not say otherwise."`
	Load        Loading     `yaml:"load" title:"Load" doc:"When received changes are written to the destination: at whichever bound is reached first."`
	Schedule    Schedule    `yaml:"schedule" title:"Schedule" aka:"frequency" doc:"When the pipeline runs."`
	Destination Destination `yaml:"destination" title:"Destination" required:"true" aka:"target,sink" doc:"Where the rows go."`

	Names                  NameStyle       `yaml:"names" title:"Names" default:"exact" enum:"exact,sanitize" doc:"How tables and columns are called in the destination: exact as in the source, or sanitized: lower case, everything but letters and digits turned to _."`
	DestinationTablePrefix string          `yaml:"destination_table_prefix" title:"Destination Table Prefix" max:"100" aka:"prefix" example:"shop_" doc:"Put before the name of each table in the destination."`
	MetadataPrefix         string          `yaml:"metadata_prefix" title:"Metadata Prefix" default:"__hevo_" max:"40" doc:"How the columns that Trunkline adds begin."`
	MetadataColumns        MetadataColumns `yaml:"metadata_columns" title:"Metadata Columns" doc:"Other names for single columns that Trunkline adds."`

	DefaultQueryMode *later `yaml:"default_query_mode" title:"Default Query Mode" later:"*" doc:"For ingestion mode table."`
	Query            *later `yaml:"query" title:"Query" later:"*" doc:"For ingestion mode custom_sql."`
	DeleteDetection  *later `yaml:"delete_detection" title:"Delete Detection" later:"*" doc:"For ingestion mode xmin."`
}

// later is the type of a section that is specified but not built.
type later struct{}

// Loading bounds how long and how much is gathered before it is written.
type Loading struct {
	Every time.Duration `yaml:"every" title:"Every" default:"200ms" min:"1ms" max:"24h" aka:"interval" doc:"The longest that a change waits."`
	Rows  int           `yaml:"rows" title:"Rows" default:"200000" min:"1" max:"100000000" doc:"The most changes that are gathered; more when the pipeline is behind."`
	Bytes Size          `yaml:"bytes" title:"Bytes" default:"64MiB" min:"1KiB" max:"1GiB" aka:"size" doc:"The most memory for gathered changes."`
}

// Schedule says when a pipeline runs.
type Schedule struct {
	Word     string        `yaml:",scalar" title:"Schedule" default:"continuous" enum:"continuous"`
	Every    time.Duration `yaml:"every" title:"Every" later:"*" example:"30m" doc:"A run at this interval."`
	Cron     string        `yaml:"cron" title:"Cron" later:"*" doc:"Runs at these times."`
	Timezone string        `yaml:"timezone" title:"Time Zone" later:"*" doc:"The time zone of cron."`
}

// Continuous reports whether changes are streamed as they come.
func (s Schedule) Continuous() bool { return s.Word == "continuous" }

// NameStyle is how names of the source become names of the destination.
type NameStyle string

// The name styles.
const (
	NamesExact    NameStyle = "exact"
	NamesSanitize NameStyle = "sanitize"
)

// MetadataColumns are the names of the columns that Trunkline adds. A name not
// given in the file is filled in: the prefix and the key.
type MetadataColumns struct {
	ID               string `yaml:"id" otherwise:"the prefix and id" max:"63" doc:"Hash of a row whose table has no key."`
	IngestedAt       string `yaml:"ingested_at" otherwise:"the prefix and ingested_at" max:"63" doc:"When the row was read."`
	LoadedAt         string `yaml:"loaded_at" otherwise:"the prefix and loaded_at" max:"63" doc:"When the row was last written."`
	SourceModifiedAt string `yaml:"source_modified_at" otherwise:"the prefix and source_modified_at" max:"63" doc:"Commit time at the source."`
	MarkedDeleted    string `yaml:"marked_deleted" otherwise:"the prefix and marked_deleted" max:"63" doc:"True once the row was deleted at the source."`
	DatabaseName     string `yaml:"database_name" otherwise:"the prefix and database_name" max:"63" doc:"The source database, with Merge Tables."`
	Op               string `yaml:"op" otherwise:"the prefix and op" max:"63" doc:"The operation, in load modes append and history."`
	LSN              string `yaml:"lsn" otherwise:"the prefix and lsn" max:"63" doc:"The position of the change, in load modes append and history."`
	Seq              string `yaml:"seq" otherwise:"the prefix and seq" max:"63" doc:"The number of the change within its position."`
	Unchanged        string `yaml:"unchanged" otherwise:"the prefix and unchanged" max:"63" doc:"The columns that the source did not send."`
	ValidFrom        string `yaml:"valid_from" otherwise:"the prefix and valid_from" max:"63" doc:"The beginning of a version, in load mode history."`
	ValidTo          string `yaml:"valid_to" otherwise:"the prefix and valid_to" max:"63" doc:"The end of a version, in load mode history."`
	Current          string `yaml:"current" otherwise:"the prefix and current" max:"63" doc:"True for the version in force, in load mode history."`
}

// Complete fills in what the parts of a pipeline take from each other.
func (p *Pipeline) Complete(r *Report) {
	for i := range p.Objects {
		p.Objects[i].Modes = p.Objects[i].over(p.Defaults.Modes)
	}
	p.Defaults.Modes = p.Defaults.over(Modes{})
	if r.Sound("metadata_prefix") && !variableName(p.MetadataPrefix) {
		r.Refuse(NotAllowed, "metadata_prefix", "write one such as __hevo_",
			"%s is not made of letters, digits and _ or begins with a digit", r.Shown("metadata_prefix"))
	}
	p.MetadataColumns.complete(r.In("metadata_columns"), p.MetadataPrefix)
	if len(p.Objects) > 0 && allSkipped(p.Objects) {
		r.Warn("objects", `every entry is skipped, so no table is replicated; to replicate all others add an entry with name: "*.*"`)
	}
}

func allSkipped(objects []Object) bool {
	for _, o := range objects {
		if !o.Skip {
			return false
		}
	}
	return true
}

// complete names the columns that the file does not, and refuses a name that
// two of them have.
func (m *MetadataColumns) complete(r *Report, prefix string) {
	v := reflect.ValueOf(m).Elem()
	owner := map[string]string{}
	for _, f := range Fields(m) {
		name := v.FieldByIndex(f.index)
		if name.String() == "" {
			name.SetString(prefix + f.Name)
		}
		if other := owner[name.String()]; other != "" && r.Sound(f.Name) {
			field := f.Name
			if !r.Given(field) {
				field, other = other, field
			}
			r.Refuse(DuplicateKey, field, "give each column a name of its own", "%s is the name of %s too", r.Shown(field), other)
		}
		owner[name.String()] = f.Name
	}
}

// forget empties the names that follow from the prefix.
func (m *MetadataColumns) forget(prefix string) {
	v := reflect.ValueOf(m).Elem()
	for _, f := range Fields(m) {
		if name := v.FieldByIndex(f.index); name.String() == prefix+f.Name {
			name.SetString("")
		}
	}
}
