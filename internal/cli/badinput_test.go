package cli_test

import (
	"bytes"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"trunkline/internal/cli"
	"trunkline/internal/pg/pgserver"
	"trunkline/internal/pg/pgtest"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(childArguments); args != "" {
		os.Exit(cli.Run(strings.Split(args, "\n"), os.Stdout, os.Stderr))
	}
	flag.Parse()
	os.Exit(pgtest.Main(m))
}

// bad is a source, a folder and a pipeline file that something is wrong with.
type bad struct {
	t    *testing.T
	db   *pgtest.DB
	dir  string
	text string
	// more arguments of run.
	args []string
}

const goodFile = `name: shop
source:
  type: postgresql
  host: 127.0.0.1
  port: %d
  user: shop
  password: secret
  database: %s
destination:
  type: duckdb
  path: %s/shop.duckdb
`

// run runs the pipeline of the file and returns the exit code and what was said.
func (b *bad) run() (code int, said string) {
	b.t.Helper()
	file := filepath.Join(b.dir, "pipeline.yaml")
	if b.text != "" {
		file = b.file()
	}
	var stdout, stderr bytes.Buffer
	args := append([]string{"run", "-f", file, "--state", filepath.Join(b.dir, "state"), "--until-caught-up", "--log-level", "error"}, b.args...)
	code = cli.Run(args, &stdout, &stderr)
	return code, stderr.String()
}

// replace changes the good file.
func (b *bad) replace(old, with string) {
	b.t.Helper()
	if !strings.Contains(b.text, old) {
		b.t.Fatalf("the file has no %q", old)
	}
	b.text = strings.Replace(b.text, old, with, 1)
}

// cases are what people get wrong: what is done to a good pipeline, in the order
// of the golden file.
var cases = []struct {
	name string
	do   func(*bad)
}{
	{"an unknown key", func(b *bad) { b.replace("password:", "pasword:") }},
	{"a missing file", func(b *bad) { b.text = "" }},
	{"an unset variable", func(b *bad) { b.replace("secret", "${TRUNKLINE_TEST_UNSET}") }},
	{"a host with a scheme", func(b *bad) { b.replace("127.0.0.1", "https://shop.example.com") }},
	{"a port out of range", func(b *bad) {
		b.text = regexp.MustCompile(`port: \d+`).ReplaceAllString(b.text, "port: 70000")
	}},
	{"a name too long", func(b *bad) { b.replace("name: shop", "name: "+strings.Repeat("x", 256)) }},
	{"an unreachable host", func(b *bad) { b.replace("127.0.0.1", "shop.invalid") }},
	{"a port where nobody listens", func(b *bad) {
		b.text = regexp.MustCompile(`port: \d+`).ReplaceAllString(b.text, "port: 1")
	}},
	{"a wrong password", func(b *bad) { b.replace("secret", "wrong") }},
	{"a missing database", func(b *bad) { b.replace("database: "+b.db.Name(), "database: nowhere") }},
	{"no REPLICATION", func(b *bad) { b.db.Exec("ALTER ROLE shop NOREPLICATION") }},
	{"a table without SELECT", func(b *bad) { b.db.Exec("REVOKE SELECT ON goods FROM shop") }},
	{"tables of somebody else", func(b *bad) { b.db.Exec("ALTER TABLE goods OWNER TO postgres; GRANT SELECT ON goods TO shop") }},
	{"a publication that is not", func(b *bad) { b.replace("destination:", "  publication: [nowhere]\ndestination:") }},
	{"an object that is not", func(b *bad) { b.text += "objects: [{ name: public.good }]\n" }},
	{"two objects, one table", func(b *bad) {
		b.db.Exec("CREATE SCHEMA other AUTHORIZATION shop; CREATE TABLE other.goods (id int PRIMARY KEY); ALTER TABLE other.goods OWNER TO shop")
		b.text += "defaults: { table_name: \"{table}\" }\n"
	}},
	{"a destination table that is not ours", func(b *bad) {
		b.duckdb("CREATE TABLE " + b.db.Name() + "_goods (something INTEGER)")
	}},
	{"a destination file that is locked", func(b *bad) {
		b.replace("shop.duckdb\n", "shop.duckdb\n  lock_timeout: 1s\n")
		b.hold()
	}},
	{"a destination file that is none", func(b *bad) {
		if err := os.WriteFile(filepath.Join(b.dir, "shop.duckdb"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}},
	{"a destination folder that is not", func(b *bad) { b.replace("/shop.duckdb", "/nowhere/shop.duckdb") }},
	{"an unknown kind of destination", func(b *bad) { b.replace("type: duckdb", "type: ducdb") }},
}

// duckdb runs SQL on the destination.
func (b *bad) duckdb(statement string) {
	b.t.Helper()
	db, err := sql.Open("duckdb", filepath.Join(b.dir, "shop.duckdb"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		b.t.Fatal(err)
	}
}

// hold lets another process hold the file until the test ends.
func (b *bad) hold() {
	b.t.Helper()
	b.duckdb("SELECT 1")
	holder := exec.Command(os.Args[0], "-test.run", "^TestHolder$")
	holder.Env = append(os.Environ(), "TRUNKLINE_TEST_HOLD="+filepath.Join(b.dir, "shop.duckdb"))
	in, err := holder.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		b.t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = in.Close()
		_ = holder.Wait() // it holds the file for us and nothing more
	})
}

// TestHolder is the process that holds a file.
func TestHolder(t *testing.T) {
	path := os.Getenv("TRUNKLINE_TEST_HOLD")
	if path == "" {
		t.Skip("not a holder")
	}
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// Each ends with exit code 1 or 2 and a message that names the field or object
// and the remedy, and nothing is left behind at the source.
func TestBadInput(t *testing.T) {
	s := scramServer(t, nil)
	var golden strings.Builder
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBad(t, s)
			c.do(b)
			code, said := b.run()
			if code != 1 && code != 2 {
				t.Errorf("exit code %d", code)
			}
			if strings.Contains(said, "secret") || strings.Contains(said, "wrong") && c.name == "a wrong password" {
				t.Errorf("the password is in the message:\n%s", said)
			}
			b.nothingLeft()
			fmt.Fprintf(&golden, "### %s: exit code %d\n%s\n", c.name, code, b.redact(said))
		})
	}
	compareGolden(t, "testdata/badinput.golden", golden.String())
}

// A port where something else answers is told as such.
func TestNotPostgreSQL(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n")
			defer conn.Close()
		}
	}()
	b := newBad(t, scramServer(t, nil))
	b.text = regexp.MustCompile(`port: \d+`).ReplaceAllString(b.text, fmt.Sprint("port: ", listener.Addr().(*net.TCPAddr).Port))
	if code, said := b.run(); code != 1 || !strings.Contains(said, "what answers there is not PostgreSQL") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// Servers that cannot replicate say what is to be set.
func TestServerCannot(t *testing.T) {
	var golden strings.Builder
	for _, c := range []struct {
		name     string
		settings map[string]string
		before   string
	}{
		{"wal_level is replica", map[string]string{"wal_level": "replica"}, "SELECT 1"},
		{"no free slot", map[string]string{"max_replication_slots": "1"}, "SELECT pg_create_physical_replication_slot('taken')"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBad(t, scramServer(t, c.settings))
			b.db.Exec(c.before)
			code, said := b.run()
			fmt.Fprintf(&golden, "### %s: exit code %d\n%s\n", c.name, code, b.redact(said))
			b.nothingLeft()
			if _, err := os.Stat(filepath.Join(b.dir, "shop.duckdb")); !os.IsNotExist(err) {
				t.Errorf("the destination was written: %v", err)
			}
		})
	}
	compareGolden(t, "testdata/servercannot.golden", golden.String())
}

// A full disk stops the load with a clear message; after there is space again,
// it goes on, and nothing was half written.
func TestFullDisk(t *testing.T) {
	b := newBad(t, scramServer(t, nil))
	disk := t.TempDir()
	mount := func(size string, flags ...string) error {
		return exec.Command("mount", append([]string{"-t", "tmpfs", "-o", strings.Join(append(flags, "size="+size), ","), "tmpfs", disk}, []string{}...)...).Run()
	}
	if err := mount("3m"); err != nil {
		t.Skip("no file system of a chosen size can be mounted here")
	}
	t.Cleanup(func() { _ = exec.Command("umount", disk).Run() })
	b.replace(b.dir+"/shop.duckdb", disk+"/shop.duckdb")
	b.db.Exec("INSERT INTO goods SELECT i, md5(i::text) || md5((i + 1)::text) || md5((i + 2)::text) FROM generate_series(10, 200000) i")
	code, said := b.run()
	if code != 1 || !strings.Contains(said, "error 2005") {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if err := mount("200m", "remount"); err != nil {
		t.Fatal(err)
	}
	if code, said := b.run(); code != 0 {
		t.Fatalf("with space again: exit code %d: %s", code, said)
	}
	var stdout, stderr bytes.Buffer
	if code := cli.Run([]string{"verify", "-f", filepath.Join(b.dir, "pipeline.yaml")}, &stdout, &stderr); code != 0 {
		t.Errorf("verify: exit code %d\n%s%s", code, &stdout, &stderr)
	}
}

// scramServer asks for passwords on its port.
func scramServer(t *testing.T, settings map[string]string) *pgtest.Server {
	t.Helper()
	versions := pgtest.Versions()
	return pgtest.New(t, pgserver.Options{
		Major: versions[len(versions)-1], Settings: settings,
		HBA: []string{"local all all trust", "host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"},
	})
}

// newBad is a pipeline that nothing is wrong with yet.
func newBad(t *testing.T, s *pgtest.Server) *bad {
	t.Helper()
	b := &bad{t: t, db: s.Database(t), dir: t.TempDir()}
	b.db.Exec("DO $$ BEGIN CREATE ROLE shop; EXCEPTION WHEN duplicate_object THEN END $$; ALTER ROLE shop LOGIN REPLICATION PASSWORD 'secret'")
	b.db.Exec("GRANT CREATE ON DATABASE " + b.db.Name() + " TO shop; CREATE TABLE goods (id int PRIMARY KEY, v text); ALTER TABLE goods OWNER TO shop; INSERT INTO goods VALUES (1, 'x')")
	b.text = fmt.Sprintf(goodFile, s.Port(), b.db.Name(), b.dir)
	return b
}

// nothingLeft checks that the source is as it was.
func (b *bad) nothingLeft() {
	b.t.Helper()
	left := b.db.Query("SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database() UNION ALL SELECT 'publication ' || pubname FROM pg_publication")
	if len(left) > 0 {
		b.t.Errorf("left at the source: %v", left)
	}
}

// redact takes out what differs from run to run.
func (b *bad) redact(said string) string {
	for old, with := range map[string]string{b.dir: "DIR", b.db.Name(): "DATABASE", fmt.Sprint(b.db.Server().Port()): "PORT"} {
		said = strings.ReplaceAll(said, old, with)
	}
	said = regexp.MustCompile(`process \d+ \([^)]*\)`).ReplaceAllString(said, "process PID (PROGRAM)")
	said = regexp.MustCompile(`trunkline_shop_[0-9a-f]{8}`).ReplaceAllString(said, "trunkline_shop_HASH")
	return said
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if *cli.Update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; run with -update and look at the difference:\n%s", path, got)
	}
}
