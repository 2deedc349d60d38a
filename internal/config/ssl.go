package config

// completeSSL fills in the mode that suits the type of source.
func (s *Source) completeSSL(r *Report) {
	if !r.Sound("type") || s.Type == "" {
		return
	}
	otherwise := SSLOff
	if s.Type == AzurePostgreSQL {
		otherwise = SSLVerifyFull
	}
	s.SSL.CompleteFor(r, s.Host, otherwise)
}

// CompleteFor fills in the mode of the section ssl that stands beside a host,
// and refuses files that would have no effect: a certificate that is silently
// not checked is worse than an error.
func (s *SSL) CompleteFor(r *Report, host string, otherwise SSLMode) {
	ssl := r.In("ssl")
	if !ssl.Sound("mode") {
		return
	}
	chosen := s.Mode != ""
	if !chosen {
		s.Mode = otherwise
	}
	s.checkFiles(ssl, chosen)
	if s.Mode == SSLOff && host != "" && r.Sound("host") && !loopback(host) {
		warnUnencrypted(r, chosen)
	}
}

func warnUnencrypted(r *Report, chosen bool) {
	why := "the default for type postgresql"
	if chosen {
		why = "chosen"
	}
	r.Warn("ssl", "passwords and rows travel unencrypted to a host beyond this machine (mode off, %s); write ssl: { mode: verify-full }", why)
}

func (s *SSL) checkFiles(r *Report, chosen bool) {
	files := []string{"ca_file", "client_certificate", "client_key", "load_all_ca_certificates"}
	if s.Mode == SSLOff {
		for _, f := range files {
			if r.Given(f) {
				r.Refuse(Conflict, f, "add mode: verify-full, or take it out", "%s has no effect while SSL is off%s", f, byDefault(chosen))
			}
		}
		return
	}
	switch {
	case s.Mode == SSLRequire && r.Given("ca_file"):
		r.Refuse(Conflict, "ca_file", "write mode: verify-ca or verify-full, or take ca_file out",
			"mode require checks no certificate, so ca_file has no effect")
	case s.LoadAllCACertificates && !r.Given("ca_file"):
		r.Refuse(Conflict, "load_all_ca_certificates", "add ca_file, or take it out", "there is no ca_file to load from")
	}
	switch cert, key := r.Given("client_certificate"), r.Given("client_key"); {
	case cert && !key:
		r.Refuse(Missing, "client_key", "add client_key: with the path of the key", "client_certificate needs its key")
	case key && !cert:
		r.Refuse(Missing, "client_certificate", "add client_certificate: with the path of the certificate", "client_key needs its certificate")
	}
}

func byDefault(chosen bool) string {
	if chosen {
		return ""
	}
	return ", the default for type postgresql"
}
