// Package fault says what went wrong in words a person can act on.
//
// A Kind is one entry of the error catalogue: a number that never changes, a
// title, how it is found and what to do. Kinds are declared as variables near
// the code that can tell them apart; a Catalogue gathers them for `trunkline
// explain` and for the reference page.
//
// An Error is one occurrence: its kind, what it concerns, the cause as found and
// the exact remedy. It wraps the error below it, so errors.Is and errors.As see
// through it.
package fault

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is one entry of the catalogue.
//
// Codes 1xxx concern the source, 2xxx the destination, 3xxx the pipeline, its
// file and its objects.
type Kind struct {
	Code  int
	Title string
	// Known is the title under which users of the hosted service know the same
	// fault, where it differs.
	Known string
	// Found says by what the fault is recognised.
	Found string
	// Action is the remedy in general; an Error may carry a more exact one.
	Action string
	// Usage marks faults of the command line or of the pipeline file: nothing
	// was tried yet, and the process ends with exit code 2.
	Usage bool
}

// Error is one occurrence of a Kind.
type Error struct {
	Kind *Kind
	// Subject names the field, object or file concerned: "source.host",
	// "public.orders". May be empty.
	Subject string
	// Cause is what was found, in a sentence without a full stop.
	Cause string
	// Action is the exact remedy; empty means the remedy of the Kind.
	Action string
	// Err is the error below, if there is one.
	Err error
}

// New makes an occurrence of k with its cause.
func (k *Kind) New(format string, args ...any) *Error {
	return &Error{Kind: k, Cause: fmt.Sprintf(format, args...)}
}

// Wrap makes an occurrence of k whose cause is err.
func (k *Kind) Wrap(err error) *Error {
	return &Error{Kind: k, Cause: err.Error(), Err: err}
}

// On sets the subject.
func (e *Error) On(subject string) *Error {
	e.Subject = subject
	return e
}

// Do sets the exact remedy.
func (e *Error) Do(format string, args ...any) *Error {
	e.Action = fmt.Sprintf(format, args...)
	return e
}

// By sets the error below.
func (e *Error) By(err error) *Error {
	e.Err = err
	return e
}

// Remedy is what to do: the exact action, or that of the kind. Every fault of
// the source ends with the way out for those who may not do it themselves.
func (e *Error) Remedy() string {
	action := e.Action
	if action == "" {
		action = e.Kind.Action
	}
	if e.Kind.Code >= 1000 && e.Kind.Code < 2000 {
		action += "; or ask a team member who may do this"
	}
	return action
}

// Error is the whole message on one line: code, title, subject, cause, remedy.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%d] %s: ", e.Kind.Code, e.Kind.Title)
	if e.Subject != "" {
		fmt.Fprintf(&b, "%s: ", e.Subject)
	}
	b.WriteString(e.Cause)
	if remedy := e.Remedy(); remedy != "" {
		if !strings.HasSuffix(e.Cause, "?") {
			b.WriteByte('.')
		}
		fmt.Fprintf(&b, " To mend it: %s", remedy)
	}
	return b.String()
}

// Unwrap returns the error below.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is a fault of the same kind, so that
// errors.Is(err, Unreachable.New("")) and fault.Has(err, Unreachable) agree.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Kind == e.Kind
}

// Of finds the fault in an error chain.
func Of(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Has reports whether err is or wraps a fault of kind k.
func Has(err error, k *Kind) bool {
	e, ok := Of(err)
	return ok && e.Kind == k
}

// Catalogue is every kind of the program, by code.
type Catalogue []*Kind

// NewCatalogue gathers the kinds that the rooms declare.
func NewCatalogue(groups ...[]*Kind) Catalogue {
	all := Catalogue(slices.Concat(groups...))
	slices.SortFunc(all, func(a, b *Kind) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// Find returns the kind with this code, or nil.
func (c Catalogue) Find(code int) *Kind {
	for _, k := range c {
		if k.Code == code {
			return k
		}
	}
	return nil
}
