package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"trunkline/internal/fault"
)

// place is where something stands in a file, counted from 1. The zero place is
// the file as a whole; column 0 is a whole line.
type place struct{ line, column int }

func (p place) in(file string) string {
	switch {
	case p.line == 0:
		return file
	case p.column == 0:
		return fmt.Sprintf("%s:%d", file, p.line)
	default:
		return fmt.Sprintf("%s:%d:%d", file, p.line, p.column)
	}
}

// problem is one fault of a file, before it is put into words.
type problem struct {
	kind   *fault.Kind
	at     place
	path   string
	cause  string
	action string
}

// fault is the problem as its reader meets it alone.
func (p problem) fault(file string) *fault.Error {
	return &fault.Error{
		Kind: p.kind, Subject: p.path, Action: p.action,
		Cause: p.at.in(file) + ": " + p.cause,
	}
}

// line is the problem as one of many. The position comes first, where editors
// and terminals look for it.
func (p problem) line(file string) string {
	var b strings.Builder
	b.WriteString(p.at.in(file) + ": ")
	if p.path != "" {
		b.WriteString(p.path + ": ")
	}
	b.WriteString(p.cause)
	if p.action != "" {
		if !strings.HasSuffix(p.cause, "?") {
			b.WriteByte(';')
		}
		b.WriteString(" to mend it, " + p.action)
	}
	fmt.Fprintf(&b, " [%d]", p.kind.Code)
	return b.String()
}

// ProblemsError are the faults of one file, by position.
type ProblemsError []*fault.Error

// Error is one line per problem.
func (ps ProblemsError) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults, for errors.Is and errors.As.
func (ps ProblemsError) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// ProblemsOf returns the single faults in an error of this package, each with
// the field it concerns as Subject, so that a form can show them one by one.
func ProblemsOf(err error) []*fault.Error {
	var many ProblemsError
	if errors.As(err, &many) {
		return many
	}
	if one, ok := fault.Of(err); ok {
		return []*fault.Error{one}
	}
	return nil
}

// asError turns problems into what a caller gets: nil, the one fault, or a
// ManyProblems fault whose cause has a line for each.
func asError(file string, problems []problem) error {
	slices.SortStableFunc(problems, byPlace)
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return problems[0].fault(file)
	}
	many := make(ProblemsError, len(problems))
	lines := make([]string, len(problems))
	for i, p := range problems {
		many[i] = p.fault(file)
		lines[i] = "\n  " + p.line(file)
	}
	// The remedy follows the cause on the same line, so that line is not one of
	// the problems.
	cause := fmt.Sprintf("%d problems in %s%s\nnothing was started", len(problems), file, strings.Join(lines, ""))
	return ManyProblems.New("%s", cause).By(many)
}

func byPlace(a, b problem) int {
	return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
}
