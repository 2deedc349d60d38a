package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/destination"
	"trunkline/internal/fault"
	"trunkline/internal/schema"
)

// connectFault turns an error of connecting into a fault.
func (c *connector) connectFault(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return c.refusal(refused)
	}
	var dns *net.DNSError
	text := rootMessage(err)
	switch {
	case errors.As(err, &dns):
		return destination.Unavailable.New("the name %q cannot be resolved: %s", c.settings.Host, dns.Err).On("destination.host").By(err)
	case strings.Contains(text, "server refused TLS"):
		return destination.SettingsRefused.New("ssl mode %s was asked for, the server offers no TLS", c.settings.SSL.Mode).
			On("destination.ssl").Do("switch TLS on at the server, or write ssl: off").By(err)
	case strings.Contains(text, "tls:"), strings.Contains(text, "x509:"), strings.Contains(err.Error(), "tls error"):
		return destination.SettingsRefused.New("%s", text).On("destination.ssl").By(err)
	case errors.Is(err, context.DeadlineExceeded):
		return destination.Unavailable.New("no answer from %s within %v", c.address(), connectTimeout).On("destination.host").By(err)
	}
	return destination.Unavailable.New("%s: %s", c.address(), text).On("destination.host").By(err)
}

// refusal turns what the server says while connecting into a fault.
func (c *connector) refusal(e *pgconn.PgError) error {
	s := c.settings
	switch {
	case e.Code == "3D000":
		return destination.Unreachable.New("%s", e.Message).On("destination.database").
			Do("CREATE DATABASE %s OWNER %s ENCODING 'UTF8' TEMPLATE template0", quote(s.Database), quote(s.User)).By(e)
	case e.Code == "28000" && strings.Contains(e.Message, "pg_hba.conf"):
		kind := "host"
		if s.SSL.Mode != "off" {
			kind = "hostssl"
		}
		return destination.LoginRefused.New("%s", e.Message).On("destination.host").
			Do("add to pg_hba.conf: %s %s %s <this machine's address>/32 scram-sha-256; then SELECT pg_reload_conf(). In Azure: a firewall rule, or ssl: { mode: verify-full }",
				kind, quote(s.Database), quote(s.User)).By(e)
	case strings.HasPrefix(e.Code, "28"):
		return destination.LoginRefused.New("%s", e.Message).On("destination.user").By(e)
	case e.Code == "42501":
		return destination.NotWritable.New("%s", e.Message).On("destination.database").
			Do("GRANT CONNECT ON DATABASE %s TO %s", quote(s.Database), quote(s.User)).By(e)
	}
	return classify(e)
}

// classify turns errors of the server that a user can act on into faults.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func classify(err error) error {
	if err == nil {
		return nil
	}
	if _, known := fault.Of(err); known {
		return err
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return lost(err)
	}
	as := func(k *fault.Kind) error { return k.New("%s", e.Message).By(e) }
	switch class := e.Code[:min(2, len(e.Code))]; {
	case e.Code == "53100":
		return as(destination.Full)
	case e.Code == "53200":
		return as(destination.OutOfMemory)
	case e.Code == "57014":
		return e // cancelled, which the end of the context does
	case class == "40":
		return destination.Locked.New("%s", e.Message).Do("nothing: it is tried again").By(e)
	case class == "57", class == "53", class == "58", class == "08":
		return as(destination.Unavailable)
	case e.Code == "42501", e.Code == "25006":
		return as(destination.NotWritable)
	case e.Code == "54011", e.Code == "54000":
		return as(destination.Unfit)
	case e.Code == "2BP01":
		return destination.Depended.New("%s: %s", e.Message, oneLine(e.Detail)).By(e)
	}
	return e
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// lost tells a connection that has gone from other errors of the driver.
func lost(err error) error {
	var network net.Error
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return destination.Unavailable.New("the connection was lost: %s", rootMessage(err)).By(err)
	}
	return err
}

// about tells a table that somebody altered, and rows that it does not take,
// from other errors of a statement on it. The server's message names columns and
// constraints; values, which its details have, stay out of ours.
func about(t *schema.Table, err error) error {
	var e *pgconn.PgError
	if _, known := fault.Of(err); known || !errors.As(err, &e) {
		return err
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "42":
		return destination.TableChanged.New("%s", e.Message).On(t.Object.String()).By(err)
	case "22", "23":
		return destination.RowRefused.New("%s", refused(e)).On(t.Object.String()).By(err)
	}
	return err
}

// refused is a message without the value that some of them quote at their end.
func refused(e *pgconn.PgError) string {
	text, _, _ := strings.Cut(e.Message, ": \"")
	if e.ColumnName != "" {
		text += " (column " + e.ColumnName + ")"
	}
	return text
}

// rootMessage is the message of the innermost error: those around it repeat the
// user, the database and every address that was tried.
func rootMessage(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			var many interface{ Unwrap() []error }
			if errors.As(err, &many) && len(many.Unwrap()) > 0 {
				err = many.Unwrap()[0]
				continue
			}
			return err.Error()
		}
		err = inner
	}
}
