package duckdb

import (
	"context"
	"database/sql/driver"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// sideValue is a value beside its row.
type sideValue struct{ key, column, value string }

// Statements on the side table; their first parameters are the schema and the
// name of a table, but for that which renames a column.
const (
	addOverflow       = `INSERT INTO __trunkline.overflow SELECT DISTINCT ?, ?, key, column_name, value FROM `
	ofTable           = ` FROM __trunkline.overflow WHERE schema_name = ? AND table_name = ?`
	selectOverflow    = `SELECT DISTINCT key, column_name, value` + ofTable
	countOverflow     = `SELECT count(*)` + ofTable
	forgetAllOverflow = `DELETE` + ofTable
	forgetOverflow    = forgetAllOverflow + ` AND key IN (SELECT key FROM ` + stagedOverflow + `)`
	renameOverflow    = `UPDATE __trunkline.overflow SET column_name = ? WHERE schema_name = ? AND table_name = ? AND column_name = ?`
)

// textRecord makes a record of text columns.
func textRecord(names []string, rows int, cell func(row, column int) string) (arrow.RecordBatch, error) {
	text := pgvalue.Type{Kind: pgvalue.Text}
	fields := make([]arrow.Field, len(names))
	arrays := make([]arrow.Array, len(names))
	for i, name := range names {
		fields[i] = text.Field(name)
		column := pgvalue.NewColumn(&text)
		for row := range rows {
			if err := column.AppendText([]byte(cell(row, i))); err != nil {
				return nil, err
			}
		}
		arrays[i] = column.Array()
		defer arrays[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(rows)), nil
}

func (s *session) stageTexts(name string, columns []string, rows int, cell func(row, column int) string) error {
	record, err := textRecord(columns, rows, cell)
	if err != nil {
		return err
	}
	defer record.Release()
	return s.stage(name, record, func(i int) string { return columns[i] })
}

// insertOverflow adds values to the side table, by way of a view.
func (d *database) insertOverflow(ctx context.Context, s *session, view string, t *schema.Table, values []sideValue) error {
	err := s.stageTexts(view, []string{"key", "column_name", "value"}, len(values), func(row, column int) string {
		v := values[row]
		return [...]string{v.key, v.column, v.value}[column]
	})
	if err != nil {
		return err
	}
	err = s.exec(ctx, addOverflow+view, d.settings.Schema, t.Name)
	return err
}

// spillEverywhere puts the value that a new column cannot hold beside every row
// that is there.
func (d *database) spillEverywhere(ctx context.Context, s *session, st statements, i int) error {
	reader, err := s.arrow.QueryContext(ctx, st.read(destination.Identity(st.table)))
	if err != nil {
		return classify(err)
	}
	defer reader.Release()
	var values []sideValue
	for reader.Next() {
		record := reader.RecordBatch()
		for row := range int(record.NumRows()) {
			key, err := destination.KeyOf(st.table, record, 0, row)
			if err != nil {
				return err
			}
			values = append(values, sideValue{key, st.table.Columns[i].Name, *st.table.Columns[i].Missing})
		}
	}
	if err := reader.Err(); err != nil || len(values) == 0 {
		return classify(err)
	}
	delete(d.known.spilled, st.table.Name)
	return d.insertOverflow(ctx, s, stagedOverflow, st.table, values)
}

// Overflow returns the values of a table in the side table.
func (d *database) Overflow(ctx context.Context, table *schema.Table) (values []destination.OverflowValue, err error) {
	if !d.exists() {
		return nil, nil
	}
	err = d.use(ctx, func(s *session) error {
		return s.query(ctx, selectOverflow, func(v []driver.Value) error {
			values = append(values, destination.OverflowValue{Key: v[0].(string), Column: v[1].(string), Value: v[2].(string)})
			return nil
		}, d.settings.Schema, table.Name)
	})
	return values, err
}

// spill keeps the side table in step: values of rows that are written again or
// go are removed, new ones added, and those of columns that an update did not
// touch follow their row. Where a table has no such values, which is nearly
// always, it costs nothing.
func (w *work) spill(ctx context.Context) error {
	if w.c.Table.Mode == schema.Append {
		return w.addOverflow(ctx, nil)
	}
	spilled, err := w.anySpilled(ctx)
	if err != nil || !spilled && len(w.c.Overflow) == 0 {
		return err
	}
	w.d.known.spilled[w.c.Table.Name] = true
	keys, err := w.keyTexts()
	if err != nil {
		return err
	}
	carried, err := w.carried(ctx)
	if err != nil {
		return err
	}
	if err := w.s.stageTexts(stagedOverflow, []string{"key"}, len(keys), func(row, _ int) string { return keys[row] }); err != nil {
		return err
	}
	if err := w.exec(ctx, forgetOverflow, w.d.settings.Schema, w.c.Table.Name); err != nil {
		return err
	}
	return w.addOverflow(ctx, carried)
}

func (w *work) anySpilled(ctx context.Context) (bool, error) {
	name := w.c.Table.Name
	spilled, ok := w.d.known.spilled[name]
	if ok {
		return spilled, nil
	}
	n, err := w.s.count(ctx, countOverflow, w.d.settings.Schema, name)
	if err == nil {
		w.d.known.spilled[name] = n > 0
	}
	return n > 0, err
}

// addOverflow adds the values of the changes and those carried along.
func (w *work) addOverflow(ctx context.Context, values []sideValue) error {
	for _, o := range w.c.Overflow {
		record := w.c.Rows
		if o.Partial {
			record = w.c.Partial.Rows
		}
		key, err := destination.KeyText(w.c.Table, record, o.Row, true)
		if err != nil {
			return err
		}
		values = append(values, sideValue{key, w.c.Table.Columns[o.Column].Name, o.Text})
	}
	if len(values) == 0 {
		return nil
	}
	return w.d.insertOverflow(ctx, w.s, stagedOverflow, w.c.Table, values)
}

// keyTexts are the keys that are written or go.
func (w *work) keyTexts() (keys []string, err error) {
	add := func(record arrow.RecordBatch, staged bool) error {
		for row := range int(record.NumRows()) {
			key, err := destination.KeyText(w.c.Table, record, row, staged)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
		return nil
	}
	if w.c.Rows != nil {
		err = add(w.c.Rows, true)
	}
	if err == nil && w.c.Partial != nil {
		err = add(w.c.Partial.Rows, true)
	}
	if err == nil && w.c.Deletes != nil {
		err = add(w.c.Deletes, false)
	}
	return keys, err
}

// carried are the side values of columns that partial rows leave as they are,
// under the keys that the rows have now.
func (w *work) carried(ctx context.Context) (values []sideValue, err error) {
	p := w.c.Partial
	if p == nil {
		return nil, nil
	}
	rows := map[string][]int{}
	for row := range int(p.Base.NumRows()) {
		key, err := destination.KeyText(w.c.Table, p.Base, row, false)
		if err != nil {
			return nil, err
		}
		rows[key] = append(rows[key], row)
	}
	err = w.s.query(ctx, selectOverflow, func(v []driver.Value) error {
		for _, row := range rows[v[0].(string)] {
			if !w.isMissing(row, v[1].(string)) {
				continue
			}
			key, err := destination.KeyText(w.c.Table, p.Rows, row, true)
			if err != nil {
				return err
			}
			values = append(values, sideValue{key, v[1].(string), v[2].(string)})
		}
		return nil
	}, w.d.settings.Schema, w.c.Table.Name)
	return values, err
}

func (w *work) isMissing(row int, column string) bool {
	for i, at := range w.c.Table.Data() {
		if w.c.Table.Columns[at].Name == column {
			return w.c.Partial.Missing[row*w.c.Partial.Words+i>>6]&(1<<(i&63)) != 0
		}
	}
	return false
}
