package problem

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

func TestEveryCodeIsWholeAndDocumented(t *testing.T) {
	seen := map[Code]bool{}
	for _, s := range Specs() {
		require.False(t, seen[s.Code], "%s is listed twice", s.Code)
		seen[s.Code] = true
		require.NotEmpty(t, s.Title, s.Code)
		require.True(t, strings.HasSuffix(s.Do, "."), "%s says what to do in a sentence", s.Code)
		require.NotEmpty(t, http.StatusText(s.Status), s.Code)
		require.GreaterOrEqual(t, s.Status, 400, s.Code)
	}
	const page = "../../docs/errors.md"
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(Markdown()), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, Markdown(), string(got), "docs/errors.md is out of date: go test ./core/problem -update")
}

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		code   Code
		status int
		retry  string
	}{
		"a problem stays what it is": {fmt.Errorf("reading: %w", New(BodyNotJSON, "x")), BodyNotJSON, 400, ""},
		"a refused append":           {&bus.Refused{Class: bus.ClassBulk, Reason: "full", RetryAfter: 1500 * time.Millisecond}, HubBusy, 503, "2"},
		"a failed journal":           {bus.ErrFailed, HubBusy, 503, "5"},
		"a batch over the limit":     {fmt.Errorf("append: %w", bus.ErrTooLarge), BodyTooLarge, 413, ""},
		"anything else":              {errors.New("disk of alice@example.com"), HubFailed, 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Of(c.err)
			require.Equal(t, c.code, p.Code)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, c.retry, p.RetrySeconds())
			require.NotContains(t, p.Error(), "alice")
		})
	}
}

func TestFromOutcomeKeepsTheFoldsWords(t *testing.T) {
	until := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := FromOutcome(&canon.Outcome{Status: 409, Code: "item.held", Reason: "web-eu holds it", Holder: &canon.Holder{Channel: "web-eu", Until: &until}})
	require.Equal(t, Code("item.held"), p.Code)
	require.Equal(t, 409, p.Status)
	require.Equal(t, "web-eu holds it", p.Detail)
	require.Equal(t, "web-eu", p.Holder.Channel)

	own := FromOutcome(&canon.Outcome{Status: 422, Code: "case.closed", Reason: "it is closed"})
	require.Equal(t, Code("case.closed"), own.Code)
	require.Equal(t, 422, own.Status)
	require.NotEmpty(t, own.Do)
}
