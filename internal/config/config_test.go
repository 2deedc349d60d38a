package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"trunkline/internal/config"
	"trunkline/internal/fault"
)

const shop = `name: shop
source:
  type: azure_postgresql
  host: shop.postgres.database.azure.com
  user: replicator
  password: ${SHOP_PASSWORD}
  database: shop
destination:
  type: duckdb
  path: shop.duckdb
`

func parse(t *testing.T, file string) *config.Pipeline {
	t.Helper()
	p, _, err := config.Parse("pipeline.yaml", []byte(file), kinds(), environment())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoadReadsFilesAndTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TRUNKLINE_TEST_DIR", dir)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("password", secret+"\r\n")
	file := write("shop.yaml", strings.Replace(shop, "${SHOP_PASSWORD}", "file:${TRUNKLINE_TEST_DIR}/password", 1))
	p, warnings, err := config.Load(file, kinds())
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if p.Source.Password.Reveal() != secret {
		t.Error("the secret file was not read as it is, without its line end")
	}
	write("password", strings.Repeat("x", 70_000))
	if _, _, err = config.Load(file, kinds()); !fault.Has(err, config.Unresolved) {
		t.Errorf("a secret of 70,000 characters: %v", err)
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		_, _, err := config.Load(path, kinds())
		if !fault.Has(err, config.Unreadable) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDefaultsAreComplete(t *testing.T) {
	t.Parallel()
	p := parse(t, shop)
	threads := p.Destination.Settings.(*duckdb).Threads
	got := []any{
		p.Objects == nil, p.Source.Port, p.Source.SSL.Mode, p.Source.ServerType, p.Source.IngestionMode,
		p.Source.LoadHistoricalData, p.Source.IncludeNewTables, p.Source.MergeTables, p.Source.Publication.Mode,
		p.Source.Heartbeat, p.Source.MaxRetainedWAL, p.Load.Every, p.Load.Rows, p.Load.Bytes,
		p.Schedule.Continuous(), p.Names, p.MetadataColumns.MarkedDeleted, threads == nil,
	}
	want := []any{
		true, 5432, config.SSLVerifyFull, "flexible", config.LogicalReplication,
		true, true, false, config.PublicationManaged,
		30 * time.Second, config.GiB, 200 * time.Millisecond, 200_000, 64 * config.MiB,
		true, config.NamesExact, "__hevo_marked_deleted", true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// No list means every table, an empty one means none.
func TestNoObjectsAndNone(t *testing.T) {
	t.Parallel()
	all, none := parse(t, shop), parse(t, shop+"objects: []\n")
	if all.Objects != nil || none.Objects == nil || len(none.Objects) != 0 {
		t.Errorf("objects: %v and %v", all.Objects, none.Objects)
	}
	if _, named := all.Selection().Object("public", "orders"); !named {
		t.Error("without a list a table is not named")
	}
	if _, named := none.Selection().Object("public", "orders"); named {
		t.Error("with an empty list a table is named")
	}
}

func TestProblemsAreSingleFaults(t *testing.T) {
	t.Parallel()
	_, _, err := config.Parse("p.yaml", []byte(shop+"zebra: 1\nload: { every: fast }\n"), kinds(), environment())
	problems := config.ProblemsOf(err)
	if len(problems) != 2 || problems[0].Kind != config.UnknownKey || problems[1].Subject != "load.every" {
		t.Errorf("problems: %v", problems)
	}
	if !fault.Has(err, config.ManyProblems) || !errors.Is(err, config.WrongType.New("")) {
		t.Errorf("%v is not both of many problems and of a wrong type", err)
	}
	var many config.ProblemsError
	if !errors.As(err, &many) || strings.Count(many.Error(), "\n") != 1 {
		t.Errorf("the problems are no two lines: %v", many)
	}
	if one := config.ProblemsOf(problems[0]); len(one) != 1 || one[0] != problems[0] {
		t.Errorf("the problems of one are %v", one)
	}
	if config.ProblemsOf(nil) != nil {
		t.Error("no error has problems")
	}
}

func TestFaultsAreDistinctUsageErrors(t *testing.T) {
	t.Parallel()
	for i, k := range config.Faults {
		if k.Code != 3001+i || !k.Usage || k.Title == "" || k.Found == "" || k.Action == "" {
			t.Errorf("%d: incomplete: %+v", 3001+i, k)
		}
	}
}

// A redacted pipeline loads as the same pipeline, but for its secrets.
func TestRedactedLoadsAgain(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("testdata/says/accepted.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range casesOf(string(page)) {
		redacted, err := config.Redacted(parse(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Redacted(parse(t, string(redacted)))
		if diff := cmp.Diff(string(redacted), string(again)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.title, err, diff)
		}
	}
}

func TestDecodeOfOtherSettings(t *testing.T) {
	t.Parallel()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("{ path: x, memory_limit: 128MB }"), &doc); err != nil {
		t.Fatal(err)
	}
	var got duckdb
	warnings, err := config.Decode("form", &doc, &got, environment())
	want := duckdb{Path: "x", Schema: "main", MemoryLimit: 128_000_000}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || warnings != nil {
		t.Error(diff, err, warnings)
	}
}

func TestAliasesCannotMakeAFileEnormous(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString(shop + "objects:\n- &o\n  name: a.b\n  key: [x" + strings.Repeat(",x", 1000) + "]\n")
	file.WriteString(strings.Repeat("- *o\n", 1000))
	_, _, err := config.Parse("p.yaml", []byte(file.String()), kinds(), environment())
	if !errors.Is(err, config.Unreadable.New("")) {
		t.Errorf("a million values: %.200v", err)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	type holder struct {
		S    config.Secret
		P    *config.Secret
		List []config.Secret
		Map  map[string]config.Secret
	}
	s := config.Secret(secret)
	h := holder{s, &s, []config.Secret{s}, map[string]config.Secret{"k": s}}
	var out bytes.Buffer
	for _, verb := range "abcdefghijklmnoqrstuvxyzABCDEFGHIJKLMNOPQRSUVWXYZ" { // all but p, w, T
		for _, flags := range []string{"", "+", "#", "-20", ".3", " "} {
			fmt.Fprintf(&out, "%"+flags+string(verb), s)
			fmt.Fprintf(&out, "%"+flags+string(verb), h.List)
		}
	}
	fmt.Fprintf(&out, "%v %+v %#v %s", h, h, h, h)
	fmt.Fprintln(&out, s, h.List, fmt.Errorf("x: %v", s))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "secret", s, "holder", h)
	}
	asJSON, err1 := json.Marshal(h)
	asYAML, err2 := yaml.Marshal(h)
	out.Write(asJSON)
	out.Write(asYAML)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), fmt.Sprintf("%x", secret)) {
		t.Error(out.String())
	}
	if got := fmt.Sprintf("%s|%q|%v|%s", s, s, s, config.Secret("")); got != "******|******|******|" {
		t.Error(got)
	}
	if s.Reveal() != secret {
		t.Error("Reveal does not")
	}
}
