package postgres

import (
	"context"
	"encoding/json"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// Statements on the side table; their first parameters are the schema and the
// name of a table. Lists come as JSON.
const (
	ofTable           = ` FROM __trunkline.overflow WHERE schema_name = $1 AND table_name = $2`
	selectOverflow    = `SELECT DISTINCT key, column_name, value` + ofTable
	anyOverflow       = `SELECT 1` + ofTable + ` LIMIT 1`
	forgetAllOverflow = `DELETE` + ofTable
	forgetOverflow    = forgetAllOverflow + ` AND key IN (SELECT json_array_elements_text($3::json))`
	renameOverflow    = `UPDATE __trunkline.overflow SET column_name = $4 WHERE schema_name = $1 AND table_name = $2 AND column_name = $3`
	addOverflow       = `INSERT INTO __trunkline.overflow SELECT DISTINCT $1, $2, v ->> 'Key', v ->> 'Column', v ->> 'Value'
FROM json_array_elements($3::json) AS v`
)

// insertOverflow adds values to the side table.
func (d *database) insertOverflow(ctx context.Context, s *session, t *schema.Table, values []destination.OverflowValue) error {
	if len(values) == 0 {
		return nil
	}
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, addOverflow, d.settings.Schema, t.Name, text)
	return err
}

// readOverflow reads the values of a table in the side table.
func (d *database) readOverflow(ctx context.Context, s *session, t *schema.Table) (values []destination.OverflowValue, err error) {
	err = s.query(ctx, selectOverflow, func(v [][]byte) error {
		values = append(values, destination.OverflowValue{Key: string(v[0]), Column: string(v[1]), Value: string(v[2])})
		return nil
	}, d.settings.Schema, t.Name)
	return values, err
}

// Overflow returns the values of a table in the side table.
func (d *database) Overflow(ctx context.Context, table *schema.Table) (values []destination.OverflowValue, err error) {
	err = d.use(ctx, func(s *session) error {
		there, err := s.exists(ctx, ownTablesThere)
		if err == nil && there {
			values, err = d.readOverflow(ctx, s, table)
		}
		return err
	})
	return values, err
}

// spill keeps the side table in step: values of rows that are written again or
// go are removed, new ones added, and those of columns that an update did not
// touch follow their row. Where a table has no such values, which is nearly
// always, it costs nothing.
func (w *work) spill(ctx context.Context) error {
	added, err := destination.Beside(w.c, w.side)
	if err != nil {
		return err
	}
	t := w.c.Table
	if t.Mode == schema.Append {
		return w.d.insertOverflow(ctx, w.s, t, added)
	}
	spilled, err := w.anySpilled(ctx)
	if err != nil || !spilled && len(added) == 0 {
		return err
	}
	w.d.note(w.d.known.spilled, t.Name, true)
	stored, err := w.d.readOverflow(ctx, w.s, t)
	if err != nil {
		return err
	}
	carried, err := destination.Carried(w.c, stored)
	if err != nil {
		return err
	}
	written, err := destination.WrittenKeys(w.c)
	if err != nil {
		return err
	}
	keys, err := json.Marshal(written)
	if err != nil {
		return err
	}
	if _, err := w.s.exec(ctx, forgetOverflow, w.d.settings.Schema, t.Name, keys); err != nil {
		return err
	}
	return w.d.insertOverflow(ctx, w.s, t, append(carried, added...))
}

func (w *work) anySpilled(ctx context.Context) (bool, error) {
	name := w.c.Table.Name
	if spilled, ok := w.d.noted(w.d.known.spilled, name); ok {
		return spilled, nil
	}
	spilled, err := w.s.exists(ctx, anyOverflow, w.d.settings.Schema, name)
	if err == nil {
		w.d.note(w.d.known.spilled, name, spilled)
	}
	return spilled, err
}
