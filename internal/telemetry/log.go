// Package telemetry makes the program's log.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// Formats of the log.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// NewLog writes to w in a format, from a level on.
func NewLog(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: write debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case FormatText:
		return slog.New(slog.NewTextHandler(w, options)), nil
	case FormatJSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: write text or json", format)
}
