package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"trunkline/internal/fault"
)

// The faults of the source. Numbers and titles are those of section 7 of the
// specification; Known is the title in the hosted service.
var (
	AuthenticationFailed = &fault.Kind{
		Code: 1003, Title: "Authentication failure",
		Found:  "SQLSTATE 28P01: name or password wrong, expired, or no such user; the server does not tell these apart",
		Action: "verify source.user and source.password",
	}
	HostUnreachable = &fault.Kind{
		Code: 1006, Title: "Host or port unreachable", Known: "Connection settings errors",
		Found:  "name resolution, refused connection, timeout",
		Action: "verify source.host and source.port; allow this machine's address at the server: a firewall rule or private endpoint in Azure, the security group in AWS",
	}
	LoginRefused = &fault.Kind{
		Code: 1011, Title: "User may not log in", Known: "Connection settings errors",
		Found:  "SQLSTATE 28000: NOLOGIN, or no such role under trust, peer or ident",
		Action: "ALTER ROLE ... LOGIN",
	}
	ReplicationRoleMissing = &fault.Kind{
		Code: 1012, Title: "Replication role missing", Known: "Access role issue for logical replication",
		Found:  "the user lacks the attribute REPLICATION, or the provider's role for it",
		Action: "ALTER ROLE ... WITH REPLICATION",
	}
	AccessMissing = &fault.Kind{
		Code: 1014, Title: "Access missing", Known: "Access role issue for logical replication",
		Found:  "CONNECT, USAGE or SELECT is missing, or a row policy hides rows",
		Action: "grant it; verify source.database, source.host and source.port too",
	}
	DatabaseMissing = &fault.Kind{
		Code: 1017, Title: "Database does not exist",
		Found:  "SQLSTATE 3D000",
		Action: "correct source.database; verify source.host and source.port too",
	}
	TLSSettings = &fault.Kind{
		Code: 1023, Title: "TLS settings", Known: "Connection settings errors",
		Found:  "TLS required or refused, certificate or key unusable, name mismatch",
		Action: "correct source.ssl",
	}
	NoHBAEntry = &fault.Kind{
		Code: 1024, Title: "No pg_hba.conf entry",
		Found:  "the server refuses this host, user, database or kind of connection",
		Action: "add the line to pg_hba.conf and reload; in Azure add a firewall rule or switch TLS on",
	}
	WALLevel = &fault.Kind{
		Code: 1025, Title: "wal_level is not logical",
		Found:  "SHOW wal_level",
		Action: "ALTER SYSTEM SET wal_level = 'logical' and restart the server; in Azure set the server parameter wal_level to LOGICAL, save and restart",
	}
	NoFreeSlot = &fault.Kind{
		Code: 1026, Title: "No free replication slot or WAL sender",
		Found:  "SQLSTATE 53400 and 53300 while a slot is made or a stream begun",
		Action: "raise max_replication_slots or max_wal_senders and restart the server, or drop a slot that nobody uses",
	}
	SlotInUse = &fault.Kind{
		Code: 1027, Title: "Slot in use",
		Found:  "SQLSTATE 55006, or the lock that a running pipeline holds at the source",
		Action: "stop the other process; one pipeline runs in one process at a time",
	}
	PublicationIncomplete = &fault.Kind{
		Code: 1028, Title: "Publication missing or incomplete",
		Found:  "the user may not make or change the publication, or a given one lacks a table",
		Action: "let the owner of the tables run the statement",
	}
	IdentityMissing = &fault.Kind{
		Code: 1029, Title: "Replica identity missing",
		Found:  "updates or deletes of a table cannot be identified",
		Action: "ALTER TABLE ... REPLICA IDENTITY FULL, or add a primary key",
	}
	StandbyCannot = &fault.Kind{
		Code: 1030, Title: "Logical replication on this standby impossible",
		Found:  "a standby before version 16, or its settings",
		Action: "connect to the primary",
	}
	SlotLost = &fault.Kind{
		Code: 1031, Title: "Slot lost or invalidated",
		Found:  "the slot is missing, invalidated or of another server, while the destination remembers it",
		Action: "changes since the checkpoint are gone from the server: trunkline drop and run again load the history anew",
	}
	VersionTooOld = &fault.Kind{
		Code: 1032, Title: "Server version too old",
		Found:  "server_version_num below 100000",
		Action: "upgrade the server: logical replication begins with PostgreSQL 10",
	}
	ServerUnavailable = &fault.Kind{
		Code: 1033, Title: "Server is not available now",
		Found:  "SQLSTATE class 57: starting up, shutting down, in recovery; or too many connections",
		Action: "wait; the connection is tried again",
	}
)

// Faults are the kinds of this package, for the catalogue.
var Faults = []*fault.Kind{
	AuthenticationFailed, HostUnreachable, LoginRefused, ReplicationRoleMissing, AccessMissing,
	DatabaseMissing, TLSSettings, NoHBAEntry, WALLevel, NoFreeSlot, SlotInUse,
	PublicationIncomplete, IdentityMissing, StandbyCannot, SlotLost, VersionTooOld, ServerUnavailable,
}

// connectFault turns an error of connecting into a fault.
func (c *Connector) connectFault(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return c.refusal(pgErr)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var dns *net.DNSError
	text := rootMessage(err)
	switch {
	case errors.As(err, &dns):
		return HostUnreachable.New("the name %q cannot be resolved: %s", c.host, dns.Err).On("source.host").By(err)
	case strings.Contains(text, "server refused TLS"):
		return TLSSettings.New("ssl mode %s was asked for, the server offers no TLS", c.sslMode).On("source.ssl").
			Do("switch TLS on at the server, or write ssl: off").By(err)
	case isTLS(err, text):
		return TLSSettings.New("%s", text).On("source.ssl").By(err)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return HostUnreachable.New("no answer from %s within %v", c.address(), connectTimeout).On("source.host").By(err)
	}
	var length *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &length) {
		return HostUnreachable.New("%s: what answers there is not PostgreSQL", c.address()).On("source.port").By(err)
	}
	return HostUnreachable.New("%s: %s", c.address(), text).On("source.host").By(err)
}

// refusal turns what the server says while connecting into a fault.
func (c *Connector) refusal(e *pgconn.PgError) error {
	user := c.user
	switch {
	case e.Code == "28P01":
		return AuthenticationFailed.New("%s", e.Message).By(e)
	case e.Code == "28000" && strings.Contains(e.Message, "pg_hba.conf"):
		return c.hbaFault(e)
	case e.Code == "28000" && strings.Contains(e.Message, "role"), e.Code == "28000":
		return LoginRefused.New("%s", e.Message).Do(`ALTER ROLE %s WITH LOGIN, or correct source.user`, quoteIdent(user)).By(e)
	case e.Code == "3D000":
		return DatabaseMissing.New("%s", e.Message).On("source.database").By(e)
	case e.Code == "42501" && strings.Contains(e.Message, "database"):
		return AccessMissing.New("%s", e.Message).On("source.database").
			Do("GRANT CONNECT ON DATABASE %s TO %s", quoteIdent(c.database), quoteIdent(user)).By(e)
	case e.Code == "42501":
		return c.roleFault(e)
	case e.Code == "53300":
		return ServerUnavailable.New("%s", e.Message).Do("raise max_connections, or close connections").By(e)
	case strings.HasPrefix(e.Code, "57"):
		return ServerUnavailable.New("%s", e.Message).By(e)
	}
	return HostUnreachable.New("%s (SQLSTATE %s)", e.Message, e.Code).By(e)
}

// hbaFault gives the line that is missing.
func (c *Connector) hbaFault(e *pgconn.PgError) error {
	database, method := quoteHBA(c.database), "scram-sha-256"
	if strings.Contains(e.Message, "replication connection") {
		database = "replication"
	}
	kind := "host"
	if c.sslMode != "off" {
		kind = "hostssl"
	}
	return NoHBAEntry.New("%s", e.Message).
		Do("add to pg_hba.conf: %s %s %s <this machine's address>/32 %s; then SELECT pg_reload_conf(). In Azure: a firewall rule, or ssl: { mode: verify-full }",
			kind, database, quoteHBA(c.user), method).By(e)
}

func quoteHBA(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (c *Connector) roleFault(e *pgconn.PgError) error {
	return ReplicationRoleMissing.New("%s", e.Message).
		Do("ALTER ROLE %s WITH REPLICATION; Amazon RDS: GRANT rds_replication TO %s", quoteIdent(c.user), quoteIdent(c.user)).By(e)
}

func isTLS(err error, text string) bool {
	return strings.Contains(text, "tls:") || strings.Contains(text, "x509:") || strings.Contains(err.Error(), "tls error")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
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

// serverFault turns an error of a statement into a fault, where the phase and the
// SQLSTATE say which; what names the thing concerned.
func serverFault(err error, what string) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if strings.HasPrefix(e.Code, "57P") {
		return ServerUnavailable.New("%s: %s", what, e.Message).By(err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Interrupted reports whether an error is the end of a connection, or of what the
// server was doing for us, and may not come again: a network that broke, a server
// that restarts, a conflict with others.
func Interrupted(err error) bool {
	var n net.Error
	if errors.As(err, &n) || pgconn.SafeToRetry(err) {
		return true
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	state := sqlState(err)
	return slices.ContainsFunc([]string{"08", "40", "53", "57P"}, func(class string) bool { return strings.HasPrefix(state, class) })
}

// sqlState is the SQLSTATE of an error, or empty.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
