package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/internal/pg/pgvalue"
)

// abilities is what a server's types can do.
type abilities struct {
	major int
	// extensions are the base types that extensions have brought, as format_type
	// prints them.
	extensions map[string]bool
	xml        bool
}

const selectAbilities = `SELECT current_setting('server_version_num')::int / 10000, format_type(t.oid, NULL)
FROM (SELECT 1) AS one
LEFT JOIN pg_type t ON t.typtype = 'b' AND t.typelem = 0 AND EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')`

func (s *session) abilities(ctx context.Context) (a abilities, err error) {
	a.extensions = map[string]bool{}
	err = s.query(ctx, selectAbilities, func(v [][]byte) error {
		if v[1] != nil {
			a.extensions[string(v[1])] = true
		}
		_, err := fmt.Sscan(string(v[0]), &a.major)
		return err
	})
	if err != nil {
		return a, err
	}
	// A server may be built without XML; then the type is there and takes nothing.
	_, err = s.exec(ctx, `SELECT '<a/>'::xml`)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return a, nil
	}
	a.xml = err == nil
	return a, err
}

// newest is what a server of today can do; the reference shows it.
var newest = abilities{major: 18, xml: true}

// since are the versions that brought a type.
var since = map[uint32]int{
	5069: 13, 5038: 13, // xid8, pg_snapshot
	4451: 14, 4532: 14, 4533: 14, 4534: 14, 4535: 14, 4536: 14, // multiranges
	18: 15, // "char" reads its own octal form
}

// foreign are types whose values mean something in the source's database alone:
// names of its objects and roles, and amounts in its currency.
var foreign = map[uint32]bool{
	24: true, 2202: true, 2203: true, 2204: true, 2205: true, 2206: true, 3734: true, 3769: true,
	4089: true, 4096: true, 4191: true, 1033: true, 790: true,
}

const oidRefcursor = 1790

// builtins are the names of types without a modifier by OID, names the reverse.
var builtins, names = func() (map[uint32]string, map[string]uint32) {
	byOID, byName := map[uint32]string{}, map[string]uint32{}
	for _, b := range pgvalue.Builtins {
		byOID[b.OID], byName[b.Name] = b.Name, b.OID
	}
	// Without a modifier these two would be of length 1.
	byOID[oidBPChar], byOID[1560] = "bpchar", "bit varying"
	byName["bpchar"], byName[`"bit"`] = oidBPChar, 1560
	return byOID, byName
}()

// typeName is the type of a column for values of t. key says that rows are found
// by it: types of extensions compare by operators that need not be at hand.
// https://www.postgresql.org/docs/current/datatype.html
func (a *abilities) typeName(t *pgvalue.Type, key bool) string {
	switch {
	case t.Overridden:
		return "text"
	case t.Kind == pgvalue.List:
		return a.elementName(t, key) + strings.Repeat("[]", t.Dims)
	case t.Kind == pgvalue.Decimal:
		return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
	case builtins[t.OID] != "":
		return a.builtinName(t.OID, t.Name)
	case t.Base != "":
		if oid, ok := names[t.Base]; ok {
			return a.builtinName(oid, builtins[oid])
		}
	case t.Name == "":
		return kindName(t.Kind)
	}
	plain, _, _ := strings.Cut(t.Name, "(")
	if oid, ok := names[plain]; ok && t.OID == 0 {
		return a.builtinName(oid, t.Name) // an example of the reference
	}
	if a.extensions[plain] && !key {
		return t.Name
	}
	return kindName(t.Kind)
}

// elementName is the type of the elements of a list, with the modifier that only
// the name of the list has.
func (a *abilities) elementName(t *pgvalue.Type, key bool) string {
	e := *t.Elem
	if t.Base == "" && e.Base == "" && builtins[e.OID] != "" {
		e.Name = strings.TrimSuffix(t.Name, "[]")
	} else if name := builtins[e.OID]; name != "" {
		e.Name = name
	}
	return a.typeName(&e, key)
}

// builtinName is a type that PostgreSQL has by itself, where this server has it.
func (a *abilities) builtinName(oid uint32, name string) string {
	switch {
	case foreign[oid], a.major < since[oid], oid == oidXML && !a.xml:
		if oid == oidXID8 {
			return kindName(pgvalue.Uint64)
		}
		return "text"
	case oid == oidNumeric, oid == oidRefcursor:
		// Of more than 38 digits; or with a modifier that older servers do not know.
		return builtins[oid]
	case name == "":
		return builtins[oid]
	}
	return name
}

// kindName is the type for values of which no more is known.
func kindName(k pgvalue.Kind) string {
	switch k {
	case pgvalue.Bool:
		return "boolean"
	case pgvalue.Int16:
		return "smallint"
	case pgvalue.Int32:
		return "integer"
	case pgvalue.Int64, pgvalue.Uint32:
		return "bigint"
	case pgvalue.Uint64:
		return "numeric(20,0)"
	case pgvalue.Float32:
		return "real"
	case pgvalue.Float64:
		return "double precision"
	case pgvalue.Bytes:
		return "bytea"
	case pgvalue.Date:
		return "date"
	case pgvalue.Time:
		return "time without time zone"
	case pgvalue.TimeTZ:
		return "time with time zone"
	case pgvalue.Timestamp:
		return "timestamp without time zone"
	case pgvalue.TimestampTZ:
		return "timestamp with time zone"
	case pgvalue.Interval:
		return "interval"
	case pgvalue.UUID:
		return "uuid"
	case pgvalue.JSON:
		return "json"
	}
	return "text"
}
