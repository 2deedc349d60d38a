package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/internal/cli"
)

// childArguments are the command line of a process that TestMain starts instead
// of the tests.
const childArguments = "TRUNKLINE_TEST_ARGUMENTS"

// start runs the pipeline in a process of its own until the test ends.
func (b *bad) start() {
	b.t.Helper()
	cmd := exec.Command(os.Args[0])
	args := []string{"run", "-f", b.file(), "--state", filepath.Join(b.dir, "state")}
	cmd.Env = append(os.Environ(), childArguments+"="+strings.Join(args, "\n"))
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	const streams = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'trunkline shop'"
	for deadline := time.Now().Add(time.Minute); b.db.Value(streams) == "0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the pipeline does not stream")
		}
	}
}

// file writes the pipeline file.
func (b *bad) file() string {
	b.t.Helper()
	path := filepath.Join(b.dir, "pipeline.yaml")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// command runs a command on the pipeline.
func (b *bad) command(name string) (code int, said string) {
	b.t.Helper()
	var out bytes.Buffer
	code = cli.Run([]string{name, "-f", b.file(), "--log-level", "error"}, &out, &out)
	return code, out.String()
}

// Commands beside a running pipeline know whose the destination's file is, even
// while the pipeline does not have it in hand.
func TestBesideRunning(t *testing.T) {
	b := newBad(t, scramServer(t, nil))
	b.start()
	if code, said := b.command("check"); code != 0 || !strings.Contains(said, "held by the running pipeline") {
		t.Errorf("check: exit code %d\n%s", code, said)
	}
	if code, said := b.command("verify"); code != 1 || !strings.Contains(said, "error 2002") || !strings.Contains(said, "stop the pipeline") {
		t.Errorf("verify: exit code %d\n%s", code, said)
	}
}
