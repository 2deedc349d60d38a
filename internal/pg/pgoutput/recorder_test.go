package pgoutput_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgtest"
)

// recorded is a message as a server sent it.
type recorded struct {
	data     []byte
	inStream bool
}

// recorder reads a slot while it fills, as the program does: what is sent in
// progress depends on what was known when it was sent.
type recorder struct {
	t      *testing.T
	db     *pgtest.DB
	second *pgx.Conn // for steps of the second session
	ticker *pgx.Conn
	conn   *pgconn.PgConn
	block  bool
}

// patience bounds the wait for a server that says nothing.
const patience = time.Minute

// play runs the chapters of a page and returns what the server sends about each
// under these options and settings.
func play(t *testing.T, db *pgtest.DB, p *page, options string, settings ...string) [][]recorded {
	t.Helper()
	db.Exec("create table tick (n int)")
	for _, sql := range p.prepare {
		db.Exec(sql)
	}
	r := &recorder{t: t, db: db, second: db.Connect(), ticker: db.Connect()}
	r.start(options, settings)
	var all [][]recorded
	for _, c := range p.chapters {
		var said []recorded
		for _, s := range c.steps {
			r.run(s)
			said = append(said, r.read(r.tick())...)
		}
		all = append(all, said)
	}
	return all
}

// start starts a stream of the publication p from a new slot.
func (r *recorder) start(options string, settings []string) {
	r.t.Helper()
	slot := "slot_" + r.db.Name()
	r.db.Exec("select pg_create_logical_replication_slot($1, 'pgoutput')", slot)
	url := append([]string{r.db.URL(), "replication=database"}, settings...)
	conn, err := pgconn.Connect(r.t.Context(), strings.Join(url, "&"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if err := conn.Conn().SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	r.conn = conn
	sql := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (publication_names 'p', %s)", pg.Quote(slot), options)
	r.conn.Frontend().SendQuery(&pgproto3.Query{String: sql})
	if err := r.conn.Frontend().Flush(); err != nil {
		r.t.Fatal(err)
	}
	for {
		if _, started := r.receive().(*pgproto3.CopyBothResponse); started {
			return
		}
	}
}

func (r *recorder) run(s step) {
	r.t.Helper()
	if !s.second {
		r.db.Exec(s.sql)
		return
	}
	if _, err := r.second.Exec(r.t.Context(), s.sql); err != nil {
		r.t.Fatalf("%s: %v", s.sql, err)
	}
}

// tick commits something that is not published, so that all that was written
// before, also by transactions in progress, is on disk and can be sent. It
// returns the position that must be reached.
func (r *recorder) tick() pg.LSN {
	r.t.Helper()
	if _, err := r.ticker.Exec(r.t.Context(), "insert into tick values (1)"); err != nil {
		r.t.Fatal(err)
	}
	var text string
	if err := r.ticker.QueryRow(r.t.Context(), "select pg_current_wal_flush_lsn()::text").Scan(&text); err != nil {
		r.t.Fatal(err)
	}
	lsn, err := pg.ParseLSN(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return lsn
}

// read reads until all up to lsn has been sent. Servers before 15 send the tick, if
// empty, and it ends there. Others say so by a keepalive, which they send whenever
// they have nothing more, as long as nothing is confirmed.
func (r *recorder) read(lsn pg.LSN) []recorded {
	r.t.Helper()
	done := make(chan struct{})
	var nudging sync.WaitGroup
	nudging.Go(func() { r.nudge(done) })
	defer nudging.Wait()
	defer close(done)
	var said []recorded
	for {
		frame, ok := r.receive().(*pgproto3.CopyData)
		if !ok {
			continue
		}
		if frame.Data[0] == 'w' {
			said = append(said, r.note(bytes.Clone(frame.Data[25:])))
		}
		if pg.LSN(binary.BigEndian.Uint64(frame.Data[1:])) >= lsn {
			return said
		}
	}
}

// nudge says at intervals that we are alive, and confirms nothing. Servers before
// 13 send no second keepalive before they have heard that, and a walsender from 16
// on may sleep through a flush of WAL until somebody speaks to it. Not every
// keepalive is answered: each answer brings another, and those add up to more than
// the sockets hold.
func (r *recorder) nudge(done <-chan struct{}) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	status, err := (&pgproto3.CopyData{Data: append([]byte{'r'}, make([]byte, 8+8+8+8+1)...)}).Encode(nil)
	for err == nil {
		select {
		case <-done:
			return
		case <-ticker.C:
			_, err = r.conn.Conn().Write(status)
		}
	}
	r.t.Error(err)
}

// note tells whether a message stands inside a stream block.
func (r *recorder) note(data []byte) recorded {
	switch {
	case len(data) == 0: // see TestOriginWithoutName
	case data[0] == 'S':
		r.block = true
		return recorded{data, false}
	case data[0] == 'E':
		r.block = false
	}
	return recorded{data, r.block}
}

func (r *recorder) receive() pgproto3.BackendMessage {
	r.t.Helper()
	message, err := r.conn.Frontend().Receive()
	if err != nil {
		r.t.Fatal(err)
	}
	if e, failed := message.(*pgproto3.ErrorResponse); failed {
		r.t.Fatal(pgconn.ErrorResponseToPgError(e))
	}
	return message
}
