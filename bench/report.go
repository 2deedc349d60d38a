package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const reportHead = `# Results

Written by ` + "`make bench`" + ` on %s: %s, %d processors, PostgreSQL %d on the same machine.
A ratio is the limit's time divided by Trunkline's. Medians of %d runs.

| | what | measured | limit | ratio | target |
|---|---|---|---|---|---|
`

// report prints the table and writes it to a file.
func (b *bench) report(path string, major int) error {
	var text strings.Builder
	fmt.Fprintf(&text, reportHead, time.Now().UTC().Format("2006-01-02"), processor(), runtime.NumCPU(), major, b.runs)
	for _, r := range b.results {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", r.name, r.what, r.measured, r.limit, r.ratio, r.target)
	}
	fmt.Print("\n", text.String())
	if path == "" {
		return nil
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

func processor() string {
	out, err := exec.Command("sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2").Output()
	if err != nil || len(out) == 0 {
		return runtime.GOARCH
	}
	return strings.TrimSpace(string(out))
}
