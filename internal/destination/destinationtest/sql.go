package destinationtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// SQL is a store that is read by queries: the kind's destinations must be
// Queriers and understand double quotes. settings are the kind's own, from is the
// schema of the tables.
func SQL(kind destination.Kind, settings any, from string) Store {
	return &sqlStore{kind, settings, from}
}

type sqlStore struct {
	kind     destination.Kind
	settings any
	schema   string
}

func (s *sqlStore) Open(o destination.Options) (destination.Destination, error) {
	o.Settings = s.settings
	return open(s.kind, o)
}

func open(kind destination.Kind, o destination.Options) (destination.Destination, error) {
	return kind.Open(context.Background(), o)
}

func errNoTable(t *schema.Table) error { return fmt.Errorf("there is no table %q", t.Name) }

func errNoColumn(t *schema.Table, i int) error {
	return fmt.Errorf("table %q has no column %q", t.Name, t.Columns[i].Name)
}

func (s *sqlStore) querier(work func(destination.Querier) error) error {
	d, err := s.Open(destination.Options{Pipeline: "reader"})
	if err != nil {
		return err
	}
	return errors.Join(work(d.(destination.Querier)), d.Close())
}

func (s *sqlStore) Rows(t *schema.Table) (rows [][]*string, err error) {
	columns := make([]string, len(t.Columns))
	for i := range t.Columns {
		columns[i] = pg.Quote(t.Columns[i].Name)
	}
	query := fmt.Sprintf("SELECT %s FROM %s.%s", strings.Join(columns, ", "), pg.Quote(s.schema), pg.Quote(t.Name))
	err = s.querier(func(q destination.Querier) error {
		reader, err := q.Query(context.Background(), query)
		if err != nil {
			return err
		}
		defer reader.Release()
		for reader.Next() {
			record := reader.RecordBatch()
			for row := range int(record.NumRows()) {
				out := make([]*string, len(columns))
				for i := range columns {
					if record.Column(i).IsNull(row) {
						continue
					}
					text, err := pgvalue.Print(nil, &t.Columns[i].Type, record.Column(i), row)
					if err != nil {
						return err
					}
					s := string(text)
					out[i] = &s
				}
				rows = append(rows, out)
			}
		}
		return reader.Err()
	})
	return rows, err
}

func (s *sqlStore) Side(t *schema.Table) (values []destination.OverflowValue, err error) {
	err = s.querier(func(q destination.Querier) error {
		values, err = q.Overflow(context.Background(), t)
		return err
	})
	return values, err
}

// each runs a test of a group on a store of its own.
func each(t *testing.T, target Target, tests map[string]func(*testing.T, Store)) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, target.New(t)) })
	}
}
