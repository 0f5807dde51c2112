package vault

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The test binary started with "writer" puts growing numbers until it is killed, and prints each one that is durable.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "writer" {
		v, err := Open(os.Args[2], KeySource{Secret: hexKey})
		for i := 1; err == nil; i++ {
			if err = v.Put("counter", "n", []byte(strconv.Itoa(i))); err == nil {
				fmt.Println(i)
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const (
	hexKey     = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	passphrase = "a ring, a stone, a clasp"
	canary     = "shpat_canary_4711"
)

func open(t *testing.T, dir string, source KeySource) *Vault {
	t.Helper()
	v, err := Open(dir, source)
	require.NoError(t, err)
	return v
}

func TestEntriesSurviveAReopen(t *testing.T) {
	raw, err := hex.DecodeString(hexKey)
	require.NoError(t, err)
	keyFile := filepath.Join(t.TempDir(), "keys", "vault.key")
	for name, sources := range map[string][2]KeySource{
		"hexadecimal, then the same in base64": {{Secret: hexKey}, {Secret: base64.RawURLEncoding.EncodeToString(raw) + "\n"}},
		"passphrase":                           {{Secret: passphrase}, {Secret: passphrase}},
		"key file":                             {{File: keyFile}, {File: keyFile}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "vault")
			v := open(t, dir, sources[0])
			keys := []string{"access_token", "Access_Token", "a/b", "..", "é", "%41", "with space"}
			for i, k := range keys {
				require.NoError(t, v.Put("web-eu", k, []byte(canary+strconv.Itoa(i))))
			}
			require.NoError(t, v.Put("web-eu", "a/b", []byte("second")))
			require.NoError(t, v.Put("empty", "value", nil))

			v = open(t, dir, sources[1])
			got, err := v.Get("web-eu", "a/b")
			require.NoError(t, err)
			require.Equal(t, "second", string(got))
			got, err = v.Get("web-eu", "Access_Token")
			require.NoError(t, err)
			require.Equal(t, canary+"1", string(got))
			got, err = v.Get("empty", "value")
			require.NoError(t, err)
			require.Empty(t, got)
			list, err := v.List("web-eu")
			require.NoError(t, err)
			require.ElementsMatch(t, keys, list)

			require.NoError(t, v.Delete("web-eu", ".."))
			require.NoError(t, v.Delete("web-eu", ".."), "deleting twice is the same")
			_, err = v.Get("web-eu", "..")
			require.ErrorIs(t, err, ErrNotFound)
			list, err = v.List("nobody")
			require.NoError(t, err)
			require.Empty(t, list)
		})
	}
}

func TestNothingIsReadableOnDiskOrInPrint(t *testing.T) {
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "vault.key")
	source := KeySource{File: keyFile}
	v := open(t, filepath.Join(dir, "vault"), source)
	require.NoError(t, v.Put("web-eu", "access_token", []byte(canary)))
	key, err := os.ReadFile(keyFile)
	require.NoError(t, err)
	info, err := os.Stat(keyFile)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, filepath.WalkDir(v.dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		if !d.IsDir() {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(content), canary)
			require.NotContains(t, string(content), strings.TrimSpace(string(key)))
		}
		return nil
	}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		require.Equal(t, "vault("+v.dir+")", fmt.Sprintf(verb, v))
		require.NotContains(t, fmt.Sprintf(verb, KeySource{Secret: passphrase}), "ring")
	}
}

func TestWrongKeySaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	other := strings.Repeat("ab", 32)
	for name, c := range map[string]struct{ made, used KeySource }{
		"other key":            {KeySource{Secret: hexKey}, KeySource{Secret: other}},
		"passphrase for a key": {KeySource{Secret: hexKey}, KeySource{Secret: passphrase}},
		"other passphrase":     {KeySource{Secret: passphrase}, KeySource{Secret: passphrase + "!"}},
		"key for a passphrase": {KeySource{Secret: passphrase}, KeySource{Secret: other}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(dir, name)
			require.NoError(t, open(t, dir, c.made).Put("n", "k", []byte("v")))
			_, err := Open(dir, c.used)
			require.ErrorIs(t, err, ErrWrongKey)
			require.ErrorContains(t, err, KeyVariable)
			require.NotContains(t, err.Error(), c.used.Secret)
			_, err = open(t, dir, c.made).Get("n", "k")
			require.NoError(t, err, "a wrong key changes nothing")
		})
	}
}

func TestKeyFileMistakes(t *testing.T) {
	dir := t.TempDir()
	source := KeySource{File: filepath.Join(dir, "key")}
	vaultDir := filepath.Join(dir, "vault")
	open(t, vaultDir, source)

	require.NoError(t, os.Chmod(source.File, 0o644))
	_, err := Open(vaultDir, source)
	require.ErrorContains(t, err, "chmod 600")

	require.NoError(t, os.Remove(source.File))
	_, err = Open(vaultDir, source)
	require.ErrorContains(t, err, "is missing")
	require.NoFileExists(t, source.File, "a new key would open nothing")

	_, err = Open(t.TempDir(), KeySource{Secret: "short"})
	require.ErrorContains(t, err, "passphrase of at least")
	_, err = Open(t.TempDir(), KeySource{})
	require.ErrorContains(t, err, KeyVariable)
}

func TestDamageIsSeen(t *testing.T) {
	v := open(t, t.TempDir(), KeySource{Secret: hexKey})
	require.NoError(t, v.Put("n", "a", []byte("value of a")))
	require.NoError(t, v.Put("n", "b", []byte("value of b")))
	pathA, err := v.path("n", "a")
	require.NoError(t, err)
	pathB, err := v.path("n", "b")
	require.NoError(t, err)
	sealed, err := os.ReadFile(pathA)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(pathB, sealed, 0o600))
	_, err = v.Get("n", "b")
	require.ErrorIs(t, err, ErrDamaged, "an entry in another's place")
	for i := range sealed {
		flipped := append([]byte(nil), sealed...)
		flipped[i] ^= 1
		require.NoError(t, os.WriteFile(pathA, flipped, 0o600))
		_, err = v.Get("n", "a")
		require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
		require.NoError(t, os.WriteFile(pathA, sealed[:i], 0o600))
		_, err = v.Get("n", "a")
		require.ErrorIs(t, err, ErrDamaged, "cut at %d", i)
	}
	require.NoError(t, os.Remove(filepath.Join(v.dir, headerName)))
	_, err = Open(v.dir, KeySource{Secret: hexKey})
	require.ErrorIs(t, err, ErrDamaged, "entries without their header")
}

func TestKilledWriterLosesNothingThatItReported(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	for round := range 5 {
		writer := exec.Command(self, "writer", dir)
		out, err := writer.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, writer.Start())
		lines := bufio.NewScanner(out)
		last := 0
		for lines.Scan() {
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
			if last == 10+round*7 {
				require.NoError(t, writer.Process.Kill())
			}
		}
		require.Error(t, writer.Wait())
		v := open(t, dir, KeySource{Secret: hexKey})
		got, err := v.Get("counter", "n")
		require.NoError(t, err)
		n, err := strconv.Atoi(string(got))
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, last)
		left, err := filepath.Glob(filepath.Join(dir, "*", tmpPrefix+"*"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestConcurrentUse(t *testing.T) {
	v := open(t, t.TempDir(), KeySource{Secret: hexKey})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := strconv.Itoa(i % 2)
			for range 10 {
				if err := v.Put("n", key, []byte(key)); err != nil {
					t.Error(err)
				}
				if got, err := v.Get("n", key); err != nil || string(got) != key {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	keys, err := v.List("n")
	require.NoError(t, err)
	require.Equal(t, []string{"0", "1"}, keys)
}

func TestNamesAndValuesAreBounded(t *testing.T) {
	v := open(t, t.TempDir(), KeySource{Secret: hexKey})
	require.Error(t, v.Put("", "k", nil))
	require.Error(t, v.Put("n", strings.Repeat("k", maxName+1), nil))
	require.Error(t, v.Put("n", "k", make([]byte, maxValue+1)))
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a", "..", "A/b", "%", "\x00é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := escape(s)
		if err != nil {
			return
		}
		if e != filepath.Base(e) || e == "." || e == ".." || strings.HasPrefix(e, tmpPrefix) {
			t.Fatalf("%q becomes %q", s, e)
		}
		if back, err := unescape(e); err != nil || back != s {
			t.Fatalf("%q comes back as %q, %v", s, back, err)
		}
	})
}
