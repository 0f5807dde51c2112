package magento

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The ways of proving who asks.
const (
	authOAuth1 = "oauth1" // an integration's four keys, the vendor's default
	authBearer = "bearer" // the integration's access token alone, where the shop allows it
	authAdmin  = "admin"  // a person's name and password, for a token of four hours
)

const (
	secretConsumerKey    = "consumer_key"
	secretConsumerSecret = "consumer_secret"
	secretToken          = "access_token"
	secretTokenSecret    = "access_token_secret"
	secretUser           = "username"
	secretPassword       = "password"
)

// config is the connection's `config`, with defaults filled in.
type config struct {
	URL               string `json:"url"`
	HomeURL           string `json:"home_url"`
	Auth              string `json:"auth"`
	StoreCode         string `json:"store_code"`
	Website           string `json:"website"`
	Currency          string `json:"currency"`
	OrdersSince       string `json:"orders_since"`
	PageSize          int64  `json:"page_size"`
	Concurrent        int64  `json:"concurrent"`
	RequestsPerSecond int64  `json:"requests_per_second"`
	IndexLag          string `json:"index_lag"`
	AnswerWait        string `json:"answer_wait"`
	AsyncFrom         int64  `json:"async_from"`
	AsyncWait         string `json:"async_wait"`
	EventsClientID    string `json:"events_client_id"`
	EventsKeysURL     string `json:"events_keys_url"`
	fieldKeys

	root, home, keysURL             *url.URL
	indexLag, answerWait, asyncWait time.Duration
	secrets                         map[string]string
}

// fieldKeys are the attributes by which the shop's products say what a piece is, best first.
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
		{"serial_keys", "a piece's serial", &k.Serial, []string{"jumpring_serial", "serial_number", "serial"}},
		{"certificate_keys", "a certificate's number", &k.Certificate, []string{"jumpring_certificate", "certificate_number", "certificate"}},
		{"lab_keys", "the certificate's laboratory", &k.Lab, []string{"jumpring_certificate_lab", "certificate_lab", "lab", "laboratory"}},
		{"epc_keys", "the RFID tag's EPC", &k.EPC, []string{"jumpring_epc", "epc", "rfid"}},
		{"gtin_keys", "the barcode", &k.GTIN, []string{"gtin", "ean", "upc", "barcode"}},
		{"style_keys", "the style's number", &k.Style, []string{"style_number", "style_no", "style"}},
		{"brand_keys", "the brand", &k.Brand, []string{"brand", "manufacturer"}},
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

// The defaults of times.
const (
	ordersBack        = 90 * 24 * time.Hour // how far a snapshot goes back in orders
	defaultIndexLag   = time.Minute         // the vendor's cron runs once a minute
	defaultAnswerWait = 5 * time.Minute     // longer than PHP, its gateways and the usual proxies take
	defaultAsyncWait  = 20 * time.Second
)

// publicKeys is where Adobe publishes the keys that sign events.
const publicKeys = "https://static.adobeioevents.com"

func configFields() []sdk.ConfigField {
	fields := []sdk.ConfigField{
		{Key: "url", Type: "url", Required: true, Description: "Root of the shop, such as https://shop.example.com, without /rest."},
		{Key: "home_url", Type: "url", Description: "The shop's own address (Base URL) where it differs from url: signatures are made for it. Default: url."},
		{Key: "auth", Type: "string", Default: authOAuth1, OneOf: []string{authOAuth1, authBearer, authAdmin}, Description: "oauth1: the four keys of an integration. bearer: its access token alone, if the shop allows that. admin: name and password of a person."},
		{Key: "store_code", Type: "string", Default: "all", Pattern: "^[a-z][a-z0-9_]*$", Description: "Store view whose values are read; all are the global ones."},
		{Key: "website", Type: "string", Default: "base", Description: "Code of the website: the sales channel whose stock is sold."},
		{Key: "currency", Type: "string", Pattern: "^[A-Z]{3}$", Description: "Currency of product prices. Default: the website's base currency."},
		{Key: "orders_since", Type: "string", Description: "RFC 3339 time from which a snapshot reads orders. Default: 90 days back."},
		{Key: "page_size", Type: "int", Default: "100", Description: "Rows of a page, at most 300 where the shop limits its input."},
		{Key: "concurrent", Type: "int", Default: "3", Description: "Requests at once: the shop's PHP workers, less those that its buyers need."},
		{Key: "requests_per_second", Type: "int", Default: "0", Description: "How many requests a second the shop's host lets through; 0 knows no such limit."},
		{Key: "index_lag", Type: "duration", Default: "1m", Description: "How long the stock index may lag behind a write. Within it, what the index does not show yet is asked again."},
		{Key: "answer_wait", Type: "duration", Default: "5m", Description: "How long the shop may be at a refund that it did not answer, its gateway included. Only after that, what it does not show counts as not done."},
		{Key: "async_from", Type: "int", Default: "0", Description: "From how many stock writes on the shop's async API is used; 0 never does. It needs the shop's message consumers to run."},
		{Key: "async_wait", Type: "duration", Default: "20s", Description: "How long the outcome of an async write is waited for."},
		{Key: "events_client_id", Type: "string", Description: "Client id of the Adobe project that delivers I/O Events (Adobe Commerce only). Empty: the shop is polled."},
		{Key: "events_keys_url", Type: "url", Default: publicKeys, Description: "Where the keys that sign events are published; another one is for sandboxes only."},
	}
	var k fieldKeys
	for _, f := range k.table() {
		fields = append(fields, sdk.ConfigField{Key: f.key, Type: "list", Default: strings.Join(f.defaults, ","), Description: "Product attributes that hold " + f.about + ", best first."})
	}
	return append(fields,
		sdk.ConfigField{Key: secretConsumerKey, Type: "string", Secret: true, Description: "Consumer key of the integration (oauth1)."},
		sdk.ConfigField{Key: secretConsumerSecret, Type: "string", Secret: true, Description: "Consumer secret of the integration (oauth1)."},
		sdk.ConfigField{Key: secretToken, Type: "string", Secret: true, Description: "Access token of the integration (oauth1, bearer)."},
		sdk.ConfigField{Key: secretTokenSecret, Type: "string", Secret: true, Description: "Access token secret of the integration (oauth1)."},
		sdk.ConfigField{Key: secretUser, Type: "string", Secret: true, Description: "Name of an administrator (admin)."},
		sdk.ConfigField{Key: secretPassword, Type: "string", Secret: true, Description: "Password of that administrator (admin)."},
	)
}

// needed are the secrets of each way.
var needed = map[string][]string{
	authOAuth1: {secretConsumerKey, secretConsumerSecret, secretToken, secretTokenSecret},
	authBearer: {secretToken},
	authAdmin:  {secretUser, secretPassword},
}

// parseConfig reads and checks a configuration. No finding repeats a secret (invariant 7).
func parseConfig(raw json.RawMessage, secrets map[string]string) (*config, []sdk.Diagnostic) {
	var out []sdk.Diagnostic
	bad := func(code, path, summary, do string) {
		out = append(out, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "magento." + code, Path: path, Summary: summary, Do: do})
	}
	c := &config{Auth: authOAuth1, StoreCode: "all", Website: "base", PageSize: 100, Concurrent: 3, EventsKeysURL: publicKeys, secrets: secrets}
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
	address := func(key, v string) *url.URL {
		u, err := parseRoot(v)
		if err != nil {
			bad(key+"_invalid", "config."+key, err.Error(), "give the root, such as https://shop.example.com, without /rest")
		}
		return u
	}
	c.root = address("url", c.URL)
	c.home = c.root
	if c.HomeURL != "" {
		c.home = address("home_url", c.HomeURL)
	}
	c.keysURL = address("events_keys_url", c.EventsKeysURL)
	for key, n := range map[string]int64{"page_size": c.PageSize - 1, "concurrent": c.Concurrent - 1, "requests_per_second": c.RequestsPerSecond, "async_from": c.AsyncFrom} {
		if n < 0 {
			bad(key+"_invalid", "config."+key, "the number is too small", "correct it, or leave it out")
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
	}{
		{"index_lag", c.IndexLag, defaultIndexLag, &c.indexLag}, {"answer_wait", c.AnswerWait, defaultAnswerWait, &c.answerWait}, {"async_wait", c.AsyncWait, defaultAsyncWait, &c.asyncWait},
	} {
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
	names, known := needed[c.Auth]
	if !known {
		bad("auth_unknown", "config.auth", fmt.Sprintf("%.20q is no way to prove who asks", c.Auth), "use oauth1, bearer or admin")
	}
	for _, k := range names {
		if strings.TrimSpace(secrets[k]) == "" {
			bad("secret_missing", "secrets."+k, "the secret is empty", "copy it from System, Extensions, Integrations in the shop's admin")
		}
	}
	if len(out) > 0 {
		return nil, out
	}
	if c.root.Scheme == "http" {
		out = append(out, plainHTTP())
	}
	return c, out
}

func plainHTTP() sdk.Diagnostic {
	return sdk.Diagnostic{
		Severity: sdk.SeverityWarning, Code: "magento.plain_http", Path: "config.url",
		Summary: "orders and customers travel unencrypted", Do: "serve the shop over https and change url",
	}
}

func parseRoot(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(s), "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("not a web address with http or https")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the address must have neither credentials nor a query")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// ordersSince is where a snapshot's orders begin.
func (c *config) ordersSince(now time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339, c.OrdersSince); err == nil {
		return t.UTC()
	}
	return now.UTC().Add(-ordersBack)
}

// Validate implements sdk.Validator.
func (c *Connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, diags := parseConfig(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: diags}, nil
}
