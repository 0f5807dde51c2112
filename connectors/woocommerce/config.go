package woocommerce

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// config is the connection's `config`, with defaults filled in.
type config struct {
	URL             string   `json:"url"`
	HomeURL         string   `json:"home_url"`
	API             string   `json:"api"`
	PlainPermalinks bool     `json:"plain_permalinks"`
	CAFile          string   `json:"ca_file"`
	Location        string   `json:"location"`
	Currency        string   `json:"currency"`
	OrdersSince     string   `json:"orders_since"`
	SerialKeys      []string `json:"serial_keys"`
	CertificateKeys []string `json:"certificate_keys"`
	LabKeys         []string `json:"lab_keys"`
	EPCKeys         []string `json:"epc_keys"`
	// RequestsPerSecond bounds the requests that the shop's host lets through; 0 does not.
	RequestsPerSecond int64  `json:"requests_per_second"`
	AnswerWait        string `json:"answer_wait"`

	answerWait time.Duration
	root       *url.URL       // of url
	home       *url.URL       // of home_url, or root
	cas        *x509.CertPool // of ca_file; nil for the system's
}

const (
	secretKey     = "consumer_key"
	secretSecret  = "consumer_secret"
	secretWebhook = "webhook_secret"
)

// ordersBack is how far a snapshot goes back in orders when orders_since is not set.
const ordersBack = 90 * 24 * time.Hour

// defaultAnswerWait is longer than PHP and the usual gateways take for a request.
const defaultAnswerWait = 5 * time.Minute

func configFields() []sdk.ConfigField {
	return []sdk.ConfigField{
		{Key: "url", Type: "url", Required: true, Description: "Root of the shop, such as https://shop.example.com. Over http every request is signed (OAuth 1.0a), over https Basic is used."},
		{Key: "home_url", Type: "url", Description: "The shop's own address (Settings, General, Site Address) where it differs from url. Signatures and webhook sources are checked against it. Default: url."},
		{Key: "api", Type: "string", Default: "wc/v3", OneOf: []string{"wc/v3"}, Description: "REST namespace."},
		{Key: "plain_permalinks", Type: "bool", Default: "false", Description: "Set when the shop has plain permalinks, so that /wp-json does not exist."},
		{Key: "ca_file", Type: "string", Description: "File with the certificates (PEM) of the authority that signed the shop's own, where it is not a public one."},
		{Key: "location", Type: "string", Description: "Name under which the shop's one stock number is offered for mapping; WooCommerce itself knows no locations."},
		{Key: "currency", Type: "string", Pattern: "^[A-Z]{3}$", Description: "Currency of product prices (products do not state it). Default: asked from the shop."},
		{Key: "orders_since", Type: "string", Description: "RFC 3339 time from which a snapshot reads orders. Default: 90 days back."},
		{Key: "serial_keys", Type: "list", Default: strings.Join(defaultSerialKeys, ","), Description: "Meta keys or attributes that hold a piece's serial, best first."},
		{Key: "certificate_keys", Type: "list", Default: strings.Join(defaultCertificateKeys, ","), Description: "Meta keys or attributes that hold a certificate's number."},
		{Key: "lab_keys", Type: "list", Default: strings.Join(defaultLabKeys, ","), Description: "Meta keys or attributes that hold the certificate's laboratory."},
		{Key: "epc_keys", Type: "list", Default: strings.Join(defaultEPCKeys, ","), Description: "Meta keys or attributes that hold the RFID tag's EPC."},
		{Key: "requests_per_second", Type: "int", Default: "0", Description: "How many requests a second the shop's host lets through, where it refuses more; 0 knows no such limit."},
		{Key: "answer_wait", Type: "duration", Default: "5m", Description: "How long the shop may be at a refund that it did not answer, its payment gateway included. Only after that, what it does not show counts as not done."},
		{Key: secretKey, Type: "string", Required: true, Secret: true, Pattern: "^ck_[0-9a-zA-Z]+$", Description: "Consumer key with read and write permission."},
		{Key: secretSecret, Type: "string", Required: true, Secret: true, Pattern: "^cs_[0-9a-zA-Z]+$", Description: "Consumer secret."},
		{Key: secretWebhook, Type: "string", Required: true, Secret: true, Description: "Secret that signs webhooks: letters and digits only."},
	}
}

// parseConfig reads and checks a configuration. No finding repeats a secret (invariant 7).
func parseConfig(raw json.RawMessage, secrets map[string]string) (*config, []sdk.Diagnostic) {
	var out []sdk.Diagnostic
	bad := func(code, path, summary, do string) {
		out = append(out, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "woocommerce." + code, Path: path, Summary: summary, Do: do})
	}
	c := &config{API: "wc/v3", SerialKeys: defaultSerialKeys, CertificateKeys: defaultCertificateKeys, LabKeys: defaultLabKeys, EPCKeys: defaultEPCKeys}
	if len(raw) > 0 {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c); err != nil {
			bad("config_unreadable", "config", fmt.Sprintf("the configuration can't be read: %v", err), "correct the named key")
			return nil, out
		}
	}
	var err error
	if c.root, err = parseRoot(c.URL); err != nil {
		bad("url_invalid", "config.url", err.Error(), "give the shop's root, such as https://shop.example.com")
	}
	c.home = c.root
	if c.HomeURL != "" {
		if c.home, err = parseRoot(c.HomeURL); err != nil {
			bad("home_url_invalid", "config.home_url", err.Error(), "copy the Site Address of the shop's general settings")
		}
	}
	if c.API != "wc/v3" {
		bad("api_unsupported", "config.api", fmt.Sprintf("namespace %q is not supported", c.API), "use wc/v3")
	}
	if c.RequestsPerSecond < 0 {
		bad("requests_per_second_invalid", "config.requests_per_second", "less than no request a second", "write how many the host lets through, or leave it out")
	}
	if c.OrdersSince != "" {
		if _, err := time.Parse(time.RFC3339, c.OrdersSince); err != nil {
			bad("orders_since_invalid", "config.orders_since", "not an RFC 3339 time", "write it as 2026-01-01T00:00:00Z")
		}
	}
	c.answerWait = defaultAnswerWait
	if c.AnswerWait != "" {
		d, err := time.ParseDuration(c.AnswerWait)
		if err != nil || d <= 0 {
			bad("answer_wait_invalid", "config.answer_wait", "not a duration above zero", "write it as 5m")
		}
		c.answerWait = d
	}
	for _, k := range []string{secretKey, secretSecret, secretWebhook} {
		if strings.TrimSpace(secrets[k]) == "" {
			bad("secret_missing", "secrets."+k, "the secret is empty", "create a REST API key with read/write permission in WooCommerce, Settings, Advanced; choose the webhook secret yourself")
		}
	}
	if len(out) > 0 {
		return nil, out
	}
	if c.root.Scheme == "http" {
		out = append(out, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "woocommerce.plain_http", Path: "config.url",
			Summary: "orders and customers travel unencrypted", Do: "serve the shop over https and change url",
		})
	}
	// WooCommerce decodes HTML entities in the secret before it signs, so that one with & < > or quotes may sign differently.
	if strings.ContainsFunc(secrets[secretWebhook], func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) {
		out = append(out, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "woocommerce.webhook_secret_characters", Path: "secrets." + secretWebhook,
			Summary: "the shop may change special characters before it signs", Do: "use letters and digits only",
		})
	}
	return c, out
}

// loadCAs reads ca_file, if one is set.
func (c *config) loadCAs() []sdk.Diagnostic {
	if c.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(c.CAFile)
	c.cas = x509.NewCertPool()
	if err != nil || !c.cas.AppendCertsFromPEM(pem) {
		return []sdk.Diagnostic{{
			Severity: sdk.SeverityError, Code: "woocommerce.ca_file_unreadable", Path: "config.ca_file",
			Summary: "the file can't be read or has no certificate in it", Do: "give the path of a PEM file",
		}}
	}
	return nil
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
