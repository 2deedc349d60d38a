package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"trunkline/internal/pg"
	"trunkline/internal/pg/pgvalue"
)

// orders has columns of every make: two of a key in another order, one dropped,
// one renamed twice, one that took the name of another.
func orders() *Table {
	zero := "0"
	return &Table{
		Object: pg.Name{Schema: "public", Name: "Orders"}, Name: "orders",
		Columns: []Column{
			{Name: "shop", Source: "shop", Number: 1, Type: pgvalue.Type{Name: "uuid", Kind: pgvalue.UUID, Binary: true}, NotNull: true},
			{Name: "number", Source: "number", Number: 2, Type: pgvalue.Type{Name: "bigint", Kind: pgvalue.Int64, Binary: true}, NotNull: true},
			{Name: "note", Source: "remark", Number: 3, Type: pgvalue.Type{Name: "jsonb", Kind: pgvalue.JSON}, Former: []string{"note", "text"}},
			{Name: "gone", Source: "gone", Number: 4, Type: pgvalue.Type{Name: "text"}, Dropped: true},
			{Name: "text", Source: "text", Number: 5, Type: pgvalue.Type{Name: "text", Binary: true}, Missing: &zero},
			{Name: "tags", Source: "tags", Number: 6, Type: pgvalue.Type{
				Name: "text[]", Kind: pgvalue.List, Elem: &pgvalue.Type{Name: "text"}, Dims: 2, Delim: ','}},
			{Name: "__hevo_ingested_at", Role: IngestedAt, Type: pgvalue.Type{Kind: pgvalue.TimestampTZ}},
			{Name: "__hevo_loaded_at", Role: LoadedAt, Type: pgvalue.Type{Kind: pgvalue.TimestampTZ}},
			{Name: "__hevo_marked_deleted", Role: Marked, Type: pgvalue.Type{Kind: pgvalue.Bool}},
		},
		Key: []int{1, 0}, OnDelete: Mark, OnTruncate: Delete,
	}
}

func TestFind(t *testing.T) {
	table := orders()
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"the mark", table.Find(Marked), 8},
		{"a role that no column has", table.Find(RowID), -1},
		{"the first of a role", table.Find(Data), 0},
		{"a name", table.FindName("note"), 2},
		{"a name of other case", table.FindName("Note"), -1},
		{"a name of the source", table.FindSource("remark"), 2},
		{"a former name", table.FindSource("note"), 2},
		{"a name that is another column's now", table.FindSource("text"), 4},
		{"a name of ours at the source", table.FindSource("__hevo_loaded_at"), -1},
		{"a dropped column", table.FindSource("gone"), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
}

func TestColumnsOfATable(t *testing.T) {
	table := orders()
	for _, c := range []struct {
		what      string
		got, want []int
	}{
		{"staged", table.Staged(), []int{0, 1, 2, 3, 4, 5, 6, 8}},
		{"data", table.Data(), []int{0, 1, 2, 3, 4, 5}},
		{"current", table.Current(), []int{0, 1, 2, 4, 5}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s columns are %v, want %v", c.what, c.got, c.want)
		}
	}
	var keys []int
	for i := range table.Columns {
		if table.IsKey(i) {
			keys = append(keys, i)
		}
	}
	if !slices.Equal(keys, []int{0, 1}) {
		t.Errorf("columns of the key are %v", keys)
	}
	fields := table.Fields([]int{5, 0})
	if fields[0].Name != "tags" || fields[1].Name != "shop" || !fields[1].Nullable || fields[0].Type.String() != "list<item: list<item: utf8, nullable>, nullable>" {
		t.Errorf("fields are %v", fields)
	}
}

// Rows that are told apart by a hash of their texts are read as text.
func TestReadBinary(t *testing.T) {
	table := orders()
	var binary []int
	for _, i := range table.Data() {
		if table.ReadBinary(i) {
			binary = append(binary, i)
		}
	}
	if !slices.Equal(binary, []int{0, 1, 4}) {
		t.Errorf("read in binary form: %v", binary)
	}
	table.Columns = append(table.Columns, Column{Name: "__hevo_id", Role: RowID})
	for _, i := range table.Data() {
		if table.ReadBinary(i) {
			t.Errorf("column %d of hashed rows is read in binary form", i)
		}
	}
}

// Destinations remember tables as JSON.
func TestTablesAsJSON(t *testing.T) {
	want := orders()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Table
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%v:\n %+v, want\n %+v", err, got, *want)
	}
}

// Every plan can be printed before it runs.
func TestPlansPrint(t *testing.T) {
	table := orders()
	plan := Plan{
		IntendSlot{Slot: "trunkline_shop"}, RecordSlot{Slot: "trunkline_shop", ConsistentPoint: 0x16_B374D848},
		BeginCopy{Table: table, Generation: 2, Start: 0x10}, EndCopy{Table: table, Generation: 2},
		AddColumn{Table: table, Name: "note"}, RenameColumn{Table: table, From: "a", To: "note"},
		Describe{Table: table}, Leave{Table: table}, Forget{},
	}
	want := []string{
		`note that slot "trunkline_shop" is wanted`, `note slot "trunkline_shop" at 16/B374D848`,
		`begin copy 2 of table "orders" at 0/10`, `end copy 2 of table "orders"`,
		`add column "note" to table "orders"`, `rename column "a" of table "orders" to "note"`,
		`describe table "orders"`, `leave table "orders"`, `forget the pipeline`,
	}
	for i, step := range plan {
		if step.String() != want[i] {
			t.Errorf("%T prints %s, want %s", step, step, want[i])
		}
	}
}
