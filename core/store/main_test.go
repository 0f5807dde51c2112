package store_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary stand in for the process that TestCrash kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		commitUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}
