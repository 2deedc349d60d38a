package pgoutput_test

import (
	"flag"
	"os"
	"testing"

	"trunkline/internal/pg/pgtest"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
