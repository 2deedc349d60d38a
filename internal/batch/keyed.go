package batch

import (
	"errors"
	"fmt"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// event is what a change says beside its values.
type event struct {
	received, committed pg.Micros
	lsn                 pg.LSN
	sequence            int64
}

// keyed collects the changes of a table whose rows have a key: the last image of
// each key.
type keyed struct {
	rows *rows
	// index numbers the keys; images has the state of each.
	index  keyIndex
	images []image
	// Per row of rows: whether a later image replaced it, whether the destination
	// has no unmarked row of its key, and what is missing in it (an index into
	// gaps, or -1).
	dead  Bits
	fresh Bits
	gap   []int32

	gaps []gap
	// missing has words 64-bit words per gap: the data columns to be filled in.
	missing []uint64
	words   int
	// bases are the keys under which missing values stand.
	bases   *keys
	deletes *keys

	// archive says that rows which left the source may stand unmarked, so that an
	// insert does not prove that its key is free.
	archive bool

	dropped int // dead rows
	marks   int
	partial *partialRows
	key     []byte
	list    []int32
	events  int
}

// image is the state of a key: its current row, or -1 once it was deleted, and
// whether its first change says that no unmarked row of it was there before.
type image struct {
	row   int32
	fresh bool
}

// gap says what is missing in a row: the row of bases that has its base key, and
// whether the row is here only because of a delete.
type gap struct {
	base    int32
	deleted bool
}

func newKeyed(table *schema.Table) *keyed {
	r := newRows(table)
	return &keyed{
		rows: r, words: (len(r.data) + 63) / 64, bases: newKeys(table), deletes: newKeys(table),
		archive: table.OnDelete == schema.Ignore || table.OnTruncate == schema.Ignore,
	}
}

func (k *keyed) table() *schema.Table { return k.rows.table }

func (k *keyed) size() int { return k.rows.size() + len(k.index.arena) + 16*len(k.images) }

func (k *keyed) reset() {
	k.rows.reset()
	k.index.reset()
	k.bases.reset()
	k.deletes.reset()
	k.images, k.gap, k.gaps, k.missing = k.images[:0], k.gap[:0], k.gaps[:0], k.missing[:0]
	clear(k.dead)
	clear(k.fresh)
	k.dropped, k.marks, k.events = 0, 0, 0
	if k.partial != nil {
		k.partial.reset()
	}
}

// find numbers the key of a tuple, without creating state for it.
func (k *keyed) find(r *Route, t pgoutput.Tuple) (number int) {
	k.key = appendKey(k.key[:0], t, r.key)
	number, found := k.index.lookup(k.key)
	if !found {
		k.images = append(k.images, image{row: -1})
	}
	return number
}

// put makes row the image of a key.
func (k *keyed) put(number int, row int) {
	if old := k.images[number].row; old >= 0 {
		k.bury(int(old))
	}
	k.images[number].row = int32(row)
	k.fresh.Set(row, k.images[number].fresh)
}

func (k *keyed) bury(row int) {
	if !k.dead.At(row) {
		k.dead.Set(row, true)
		k.dropped++
	}
}

func (k *keyed) insert(r *Route, e event, t pgoutput.Tuple) error {
	k.events++
	known := len(k.images)
	number := k.find(r, t)
	if number == known {
		k.images[number].fresh = !k.archive // its first event: no live row can stand there
	}
	row := k.rows.len()
	for i, from := range r.from {
		if err := k.appendNew(r, i, from, t); err != nil {
			return err
		}
	}
	k.finish(e, false, -1)
	k.put(number, row)
	return nil
}

// appendNew adds data column i of a row whose values were all sent.
func (k *keyed) appendNew(r *Route, i, from int, t pgoutput.Tuple) error {
	if from < 0 {
		return k.appendMissing(r, i)
	}
	switch t[from].Kind {
	case pgoutput.Text:
		return k.rows.appendText(i, t[from].Data)
	case pgoutput.Null:
		k.rows.data[i].AppendNull()
		return nil
	}
	return fmt.Errorf("%v: a value of kind %q in a complete row", k.table().Object, t[from].Kind)
}

// appendMissing adds the value that data column i has in rows older than the
// column.
func (k *keyed) appendMissing(r *Route, i int) error {
	if r.missing[i] == nil {
		k.rows.data[i].AppendNull()
		return nil
	}
	return k.rows.appendText(i, r.missing[i])
}

// finish ends a row; gap is its index in gaps, or -1.
func (k *keyed) finish(e event, marked bool, gap int) {
	k.rows.finish(e.received, e.committed, marked)
	k.gap = append(k.gap, int32(gap))
}

func (k *keyed) update(r *Route, e event, m *pgoutput.Message) error {
	k.events++
	if err := fillKey(r, m); err != nil {
		return err
	}
	before := m.New
	moved := false
	if len(m.Old) > 0 {
		moved = !sameKey(r.key, m.Old, m.New)
		if moved {
			before = m.Old
		}
	}
	source := k.find(r, before)
	target := source
	if moved {
		known := len(k.images)
		target = k.find(r, m.New)
		if target == known {
			k.images[target].fresh = !k.archive // unique: nothing live can stand there yet
		}
	}
	row := k.rows.len()
	gap, err := k.appendUpdated(r, m, before, int(k.images[source].row))
	if err != nil {
		return err
	}
	k.finish(e, false, gap)
	if moved {
		if err := k.leave(r, e, m.Old, m.OldIsFull, source); err != nil {
			return err
		}
	}
	k.put(target, row)
	return nil
}

// fillKey takes key values that the update did not touch, and that are stored
// out of line, from the old row, which the server sends in that case.
func fillKey(r *Route, m *pgoutput.Message) error {
	for _, i := range r.key {
		if m.New[i].Kind != pgoutput.Unchanged {
			continue
		}
		if len(m.Old) == 0 || m.Old[i].Kind != pgoutput.Text {
			return fmt.Errorf("%v: an update without the value of its key", r.Table.Object)
		}
		m.New[i] = m.Old[i]
	}
	return nil
}

func sameKey(key []int, a, b pgoutput.Tuple) bool {
	for _, i := range key {
		if string(a[i].Data) != string(b[i].Data) {
			return false
		}
	}
	return true
}

// appendUpdated adds the data columns of an updated row. Values that were not
// sent come from the full old row, else from the row that was the image of the
// key before, else they are missing; the return value says which are.
func (k *keyed) appendUpdated(r *Route, m *pgoutput.Message, before pgoutput.Tuple, prior int) (gapIndex int, err error) {
	gapIndex = -1
	for i, from := range r.from {
		if from >= 0 && m.New[from].Kind == pgoutput.Unchanged && m.OldIsFull {
			m.New[from] = m.Old[from]
		}
		if from < 0 || m.New[from].Kind != pgoutput.Unchanged {
			if err := k.appendNew(r, i, from, m.New); err != nil {
				return -1, err
			}
			continue
		}
		if prior >= 0 && !k.isMissing(prior, i) {
			k.rows.copyValue(i, prior)
			continue
		}
		if gapIndex < 0 {
			if gapIndex, err = k.openGap(r, before, prior); err != nil {
				return -1, err
			}
		}
		k.setMissing(gapIndex, i)
		k.rows.data[i].AppendNull()
	}
	return gapIndex, nil
}

// isMissing reports whether data column i of a row is yet to be filled in.
func (k *keyed) isMissing(row, i int) bool {
	g := k.gap[row]
	return g >= 0 && k.missing[int(g)*k.words+i>>6]&(1<<(i&63)) != 0
}

func (k *keyed) setMissing(gap, i int) {
	k.missing[gap*k.words+i>>6] |= 1 << (i & 63)
}

// openGap begins a list of missing columns for the row under way. Its base is
// that of the prior image, if that one has a gap itself, else the key it has
// in the destination.
func (k *keyed) openGap(r *Route, base pgoutput.Tuple, prior int) (int, error) {
	at := int32(k.bases.len())
	if prior >= 0 && k.gap[prior] >= 0 {
		at = k.gaps[k.gap[prior]].base
	} else if err := appendKeyValues(k.table(), k.bases, r, base); err != nil {
		return -1, err
	}
	k.gaps = append(k.gaps, gap{base: at})
	for range k.words {
		k.missing = append(k.missing, 0)
	}
	return len(k.gaps) - 1, nil
}

func appendKeyValues(table *schema.Table, to *keys, r *Route, t pgoutput.Tuple) error {
	for i, from := range r.key {
		if err := to.columns[i].AppendText(t[from].Data); err != nil {
			column := table.Columns[table.Key[i]].Name
			if errors.Is(err, pgvalue.ErrCannotHold) {
				return &KeyError{Object: table.Object, Column: column, Text: pgvalue.SideText(t[from].Data)}
			}
			return fmt.Errorf("%v: key column %q: %w", table.Object, column, err)
		}
	}
	return nil
}

func (k *keyed) delete(r *Route, e event, m *pgoutput.Message) error {
	k.events++
	return k.leave(r, e, m.Old, m.OldIsFull, k.find(r, m.Old))
}

// leave treats a key whose row is gone from the source.
func (k *keyed) leave(r *Route, e event, old pgoutput.Tuple, full bool, number int) error {
	switch k.table().OnDelete {
	case schema.Ignore:
		return nil
	case schema.Delete:
		if row := k.images[number].row; row >= 0 {
			k.bury(int(row))
		}
		k.images[number].row = -1
		// Even a fresh key goes into the deletes: a truncate, or a treatment that the
		// file asked for before, may have left a marked row of it.
		return appendKeyValues(k.table(), k.deletes, r, old)
	}
	return k.mark(r, e, old, full, number)
}

// mark keeps the last image of a key and marks it. Where the part has no image,
// all but the key is filled in from the destination.
func (k *keyed) mark(r *Route, e event, old pgoutput.Tuple, full bool, number int) error {
	k.marks++
	if row := int(k.images[number].row); row >= 0 {
		k.rows.marked.Set(row, true)
		k.rows.ingested.Set(row, int64(e.received))
		k.rows.modified.Set(row, int64(e.committed))
		return nil
	}
	row := k.rows.len()
	gapIndex := -1
	for i, from := range r.from {
		switch {
		case full || from >= 0 && k.table().IsKey(k.rows.staged[i]):
			if err := k.appendNew(r, i, from, old); err != nil {
				return err
			}
			continue
		case gapIndex < 0:
			var err error
			if gapIndex, err = k.openGap(r, old, -1); err != nil {
				return err
			}
			k.gaps[gapIndex].deleted = true
		}
		k.setMissing(gapIndex, i)
		k.rows.data[i].AppendNull()
	}
	k.finish(e, true, gapIndex)
	k.put(number, row)
	return nil
}
