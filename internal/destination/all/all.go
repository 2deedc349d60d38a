// Package all lists the kinds of destination: one line each.
package all

import (
	"trunkline/internal/destination"
	"trunkline/internal/destination/duckdb"
	"trunkline/internal/destination/postgres"
)

// Kinds are the destinations of the program.
func Kinds() destination.Registry {
	return destination.Registry{
		duckdb.Kind(),
		postgres.Kind(),
	}
}
