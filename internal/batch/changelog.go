package batch

import (
	"encoding/json"
	"strconv"

	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/schema"
)

// changeLog collects the changes of an append table: every one is a row, with
// what happened and where in the stream.
type changeLog struct {
	rows   *rows
	number []byte
	events int
}

// Operations of an append table. Rows of the historical load are reads.
const (
	opInsert   = "I"
	opUpdate   = "U"
	opDelete   = "D"
	opTruncate = "T"
	opRead     = "R"
)

func newChangeLog(table *schema.Table) *changeLog { return &changeLog{rows: newRows(table)} }

func (l *changeLog) table() *schema.Table { return l.rows.table }
func (l *changeLog) size() int            { return l.rows.size() }

func (l *changeLog) reset() {
	l.rows.reset()
	l.events = 0
}

func (l *changeLog) insert(r *Route, e event, t pgoutput.Tuple) error {
	l.events++
	return l.add(r, e, t, opInsert)
}

// update adds the new row; one that moves to another key is the delete of the
// old key before, which counts as a change of its own.
func (l *changeLog) update(r *Route, e event, m *pgoutput.Message) error {
	l.events++
	moved := movedKey(m)
	for i := range m.New {
		if m.New[i].Kind == pgoutput.Unchanged && len(m.Old) > 0 && (m.OldIsFull || m.Old[i].Kind == pgoutput.Text) {
			m.New[i] = m.Old[i]
		}
	}
	if !moved {
		return l.add(r, e, m.New, opUpdate)
	}
	if err := l.add(r, e, m.Old, opDelete); err != nil {
		return err
	}
	e.sequence++
	return l.add(r, e, m.New, opInsert)
}

// movedKey reports whether an update changed the key. The server sends the old
// key alone if it did, but also if the key is stored out of line, and then leaves
// it out of the new row.
func movedKey(m *pgoutput.Message) bool {
	if m.OldIsFull {
		return false
	}
	for i := range m.Old {
		if m.Old[i].Kind == pgoutput.Text && m.New[i].Kind != pgoutput.Unchanged && string(m.Old[i].Data) != string(m.New[i].Data) {
			return true
		}
	}
	return false
}

func (l *changeLog) delete(r *Route, e event, m *pgoutput.Message) error {
	l.events++
	if l.table().OnDelete == schema.Ignore {
		return nil
	}
	return l.add(r, e, m.Old, opDelete)
}

// truncate adds the row that stands for a truncate.
func (l *changeLog) truncate(e event) error {
	if l.table().OnTruncate == schema.Ignore {
		return nil
	}
	for _, c := range l.rows.data {
		c.AppendNull()
	}
	return l.finish(e, opTruncate, nil)
}

func (l *changeLog) add(r *Route, e event, t pgoutput.Tuple, op string) error {
	var unchanged []string
	for i, from := range r.from {
		switch {
		case from < 0 && r.missing[i] != nil:
			if err := l.rows.appendText(i, r.missing[i]); err != nil {
				return err
			}
		case from < 0 || t[from].Kind == pgoutput.Null:
			l.rows.data[i].AppendNull()
		case t[from].Kind == pgoutput.Unchanged:
			unchanged = append(unchanged, l.table().Columns[l.rows.staged[i]].Name)
			l.rows.data[i].AppendNull()
		default:
			if err := l.rows.appendText(i, t[from].Data); err != nil {
				return err
			}
		}
	}
	return l.finish(e, op, unchanged)
}

func (l *changeLog) finish(e event, op string, unchanged []string) error {
	c := l.rows.change
	if err := c.operation.AppendText([]byte(op)); err != nil {
		return err
	}
	l.number = strconv.AppendUint(l.number[:0], uint64(e.lsn), 10)
	if err := c.lsn.AppendText(l.number); err != nil {
		return err
	}
	l.number = strconv.AppendInt(l.number[:0], e.sequence, 10)
	if err := c.sequence.AppendText(l.number); err != nil {
		return err
	}
	if unchanged == nil {
		c.unchanged.AppendNull()
	} else {
		list, err := json.Marshal(unchanged)
		if err != nil {
			return err
		}
		if err := c.unchanged.AppendText(list); err != nil {
			return err
		}
	}
	l.rows.finish(e.received, e.committed, false)
	return nil
}

func (l *changeLog) seal() *Changes {
	return &Changes{Table: l.table(), Rows: l.rows.record(), Overflow: l.rows.overflow, Events: l.events}
}
