package pgtest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"trunkline/internal/pg"
)

// Discard reads a slot and throws everything away. It does the least that a
// reader can do, so how fast it is, is the limit for all others.
type Discard struct {
	// URL says where; replication=database is added.
	URL  string
	Slot string
	// Options are those of START_REPLICATION, as SQL:
	// "proto_version '1', publication_names 'p'".
	Options string
	// Start is the position to start from if it is above what the slot has
	// confirmed.
	Start pg.LSN
	// Until ends the reading: all that committed up to it has been received.
	Until pg.LSN
	// Confirm moves the slot to Until at the end, so that it is not sent again.
	// While reading nothing is confirmed.
	Confirm bool
}

// Discarded is what was read.
type Discarded struct {
	Messages   int64 // of the output plugin
	Bytes      int64 // in them
	Keepalives int64
	LSN        pg.LSN // the highest position seen
}

// Run reads until d.Until. When it returns without error the slot is free again.
func (d Discard) Run(ctx context.Context) (Discarded, error) {
	r := discarder{Discard: d}
	err := r.run(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("read slot %s: %w", d.Slot, err)
	}
	return r.read, err
}

// discarder is one run of Discard.
type discarder struct {
	Discard
	conn *pgconn.PgConn
	read Discarded
}

func (d *discarder) run(ctx context.Context) error {
	config, err := pgconn.ParseConfig(d.URL)
	if err != nil {
		return err
	}
	config.RuntimeParams["replication"] = "database"
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &bufferedConn{Conn: conn, reader: bufio.NewReaderSize(conn, 256<<10)}, nil
	}
	if d.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return err
	}
	defer d.conn.Close(context.WithoutCancel(ctx))
	// Receive knows no context; a deadline in the past wakes it up.
	unwatch := context.AfterFunc(ctx, func() { _ = d.conn.Conn().SetDeadline(time.Unix(1, 0)) })
	defer unwatch()
	if err := d.start(); err != nil {
		return err
	}
	if err := d.drain(); err != nil {
		return err
	}
	return d.finish()
}

// bufferedConn reads from the system in large pieces; pgconn asks for 8 KiB.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// start sends START_REPLICATION and reads the answer, CopyBothResponse.
func (d *discarder) start() error {
	sql := fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL %s", pg.Quote(d.Slot), d.Start)
	if d.Options != "" {
		sql += " (" + d.Options + ")"
	}
	frontend := d.conn.Frontend()
	frontend.SendQuery(&pgproto3.Query{String: sql})
	if err := frontend.Flush(); err != nil {
		return err
	}
	for {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		switch message := message.(type) {
		case *pgproto3.CopyBothResponse:
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(message)
		}
	}
}

// The frames of the stream: kind, then for XLogData start, end and time, for a
// keepalive end, time and whether to answer.
// https://www.postgresql.org/docs/current/protocol-replication.html
const (
	xlogData       = 'w'
	xlogDataHead   = 1 + 8 + 8 + 8
	keepalive      = 'k'
	keepaliveLen   = 1 + 8 + 8 + 1
	standbyStatus  = 'r'
	standbyLen     = 1 + 8 + 8 + 8 + 8 + 1
	frameLSNLength = 1 + 8
)

// drain reads until d.Until is reached. Transactions come in the order of their
// commits, so a change at or above it says that all before it have been sent; so
// does a keepalive, which the server sends when it has nothing more.
func (d *discarder) drain() error {
	frontend := d.conn.Frontend()
	for {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		data, ok := message.(*pgproto3.CopyData)
		if !ok {
			if err := unexpected(message); err != nil {
				return err
			}
			continue
		}
		if err := d.frame(data.Data); err != nil {
			return err
		}
		if d.read.LSN >= d.Until {
			return nil
		}
	}
}

// frame takes note of one frame of the stream and answers it if it asks.
func (d *discarder) frame(b []byte) error {
	if len(b) < frameLSNLength {
		return fmt.Errorf("a frame of %d bytes", len(b))
	}
	switch lsn := pg.LSN(binary.BigEndian.Uint64(b[1:])); {
	case b[0] == xlogData && len(b) >= xlogDataHead:
		d.read.Messages++
		d.read.Bytes += int64(len(b) - xlogDataHead)
		d.read.LSN = max(d.read.LSN, lsn)
	case b[0] == keepalive && len(b) == keepaliveLen:
		d.read.Keepalives++
		d.read.LSN = max(d.read.LSN, lsn)
		if b[keepaliveLen-1] != 0 {
			return d.status(0)
		}
	default:
		return fmt.Errorf("a frame %q of %d bytes", b[0], len(b))
	}
	return nil
}

// status tells the server that all up to lsn may be forgotten; 0 only that we are
// alive. As long as nothing is confirmed the server sends a keepalive whenever
// it has sent everything.
func (d *discarder) status(lsn pg.LSN) error {
	b := make([]byte, 0, standbyLen)
	b = append(b, standbyStatus)
	for range 3 { // written, flushed, applied
		b = binary.BigEndian.AppendUint64(b, uint64(lsn))
	}
	now := pg.MicrosOf(time.Now()).ToEpoch()
	b = binary.BigEndian.AppendUint64(b, uint64(now))
	b = append(b, 0)
	d.conn.Frontend().Send(&pgproto3.CopyData{Data: b})
	return d.conn.Frontend().Flush()
}

// finish ends the stream in order, which frees the slot.
func (d *discarder) finish() error {
	if d.Confirm {
		if err := d.status(d.Until); err != nil {
			return err
		}
	}
	frontend := d.conn.Frontend()
	frontend.Send(&pgproto3.CopyDone{})
	if err := frontend.Flush(); err != nil {
		return err
	}
	for {
		message, err := frontend.Receive()
		if err != nil {
			return err
		}
		switch message := message.(type) {
		case *pgproto3.ReadyForQuery:
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(message)
		}
	}
}

// unexpected is the error that a message in the stream means, if it means one.
func unexpected(message pgproto3.BackendMessage) error {
	switch message := message.(type) {
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return nil
	case *pgproto3.ErrorResponse:
		return pgconn.ErrorResponseToPgError(message)
	case *pgproto3.CopyDone:
		return errors.New("the server ended the stream")
	}
	return fmt.Errorf("unexpected message %T", message)
}
