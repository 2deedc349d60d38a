package pgtest

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// echo is a server that sends back what it gets, and for every connection that
// has ended, how.
type echo struct {
	addr  string
	ended chan error
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: listener.Addr().String(), ended: make(chan error, 10)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, err = io.Copy(conn, conn)
			conn.Close()
			e.ended <- err
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return e
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

// say writes text and expects it back.
func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	write(t, conn, text)
	hear(t, conn, text)
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, want %q: %v", got, want, err)
	}
}

// rest reads to the end.
func rest(conn net.Conn) (string, error) {
	text, err := io.ReadAll(conn)
	return string(text), err
}

func TestProxyPassesBothWays(t *testing.T) {
	e := newEcho(t)
	conn := dial(t, NewProxy(t, e.addr).Addr())
	long := strings.Repeat("0123456789", 20_000)
	go func() { _, _ = io.WriteString(conn, long) }()
	hear(t, conn, long)

	// The client's end is passed on, and what the server says after it as well.
	write(t, conn, "last words")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := rest(conn); text != "last words" || err != nil {
		t.Errorf("got %q: %v", text, err)
	}
	if err := <-e.ended; err != nil {
		t.Errorf("for the server the connection ended with %v", err)
	}
}

func TestProxyCut(t *testing.T) {
	e := newEcho(t)
	p := NewProxy(t, e.addr)

	conn := dial(t, p.Addr())
	say(t, conn, "hello")
	p.Cut(RST)
	if _, err := rest(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("RST is seen as %v", err)
	}
	if err := <-e.ended; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server sees RST as %v", err)
	}

	conn = dial(t, p.Addr())
	say(t, conn, "hello")
	p.Cut(FIN)
	if text, err := rest(conn); text != "" || err != nil {
		t.Errorf("FIN is seen as %q, %v", text, err)
	}
	if err := <-e.ended; err != nil {
		t.Errorf("the server sees FIN as %v", err)
	}

	say(t, dial(t, p.Addr()), "again")
}

func TestProxyRefuse(t *testing.T) {
	e := newEcho(t)
	p := NewProxy(t, e.addr)
	old := dial(t, p.Addr())
	say(t, old, "before")
	p.Refuse(true)
	say(t, old, "still there")

	// The reset may come while we connect or after.
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		_, err = rest(conn)
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a refused connection ends with %v", err)
	}

	old.Close()
	<-e.ended
	p.Refuse(false)
	say(t, dial(t, p.Addr()), "after")
}

func TestProxyWithoutServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := NewProxy(t, listener.Addr().String())
	listener.Close()
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		_, err = rest(conn)
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("without a server the connection ends with %v", err)
	}
}

func TestProxyHold(t *testing.T) {
	e := newEcho(t)
	p := NewProxy(t, e.addr)
	conn := dial(t, p.Addr())
	say(t, conn, "before")
	p.Hold()
	p.Hold()
	write(t, conn, "held")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-e.ended:
		t.Errorf("the server heard of the end: %v", err)
	default:
	}
	p.Release()
	p.Release()
	if text, err := rest(conn); text != "held" || err != nil {
		t.Errorf("after the release got %q, %v", text, err)
	}
	<-e.ended

	// A held connection can be cut, and nothing of what was held arrives.
	conn = dial(t, p.Addr())
	say(t, conn, "before")
	p.Hold()
	write(t, conn, "lost")
	p.Cut(FIN)
	p.Release()
	if text, err := rest(conn); text != "" || err != nil {
		t.Errorf("of a held connection that was cut came %q, %v", text, err)
	}
}

func TestProxyCutAfter(t *testing.T) {
	e := newEcho(t)
	p := NewProxy(t, e.addr)
	conn := dial(t, p.Addr())
	say(t, conn, "before")
	cut := p.CutAfter(8)
	say(t, conn, "12345")
	write(t, conn, "6789")
	if text, err := rest(conn); text != "678" || err != nil {
		t.Errorf("got %q, %v; want three bytes and the end", text, err)
	}
	<-cut
	<-e.ended
	say(t, dial(t, p.Addr()), "once only")
}

func TestProxyBeforePostgres(t *testing.T) {
	EachVersion(t, func(t *testing.T, s *Server) {
		db := s.Database(t)
		p := NewProxy(t, s.Addr())
		conn, err := pgx.Connect(t.Context(), db.URLAt(p.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		cut := p.CutAfter(100_000)
		_, err = conn.Exec(t.Context(), "select repeat('x', 200000)")
		if err == nil {
			t.Error("the answer arrived although the wire was cut")
		}
		<-cut
	})
}
