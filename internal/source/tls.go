package source

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"trunkline/internal/config"
	"trunkline/internal/fault"
)

// maxCACertificates is how many certificates of a CA file count.
const maxCACertificates = 50

// tlsSettings are what a connection needs for TLS, read once.
type tlsSettings struct {
	mode        config.SSLMode
	roots       *x509.CertPool
	certificate []tls.Certificate
}

func loadTLS(c *config.Source) (tlsSettings, error) {
	s := tlsSettings{mode: c.SSL.Mode}
	if c.SSL.CAFile != "" {
		roots, err := loadRoots(c.SSL.CAFile, c.SSL.LoadAllCACertificates)
		if err != nil {
			return s, err
		}
		s.roots = roots
	}
	if c.SSL.ClientCertificate == "" {
		return s, nil
	}
	pair, err := tls.LoadX509KeyPair(c.SSL.ClientCertificate, c.SSL.ClientKey)
	if err != nil {
		return s, tlsFault(err, "source.ssl.client_certificate", "verify the certificate and that the key belongs to it")
	}
	s.certificate = []tls.Certificate{pair}
	return s, nil
}

func tlsFault(err error, field, action string) *fault.Error {
	return TLSSettings.Wrap(err).On(field).Do("%s", action)
}

func loadRoots(path string, all bool) (*x509.CertPool, error) {
	const field = "source.ssl.ca_file"
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, tlsFault(err, field, "name a file that can be read")
	}
	pool := x509.NewCertPool()
	count := 0
	for block, rest := pem.Decode(data); block != nil && count < maxCACertificates; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, tlsFault(fmt.Errorf("certificate %d of %s: %w", count+1, path, err), field, "replace the file")
		}
		pool.AddCert(certificate)
		count++
		if !all {
			break
		}
	}
	if count == 0 {
		return nil, tlsFault(fmt.Errorf("no certificate in %s", path), field, "name a file with certificates in PEM form")
	}
	return pool, nil
}

// config is the TLS configuration for a host, or nil for none.
func (s tlsSettings) config(host string) *tls.Config {
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
