package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// useServices has the connector ask the hub: the cursor names the service and what it is asked, the answer is the next one.
func (c *testConnector) useServices(req *sdk.PollRequest) (*sdk.PollResponse, error) {
	service, rest, _ := strings.Cut(string(req.Cursor), " ")
	key, value, _ := strings.Cut(rest, " ")
	var out string
	var err error
	switch service {
	case "secret":
		var ok bool
		out, ok, err = c.services.Secret(key)
		if !ok && err == nil {
			out = "none"
		}
	case "now":
		var at time.Time
		at, err = c.services.Now()
		out = at.Format(time.RFC3339Nano)
	case "store":
		err = c.services.Store(key, []byte(value))
	case "store-large":
		err = c.services.Store(key, make([]byte, 2<<20))
	case "remove":
		err = c.services.Remove(key)
	case "load":
		var raw []byte
		var ok bool
		raw, ok, err = c.services.Load(key)
		out = fmt.Sprintf("%v %s", ok, raw)
	case "keys":
		var keys []string
		keys, err = c.services.Keys()
		out = strings.Join(keys, ",")
	case "count":
		var add float64
		if err = json.Unmarshal([]byte(value), &add); err == nil {
			err = c.services.Count(key, add)
		}
	case "count-nan":
		err = c.services.Count(key, math.NaN())
	}
	if err != nil {
		return nil, err
	}
	return &sdk.PollResponse{Cursor: []byte(out), More: out != string(req.Cursor)}, nil
}

// kept are values in memory.
type kept struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (k *kept) Load(key string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.values[key]
	return v, ok, nil
}

func (k *kept) Store(key string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == "broken" {
		return errors.New("the disk is full, said " + testSecret)
	}
	k.values[key] = value
	return nil
}

func (k *kept) Remove(key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.values, key)
	return nil
}

func (k *kept) Keys() ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.values)), nil
}

func TestTheHubServesItsConnector(t *testing.T) {
	spec := testSpec(t)
	at := time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.UTC)
	spec.Now = func() time.Time { return at }
	spec.Values = &kept{values: map[string][]byte{}}
	spec.Rotate = func(string, string) error { return nil }
	c := launch(t, spec)
	ask := func(what string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		r, err := c.Poll(ctx, &sdk.PollRequest{Stream: "services", Cursor: []byte(what)})
		if err != nil {
			return "", err
		}
		return string(r.Cursor), nil
	}
	says := func(what, want string) {
		t.Helper()
		got, err := ask(what)
		require.NoError(t, err, what)
		require.Equal(t, want, got, what)
	}
	refuses := func(what, why string) {
		t.Helper()
		_, err := ask(what)
		require.ErrorContains(t, err, why, what)
		require.NotContains(t, err.Error(), testSecret)
	}
	says("now", "2031-05-06T07:08:09.123456789Z")

	says("secret access_token", "first-token")
	says("secret no_such", "none")
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "rotate", Cursor: []byte("second-token")})
	require.NoError(t, err)
	says("secret access_token", "second-token")

	says("load seen", "false ")
	says("store seen 42", "")
	says("store other x", "")
	says("keys", "other,seen")
	require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGKILL))
	eventually(t, "restart", func() bool { return c.Status().Restarts == 1 && c.Status().State == StateRunning })
	says("load seen", "true 42")
	says("remove seen", "")
	says("remove seen", "")
	says("load seen", "false ")
	refuses("store broken x", "the disk is full")
	refuses("store  x", "1 to 60 bytes")
	refuses("store "+strings.Repeat("k", 61)+" x", "1 to 60 bytes")
	refuses("store-large big", "at most 1048576 bytes")

	says("count retries 2", "")
	says("count retries 0.5", "")
	require.Equal(t, map[string]float64{"retries": 2.5}, c.Counts())
	refuses("count Retries 1", "lower case")
	refuses("count retries -1", "only grows")
	refuses("count-nan retries", "only grows")
	for i := range 99 {
		says(fmt.Sprintf("count n%d 1", i), "")
	}
	refuses("count one_more 1", "at most 100 counters")
}

func TestAHubThatKeepsNothingSaysSo(t *testing.T) {
	c := launch(t, testSpec(t))
	for _, what := range []string{"store a b", "load a", "keys", "remove a"} {
		_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "services", Cursor: []byte(what)})
		require.ErrorContains(t, err, "keeps no values", what)
	}
}
