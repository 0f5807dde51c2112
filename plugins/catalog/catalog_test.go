package catalog_test

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/catalog"
)

// parcel writes a connector's folder.
func parcel(t *testing.T, version string, change func(m *catalog.Manifest)) string {
	t.Helper()
	dir := t.TempDir()
	m := catalog.Manifest{
		Name: "acme-erp", Version: version, Program: "acme-erp", Protocol: catalog.Range{Min: 1, Max: 1},
		Publisher: catalog.Publisher{Name: "Acme"}, Environment: []string{"HTTPS_PROXY"}, Hosts: []string{"api.acme.example"},
	}
	if change != nil {
		change(&m)
	}
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, catalog.ManifestName), raw, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "acme-erp"), []byte("#!/bin/sh\n# "+version+"\n"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "lib"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "map.txt"), []byte("map"), 0o600))
	return dir
}

func newKey(t *testing.T) (ed25519.PrivateKey, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	return private, catalog.KeyText(public)
}

func signed(t *testing.T, version string, key ed25519.PrivateKey) string {
	t.Helper()
	dir := parcel(t, version, nil)
	_, err := catalog.Sign(dir, key)
	require.NoError(t, err)
	return dir
}

func TestASignedConnectorIsLetInOnceItsPublisherIsTrusted(t *testing.T) {
	key, text := newKey(t)
	c := catalog.Open(filepath.Join(t.TempDir(), "plugins"))
	dir := signed(t, "1.0.0", key)
	_, err := c.Add(dir, catalog.AddOptions{})
	require.ErrorIs(t, err, catalog.ErrUntrusted)
	require.ErrorContains(t, err, "--trust "+text)
	_, err = c.Find("acme-erp")
	require.ErrorIs(t, err, catalog.ErrUnknown)

	_, err = c.Add(dir, catalog.AddOptions{Trust: text})
	require.NoError(t, err)
	p, err := c.Find("acme-erp")
	require.NoError(t, err)
	require.Equal(t, "1.0.0", p.Version)
	require.Equal(t, []string{"HTTPS_PROXY"}, p.Environment)
	require.FileExists(t, p.Command[0])
	require.NoError(t, p.Verify())

	// The next version needs no word; the one before stays for who runs it.
	_, err = c.Add(signed(t, "1.1.0", key), catalog.AddOptions{})
	require.NoError(t, err)
	next, err := c.Find("acme-erp")
	require.NoError(t, err)
	require.Equal(t, "1.1.0", next.Version)
	require.NoError(t, p.Verify())

	// Another key under the same name does.
	other, otherText := newKey(t)
	_, err = c.Add(signed(t, "1.2.0", other), catalog.AddOptions{})
	require.ErrorIs(t, err, catalog.ErrUntrusted)
	_, err = c.Add(signed(t, "1.2.0", other), catalog.AddOptions{Trust: otherText})
	require.NoError(t, err)

	require.NoError(t, c.Remove("acme-erp"))
	require.Error(t, p.Verify())
	_, err = c.Find("acme-erp")
	require.ErrorIs(t, err, catalog.ErrUnknown)
}

func TestWhatWasChangedIsRefused(t *testing.T) {
	key, text := newKey(t)
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, dir string)
		is    error
	}{
		"another program": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "acme-erp")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "acme-erp"), []byte("evil"), 0o700))
		}, catalog.ErrChanged},
		"a file more": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "lib", "more.txt"), []byte("x"), 0o600))
		}, catalog.ErrChanged},
		"a file less": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "lib", "map.txt"))) }, catalog.ErrChanged},
		"a link": {func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "lib", "map.txt")))
			require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "lib", "map.txt")))
		}, catalog.ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			dir := signed(t, "1.0.0", key)
			c := catalog.Open(filepath.Join(t.TempDir(), "plugins"))
			e, err := c.Add(dir, catalog.AddOptions{Trust: text})
			require.NoError(t, err)
			p, err := c.Find("acme-erp")
			require.NoError(t, err)

			tc.spoil(t, dir)
			_, err = catalog.Open(filepath.Join(t.TempDir(), "plugins")).Add(dir, catalog.AddOptions{Trust: text})
			require.ErrorIs(t, err, tc.is, "before it is let in")

			tc.spoil(t, filepath.Dir(p.Command[0]))
			require.ErrorIs(t, p.Verify(), tc.is, "and after")
			require.ErrorIs(t, c.Verify(e.Name), tc.is)
			_, err = c.Add(signed(t, "1.0.0", key), catalog.AddOptions{})
			require.NoError(t, err, "adding it again puts it right")
			require.NoError(t, c.Verify(e.Name))
		})
	}
}

func TestAManifestThatWasChangedAfterSigning(t *testing.T) {
	key, text := newKey(t)
	dir := signed(t, "1.0.0", key)
	m, err := catalog.Read(dir)
	require.NoError(t, err)
	m.Environment = append(m.Environment, "AWS_SECRET_ACCESS_KEY")
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, catalog.ManifestName), raw, 0o600))
	_, err = catalog.Open(t.TempDir()).Add(dir, catalog.AddOptions{Trust: text})
	require.ErrorIs(t, err, catalog.ErrSignature)
}

func TestOnesOwnBuildNeedsNoSignatureButAWord(t *testing.T) {
	c := catalog.Open(filepath.Join(t.TempDir(), "plugins"))
	dir := parcel(t, "dev", nil)
	_, err := c.Add(dir, catalog.AddOptions{})
	require.ErrorIs(t, err, catalog.ErrSignature)
	_, err = c.Add(dir, catalog.AddOptions{Unsigned: true})
	require.NoError(t, err)
	p, err := c.Find("acme-erp")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(p.Command[0], 0o700))
	require.NoError(t, os.WriteFile(p.Command[0], []byte("other"), 0o700))
	require.ErrorIs(t, p.Verify(), catalog.ErrChanged, "its files are pinned all the same")
}

func TestManifestsThatCanNotBe(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(m *catalog.Manifest)
		is     error
	}{
		"a name with a slash":      {func(m *catalog.Manifest) { m.Name = "../acme" }, catalog.ErrManifest},
		"a built-in's name":        {func(m *catalog.Manifest) { m.Name = "shopify" }, catalog.ErrManifest},
		"no version":               {func(m *catalog.Manifest) { m.Version = "" }, catalog.ErrManifest},
		"a version with a slash":   {func(m *catalog.Manifest) { m.Version = "1/2" }, catalog.ErrManifest},
		"a program elsewhere":      {func(m *catalog.Manifest) { m.Program = "../../bin/sh" }, catalog.ErrManifest},
		"a program that is absent": {func(m *catalog.Manifest) { m.Program = "other" }, catalog.ErrManifest},
		"the protocol's own variable": {
			func(m *catalog.Manifest) { m.Environment = []string{"JUMPRING_KEY"} }, catalog.ErrManifest,
		},
		"a later protocol":  {func(m *catalog.Manifest) { m.Protocol = catalog.Range{Min: 99, Max: 100} }, catalog.ErrProtocol},
		"another machine":   {func(m *catalog.Manifest) { m.Platform = "plan9/mips" }, catalog.ErrProtocol},
		"nobody's":          {func(m *catalog.Manifest) { m.Publisher.Name = "" }, catalog.ErrManifest},
		"a key of no size":  {func(m *catalog.Manifest) { m.Publisher.Key = []byte("short") }, catalog.ErrManifest},
		"no protocol range": {func(m *catalog.Manifest) { m.Protocol = catalog.Range{} }, catalog.ErrManifest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Open(t.TempDir()).Add(parcel(t, "1.0.0", tc.change), catalog.AddOptions{Unsigned: true, Reserved: []string{"shopify"}})
			require.ErrorIs(t, err, tc.is)
		})
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, catalog.ManifestName), []byte(`{"name":"a","unknown":1}`), 0o600))
	_, err := catalog.Read(dir)
	require.ErrorIs(t, err, catalog.ErrManifest)
}
