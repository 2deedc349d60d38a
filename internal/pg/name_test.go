package pg

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name      Name
		text, sql string
	}{
		{Name{"public", "orders"}, "public.orders", `"public"."orders"`},
		{Name{"", "orders"}, "orders", `"orders"`},
		{Name{"public", "Order Items"}, `public."Order Items"`, `"public"."Order Items"`},
		{Name{"a.b", `c"d`}, `"a.b"."c""d"`, `"a.b"."c""d"`},
		{Name{"public", "_x$1"}, "public._x$1", `"public"."_x$1"`},
		{Name{"public", "1x"}, `public."1x"`, `"public"."1x"`},
		{Name{"public", "$x"}, `public."$x"`, `"public"."$x"`},
		{Name{"public", "größe"}, `public."größe"`, `"public"."größe"`},
		{Name{"public", ""}, `public.""`, `"public".""`},
	} {
		if got := c.name.String(); got != c.text {
			t.Errorf("%#v prints %s, want %s", c.name, got, c.text)
		}
		if got := c.name.SQL(); got != c.sql {
			t.Errorf("%#v is %s in SQL, want %s", c.name, got, c.sql)
		}
	}
}

func TestParseName(t *testing.T) {
	for text, want := range map[string]Name{
		"orders":             {"public", "orders"},
		"sales.orders":       {"sales", "orders"},
		"Sales.Orders":       {"Sales", "Orders"},
		`"a.b".c`:            {"a.b", "c"},
		`a."b"`:              {"a", "b"},
		`"say ""hi"""."x y"`: {`say "hi"`, "x y"},
		`"".""`:              {"", ""},
	} {
		if got, err := ParseName(text); err != nil || got != want {
			t.Errorf("%s: %#v, %v; want %#v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":       `name "": an empty part`,
		".a":     `name ".a": an empty part`,
		"a.":     `name "a.": an empty part`,
		"a..b":   `name "a..b": an empty part`,
		"a.b.c":  `name "a.b.c": more than schema and table`,
		`"a`:     `name "\"a": a quote is not closed`,
		`"a""`:   `name "\"a\"\"": a quote is not closed`,
		`"a"b`:   `name "\"a\"b": a dot is expected before "b"`,
		`a."b"c`: `name "a.\"b\"c": more than schema and table`,
	} {
		if _, err := ParseName(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Names of any characters are read as they are printed.
func TestNamesReadBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	pieces := []string{"a", "B", ".", `"`, " ", "_", "1", "$", "ö", `\`, "'"}
	ident := func() string {
		var s strings.Builder
		for range r.IntN(5) {
			s.WriteString(pieces[r.IntN(len(pieces))])
		}
		return s.String()
	}
	for range 2000 {
		name := Name{ident(), ident()}
		if name.Schema == "" {
			continue // is public when it is read
		}
		if got, err := ParseName(name.String()); err != nil || got != name {
			t.Fatalf("%#v prints %s, which is %#v, %v", name, name, got, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"a.b", `"a.b".c`, `"`, `""`, "a..b", `a."b""c"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := ParseName(s)
		if err != nil || name.Schema == "" {
			return
		}
		if got, err := ParseName(name.String()); err != nil || got != name {
			t.Fatalf("%q is %#v, whose text is %#v, %v", s, name, got, err)
		}
	})
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{
		"":         "''",
		"plain":    "'plain'",
		"it's":     "'it''s'",
		`a\b`:      ` E'a\\b'`,
		`\'; --`:   ` E'\\''; --'`,
		"ö\n\"x\"": "'ö\n\"x\"'",
	} {
		if got := Literal(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestSlotName(t *testing.T) {
	name := SlotName("shop", "duckdb:/data/shop.duckdb:main")
	if !strings.HasPrefix(name, "trunkline_shop_") || len(name) != len("trunkline_shop_")+8 {
		t.Errorf("%s", name)
	}
	if name != SlotName("shop", "duckdb:/data/shop.duckdb:main") {
		t.Error("the name is another each time")
	}
	seen := map[string]string{}
	for _, c := range []struct{ pipeline, destination string }{
		{"shop", "a"}, {"shop", "b"}, {"Shop", "a"}, {"shop-1", "a"}, {"shop_1", "a"}, {"shop 1", "a"}, {"läden", "a"}, {"", ""},
		{"shopa", ""}, {strings.Repeat("long ", 30), "a"}, {strings.Repeat("long ", 31), "a"}, {strings.Repeat("日本", 40), "a"},
	} {
		name := SlotName(c.pipeline, c.destination)
		if other, taken := seen[name]; taken {
			t.Errorf("%q has the name of %q", c.pipeline, other)
		}
		seen[name] = c.pipeline
		// Publications add to the name.
		if len(name) > MaxIdentifier-10 {
			t.Errorf("%s is %d bytes long", name, len(name))
		}
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("%s: a slot takes only lower case letters, digits and underscores", name)
		}
	}
}
