package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// settingsFile holds our settings, in the data directory; postgresql.conf
// includes it. Settings on the command line could not be changed by ALTER SYSTEM.
const settingsFile = "trunkline.conf"

// trust lets everyone in as anyone, also for replication.
var trust = []string{
	"local all all trust",
	"host all all all trust",
	"local replication all trust",
	"host replication all all trust",
}

// prepare brings everything into being that a server needs before it starts.
func prepare(ctx context.Context, o Options) (*Server, error) {
	if err := checkSettings(o.Settings); err != nil {
		return nil, err
	}
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	install, err := chooseInstall(ctx, o)
	if err != nil {
		return nil, err
	}
	account, err := chooseAccount(o.Dir)
	if err != nil {
		return nil, err
	}
	room, err := newRoom(account)
	if err != nil {
		return nil, err
	}
	s := newServer(o, install, account, room)
	if err := s.prepareCluster(ctx, o.InitArgs); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func newServer(o Options, install Install, account *account, room *room) *Server {
	s := &Server{
		install:  install,
		account:  account,
		room:     room,
		dir:      o.Dir,
		settings: maps.Clone(o.Settings),
		fsync:    o.Fsync,
		pickPort: freePort,
	}
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	if s.dir == "" {
		s.dir = filepath.Join(room.path, "data")
	}
	s.hba = o.HBA
	if s.hba == nil {
		s.hba = trust
	}
	return s
}

// chooseInstall ensures the version asked for, which must be that of the data.
func chooseInstall(ctx context.Context, o Options) (Install, error) {
	major := o.Major
	if o.Dir != "" && isCluster(o.Dir) {
		has, err := clusterMajor(o.Dir)
		if err != nil {
			return Install{}, err
		}
		if major != 0 && major != has {
			return Install{}, fmt.Errorf("%s holds a cluster of PostgreSQL %d, not %d", o.Dir, has, major)
		}
		major = has
	}
	if major == 0 {
		major = slices.Max(Majors())
	}
	installs, err := Ensure(ctx, major)
	if err != nil {
		return Install{}, err
	}
	return installs[0], nil
}

// isCluster reports whether dir is a data directory.
func isCluster(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "PG_VERSION"))
	return err == nil
}

func clusterMajor(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s: PG_VERSION: %w", dir, err)
	}
	return major, nil
}

// prepareCluster makes the data directory a cluster with our settings.
func (s *Server) prepareCluster(ctx context.Context, initArgs []string) error {
	if isCluster(s.dir) {
		if err := s.adopt(); err != nil {
			return err
		}
	} else {
		if err := s.makeDir(); err != nil {
			return err
		}
		if err := s.initdb(ctx, initArgs); err != nil {
			return err
		}
	}
	major, err := clusterMajor(s.dir)
	if err != nil {
		return err
	}
	if major != s.install.Major {
		return fmt.Errorf("%s is PostgreSQL %d, not %d", s.install.Bin, major, s.install.Major)
	}
	if err := s.includeSettings(); err != nil {
		return err
	}
	return s.WriteFile("pg_hba.conf", []byte(strings.Join(s.hba, "\n")+"\n"))
}

// adopt makes sure that the account can use a cluster that is there.
func (s *Server) adopt() error {
	if err := s.account.checkReach(filepath.Dir(s.dir)); err != nil {
		return err
	}
	if s.account == nil {
		return nil
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if uid, _ := owner(info); uid == s.account.uid {
		return nil
	}
	return s.account.giveTree(s.dir)
}

// makeDir makes the data directory. One that is there must be empty: nothing of
// somebody else's is given to another user by mistake.
func (s *Server) makeDir() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty and not the data directory of a server", s.dir)
	}
	parent := filepath.Dir(s.dir)
	if err := makeOpenDir(parent); err != nil {
		return err
	}
	if err := s.account.checkReach(parent); err != nil {
		return err
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.account.give(s.dir)
}

func (s *Server) initdb(ctx context.Context, more []string) error {
	args := []string{"-D", s.dir, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}
	cmd := exec.Command(filepath.Join(s.install.Bin, "initdb"), append(args, more...)...)
	cmd.Dir = s.dir
	cmd.Env = s.environment()
	if output, err := run(ctx, cmd, s.account); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return nil
}

// environment is that of the server's programs: messages in English, times in
// UTC, nothing of what our own user has set for clients.
func (s *Server) environment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "HOME=" + s.room.path, "PATH=" + os.Getenv("PATH")}
	if path, set := os.LookupEnv("LD_LIBRARY_PATH"); set {
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return env
}

// includeSettings makes postgresql.conf read our file.
func (s *Server) includeSettings() error {
	const line = "include_if_exists = '" + settingsFile + "'"
	text, err := os.ReadFile(filepath.Join(s.dir, "postgresql.conf"))
	if err != nil {
		return err
	}
	if slices.Contains(strings.Split(string(text), "\n"), line) {
		return nil
	}
	return s.WriteFile("postgresql.conf", append(text, "\n"+line+"\n"...))
}

// configure writes our settings for the next start.
func (s *Server) configure() error {
	all := map[string]string{
		"listen_addresses":      "127.0.0.1",
		"wal_level":             "logical",
		"max_wal_senders":       "20",
		"max_replication_slots": "20",
		"max_connections":       "100",
		"fsync":                 strconv.FormatBool(s.fsync),
	}
	maps.Copy(all, s.settings)
	all["port"] = strconv.Itoa(s.port)
	all["unix_socket_directories"] = s.room.path

	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quote(all[name]))
	}
	return s.WriteFile(settingsFile, []byte(text.String()))
}

// quote writes a value as postgresql.conf has it.
func quote(value string) string {
	return "'" + strings.NewReplacer(`'`, `''`, `\`, `\\`, "\n", `\n`).Replace(value) + "'"
}

// checkSettings refuses what the server itself decides and what would not be
// one setting.
func checkSettings(settings map[string]string) error {
	for name := range settings {
		switch name {
		case "port", "unix_socket_directories", "data_directory":
			return fmt.Errorf("setting %s is not free: the server chooses it", name)
		}
		if name == "" || strings.ContainsAny(name, " \t\r\n'=#") {
			return fmt.Errorf("%q is not the name of a setting", name)
		}
	}
	return nil
}

// WriteFile writes a file of the data directory for the server to read, such as
// a certificate, a key or pg_hba.conf: nobody but the user that the server runs
// as can read it. The server sees it when it is reloaded or restarted.
func (s *Server) WriteFile(name string, data []byte) error {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.WriteFile(name, data, 0o600); err != nil {
		return err
	}
	return s.giveIn(root, name)
}

func (s *Server) giveIn(root *os.Root, name string) error {
	if s.account == nil {
		return nil
	}
	return root.Lchown(name, int(s.account.uid), int(s.account.gid))
}
