package config

import (
	"strings"
	"unicode/utf8"
)

// nearest returns the candidate that a typing person most likely meant, or "".
// Case, hyphens and underscores do not count as differences.
func nearest(word string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		if d, near := nearness(word, c); near && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// nearness is how many edits lead from word to candidate, and whether that is
// few enough to propose it. A third of the letters may be wrong, but two words
// of which one begins with the other ("username", "user") are near as well.
func nearness(word, candidate string) (edits int, near bool) {
	a, b := plain(word), plain(candidate)
	longer, shorter := max(len(a), len(b)), min(len(a), len(b))
	if shorter == 0 || longer > 64 {
		return 0, false
	}
	edits = editDistance(a, b)
	allowed := max(1, longer/3)
	if edits <= allowed && shorter > edits {
		return edits, true
	}
	contained := shorter >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a) ||
		strings.HasSuffix(a, b) || strings.HasSuffix(b, a))
	return edits, contained
}

// plain folds the spellings that differ by convention only: loadMode,
// load-mode and LOAD_MODE are all loadmode.
func plain(word string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours.
func editDistance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		current[0] = i + 1
		for j := range len(b) {
			cost := previous[j]
			if a[i] != b[j] {
				cost = 1 + min(previous[j], previous[j+1], current[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, before[j-1]+1)
			}
			current[j+1] = cost
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}

// home is a place where a key belongs.
type home struct {
	section string // "source", "source.ssl", "objects[]"; "" is the file itself
	field   *Field
}

// title names the section in a message.
func (h home) title() string {
	list, isList := strings.CutSuffix(h.section, "[]")
	switch {
	case h.section == "":
		return "the top level of the file"
	case isList:
		return quote(list) + " entries"
	default:
		return quote(h.section)
	}
}

// homes lists every declared key with its section, outer sections first.
func homes(section string, fields []Field) []home {
	var here, below []home
	for i := range fields {
		f := &fields[i]
		here = append(here, home{section, f})
		inner, path := f, joinPath(section, f.Name)
		if f.Type == TypeList {
			inner, path = f.Elem, path+"[]"
		}
		if !f.NotYet {
			below = append(below, homes(path, inner.Fields)...)
		}
	}
	return append(here, below...)
}

// suggest completes the message about an unknown key: what was probably meant,
// and where that belongs; empty if nothing comes near. meant is the key of the
// same section, if it is one.
func suggest(key string, section *Field, all []home) (hint, meant string) {
	spelled := func(h *Field) bool { return plain(h.Name) == plain(key) }
	known := func(h *Field) bool { return h.alsoKnownAs(key) }
	for _, accept := range []func(*Field) bool{spelled, known} {
		for i := range section.Fields {
			if accept(&section.Fields[i]) {
				return didYouMean(section.Fields[i].Name)
			}
		}
	}
	for _, accept := range []func(*Field) bool{spelled, known} {
		if places := homesWhere(all, accept); len(places) > 0 {
			return belongs(key, places), ""
		}
	}
	if near := nearest(key, section.names()); near != "" {
		return didYouMean(near)
	}
	names := make([]string, len(all))
	for i, h := range all {
		names[i] = h.field.Name
	}
	if near := nearest(key, names); near != "" {
		return belongs(key, homesWhere(all, func(f *Field) bool { return f.Name == near })), ""
	}
	return "", ""
}

func didYouMean(name string) (hint, meant string) {
	return "did you mean " + quote(name) + "?", name
}

func homesWhere(all []home, accept func(*Field) bool) []home {
	var found []home
	for _, h := range all {
		if accept(h.field) {
			found = append(found, h)
		}
	}
	return found
}

// belongs says where a key goes; with many places, the two outermost.
func belongs(key string, places []home) string {
	where := places[0].title()
	name := places[0].field.Name
	for _, p := range places[1:] {
		if p.field.Name == name && p.section != places[0].section {
			where += " or in " + p.title()
			break
		}
	}
	if name == key {
		return "it belongs in " + where
	}
	return "did you mean " + quote(name) + " in " + where + "?"
}

// clip makes text from the file fit into a message: on one line, not too long.
func clip(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "…"
	}
	return strings.Map(printable, text)
}

func quote(text string) string {
	if strings.Contains(text, `"`) && !strings.Contains(text, "'") {
		return "'" + clip(text) + "'"
	}
	return `"` + clip(text) + `"`
}
