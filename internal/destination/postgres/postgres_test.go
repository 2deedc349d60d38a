package postgres

import (
	"os"
	"testing"

	"trunkline/internal/config"
	"trunkline/internal/destination"
	"trunkline/internal/destination/destinationtest"
	"trunkline/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// settingsOf point at a test's database.
func settingsOf(db *pgtest.DB) *Settings {
	s := &Settings{
		Host: "127.0.0.1", Port: db.Server().Port(), User: "postgres", Database: db.Name(), Schema: "public",
	}
	s.SSL.Mode = config.SSLOff
	return s
}

// TestSuite runs the suite on a database of the oldest and the newest server,
// which is emptied for each test: making a database takes longer than most tests.
func TestSuite(t *testing.T) {
	pgtest.EachVersion(t, func(t *testing.T, server *pgtest.Server) {
		db := server.Database(t, "TEMPLATE template0 ENCODING 'UTF8'")
		settings := settingsOf(db)
		settings.Schema = `the "Schema"`
		destinationtest.Run(t, destinationtest.Target{
			New: func(*testing.T) destinationtest.Store {
				db.Exec(`SET client_min_messages = error; DROP SCHEMA IF EXISTS __trunkline, "the ""Schema""" CASCADE`)
				return destinationtest.Native(destinationtest.SQL(Kind(), settings, settings.Schema))
			},
			Concurrent: true,
		})
	})
}

func optionsFor(s *Settings) destination.Options {
	return destination.Options{Pipeline: "test", Settings: s}
}
