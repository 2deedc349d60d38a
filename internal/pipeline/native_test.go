package pipeline_test

import (
	"testing"

	"trunkline/internal/pg/pgtest"
)

const nativeTable = `
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE n (
  id integer PRIMARY KEY, price numeric(12,2), huge numeric(38,0), instant timestamptz, local timestamp, day date, clock time, zoned timetz,
  tags text[], grid integer[][], u uuid, span interval, doc jsonb, raw bytea, ok boolean, f double precision, m mood, wide xid8, big numeric
);
INSERT INTO n VALUES
  (1, 0.10, 99999999999999999999999999999999999999, '2024-03-31 02:30:00+02', '2024-03-31 02:30:00', '2024-02-28', '23:59:59.5', '10:00-05',
   '{a,NULL,"c d"}', '{{1,2},{3,4}}', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '1 month 1 day 1 hour', '{"a": {"b": [10, 20]}}', '\x00ff', true, 'NaN', 'high', '18446744073709551615', 1e40),
  (2, 0.20, -1, 'infinity', 'infinity', 'infinity', '24:00', '11:00+00',
   '{}', '{}', '00000000-0000-0000-0000-000000000000', '-1 month', '[1, null]', '\x', false, '-0', 'low', '0', 0.1),
  (3, 'NaN', NULL, '0044-03-15 12:00:00+00 BC', NULL, '0044-03-15 BC', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Infinity', NULL, NULL, 'NaN')`

// Columns are of DuckDB's own types and behave as such, which the texts of
// values do not prove.
func TestNativeTypesInDuckDB(t *testing.T) {
	s := pgtest.Shared(t, pgtest.Versions()[len(pgtest.Versions())-1])
	h := newHarness(t, s.Database(t))
	h.rest = "objects: [{ name: public.n, on_delete: delete }]\n"
	h.db.Exec(nativeTable)
	h.catchUp()
	// The same rows by the stream.
	h.db.Exec("DELETE FROM n WHERE id = 3; INSERT INTO n SELECT 3, 'NaN', NULL, '0044-03-15 12:00:00+00 BC', NULL, '0044-03-15 BC'; UPDATE n SET id = -id WHERE id = 1")
	h.catchUp()
	for _, c := range []struct{ what, sql, want string }{
		{"a sum of decimals is exact", "SELECT sum(price)::VARCHAR FROM n", "0.30"},
		{"a decimal has its precision and scale", "SELECT typeof(price) || typeof(huge) FROM n LIMIT 1", `"DECIMAL(12,2)DECIMAL(38,0)"`},
		{"38 digits add up", "SELECT (huge - 1)::VARCHAR FROM n WHERE id = -1", "99999999999999999999999999999999999998"},
		{"NaN stands beside the row", `SELECT o.value FROM n JOIN __trunkline.overflow o ON o.key = '["' || id || '"]' WHERE o.table_name = 'n' AND price IS NULL AND id = 3`, "NaN"},
		{"an instant compares", "SELECT count(*) FROM n WHERE instant = TIMESTAMPTZ '2024-03-31 00:30:00+00'", "1"},
		{"infinity is after all else", "SELECT string_agg(id::VARCHAR, ' ' ORDER BY instant) FROM n", "3 -1 2"},
		{"infinity is known", "SELECT count(*) FROM n WHERE isinf(instant) AND isinf(local) AND isinf(day)", "1"},
		{"years BC", "SELECT year(day) || ' ' || (instant - TIMESTAMPTZ '0001-03-15 12:00:00+00')::VARCHAR FROM n WHERE id = 3", "-43 -16071 days"},
		{"days add up", "SELECT (day + 2)::VARCHAR FROM n WHERE id = -1", "2024-03-01"},
		{"local times have no zone", "SELECT local::VARCHAR FROM n WHERE id = -1", "2024-03-31 02:30:00"},
		{"the last time of a day", "SELECT count(*) FROM n WHERE clock > TIME '23:59:59.6'", "1"},
		{"times compare across zones", "SELECT count(*) FROM n a JOIN n b ON a.id = -1 AND b.id = 2 AND a.zoned > b.zoned", "1"},
		{"elements of a list", "SELECT tags[3] || '/' || coalesce(tags[2], 'null') || '/' || len(tags) FROM n WHERE id = -1", "c d/null/3"},
		{"elements of two dimensions", "SELECT grid[2][1] FROM n WHERE id = -1", "3"},
		{"a list is unnested", "SELECT sum(x) FROM (SELECT unnest(flatten(grid)) AS x FROM n)", "10"},
		{"a uuid equals its literal", "SELECT count(*) FROM n WHERE u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "1"},
		{"an interval is added by month, day and time", "SELECT (TIMESTAMP '2024-01-31 00:00:00' + span)::VARCHAR FROM n WHERE id = -1", "2024-03-01 01:00:00"},
		{"a path into json", "SELECT doc->'a'->'b'->>1 FROM n WHERE id = -1", "20"},
		{"json null is not null", "SELECT json_type(doc->1) FROM n WHERE id = 2", "NULL"},
		{"bytes", "SELECT octet_length(raw) || hex(raw) FROM n WHERE id = -1", "200FF"},
		{"booleans", "SELECT count(*) FILTER (ok) || ' ' || count(*) FILTER (NOT ok) FROM n", "1 1"},
		{"NaN is a double", "SELECT count(*) FROM n WHERE isnan(f)", "1"},
		{"negative zero is zero", "SELECT count(*) FROM n WHERE f = 0", "1"},
		{"64 bits without a sign", "SELECT max(wide)::VARCHAR FROM n", "18446744073709551615"},
		{"labels of an enum", "SELECT string_agg(m, ' ' ORDER BY m) FROM n", "high low"},
		{"any number as text", "SELECT length(big) FROM n WHERE id = -1", "41"},
	} {
		if got := h.query(c.sql); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.what, c.sql, got, c.want)
		}
	}
}
