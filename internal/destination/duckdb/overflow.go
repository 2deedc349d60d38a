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
func (d *database) insertOverflow(ctx context.Context, s *session, view string, t *schema.Table, values []destination.OverflowValue) error {
	err := s.stageTexts(view, []string{"key", "column_name", "value"}, len(values), func(row, column int) string {
		v := values[row]
		return [...]string{v.Key, v.Column, v.Value}[column]
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
	var values []destination.OverflowValue
	for reader.Next() {
		record := reader.RecordBatch()
		for row := range int(record.NumRows()) {
			key, err := destination.KeyOf(st.table, record, 0, row)
			if err != nil {
				return err
			}
			values = append(values, destination.OverflowValue{Key: key, Column: st.table.Columns[i].Name, Value: *st.table.Columns[i].Missing})
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
		values, err = d.readOverflow(ctx, s, table)
		return err
	})
	return values, err
}

func (d *database) readOverflow(ctx context.Context, s *session, table *schema.Table) (values []destination.OverflowValue, err error) {
	err = s.query(ctx, selectOverflow, func(v []driver.Value) error {
		values = append(values, destination.OverflowValue{Key: v[0].(string), Column: v[1].(string), Value: v[2].(string)})
		return nil
	}, d.settings.Schema, table.Name)
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
	keys, err := destination.WrittenKeys(w.c)
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
func (w *work) addOverflow(ctx context.Context, carried []destination.OverflowValue) error {
	added, err := destination.Beside(w.c, w.c.Overflow)
	if err != nil || len(added)+len(carried) == 0 {
		return err
	}
	return w.d.insertOverflow(ctx, w.s, stagedOverflow, w.c.Table, append(carried, added...))
}

// carried are the side values of columns that partial rows leave as they are,
// under the keys that the rows have now.
func (w *work) carried(ctx context.Context) ([]destination.OverflowValue, error) {
	if w.c.Partial == nil {
		return nil, nil
	}
	stored, err := w.d.readOverflow(ctx, w.s, w.c.Table)
	if err != nil {
		return nil, err
	}
	return destination.Carried(w.c, stored)
}
