package source

import (
	"context"
	"encoding/binary"
	"fmt"

	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// ReadTexts reads the rows of a table as PostgreSQL prints them: the data
// columns of loaded that the source still has. A field is nil for null; row is
// valid during the call.
func (s *Source) ReadTexts(ctx context.Context, t *Table, loaded *schema.Table, filter string, row func([]*[]byte)) error {
	texts := *loaded
	texts.Columns = nil
	for _, i := range loaded.Current() {
		column := loaded.Columns[i]
		column.Type = column.Type.AsText()
		texts.Columns = append(texts.Columns, column)
	}
	relations := []pg.Name{t.Name}
	if t.Kind == 'p' {
		relations = nil
		for _, l := range t.Leaves {
			relations = append(relations, l.Name)
		}
	}
	for _, relation := range relations {
		query := copyQuery(Chunk{Relation: relation, To: -1}, &texts, filter)
		w := &rowWriter{row: row, fields: make([]*[]byte, len(texts.Columns)), values: make([][]byte, len(texts.Columns))}
		if _, err := s.conn.PgConn().CopyTo(ctx, w, query); err != nil {
			return serverFault(err, fmt.Sprintf("read %v", relation))
		}
	}
	return nil
}

// rowWriter takes the rows of COPY BINARY apart; the driver writes one message
// at a time, which is one row.
type rowWriter struct {
	row    func([]*[]byte)
	fields []*[]byte
	values [][]byte
	begun  bool
}

func (w *rowWriter) Write(data []byte) (int, error) {
	rest := data
	if !w.begun {
		rest = rest[min(copyHeader, len(rest)):]
		w.begun = true
	}
	if len(rest) < 2 || int(int16(binary.BigEndian.Uint16(rest))) < 0 {
		return len(data), nil
	}
	rest = rest[2:]
	for i := range w.fields {
		if len(rest) < 4 {
			return 0, fmt.Errorf("a row that ends in the middle of a value")
		}
		n := int(int32(binary.BigEndian.Uint32(rest)))
		rest = rest[4:]
		if n < 0 {
			w.fields[i] = nil
			continue
		}
		w.values[i], rest = rest[:n], rest[n:]
		w.fields[i] = &w.values[i]
	}
	w.row(w.fields)
	return len(data), nil
}
