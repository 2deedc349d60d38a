package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/internal/destination/destinationtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSuite compares the model with itself under other cuts, and with what the
// stories say.
func TestSuite(t *testing.T) { destinationtest.Run(t, destinationtest.Memory()) }
