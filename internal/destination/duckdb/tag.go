//go:build !duckdb_arrow

package duckdb

// The driver leaves its Arrow interface out of builds without this tag; the name
// that does not exist says what to do.
var _ = build_with_GOFLAGS_tags_duckdb_arrow_as_the_Makefile_does
