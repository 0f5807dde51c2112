package woocommerce

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

// maxSkew is the difference of clocks that signatures survive.
const maxSkew = 15 * time.Minute

// Check implements sdk.Checker. It reads one row of each resource. Whether the key may write is shown by an empty batch:
// the shop refuses it to a read-only key by its method, and does nothing for one that may write.
func (c *Connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.CheckResponse{Account: s.cfg.home.Host, Facts: map[string]string{}}
	var ignored json.RawMessage
	info, err := s.client.get(ctx, "products", url.Values{"per_page": {"1"}}, &ignored)
	if err != nil {
		resp.Diagnostics = append(resp.Diagnostics, s.explain("read products", err))
		if !isForbidden(err) {
			return resp, nil // nothing else would say more
		}
	}
	if skew := time.Since(info.date).Abs(); !info.date.IsZero() && skew > maxSkew/3 {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "woocommerce.clock_skew",
			Summary: "the shop's clock and this machine's differ by " + skew.Round(time.Second).String(), Do: "set both by NTP; signatures fail from 15 minutes on",
		})
	}
	for _, r := range []struct{ what, path string }{{"read orders", "orders"}, {"read customers", "customers"}, {"read webhooks", "webhooks"}} {
		if _, err := s.client.get(ctx, r.path, url.Values{"per_page": {"1"}}, &ignored); err != nil {
			resp.Diagnostics = append(resp.Diagnostics, s.explain(r.what, err))
		}
	}
	// Another refusal than of the credentials comes from behind the check of permissions.
	if _, err := s.client.do(ctx, http.MethodPost, "products/batch", nil, struct{}{}, nil); isForbidden(err) {
		resp.Diagnostics = append(resp.Diagnostics, s.explain("write stock", err))
	}
	s.checkStore(ctx, resp)
	if s.cfg.root.Scheme == "http" {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "woocommerce.plain_http", Path: "config.url",
			Summary: "orders and customers travel unencrypted", Do: "serve the shop over https and change url",
		})
	}
	return resp, nil
}

// checkStore reads versions and currency, which only a key of an administrator may see.
func (s *shop) checkStore(ctx context.Context, resp *sdk.CheckResponse) {
	s.learnCurrency(ctx)
	if cur := s.knownCurrency(); cur != "" {
		resp.Facts["currency"] = cur
	} else {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "woocommerce.currency_unknown", Path: "config.currency",
			Summary: "the shop does not tell its currency to this key, so that prices stay hidden", Do: "set currency, or use a key of an administrator",
		})
	}
	var st struct {
		Environment struct {
			Version   text `json:"version"`
			WPVersion text `json:"wp_version"`
			HomeURL   text `json:"home_url"`
			SiteURL   text `json:"site_url"`
		} `json:"environment"`
		Settings struct {
			Currency text `json:"currency"`
		} `json:"settings"`
	}
	if _, err := s.client.get(ctx, "system_status", nil, &st); err != nil {
		resp.Facts["system_status"] = "not readable with this key"
		return
	}
	resp.Facts["woocommerce"], resp.Facts["wordpress"] = string(st.Environment.Version), string(st.Environment.WPVersion)
	if home, err := url.Parse(string(st.Environment.HomeURL)); err == nil && home.Host != "" && !sameHost(home, s.cfg.home) && !sameHost(home, s.cfg.root) {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "woocommerce.home_url_differs", Path: "config.home_url",
			Summary: "the shop calls itself " + home.Scheme + "://" + home.Host + ": its webhooks would be refused", Do: "set home_url to that address",
		})
	}
}

// explain says what a failed call means and what to do about it.
func (s *shop) explain(what string, err error) sdk.Diagnostic {
	d := sdk.Diagnostic{Severity: sdk.SeverityError, Code: "woocommerce.unreachable", Path: "config.url", Summary: "can't " + what + ": " + err.Error(), Do: "check the address, and that the shop is up"}
	var api *apiError
	if !errors.As(err, &api) {
		return d
	}
	switch {
	case isForbidden(err):
		d.Code, d.Path, d.Do = "woocommerce.not_allowed", "secrets."+secretKey, authAdvice(api)
		if strings.Contains(api.message, "write permission") {
			d.Code = "woocommerce.write_permission_missing"
		}
		if strings.Contains(api.message, "read permission") {
			d.Code = "woocommerce.read_permission_missing"
		}
	case api.status == http.StatusNotFound && (api.code == "rest_no_route" || api.code == ""):
		d.Code = "woocommerce.no_route"
		d.Do = "is WooCommerce active there, and are permalinks other than \"Plain\" (Settings, Permalinks)? With plain permalinks set plain_permalinks: true"
	case api.status >= 300 && api.status < 400:
		d.Code, d.Do = "woocommerce.redirected", "the shop redirects elsewhere: set url to the address that it redirects to"
	case api.throttled():
		d.Code, d.Do = "woocommerce.throttled", "the shop or its host asks to wait; try again later"
	}
	return d
}

func isForbidden(err error) bool {
	var api *apiError
	return errors.As(err, &api) && (api.status == http.StatusUnauthorized || api.status == http.StatusForbidden)
}

// authAdvice says what to do about a 401 or 403, by the vendor's code and words.
func authAdvice(api *apiError) string {
	switch m := api.message; {
	case strings.Contains(m, "write permission"):
		return "give the REST API key the permission Read/Write (WooCommerce, Settings, Advanced, REST API)"
	case strings.Contains(m, "read permission"):
		return "give the REST API key the permission Read/Write: a key that only writes is not enough"
	case strings.Contains(m, "Consumer key"):
		return "the consumer key is not known to the shop: copy it again, or create a new one"
	case strings.Contains(m, "Consumer secret"):
		return "the consumer secret does not belong to the key: create a new key"
	case strings.Contains(m, "signature does not match"):
		return "the consumer secret is wrong, or the shop knows itself by another address: set home_url to its Site Address"
	case strings.Contains(m, "timestamp"):
		return "the clocks of the shop and of this machine differ by more than 15 minutes: set both by NTP"
	case api.code == "woocommerce_rest_cannot_view" || api.code == "woocommerce_rest_cannot_edit":
		return "the shop saw no credentials, or the key's user may not do this: use a key of an administrator or shop manager; over https see that the web server passes the Authorization header on to PHP"
	}
	return "see that the REST API key is of an administrator or shop manager and has the permission Read/Write, and that no security plugin blocks it"
}

// Discover implements sdk.Discoverer. WooCommerce has one stock number and no locations; its one place is offered under
// the configured name.
func (c *Connector) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.DiscoverResponse{Locations: []sdk.Discovered{{ID: s.cfg.Location, Name: "the whole shop " + s.cfg.home.Host}}}
	var rows []product
	q := url.Values{"per_page": {idText(maxPage)}, "orderby": {"modified"}, "order": {"desc"}}
	if _, err := s.client.get(ctx, "products", q, &rows); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i := range rows {
		for _, m := range rows[i].MetaData {
			names[string(m.Key)] = "meta data of products"
		}
		for _, a := range rows[i].Attributes {
			names[clean(a.Name)] = "attribute of products"
		}
	}
	for id, name := range names {
		if id != "" {
			resp.Fields = append(resp.Fields, sdk.Discovered{ID: id, Name: name})
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
	switch {
	case last.at.IsZero():
		return &sdk.HealthResponse{OK: true, Reason: "no call was made yet"}, nil
	case utcNow().Before(last.quotaAt):
		return &sdk.HealthResponse{Reason: "the shop asked to wait until " + last.quotaAt.Format(time.RFC3339)}, nil
	case last.err != nil && !isGone(last.err):
		return &sdk.HealthResponse{Reason: last.err.Error()}, nil
	}
	return &sdk.HealthResponse{OK: true}, nil
}
