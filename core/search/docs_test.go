package search

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/normalize"
)

func TestEveryFieldIsDocumented(t *testing.T) {
	raw, err := os.ReadFile("../../docs/search.md")
	require.NoError(t, err)
	for _, f := range slices.Concat(pieces.list(), people.list()) {
		require.NotEmpty(t, f.What, f.Name)
		if !strings.Contains(string(raw), "`"+f.Name+"`") && !strings.Contains(string(raw), "`"+f.Name+".") {
			t.Errorf("docs/search.md does not have the field %s", f.Name)
		}
	}
}

// TestScalesHaveTheWordsOfTheVocabularies: the order of grades is here, the grades are core/normalize's.
func TestScalesHaveTheWordsOfTheVocabularies(t *testing.T) {
	for name, scale := range map[string]struct {
		words []string
		read  func(string) (string, bool)
	}{
		"clarity": {clarityScale, normalize.Clarity}, "colour": {colourScale(), normalize.DiamondColour}, "grade": {gradeScale, normalize.Cut},
		"fluorescence": {fluorescenceScale, func(s string) (string, bool) { g, _, ok := normalize.Fluorescence("", s); return g, ok }},
	} {
		for _, w := range scale.words {
			got, ok := scale.read(w)
			require.True(t, ok && got == w, "%s: %s is read as %q", name, w, got)
		}
	}
}
