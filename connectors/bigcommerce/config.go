package bigcommerce

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	secretToken  = "access_token"
	secretClient = "client_secret"
	secretHook   = "hook_secret"
)

// publicAPI is where the platform serves its API.
const publicAPI = "https://api.bigcommerce.com"

// config is the connection's `config`, with defaults filled in.
type config struct {
	StoreHash    string   `json:"store_hash"`
	APIURL       string   `json:"api_url"`
	ChannelID    int64    `json:"channel_id"`
	Currency     string   `json:"currency"`
	OrdersSince  string   `json:"orders_since"`
	PageSize     int64    `json:"page_size"`
	Concurrent   int64    `json:"concurrent"`
	Reserve      int64    `json:"reserve_percent"`
	InventoryLag string   `json:"inventory_lag"`
	AnswerWait   string   `json:"answer_wait"`
	Namespaces   []string `json:"metafield_namespaces"`
	PriceLists   bool     `json:"price_lists"`
	Payments     bool     `json:"payments"`
	LegacyHooks  bool     `json:"legacy_hooks"`
	fieldKeys

	root                     *url.URL // of the store's API
	inventoryLag, answerWait time.Duration
	secrets                  map[string]string
}

// fieldKeys are the custom fields, metafields and options by which the store's products say what a piece is, best first.
type fieldKeys struct {
	Serial      []string `json:"serial_keys"`
	Certificate []string `json:"certificate_keys"`
	Lab         []string `json:"lab_keys"`
	EPC         []string `json:"epc_keys"`
	GTIN        []string `json:"gtin_keys"`
	Style       []string `json:"style_keys"`
	Brand       []string `json:"brand_keys"`
	Category    []string `json:"category_keys"`
	Metal       []string `json:"metal_keys"`
	Fineness    []string `json:"fineness_keys"`
	MetalColour []string `json:"metal_colour_keys"`
	Weight      []string `json:"weight_keys"`
	RingSize    []string `json:"ring_size_keys"`
	Stone       []string `json:"stone_keys"`
	Shape       []string `json:"stone_shape_keys"`
	Carat       []string `json:"carat_keys"`
	StoneColour []string `json:"stone_colour_keys"`
	Clarity     []string `json:"clarity_keys"`
	Cut         []string `json:"cut_keys"`
	Origin      []string `json:"stone_origin_keys"`
}

// fieldKey is one row of the mapping.
type fieldKey struct {
	key, about string
	keys       *[]string
	defaults   []string
}

// table gives the mapping with its defaults.
func (k *fieldKeys) table() []fieldKey {
	return []fieldKey{
		{"serial_keys", "a piece's serial", &k.Serial, []string{"serial", "serial_number"}},
		{"certificate_keys", "a certificate's number", &k.Certificate, []string{"certificate", "certificate_number"}},
		{"lab_keys", "the certificate's laboratory", &k.Lab, []string{"lab", "certificate_lab", "laboratory"}},
		{"epc_keys", "the RFID tag's EPC", &k.EPC, []string{"epc", "rfid"}},
		{"gtin_keys", "the barcode, before the product's own GTIN and UPC", &k.GTIN, []string{"gtin", "ean", "barcode"}},
		{"style_keys", "the style's number", &k.Style, []string{"style_number", "style_no", "style"}},
		{"brand_keys", "the brand, before the product's own brand", &k.Brand, []string{"maker"}},
		{"category_keys", "the kind of jewelry", &k.Category, []string{"jewelry_type", "category"}},
		{"metal_keys", "the metal", &k.Metal, []string{"metal", "material"}},
		{"fineness_keys", "the fineness", &k.Fineness, []string{"fineness", "karat", "purity"}},
		{"metal_colour_keys", "the metal's colour", &k.MetalColour, []string{"metal_colour", "metal_color"}},
		{"weight_keys", "the piece's weight with its unit", &k.Weight, []string{"metal_weight", "gross_weight"}},
		{"ring_size_keys", "the ring size", &k.RingSize, []string{"ring_size", "size"}},
		{"stone_keys", "the main stone", &k.Stone, []string{"stone", "gemstone"}},
		{"stone_shape_keys", "the stone's shape", &k.Shape, []string{"stone_shape", "shape"}},
		{"carat_keys", "the stone's weight", &k.Carat, []string{"carat", "carat_weight"}},
		{"stone_colour_keys", "the stone's colour", &k.StoneColour, []string{"stone_colour", "stone_color"}},
		{"clarity_keys", "the stone's clarity", &k.Clarity, []string{"clarity"}},
		{"cut_keys", "the stone's cut", &k.Cut, []string{"cut"}},
		{"stone_origin_keys", "natural or lab-grown", &k.Origin, []string{"stone_origin"}},
	}
}

// The defaults.
const (
	ordersBack          = 90 * 24 * time.Hour // how far a snapshot goes back in orders
	defaultInventoryLag = 30 * time.Second
	defaultAnswerWait   = 3 * time.Minute
	defaultPage         = 100
	maxPage             = 250
)

func configFields() []sdk.ConfigField {
	fields := []sdk.ConfigField{
		{Key: "store_hash", Type: "string", Required: true, Pattern: storeHash.String(), Description: "The store's name in API paths: what is behind store- in the address of its control panel."},
		{Key: "api_url", Type: "url", Default: publicAPI, Description: "Where the API is served; another address is for sandboxes only."},
		{Key: "channel_id", Type: "int", Default: "0", Description: "Sales channel whose products and orders are read; 0 is the whole store."},
		{Key: "currency", Type: "string", Pattern: "^[A-Z]{3}$", Description: "Currency of product prices. Default: the store's."},
		{Key: "orders_since", Type: "string", Description: "RFC 3339 time from which a snapshot reads orders. Default: 90 days back."},
		{Key: "page_size", Type: "int", Default: fmt.Sprint(defaultPage), Description: "Rows of a page, at most 250."},
		{Key: "concurrent", Type: "int", Default: "3", Description: "Requests at once; the platform bears 3 on customers."},
		{Key: "reserve_percent", Type: "int", Default: "20", Description: "Share of the platform's quota of requests that imports and slow polls leave to orders and writes."},
		{Key: "inventory_lag", Type: "duration", Default: "30s", Description: "How long reads of the inventory may lag behind a write. Within it, what they do not show yet is asked again."},
		{Key: "answer_wait", Type: "duration", Default: "3m", Description: "How long the store may be at a refund that it did not answer. Only after that, what it does not show counts as not done."},
		{Key: "metafield_namespaces", Type: "list", Default: "jumpring", Description: "Namespaces of metafields that are read; an empty list reads none."},
		{Key: "price_lists", Type: "bool", Default: "true", Description: "Whether price lists are read as offers."},
		{Key: "payments", Type: "bool", Default: "true", Description: "Whether each order's transactions are read, one more request for each order."},
		{Key: "legacy_hooks", Type: "bool", Default: "false", Description: "Takes webhooks without a signature when they carry hook_secret: for API accounts whose webhooks are not signed."},
	}
	var k fieldKeys
	for _, f := range k.table() {
		fields = append(fields, sdk.ConfigField{Key: f.key, Type: "list", Default: strings.Join(f.defaults, ","), Description: "Custom fields, metafields and options that hold " + f.about + ", best first."})
	}
	return append(fields,
		sdk.ConfigField{Key: secretToken, Type: "string", Required: true, Secret: true, Description: "Access token of the store's API account."},
		sdk.ConfigField{Key: secretClient, Type: "string", Required: true, Secret: true, Description: "Client secret of the same API account: webhooks are signed with it."},
		sdk.ConfigField{Key: secretHook, Type: "string", Secret: true, Description: "A text of your own that webhooks carry back in a header, as a second proof."},
	)
}

var storeHash = regexp.MustCompile(`^[a-z0-9]{3,20}$`)

// parseConfig reads and checks a configuration. No finding repeats a secret (invariant 7).
func parseConfig(raw json.RawMessage, secrets map[string]string) (*config, []sdk.Diagnostic) {
	var out []sdk.Diagnostic
	bad := func(code, path, summary, do string) {
		out = append(out, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "bigcommerce." + code, Path: path, Summary: summary, Do: do})
	}
	c := &config{APIURL: publicAPI, PageSize: defaultPage, Concurrent: 3, Reserve: 20, Namespaces: []string{"jumpring"}, PriceLists: true, Payments: true, secrets: secrets}
	if len(raw) > 0 {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c); err != nil {
			bad("config_unreadable", "config", fmt.Sprintf("the configuration can't be read: %v", err), "correct the named key")
			return nil, out
		}
	}
	for _, f := range c.table() {
		if *f.keys == nil {
			*f.keys = f.defaults
		}
	}
	if !storeHash.MatchString(c.StoreHash) {
		bad("store_hash_invalid", "config.store_hash", "not a store hash", "copy it from the API path that is shown with the API account: stores/HASH")
	}
	root, err := parseRoot(c.APIURL)
	if err != nil {
		bad("api_url_invalid", "config.api_url", err.Error(), "leave it out")
	} else {
		c.root = root.JoinPath("stores", c.StoreHash)
	}
	for _, n := range []struct {
		key          string
		v, min, most int64
	}{{"channel_id", c.ChannelID, 0, 1 << 40}, {"page_size", c.PageSize, 1, maxPage}, {"concurrent", c.Concurrent, 1, 50}, {"reserve_percent", c.Reserve, 0, 90}} {
		if n.v < n.min || n.v > n.most {
			bad(n.key+"_invalid", "config."+n.key, fmt.Sprintf("not between %d and %d", n.min, n.most), "correct it, or leave it out")
		}
	}
	if c.OrdersSince != "" {
		if _, err := time.Parse(time.RFC3339, c.OrdersSince); err != nil {
			bad("orders_since_invalid", "config.orders_since", "not an RFC 3339 time", "write it as 2026-01-01T00:00:00Z")
		}
	}
	for _, d := range []struct {
		key, v string
		or     time.Duration
		into   *time.Duration
	}{{"inventory_lag", c.InventoryLag, defaultInventoryLag, &c.inventoryLag}, {"answer_wait", c.AnswerWait, defaultAnswerWait, &c.answerWait}} {
		*d.into = d.or
		if d.v == "" {
			continue
		}
		v, err := time.ParseDuration(d.v)
		if err != nil || v <= 0 {
			bad(d.key+"_invalid", "config."+d.key, "not a duration above zero", "write it as 1m")
		}
		*d.into = v
	}
	for _, k := range []string{secretToken, secretClient} {
		if strings.TrimSpace(secrets[k]) == "" {
			bad("secret_missing", "secrets."+k, "the secret is empty", "copy it from Settings, API, Store-level API accounts in the control panel: it is shown once, when the account is made")
		}
	}
	if c.LegacyHooks && strings.TrimSpace(secrets[secretHook]) == "" {
		bad("secret_missing", "secrets."+secretHook, "webhooks without a signature need a secret of your own", "set hook_secret to a long random text, or legacy_hooks to false")
	}
	if len(out) > 0 {
		return nil, out
	}
	if c.root.Scheme == "http" {
		out = append(out, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "bigcommerce.plain_http", Path: "config.api_url",
			Summary: "orders and customers travel unencrypted", Do: "leave api_url out",
		})
	}
	return c, out
}

func parseRoot(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(s), "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("not a web address with http or https")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the address must have neither credentials nor a query")
	}
	return u, nil
}

// ordersSince is where a snapshot's orders begin.
func (c *config) ordersSince(now time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339, c.OrdersSince); err == nil {
		return t.UTC()
	}
	return now.UTC().Add(-ordersBack).Truncate(time.Second)
}

// Validate implements sdk.Validator.
func (c *Connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, diags := parseConfig(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: diags}, nil
}
