package postgres

import (
	"context"
	"sync"
)

// keptSessions is how many idle connections are kept: as many as copy at once,
// unless the file asks for more.
const keptSessions = 8

// pool are the connections of one pipeline.
type pool struct {
	connector *connector
	mu        sync.Mutex
	idle      []*session
	closed    bool
}

// get takes an idle connection, or makes one.
func (p *pool) get(ctx context.Context) (*session, error) {
	for {
		s := p.take()
		if s == nil {
			return p.connector.connect(ctx)
		}
		// The server may have ended it meanwhile; then nothing is lost yet.
		if s.conn.Ping(ctx) == nil {
			return s, nil
		}
		s.close()
	}
}

// take takes the connection that was used last, whose temporary tables are the
// likeliest to serve again.
func (p *pool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	s := p.idle[n-1]
	p.idle = p.idle[:n-1]
	return s
}

// put gives a connection back.
func (p *pool) put(s *session) {
	p.mu.Lock()
	keep := s.usable() && !p.closed && len(p.idle) < keptSessions
	if keep {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		s.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, s := range idle {
		s.close()
	}
}
