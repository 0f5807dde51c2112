package magento

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// maxSkew is the difference of clocks that the vendor's signatures survive.
const maxSkew = 10 * time.Minute

// probe is a request that shows whether the caller may do something, and does nothing.
type probe struct {
	what, method, path string
	query              url.Values
	body               any
	resource           string // what it needs, where the answer does not say
}

// probes are of what the connector needs. The writes name what does not exist: the shop looks at the caller's rights first.
func (s *shop) probes() []probe {
	one := search(1).q
	return []probe{
		{"read attributes", http.MethodGet, "V1/products/attributes", one, nil, "Magento_Catalog::attributes_attributes"},
		{"read orders", http.MethodGet, "V1/orders", one, nil, "Magento_Sales::actions_view"},
		{"read credit memos", http.MethodGet, "V1/creditmemos", one, nil, "Magento_Sales::sales_creditmemo"},
		{"read invoices", http.MethodGet, "V1/invoices", one, nil, "Magento_Sales::sales"},
		{"read customers", http.MethodGet, "V1/customers/search", one, nil, "Magento_Customer::customer"},
		{"read customer groups", http.MethodGet, "V1/customerGroups/search", one, nil, "Magento_Customer::group"},
		{"read stock", http.MethodGet, "V1/inventory/source-items", one, nil, "Magento_InventoryApi::source"},
		{"write stock", http.MethodPost, "V1/inventory/source-items", nil, map[string]any{"sourceItems": []any{}}, "Magento_InventoryApi::source"},
		{"cancel orders", http.MethodPost, "V1/orders/0/cancel", nil, nil, "Magento_Sales::cancel"},
		{"comment orders", http.MethodPost, "V1/orders/0/comments", nil, map[string]any{"statusHistory": map[string]any{"comment": "-", "is_customer_notified": 0, "is_visible_on_front": 0, "parent_id": 0}}, "Magento_Sales::comment"},
		{"refund orders", http.MethodPost, "V1/order/0/refund", nil, map[string]any{"notify": false}, "Magento_Sales::creditmemo"},
	}
}

// Check implements sdk.Checker. Each of what the connector needs is asked for; the resources that the caller lacks are named.
func (c *Connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.CheckResponse{Account: s.cfg.home.Host, Facts: map[string]string{}}
	var ignored json.RawMessage
	at, err := s.client.get(ctx, "V1/products", search(1).q, &ignored)
	if err != nil {
		resp.Diagnostics = append(resp.Diagnostics, s.explain("read products", "Magento_Catalog::products", err))
		var api *apiError
		if !errors.As(err, &api) || !api.forbidden() || api.resource == "" {
			return resp, nil // nothing else would say more
		}
	}
	if skew := time.Since(at).Abs(); !at.IsZero() && skew > maxSkew/2 {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "magento.clock_skew",
			Summary: "the shop's clock and this machine's differ by " + skew.Round(time.Second).String(), Do: "set both by NTP; signatures fail from 10 minutes on",
		})
	}
	for _, p := range s.probes() {
		_, err := s.client.do(ctx, p.method, p.path, p.query, p.body, nil)
		var api *apiError
		switch {
		case err == nil:
		case errors.As(err, &api) && api.forbidden():
			resp.Diagnostics = append(resp.Diagnostics, s.explain(p.what, p.resource, err))
		case p.method == http.MethodGet:
			resp.Diagnostics = append(resp.Diagnostics, s.explain(p.what, p.resource, err))
		case api == nil:
			resp.Diagnostics = append(resp.Diagnostics, s.explain(p.what, p.resource, err)) // any answer of the shop comes from behind the check of rights
		}
	}
	s.checkChannel(ctx, resp)
	if s.cfg.root.Scheme == "http" {
		resp.Diagnostics = append(resp.Diagnostics, plainHTTP())
	}
	return resp, nil
}

// checkChannel looks at website, stock, sources and modules.
func (s *shop) checkChannel(ctx context.Context, resp *sdk.CheckResponse) {
	ch, err := s.readChannel(ctx)
	switch {
	case errors.Is(err, errNoWebsite):
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "magento.website_unknown", Path: "config.website", Summary: err.Error(), Do: "copy the code of the website from Stores, All Stores",
		})
	case err != nil:
		d := s.explain("read website, stock and sources", "Magento_Backend::store, Magento_InventoryApi::stock, Magento_InventoryApi::stock_source_link", err)
		var api *apiError
		if errors.As(err, &api) && api.status == http.StatusNotFound {
			d.Code, d.Path, d.Do = "magento.stock_missing", "config.website", "assign a stock to the website in Stores, Stocks; the modules of Multi Source Inventory must not be disabled"
		}
		resp.Diagnostics = append(resp.Diagnostics, d)
	default:
		resp.Facts["currency"], resp.Facts["stock_id"] = ch.currency, idText(ch.stockID)
		codes := make([]string, len(ch.sources))
		for i, src := range ch.sources {
			codes[i] = src.Code
		}
		resp.Facts["sources"] = strings.Join(codes, ", ")
		if len(codes) == 0 {
			resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
				Severity: sdk.SeverityError, Code: "magento.no_source", Path: "config.website", Summary: "the website's stock has no enabled source", Do: "assign one in Stores, Stocks",
			})
		}
	}
	var modules []string
	if _, err := s.client.get(ctx, "V1/modules", nil, &modules); err != nil {
		resp.Facts["modules"] = "not readable with these rights"
		return
	}
	if s.cfg.AsyncFrom > 0 && !slices.Contains(modules, "Magento_WebapiAsync") {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "magento.async_missing", Path: "config.async_from", Summary: "the shop has no async API", Do: "enable Magento_WebapiAsync and run its consumers, or set async_from to 0",
		})
	}
	if s.cfg.EventsClientID != "" && !slices.Contains(modules, eventsModule) {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "magento.events_missing", Path: "config.events_client_id", Summary: "the shop has no Adobe I/O Events: they are of Adobe Commerce alone",
			Do: "install the module Adobe I/O Events for Adobe Commerce, or leave events_client_id out: the shop is polled then",
		})
	}
}

// explain says what a failed call means and what to do about it.
func (s *shop) explain(what, resource string, err error) sdk.Diagnostic {
	d := sdk.Diagnostic{
		Severity: sdk.SeverityError, Code: "magento.unreachable", Path: "config.url", Summary: "can't " + what + ": " + err.Error(), Do: "check the address, and that the shop is up and not in maintenance",
	}
	var api *apiError
	switch {
	case !errors.As(err, &api):
	case api.forbidden() && api.resource != "":
		d.Code, d.Path = "magento.resource_missing", "secrets."+needed[s.cfg.Auth][0]
		d.Do = "allow the resource " + resource + " to the integration (System, Extensions, Integrations, API) and reauthorize it. " + authAdvice(api)
	case api.forbidden() || api.status == http.StatusBadRequest && s.cfg.Auth == authOAuth1:
		d.Code, d.Path, d.Do = "magento.not_allowed", "secrets."+needed[s.cfg.Auth][0], authAdvice(api)
	case api.throttled():
		d.Code, d.Path, d.Do = "magento.throttled", "", "wait: the shop is in maintenance, or what is in front of it lets no more requests through; see requests_per_second"
	case api.message != "":
		d.Code, d.Do = "magento.refused", "look for the shop's words in its var/log; a report id is named there"
	}
	return d
}

// authAdvice says what to do about a refusal of credentials.
func authAdvice(api *apiError) string {
	m := strings.ToLower(api.message)
	switch {
	case strings.Contains(m, "signature is invalid"):
		return "a secret is wrong, or the shop knows itself by another address: set home_url to its Base URL"
	case strings.Contains(m, "nonce"):
		return "another program uses the same integration with the same nonces: give each its own"
	case strings.Contains(m, "timestamp"):
		return "the clocks of the shop and of this machine differ by more than 10 minutes: set both by NTP"
	case strings.Contains(m, "2fa"):
		return "the shop asks people for a second factor: use an integration (auth oauth1)"
	case strings.Contains(m, "sign-in"):
		return "name or password is wrong, or the account is locked"
	case api.resource != "":
		return "With auth bearer the shop takes the access token alone only after bin/magento config:set oauth/consumer/enable_integration_as_bearer 1"
	}
	return "compare the keys with those of System, Extensions, Integrations, and see that the integration is active"
}

// Discover implements sdk.Discoverer.
func (c *Connector) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	ch, err := s.readChannel(ctx)
	if err != nil {
		return nil, paced(err)
	}
	resp := &sdk.DiscoverResponse{}
	for _, src := range ch.sources {
		resp.Locations = append(resp.Locations, sdk.Discovered{ID: src.Code, Name: clean(src.Name)})
	}
	a, err := s.attributes(ctx, nil)
	if err != nil {
		return nil, paced(err)
	}
	for code, f := range a.fields {
		if f.User && !slices.Contains(systemAttributes, code) {
			resp.Fields = append(resp.Fields, sdk.Discovered{ID: code, Name: clean(f.Label)})
		}
	}
	slices.SortFunc(resp.Fields, func(a, b sdk.Discovered) int { return strings.Compare(a.ID, b.ID) })
	return resp, nil
}

// Health implements sdk.HealthReporter: what the last call showed, without a new one.
func (c *Connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	s, err := c.opened()
	if err != nil {
		return &sdk.HealthResponse{Reason: err.Error()}, nil
	}
	last := s.client.last()
	var api *apiError
	switch {
	case last.at.IsZero():
		return &sdk.HealthResponse{OK: true, Reason: "no call was made yet"}, nil
	case utcNow().Before(last.quotaAt):
		return &sdk.HealthResponse{Reason: "the shop asked to wait until " + last.quotaAt.Format(time.RFC3339)}, nil
	case last.err != nil && !(errors.As(last.err, &api) && api.status == http.StatusNotFound && api.message != ""):
		return &sdk.HealthResponse{Reason: last.err.Error()}, nil
	}
	return &sdk.HealthResponse{OK: true}, nil
}
