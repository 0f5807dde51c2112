package stream

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// patience is how long something may take that has to happen.
const patience = 60 * time.Second

var shared rabbittest.Shared

func TestMain(m *testing.M) { shared.Main(m) }

// testOptions reaches a broker that is near.
func testOptions(name string, urls ...string) Options {
	return Options{Name: name, Rabbit: rabbit.Config{
		URLs: urls, Heartbeat: 2 * time.Second, Backoff: rabbit.Backoff{Min: 20 * time.Millisecond, Max: 500 * time.Millisecond},
	}}
}

// opened opens a journal that is closed when the test ends.
func opened(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func entry(text string) []bus.Entry {
	return []bus.Entry{{Type: "observation", Head: []byte(`{"actor":"test"}`), Data: []byte(text)}}
}

// asAny tells whether an error is one of several kinds.
func asAny(err error, targets ...any) bool {
	for _, target := range targets {
		if errors.As(err, target) {
			return true
		}
	}
	return false
}
