package embedded_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == writerRole {
		if err := runWriter(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// seeds is how many seeds a property test tries; JUMPRING_SEEDS overrides it.
func seeds(t *testing.T, normal int) int {
	t.Helper()
	s := os.Getenv("JUMPRING_SEEDS")
	if s == "" {
		return normal
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("JUMPRING_SEEDS: %v", err)
	}
	return n
}
