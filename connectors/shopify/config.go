package shopify

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// shopPattern is the vendor's rule for a shop domain; nothing else is ever requested or accepted as a sender.
var shopPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9\-_]*\.myshopify\.com$`)

var (
	versionPattern   = regexp.MustCompile(`^(\d{4}-(01|04|07|10)|unstable)$`)
	metafieldPattern = regexp.MustCompile(`^[$a-zA-Z0-9_\-:]{2,255}\.[a-zA-Z0-9_\-]{2,64}$`)
)

const (
	defaultVersion     = "2026-10"
	defaultOrdersSince = 60 * 24 * time.Hour // what read_orders alone may see
	defaultBulkFrom    = 1000
)

// Where the jewelry metafields of a piece are kept.
const (
	ownerVariant = "variant"
	ownerProduct = "product"
	ownerBoth    = "both" // the variant's value goes before the product's
)

// config is a connection's `config` as written.
type config struct {
	Shop           string   `json:"shop"`
	Endpoint       string   `json:"endpoint"`
	APIVersion     string   `json:"api_version"`
	ClientID       string   `json:"client_id"`
	Currency       string   `json:"currency"`
	OrdersSince    string   `json:"orders_since"`
	TestOrders     string   `json:"test_orders"`
	MetafieldOwner string   `json:"metafield_owner"`
	Metafields     []string `json:"metafields"`
	Attributes     []string `json:"attributes"`
	Publications   []string `json:"publications"`
	BulkFrom       *int64   `json:"bulk_from"`
}

// settings is a checked configuration with its secrets.
type settings struct {
	shop             string
	endpoint         string // without a trailing slash
	version          string
	clientID         string
	currency         string
	ordersSince      time.Duration
	bulkFrom         int64 // rows from which a collection is read by a bulk operation; 0 for never
	ignoreTestOrders bool
	owner            string
	metafields       metafieldMap
	publications     []string // global ids of the sales channels that a listing is put up in

	secrets      []string // webhook keys, the current one first
	clientSecret string
	accessToken  string
	refreshToken string
}

func configFields() []sdk.ConfigField {
	return []sdk.ConfigField{
		{Key: "shop", Description: "the shop's permanent domain, aurum.myshopify.com", Type: "string", Required: true, Pattern: shopPattern.String()},
		{Key: "endpoint", Description: "where the Admin API is, instead of https://{shop}", Type: "url"},
		{Key: "api_version", Description: "quarterly version of the Admin API", Type: "string", Default: defaultVersion, Pattern: versionPattern.String()},
		{Key: "client_id", Description: "the app's client id; needed with a refresh token or client credentials", Type: "string"},
		{Key: "currency", Description: "the shop's currency, ISO 4217; asked from the shop where it is not set", Type: "string", Pattern: `^[A-Z]{3}$`},
		{Key: "orders_since", Description: "how far back a snapshot reads orders", Type: "duration", Default: defaultOrdersSince.String()},
		{Key: "bulk_from", Description: "from how many rows on a collection is read by a bulk operation instead of page by page; 0 for never", Type: "int", Default: "1000"},
		{Key: "test_orders", Description: "accept or ignore orders of a test payment gateway; the shop lowers its stock for them", Type: "string", Default: "accept", OneOf: []string{"accept", "ignore"}},
		{Key: "metafield_owner", Description: "where a piece's jewelry metafields are kept", Type: "string", Default: ownerVariant, OneOf: []string{ownerVariant, ownerProduct, ownerBoth}},
		{Key: "metafields", Description: "field=namespace.key for each field of a piece that is not kept in jewelry.<field>", Type: "list"},
		{Key: "attributes", Description: "further metafields (namespace.key) to keep as attributes", Type: "list"},
		{Key: "publications", Description: "global ids of the publications (sales channels) that a listing which the hub puts up is published to; its status alone is set where there are none", Type: "list"},
		{Key: "client_secret", Description: "the app's client secret, which signs webhooks", Type: "string", Required: true, Secret: true},
		{Key: "client_secret_previous", Description: "the secret before a rotation; accepted beside the new one", Type: "string", Secret: true},
		{Key: "access_token", Description: "Admin API access token; not needed with a refresh token or client credentials", Type: "string", Secret: true},
		{Key: "refresh_token", Description: "rotating refresh token of an app whose access tokens expire", Type: "string", Secret: true},
	}
}

// parseSettings checks a configuration. Diagnostics never repeat a secret (invariant 7).
func parseSettings(raw json.RawMessage, secrets map[string]string) (*settings, []sdk.Diagnostic) {
	var diags []sdk.Diagnostic
	fail := func(code, path, summary, do string) {
		diags = append(diags, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "shopify." + code, Path: path, Summary: summary, Do: do})
	}
	var c config
	if len(raw) > 0 {
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			fail("config_unreadable", "config", "the configuration can't be read: "+err.Error(), "correct the key that is named")
			return nil, diags
		}
	}
	s := &settings{
		shop: strings.ToLower(c.Shop), version: c.APIVersion, clientID: c.ClientID, currency: c.Currency, owner: c.MetafieldOwner,
		ordersSince: defaultOrdersSince, bulkFrom: defaultBulkFrom, clientSecret: secrets["client_secret"], accessToken: secrets["access_token"], refreshToken: secrets["refresh_token"],
	}

	if !shopPattern.MatchString(c.Shop) {
		fail("shop_invalid", "config.shop", "shop is not a domain of the form name.myshopify.com", "use the permanent domain that the shop's settings show, not the public one")
	}
	if s.version == "" {
		s.version = defaultVersion
	}
	if !versionPattern.MatchString(s.version) {
		fail("version_invalid", "config.api_version", fmt.Sprintf("%q is not a version of the Admin API", s.version), "use a quarterly version such as "+defaultVersion)
	}
	s.endpoint = "https://" + s.shop
	if c.Endpoint != "" {
		s.endpoint = strings.TrimRight(c.Endpoint, "/")
		if problem := endpointProblem(s.endpoint); problem != "" {
			fail("endpoint_invalid", "config.endpoint", problem, "leave it out to use https://{shop}, or name a sandbox by http://127.0.0.1:port")
		}
	}
	if c.OrdersSince != "" {
		d, err := time.ParseDuration(c.OrdersSince)
		if err != nil || d < 0 {
			fail("orders_since_invalid", "config.orders_since", "orders_since is not a duration", "write it as 1440h")
		}
		s.ordersSince = d
	}
	if c.BulkFrom != nil {
		if s.bulkFrom = *c.BulkFrom; s.bulkFrom < 0 {
			fail("bulk_from_invalid", "config.bulk_from", "bulk_from is below 0", "write how many rows are many, or 0 to read page by page always")
		}
	}
	switch c.TestOrders {
	case "", "accept":
	case "ignore":
		s.ignoreTestOrders = true
	default:
		fail("test_orders_invalid", "config.test_orders", "test_orders is neither accept nor ignore", "use one of them")
	}
	switch s.owner {
	case "":
		s.owner = ownerVariant
	case ownerVariant, ownerProduct, ownerBoth:
	default:
		fail("metafield_owner_invalid", "config.metafield_owner", "metafield_owner is none of variant, product, both", "use one of them")
	}
	for _, id := range c.Publications {
		if gidNumber("Publication", id) == 0 {
			fail("publication_invalid", "config.publications", fmt.Sprintf("%q is no publication", id), "write global ids such as gid://shopify/Publication/1234")
		}
	}
	s.publications = c.Publications
	m, problems := newMetafieldMap(c.Metafields, c.Attributes)
	for _, p := range problems {
		fail("metafield_invalid", "config.metafields", p, "write field=namespace.key with a field of "+strings.Join(metafieldFields, ", "))
	}
	s.metafields = m

	if s.clientSecret == "" {
		fail("client_secret_missing", "secrets.client_secret", "client_secret is empty, so webhooks can't be verified", "copy it from the app's settings at the platform")
	} else {
		s.secrets = append(s.secrets, s.clientSecret)
	}
	if p := secrets["client_secret_previous"]; p != "" {
		s.secrets = append(s.secrets, p)
	}
	switch {
	case s.refreshToken != "" && s.clientID == "":
		fail("client_id_missing", "config.client_id", "a refresh token needs client_id", "copy the client id from the app's settings")
	case s.accessToken == "" && s.refreshToken == "" && s.clientID == "":
		fail("token_missing", "secrets.access_token", "there is no access token, no refresh token and no client id", "set access_token, or client_id with refresh_token")
	}
	return s, diags
}

// endpointProblem accepts https anywhere and plain http on this machine only, since requests carry the access token.
func endpointProblem(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return "endpoint is not a URL"
	case u.Scheme == "https":
		return ""
	case u.Scheme != "http":
		return "endpoint is neither https nor http"
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	return "endpoint sends the access token in the clear over http to another machine"
}

// metafieldFields are the fields of a listing that metafields carry, by the names that the configuration uses.
var metafieldFields = []string{
	"certificate", "certificate_lab", "certificate_url", "epc", "fineness", "metal", "metal_colour",
	"ring_size", "serial", "stones", "style_no", "weight",
}

// metafieldMap says which metafield carries which field of a listing.
type metafieldMap struct {
	fieldOf map[string]string // "jewelry.serial" → "serial"; attributes map to ""
	keys    []string          // all of them, sorted
}

func newMetafieldMap(pairs, attributes []string) (metafieldMap, []string) {
	m := metafieldMap{fieldOf: map[string]string{}}
	var problems []string
	custom := map[string]string{}
	for _, pair := range pairs {
		field, key, _ := strings.Cut(pair, "=")
		if !slices.Contains(metafieldFields, field) {
			problems = append(problems, fmt.Sprintf("%q is no field of a piece", field))
		}
		custom[field] = key
	}
	add := func(key, field string) {
		if !metafieldPattern.MatchString(key) {
			problems = append(problems, fmt.Sprintf("%q is not namespace.key", key))
		}
		if _, twice := m.fieldOf[key]; twice {
			problems = append(problems, fmt.Sprintf("%q is named twice", key))
		}
		m.fieldOf[key] = field
		m.keys = append(m.keys, key)
	}
	for _, field := range metafieldFields {
		key, set := custom[field]
		if !set {
			key = "jewelry." + field
		}
		add(key, field)
	}
	for _, key := range attributes {
		add(key, "")
	}
	sort.Strings(m.keys)
	sort.Strings(problems)
	return m, problems
}
