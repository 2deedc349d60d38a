package duckdb

import (
	"fmt"
	"strings"

	"trunkline/internal/pg/pgvalue"
)

// typeName is the DuckDB type for values of t.
// https://duckdb.org/docs/stable/sql/data_types/overview
func typeName(t *pgvalue.Type) string {
	switch t.Kind {
	case pgvalue.Bool:
		return "BOOLEAN"
	case pgvalue.Int16:
		return "SMALLINT"
	case pgvalue.Int32:
		return "INTEGER"
	case pgvalue.Int64:
		return "BIGINT"
	case pgvalue.Uint32:
		return "UINTEGER"
	case pgvalue.Uint64:
		return "UBIGINT"
	case pgvalue.Float32:
		return "FLOAT"
	case pgvalue.Float64:
		return "DOUBLE"
	case pgvalue.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case pgvalue.Bytes:
		return "BLOB"
	case pgvalue.Date:
		return "DATE"
	case pgvalue.Time:
		return "TIME"
	case pgvalue.TimeTZ:
		return "TIME WITH TIME ZONE"
	case pgvalue.Timestamp:
		return "TIMESTAMP"
	case pgvalue.TimestampTZ:
		return "TIMESTAMP WITH TIME ZONE"
	case pgvalue.Interval:
		return "INTERVAL"
	case pgvalue.UUID:
		return "UUID"
	case pgvalue.JSON:
		return "JSON"
	case pgvalue.List:
		return typeName(t.Elem) + strings.Repeat("[]", t.Dims)
	}
	return "VARCHAR"
}

// incoming is the expression by which a staged column becomes a value of its
// type. Arrow has no time with a time zone: it comes as text.
func incoming(t *pgvalue.Type, expr string) string {
	if holdsTimeTZ(t) {
		return "CAST(" + expr + " AS " + typeName(t) + ")"
	}
	return expr
}

// outgoing is the inverse of incoming.
func outgoing(t *pgvalue.Type, expr string) string {
	switch {
	case !holdsTimeTZ(t):
		return expr
	case t.Kind == pgvalue.List:
		return textOfTimes(expr, t.Dims)
	}
	return textOfTimes(expr, 0)
}

// textOfTimes prints times with a time zone that stand in lists of some depth.
// DuckDB keeps an offset of -01:00:01 but prints it without its minutes, as
// -01:01.
func textOfTimes(expr string, depth int) string {
	if depth > 0 {
		item := fmt.Sprintf("x%d", depth)
		return fmt.Sprintf("list_transform(%s, lambda %s: %s)", expr, item, textOfTimes(item, depth-1))
	}
	offset := "abs(extract(timezone FROM " + expr + "))"
	text := "CAST(" + expr + " AS VARCHAR)"
	return fmt.Sprintf(`CASE WHEN %[1]s %% 60 <> 0 AND %[1]s %% 3600 < 60 THEN regexp_replace(%[2]s, ':(\d\d)$', ':00:\1') ELSE %[2]s END`,
		offset, text)
}

func holdsTimeTZ(t *pgvalue.Type) bool {
	return t.Kind == pgvalue.TimeTZ || t.Kind == pgvalue.List && t.Elem.Kind == pgvalue.TimeTZ
}
