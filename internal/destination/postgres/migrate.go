package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// Migrate carries out a plan in one transaction.
func (d *database) Migrate(ctx context.Context, plan schema.Plan) error {
	var kept []destination.Kept
	err := d.transact(ctx, func(s *session) error {
		if forgotten, err := d.forgotten(ctx, s, plan); err != nil || forgotten {
			return err
		}
		if _, err := d.fence(ctx, s, held(plan)); err != nil {
			return err
		}
		for _, step := range plan {
			if p, begins := step.(schema.BeginCopy); begins {
				former, err := d.keep(ctx, s, p)
				if err != nil {
					return fmt.Errorf("%v: %w", step, err)
				}
				kept = append(kept, former...)
			}
			if err := d.step(ctx, s, step); err != nil {
				return fmt.Errorf("%v: %w", step, err)
			}
		}
		return nil
	})
	if err != nil {
		d.forget()
		return err
	}
	for _, k := range kept {
		k.Warn(ctx, d.log)
	}
	return nil
}

// held is how a plan holds the checkpoint: beside chunks that load, unless it
// removes it.
func held(plan schema.Plan) lock {
	for _, step := range plan {
		if _, forgets := step.(schema.Forget); forgets {
			return alone
		}
	}
	return beside
}

// forgotten reports whether a plan asks for nothing but what has happened
// already: that nothing is remembered.
func (d *database) forgotten(ctx context.Context, s *session, plan schema.Plan) (bool, error) {
	for _, step := range plan {
		if _, forgets := step.(schema.Forget); !forgets {
			return false, nil
		}
	}
	there, err := s.exists(ctx, ownTablesThere)
	if err != nil || !there {
		return !there, err
	}
	_, found, err := d.readCheckpoint(ctx, s, unlocked)
	return !found, err
}

func (d *database) step(ctx context.Context, s *session, step schema.Step) (err error) {
	switch p := step.(type) {
	case schema.BeginCopy:
		return about(p.Table, d.beginCopy(ctx, s, p))
	case schema.EndCopy:
		return about(p.Table, d.endCopy(ctx, s, p))
	case schema.AddColumn:
		return about(p.Table, d.addColumn(ctx, s, p))
	case schema.RenameColumn:
		return about(p.Table, d.renameColumn(ctx, s, p))
	case schema.Describe:
		d.forgetTable(p.Table.Name)
		return d.remember(ctx, s, p.Table)
	case schema.Leave:
		if err := d.noteOwnRows(ctx, s, p.Table.Object.String()); err != nil {
			return err
		}
		_, err = s.exec(ctx, deleteTable, d.pipeline, p.Table.Object.String())
	case schema.IntendSlot:
		_, err = s.exec(ctx, intendSlot, d.pipeline, p.Slot)
	case schema.RecordSlot:
		_, err = s.exec(ctx, recordSlot, d.pipeline, p.Slot, p.ConsistentPoint, p.SystemIdentifier, p.Timeline)
	case schema.Forget:
		if err := d.noteOwnRows(ctx, s, ""); err != nil {
			return err
		}
		return d.dropBooks(ctx, s)
	default:
		return fmt.Errorf("a step of type %T is not known", step)
	}
	return err
}

// beginCopy empties the table, or makes it anew where its columns are not those
// that it should have: one with rows that are nowhere else is kept before. Its
// key comes when it is full.
func (d *database) beginCopy(ctx context.Context, s *session, p schema.BeginCopy) error {
	name := p.Table.Name
	if len(name) > pg.MaxIdentifier {
		return destination.Unfit.New("the name %q has %d bytes, PostgreSQL keeps %d", name, len(name), pg.MaxIdentifier).
			On(p.Table.Object.String()).Do("choose a shorter name with table_name")
	}
	st, err := d.statements(ctx, p.Table)
	if err != nil {
		return err
	}
	present, err := d.look(ctx, s, name)
	if err != nil {
		return err
	}
	switch {
	case len(present.columns) == 0:
		err = s.run(ctx, st.create())
	case present.suits(st):
		err = s.run(ctx, st.truncate())
		if err == nil {
			err = d.dropKey(ctx, s, st)
		}
	case present.kind != "r":
		return destination.TableTaken.New("%q is no table", name).On(p.Table.Object.String())
	default:
		err = s.run(ctx, st.drop(), st.create())
	}
	if err == nil {
		err = s.run(ctx, st.comment(destination.OriginOf(d.pipeline, p.Table).Comment()))
	}
	if err != nil {
		return err
	}
	d.forgetTable(name)
	return d.noteCopy(ctx, s, p)
}

// selectKeyName finds the primary key and what refers to it: a key that others
// refer to stays.
const selectKeyName = `SELECT k.conname
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND k.contype = 'p'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid)`

// dropKey drops the primary key of an empty table that is about to be filled.
func (d *database) dropKey(ctx context.Context, s *session, st statements) error {
	name, found, err := s.value(ctx, selectKeyName, d.settings.Schema, st.table.Name)
	if err != nil || !found {
		return err
	}
	return s.run(ctx, st.dropConstraint(name))
}

func (d *database) noteCopy(ctx context.Context, s *session, p schema.BeginCopy) error {
	definition, err := json.Marshal(p.Table)
	if err != nil {
		return err
	}
	object := p.Table.Object.String()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{forgetAllOverflow, []any{d.settings.Schema, p.Table.Name}},
		{deleteChunks, []any{d.pipeline, object}},
		{deleteTable, []any{d.pipeline, object}},
		{insertTable, []any{d.pipeline, object, p.Table.Name, p.OID, p.Generation, p.Start, definition}},
	} {
		if _, err := s.exec(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// endCopy gives the table, which is full, its key.
func (d *database) endCopy(ctx context.Context, s *session, p schema.EndCopy) error {
	// What the last chunks put into the side table is not known.
	d.forgetTable(p.Table.Name)
	ended, err := s.exec(ctx, endCopy, d.pipeline, p.Table.Object.String(), p.Generation)
	if err != nil || ended == 0 {
		return err
	}
	l, err := d.layout(ctx, s, p.Table)
	if err != nil {
		return err
	}
	return d.ensureKey(ctx, s, l)
}

// addColumn adds a column unless it is there. Existing rows are given their
// value only by the transaction that adds it.
func (d *database) addColumn(ctx context.Context, s *session, p schema.AddColumn) error {
	present, err := d.look(ctx, s, p.Table.Name)
	if err != nil {
		return err
	}
	if present.at(p.Name) < 0 {
		st, err := d.statements(ctx, p.Table)
		if err != nil {
			return err
		}
		if err := s.run(ctx, st.addColumn(p.Table.FindName(p.Name))...); err != nil {
			return err
		}
	}
	d.forgetTable(p.Table.Name)
	return d.remember(ctx, s, p.Table)
}

// renameColumn renames a column, and its values in the side table.
func (d *database) renameColumn(ctx context.Context, s *session, p schema.RenameColumn) error {
	present, err := d.look(ctx, s, p.Table.Name)
	if err != nil {
		return err
	}
	switch {
	case present.at(p.To) >= 0: // done already, though there may be a new column of the former name
	case present.at(p.From) < 0:
		return destination.TableChanged.New("column %q of table %q is gone", p.From, p.Table.Name).On(p.Table.Object.String())
	default:
		st := statements{schema: d.settings.Schema, table: p.Table}
		if err := s.run(ctx, st.renameColumn(p.From, p.To)); err != nil {
			return err
		}
		if _, err := s.exec(ctx, renameOverflow, d.settings.Schema, p.Table.Name, p.From, p.To); err != nil {
			return err
		}
	}
	d.forgetTable(p.Table.Name)
	return d.remember(ctx, s, p.Table)
}

// dropBooks removes what is remembered of the pipeline.
func (d *database) dropBooks(ctx context.Context, s *session) error {
	for _, table := range []string{"chunks", "tables", "checkpoints"} {
		if _, err := s.exec(ctx, "DELETE FROM __trunkline."+table+" WHERE pipeline = $1", d.pipeline); err != nil {
			return err
		}
	}
	return nil
}
