package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"trunkline/internal/pipeline"
)

// display shows progress until it is stopped: on a terminal a table that is
// drawn anew in place, elsewhere a line of JSON.
type display struct {
	done    chan struct{}
	stopped chan struct{}
}

func startDisplay(w io.Writer, terminal bool, every time.Duration, progress func() pipeline.Snapshot) *display {
	d := &display{done: make(chan struct{}), stopped: make(chan struct{})}
	draw := jsonLines(w)
	if terminal {
		every /= 2
		draw = inPlace(w)
	}
	go func() {
		defer close(d.stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-d.done:
				draw(progress())
				return
			case <-ticker.C:
				draw(progress())
			}
		}
	}()
	return d
}

// stop shows the last state and waits until it is shown.
func (d *display) stop() {
	close(d.done)
	<-d.stopped
}

func jsonLines(w io.Writer) func(pipeline.Snapshot) {
	out := json.NewEncoder(w)
	return func(s pipeline.Snapshot) { _ = out.Encode(s) } // nobody is left to tell if stdout is closed
}

// inPlace draws over what it drew before.
func inPlace(w io.Writer) func(pipeline.Snapshot) {
	lines := 0
	var rate rateMeter
	return func(s pipeline.Snapshot) {
		width, height := sizeOf(w)
		text := drawing(s, rate.observe(s), width, height)
		var b strings.Builder
		if lines > 0 {
			fmt.Fprintf(&b, "\x1b[%dA", lines)
		}
		b.WriteString("\x1b[J")
		b.WriteString(text)
		lines = strings.Count(text, "\n")
		_, _ = io.WriteString(w, b.String()) // as above
	}
}

// sizeOf is the size of a terminal.
func sizeOf(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if x, y, err := term.GetSize(int(f.Fd())); err == nil {
			width, height = x, y
		}
	}
	return likelySize(width, height)
}

// likelySize is a size, or what is likely where it is not known: a terminal that
// a program makes has none.
func likelySize(width, height int) (int, int) { return cmp.Or(width, 100), cmp.Or(height, 40) }

// rateMeter measures changes per second over the last seconds.
type rateMeter struct{ samples []pipeline.Snapshot }

const rateWindow = 8

// rates are changes per second, of all tables and of each.
type rates struct {
	total  float64
	tables map[string]float64
}

func (r *rateMeter) observe(s pipeline.Snapshot) rates {
	r.samples = append(r.samples, s)
	if len(r.samples) > rateWindow {
		r.samples = r.samples[1:]
	}
	first := r.samples[0]
	seconds := s.At.Sub(first.At).Seconds()
	if seconds <= 0 {
		return rates{}
	}
	before := map[string]int64{}
	for _, t := range first.Tables {
		before[t.Object] = t.Changes
	}
	out := rates{total: float64(s.Changes-first.Changes) / seconds, tables: map[string]float64{}}
	for _, t := range s.Tables {
		out.tables[t.Object] = float64(t.Changes-before[t.Object]) / seconds
	}
	return out
}

// drawing is the picture of a moment, in lines that fit the terminal.
func drawing(s pipeline.Snapshot, rate rates, width, height int) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(fit(fmt.Sprintf(format, args...), width) + "\n") }
	line("%s   %s changes, %s/s   lag %s, %s%s", s.Phase, count(s.Changes), count(int64(rate.total)),
		seconds(s.LagSeconds), size(s.LagBytes), retained(s))
	if s.Note != "" {
		line("  %s", s.Note)
	}
	line("")
	line("  %-26s %-15s %13s %10s %13s %10s", "object", "state", "rows loaded", "bytes", "changes", "changes/s")
	shown, hidden := 0, 0
	for _, t := range s.Tables {
		if t.State == pipeline.Skipped {
			hidden++
			continue
		}
		if shown >= height-8 {
			hidden++
			continue
		}
		shown++
		line("  %-26s %-15s %13s %10s %s", fit(t.Object, 26), t.State, count(t.Rows), size(t.Bytes), moving(t, rate))
	}
	if hidden > 0 {
		line("  and %d more", hidden)
	}
	return b.String()
}

func retained(s pipeline.Snapshot) string {
	if s.RetainedWAL == 0 {
		return ""
	}
	return ", the source keeps " + size(s.RetainedWAL) + " of WAL"
}

// moving shows how a table comes along: how much of its history is loaded, then
// its changes.
func moving(t pipeline.TableStatus, rate rates) string {
	if t.State != pipeline.HistoricalLoad {
		return fmt.Sprintf("%13s %10s", count(t.Changes), count(int64(rate.tables[t.Object])))
	}
	const cells = 10
	full := int(t.Percent / 100 * cells)
	text := fmt.Sprintf(" [%s%s] %3.0f %%", strings.Repeat("=", full), strings.Repeat(" ", cells-full), t.Percent)
	if t.ETA >= 1 {
		text += ", " + seconds(t.ETA) + " left"
	}
	return text
}

func fit(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width || width < 2 {
		return s
	}
	return string(runes[:width-1]) + "…"
}

// count prints a number in groups of three digits.
func count(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// size prints bytes in the largest unit that leaves a figure before the point.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[unit])
}

func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}
