package woocommerce

import (
	"context"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
)

// TestOfficialClient drives the twin with the vendor's own npm client, over http with signatures and over https with
// Basic. It needs Node and the package.
func TestOfficialClient(t *testing.T) {
	if testing.Short() {
		t.Skip("THE TWIN WAS NOT CHECKED WITH THE VENDOR'S CLIENT: it is left out by -short")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "check.js"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "node", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("THE TWIN WAS NOT CHECKED WITH THE VENDOR'S CLIENT: there is no Node: %v", err)
	}
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("THE TWIN WAS NOT CHECKED WITH THE VENDOR'S CLIENT: the package can't be had: %v\n%s", err, out)
	}
	for name, tls := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			shop := twin.New(twin.Options{Keys: []twin.Key{{ConsumerKey: testKey, ConsumerSecret: testSecret}}})
			t.Cleanup(shop.Close)
			srv := httptest.NewUnstartedServer(shop)
			if tls {
				srv.StartTLS()
			} else {
				srv.Start()
			}
			t.Cleanup(srv.Close)
			one := int64(3)
			id, _, err := shop.CreateProduct(twin.ProductSpec{Name: "Ring", SKU: "R", Price: "900.00", Stock: &one})
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(ctx, node, "check.js")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SHOP_URL="+srv.URL, "PRODUCT_ID="+idText(id), "SHOP_KEY="+testKey, "SHOP_SECRET="+testSecret)
			if tls {
				ca := filepath.Join(dir, "ca.pem")
				if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd.Env = append(cmd.Env, "NODE_EXTRA_CA_CERTS="+ca)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("the vendor's client found a difference: %v\n%s", err, out)
			}
		})
	}
}
