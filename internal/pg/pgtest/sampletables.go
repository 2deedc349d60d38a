package pgtest

import (
	"fmt"
	"strings"

	"trunkline/internal/pg"
)

// odd makes sessions of a database print values in a way of their own, unless
// they are told otherwise.
const odd = `
ALTER DATABASE %[1]s SET DateStyle = 'SQL, DMY'; ALTER DATABASE %[1]s SET IntervalStyle = 'iso_8601';
ALTER DATABASE %[1]s SET TimeZone = 'Asia/Kathmandu'; ALTER DATABASE %[1]s SET extra_float_digits = 0;
ALTER DATABASE %[1]s SET bytea_output = 'escape'; ALTER DATABASE %[1]s SET search_path = public, pg_catalog`

// CreateSamples makes two tables of every sample, both with a column v of its
// type: k_... with a key id, which counts values from 0, and l_... without. The
// last row is null. Sessions that begin later have settings under which values
// are printed in unusual ways.
func (db *DB) CreateSamples(samples []Sample) {
	db.t.Helper()
	db.Exec(SampleTypes)
	for _, s := range samples {
		db.Exec(fmt.Sprintf("CREATE TABLE k_%[1]s (id integer PRIMARY KEY, v %[2]s); CREATE TABLE l_%[1]s (v %[2]s); ALTER TABLE l_%[1]s REPLICA IDENTITY FULL",
			s.Name, s.Type))
		var rows []string
		for i, v := range s.Values {
			rows = append(rows, fmt.Sprintf("(%d, %s)", i, v.SQL))
		}
		rows = append(rows, fmt.Sprintf("(%d, NULL::%s)", len(rows), s.Type))
		db.Exec(fmt.Sprintf("INSERT INTO k_%[1]s VALUES %[2]s; INSERT INTO l_%[1]s SELECT v FROM k_%[1]s ORDER BY id",
			s.Name, strings.Join(rows, ", ")))
	}
	db.Exec(fmt.Sprintf(odd, pg.Quote(db.Name())))
}

// SampleRepeat is what RepeatSamples adds to a key.
const SampleRepeat = 1000

// RepeatSamples writes every row once more, in one transaction.
func (db *DB) RepeatSamples(samples []Sample) {
	db.t.Helper()
	var all strings.Builder
	for _, s := range samples {
		fmt.Fprintf(&all, "INSERT INTO k_%[1]s SELECT id + %[2]d, v FROM k_%[1]s ORDER BY id; INSERT INTO l_%[1]s SELECT v FROM l_%[1]s;",
			s.Name, SampleRepeat)
	}
	db.Exec(all.String())
}

// CreateWideSamples makes two tables of all samples, each a column of its name:
// wide has a key id, bare none. Row n, counted from 0, has the n-th value of each
// sample, and null where there are fewer; the last row has none. The number of
// rows is returned.
func (db *DB) CreateWideSamples(samples []Sample) (rows int) {
	db.t.Helper()
	db.Exec(SampleTypes)
	columns := make([]string, len(samples))
	for i, s := range samples {
		columns[i] = s.Name + " " + s.Type
		rows = max(rows, len(s.Values)+1)
	}
	db.Exec(fmt.Sprintf("CREATE TABLE wide (id integer PRIMARY KEY, %[1]s); CREATE TABLE bare (%[1]s); ALTER TABLE bare REPLICA IDENTITY FULL",
		strings.Join(columns, ", ")))
	for n := range rows {
		values := make([]string, len(samples))
		for i, s := range samples {
			values[i] = "NULL"
			if n < len(s.Values) {
				values[i] = s.Values[n].SQL
			}
		}
		list := strings.Join(values, ", ")
		db.Exec(fmt.Sprintf("INSERT INTO wide VALUES (%d, %s); INSERT INTO bare VALUES (%[2]s)", n, list))
	}
	db.Exec(fmt.Sprintf(odd, pg.Quote(db.Name())))
	return rows
}
