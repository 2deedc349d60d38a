package postgres

import (
	"context"
	"fmt"
)

// maxStagings is how many temporary tables a connection keeps: each costs a
// little at the end of every transaction that uses one.
const maxStagings = 64

// staging is a temporary table of a session.
type staging struct {
	name   string
	layout *layout
}

// stage gives an empty temporary table for a purpose; create makes its
// definition. It is made once and serves as long as the table keeps its shape:
// tables that come and go would fill the catalog with dead rows.
func (s *session) stage(ctx context.Context, purpose string, l *layout, create func(name string) string) (string, error) {
	if l != nil {
		purpose += " " + l.table.Name
	}
	st := s.staged[purpose]
	switch {
	case st != nil && st.layout != l:
		if err := s.unstage(ctx, purpose); err != nil {
			return "", err
		}
	case st != nil && s.dirty[st]:
		return st.name, s.run(ctx, "TRUNCATE "+st.name)
	case st != nil:
		s.dirty[st] = true
		return st.name, nil
	}
	if err := s.makeRoom(ctx); err != nil {
		return "", err
	}
	s.stagings++
	st = &staging{name: fmt.Sprintf("pg_temp.staged_%d", s.stagings), layout: l}
	if err := s.run(ctx, create(st.name)); err != nil {
		return "", err
	}
	s.staged[purpose] = st
	s.dirty[st] = true
	return st.name, nil
}

// makeRoom drops the temporary tables that the transaction does not use, once
// there are many.
func (s *session) makeRoom(ctx context.Context) error {
	if len(s.staged) < maxStagings {
		return nil
	}
	for purpose, st := range s.staged {
		if s.dirty[st] {
			continue
		}
		if err := s.unstage(ctx, purpose); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) unstage(ctx context.Context, purpose string) error {
	st := s.staged[purpose]
	delete(s.staged, purpose)
	return s.run(ctx, "DROP TABLE "+st.name)
}
