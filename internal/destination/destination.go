// Package destination is the contract between Trunkline and what it loads into.
//
// A destination is one folder that provides a Kind, one line in
// destination/all, and the suite of destination/destinationtest passing. What it
// can do beyond the contract is a second small interface, asserted where it is
// used.
package destination

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"trunkline/internal/batch"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// Destination is opened for one pipeline. Claim makes its caller the owner;
// Migrate, Load and Apply of an owner that was superseded fail with ErrFenced
// and change nothing.
//
// Every method may be called again with the same arguments after a crash or an
// error whose outcome is unknown, with the same effect as once. Load may be
// called by several goroutines at once, for different chunks; everything else by
// one at a time. A method that fails leaves nothing half written.
type Destination interface {
	// Check verifies that the destination can be reached, written and dropped
	// from, without leaving a trace.
	Check(ctx context.Context) error
	// Tables describes those of the named tables that exist.
	Tables(ctx context.Context, names []string) ([]TableInfo, error)
	// Claim takes the pipeline over: whoever owned it before is fenced off. It
	// returns what was checkpointed last.
	Claim(ctx context.Context) (Checkpoint, error)
	// Migrate carries out a plan, in one transaction where there are
	// transactions. A table whose rows have no key has no column named rowid. Of
	// each table that schema.BeginCopy keeps under another name it warns in
	// Options.Log, once that is durable: see Kept.
	Migrate(ctx context.Context, plan schema.Plan) error
	// Load writes one chunk of a table's history and the record of it in one
	// transaction; a chunk whose record is there is not read. Rows may be kept
	// until Load returns.
	Load(ctx context.Context, c Chunk, rows iter.Seq2[*batch.Rows, error]) error
	// Apply writes a batch and its end position; in one transaction, where there
	// are transactions. It returns nil only once both are durable. A batch that
	// is checkpointed already does nothing; one that does not begin at the
	// checkpoint fails with ErrGap.
	Apply(ctx context.Context, b *batch.Batch) error
	// Close ends the use of the destination. What a Querier has begun to read is
	// read to its end all the same.
	Close() error
}

// Chunk is one piece of the copy of a table.
type Chunk struct {
	Table      *schema.Table
	Generation int64
	Number     int
}

// Checkpoint is what a destination remembers of a pipeline, as committed with
// the data.
type Checkpoint struct {
	// Owner is the number under which the caller of Claim writes.
	Owner int64
	// Slot is the replication slot, once one was intended; ConsistentPoint is 0
	// until it was made.
	Slot             string
	ConsistentPoint  pg.LSN
	SystemIdentifier string
	Timeline         int32
	Position         batch.Position
	// Committed is the commit time of the transaction at Position.
	Committed pg.Micros
	Tables    []TableState
}

// TableState is what a destination remembers of one object.
type TableState struct {
	// Table is the definition as of the last BeginCopy or AddColumn.
	Table      *schema.Table
	OID        uint32
	Generation int64
	// Start is the LSN from which on commits apply to the table.
	Start pg.LSN
	// Copied says that every chunk of the generation is loaded.
	Copied bool
}

// TableInfo is a table that exists in the destination.
type TableInfo struct {
	Name string
	// Origin is what CreateTable noted at the table: pipeline and object; empty
	// for a table that is not ours.
	Origin  Origin
	Columns []ColumnInfo
}

// ColumnInfo is a column that exists in the destination, its type in the
// destination's own words.
type ColumnInfo struct {
	Name string
	Type string
}

// Options are what a destination is opened with.
type Options struct {
	// Pipeline is the name under which the destination remembers.
	Pipeline string
	// Settings is what Kind.Settings returned, filled in.
	Settings any
	// Log is told what the user should know; nil means that nobody listens.
	Log *slog.Logger
	// Patient says that somebody is watching: wait without limit, until the
	// context ends, for what another process holds.
	Patient bool
	// Now is the clock; nil means the real one.
	Now func() time.Time
}

// Kind is a kind of destination.
type Kind struct {
	Name string
	// Settings returns a pointer to the kind's settings, declared with the tags
	// of package config.
	Settings func() any
	Open     func(ctx context.Context, o Options) (Destination, error)
	// Identify names what the settings point at, so that one pipeline into two
	// destinations is two pipelines: a path, a host and database.
	Identify func(settings any) string
	// TypeName is the destination's type for values of t, in its own words.
	TypeName func(t *pgvalue.Type) string
}

// Querier runs SQL on the destination, for people and for verification.
type Querier interface {
	// Checkpoint is what is remembered of the pipeline, without claiming it; the
	// zero value if nothing is.
	Checkpoint(ctx context.Context) (Checkpoint, error)
	// Query runs one statement and yields its result in Arrow record batches.
	Query(ctx context.Context, sql string) (array.RecordReader, error)
	// Scan reads the named columns of all rows of a table that are not marked as
	// deleted, in a form that pgvalue.Print understands.
	Scan(ctx context.Context, table *schema.Table, columns []int) (array.RecordReader, error)
	// Overflow returns the values of a table that its columns could not hold.
	Overflow(ctx context.Context, table *schema.Table) ([]OverflowValue, error)
}

// OverflowValue is a value in the side table.
type OverflowValue struct {
	// Key is the key of the row: the texts of its columns, as KeyText joins them.
	Key    string
	Column string
	Value  string
}

// Fence fails unless owner, who writes, is the one that is stored for the
// pipeline, if it is found at all.
func Fence(pipeline string, owner int64, found bool, stored int64) error {
	switch {
	case !found:
		return Fenced.New("pipeline %q was dropped", pipeline)
	case stored != owner:
		return Fenced.New("owner %d of pipeline %q was followed by owner %d", owner, pipeline, stored)
	}
	return nil
}

// AfterGap answers for a batch that does not begin at the stored position:
// nothing to do if it was applied before, else a fault. It uses up the batch's
// parts, for only then is its end known.
func AfterGap(stored batch.Position, b *batch.Batch) error {
	if b.From.Before(stored) {
		for _, err := range b.Parts {
			if err != nil {
				return err
			}
		}
		if to, _ := b.End(); !stored.Before(to) {
			return nil
		}
	}
	return Gap.New("the destination stands at %v, the changes begin at %v", stored, b.From)
}
