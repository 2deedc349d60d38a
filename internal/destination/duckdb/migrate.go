package duckdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Migrate carries out a plan in one transaction.
func (d *database) Migrate(ctx context.Context, plan schema.Plan) error {
	d.kept = nil
	run := d.exclusively
	if !altersTables(plan) {
		run = d.alongside
	}
	err := run(ctx, func(s *session) error {
		if forgotten, err := d.forgotten(ctx, s, plan); err != nil || forgotten {
			return err
		}
		if _, err := d.fence(ctx, s); err != nil {
			return err
		}
		for _, step := range plan {
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
	for _, k := range d.kept {
		k.Warn(ctx, d.log)
	}
	return nil
}

// forgotten reports whether a plan asks for nothing but what has happened
// already: that nothing is remembered.
func (d *database) forgotten(ctx context.Context, s *session, plan schema.Plan) (bool, error) {
	for _, step := range plan {
		if _, forgets := step.(schema.Forget); !forgets {
			return false, nil
		}
	}
	_, found, err := d.readCheckpoint(ctx, s)
	return !found, err
}

// altersTables reports whether a plan does more than keep books.
func altersTables(plan schema.Plan) bool {
	return slices.ContainsFunc(plan, func(step schema.Step) bool {
		_, ends := step.(schema.EndCopy)
		return !ends
	})
}

func (d *database) step(ctx context.Context, s *session, step schema.Step) (err error) {
	switch p := step.(type) {
	case schema.BeginCopy:
		return d.beginCopy(ctx, s, p)
	case schema.EndCopy:
		// The last chunk is loaded: what it put into the side table is not known.
		delete(d.known.spilled, p.Table.Name)
		err = s.exec(ctx, `UPDATE __trunkline.tables SET copied = true WHERE pipeline = ? AND object = ? AND generation = ?`,
			d.pipeline, p.Table.Object.String(), p.Generation)
	case schema.AddColumn:
		return d.addColumn(ctx, s, p)
	case schema.RenameColumn:
		return d.renameColumn(ctx, s, p)
	case schema.Describe:
		return d.remember(ctx, s, p.Table)
	case schema.Leave:
		if err := d.noteOwnRows(ctx, s, p.Table.Object.String()); err != nil {
			return err
		}
		err = s.exec(ctx, `DELETE FROM __trunkline.tables WHERE pipeline = ? AND object = ?`, d.pipeline, p.Table.Object.String())
	case schema.IntendSlot:
		err = s.exec(ctx, `UPDATE __trunkline.checkpoints
SET slot = ?, consistent_point = 0, system_identifier = NULL, timeline = 0, commit_lsn = 0, end_lsn = 0, committed_at = 0, updated_at = now()
WHERE pipeline = ?`, p.Slot, d.pipeline)
	case schema.RecordSlot:
		err = s.exec(ctx, `UPDATE __trunkline.checkpoints
SET slot = ?, consistent_point = ?, system_identifier = ?, timeline = ?, commit_lsn = ?, end_lsn = ?, updated_at = now()
WHERE pipeline = ?`, p.Slot, uint64(p.ConsistentPoint), p.SystemIdentifier, p.Timeline,
			uint64(p.ConsistentPoint), uint64(p.ConsistentPoint), d.pipeline)
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
// that it should have. One with rows that are nowhere else is kept.
func (d *database) beginCopy(ctx context.Context, s *session, p schema.BeginCopy) error {
	if strings.HasPrefix(strings.ToLower(p.Table.Name), stagedPrefix) {
		return destination.TableTaken.New("names like %q are those of rows on their way into the file", p.Table.Name).
			On(p.Table.Object.String()).Do("choose another name with table_name")
	}
	st := d.statements(p.Table)
	if err := d.noteOwnRows(ctx, s, p.Table.Object.String()); err != nil {
		return err
	}
	present, err := d.look(ctx, s, p.Table.Name)
	if err != nil {
		return err
	}
	if destination.ParseOrigin(present.comment).OwnRows {
		if err := d.keep(ctx, s, p); err != nil {
			return err
		}
		present = found{}
	}
	var sql []string
	switch {
	case len(present.columns) == 0:
		sql = append(sql, st.create())
	case slices.Equal(present.columns, wanted(p.Table)):
		sql = append(sql, st.deleteAll())
	default:
		sql = append(sql, "DROP TABLE "+st.target(), st.create())
	}
	sql = append(sql, st.comment(destination.OriginOf(d.pipeline, p.Table).Comment()))
	for _, text := range sql {
		if err := s.exec(ctx, text); err != nil {
			return err
		}
	}
	delete(d.known.standing, p.Table.Name)
	delete(d.known.spilled, p.Table.Name)
	delete(d.known.archived, p.Table.Name)
	return d.noteCopy(ctx, s, p)
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
		{`DELETE FROM __trunkline.chunks WHERE pipeline = ? AND object = ?`, []any{d.pipeline, object}},
		{`DELETE FROM __trunkline.tables WHERE pipeline = ? AND object = ?`, []any{d.pipeline, object}},
		{`INSERT INTO __trunkline.tables VALUES (?, ?, ?, ?, ?, ?, false, false, ?)`, []any{
			d.pipeline, object, p.Table.Name, uint64(p.OID), p.Generation, uint64(p.Start), string(definition)}},
	} {
		if err := s.exec(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}

// addColumn adds a column unless it is there. Existing rows are given their
// value only by the transaction that adds it.
func (d *database) addColumn(ctx context.Context, s *session, p schema.AddColumn) error {
	present, err := d.look(ctx, s, p.Table.Name)
	if err != nil {
		return err
	}
	at := p.Table.FindName(p.Name)
	there := slices.ContainsFunc(present.columns, func(c foundColumn) bool { return strings.EqualFold(c.Name, p.Name) })
	if !there {
		st := d.statements(p.Table)
		if err := s.exec(ctx, st.addColumn(at)); err != nil {
			return changed(p.Table, err)
		}
		if p.Table.Columns[at].Missing != nil {
			if err := d.backfill(ctx, s, st, at); err != nil {
				return err
			}
		}
	}
	return d.remember(ctx, s, p.Table)
}

// backfill gives the rows that are there the value of a new column.
func (d *database) backfill(ctx context.Context, s *session, st statements, i int) error {
	column := &st.table.Columns[i]
	value := pgvalue.NewColumn(&column.Type)
	switch err := value.AppendText([]byte(*column.Missing)); {
	case errors.Is(err, pgvalue.ErrCannotHold):
		return d.spillEverywhere(ctx, s, st, i)
	case err != nil:
		return fmt.Errorf("default of column %q: %w", column.Name, err)
	}
	field := column.Type.Field(column.Name)
	a := value.Array()
	defer a.Release()
	record := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{field}, nil), []arrow.Array{a}, 1)
	defer record.Release()
	if err := s.stage(stagedRows, record, func(int) string { return staged(i) }); err != nil {
		return err
	}
	err := s.exec(ctx, st.backfill(i))
	return err
}

// renameColumn renames a column, and its values in the side table.
func (d *database) renameColumn(ctx context.Context, s *session, p schema.RenameColumn) error {
	present, err := d.look(ctx, s, p.Table.Name)
	if err != nil {
		return err
	}
	switch {
	case present.has(p.To): // done already, though there may be a new column of the former name
	case !present.has(p.From):
		return destination.TableChanged.New("column %q of table %q is gone", p.From, p.Table.Name).On(p.Table.Object.String())
	default:
		if err := s.exec(ctx, d.statements(p.Table).renameColumn(p.From, p.To)); err != nil {
			return err
		}
		if err := s.exec(ctx, renameOverflow, p.To, d.settings.Schema, p.Table.Name, p.From); err != nil {
			return err
		}
	}
	return d.remember(ctx, s, p.Table)
}

// dropBooks removes what is remembered of the pipeline.
func (d *database) dropBooks(ctx context.Context, s *session) error {
	for _, table := range []string{"chunks", "tables", "checkpoints"} {
		if err := s.exec(ctx, "DELETE FROM __trunkline."+table+" WHERE pipeline = ?", d.pipeline); err != nil {
			return err
		}
	}
	return nil
}
