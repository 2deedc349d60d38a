package duckdb

import (
	"context"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
)

// fill makes the table of completed rows.
func (w *work) fill(ctx context.Context) error {
	p := w.c.Partial
	if p == nil {
		return nil
	}
	record := w.partialRecord(p)
	defer record.Release()
	if err := w.s.stage(stagedPartial, record, func(i int) string { return record.Schema().Field(i).Name }); err != nil {
		return err
	}
	if err := w.exec(ctx, w.st.fill()); err != nil {
		return err
	}
	absent, err := w.s.count(ctx, unfilled)
	if err != nil {
		return err
	}
	if absent > 0 {
		return destination.BaseMissing.New("%d rows of table %q to update are not there", absent, w.c.Table.Name).
			On(w.c.Table.Object.String())
	}
	return nil
}

// partialRecord puts rows, base keys and the words that say what is missing
// side by side.
func (w *work) partialRecord(p *batch.Partial) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	add := func(name string, f arrow.Field, a arrow.Array) {
		f.Name = name
		fields = append(fields, f)
		columns = append(columns, a)
	}
	for n, i := range w.c.Table.Staged() {
		add(staged(i), p.Rows.Schema().Field(n), p.Rows.Column(n))
	}
	for n, i := range w.c.Table.Key {
		add(base(i), p.Base.Schema().Field(n), p.Base.Column(n))
	}
	n := int(p.Rows.NumRows())
	made := []arrow.Array{bitColumn(p.Deletes, n)}
	add(columnDelete, arrow.Field{Type: arrow.FixedWidthTypes.Boolean}, made[0])
	for word := range p.Words {
		a := wordColumn(p.Missing, word, p.Words, n)
		made = append(made, a)
		add(missing(word), arrow.Field{Type: arrow.PrimitiveTypes.Uint64}, a)
	}
	record := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(n))
	for _, a := range made {
		a.Release()
	}
	return record
}

func bitColumn(bits batch.Bits, n int) arrow.Array {
	raw := make([]byte, (n+7)>>3)
	copy(raw, bits)
	data := array.NewData(arrow.FixedWidthTypes.Boolean, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.NewBooleanData(data)
}

func wordColumn(words []uint64, word, step, n int) arrow.Array {
	raw := make([]byte, 0, 8*n)
	for i := range n {
		raw = binary.LittleEndian.AppendUint64(raw, words[i*step+word])
	}
	data := array.NewData(arrow.PrimitiveTypes.Uint64, n, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0)
	defer data.Release()
	return array.NewUint64Data(data)
}
