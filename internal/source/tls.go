package source

import (
	"errors"

	"trunkline/internal/config"
	"trunkline/internal/pg/pgtls"
)

// loadTLS reads the files of the section source.ssl.
func loadTLS(c *config.Source) (pgtls.Settings, error) {
	s, err := pgtls.Load(c.SSL)
	var file *pgtls.FileError
	if errors.As(err, &file) {
		return s, TLSSettings.Wrap(file.Err).On("source.ssl."+file.Field).Do("%s", file.Action)
	}
	return s, err
}
