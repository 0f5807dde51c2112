package bigcommerce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// maxSkew is how far the clocks may differ: webhooks are refused from five minutes on.
const maxSkew = sdk.StandardWebhookWindow / 2

// probe is a request that shows whether the caller may do something, and does nothing.
type probe struct {
	what, method, path string
	query              url.Values
	body               any
	scope              string // what it needs
}

// probes are of what the connector needs. The writes name what does not exist: the platform looks at the scopes first.
func (s *store) probes() []probe {
	one := url.Values{"limit": {"1"}}
	out := []probe{
		{"read products", http.MethodGet, "v3/catalog/products", one, nil, "store_v2_products_read_only (Products)"},
		{"read orders", http.MethodGet, "v2/orders", one, nil, "store_v2_orders (Orders)"},
		{"change orders", http.MethodPut, "v2/orders/0", nil, map[string]any{}, "store_v2_orders (Orders, modify)"},
		{"read refunds", http.MethodGet, "v3/orders/payment_actions/refunds", one, nil, "store_v2_transactions (Order Transactions)"},
		{"make refunds", http.MethodPost, "v3/orders/0/payment_actions/refund_quotes", nil, map[string]any{"items": []any{}}, "store_v2_transactions (Order Transactions, modify)"},
		{"read customers", http.MethodGet, "v3/customers", one, nil, "store_v2_customers_read_only (Customers)"},
		{"read inventory", http.MethodGet, "v3/inventory/items", one, nil, "store_inventory (Store Inventory)"},
		{"write inventory", http.MethodPut, "v3/inventory/adjustments/absolute", nil, map[string]any{"items": []any{}}, "store_inventory (Store Inventory, modify)"},
		{"read locations", http.MethodGet, "v3/inventory/locations", one, nil, "store_inventory (Store Inventory)"},
		{"read webhooks", http.MethodGet, "v3/hooks", one, nil, "store_v2_information (Information & Settings)"},
	}
	if s.cfg.PriceLists {
		out = append(out, probe{"read price lists", http.MethodGet, "v3/pricelists", one, nil, "store_v2_products_read_only (Products)"})
	}
	return out
}

// Check implements sdk.Checker. Each of what the connector needs is asked for; the scopes that the token lacks are named.
func (c *Connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.CheckResponse{Account: "stores/" + s.cfg.StoreHash, Facts: map[string]string{}}
	var info storeInfo
	at, err := s.client.get(ctx, "v2/store", nil, &info)
	var api *apiError
	if err != nil {
		resp.Diagnostics = append(resp.Diagnostics, s.explain("read the store's settings", "store_v2_information_read_only (Information & Settings)", err))
		if !errors.As(err, &api) || api.status != http.StatusForbidden {
			return resp, nil // nothing else would say more
		}
	} else {
		resp.Facts["currency"], resp.Facts["plan"], resp.Facts["domain"] = info.Currency, clean(info.Plan), clean(info.Domain)
	}
	if skew := time.Since(at).Abs(); !at.IsZero() && skew > maxSkew {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "bigcommerce.clock_skew",
			Summary: "the platform's clock and this machine's differ by " + skew.Round(time.Second).String(), Do: "set this machine's clock by NTP; webhooks are refused from 5 minutes on",
		})
	}
	for _, p := range s.probes() {
		_, err := s.client.do(ctx, p.method, p.path, p.query, p.body, nil)
		if err == nil || p.method != http.MethodGet && errors.As(err, &api) && !api.forbidden() && !api.away() && api.status < 500 {
			continue // a write is refused behind the check of scopes
		}
		resp.Diagnostics = append(resp.Diagnostics, s.explain(p.what, p.scope, err))
	}
	if len(resp.Diagnostics) == 0 {
		s.checkSetup(ctx, resp)
	}
	if s.cfg.root.Scheme == "http" {
		resp.Facts["transport"] = "plain http: for sandboxes only"
	}
	return resp, nil
}

// checkSetup looks at locations and channels.
func (s *store) checkSetup(ctx context.Context, resp *sdk.CheckResponse) {
	f, err := s.readFacts(ctx)
	if err != nil {
		resp.Diagnostics = append(resp.Diagnostics, s.explain("read locations, brands, groups and price lists", "store_inventory, store_v2_products_read_only, store_v2_customers_read_only", err))
		return
	}
	var places []string
	for _, l := range f.locations {
		if l.Enabled {
			places = append(places, idText(l.ID)+" "+clean(l.Label))
		}
	}
	resp.Facts["locations"] = strings.Join(places, ", ")
	if len(places) == 0 {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "bigcommerce.no_location", Summary: "the store has no enabled location", Do: "enable one in Settings, Locations of the control panel",
		})
	}
	if id := s.cfg.ChannelID; id != 0 && f.channels != nil && f.channels[id] == "" {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "bigcommerce.channel_unknown", Path: "config.channel_id", Summary: fmt.Sprintf("the store has no channel %d", id),
			Do: "copy the channel's number from Channel Manager, or leave channel_id out",
		})
	}
	if f.groups == nil {
		resp.Facts["customer groups"] = "not readable with this token"
	}
}

// explain says what a failed call means and what to do about it.
func (s *store) explain(what, scope string, err error) sdk.Diagnostic {
	d := sdk.Diagnostic{
		Severity: sdk.SeverityError, Code: "bigcommerce.unreachable", Path: "config.api_url", Summary: "can't " + what + ": " + err.Error(), Do: "check that the machine reaches the internet, and status.bigcommerce.com",
	}
	var api *apiError
	switch {
	case !errors.As(err, &api):
	case api.status == http.StatusForbidden:
		d.Code, d.Path = "bigcommerce.scope_missing", "secrets."+secretToken
		d.Do = "make an API account with the scope " + scope + ": the scopes of one that is there can't be changed"
	case api.status == http.StatusUnauthorized:
		d.Code, d.Path, d.Do = "bigcommerce.not_allowed", "secrets."+secretToken, "the access token is wrong, was deleted, or is another store's than store_hash names"
	case api.status == http.StatusNotFound:
		d.Code, d.Path, d.Do = "bigcommerce.store_unknown", "config.store_hash", "copy the store hash from the API path that is shown with the API account"
	case api.away():
		d.Code, d.Path, d.Do = "bigcommerce.throttled", "", "wait: other programs use up the store's quota of requests, or the platform is in maintenance"
	case api.title != "":
		d.Code, d.Do = "bigcommerce.refused", "see status.bigcommerce.com"
	}
	return d
}

// Discover implements sdk.Discoverer.
func (c *Connector) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	f, err := s.readFacts(ctx)
	if err != nil {
		return nil, paced(err)
	}
	resp := &sdk.DiscoverResponse{}
	for _, l := range f.locations {
		resp.Locations = append(resp.Locations, sdk.Discovered{ID: idText(l.ID), Name: clean(l.Label)})
	}
	for _, l := range f.lists {
		resp.PriceLists = append(resp.PriceLists, sdk.Discovered{ID: idText(l.ID), Name: clean(l.Name)})
	}
	// The platform does not list the names of custom fields: those of some products stand for all.
	got, _, err := list3[product](ctx, s, "catalog/products", s.ofChannel(url.Values{"include": {"custom_fields"}, "limit": {idText(maxPage)}, "include_fields": {"sku"}}, "channel_id:in"))
	if err != nil {
		return nil, paced(err)
	}
	names := map[string]bool{}
	for i := range got.Data {
		for _, cf := range got.Data[i].value.Custom {
			names[clean(cf.Name)] = true
		}
	}
	fields, err := s.someMetafields(ctx)
	if err != nil {
		return nil, paced(err)
	}
	for _, m := range fields {
		names[m.Namespace+"."+m.Key] = true
	}
	for n := range names {
		resp.Fields = append(resp.Fields, sdk.Discovered{ID: n, Name: n})
	}
	slices.SortFunc(resp.Fields, func(a, b sdk.Discovered) int { return strings.Compare(a.ID, b.ID) })
	return resp, nil
}

// someMetafields reads a page of metafields of products and one of variants.
func (s *store) someMetafields(ctx context.Context) ([]metafield, error) {
	if len(s.cfg.Namespaces) == 0 {
		return nil, nil
	}
	var out []metafield
	for _, of := range fieldLists {
		got, _, err := list3[metafield](ctx, s, of.path, url.Values{"namespace:in": {strings.Join(s.cfg.Namespaces, ",")}, "limit": {idText(maxPage)}})
		if err != nil {
			return nil, err
		}
		for i := range got.Data {
			out = append(out, got.Data[i].value)
		}
	}
	return out, nil
}

// Health implements sdk.HealthReporter: what the last call showed, without a new one.
func (c *Connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	s, err := c.opened()
	if err != nil {
		return &sdk.HealthResponse{Reason: err.Error()}, nil
	}
	last, q := s.client.last()
	resp := &sdk.HealthResponse{QuotaLimit: float64(q.limit), QuotaLeft: float64(q.left)}
	if q.limit > 0 && utcNow().After(q.reset) {
		resp.QuotaLeft = resp.QuotaLimit
	}
	var api *apiError
	switch {
	case last.at.IsZero():
		resp.OK, resp.Reason = true, "no call was made yet"
	case utcNow().Before(last.waitAt):
		resp.Reason = "the platform asked to wait until " + last.waitAt.Format(time.RFC3339)
	case last.err != nil && !(errors.As(last.err, &api) && (api.status == http.StatusNotFound || api.status == http.StatusUnprocessableEntity) && api.title != ""):
		resp.Reason = last.err.Error()
	default:
		resp.OK = true
	}
	return resp, nil
}
