package destinationtest

import (
	"encoding/json"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// Native marks a store whose columns hold values that Arrow cannot, as those of a
// PostgreSQL do: such a value may stand in the table or beside it. Stories then
// say what the model has, and what the store has is the same once the values
// beside are put into their rows.
func Native(s Store) Store { return native{s} }

type native struct{ Store }

func isNative(s Store) bool {
	_, ok := s.(native)
	return ok
}

// subject is the lane of which a story says what it holds.
func (s *story) subject() *lane {
	if isNative(s.lanes[0].store) {
		return s.lanes[1]
	}
	return s.lanes[0]
}

// folded are rows with the values that stand beside them. What has no row that
// lacks it stays beside.
func folded(t *schema.Table, rows [][]*string, side []destination.OverflowValue) ([][]*string, []destination.OverflowValue) {
	values := map[destination.OverflowValue]string{}
	for _, v := range side {
		values[destination.OverflowValue{Key: v.Key, Column: v.Column}] = v.Value
	}
	used := map[destination.OverflowValue]bool{}
	for _, row := range rows {
		var key []*string
		for _, i := range destination.Identity(t) {
			key = append(key, row[i])
		}
		text, err := json.Marshal(key)
		if err != nil {
			panic(err) // texts marshal
		}
		for i := range row {
			at := destination.OverflowValue{Key: string(text), Column: t.Columns[i].Name}
			if value, ok := values[at]; ok && row[i] == nil {
				row[i], used[at] = &value, true
			}
		}
	}
	var left []destination.OverflowValue
	for _, v := range side {
		if !used[destination.OverflowValue{Key: v.Key, Column: v.Column}] {
			left = append(left, v)
		}
	}
	return rows, left
}
