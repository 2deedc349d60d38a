package pgoutput_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
)

// example is a message and what it says.
type example struct {
	name string
	wire wire
	want pgoutput.Message
}

const (
	commitLSN = 0x1_6B374D848
	endLSN    = 0x1_6B374D878
	// noonEpoch is 2024-02-29 12:00:00 UTC in microseconds since 2000-01-01.
	noonEpoch = 762_523_200_000_000
	noon      = pg.Micros(1_709_208_000_000_000)
)

// transactions are the messages around changes.
var transactions = []example{
	{
		"begin", msg('B').u64(commitLSN).u64(noonEpoch).u32(740),
		pgoutput.Message{Kind: 'B', XID: 740, CommitLSN: commitLSN, CommitTime: noon},
	},
	{
		"commit", msg('C').u8(0).u64(commitLSN).u64(endLSN).u64(noonEpoch),
		pgoutput.Message{Kind: 'C', CommitLSN: commitLSN, EndLSN: endLSN, CommitTime: noon},
	},
	{"origin", msg('O').u64(0xABC).str("upstream"), pgoutput.Message{Kind: 'O'}},
	{"origin, empty", msg('O').u64(0).str(""), pgoutput.Message{Kind: 'O'}},
	{"stream start, first", msg('S').u32(740).u8(1), pgoutput.Message{Kind: 'S', XID: 740, First: true}},
	{"stream start, later", msg('S').u32(740).u8(0), pgoutput.Message{Kind: 'S', XID: 740}},
	{"stream stop", msg('E'), pgoutput.Message{Kind: 'E'}},
	{
		"stream commit", msg('c').u32(740).u8(0).u64(commitLSN).u64(endLSN).u64(noonEpoch),
		pgoutput.Message{Kind: 'c', XID: 740, CommitLSN: commitLSN, EndLSN: endLSN, CommitTime: noon},
	},
	{"stream abort of a savepoint", msg('A').u32(740).u32(742), pgoutput.Message{Kind: 'A', XID: 740, SubXID: 742}},
	{"stream abort, whole", msg('A').u32(740).u32(740), pgoutput.Message{Kind: 'A', XID: 740, SubXID: 740}},
}

// relations are the messages that describe.
var relations = []example{
	{
		"relation",
		msg('R').u32(16384).str("shop").str("orders").u8('d').u16(2).
			u8(1).str("id").u32(23).u32(0xFFFFFFFF).
			u8(0).str("price").u32(1700).u32(655366),
		pgoutput.Message{Kind: 'R', Relation: &pgoutput.Relation{
			ID: 16384, Name: pg.Name{Schema: "shop", Name: "orders"}, ReplicaIdentity: 'd',
			Columns: []pgoutput.RelationColumn{
				{Key: true, Name: "id", Type: 23, Mod: -1}, {Name: "price", Type: 1700, Mod: 655366},
			},
		}},
	},
	{
		"relation of pg_catalog", msg('R').u32(1213).str("").str("pg_tablespace").u8('n').u16(1).u8(0).str("oid").u32(26).u32(0xFFFFFFFF),
		pgoutput.Message{Kind: 'R', Relation: &pgoutput.Relation{
			ID: 1213, Name: pg.Name{Schema: "pg_catalog", Name: "pg_tablespace"}, ReplicaIdentity: 'n',
			Columns: []pgoutput.RelationColumn{{Name: "oid", Type: 26, Mod: -1}},
		}},
	},
	{
		"relation without columns", msg('R').u32(4294967295).str("public").str(`"ü`).u8('f').u16(0),
		pgoutput.Message{Kind: 'R', Relation: &pgoutput.Relation{
			ID: 4294967295, Name: pg.Name{Schema: "public", Name: `"ü`}, ReplicaIdentity: 'f',
		}},
	},
	{"type", msg('Y').u32(16500).str("shop").str("state"), pgoutput.Message{Kind: 'Y'}},
	{"type of pg_catalog", msg('Y').u32(16500).str("").str("state"), pgoutput.Message{Kind: 'Y'}},
}

// changes are the messages about rows, tables and whatever an application says.
var changes = []example{
	{
		"insert", msg('I').u32(16384).u8('N').tuple("1", nil, "", []byte{0, 0, 0, 7}, []byte{}),
		pgoutput.Message{Kind: 'I', RelationID: 16384, New: pgoutput.Tuple{text("1"), null, text(""), raw("\x00\x00\x00\x07"), raw("")}},
	},
	{"insert without columns", msg('I').u32(16384).u8('N').tuple(), pgoutput.Message{Kind: 'I', RelationID: 16384}},
	{
		"update of what is no key", msg('U').u32(16384).u8('N').tuple("1", "pen", unchanged{}),
		pgoutput.Message{Kind: 'U', RelationID: 16384, New: pgoutput.Tuple{text("1"), text("pen"), toasted}},
	},
	{
		"update of the key", msg('U').u32(16384).u8('K').tuple("1", nil).u8('N').tuple("2", unchanged{}),
		pgoutput.Message{
			Kind: 'U', RelationID: 16384,
			Old: pgoutput.Tuple{text("1"), null}, New: pgoutput.Tuple{text("2"), toasted},
		},
	},
	{
		"update, identity full", msg('U').u32(16384).u8('O').tuple("1", "long").u8('N').tuple("1", unchanged{}),
		pgoutput.Message{
			Kind: 'U', RelationID: 16384, OldIsFull: true,
			Old: pgoutput.Tuple{text("1"), text("long")}, New: pgoutput.Tuple{text("1"), toasted},
		},
	},
	{
		"delete by key", msg('D').u32(16384).u8('K').tuple("1", nil),
		pgoutput.Message{Kind: 'D', RelationID: 16384, Old: pgoutput.Tuple{text("1"), null}},
	},
	{
		"delete, identity full", msg('D').u32(16384).u8('O').tuple("1", "pen"),
		pgoutput.Message{Kind: 'D', RelationID: 16384, OldIsFull: true, Old: pgoutput.Tuple{text("1"), text("pen")}},
	},
	{"truncate", msg('T').u32(1).u8(0).u32(16384), pgoutput.Message{Kind: 'T', Truncated: []uint32{16384}}},
	{
		"truncate of two, cascade", msg('T').u32(2).u8(1).u32(16384).u32(16390),
		pgoutput.Message{Kind: 'T', Truncated: []uint32{16384, 16390}, Cascade: true},
	},
	{
		"truncate, restart identity", msg('T').u32(1).u8(2).u32(16384),
		pgoutput.Message{Kind: 'T', Truncated: []uint32{16384}, RestartIdentity: true},
	},
	{
		"truncate with both", msg('T').u32(1).u8(3).u32(16384),
		pgoutput.Message{Kind: 'T', Truncated: []uint32{16384}, Cascade: true, RestartIdentity: true},
	},
	{
		"message in a transaction", msg('M').u8(1).u64(commitLSN).str("app").u32(2).raw("\x00x"),
		pgoutput.Message{Kind: 'M', Transactional: true, CommitLSN: commitLSN, Prefix: []byte("app"), Content: []byte("\x00x")},
	},
	{
		"message of its own", msg('M').u8(0).u64(commitLSN).str("").u32(0),
		pgoutput.Message{Kind: 'M', CommitLSN: commitLSN},
	},
}

var (
	null    = pgoutput.Column{Kind: 'n'}
	toasted = pgoutput.Column{Kind: 'u'}
)

func text(s string) pgoutput.Column { return pgoutput.Column{Kind: 't', Data: []byte(s)} }

func raw(s string) pgoutput.Column { return pgoutput.Column{Kind: 'b', Data: []byte(s)} }

// placed is an example where it may stand: outside a stream block or inside.
type placed struct {
	example
	inStream bool
}

func examples() []placed {
	var all []placed
	for _, table := range [][]example{transactions, relations, changes} {
		for _, e := range table {
			all = append(all, placed{e, false})
			if carriesXID(e.want.Kind) {
				e.name += ", in a block"
				e.wire = e.wire.inBlock(742)
				e.want.XID = 742
			}
			all = append(all, placed{e, true})
		}
	}
	return all
}

func decode(t *testing.T, data []byte, inStream bool, m *pgoutput.Message) pgoutput.Message {
	t.Helper()
	if err := pgoutput.Decode(data, inStream, m); err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	return counting(m, inStream)
}

func TestDecode(t *testing.T) {
	for _, e := range examples() {
		var m pgoutput.Message
		got := decode(t, e.wire, e.inStream, &m)
		if diff := cmp.Diff(e.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.name, diff)
		}
	}
}

// TestReuse: what an earlier message left behind does not show in a later one.
func TestReuse(t *testing.T) {
	for _, before := range examples() {
		for _, e := range examples() {
			var m pgoutput.Message
			decode(t, before.wire, before.inStream, &m)
			got := decode(t, e.wire, e.inStream, &m)
			if diff := cmp.Diff(e.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s after %s (-want +got):\n%s", e.name, before.name, diff)
			}
		}
	}
}

// TestCutAnywhere: a message that ends early or late is an error that names it.
func TestCutAnywhere(t *testing.T) {
	for _, e := range examples() {
		for n := range e.wire {
			if n == 0 && !e.inStream {
				continue // see TestEmpty
			}
			refuse(t, fmt.Sprintf("%s, cut to %d bytes", e.name, n), e.wire[:n:n], e.inStream)
		}
		for _, trailing := range []byte{0, 'N', 'n', 0xFF} {
			refuse(t, fmt.Sprintf("%s, followed by %#x", e.name, trailing), e.wire.u8(trailing), e.inStream)
		}
	}
}

// TestEmpty: outside blocks an empty message is an origin without a name.
func TestEmpty(t *testing.T) {
	m := pgoutput.Message{Kind: 'I'}
	if got := decode(t, nil, false, &m); got.Kind != pgoutput.KindOrigin {
		t.Errorf("it is a %v", got.Kind)
	}
	refuse(t, "nothing in a block", nil, true)
}

func refuse(t *testing.T, what string, data []byte, inStream bool) {
	t.Helper()
	var m pgoutput.Message
	err := pgoutput.Decode(data, inStream, &m)
	if !errors.Is(err, pgoutput.ErrTruncated) {
		t.Errorf("%s: the error is %v", what, err)
	}
	if len(data) > 0 && err != nil && !strings.HasPrefix(err.Error(), pgoutput.Kind(data[0]).String()) {
		t.Errorf("%s: the error does not name the message: %v", what, err)
	}
}

func TestMalformed(t *testing.T) {
	row := func(rest string) wire { return msg('I').u32(16384).raw("N\x00\x01" + rest) }
	for name, data := range map[string]wire{
		"insert of an old row":               msg('I').u32(16384).u8('K').tuple("1"),
		"update of an unknown row":           msg('U').u32(16384).u8('X').tuple("1"),
		"update whose old row has no new":    msg('U').u32(16384).u8('K').tuple("1").u8('K').tuple("1"),
		"update with two old rows":           msg('U').u32(16384).u8('O').tuple("1").u8('O').tuple("1").u8('N').tuple("1"),
		"delete of a new row":                msg('D').u32(16384).u8('N').tuple("1"),
		"a value of unknown kind":            row("x"),
		"a value of negative length":         row("t\xFF\xFF\xFF\xFF"),
		"a value longer than the message":    row("t\x00\x00\x00\x02a"),
		"a value of the greatest length":     row("b\x7F\xFF\xFF\xFFa"),
		"more columns than the message":      msg('I').u32(16384).raw("N\xFF\xFFn"),
		"more truncated than the message":    msg('T').u32(0xFFFFFFFF).u8(0).u32(16384),
		"more described than the message":    msg('R').u32(1).str("s").str("t").u8('d').u16(0xFFFF).u8(0).str("a").u32(23).u32(0),
		"a content longer than the message":  msg('M').u8(1).u64(1).str("p").u32(0xFFFFFFFF).raw("x"),
		"a name without an end":              msg('R').u32(1).str("s").raw("t"),
		"a transaction number, but no block": msg('I').u32(742).u32(16384).u8('N').tuple("1"),
	} {
		refuse(t, name, data, false)
	}
	refuse(t, "a block, but no transaction number", msg('I').u32(16384).u8('N').tuple("1"), true)
}

// TestUnknownKinds: what we did not ask for is refused, two-phase messages
// included.
func TestUnknownKinds(t *testing.T) {
	known := "BCORYIUDTMSEcA"
	for kind := range 256 {
		if strings.IndexByte(known, byte(kind)) >= 0 {
			continue
		}
		for _, rest := range []string{"", strings.Repeat("\x00", 30)} {
			var m pgoutput.Message
			err := pgoutput.Decode(msg(byte(kind)).raw(rest), false, &m)
			if want := fmt.Sprintf("message of unknown %+q kind", []byte{byte(kind)}); err == nil || err.Error() != want {
				t.Errorf("kind %q: got %v, want %s", byte(kind), err, want)
			}
		}
	}
}

// TestAliases: tuples, prefix and content are parts of the input that cannot
// grow into what follows; a Relation is not.
func TestAliases(t *testing.T) {
	for _, e := range examples() {
		data := bytes.Clone(e.wire)
		var m pgoutput.Message
		decode(t, data, e.inStream, &m)
		relation := m.Relation
		for name, part := range parts(&m) {
			if cap(part) != len(part) || !within(part, data) {
				t.Errorf("%s: %s is not a closed part of the input", e.name, name)
			}
		}
		for i := range data {
			data[i] = 0xFF
		}
		if diff := cmp.Diff(e.want.Relation, relation, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s changes with the input (-want +got):\n%s", e.name, diff)
		}
	}
}
