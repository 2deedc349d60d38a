package config

import (
	"errors"
	"strings"
)

// ObjectName is a parsed name of an object: a schema and a table, either of
// which may hold wildcards.
type ObjectName struct {
	schema, table glob
	folded        bool // unquoted capitals were turned to lower case
}

// glob is a text with wildcards: the literal pieces between them. One piece is
// a text without wildcards.
type glob []string

var (
	errNoSchema = errors.New("has no schema")
	errParts    = errors.New("has more parts than schema.table")
	errQuotes   = errors.New("has a double quote that is not closed, or not around a whole part")
	errNoName   = errors.New("has an empty part")
	errBare     = errors.New("has a character that needs double quotes")
)

// ParseObjectName reads schema.table as SQL does: unquoted parts are folded to
// lower case, quoted ones are taken as they are, "" within quotes is one quote.
// Outside quotes * stands for any characters, also for none. The error is a
// predicate that does not quote the name.
func ParseObjectName(text string) (ObjectName, error) {
	var n ObjectName
	var err error
	rest := text
	if n.schema, rest, err = n.part(rest); err != nil {
		return ObjectName{}, err
	}
	if rest == "" {
		return ObjectName{}, errNoSchema
	}
	if n.table, rest, err = n.part(rest[1:]); err != nil {
		return ObjectName{}, err
	}
	if rest != "" {
		return ObjectName{}, errParts
	}
	return n, nil
}

// part reads one part; rest is empty or begins with the dot behind it.
func (n *ObjectName) part(text string) (g glob, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		return quotedPart(text[1:])
	}
	end := strings.IndexByte(text, '.')
	if end < 0 {
		end = len(text)
	}
	bare := text[:end]
	switch {
	case bare == "":
		return nil, "", errNoName
	case strings.Contains(bare, `"`):
		return nil, "", errQuotes
	case strings.ContainsFunc(bare, needsQuotes):
		return nil, "", errBare
	}
	lower := foldASCII(bare)
	n.folded = n.folded || lower != bare
	return strings.Split(lower, "*"), text[end:], nil
}

func quotedPart(text string) (g glob, rest string, err error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `"`)
		b.WriteString(before)
		switch {
		case !found:
			return nil, "", errQuotes
		case strings.HasPrefix(after, `"`):
			b.WriteByte('"')
			text = after[1:]
		case b.Len() == 0:
			return nil, "", errNoName
		case after != "" && after[0] != '.':
			return nil, "", errQuotes
		default:
			return glob{b.String()}, after, nil
		}
	}
}

// needsQuotes tells characters that no unquoted identifier of PostgreSQL has.
// The wildcard is ours.
func needsQuotes(r rune) bool {
	const ascii = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$*"
	return r < 0x80 && !strings.ContainsRune(ascii, r)
}

// foldASCII folds as PostgreSQL does in a multi-byte encoding: A to Z only.
func foldASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// IsPattern reports whether the name has wildcards.
func (n ObjectName) IsPattern() bool { return len(n.schema) > 1 || len(n.table) > 1 }

// Exact returns schema and table of a name without wildcards.
func (n ObjectName) Exact() (schema, table string, ok bool) {
	if len(n.schema) != 1 || len(n.table) != 1 {
		return "", "", false
	}
	return n.schema[0], n.table[0], true
}

// Matches reports whether the name is that of a table or a pattern of it.
func (n ObjectName) Matches(schema, table string) bool {
	return n.schema.matches(schema) && n.table.matches(table)
}

// String writes the name as ParseObjectName reads it.
func (n ObjectName) String() string { return n.schema.String() + "." + n.table.String() }

// literals counts the characters that are not wildcards.
func (n ObjectName) literals() int {
	return len(strings.Join(n.schema, "")) + len(strings.Join(n.table, ""))
}

func (g glob) String() string {
	if len(g) == 1 {
		return quoteIdentifier(g[0])
	}
	return strings.Join(g, "*")
}

// matches takes each literal piece at its first place from the left; the last
// one must end the text.
func (g glob) matches(text string) bool {
	if len(g) == 0 {
		return false
	}
	if len(g) == 1 {
		return g[0] == text
	}
	rest, ok := strings.CutPrefix(text, g[0])
	if !ok {
		return false
	}
	for _, piece := range g[1 : len(g)-1] {
		_, after, found := strings.Cut(rest, piece)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, g[len(g)-1])
}

// quoteIdentifier writes an exact name so that it is read back as the same.
func quoteIdentifier(name string) string {
	bare := name != "" && foldASCII(name) == name && !strings.ContainsFunc(name, needsQuotes) && !strings.Contains(name, "*")
	if bare {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
