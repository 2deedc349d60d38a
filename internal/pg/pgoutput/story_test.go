package pgoutput_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgtest"
)

// teller tells what was decoded as a story. What differs from run to run has
// names in it, given in the order of appearance: transactions T1, T2, positions
// L1, L2. Where blocks of transactions in progress begin and end depends on the
// server's bookkeeping, so the story joins neighbouring blocks of a transaction,
// and of changes of a kind it tells the first and in the end the number.
type teller struct {
	t         *testing.T
	db        *pgtest.DB
	relations map[uint32]*pgoutput.Relation
	types     map[string]string
	xids      map[uint32]string
	lsns      map[pg.LSN]string

	lines []string
	// begin is a Begin, origin an Origin after it, that are told with what follows:
	// before version 15 a server sends empty transactions for whatever is not
	// published.
	begin  *pgoutput.Message
	origin bool
	last   pg.LSN // of the commit told last

	block      uint32                 // the transaction whose blocks are told, 0 for none
	introduced map[introducing]string // tables introduced in blocks
	sorts      []sort
	before     *sort // what the last line is about
}

// introducing is a table in blocks of a transaction.
type introducing struct{ top, relation uint32 }

// sort is changes of one kind to one table in blocks of a transaction.
type sort struct {
	top, xid uint32
	what     string
	count    int
}

func newTeller(t *testing.T, db *pgtest.DB) *teller {
	return &teller{
		t: t, db: db, relations: map[uint32]*pgoutput.Relation{}, types: map[string]string{},
		xids: map[uint32]string{}, lsns: map[pg.LSN]string{}, introduced: map[introducing]string{},
	}
}

// chapter is the story of some messages.
func (s *teller) chapter(said []recorded) string {
	s.t.Helper()
	s.lines = nil
	var m pgoutput.Message
	for _, r := range said {
		if err := pgoutput.Decode(r.data, r.inStream, &m); err != nil {
			s.t.Fatalf("%x: %v", r.data, err)
		}
		s.tell(&m, r.inStream)
	}
	if len(s.lines) == 0 {
		return "  (nothing)\n"
	}
	return "  " + strings.Join(s.lines, "\n  ") + "\n"
}

func (s *teller) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
	s.before = nil
}

func (s *teller) tell(m *pgoutput.Message, inStream bool) {
	s.t.Helper()
	switch {
	case m.Kind == pgoutput.KindBegin:
		begin := *m
		s.begin, s.origin = &begin, false
		return
	case s.begin != nil && m.Kind == pgoutput.KindOrigin:
		s.origin = true
		return
	case s.begin != nil && m.Kind == pgoutput.KindCommit:
		s.begin = nil
		return
	case s.begin != nil:
		s.tellBegin()
	}
	switch m.Kind {
	case pgoutput.KindStreamStart:
		s.start(m)
	case pgoutput.KindStreamStop:
	case pgoutput.KindStreamAbort:
		s.abort(m)
	case pgoutput.KindStreamCommit:
		s.commit(m)
	default:
		s.tellChange(m, inStream)
	}
}

func (s *teller) tellBegin() {
	s.block = 0
	s.say("begin %s, to commit at %s", s.xid(s.begin.XID), s.lsn(s.begin.CommitLSN))
	if s.origin {
		s.say("origin, of which nothing is kept")
	}
	s.begin = nil
}

// start tells of a block, unless it goes on with the one before.
func (s *teller) start(m *pgoutput.Message) {
	s.t.Helper()
	if m.First != (s.xids[m.XID] == "") {
		s.t.Errorf("first block is %v of a transaction called %q", m.First, s.xids[m.XID])
	}
	if s.block != m.XID {
		s.say("in progress %s", s.xid(m.XID))
		s.block = m.XID
	}
}

func (s *teller) abort(m *pgoutput.Message) {
	s.block = 0
	s.forget(m.XID)
	if m.SubXID == m.XID {
		s.say("%s is taken back whole", s.xid(m.XID))
	} else {
		s.say("%s of %s is taken back", s.xid(m.SubXID), s.xid(m.XID))
	}
	s.sorts = slices.DeleteFunc(s.sorts, func(c sort) bool {
		return c.top == m.XID && (c.xid == m.SubXID || m.XID == m.SubXID)
	})
}

// forget forgets what blocks of a transaction have introduced, as the server does
// once it has taken something back.
func (s *teller) forget(top uint32) {
	maps.DeleteFunc(s.introduced, func(i introducing, _ string) bool { return i.top == top })
}

// commit says what of a streamed transaction was not taken back.
func (s *teller) commit(m *pgoutput.Message) {
	s.t.Helper()
	s.block = 0
	s.forget(m.XID)
	s.say("commit %s at %s, ends at %s", s.xid(m.XID), s.lsn(m.CommitLSN), s.lsn(m.EndLSN))
	s.checkCommit(m)
	for _, c := range s.sorts {
		if c.top == m.XID {
			s.say("  in all %s %s: %d", s.xid(c.xid), c.what, c.count)
		}
	}
	s.sorts = slices.DeleteFunc(s.sorts, func(c sort) bool { return c.top == m.XID })
}

func (s *teller) tellChange(m *pgoutput.Message, inStream bool) {
	s.t.Helper()
	what, details := s.change(m)
	switch m.Kind {
	case pgoutput.KindInsert, pgoutput.KindUpdate, pgoutput.KindDelete:
		if inStream {
			s.tellSort(m.XID, what, details)
			return
		}
	case pgoutput.KindRelation:
		key := introducing{s.block, m.Relation.ID}
		if inStream && s.introduced[key] == details {
			return // once changed, a table is introduced in every block
		}
		if inStream {
			s.introduced[key] = details
		}
	}
	if inStream {
		what = "  " + s.xid(m.XID) + " " + what
	} else {
		s.block = 0
	}
	s.say("%s%s", what, details)
}

// tellSort tells of a change in a block: the first of its sort, or that there
// are more.
func (s *teller) tellSort(xid uint32, what, details string) {
	at := slices.IndexFunc(s.sorts, func(c sort) bool { return c.top == s.block && c.xid == xid && c.what == what })
	if at < 0 {
		s.say("  %s %s%s", s.xid(xid), what, details)
		s.before = &sort{s.block, xid, what, 1}
		s.sorts = append(s.sorts, *s.before)
		return
	}
	c := &s.sorts[at]
	c.count++
	switch b := s.before; {
	case b == nil || b.top != c.top || b.xid != c.xid || b.what != c.what:
		s.say("  %s %s: more", s.xid(xid), what)
		s.before = &sort{c.top, c.xid, c.what, 2}
	case b.count == 1:
		s.lines[len(s.lines)-1] += ", and more"
		b.count++
	}
}

// change is what a message does, and to what values.
func (s *teller) change(m *pgoutput.Message) (what, details string) {
	s.t.Helper()
	switch m.Kind {
	case pgoutput.KindCommit:
		s.checkCommit(m)
		return "commit", fmt.Sprintf(" at %s, ends at %s", s.lsn(m.CommitLSN), s.lsn(m.EndLSN))
	case pgoutput.KindRelation:
		s.relations[m.Relation.ID] = m.Relation
		return "relation " + m.Relation.Name.String(), s.relation(m.Relation)
	case pgoutput.KindInsert:
		return "insert " + s.name(m.RelationID), ": " + s.row(m.RelationID, m.New, true)
	case pgoutput.KindUpdate:
		return "update " + s.name(m.RelationID), s.old(m) + ": " + s.row(m.RelationID, m.New, true)
	case pgoutput.KindDelete:
		return "delete " + s.name(m.RelationID), s.old(m)
	case pgoutput.KindTruncate:
		return "truncate", s.truncated(m)
	case pgoutput.KindMessage:
		return fmt.Sprintf("message %q", m.Prefix), s.message(m)
	}
	return strings.ToLower(m.Kind.String()), ", of which nothing is kept"
}

func (s *teller) relation(r *pgoutput.Relation) string {
	var columns []string
	for _, c := range r.Columns {
		key := ""
		if c.Key {
			key = "*"
		}
		columns = append(columns, pg.Ident(c.Name)+key+" "+s.typeName(c.Type, c.Mod))
	}
	return fmt.Sprintf(", identity %c: %s", r.ReplicaIdentity, strings.Join(columns, ", "))
}

// old is the old row, if one was sent.
func (s *teller) old(m *pgoutput.Message) string {
	switch {
	case len(m.Old) == 0:
		return ""
	case m.OldIsFull:
		return ", once " + s.row(m.RelationID, m.Old, true)
	}
	return ", key " + s.row(m.RelationID, m.Old, false)
}

// row prints a row; of a key, which is null elsewhere, only what is not null.
func (s *teller) row(id uint32, t pgoutput.Tuple, whole bool) string {
	s.t.Helper()
	columns := s.relations[id].Columns
	if len(t) != len(columns) {
		s.t.Fatalf("%d values for %d columns of %s", len(t), len(columns), s.name(id))
	}
	var values []string
	for i, c := range t {
		if whole || c.Kind != pgoutput.Null {
			values = append(values, pg.Ident(columns[i].Name)+"="+value(c))
		}
	}
	return strings.Join(values, " ")
}

func value(c pgoutput.Column) string {
	switch c.Kind {
	case pgoutput.Null:
		return "null"
	case pgoutput.Unchanged:
		return "(unchanged)"
	case pgoutput.Binary:
		return fmt.Sprintf(`\x%x`, c.Data)
	}
	if _, err := strconv.ParseFloat(string(c.Data), 64); err == nil {
		return string(c.Data)
	}
	const long = 40
	if len(c.Data) > long {
		return fmt.Sprintf("'%s…' (%d bytes)", c.Data[:8], len(c.Data))
	}
	return "'" + string(c.Data) + "'"
}

func (s *teller) truncated(m *pgoutput.Message) string {
	var names []string
	for _, id := range m.Truncated {
		names = append(names, s.name(id))
	}
	text := " " + strings.Join(names, ", ")
	if m.RestartIdentity {
		text += ", restart identity"
	}
	if m.Cascade {
		text += ", cascade"
	}
	return text
}

func (s *teller) message(m *pgoutput.Message) string {
	own := " of its own"
	if m.Transactional {
		own = ""
	}
	return fmt.Sprintf("%s at %s: %q", own, s.lsn(m.CommitLSN), m.Content)
}

// checkCommit checks what the story only gives names to.
func (s *teller) checkCommit(m *pgoutput.Message) {
	s.t.Helper()
	if m.CommitLSN <= s.last || m.EndLSN <= m.CommitLSN {
		s.t.Errorf("a commit at %v to %v after one at %v", m.CommitLSN, m.EndLSN, s.last)
	}
	s.last = m.CommitLSN
	if at := m.CommitTime.Time(); time.Since(at).Abs() > time.Hour {
		s.t.Errorf("a commit at %v", at)
	}
}

func (s *teller) name(relation uint32) string {
	s.t.Helper()
	r := s.relations[relation]
	if r == nil {
		s.t.Fatalf("relation %d was not introduced", relation)
	}
	return r.Name.String()
}

func (s *teller) typeName(oid uint32, mod int32) string {
	key := fmt.Sprint(oid, mod)
	if s.types[key] == "" {
		s.types[key] = s.db.Value("select format_type($1, $2)", oid, mod)
	}
	return s.types[key]
}

func (s *teller) xid(xid uint32) string { return named(s.xids, xid, "T") }

func (s *teller) lsn(lsn pg.LSN) string { return named(s.lsns, lsn, "L") }

func named[K comparable](names map[K]string, key K, letter string) string {
	if names[key] == "" {
		names[key] = fmt.Sprint(letter, len(names)+1)
	}
	return names[key]
}
