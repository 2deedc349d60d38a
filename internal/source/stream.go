package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
)

// StreamOptions say what to stream and from where.
type StreamOptions struct {
	Slot         string
	Publications []string
	Start        pg.LSN
	// Scratch is the folder for transactions in progress.
	Scratch string
	// InOrder asks for transactions only once they are complete, even of servers
	// that can send them earlier.
	InOrder bool
}

// Signal says what Stream.Next has found.
type Signal uint8

// Change is a message of a transaction, in commit order: Begin, then Relation,
// Insert, Update, Delete, Truncate and Message as they come, then Commit; those
// of transactions that were sent in progress included. Progress says that
// the server has nothing to send up to Stream.ServerEnd. Waited says that the
// time is up.
const (
	Change Signal = iota
	Progress
	Waited
)

// Stream is the stream of changes from a slot. Next is used by one goroutine,
// Confirm by any.
//
// One goroutine alone writes to the connection, by a timer and whenever the
// server asks, so that the server hears from us whatever the destination does.
type Stream struct {
	conn     *pgconn.PgConn
	frontend *pgproto3.Frontend
	socket   net.Conn
	log      *slog.Logger

	spools *spools
	replay *replay
	// inStream is the transaction whose block is under way, 0 outside.
	inStream uint32
	block    bool
	commit   pgoutput.Message
	deadline time.Time

	// received is the end of what was received, confirmed what may be discarded.
	received  atomic.Uint64
	confirmed atomic.Uint64
	serverEnd pg.LSN
	sent      pg.Micros
	open      bool // between Begin and Commit

	asked    chan struct{}
	stop     context.CancelFunc
	stopped  chan struct{}
	feedback error
}

// Stream starts the stream of a slot.
// https://www.postgresql.org/docs/current/protocol-logical-replication.html
func (s *Source) Stream(ctx context.Context, o StreamOptions) (*Stream, error) {
	if err := s.waitForSlot(ctx, o.Slot); err != nil {
		return nil, err
	}
	conn, err := s.Replication(ctx)
	if err != nil {
		return nil, err
	}
	interval, err := s.feedbackInterval(ctx)
	if err == nil {
		err = s.startReplication(ctx, conn, o)
	}
	if err != nil {
		return nil, errors.Join(s.streamFault(err, o.Slot), conn.Close(ctx))
	}
	run, cancel := context.WithCancel(context.Background())
	st := &Stream{
		conn: conn, frontend: conn.Frontend(), socket: conn.Conn(), log: s.log,
		spools: newSpools(o.Scratch), asked: make(chan struct{}, 1), stop: cancel, stopped: make(chan struct{}),
	}
	st.received.Store(uint64(o.Start))
	st.confirmed.Store(uint64(o.Start))
	go st.sendFeedback(run, interval)
	return st, nil
}

// feedbackEvery is how often the server hears from us, unless it wants that more
// often. From PostgreSQL 16 on a walsender can miss the flush of a commit, between
// its look at the position and its going to sleep, and then sleeps until the next
// one, or until somebody speaks to it: on an idle server this is how late a change
// can come.
const feedbackEvery = time.Second

// feedbackInterval is how often the server is told what was received.
func (s *Source) feedbackInterval(ctx context.Context) (time.Duration, error) {
	const timeout = "SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'"
	var ms int64
	if err := s.conn.QueryRow(ctx, timeout).Scan(&ms); err != nil {
		return 0, serverFault(err, "read wal_sender_timeout")
	}
	interval := feedbackEvery
	if third := time.Duration(ms) * time.Millisecond / 3; third > 0 && third < interval {
		interval = third
	}
	return interval, nil
}

func (s *Source) startReplication(ctx context.Context, conn *pgconn.PgConn, o StreamOptions) error {
	names := make([]string, len(o.Publications))
	for i, p := range o.Publications {
		names[i] = quoteIdent(p)
	}
	options := []string{"publication_names " + pg.Literal(strings.Join(names, ","))}
	if s.Version.StreamsInProgress() && !o.InOrder {
		options = append(options, "proto_version '2'", "streaming 'on'")
	} else {
		options = append(options, "proto_version '1'")
	}
	if s.Version.SendsMessages() {
		options = append(options, "messages 'true'")
	}
	command := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL %v (%s)", quoteIdent(o.Slot), o.Start, strings.Join(options, ", "))
	stop := context.AfterFunc(ctx, func() { _ = conn.Conn().SetDeadline(time.Unix(1, 0)) })
	defer stop()
	frontend := conn.Frontend()
	frontend.SendQuery(&pgproto3.Query{String: command})
	if err := frontend.Flush(); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	for {
		message, err := frontend.Receive()
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		switch m := message.(type) {
		case *pgproto3.CopyBothResponse:
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		}
	}
}

// streamFault turns what the server says about a slot into a fault.
func (s *Source) streamFault(err error, slot string) error {
	switch state := sqlState(err); {
	case state == "42704" && strings.Contains(err.Error(), "publication"):
		return PublicationIncomplete.Wrap(err)
	case state == "42704":
		return SlotLost.Wrap(err)
	case state == "55006":
		return SlotInUse.Wrap(err)
	case state == "55000" && strings.Contains(err.Error(), "can no longer"):
		return SlotLost.Wrap(err)
	case state == "53300" || state == "53400":
		return NoFreeSlot.Wrap(err)
	}
	return serverFault(err, "stream from slot "+slot)
}

// Confirm says that everything up to an LSN is durable; the server may discard
// it. It is sent with the next feedback.
func (st *Stream) Confirm(to pg.LSN) {
	for {
		old := st.confirmed.Load()
		if uint64(to) <= old || st.confirmed.CompareAndSwap(old, uint64(to)) {
			return
		}
	}
}

// Confirmed is what the server was or will be told.
func (st *Stream) Confirmed() pg.LSN { return pg.LSN(st.confirmed.Load()) }

// ServerEnd is how far the server had come when it last said so.
func (st *Stream) ServerEnd() pg.LSN { return st.serverEnd }

// Sent is when, by the server's clock, it sent what Next returned last.
func (st *Stream) Sent() pg.Micros { return st.sent }

// Spooled is the bytes of transactions in progress on disk.
func (st *Stream) Spooled() int64 { return st.spools.disk }

// sendFeedback reports what was received and confirmed until the stream closes.
func (st *Stream) sendFeedback(ctx context.Context, interval time.Duration) {
	defer close(st.stopped)
	status := time.NewTicker(interval)
	defer status.Stop()
	for {
		select {
		case <-ctx.Done():
			// What was confirmed last must reach the server even when we leave: the
			// slot begins there the next time.
			_ = st.writeStatus()
			return
		case <-st.asked:
		case <-status.C:
		}
		if err := st.writeStatus(); err != nil {
			st.feedback = err
			_ = st.socket.SetReadDeadline(time.Unix(1, 0)) // wake the reader up
			return
		}
	}
}

// writeStatus sends a standby status update.
func (st *Stream) writeStatus() error {
	confirmed := st.confirmed.Load()
	data := make([]byte, 0, 34)
	data = append(data, 'r')
	data = binary.BigEndian.AppendUint64(data, max(st.received.Load(), confirmed))
	data = binary.BigEndian.AppendUint64(data, confirmed)
	data = binary.BigEndian.AppendUint64(data, confirmed)
	data = binary.BigEndian.AppendUint64(data, uint64(pg.MicrosOf(time.Now()).ToEpoch()))
	data = append(data, 0)
	st.frontend.Send(&pgproto3.CopyData{Data: data})
	return st.frontend.Flush()
}

// Close ends the stream; transactions in progress are thrown away.
func (st *Stream) Close() error {
	st.stop()
	<-st.stopped
	err := st.spools.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(err, st.conn.Close(ctx))
}

// Next returns what the server sends next, or Waited when the time has come. m
// is valid until the next call.
func (st *Stream) Next(m *pgoutput.Message, until time.Time) (Signal, error) {
	for {
		if st.replay != nil {
			done, err := st.nextReplayed(m)
			if err != nil || !done {
				return Change, err
			}
			*m = st.commit
			m.Kind = pgoutput.KindCommit
			st.received.Store(uint64(m.EndLSN))
			return Change, nil
		}
		signal, again, err := st.nextReceived(m, until)
		if err != nil || !again {
			return signal, err
		}
	}
}

// nextReplayed takes a message from the transaction that was committed; done
// says that there are no more.
func (st *Stream) nextReplayed(m *pgoutput.Message) (done bool, err error) {
	message, err := st.replay.next()
	if err != nil {
		return false, err
	}
	if message != nil {
		return false, pgoutput.Decode(message, true, m)
	}
	p := st.replay.spool
	st.replay = nil
	return true, st.spools.drop(p)
}

// nextReceived takes a message from the connection; again says that it was one
// for us.
func (st *Stream) nextReceived(m *pgoutput.Message, until time.Time) (signal Signal, again bool, err error) {
	if !until.Equal(st.deadline) {
		st.deadline = until
		if err := st.socket.SetReadDeadline(until); err != nil {
			return 0, false, err
		}
	}
	message, err := st.frontend.Receive()
	if err != nil {
		return st.receiveError(err)
	}
	switch r := message.(type) {
	case *pgproto3.CopyData:
		return st.frame(r.Data, m)
	case *pgproto3.ErrorResponse:
		return 0, false, serverFault(pgconn.ErrorResponseToPgError(r), "stream")
	case *pgproto3.CopyDone, *pgproto3.ReadyForQuery, *pgproto3.CommandComplete:
		return 0, false, ServerUnavailable.New("the server ended the stream")
	}
	return 0, true, nil // notices and parameters
}

func (st *Stream) receiveError(err error) (Signal, bool, error) {
	var n net.Error
	if !errors.As(err, &n) || !n.Timeout() {
		return 0, false, fmt.Errorf("receive: %w", err)
	}
	st.deadline = time.Time{}
	select {
	case <-st.stopped:
		if st.feedback != nil {
			return 0, false, fmt.Errorf("send feedback: %w", st.feedback)
		}
	default:
	}
	return Waited, false, nil
}

// frame decodes a message of the streaming replication protocol: XLogData or a
// keepalive.
func (st *Stream) frame(data []byte, m *pgoutput.Message) (Signal, bool, error) {
	switch {
	case len(data) >= 25 && data[0] == 'w':
		st.sent = pg.FromEpoch(int64(binary.BigEndian.Uint64(data[17:])))
		again, err := st.message(data[25:], m)
		return Change, again, err
	case len(data) >= 18 && data[0] == 'k':
		st.serverEnd = pg.LSN(binary.BigEndian.Uint64(data[1:]))
		if data[17] != 0 {
			select {
			case st.asked <- struct{}{}:
			default: // an answer is on its way
			}
		}
		return Progress, st.open, nil // inside a transaction it says nothing
	}
	return 0, false, fmt.Errorf("receive: a frame of kind %q and %d bytes", data[:1], len(data))
}

// message takes a message of pgoutput. Those of a transaction in progress go to
// its spool; again says that there is nothing for the caller.
func (st *Stream) message(data []byte, m *pgoutput.Message) (again bool, err error) {
	if st.block && len(data) > 0 && pgoutput.Kind(data[0]) != pgoutput.KindStreamStop {
		return true, st.spools.add(st.inStream, data)
	}
	if err := pgoutput.Decode(data, false, m); err != nil {
		return false, fmt.Errorf("decode: %w", err)
	}
	switch m.Kind {
	case pgoutput.KindBegin:
		st.open = true
	case pgoutput.KindCommit:
		st.open = false
		st.received.Store(uint64(m.EndLSN))
	case pgoutput.KindStreamStart:
		st.block, st.inStream = true, m.XID
		return true, nil
	case pgoutput.KindStreamStop:
		st.block = false
		return true, nil
	case pgoutput.KindStreamAbort:
		return true, st.spools.abort(m.XID, m.SubXID)
	case pgoutput.KindStreamCommit:
		return false, st.beginReplay(m)
	case pgoutput.KindOrigin, pgoutput.KindType:
		return true, nil
	}
	return false, nil
}

// beginReplay turns a Stream Commit into the Begin of its transaction.
func (st *Stream) beginReplay(m *pgoutput.Message) (err error) {
	st.commit = pgoutput.Message{XID: m.XID, CommitLSN: m.CommitLSN, EndLSN: m.EndLSN, CommitTime: m.CommitTime}
	p := st.spools.open[m.XID]
	if p == nil {
		p = &spool{xid: m.XID} // all of it was rolled back to savepoints
	}
	st.replay, err = p.replay()
	m.Kind = pgoutput.KindBegin
	return err
}
