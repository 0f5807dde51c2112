package webhookout

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The secrets. A receiver that is given a new signing secret accepts both while both are here.
const (
	secretSigning  = "signing_secret"
	secretPrevious = "previous_signing_secret"
	secretBearer   = "bearer_token"
)

// minKey is how many bytes a signing key has at least, as Standard Webhooks asks.
const minKey = 24

const (
	defaultTimeout = 15 * time.Second
	longestTimeout = 50 * time.Second // a call of the hub ends after a minute
)

var configFields = []sdk.ConfigField{
	{Key: "url", Description: "where changes are posted to", Type: "url", Required: true},
	{Key: "timeout", Description: "how long the receiver may take to answer, at most 50s", Type: "duration", Default: "15s"},
	{Key: "allow_private", Description: "networks that the receiver may be in although they are private, such as 10.1.0.0/16", Type: "list"},
	{Key: "allow_http", Description: "whether the address may be without TLS", Type: "bool", Default: "false"},
	{Key: secretSigning, Description: "signs each request; whsec_ and base64 of 24 bytes or more", Type: "string", Required: true, Secret: true},
	{Key: secretPrevious, Description: "signs as well, until the receiver has taken over the new one", Type: "string", Secret: true},
	{Key: secretBearer, Description: "sent as Authorization: Bearer", Type: "string", Secret: true},
}

// config is a connection's `config` with its secrets.
type config struct {
	URL          string   `json:"url"`
	Timeout      string   `json:"timeout"`
	AllowPrivate []string `json:"allow_private"`
	AllowHTTP    bool     `json:"allow_http"`

	target  *url.URL
	timeout time.Duration
	guard   guard
	signing []string // the newest first
	bearer  string
}

// parseConfig reads and checks a configuration. A diagnostic never repeats a secret.
func parseConfig(raw json.RawMessage, secrets map[string]string) (*config, []sdk.Diagnostic) {
	var found []sdk.Diagnostic
	bad := func(code, path, summary, do string) {
		found = append(found, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "webhook-out." + code, Path: path, Summary: summary, Do: do})
	}
	c := &config{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		bad("config_unreadable", "config", "the configuration can't be read: "+err.Error(), "compare it with the connector's list of keys")
		return nil, found
	}
	c.checkTarget(bad)
	c.timeout = defaultTimeout
	if c.Timeout != "" {
		d, err := time.ParseDuration(c.Timeout)
		if err != nil || d <= 0 || d > longestTimeout {
			bad("timeout_invalid", "config.timeout", "not a duration between 0 and 50s", "write it as 15s")
		}
		c.timeout = d
	}
	for _, s := range c.AllowPrivate {
		network, err := netip.ParsePrefix(s)
		if err != nil {
			bad("network_invalid", "config.allow_private", "not a network", "write networks such as 10.1.0.0/16 or 127.0.0.1/32")
			continue
		}
		c.guard.allowed = append(c.guard.allowed, network)
	}
	for _, name := range []string{secretSigning, secretPrevious} {
		secret := strings.TrimSpace(secrets[name])
		switch {
		case secret == "" && name == secretSigning:
			bad("secret_missing", "secrets."+name, "there is no signing secret", "make one: echo whsec_$(openssl rand -base64 32)")
		case secret == "":
		case !goodKey(secret):
			bad("secret_weak", "secrets."+name, "the signing secret is too short or not base64 after whsec_", "make one: echo whsec_$(openssl rand -base64 32)")
		default:
			c.signing = append(c.signing, secret)
		}
	}
	c.bearer = strings.TrimSpace(secrets[secretBearer])
	if len(found) > 0 {
		return nil, found
	}
	return c, nil
}

func (c *config) checkTarget(bad func(code, path, summary, do string)) {
	u, err := url.Parse(strings.TrimSpace(c.URL))
	switch {
	case c.URL == "":
		bad("url_missing", "config.url", "no address is named", "name where changes are posted to, such as https://erp.example.com/hooks/jumpring")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		bad("url_invalid", "config.url", "not a web address", "write https://, a name and a path")
	case u.User != nil || u.Fragment != "":
		bad("url_invalid", "config.url", "the address must have neither credentials nor a fragment", "put a token into secrets."+secretBearer)
	case u.Scheme == "http" && !c.AllowHTTP:
		bad("plain_http", "config.url", "changes would travel unencrypted", "serve the receiver over https, or set allow_http where the network is your own")
	}
	c.target = u
}

func goodKey(secret string) bool {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return len(secret) >= minKey
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	return err == nil && len(key) >= minKey
}
