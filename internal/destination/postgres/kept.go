package postgres

import (
	"context"
	"encoding/json"
	"strings"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

const (
	// selectCopied finds the tables of an object, or of all, whose copy is
	// complete.
	selectCopied = `SELECT definition FROM __trunkline.tables WHERE pipeline = $1 AND copied AND (object = $2 OR $2 = '')`
	keepOverflow = `UPDATE __trunkline.overflow SET table_name = $3 WHERE schema_name = $1 AND table_name = $2`
	// selectTaken finds whatever shares the names of tables, indexes included. As a
	// name a longer text would be cut off, and found.
	selectTaken = `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2::text`
)

// noteOwnRows notes at the table of an object, or of all, that it has rows which
// the source has not. It comes before the object is forgotten or loaded again:
// what is known of the rows goes with the books, the note stays with the table.
func (d *database) noteOwnRows(ctx context.Context, s *session, object string) error {
	var tables []*schema.Table
	err := s.query(ctx, selectCopied, func(v [][]byte) error {
		t := new(schema.Table)
		tables = append(tables, t)
		return json.Unmarshal(v[0], t)
	}, d.pipeline, object)
	for _, t := range tables {
		if err == nil {
			err = about(t, d.noteOwnRowsOf(ctx, s, t))
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
	st := statements{schema: d.settings.Schema, table: t}
	own, err := d.hasOwnRows(ctx, s, st, &present)
	if err != nil || !own {
		return err
	}
	o.OwnRows = true
	return s.run(ctx, st.comment(o.Comment()))
}

func (d *database) hasOwnRows(ctx context.Context, s *session, st statements, present *found) (bool, error) {
	t := st.table
	if t.Mode == schema.Append {
		return s.exists(ctx, st.anyRow())
	}
	if present.at(t.Columns[t.Find(schema.Marked)].Name) < 0 {
		return true, nil // somebody has changed the table: nothing tells
	}
	return s.exists(ctx, st.anyStanding(), d.pipeline, t.Object.String())
}

// keep gives a table that is about to be loaded again another name, and the
// values beside it, if it has rows that the source has not. Its indexes have the
// names that they had: those of the new table get others.
func (d *database) keep(ctx context.Context, s *session, p schema.BeginCopy) ([]destination.Kept, error) {
	if err := d.noteOwnRows(ctx, s, p.Table.Object.String()); err != nil {
		return nil, err
	}
	former := p.Table.Name
	present, err := d.look(ctx, s, former)
	if err != nil || !destination.ParseOrigin(present.comment).OwnRows {
		return nil, err
	}
	name, err := d.keptName(ctx, s, former, p.Generation)
	if err != nil {
		return nil, err
	}
	st := statements{schema: d.settings.Schema, table: p.Table}
	if err := s.run(ctx, st.rename(name)); err != nil {
		return nil, about(p.Table, err)
	}
	_, err = s.exec(ctx, keepOverflow, d.settings.Schema, former, name)
	return []destination.Kept{{Object: p.Table.Object, Table: former, Name: name}}, err
}

// suffixRoom is for what follows the name of a table that is kept.
const suffixRoom = len("__before_") + 10

// keptName is destination.KeptName, of a part of a name that has no room for
// what follows.
func (d *database) keptName(ctx context.Context, s *session, table string, generation int64) (string, error) {
	taken := func(name string) (bool, error) { return s.exists(ctx, selectTaken, d.settings.Schema, name) }
	name, err := destination.KeptName(table, generation, taken)
	if err != nil || len(name) <= pg.MaxIdentifier {
		return name, err
	}
	return destination.KeptName(shortened(table, pg.MaxIdentifier-suffixRoom), generation, taken)
}

// shortened is a name of at most so many bytes, without a part of a character.
func shortened(name string, size int) string {
	if len(name) <= size {
		return name
	}
	return strings.ToValidUTF8(name[:size], "")
}
