package pipeline

import (
	"strings"
	"testing"

	"trunkline/internal/config"
	"trunkline/internal/fault"
	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
	"trunkline/internal/schema"
	"trunkline/internal/source"
)

// fileOf is a pipeline file with more lines.
func fileOf(t *testing.T, more string) *config.Pipeline {
	t.Helper()
	text := "name: p\nsource: { type: postgresql, host: 127.0.0.1, user: u, password: x, database: shop }\ndestination: { type: fake }\n" + more
	type settings struct {
		Label string `yaml:"label" doc:"a label"`
	}
	kinds := config.Kinds{"fake": func() any { return &settings{} }}
	c, _, err := config.Parse("p.yaml", []byte(text), kinds, config.System())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tableOf(name string, columns ...string) source.Table {
	parsed, err := pg.ParseName(name)
	if err != nil {
		panic(err)
	}
	t := source.Table{Name: parsed, Kind: 'r', Persistence: 'p', ReplicaIdentity: 'd', PrimaryKey: []int16{1}, Owned: true, Readable: true}
	for i, c := range columns {
		t.Columns = append(t.Columns, source.Column{
			Name: c, Number: int16(i + 1), NotNull: i == 0, Type: pgvalue.Type{OID: 25, Name: "text", Kind: pgvalue.Text},
		})
	}
	return t
}

func planOf(t *testing.T, more string, tables ...source.Table) ([]Object, error) {
	t.Helper()
	p := &planner{config: fileOf(t, more), database: "shop"}
	return p.plan(tables)
}

func TestTableNames(t *testing.T) {
	for name, c := range map[string]struct{ file, object, want string }{
		"public":    {"", "public.orders", "shop_orders"},
		"elsewhere": {"", "sales.orders", "shop_sales_orders"},
		"template":  {`defaults: { table_name: "{schema}.{table}" }`, "sales.orders", "sales.orders"},
		"prefix":    {"destination_table_prefix: eu_", "public.orders", "eu_shop_orders"},
		"exact":     {"", `public."Order Items"`, "shop_Order Items"},
		"sanitized": {"names: sanitize", `public."Order Items"`, "shop_order_items"},
	} {
		objects, err := planOf(t, c.file, tableOf(c.object, "id"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := objects[0].Table.Name; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestColumnNames(t *testing.T) {
	objects, err := planOf(t, "names: sanitize", tableOf("public.t", "id", "a b", "A_B", "a-b", "a_b_2"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range objects[0].Table.Data() {
		names = append(names, objects[0].Table.Columns[i].Name)
	}
	if got, want := strings.Join(names, " "), "id a_b a_b_3 a_b_4 a_b_2"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}

// TestRowID keeps the name by which databases find rows free in tables that have
// nothing else to find rows by.
func TestRowID(t *testing.T) {
	keyed, bare := tableOf("public.t", "id", "ROWID", "rowid_2"), tableOf("public.t", "id", "ROWID", "rowid_2")
	bare.PrimaryKey, bare.ReplicaIdentity = nil, 'f'
	for _, c := range []struct {
		table source.Table
		want  string
	}{{keyed, "ROWID"}, {bare, "ROWID_3"}} {
		objects, err := planOf(t, "", c.table)
		if err != nil {
			t.Fatal(err)
		}
		if got := objects[0].Table.Columns[1].Name; got != c.want {
			t.Errorf("the column is named %q, want %q", got, c.want)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	view := tableOf("public.v", "id")
	view.Kind = 'v'
	keyless := tableOf("public.k", "id", "v")
	keyless.PrimaryKey = nil
	for name, c := range map[string]struct {
		file   string
		tables []source.Table
		want   *fault.Kind
		says   string
	}{
		"two objects, one table": {
			`defaults: { table_name: "{table}" }`,
			[]source.Table{tableOf("a.t", "id"), tableOf("b.T", "id")}, NamesCollide, "table_name",
		},
		"a metadata name taken":  {"", []source.Table{tableOf("public.t", "id", "__hevo_loaded_at")}, ColumnTaken, "metadata_prefix"},
		"an object that is not":  {"objects: [{ name: public.nope }]", []source.Table{tableOf("public.t", "id")}, ObjectMissing, "public.nope"},
		"a view named":           {"objects: [{ name: public.v }]", []source.Table{view}, ObjectUnfit, "table"},
		"a key that is not":      {"objects: [{ name: public.t, key: [nope] }]", []source.Table{tableOf("public.t", "id")}, KeyUnfit, "nope"},
		"a key that may be null": {"objects: [{ name: public.t, key: [v] }]", []source.Table{tableOf("public.t", "id", "v")}, KeyUnfit, "null"},
		"a key without identity": {"objects: [{ name: public.k, key: [id] }]", []source.Table{keyless}, source.IdentityMissing, "REPLICA IDENTITY FULL"},
	} {
		_, err := planOf(t, c.file, c.tables...)
		if !fault.Has(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want fault %d that says %q", name, err, c.want.Code, c.says)
		}
	}
}

func TestIdentities(t *testing.T) {
	full := tableOf("public.t", "id", "v")
	full.ReplicaIdentity = 'f'
	bare := tableOf("public.t", "id", "v")
	bare.PrimaryKey, bare.ReplicaIdentity = nil, 'f'
	none := tableOf("public.t", "id", "v")
	none.PrimaryKey = nil
	leaf := tableOf("public.t", "id", "v")
	leaf.Kind = 'p'
	leaf.Leaves = []source.Leaf{{ReplicaIdentity: 'd', HasPrimaryKey: true}, {ReplicaIdentity: 'n', HasPrimaryKey: true}}
	for name, c := range map[string]struct {
		table source.Table
		want  schema.Identity
	}{
		"a primary key":                {tableOf("public.t", "id", "v"), schema.ByKey},
		"a primary key, identity full": {full, schema.ByKey},
		"no key, identity full":        {bare, schema.ByRow},
		"neither":                      {none, schema.InsertOnly},
		"a partition without identity": {leaf, schema.InsertOnly},
	} {
		objects, err := planOf(t, "", c.table)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := objects[0].Table.Identity; got != c.want {
			t.Errorf("%s: identity %d, want %d", name, got, c.want)
		}
		if (objects[0].Table.Find(schema.RowID) >= 0) != (c.want != schema.ByKey) {
			t.Errorf("%s: the hash of the row belongs to tables without a key alone", name)
		}
	}
}
