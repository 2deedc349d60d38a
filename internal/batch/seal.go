package batch

import (
	"slices"

	"trunkline/internal/schema"
)

// partialRows are the rows of a part that lack values, taken out of the others.
type partialRows struct {
	rows    *rows
	base    *keys
	missing []uint64
	deletes Bits
}

func (p *partialRows) reset() {
	p.rows.reset()
	p.base.reset()
	p.missing = p.missing[:0]
	clear(p.deletes)
}

// seal ends the collection: what is superseded goes, what lacks values is set
// apart. The result aliases k until k.reset.
func (k *keyed) seal() *Changes {
	c := &Changes{Table: k.table(), Deletes: k.deletes.record(), Marks: k.marks, Events: k.events}
	if k.dropped > 0 || len(k.gaps) > 0 {
		k.split()
	}
	c.Rows = k.rows.record()
	c.Fresh = k.fresh
	c.Overflow = k.rows.overflow
	if k.partial != nil && k.partial.rows.len() > 0 {
		c.Partial = &Partial{
			Rows: k.partial.rows.record(), Base: k.partial.base.record(),
			Missing: k.partial.missing, Words: k.words, Deletes: k.partial.deletes,
		}
		for _, o := range k.partial.rows.overflow {
			o.Partial = true
			c.Overflow = append(c.Overflow, o)
		}
	}
	return c
}

// split keeps the complete rows that are alive and moves the others that are
// alive to k.partial.
func (k *keyed) split() {
	k.list = k.list[:0]
	for row := range k.rows.len() {
		switch {
		case k.dead.At(row):
		case k.gap[row] >= 0:
			k.movePartial(row)
		default:
			fresh := k.fresh.At(row)
			k.fresh.Set(len(k.list), fresh)
			k.list = append(k.list, int32(row))
		}
	}
	k.rows.keep(k.list, func(row int) int {
		n, found := slices.BinarySearch(k.list, int32(row))
		if !found {
			return -1
		}
		return n
	})
}

func (k *keyed) movePartial(row int) {
	if k.partial == nil {
		k.partial = &partialRows{rows: newRows(k.table()), base: newKeys(k.table())}
	}
	p, g := k.partial, k.gaps[k.gap[row]]
	to := p.rows.len()
	for i, c := range p.rows.columns {
		if text, ok := k.rows.overflowAt[cell{row, k.rows.staged[i]}]; ok {
			p.rows.addOverflow(to, k.rows.staged[i], text)
		}
		c.AppendRow(k.rows.columns[i], row)
	}
	for i, c := range p.base.columns {
		c.AppendRow(k.bases.columns[i], int(g.base))
	}
	from := int(k.gap[row]) * k.words
	p.missing = append(p.missing, k.missing[from:from+k.words]...)
	p.deletes.Set(to, g.deleted)
}

// newStage makes the collection that suits a table.
func newStage(table *schema.Table) stage {
	switch {
	case table.Mode == schema.Append:
		return newChangeLog(table)
	case table.Identity == schema.ByKey:
		return newKeyed(table)
	}
	return newMultiset(table)
}
