//go:build linux && !race

package host

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The race detector maps more memory than any limit, so this runs without it.
func TestConnectorOverItsMemoryLimitEndsAlone(t *testing.T) {
	spec := testSpec(t)
	spec.MemoryLimit = 64 << 20
	c := launch(t, spec)
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "memory"})
	require.ErrorIs(t, err, ErrInterrupted)
	_, err = c.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.Equal(t, 1, c.Status().Restarts)
}
