package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBenchIdentityTakesATableWithATruthLabel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "people.csv")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join([]string{
		"rec_id,first,last,born,town", "p1-a,Robert,Martinelli,1970-04-03,Lyon", "p1-b,Bob,Martinelli,1970-04-03,Lyon", "p2-a,Anna,Stein,1981-12-24,Paris", "p3-a,Maria,Krause,1990-01-30,Wien",
	}, "\n")), 0o600))
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"bench", "identity", "--csv", path, "--truth", "rec_id", "--truth-pattern", `(p\d+)-`, "--map", "given=first,family=last,birthday=born,city=town", "--output", "json"}, newConsole(strings.NewReader(""), &out, &errs))
	require.Equal(t, exitOK, code, errs.String())
	var report struct {
		Records, Persons int
		Match            struct{ Precision, Recall, F1 float64 }
		Weights          struct{ Levels map[string]map[string]int }
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	require.Equal(t, 4, report.Records)
	require.Equal(t, 3, report.Persons)
	require.Equal(t, []float64{1, 1, 1}, []float64{report.Match.Precision, report.Match.Recall, report.Match.F1}, out.String())
	require.Negative(t, report.Weights.Levels["given"]["differ"])

	for _, bad := range [][]string{
		{"--csv", path}, {"--csv", path, "--truth", "nobody"}, {"--csv", path, "--truth", "rec_id", "--map", "shoe=born"}, {"--csv", "/nowhere", "--truth", "rec_id"}, {"--records", "1"},
	} {
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"bench", "identity"}, bad...), newConsole(strings.NewReader(""), &out, &errs)), bad)
	}
}
