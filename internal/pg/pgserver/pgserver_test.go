package pgserver

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// parentVar makes the test binary a process that starts a server and waits to
// be killed.
const parentVar = "TRUNKLINE_PGSERVER_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVar) != "" {
		beParent()
	}
	goleak.VerifyTestMain(m)
}

// both are the oldest and the newest version.
var both = []int{12, 18}

func eachVersion(t *testing.T, test func(t *testing.T, major int)) {
	for _, major := range both {
		t.Run(fmt.Sprintf("pg%d", major), func(t *testing.T) { test(t, major) })
	}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func restart(t *testing.T, s *Server, settings map[string]string) {
	t.Helper()
	if err := s.Restart(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
}

func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := MkdirTemp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// ask runs one query on a new connection and returns its only value as text.
func ask(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

func expect(t *testing.T, url, sql, want string) {
	t.Helper()
	if got := ask(t, url, sql); got != want {
		t.Errorf("%s: got %q, want %q", sql, got, want)
	}
}

func TestServerIsReadyAndAsPromised(t *testing.T) {
	eachVersion(t, func(t *testing.T, major int) {
		s := start(t, Options{Major: major, Settings: map[string]string{
			"application_name": `it's a \ in it`,
			"max_connections":  "33",
		}})
		url := s.ConnString("postgres")
		for sql, want := range map[string]string{
			"select current_setting('server_version_num')::int / 10000": fmt.Sprint(major),
			"show wal_level":             "logical",
			"show fsync":                 "off",
			"show max_wal_senders":       "20",
			"show max_replication_slots": "20",
			"show max_connections":       "33",
			"show server_encoding":       "UTF8",
			"show timezone":              "UTC",
			"show data_directory":        s.Dir(),
			"show port":                  fmt.Sprint(s.Port()),
			"select current_user":        "postgres",
			"select reset_val from pg_settings where name = 'application_name'":           `it's a \ in it`,
			"select datcollate from pg_database where datname = 'postgres'":               "C",
			"select pg_sleep(0) from pg_create_logical_replication_slot('s', 'pgoutput')": "",
		} {
			expect(t, url, sql, want)
		}
		expect(t, s.SocketString("postgres"), "select inet_server_addr() is null", "t")
		if !strings.Contains(s.Log(), "ready to accept connections") {
			t.Errorf("the log has no start in it:\n%s", s.Log())
		}
	})
}

func TestServerIsNotRoot(t *testing.T) {
	s := start(t, Options{})
	info, err := os.Stat(fmt.Sprintf("/proc/%d", s.Pid()))
	if err != nil {
		t.Skip("no /proc:", err)
	}
	if uid, _ := owner(info); uid == 0 {
		t.Error("the server runs as root")
	}
}

func TestStopLeavesNothing(t *testing.T) {
	s := start(t, Options{})
	proc, rooms := s.proc, s.SocketDir()
	stop(t, s)
	if !proc.exited() || s.Pid() != 0 {
		t.Error("the server still runs")
	}
	if _, err := os.Stat(rooms); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", rooms, err)
	}
	if err := s.Restart(t.Context(), nil); err == nil {
		t.Error("a server that was stopped for good can be restarted")
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	s := start(t, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ended); err == nil {
		t.Error("no error although the time to stop was over")
	}
	if s.Pid() != 0 {
		t.Error("the server still runs")
	}
}

func TestRestartAndCrashKeepData(t *testing.T) {
	eachVersion(t, func(t *testing.T, major int) {
		s := start(t, Options{Major: major})
		url := s.ConnString("postgres")
		ask(t, url, "create table t as select 1 as n")

		ask(t, url, "alter system set maintenance_work_mem = '9MB'")

		restart(t, s, map[string]string{"work_mem": "7MB"})
		expect(t, url, "select n from t", "1")
		expect(t, url, "show maintenance_work_mem", "9MB")
		expect(t, url, "show work_mem", "7MB")

		ask(t, url, "update t set n = 2")
		s.Kill()
		if s.Pid() != 0 {
			t.Fatal("the server survived Kill")
		}
		restart(t, s, map[string]string{"max_wal_senders": "3"})
		expect(t, url, "select n from t", "2")
		expect(t, url, "show work_mem", "7MB")
		expect(t, url, "show max_wal_senders", "3")
		if !strings.Contains(s.Log(), "was not properly shut down") {
			t.Errorf("Kill was not like a crash:\n%s", s.Log())
		}
	})
}

func TestDirIsUsedAgain(t *testing.T) {
	eachVersion(t, func(t *testing.T, major int) {
		dir := filepath.Join(tempDir(t), "a", "data")
		first := start(t, Options{Major: major, Dir: dir, InitArgs: []string{"--wal-segsize=1"}})
		ask(t, first.ConnString("postgres"), "create table t as select 'kept' as v")
		stop(t, first)

		again := start(t, Options{Dir: dir, Fsync: true})
		if again.Major() != major || again.Dir() != dir {
			t.Errorf("runs %d in %s, want %d in %s", again.Major(), again.Dir(), major, dir)
		}
		expect(t, again.ConnString("postgres"), "select v from t", "kept")
		expect(t, again.ConnString("postgres"), "show fsync", "on")
		expect(t, again.ConnString("postgres"), "show wal_segment_size", "1MB")
	})
}

// TestClusterOfSomebodyElse is about data that was made by another user, or
// copied by root.
func TestClusterOfSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run the cluster of another user")
	}
	dir := filepath.Join(tempDir(t), "data")
	stop(t, start(t, Options{Dir: dir}))
	nobody, err := lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	for _, as := range []*account{nobody, {name: "root"}} {
		if err := as.giveTree(filepath.Dir(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		s := start(t, Options{Dir: dir})
		expect(t, s.ConnString("postgres"), "select 1", "1")
		if as == nobody && s.account.uid != nobody.uid {
			t.Errorf("the cluster of nobody is run by %s", s.account.name)
		}
		stop(t, s)
	}
}

func TestStartRefuses(t *testing.T) {
	cluster := filepath.Join(tempDir(t), "data")
	stop(t, start(t, Options{Major: 18, Dir: cluster}))
	full := tempDir(t)
	if err := os.WriteFile(filepath.Join(full, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"another version": {Options{Dir: cluster, Major: 12}, "holds a cluster of PostgreSQL 18, not 12"},
		"a full folder":   {Options{Dir: full}, "not empty and not the data directory"},
		"its port":        {Options{Settings: map[string]string{"port": "5432"}}, "setting port is not free"},
		"two settings":    {Options{Settings: map[string]string{"a = b\nc": "d"}}, "not the name of a setting"},
		"initdb":          {Options{InitArgs: []string{"--locale=nowhere"}}, "invalid locale"},
		"early death":     {Options{Settings: map[string]string{"max_connections": "many"}}, `invalid value for parameter "max_connections"`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(t.Context(), c.options)
			if err == nil {
				stop(t, s)
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error does not say %q: %v", c.want, err)
			}
		})
	}
}

func TestClosedDirIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only the servers of root run as another user")
	}
	dir := filepath.Join(t.TempDir(), "data") // nobody else may enter it
	s, err := Start(t.Context(), Options{Dir: dir})
	if err == nil {
		stop(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), "may not enter "+filepath.Dir(filepath.Dir(dir))) {
		t.Errorf("the error does not say which directory is closed: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestHBAIsOurs(t *testing.T) {
	s := start(t, Options{HBA: []string{"local all all trust", "host all all all scram-sha-256"}})
	ask(t, s.SocketString("postgres"), "create role reader login password 'secret'")
	url := fmt.Sprintf("postgres://reader:%%s@%s/postgres?sslmode=disable", s.Addr())
	expect(t, fmt.Sprintf(url, "secret"), "select current_user", "reader")
	if conn, err := pgx.Connect(t.Context(), fmt.Sprintf(url, "guess")); err == nil {
		conn.Close(t.Context())
		t.Error("a wrong password is let in")
	}

	// Nobody is let in, which is an answer too.
	if err := s.WriteFile("pg_hba.conf", []byte("local all all reject\n")); err != nil {
		t.Fatal(err)
	}
	restart(t, s, nil)
}

func TestTakenPortIsLeft(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port

	s, err := prepare(t.Context(), Options{Major: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	ports := []int{taken, taken, freePort()}
	s.pickPort = func() int {
		port := ports[0]
		ports = ports[1:]
		return port
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Port() == taken {
		t.Error("the port of another process was taken")
	}
	expect(t, s.ConnString("postgres"), "select 1", "1")
}

// TestClosedTempDir is about machines whose TMPDIR the server's user cannot
// enter.
func TestClosedTempDir(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	mode := os.FileMode(0) // closed to ourselves
	if os.Geteuid() == 0 {
		mode = 0o700 // closed to the server's user, who is another
		t.Setenv("HOME", closed)
	}
	if err := os.Mkdir(closed, mode); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	s := start(t, Options{})
	if strings.HasPrefix(s.Dir(), closed) {
		t.Errorf("the data is in %s", s.Dir())
	}
}

func TestCPUIsCounted(t *testing.T) {
	s := start(t, Options{})
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	before, _ := s.CPU()
	if _, err := conn.Exec(t.Context(), "select count(*) from generate_series(1, 3000000)"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc:", err)
	}
	if after, _ := s.CPU(); after <= before {
		t.Errorf("3 million rows took no time: %v, then %v", before, after)
	}
	s.Kill()
	if user, system := s.CPU(); user != 0 || system != 0 {
		t.Errorf("a dead server uses %v and %v", user, system)
	}
}

// beParent starts a server, says how to reach it and waits to be killed.
func beParent() {
	s, err := Start(context.Background(), Options{
		// A session that does not say who it is may wait longer than any test.
		Settings: map[string]string{"authentication_timeout": "600s"},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Addr(), s.SocketDir())
	select {}
}

func TestServerDiesWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVar+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var addr, room string
	if _, err := fmt.Fscanln(out, &addr, &room); err != nil {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the parent did not start its server: %v: %s", err, rest)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// The connection ends when the server does, and not before.
	_, _ = io.Copy(io.Discard, conn)

	// What the dead left behind is removed by the next.
	sweep(filepath.Dir(room))
	if _, err := os.Stat(room); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", room, err)
	}
}
