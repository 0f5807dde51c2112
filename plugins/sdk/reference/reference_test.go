package reference

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageIsUpToDate(t *testing.T) {
	want, err := Page("../../proto/connector.proto", "..")
	require.NoError(t, err)
	have, err := os.ReadFile("../../../docs/plugins/reference.md")
	require.NoError(t, err)
	require.Equal(t, want, string(have), "docs/plugins/reference.md is out of date: run `make generate`")
}

// TestEveryCallIsExplained finds what the reader of the protocol overlooks, and calls without a doc comment.
func TestEveryCallIsExplained(t *testing.T) {
	raw, err := os.ReadFile("../../proto/connector.proto")
	require.NoError(t, err)
	p := parseProtocol(string(raw))
	require.Equal(t, strings.Count(string(raw), "\n  rpc "), len(p.calls))
	require.Equal(t, strings.Count(string(raw), "\nmessage "), len(p.messages))
	said, err := readContract("..")
	require.NoError(t, err)
	fields := 0
	for _, m := range p.messages {
		fields += len(m.fields)
	}
	require.Equal(t, strings.Count(string(raw), " = ")-strings.Count(string(raw), "syntax = ")-strings.Count(string(raw), "go_package = "), fields)
	for _, c := range p.calls {
		require.NotEmpty(t, said.methods[c.name]+c.comment, "%s has no doc comment", c.name)
	}
}
