package pgtest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// End is how a Proxy ends a connection.
type End int

const (
	// RST resets, as a firewall or a crashed host does: the peers get an error,
	// and what was on the way is lost.
	RST End = iota
	// FIN closes in order: the client gets all that was forwarded, then EOF.
	FIN
)

// Proxy is a piece of the wire between a client and a server that can be bent.
// It starts open, and is closed at the end of the test.
type Proxy struct {
	target   string
	listener net.Listener
	ctx      context.Context // ends with the proxy
	running  sync.WaitGroup  // the goroutines

	mu     sync.Mutex
	links  map[*link]struct{}
	gate   chan struct{} // closed while bytes may pass
	held   bool
	refuse bool
	quota  int64         // bytes of the server until the cut
	cut    chan struct{} // closed by that cut; nil when none is due
}

// NewProxy listens on a port of 127.0.0.1 and forwards connections to target.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		target:   target,
		listener: listener,
		ctx:      ctx,
		links:    map[*link]struct{}{},
		gate:     make(chan struct{}),
	}
	close(p.gate)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		p.Refuse(true)
		p.Cut(RST)
		p.running.Wait()
	})
	return p
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut ends all connections and returns when they are gone. New ones are let in.
func (p *Proxy) Cut(how End) {
	for _, l := range p.endAll(how) {
		<-l.gone
	}
}

// CutAfter cuts all connections with FIN as soon as the servers have sent n more
// bytes, counted over all of them: the clients get exactly n. The returned
// channel is closed when that has happened. It happens once; calling again
// replaces an earlier order.
func (p *Proxy) CutAfter(n int64) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota = n
	p.cut = make(chan struct{})
	return p.cut
}

// Hold stops the bytes in both directions and keeps the connections, as a
// network does that has stopped forwarding: nothing sent after Hold has returned
// arrives, and neither side learns that the other has closed.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		p.held = true
		p.gate = make(chan struct{})
	}
}

// Release ends Hold; what was held back arrives.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		p.held = false
		close(p.gate)
	}
}

// Refuse resets new connections as soon as they are made, or lets them in again.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn.(*net.TCPConn)) })
	}
}

// serve connects a client to the server and forwards until both are done.
func (p *Proxy) serve(client *net.TCPConn) {
	l := &link{client: client, ended: make(chan struct{}), gone: make(chan struct{})}
	defer close(l.gone)
	if p.refuses() {
		l.end(RST)
		return
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		l.end(RST)
		return
	}
	l.server = conn.(*net.TCPConn)
	if !p.add(l) {
		l.end(RST)
		return
	}
	defer p.forget(l)
	var upstream sync.WaitGroup
	upstream.Go(func() { p.forward(l, l.server, client, false) })
	p.forward(l, client, l.server, true)
	upstream.Wait()
	l.end(FIN)
}

func (p *Proxy) refuses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse
}

// add takes note of a connection, unless connections are refused by now.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// endAll ends all connections without waiting for them.
func (p *Proxy) endAll(how End) []*link {
	p.mu.Lock()
	var links []*link
	for l := range p.links {
		links = append(links, l)
	}
	p.mu.Unlock()
	for _, l := range links {
		l.end(how)
	}
	return links
}

// forward copies one direction of a connection until it ends. An orderly end is
// passed on; the other direction may go on.
func (p *Proxy) forward(l *link, to, from *net.TCPConn, fromServer bool) {
	buf := make([]byte, 32<<10)
	for {
		n, readErr := from.Read(buf)
		if !p.pass(l) {
			return
		}
		var cut chan struct{}
		if fromServer {
			n, cut = p.spend(n)
		}
		_, err := to.Write(buf[:n])
		if cut != nil {
			p.endAll(FIN)
			close(cut)
			return
		}
		if err == nil {
			err = readErr
		}
		if errors.Is(err, io.EOF) {
			_ = to.CloseWrite()
			return
		}
		if err != nil {
			l.end(RST)
			return
		}
	}
}

// pass waits while the proxy holds, and reports whether the connection is still
// there.
func (p *Proxy) pass(l *link) bool {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-l.ended:
		return false
	case <-gate:
		return true
	}
}

// spend takes n bytes of the server from the quota. When that is used up it
// returns how many of them may still pass and the order to cut.
func (p *Proxy) spend(n int) (may int, cut chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut == nil {
		return n, nil
	}
	if p.quota > int64(n) {
		p.quota -= int64(n)
		return n, nil
	}
	cut, p.cut = p.cut, nil
	return int(p.quota), cut
}

// link is one connection through the proxy.
type link struct {
	client, server *net.TCPConn
	once           sync.Once
	ended          chan struct{} // closed by end
	gone           chan struct{} // closed when its goroutines have returned
}

// end closes both sides; only the first call counts.
func (l *link) end(how End) {
	l.once.Do(func() {
		close(l.ended)
		for _, conn := range []*net.TCPConn{l.client, l.server} {
			if conn == nil {
				continue
			}
			if how == RST {
				_ = conn.SetLinger(0)
			} else {
				// Closing a socket that has unread data resets it; the FIN goes first.
				_ = conn.CloseWrite()
			}
			_ = conn.Close()
		}
	})
}
