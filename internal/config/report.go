package config

import (
	"fmt"
	"slices"

	"trunkline/internal/fault"
)

// Report is where a [Completer] says what it found in its section. Fields are
// named by their keys, relative to the section: "host", "ssl.mode".
type Report struct {
	d       *decoder
	section string
}

// In is the report of an inner section.
func (r *Report) In(section string) *Report {
	return &Report{r.d, joinPath(r.section, section)}
}

// Given reports whether the file has the field, with a value.
func (r *Report) Given(field string) bool {
	return r.d.given[joinPath(r.section, field)]
}

// Stands reports whether the file has the field, if only with an empty text.
func (r *Report) Stands(field string) bool {
	_, stands := r.d.at[joinPath(r.section, field)]
	return stands
}

// Sound reports whether no problem was found with the field so far.
func (r *Report) Sound(field string) bool { return !r.d.bad[joinPath(r.section, field)] }

// Refers reports whether the field's value comes from a reference, so that a
// message must not contain it or parts of it.
func (r *Report) Refers(field string) bool { return r.d.written[joinPath(r.section, field)].refers }

// Shown is the field's value as a message may show it: quoted as in the file,
// never what a reference stands for, never a secret.
func (r *Report) Shown(field string) string { return r.d.shown(joinPath(r.section, field)) }

// Refuse reports a problem with a field. The action is the exact remedy; empty
// means the remedy of the kind.
func (r *Report) Refuse(k *fault.Kind, field, action, cause string, args ...any) {
	r.d.refuse(k, joinPath(r.section, field), fmt.Sprintf(cause, args...), action)
}

// Warn reports what will work but was probably not meant.
func (r *Report) Warn(field, text string, args ...any) {
	r.d.warn(joinPath(r.section, field), fmt.Sprintf(text, args...))
}

func warningLines(file string, warnings []problem) []string {
	slices.SortStableFunc(warnings, byPlace)
	var lines []string
	for _, w := range warnings {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", w.at.in(file), w.path, w.cause))
	}
	return lines
}
