package destination

import (
	"encoding/json"

	"trunkline/internal/schema"
)

// Origin says which pipeline made a table, for which object. Destinations that
// have comments of tables keep it there.
type Origin struct {
	Pipeline string `json:"trunkline_pipeline"`
	Object   string `json:"object"`
	// Key are the columns of the key, for those who read the comment.
	Key []string `json:"key,omitempty"`
	// OwnRows says that the table has rows which the source has not, and that no
	// pipeline writes to it any more.
	OwnRows bool `json:"own_rows,omitempty"`
}

// OriginOf is the origin of a table that a pipeline makes.
func OriginOf(pipeline string, t *schema.Table) Origin {
	o := Origin{Pipeline: pipeline, Object: t.Object.String()}
	for _, i := range t.Key {
		o.Key = append(o.Key, t.Columns[i].Name)
	}
	return o
}

// Comment is the origin as a comment of its table.
func (o Origin) Comment() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(text)
}

// ParseOrigin reads a comment; another's is no origin.
func ParseOrigin(comment string) (o Origin) {
	if json.Unmarshal([]byte(comment), &o) != nil {
		return Origin{}
	}
	return o
}
