// Package pgtls makes TLS configurations for connections to PostgreSQL, with the
// meaning that libpq gives to its modes.
package pgtls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"trunkline/internal/config"
)

// maxCACertificates is how many certificates of a CA file count.
const maxCACertificates = 50

// Settings are what a connection needs for TLS, read once.
type Settings struct {
	mode        config.SSLMode
	roots       *x509.CertPool
	certificate []tls.Certificate
}

// FileError says which setting names a file that is of no use, and what to do.
type FileError struct {
	// Field is the key within the section ssl.
	Field, Action string
	Err           error
}

func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap is the error below.
func (e *FileError) Unwrap() error { return e.Err }

// Load reads the files that the settings name. Its errors are FileErrors.
func Load(c config.SSL) (Settings, error) {
	s := Settings{mode: c.Mode}
	if c.CAFile != "" {
		roots, err := loadRoots(c.CAFile, c.LoadAllCACertificates)
		if err != nil {
			return s, err
		}
		s.roots = roots
	}
	if c.ClientCertificate == "" {
		return s, nil
	}
	pair, err := tls.LoadX509KeyPair(c.ClientCertificate, c.ClientKey)
	if err != nil {
		return s, &FileError{"client_certificate", "verify the certificate and that the key belongs to it", err}
	}
	s.certificate = []tls.Certificate{pair}
	return s, nil
}

func loadRoots(path string, all bool) (*x509.CertPool, error) {
	const field = "ca_file"
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &FileError{field, "name a file that can be read", err}
	}
	pool := x509.NewCertPool()
	count := 0
	for block, rest := pem.Decode(data); block != nil && count < maxCACertificates; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &FileError{field, "replace the file", fmt.Errorf("certificate %d of %s: %w", count+1, path, err)}
		}
		pool.AddCert(certificate)
		count++
		if !all {
			break
		}
	}
	if count == 0 {
		return nil, &FileError{field, "name a file with certificates in PEM form", fmt.Errorf("no certificate in %s", path)}
	}
	return pool, nil
}

// Config is the TLS configuration for a host, or nil for none.
func (s Settings) Config(host string) *tls.Config {
	if s.mode == config.SSLOff {
		return nil
	}
	c := &tls.Config{ServerName: host, RootCAs: s.roots, Certificates: s.certificate, MinVersion: tls.VersionTLS12}
	switch s.mode {
	case config.SSLRequire:
		c.InsecureSkipVerify = true
	case config.SSLVerifyCA:
		// The chain is verified below; what Go would verify beyond it is the name.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, s.roots) }
	}
	return c
}

func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
	return err
}
