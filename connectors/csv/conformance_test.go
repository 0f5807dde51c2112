package csv

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	os.Exit(m.Run())
}

// TestConformance makes the checks that need no platform: a folder of files is neither reached over a network nor read
// twice. What happens to its rows at a crash is tested by hand beside this.
func TestConformance(t *testing.T) {
	t.Parallel() // it waits more than it works
	self, err := os.Executable()
	require.NoError(t, err)
	missing := filepath.Join(t.TempDir(), "not-there")
	conformance.Run(t, conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(`{"folder":` + strconv.Quote(missing) + `,"settle":"10ms"}`),
	})
}
