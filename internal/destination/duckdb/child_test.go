package duckdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/internal/batch"
	"trunkline/internal/destination"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgoutput"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
)

// childVariable makes a run of the test binary one of another process that works
// on a file: its value says what, its argument which file.
const childVariable = "TRUNKLINE_TEST_CHILD"

func TestMain(m *testing.M) {
	if work, ok := children[os.Getenv(childVariable)]; ok {
		if err := work(os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var children = map[string]func(path string) error{
	"hold": hold, "read": read, "stream": stream, "stop inside": stopInside,
}

// hold keeps the file open until its input ends.
func hold(path string) error {
	d, err := openFile(path)
	if err != nil {
		return err
	}
	rows, err := d.Query(context.Background(), "SELECT 1")
	if err != nil {
		return err
	}
	defer rows.Release()
	fmt.Println("holding")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// read reads from the file once, and does not wait for it.
func read(path string) error {
	settings := settingsOf(path)
	settings.LockTimeout = 0
	d, err := files.open(context.Background(), destination.Options{Pipeline: "child", Settings: settings})
	if err != nil {
		return err
	}
	c, err := d.(*database).Checkpoint(context.Background())
	if err == nil {
		fmt.Println("read", c.Position.End)
	}
	return errors.Join(err, d.Close())
}

// stream applies batches without end and tells of each.
func stream(path string) error {
	d, c, err := claimFile(path)
	if err != nil {
		return err
	}
	b := newBatches(c)
	for {
		if err := d.Apply(context.Background(), b.next(nil)); err != nil {
			return err
		}
		fmt.Println("applied", uint64(b.at.End))
	}
}

// stopInside stops for good in the middle of a batch, with two parts written.
func stopInside(path string) error {
	d, c, err := claimFile(path)
	if err != nil {
		return err
	}
	b := newBatches(c)
	return d.Apply(context.Background(), b.next(func(part int) {
		if part == 2 {
			fmt.Println("inside")
			select {}
		}
	}))
}

func openFile(path string) (*database, error) {
	d, err := files.open(context.Background(), destination.Options{Pipeline: "child", Settings: settingsOf(path)})
	if err != nil {
		return nil, err
	}
	return d.(*database), nil
}

// claimFile opens a file as the child's pipeline, and makes its table if need be.
func claimFile(path string) (d *database, c destination.Checkpoint, err error) {
	if d, err = openFile(path); err != nil {
		return nil, c, err
	}
	if c, err = d.Claim(context.Background()); err != nil || len(c.Tables) > 0 {
		return d, c, err
	}
	err = d.Migrate(context.Background(), schema.Plan{
		schema.BeginCopy{Table: plain, Generation: 1}, schema.EndCopy{Table: plain, Generation: 1},
	})
	return d, c, err
}

// plain is a table of a key and a text.
var plain = &schema.Table{
	Object: pg.Name{Schema: "public", Name: "plain"}, Name: "plain", Key: []int{0},
	Columns: []schema.Column{
		{Name: "id", Source: "id", Type: pgvalue.Type{OID: 20, Name: "bigint", Kind: pgvalue.Int64}, NotNull: true},
		{Name: "v", Source: "v", Type: pgvalue.Type{OID: 25, Name: "text", Kind: pgvalue.Text}},
		{Name: "received", Role: schema.IngestedAt, Type: pgvalue.Type{Kind: pgvalue.TimestampTZ, Name: "timestamptz"}},
		{Name: "loaded", Role: schema.LoadedAt, Type: pgvalue.Type{Kind: pgvalue.TimestampTZ, Name: "timestamptz"}},
		{Name: "modified", Role: schema.ModifiedAt, Type: pgvalue.Type{Kind: pgvalue.TimestampTZ, Name: "timestamptz"}},
		{Name: "marked", Role: schema.Marked, Type: pgvalue.Type{Kind: pgvalue.Bool, Name: "boolean"}},
	},
}

// Each batch inserts so many rows in so many parts, and moves on by one.
const (
	partsPerBatch = 3
	rowsPerPart   = 500
	rowsPerBatch  = partsPerBatch * rowsPerPart
)

// batches makes batches that follow one another.
type batches struct {
	builder *batch.Builder
	route   *batch.Route
	at      batch.Position
}

func newBatches(c destination.Checkpoint) *batches {
	route, err := batch.NewRoute(plain, &pgoutput.Relation{Columns: []pgoutput.RelationColumn{{Name: "id"}, {Name: "v"}}})
	if err != nil {
		panic(err) // the table has these columns
	}
	return &batches{batch.NewBuilder(batch.Limits{Events: 1 << 30, Bytes: 1 << 30}), route, c.Position}
}

// next is the next batch. before, unless it is nil, is called ahead of each part.
func (b *batches) next(before func(part int)) *batch.Batch {
	from, to := b.at, batch.Position{Commit: b.at.End, End: b.at.End + 1}
	b.at = to
	return &batch.Batch{
		From: from,
		Parts: func(yield func(*batch.Part, error) bool) {
			b.builder.Begin(to.Commit, 1, 1)
			for n := range partsPerBatch {
				if before != nil {
					before(n)
				}
				part, err := b.part(int(from.End)*rowsPerBatch + n*rowsPerPart)
				if !yield(part, err) {
					return
				}
				b.builder.Release(part)
			}
		},
		End: func() (batch.Position, pg.Micros) { return to, 1 },
	}
}

func (b *batches) part(first int) (*batch.Part, error) {
	for i := range rowsPerPart {
		row := pgoutput.Tuple{
			{Kind: pgoutput.Text, Data: strconv.AppendInt(nil, int64(first+i), 10)},
			{Kind: pgoutput.Text, Data: []byte("a value that takes some room")},
		}
		if err := b.builder.Insert(b.route, &pgoutput.Message{New: row}); err != nil {
			return nil, err
		}
	}
	return b.builder.Seal(), nil
}

// child is another process.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startChild(t *testing.T, work, path string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], path)
	cmd.Env = append(os.Environ(), childVariable+"="+work)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	c := &child{t, cmd, in, bufio.NewScanner(out)}
	t.Cleanup(c.kill)
	return c
}

// line is the next line that it says.
func (c *child) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatal("the other process has ended without a word")
	}
	return c.lines.Text()
}

// end lets it end.
func (c *child) end() {
	c.t.Helper()
	must(c.t, c.in.Close())
	for c.lines.Scan() {
		c.t.Log(c.lines.Text())
	}
	must(c.t, c.cmd.Wait())
}

// kill ends it as kill -9 does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settingsOf are the defaults for a file.
func settingsOf(path string) *Settings {
	return &Settings{Path: path, Schema: "main", MemoryLimit: 512 << 20, LockTimeout: time.Minute}
}
