package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/schema"
)

// Chunk is a range of blocks of one relation: a piece of a table's history.
type Chunk struct {
	Relation pg.Name
	OID      uint32
	// Filenode is the file in which the relation's rows are; another one means
	// that the table was rewritten and the snapshot does not show its rows.
	Filenode uint32
	// From and To are blocks; To is -1 for all the rest, and From 0 with To -1 is
	// the whole relation.
	From, To int64
	// Number counts the chunks of a table.
	Number int
	// Blocks is how many blocks the chunk had when it was planned.
	Blocks int64
}

const (
	// chunkBlocks is 64 MiB of heap: a chunk is one transaction in the
	// destination, large enough that its cost does not show and small enough for
	// progress, and for several connections to end at the same time.
	chunkBlocks = 8192
	// recordRows is how many rows go to the destination at once. The columns of so
	// many rows stay within the processor's cache until they are read.
	recordRows  = 16384
	recordBytes = 16 << 20
)

// ErrRewritten says that a table was rewritten since its chunks were planned:
// its copy has to begin again.
var ErrRewritten = errors.New("the table was rewritten while it was copied")

const selectFiles = `
SELECT c.oid, n.nspname, c.relname, pg_relation_filenode(c.oid), pg_relation_size(c.oid) / current_setting('block_size')::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY($1) ORDER BY c.oid`

// Chunks plans the copy of a table. It must be called after the snapshot was
// taken: rows that the snapshot shows lie in blocks that exist by then.
func (s *Source) Chunks(ctx context.Context, t *Table) ([]Chunk, error) {
	oids := []uint32{t.OID}
	if t.Kind == 'p' {
		oids = nil
		for _, l := range t.Leaves {
			oids = append(oids, l.OID)
		}
	}
	files, err := collect(ctx, s.conn, selectFiles, func(rows pgx.Rows) (c Chunk, err error) {
		err = rows.Scan(&c.OID, &c.Relation.Schema, &c.Relation.Name, &c.Filenode, &c.Blocks)
		return c, err
	}, oids)
	if err != nil {
		return nil, serverFault(err, fmt.Sprintf("plan the copy of %v", t.Name))
	}
	var chunks []Chunk
	for _, f := range files {
		chunks = append(chunks, s.divide(f)...)
	}
	for i := range chunks {
		chunks[i].Number = i
	}
	return chunks, nil
}

// divide cuts a relation into ranges of blocks, where the server can scan such a
// range without reading the rest.
func (s *Source) divide(file Chunk) []Chunk {
	if !s.Version.ScansTIDRanges() || file.Blocks <= chunkBlocks {
		file.From, file.To = 0, -1
		return []Chunk{file}
	}
	var chunks []Chunk
	for from := int64(0); from < file.Blocks; from += chunkBlocks {
		c := file
		c.From, c.To, c.Blocks = from, from+chunkBlocks, min(chunkBlocks, file.Blocks-from)
		if c.To >= file.Blocks {
			c.To = -1
		}
		chunks = append(chunks, c)
	}
	return chunks
}

// Reader copies chunks over one connection.
type Reader struct {
	conn     *pgx.Conn
	snapshot *Snapshot
}

// Reader opens a connection for copies under the snapshot.
func (n *Snapshot) Reader(ctx context.Context) (*Reader, error) {
	conn, err := n.source.SQL(ctx)
	if err != nil {
		return nil, err
	}
	return &Reader{conn: conn, snapshot: n}, nil
}

// Close ends the connection.
func (r *Reader) Close() error { return r.conn.Close(context.Background()) }

// Copy reads a chunk. filter is the row filter of the publication, or empty.
// read is told the bytes received. The lock on the table, which keeps others
// from altering it, lasts for this chunk only.
func (r *Reader) Copy(ctx context.Context, c Chunk, table *schema.Table, filter string, read func(rows int, bytes int64)) iter.Seq2[*batch.Rows, error] {
	return func(yield func(*batch.Rows, error) bool) {
		if err := r.copy(ctx, c, table, filter, read, yield); err != nil {
			yield(nil, fmt.Errorf("copy %v: %w", c.Relation, err))
		}
	}
}

func (r *Reader) copy(ctx context.Context, c Chunk, table *schema.Table, filter string, read func(int, int64), yield func(*batch.Rows, error) bool) error {
	if err := r.begin(ctx, c); err != nil {
		return err
	}
	pgConn := r.conn.PgConn()
	// Receive knows no context; a deadline in the past ends it.
	stop := context.AfterFunc(ctx, func() { _ = pgConn.Conn().SetDeadline(time.Unix(1, 0)) })
	defer stop()
	frontend := pgConn.Frontend()
	frontend.SendQuery(&pgproto3.Query{String: copyQuery(c, table, filter)})
	if err := frontend.Flush(); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	run := &copyRun{frontend: frontend, loader: batch.NewLoader(table), read: read, yield: yield, fresh: true}
	run.loader.Chunk(c.Number)
	if err := run.all(); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	if run.stopped {
		return nil // the connection is in the middle of a copy; Close ends it
	}
	_, err := r.conn.Exec(ctx, "COMMIT")
	return err
}

// begin imports the snapshot and makes sure that the relation is the one that
// was planned. Lock first, look then: after that nobody can rewrite it.
func (r *Reader) begin(ctx context.Context, c Chunk) error {
	begin := fmt.Sprintf("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT %s; LOCK TABLE ONLY %s IN ACCESS SHARE MODE",
		pg.Literal(r.snapshot.Name), c.Relation.SQL())
	if _, err := r.conn.Exec(ctx, begin); err != nil {
		if state := sqlState(err); state == "42P01" || state == "3F000" {
			return fmt.Errorf("%w: %w", ErrRewritten, err)
		}
		return r.readFault(err, c)
	}
	var oid, filenode uint32
	const look = "SELECT c.oid, pg_relation_filenode(c.oid) FROM pg_class c WHERE c.oid = $1::text::regclass"
	if err := r.conn.QueryRow(ctx, look, c.Relation.SQL()).Scan(&oid, &filenode); err != nil {
		return r.readFault(err, c)
	}
	if oid != c.OID || filenode != c.Filenode {
		return ErrRewritten
	}
	return nil
}

func (r *Reader) readFault(err error, c Chunk) error {
	if sqlState(err) == "42501" {
		return accessFault(err, c.Relation, r.snapshot.source.user)
	}
	return serverFault(err, "read "+c.Relation.String())
}

func accessFault(err error, table pg.Name, user string) error {
	var e *pgconn.PgError
	errors.As(err, &e)
	action := fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s",
		quoteIdent(table.Schema), quoteIdent(user), table.SQL(), quoteIdent(user))
	if strings.Contains(e.Message, "row-level security") {
		action = fmt.Sprintf("ALTER ROLE %s BYPASSRLS; or ALTER TABLE %s DISABLE ROW LEVEL SECURITY", quoteIdent(user), table.SQL())
	}
	return AccessMissing.New("%s", e.Message).On(table.String()).Do("%s", action).By(err)
}

// copyQuery selects the columns that a batch.Loader expects: in binary form
// where that is decoded, else the text that the type's own output function
// makes. A cast to text is not the same: it trims characters and prints
// booleans and addresses in another way.
func copyQuery(c Chunk, table *schema.Table, filter string) string {
	var columns []string
	for _, i := range table.Data() {
		column := &table.Columns[i]
		name := quoteIdent(column.Source)
		switch {
		case column.Dropped:
			columns = append(columns, "NULL")
		case table.ReadBinary(i):
			columns = append(columns, name)
		default:
			if column.Type.Base != "" {
				name = "CAST(" + name + " AS " + column.Type.Base + ")"
			}
			columns = append(columns, "pg_catalog.textin("+column.Type.Output+"("+name+"))")
		}
	}
	var conditions []string
	if c.To >= 0 || c.From > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'", c.From))
	}
	if c.To >= 0 {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'", c.To))
	}
	if filter != "" {
		conditions = append(conditions, "("+filter+")")
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return fmt.Sprintf("COPY (SELECT %s FROM ONLY %s%s) TO STDOUT (FORMAT binary)",
		strings.Join(columns, ", "), c.Relation.SQL(), where)
}

// copyRun is the answer to a COPY, on its way to the destination.
type copyRun struct {
	frontend *pgproto3.Frontend
	loader   *batch.Loader
	read     func(rows int, bytes int64)
	yield    func(*batch.Rows, error) bool
	fresh    bool
	stopped  bool
	bytes    int64
}

// copySignature opens the binary format; after it come flags and the length of
// an extension of the header.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

const copyHeader = 19

func (c *copyRun) all() error {
	c.loader.Received(pg.MicrosOf(time.Now()))
	for {
		message, err := c.frontend.Receive()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.CopyData:
			if err := c.data(m.Data); err != nil {
				return err
			}
			if c.stopped {
				return nil
			}
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(m)
			return copyFault(err)
		case *pgproto3.ReadyForQuery:
			c.deliver()
			return nil
		}
	}
}

// copyFault tells a table that changed its columns from other failures.
func copyFault(err error) error {
	if state := sqlState(err); state == "42703" || state == "42883" {
		return fmt.Errorf("%w: %w", ErrRewritten, err)
	}
	return err
}

func (c *copyRun) data(data []byte) error {
	c.bytes += int64(len(data))
	if c.fresh {
		if len(data) < copyHeader || !bytes.HasPrefix(data, copySignature) {
			return errors.New("the answer is not in COPY's binary format")
		}
		data = data[copyHeader:]
		c.fresh = false
	}
	if len(data) == 0 || len(data) == 2 && data[0] == 0xff && data[1] == 0xff {
		return nil // the trailer
	}
	if err := c.loader.Append(data); err != nil {
		return err
	}
	if n := c.loader.Len(); n >= recordRows || n%64 == 0 && c.loader.Size() >= recordBytes {
		c.deliver()
	}
	return nil
}

func (c *copyRun) deliver() {
	n := c.loader.Len()
	if n == 0 {
		return
	}
	rows := c.loader.Take()
	c.read(n, c.bytes)
	c.bytes = 0
	c.loader.Received(pg.MicrosOf(time.Now()))
	c.stopped = !c.yield(rows, nil)
}
