package pg

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// MaxIdentifier is how many bytes of an identifier PostgreSQL keeps
// (NAMEDATALEN - 1).
const MaxIdentifier = 63

// Name is the qualified name of a relation, type or function.
type Name struct {
	Schema string
	Name   string
}

// String is the name quoted where it must be: public."Order Items".
func (n Name) String() string {
	if n.Schema == "" {
		return Ident(n.Name)
	}
	return Ident(n.Schema) + "." + Ident(n.Name)
}

// SQL is the name with every part quoted, for use in statements.
func (n Name) SQL() string {
	if n.Schema == "" {
		return Quote(n.Name)
	}
	return Quote(n.Schema) + "." + Quote(n.Name)
}

// Quote quotes an identifier for SQL, always.
func Quote(ident string) string {
	return `"` + strings.ReplaceAll(ident, `"`, `""`) + `"`
}

// Literal quotes a string literal for SQL. It is for commands of the replication
// protocol and utility statements, which take no parameters; elsewhere use
// parameters.
func Literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// Ident prints an identifier for people: quoted only where its plain form would
// be read as another name.
func Ident(ident string) string {
	if ident == "" {
		return `""`
	}
	for i := range len(ident) {
		c := ident[i]
		plain := c == '_' || c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '$')
		if !plain {
			return Quote(ident)
		}
	}
	return ident
}

// ParseName reads a name as String prints it: schema.table with optional quotes.
// A name without a schema belongs to public.
func ParseName(s string) (Name, error) {
	first, rest, err := cutIdent(s)
	if err != nil {
		return Name{}, fmt.Errorf("name %q: %w", s, err)
	}
	if rest == "" {
		return Name{Schema: "public", Name: first}, nil
	}
	if rest[0] != '.' {
		return Name{}, fmt.Errorf("name %q: a dot is expected before %q", s, rest)
	}
	second, rest, err := cutIdent(rest[1:])
	if err != nil {
		return Name{}, fmt.Errorf("name %q: %w", s, err)
	}
	if rest != "" {
		return Name{}, fmt.Errorf("name %q: more than schema and table", s)
	}
	return Name{Schema: first, Name: second}, nil
}

// cutIdent takes one identifier, quoted or not, from the start of s.
func cutIdent(s string) (ident, rest string, err error) {
	if s == "" || s[0] == '.' {
		return "", "", fmt.Errorf("an empty part")
	}
	if s[0] != '"' {
		end := strings.IndexByte(s, '.')
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), s[i+1:], nil
	}
	return "", "", fmt.Errorf("a quote is not closed")
}

// SlotName derives the name that a pipeline's slot and publications carry:
// trunkline_<slug>_<hash>, where the slug is the pipeline's name in the
// characters a slot may have and the hash keeps pipelines of like names, or of
// one name into several destinations, apart.
func SlotName(pipeline, destination string) string {
	const slugMax = 30
	var slug strings.Builder
	for _, r := range strings.ToLower(pipeline) {
		if slug.Len() == slugMax {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			slug.WriteRune(r)
		} else {
			slug.WriteByte('_')
		}
	}
	sum := sha256.Sum256([]byte(pipeline + "\x00" + destination))
	return "trunkline_" + slug.String() + "_" + hex.EncodeToString(sum[:4])
}
