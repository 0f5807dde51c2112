package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy/example"
)

// The examples of docs/publishing.md are read as they stand there, and the item that they show is published or not as they say.
func TestTheExamplesOfThePublishingPage(t *testing.T) {
	raw, err := os.ReadFile("../../docs/publishing.md")
	require.NoError(t, err)
	var blocks []string
	for _, part := range strings.Split(string(raw), "```yaml\n")[1:] {
		block, _, found := strings.Cut(part, "```")
		require.True(t, found)
		blocks = append(blocks, block)
	}
	require.Len(t, blocks, 2, "rules and examples")
	names := []string{"erp", "web-eu"}
	p, err := ParsePolicy([]byte(blocks[0]), "rules.yaml", System(), names)
	require.NoError(t, err)
	require.Equal(t, canon.PublishSelected, p.Publish[0].Create)
	file := filepath.Join(t.TempDir(), "examples.yaml")
	require.NoError(t, os.WriteFile(file, []byte(blocks[1]), 0o600))
	examples, _, err := LoadExamples(file, System(), names)
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	s := canon.Settings{
		MatchItem: []string{"serial"}, Serialized: "always", StockAuthority: "hub", Locations: []string{"paris"}, Policy: p,
		Connections: []canon.ConnectionSettings{{Name: "erp", Connector: "csv"}, {Name: "web-eu", Connector: "shopify"}},
	}
	for i := range examples {
		r, err := example.Run(&s, &examples[i])
		require.NoError(t, err)
		require.True(t, r.OK, "%v", r.Failures)
		// Without what an example can't state, the rule selects it.
		s.Policy.Publish[0].CreateOf.Statuses, s.Policy.Publish[0].CreateOf.Locations = nil, nil
		examples[i].Published = []string{"web-eu"}
		r, err = example.Run(&s, &examples[i])
		require.NoError(t, err)
		require.True(t, r.OK, "%v", r.Failures)
	}
}
