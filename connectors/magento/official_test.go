package magento

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
)

// TestForeignSigner drives the twin with an npm library that signs by OAuth 1.0a. It needs Node and the package.
func TestForeignSigner(t *testing.T) {
	t.Parallel()
	const unchecked = "THE TWIN WAS NOT CHECKED WITH A FOREIGN SIGNER: "
	if testing.Short() {
		t.Skip(unchecked + "it is left out by -short")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf(unchecked+"there is no Node: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "check.js"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf(unchecked+"the package can't be had: %v\n%s", err, out)
	}
	shop := twin.New(twin.Options{ConsumerKey: testKey, ConsumerSecret: testSecret, AccessToken: testToken, AccessTokenSecret: testTokenSecret})
	srv := httptest.NewServer(shop)
	t.Cleanup(srv.Close)
	_, err = shop.CreateProduct(twin.ProductSpec{SKU: "RING 1", Name: "Ring", Price: "900.00", Stock: map[string]int64{"default": 3}})
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, node, "check.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SHOP_URL="+srv.URL, "SHOP_KEY="+testKey, "SHOP_SECRET="+testSecret, "SHOP_TOKEN="+testToken, "SHOP_TOKEN_SECRET="+testTokenSecret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the foreign signer found a difference: %v\n%s", err, out)
	}
}
