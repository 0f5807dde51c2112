package demo

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// configFormat is the hub's configuration: what a retailer would write, but for the addresses.
const configFormat = `# Written by jumpring demo.
listen: %s
public_url: %s
data: %s
bus: {kind: embedded}
match: {item: [certificate, epc, serial, sku], serialized: {default: when_quantity_max_1}}
stock: {authority: hub}
connections:
  - name: %s
    connector: shopify
    mode: live
    sells_from: [%s, %s]
    config: {shop: %s, endpoint: "%s", api_version: "2026-10"}
    secrets: {client_secret: "${env:SHOPIFY_SECRET}", access_token: "${env:SHOPIFY_TOKEN}"}
    locations: {"%s": %s, "%s": %s}
    # A whole trading day is squeezed into seconds, and days follow each other: the default of 1,000 changes an hour is
    # for a shop's own pace.
    fuse: {changes_per_hour: 100000}
  - name: %s
    connector: woocommerce
    mode: live
    sells_from: [%s, %s]
    config: {url: "%s"}
    secrets: {consumer_key: "${env:WOO_KEY}", consumer_secret: "${env:WOO_SECRET}", webhook_secret: "${env:WOO_WEBHOOK}"}
    fuse: {changes_per_hour: 100000}
  - name: %s
    connector: csv
    config: {folder: "%s", timezone: Europe/Paris, settle: 100ms}
`

// writeConfig writes the hub's configuration and gives its path and the environment that it refers to.
func (s *stage) writeConfig(dir, data, listen, public string) (path string, env []string, err error) {
	text := fmt.Sprintf(configFormat, listen, public, data,
		webConnection, paris, lyon, shopDomain, s.webURL, s.places[paris], paris, s.places[lyon], lyon,
		shopConnection, paris, lyon, s.shopURL, tillConnection, s.folder)
	path = filepath.Join(dir, "jumpring.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", nil, fmt.Errorf("demo: write the configuration: %w", err)
	}
	env = []string{
		"SHOPIFY_SECRET=" + shopifySecret, "SHOPIFY_TOKEN=" + shopifyToken,
		"WOO_KEY=" + wooKey, "WOO_SECRET=" + wooSecret, "WOO_WEBHOOK=" + wooWebhook,
	}
	return path, env, nil
}

// freeAddress finds a port that is free now, for a hub that has to come back under the same one.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("demo: find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
