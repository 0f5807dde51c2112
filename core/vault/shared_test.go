package vault

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func shared(t *testing.T, source KeySource, journal string) *Shared {
	t.Helper()
	s, err := OpenShared(source, journal)
	require.NoError(t, err)
	return s
}

func TestNodesWithOneSecretOpenWhatTheOthersSealed(t *testing.T) {
	raw, err := hex.DecodeString(hexKey)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "vault.key")
	open(t, filepath.Join(t.TempDir(), "vault"), KeySource{File: file}) // which makes the file
	for name, sources := range map[string][2]KeySource{
		"hexadecimal, and the same in base64": {{Secret: hexKey}, {Secret: base64.StdEncoding.EncodeToString(raw)}},
		"passphrase":                          {{Secret: passphrase}, {Secret: passphrase + "\n"}},
		"key file":                            {{File: file}, {File: file}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := shared(t, sources[0], "journal-1"), shared(t, sources[1], "journal-1")
			sealed := a.Seal("tokens", "till", []byte(canary))
			require.NotContains(t, string(sealed), canary)
			got, err := b.Open("tokens", "till", sealed)
			require.NoError(t, err)
			require.Equal(t, canary, string(got))
			require.NoError(t, b.Check(a.Proof()))

			_, err = b.Open("tokens", "desk", sealed)
			require.ErrorIs(t, err, ErrDamaged, "one value in another's place")
			sealed[len(sealed)-1] ^= 1
			_, err = b.Open("tokens", "till", sealed)
			require.ErrorIs(t, err, ErrDamaged)
			_, err = b.Open("tokens", "till", nil)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

func TestAnotherKeyOrJournalIsRefusedWithWhatToDo(t *testing.T) {
	a := shared(t, KeySource{Secret: passphrase}, "journal-1")
	for name, other := range map[string]*Shared{
		"another passphrase": shared(t, KeySource{Secret: passphrase + "!"}, "journal-1"),
		"a key":              shared(t, KeySource{Secret: hexKey}, "journal-1"),
		"another journal":    shared(t, KeySource{Secret: passphrase}, "journal-2"),
	} {
		err := other.Check(a.Proof())
		require.ErrorIs(t, err, ErrOtherKey, name)
		require.ErrorContains(t, err, KeyVariable, name)
		require.NotContains(t, err.Error(), passphrase, name)
		_, err = other.Open("tokens", "till", a.Seal("tokens", "till", []byte("v")))
		require.ErrorIs(t, err, ErrDamaged, name)
	}
	require.ErrorIs(t, a.Check(nil), ErrOtherKey)
	_, err := OpenShared(KeySource{Secret: "short"}, "journal-1")
	require.ErrorContains(t, err, "passphrase of at least")
	_, err = OpenShared(KeySource{File: filepath.Join(t.TempDir(), "none")}, "journal-1")
	require.ErrorContains(t, err, "is missing")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.False(t, strings.Contains(fmt.Sprintf(verb, a), "ring,"), verb)
	}
}
