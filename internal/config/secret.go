package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands for a secret wherever one would be shown. Its length says nothing
// about the secret's.
const mask = "******"

// Secret is a text that is never shown: fmt, slog, JSON and YAML all print
// ****** in its place (nothing, if it is empty). Only Reveal gives the text.
//
// Keep a Secret in exported fields: fmt cannot call methods on values it finds
// in unexported ones. Nor does it for the two verbs that fit no text: %w, which go
// vet refuses here, and %p.
type Secret string

// Reveal returns the text, for the one who must send it to a server.
func (s Secret) Reveal() string { return string(s) }

// String returns the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// Format prints the mask for every verb; %x of a password is a password too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is the mask, as slog sees it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the mask, as JSON, YAML and XML see it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
