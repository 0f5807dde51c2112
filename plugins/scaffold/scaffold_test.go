package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the project does is tested by the tutorial in cmd/jumpring.

func TestAProjectHasItsOwnNameEverywhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gold-till")
	written, err := Write(Project{Name: "gold-till", Dir: dir, SDK: "../.."})
	require.NoError(t, err)
	for _, name := range []string{"main.go", "connector.go", "client.go", "map.go", "connector_test.go", "twin/twin.go", "test.yaml", "README.md", ".gitignore", "go.mod", "go.sum"} {
		require.Contains(t, written, name)
	}
	for _, name := range written {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(raw)), "acme", name)
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(goMod), "module gold-till\n")
	require.Contains(t, string(goMod), "\nreplace github.com/jumpring/jumpring => \"/")
}

func TestAProjectAgainstThePublishedModule(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gold")
	_, err := Write(Project{Name: "gold", Dir: dir, Version: "v1.2.3"})
	require.NoError(t, err)
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(goMod), "require github.com/jumpring/jumpring v1.2.3\n")
}

func TestWhatIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []Project{
		{Name: "Gold", Dir: filepath.Join(dir, "a"), SDK: "../.."},
		{Name: "gold/../x", Dir: filepath.Join(dir, "a"), SDK: "../.."},
		{Name: "-gold", Dir: filepath.Join(dir, "a"), SDK: "../.."},
		{Name: "gold", Dir: dir, SDK: "../.."},                       // is there
		{Name: "gold", Dir: filepath.Join(dir, "a"), SDK: dir},       // no checkout
		{Name: "gold", Dir: filepath.Join(dir, "a"), SDK: "../host"}, // no module
	} {
		_, err := Write(p)
		require.Error(t, err, "%+v", p)
	}
	_, err := os.Stat(filepath.Join(dir, "a"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
