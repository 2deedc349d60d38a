package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// checkHost takes a DNS name, an IP address or, for plain PostgreSQL, the
// directory of a Unix socket.
func (s *Source) checkHost(r *Report) {
	socket := strings.HasPrefix(s.Host, "/") && s.Type == PostgreSQL
	if cause, better := hostProblem(s.Host); cause != "" && !socket {
		s.refuseHost(r, cause, better)
		return
	}
	if s.Type == AzurePostgreSQL && !azureHost(s.Host) {
		r.Warn("host", "%s does not end in azure.com; if it is no Azure server write type: postgresql", r.Shown("host"))
	}
}

// refuseHost names the corrected value, unless that would show what a reference
// stands for, or a part of a pasted connection string with its password.
func (s *Source) refuseHost(r *Report, cause string, better fixedHost) {
	shown, action := r.Shown("host"), "write a DNS name or an IP address alone"
	pasted := strings.ContainsAny(s.Host, "@?=")
	if better.name != "" && !pasted && !r.Refers("host") {
		action = "write host: " + better.name
		if better.port != "" {
			action += " and port: " + better.port
		}
	}
	if pasted && !r.Refers("host") {
		shown = "the value"
	}
	r.Refuse(NotAllowed, "host", action, "%s %s", shown, cause)
}

// fixedHost is what was probably meant by a host that is none.
type fixedHost struct{ name, port string }

// hostProblem says what is wrong with a host, and what it should be.
func hostProblem(host string) (cause string, better fixedHost) {
	if _, err := netip.ParseAddr(host); err == nil {
		return "", fixedHost{}
	}
	switch scheme, _, isURL := strings.Cut(host, "://"); {
	case strings.Contains(host, "@"):
		return "has a user in it, which belongs in source.user", fixedHost{}
	case isURL && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")):
		return "begins with " + strings.ToLower(scheme) + "://", hostOfURL(host)
	case isURL:
		return "is a URL and not a host name", hostOfURL(host)
	case strings.ContainsAny(host, " \t"):
		return "has a space in it", hostOfURL(strings.TrimSpace(host))
	case strings.ContainsAny(host, "/?#"):
		return "has more in it than a host name", hostOfURL(host)
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		return "has brackets around it", hostOfURL(host)
	case strings.Contains(host, ":"):
		return "has a port in it, which belongs in source.port", hostOfURL(host)
	case !hostName(host):
		return "is neither an IP address nor a DNS name", fixedHost{}
	}
	return "", fixedHost{}
}

// hostOfURL finds the host in a URL, or in what is one without its scheme. It
// proposes nothing that would be refused itself.
func hostOfURL(text string) fixedHost {
	if !strings.Contains(text, "://") {
		text = "tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !acceptable(u.Hostname()) {
		return fixedHost{}
	}
	return fixedHost{name: u.Hostname(), port: u.Port()}
}

func acceptable(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || hostName(host)
}

// hostName reports whether s is a DNS name as resolvers take it; the underscore
// is not one of DNS, but common in container networks.
func hostName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	switch {
	case s == "" || len(s) > 253 || strings.Trim(s, letters) != "":
		return false
	case strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-") || strings.Contains(s, ".."):
		return false
	}
	// No top-level domain is a number: 10.0.0.300 is a mistyped address.
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	return !allDigits(labels[len(labels)-1])
}

func azureHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".azure.com")
}

// loopback reports whether a connection to host stays on this machine.
func loopback(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(name)
	return strings.HasPrefix(host, "/") || name == "localhost" || strings.HasSuffix(name, ".localhost") ||
		ip != nil && ip.IsLoopback()
}
