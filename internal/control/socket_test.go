package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
)

var catalogue = fault.NewCatalogue(destination.Faults)

// serve serves on a new socket until the test ends.
func serve(t *testing.T, do func(context.Context, Request, io.Writer) error) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	s, err := Serve(t.Context(), path, slog.New(slog.DiscardHandler), do)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestAsk(t *testing.T) {
	long := strings.Repeat("0123456789", 100_000)
	path := serve(t, func(_ context.Context, r Request, w io.Writer) error {
		_, err := io.WriteString(w, r.SQL+r.Format+long)
		return err
	})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			var out bytes.Buffer
			if err := Ask(t.Context(), path, Request{SQL: "SELECT\n1", Format: "csv"}, catalogue, &out); err != nil {
				t.Error(err)
			}
			if out.String() != "SELECT\n1csv"+long {
				t.Errorf("%d bytes came", out.Len())
			}
		})
	}
	group.Wait()
}

// TestFaults: an error comes back as what it was, also after some of the output.
func TestFaults(t *testing.T) {
	inside := destination.Locked.New("held by 7").On("shop.duckdb").Do("end it")
	path := serve(t, func(_ context.Context, r Request, w io.Writer) error {
		_, err := io.WriteString(w, "some")
		if r.SQL == "plain" {
			return errors.Join(err, errors.New("broken"))
		}
		return errors.Join(err, inside)
	})
	var out bytes.Buffer
	err := Ask(t.Context(), path, Request{}, catalogue, &out)
	if got, ok := fault.Of(err); !ok || got.Error() != inside.Error() || out.String() != "some" {
		t.Errorf("%v after %q", err, out.String())
	}
	if err := Ask(t.Context(), path, Request{SQL: "plain"}, catalogue, &out); err == nil || err.Error() != "broken" {
		t.Error(err)
	}
}

func TestNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Ask(t.Context(), path, Request{}, catalogue, nil); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	// A process that was killed leaves its socket behind.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Ask(t.Context(), path, Request{}, catalogue, nil); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	s, err := Serve(t.Context(), path, slog.New(slog.DiscardHandler), func(context.Context, Request, io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := Ask(t.Context(), path, Request{}, catalogue, io.Discard); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLongPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", maxSocketPath))
	if _, err := Serve(t.Context(), path, nil, nil); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

// TestGone: what nobody waits for any more is given up.
func TestGone(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	path := serve(t, func(ctx context.Context, _ Request, _ io.Writer) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if err := Ask(ctx, path, Request{}, catalogue, io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
}

// TestCloseWhileAsked: who waits for a process that ends hears of it.
func TestCloseWhileAsked(t *testing.T) {
	began := make(chan struct{})
	path := filepath.Join(t.TempDir(), "s")
	s, err := Serve(t.Context(), path, slog.New(slog.DiscardHandler), func(ctx context.Context, _ Request, _ io.Writer) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error)
	go func() { asked <- Ask(t.Context(), path, Request{}, catalogue, io.Discard) }()
	<-began
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-asked; err == nil {
		t.Error("the question had an answer")
	}
}
