package hub

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectorsKeepTheirValuesApart(t *testing.T) {
	dir := t.TempDir()
	v, err := OpenVault(dir, "")
	require.NoError(t, err)
	one, other := (&Hub{side: ownSide{v}}).values("web"), (&Hub{side: ownSide{v}}).values("web-eu")
	require.NoError(t, one.Store("sync/last", []byte("42")))
	longest := strings.Repeat("é", 30) // as many bytes as a key may have
	require.NoError(t, other.Store(longest, []byte("x")))

	again, err := OpenVault(dir, "")
	require.NoError(t, err)
	one, other = (&Hub{side: ownSide{again}}).values("web"), (&Hub{side: ownSide{again}}).values("web-eu")
	value, ok, err := one.Load("sync/last")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "42", string(value))
	_, ok, err = other.Load("sync/last")
	require.NoError(t, err)
	require.False(t, ok, "a value is its connection's own")
	keys, err := other.Keys()
	require.NoError(t, err)
	require.Equal(t, []string{longest}, keys)
	require.NoError(t, one.Remove("sync/last"))
	require.NoError(t, one.Remove("sync/last"))
	_, ok, err = one.Load("sync/last")
	require.NoError(t, err)
	require.False(t, ok)
}
