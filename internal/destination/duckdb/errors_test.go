package duckdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

// wants fails unless an error is a fault of this kind that says so, in words of
// its own, and has a remedy.
func wants(t *testing.T, err error, kind *fault.Kind, says string) {
	t.Helper()
	f, ok := fault.Of(err)
	switch {
	case !ok || f.Kind != kind:
		t.Errorf("%v, want %q", err, kind.Title)
	case !strings.Contains(f.Cause, says):
		t.Errorf("%q, want it to say %q", f.Cause, says)
	case f.Remedy() == "" || f.Subject == "":
		t.Errorf("%v: what it concerns or what to do is missing", err)
	}
	for _, noise := range []string{"database/sql", " Error: ", "\n", "!"} {
		if ok && strings.Contains(f.Cause, noise) {
			t.Errorf("%q says %q", f.Cause, noise)
		}
	}
}

// claim opens a path and claims a pipeline in it.
func claim(path string) error {
	d, err := openFile(path)
	if err != nil {
		return err
	}
	_, err = d.Claim(context.Background())
	return errors.Join(err, d.Close())
}

// good is a file of the smallest content.
func good(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.duckdb")
	must(t, claim(path))
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

func TestCorrupt(t *testing.T) {
	content := good(t)
	flip := func(from, to int) []byte {
		damaged := append([]byte(nil), content...)
		for i := from; i < to; i += 7 {
			damaged[i] ^= 0xff
		}
		return damaged
	}
	const headers = 3 * 4096
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"text":      {[]byte(strings.Repeat("not a database ", 400)), "is not a valid DuckDB database file"},
		"empty":     {nil, "is not a valid DuckDB database file"},
		"half":      {content[:len(content)/2], "Could not read enough bytes"},
		"header":    {flip(0, headers), "does not match stored checksum"},
		"body":      {flip(headers, len(content)), "does not match stored checksum"},
		"an SQLite": {append([]byte("SQLite format 3\x00"), make([]byte, 4080)...), "the file is an SQLite database"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.duckdb")
			must(t, os.WriteFile(path, c.content, 0o600))
			err := claim(path)
			wants(t, err, destination.Corrupt, c.says)
			if f, _ := fault.Of(err); len(c.content) == 0 && !strings.Contains(f.Remedy(), "remove it") {
				t.Errorf("of an empty file it says: %s", f.Remedy())
			}
			left, err := os.ReadFile(path)
			must(t, err)
			if string(left) != string(c.content) {
				t.Error("the file was changed")
			}
		})
	}
}

// TestPaths has paths at which no file can be.
func TestPaths(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	for name, c := range map[string]struct {
		path string
		kind *fault.Kind
		says string
	}{
		"in a file":         {filepath.Join(dir, "file", "x.duckdb"), destination.Unreachable, "is not a folder"},
		"in no folder":      {filepath.Join(dir, "none", "x.duckdb"), destination.Unreachable, "does not exist"},
		"a folder":          {dir, destination.Unreachable, "is a folder"},
		"a loop":            {filepath.Join(dir, "loop"), destination.Unreachable, "too many symbolic links"},
		"in memory":         {":memory:", destination.SettingsRefused, "is not the name of a file"},
		"in a cloud":        {"md:shop", destination.SettingsRefused, "is not the name of a file"},
		"with options":      {filepath.Join(dir, "x.duckdb?a=b"), destination.SettingsRefused, "is not the name of a file"},
		"where none can be": {"/proc/x.duckdb", destination.Unreachable, "Cannot open file"},
	} {
		t.Run(name, func(t *testing.T) { wants(t, claim(c.path), c.kind, c.says) })
	}
}

// TestCheckFolder checks a place where no file can be made.
func TestCheckFolder(t *testing.T) {
	d, err := openFile("/proc/x.duckdb")
	must(t, err)
	wants(t, d.Check(context.Background()), destination.NotWritable, "no file can be made in /proc")
	must(t, d.Close())
}

// TestCheckLeavesNothing checks a folder without a file.
func TestCheckLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	d, err := openFile(filepath.Join(dir, "x.duckdb"))
	must(t, err)
	must(t, d.Check(context.Background()))
	must(t, d.Close())
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 0 {
		t.Errorf("the check left %v", entries)
	}
}

// TestSentences has messages that no test can bring about.
func TestSentences(t *testing.T) {
	for text, want := range map[string]*fault.Kind{
		`IO Error: Could not write file "x.duckdb": No space left on device`:                                                destination.Full,
		`Could not write all bytes: Disk quota exceeded`:                                                                    destination.Full,
		`IO Error: Cannot open file "x.duckdb": Permission denied`:                                                          destination.NotWritable,
		`Invalid Input Error: Cannot execute statement of type "INSERT" in read-only mode!`:                                 destination.NotWritable,
		`IO Error: The database file "x" was created with an newer version of DuckDB`:                                       destination.Corrupt,
		`TransactionContext Error: Failed to commit: could not allocate block of size 256.0 KiB (512.0 MiB/512.0 MiB used)`: destination.OutOfMemory,
		`IO Error: Could not set lock on file "x": Conflicting lock is held in /bin/duckdb (PID 7)`:                         destination.Locked,
	} {
		f, ok := fault.Of(classify(errors.New(text)))
		if !ok || f.Kind != want || f.Remedy() == "" || strings.HasPrefix(f.Cause, "IO Error") {
			t.Errorf("%q becomes %v, want %q", text, f, want.Title)
		}
	}
	if err := errors.New("Binder Error: something else"); !errors.Is(classify(err), err) {
		t.Error("an error that nobody can act on is a fault")
	}
}

// TestOutOfMemory gives DuckDB less than a batch needs, and nowhere to spill to.
func TestOutOfMemory(t *testing.T) {
	d, err := openFile(filepath.Join(t.TempDir(), "small.duckdb"))
	must(t, err)
	_, err = d.Claim(context.Background())
	must(t, err)
	err = d.use(context.Background(), func(s *session) error {
		if err := s.exec(context.Background(), "SET memory_limit = '10MB'; SET temp_directory = ''"); err != nil {
			return err
		}
		err := s.exec(context.Background(), "CREATE TEMP TABLE much AS SELECT repeat('x', 1000) || i AS v FROM range(1000000) r(i)")
		return err
	})
	wants(t, err, destination.OutOfMemory, "")
	must(t, d.Close())
}

// TestTableGone has a table that somebody dropped, and one that somebody changed.
func TestTableGone(t *testing.T) {
	for _, statement := range []string{"DROP TABLE plain", "ALTER TABLE plain DROP COLUMN v", "ALTER TABLE plain RENAME COLUMN marked TO m"} {
		d, c, err := claimFile(filepath.Join(t.TempDir(), "changed.duckdb"))
		must(t, err)
		must(t, d.use(context.Background(), func(s *session) error {
			err := s.exec(context.Background(), statement)
			return err
		}))
		err = d.Apply(context.Background(), newBatches(c).next(nil))
		wants(t, err, destination.TableChanged, "")
		must(t, d.Close())
	}
}

// TestStagedName refuses a table that has the name of a staged view.
func TestStagedName(t *testing.T) {
	d, _, err := claimFile(filepath.Join(t.TempDir(), "names.duckdb"))
	must(t, err)
	staged := *plain
	staged.Name = "__STAGED_rows"
	err = d.Migrate(context.Background(), schema.Plan{schema.BeginCopy{Table: &staged, Generation: 1}})
	wants(t, err, destination.TableTaken, "on their way")
	must(t, d.Close())
}

// TestQueryReads: a query does not write by mistake.
func TestQueryReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	must(t, claim(path))
	d, err := openFile(path)
	must(t, err)
	defer d.Close()
	for _, sql := range []string{
		"DROP TABLE __trunkline.checkpoints", "SELECT 1; DELETE FROM __trunkline.checkpoints", "CREATE TABLE t (i INTEGER)",
	} {
		reader, err := d.Query(t.Context(), sql)
		if err == nil {
			reader.Release()
			t.Errorf("%q was run", sql)
		}
	}
	if c, err := d.Checkpoint(t.Context()); err != nil || c.Owner == 0 {
		t.Errorf("the checkpoint is %+v, %v", c, err)
	}
}

func TestQueryRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	must(t, claim(path))
	d, err := openFile(path)
	must(t, err)
	defer d.Close()
	for _, sql := range []string{"SELEC 1", "SELECT nothing", "SELECT 1 FROM nowhere", "SELECT 'x'::INTEGER"} {
		reader, err := d.Query(t.Context(), sql)
		if err == nil {
			for reader.Next() {
			}
			err = reader.Err()
			reader.Release()
		}
		if !fault.Has(err, destination.QueryRefused) {
			t.Errorf("%q: %v", sql, err)
		}
	}
}
