package destination

import (
	"github.com/apache/arrow-go/v18/arrow"

	"trunkline/internal/batch"
)

// WrittenKeys are the keys, as KeyText prints them, that changes write or take
// away.
func WrittenKeys(c *batch.Changes) (keys []string, err error) {
	add := func(record arrow.RecordBatch, staged bool) error {
		for row := range int(record.NumRows()) {
			key, err := KeyText(c.Table, record, row, staged)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		return nil
	}
	if c.Rows != nil {
		err = add(c.Rows, true)
	}
	if err == nil && c.Partial != nil {
		err = add(c.Partial.Rows, true)
	}
	if err == nil && c.Deletes != nil {
		err = add(c.Deletes, false)
	}
	return keys, err
}

// Beside are the values that changes put beside the table.
func Beside(c *batch.Changes, overflow []batch.Overflow) (values []OverflowValue, err error) {
	for _, o := range overflow {
		record := c.Rows
		if o.Partial {
			record = c.Partial.Rows
		}
		key, err := KeyText(c.Table, record, o.Row, true)
		if err != nil {
			return nil, err
		}
		values = append(values, OverflowValue{key, c.Table.Columns[o.Column].Name, o.Text})
	}
	return values, nil
}

// Carried picks, of the values that stand beside the table, those of columns
// that partial rows leave as they are, and gives them the keys that the rows have
// now.
func Carried(c *batch.Changes, stored []OverflowValue) (values []OverflowValue, err error) {
	if c.Partial == nil || len(stored) == 0 {
		return nil, nil
	}
	rows := map[string][]int{}
	for row := range int(c.Partial.Base.NumRows()) {
		key, err := KeyText(c.Table, c.Partial.Base, row, false)
		if err != nil {
			return nil, err
		}
		rows[key] = append(rows[key], row)
	}
	for _, v := range stored {
		for _, row := range rows[v.Key] {
			if !missing(c, row, v.Column) {
				continue
			}
			key, err := KeyText(c.Table, c.Partial.Rows, row, true)
			if err != nil {
				return nil, err
			}
			values = append(values, OverflowValue{key, v.Column, v.Value})
		}
	}
	return values, nil
}

// missing reports whether a value of a partial row is that of its base.
func missing(c *batch.Changes, row int, column string) bool {
	for i, at := range c.Table.Data() {
		if c.Table.Columns[at].Name == column {
			return c.Partial.Missing[row*c.Partial.Words+i>>6]&(1<<(i&63)) != 0
		}
	}
	return false
}
