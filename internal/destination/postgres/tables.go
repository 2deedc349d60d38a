package postgres

import (
	"context"
	"regexp"
	"slices"

	"trunkline/internal/destination"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// selectColumns finds the columns of a table, view or whatever has the name.
const selectColumns = `SELECT obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  a.atttypid, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, c.relkind
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1 AND c.relname = $2
ORDER BY a.attnum`

// selectKey finds the columns of the primary key, in its order; selectIndexed
// whether a column stands first in an index.
const (
	selectKey = `SELECT a.attname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = $1 AND c.relname = $2 AND i.indisprimary
ORDER BY k.place`
	selectIndexed = `SELECT 1
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND i.indpred IS NULL`
)

// found is a table as it is in the database.
type found struct {
	comment string
	kind    string
	columns []foundColumn
}

type foundColumn struct {
	destination.ColumnInfo
	notNull   bool
	oid, elem uint32
}

// look finds a table; it has no columns if there is none.
func (d *database) look(ctx context.Context, s *session, name string) (f found, err error) {
	err = s.query(ctx, selectColumns, func(v [][]byte) error {
		f.comment, f.kind = string(v[0]), string(v[6])
		r := reader{}
		f.columns = append(f.columns, foundColumn{
			ColumnInfo: destination.ColumnInfo{Name: string(v[1]), Type: string(v[2])},
			notNull:    string(v[3]) == "t", oid: uint32(r.number(v[4])), elem: uint32(r.number(v[5])),
		})
		return r.err
	}, d.settings.Schema, name)
	return f, err
}

// at is the index of a column, or -1.
func (f *found) at(name string) int {
	return slices.IndexFunc(f.columns, func(c foundColumn) bool { return c.Name == name })
}

// dimensions of an array are part of a declaration, but not of its type.
var dimensions = regexp.MustCompile(`(\[\])+$`)

// suits reports whether the table has the columns that it should have.
func (f *found) suits(st statements) bool {
	if len(f.columns) != len(st.table.Columns) || f.kind != "r" {
		return false
	}
	for i, c := range f.columns {
		want := &st.table.Columns[i]
		if c.Name != want.Name || c.notNull != want.NotNull || c.Type != dimensions.ReplaceAllString(st.columnType(i), "[]") {
			return false
		}
	}
	return true
}

// Tables describes those of the named tables that exist, views included.
func (d *database) Tables(ctx context.Context, names []string) (infos []destination.TableInfo, err error) {
	err = d.use(ctx, func(s *session) error {
		for _, name := range names {
			f, err := d.look(ctx, s, name)
			if err != nil {
				return err
			}
			if len(f.columns) == 0 {
				continue
			}
			info := destination.TableInfo{Name: name, Origin: destination.ParseOrigin(f.comment)}
			for _, c := range f.columns {
				info.Columns = append(info.Columns, c.ColumnInfo)
			}
			infos = append(infos, info)
		}
		return nil
	})
	return infos, err
}

// layout is how rows of a definition are written into the table as it is.
type layout struct {
	statements
	abilities *abilities
	// columns has, by index in the definition, the types of columns.
	columns []layoutColumn
	// keyed says that the table has its primary key.
	keyed bool
}

type layoutColumn struct {
	oid, elem uint32
	binary    encoding
}

// layout finds out how a table is written.
func (d *database) layout(ctx context.Context, s *session, t *schema.Table) (*layout, error) {
	d.known.mu.Lock()
	l := d.known.layouts[t]
	d.known.mu.Unlock()
	if l != nil {
		return l, nil
	}
	st, err := d.statements(ctx, t)
	if err != nil {
		return nil, err
	}
	f, err := d.look(ctx, s, t.Name)
	if err != nil {
		return nil, err
	}
	if len(f.columns) == 0 {
		return nil, destination.TableChanged.New("table %q is gone", t.Name).On(t.Object.String())
	}
	a, err := d.able(ctx)
	if err != nil {
		return nil, err
	}
	l = &layout{statements: st, abilities: a}
	for i := range t.Columns {
		at := f.at(t.Columns[i].Name)
		if at < 0 {
			return nil, destination.TableChanged.New("column %q of table %q is gone", t.Columns[i].Name, t.Name).On(t.Object.String())
		}
		c := f.columns[at]
		l.columns = append(l.columns, layoutColumn{c.oid, c.elem, encodingOf(&t.Columns[i].Type, c.oid, c.elem)})
	}
	d.known.mu.Lock()
	defer d.known.mu.Unlock()
	d.known.layouts[t] = l
	return l, nil
}

// isLoose reports whether keys can be equal and yet not the same: 1.0 and 1.00, a
// day and 24 hours. A change from one to the other leaves a marked row and makes
// a new one, of which the table, where they are equal, can have but one.
func (l *layout) isLoose() bool {
	for _, i := range l.table.Key {
		c := l.columns[i]
		switch c.innermost() {
		case oidNumeric:
			if l.table.Columns[i].Type.Kind != pgvalue.Decimal {
				return true
			}
		case oidFloat4, oidFloat8, oidInterval, oidJSONB, oidBPChar, oidNumrange, oidNummultirange:
			return true
		}
	}
	return false
}

// ensureKey makes what rows are found by, unless it is there: the primary key,
// or the index of hashes.
func (d *database) ensureKey(ctx context.Context, s *session, l *layout) error {
	t := l.table
	if l.keyed || t.Mode != schema.Merge || t.Identity == schema.InsertOnly {
		return nil
	}
	if t.Identity == schema.ByRow {
		there, err := s.exists(ctx, selectIndexed, d.settings.Schema, t.Name, t.Columns[t.Find(schema.RowID)].Name)
		if err == nil && !there {
			err = s.run(ctx, l.rowIndex())
		}
		l.keyed = err == nil
		return err
	}
	var present, want []string
	err := s.query(ctx, selectKey, func(v [][]byte) error {
		present = append(present, string(v[0]))
		return nil
	}, d.settings.Schema, t.Name)
	if err != nil {
		return err
	}
	for _, i := range t.Key {
		want = append(want, t.Columns[i].Name)
	}
	slices.Sort(want)
	slices.Sort(present)
	switch {
	case slices.Equal(present, want):
	case len(present) > 0:
		return destination.TableChanged.New("the primary key of table %q is %q and not %q", t.Name, present, want).On(t.Object.String())
	default:
		if err := s.run(ctx, l.key()); err != nil {
			return err
		}
	}
	l.keyed = true
	return nil
}
