package duckdb

import (
	"context"
	"database/sql/driver"
	"encoding/json"

	"trunkline/internal/destination"
	"trunkline/internal/schema"
)

// selectCopied finds the tables of an object, or of all, whose copy is complete.
const selectCopied = `SELECT definition FROM __trunkline.tables WHERE pipeline = ? AND copied AND (object = ? OR ? = '')`

// noteOwnRows notes at the table of an object, or of all, that it has rows which
// the source has not. It comes before the object is forgotten or loaded again:
// what is known of the rows goes with the books, the note stays with the table.
func (d *database) noteOwnRows(ctx context.Context, s *session, object string) error {
	var tables []*schema.Table
	err := s.query(ctx, selectCopied, func(v []driver.Value) error {
		t := new(schema.Table)
		tables = append(tables, t)
		return json.Unmarshal([]byte(v[0].(string)), t)
	}, d.pipeline, object, object)
	for _, t := range tables {
		if err == nil {
			err = d.noteOwnRowsOf(ctx, s, t)
		}
	}
	return err
}

func (d *database) noteOwnRowsOf(ctx context.Context, s *session, t *schema.Table) error {
	present, err := d.look(ctx, s, t.Name)
	if err != nil {
		return err
	}
	o := destination.ParseOrigin(present.comment)
	if o.Pipeline != d.pipeline || o.Object != t.Object.String() {
		return nil // dropped, or not ours any more
	}
	own, err := d.hasOwnRows(ctx, s, t, &present)
	if err != nil || !own {
		return err
	}
	o.OwnRows = true
	return s.exec(ctx, d.statements(t).comment(o.Comment()))
}

func (d *database) hasOwnRows(ctx context.Context, s *session, t *schema.Table, present *found) (bool, error) {
	st := d.statements(t)
	if t.Mode == schema.Append {
		n, err := s.count(ctx, st.anyRow())
		return n > 0, err
	}
	if !present.has(t.Columns[t.Find(schema.Marked)].Name) {
		return true, nil // somebody has changed the table: nothing tells
	}
	n, err := s.count(ctx, st.anyStanding(), d.pipeline, t.Object.String())
	return n > 0, err
}

// keepOverflow finds the table as look does.
var keepOverflow = `UPDATE __trunkline.overflow SET table_name = ? WHERE schema_name = ? AND ` +
	foldCase("table_name") + ` = ` + foldCase("?")

// keep gives a table another name, and the values beside it.
func (d *database) keep(ctx context.Context, s *session, p schema.BeginCopy) error {
	name, err := destination.KeptName(p.Table.Name, p.Generation, func(name string) (bool, error) {
		f, err := d.look(ctx, s, name)
		return len(f.columns) > 0, err
	})
	if err != nil {
		return err
	}
	if err := d.dropIndexes(ctx, s, p.Table.Name); err != nil {
		return err
	}
	if err := s.exec(ctx, d.statements(p.Table).rename(name)); err != nil {
		return err
	}
	d.kept = append(d.kept, destination.Kept{Object: p.Table.Object, Table: p.Table.Name, Name: name})
	return s.exec(ctx, keepOverflow, name, d.settings.Schema, p.Table.Name)
}

var selectIndexes = `SELECT index_name FROM duckdb_indexes()
WHERE database_name = current_database() AND ` + foldCase("schema_name") + ` = ` + foldCase("?") +
	` AND ` + foldCase("table_name") + ` = ` + foldCase("?")

// dropIndexes drops what others made: a table that has an index cannot be given
// another name.
func (d *database) dropIndexes(ctx context.Context, s *session, table string) error {
	var names []string
	err := s.query(ctx, selectIndexes, func(v []driver.Value) error {
		names = append(names, v[0].(string))
		return nil
	}, d.settings.Schema, table)
	for _, name := range names {
		if err == nil {
			err = s.exec(ctx, "DROP INDEX "+quote(d.settings.Schema)+"."+quote(name))
		}
	}
	return err
}
