package shopify

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// neededScopes are the access scopes that the connector works with.
var neededScopes = []string{"read_customers", "read_inventory", "read_locations", "read_orders", "read_products", "write_inventory"}

// scopeActions is needed to cancel and refund orders; all else works without it.
const scopeActions = "write_orders"

// scopeCatalogue is needed to make, change, take down and put up listings, where the policy has the hub do that.
const (
	scopeCatalogue = "write_products"
	scopePublish   = "write_publications" // where publications are configured
)

// scopeReturns is needed to see returns; a refund of lines says what came back without it.
const scopeReturns = "read_returns"

// topics are the webhooks that Register keeps, as GraphQL spells them. Privacy topics are declared in the app's own
// configuration at the platform; they can't be subscribed to.
var topics = []string{
	"APP_SCOPES_UPDATE", "APP_UNINSTALLED",
	"CUSTOMERS_CREATE", "CUSTOMERS_DELETE", "CUSTOMERS_MERGE", "CUSTOMERS_UPDATE",
	"INVENTORY_ITEMS_UPDATE", "INVENTORY_LEVELS_CONNECT", "INVENTORY_LEVELS_DISCONNECT", "INVENTORY_LEVELS_UPDATE",
	"LOCATIONS_ACTIVATE", "LOCATIONS_CREATE", "LOCATIONS_DEACTIVATE", "LOCATIONS_DELETE", "LOCATIONS_UPDATE",
	"ORDERS_CANCELLED", "ORDERS_CREATE", "ORDERS_DELETE", "ORDERS_EDITED", "ORDERS_FULFILLED", "ORDERS_PAID", "ORDERS_UPDATED",
	"PRODUCTS_CREATE", "PRODUCTS_DELETE", "PRODUCTS_UPDATE",
	"REFUNDS_CREATE",
}

// Check asks who the shop is and what the app may do there. It changes nothing.
func (c *connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	res := &sdk.CheckResponse{Facts: map[string]string{}}
	report := func(severity sdk.Severity, code, path, summary, do string) {
		res.Diagnostics = append(res.Diagnostics, sdk.Diagnostic{Severity: severity, Code: "shopify." + code, Path: path, Summary: summary, Do: do})
	}
	facts, err := s.shopFacts(ctx, laneInteractive)
	if err != nil {
		report(sdk.SeverityError, "unreachable", "config.shop", "the shop's API did not answer as it should: "+err.Error(), "check shop, endpoint, api_version and access_token")
		return res, nil
	}
	res.Account = facts.Shop.Name
	res.Facts["shop"], res.Facts["currency"], res.Facts["plan"] = facts.Shop.MyshopifyDomain, facts.Shop.CurrencyCode, facts.Shop.Plan.PublicDisplayName
	if !strings.EqualFold(facts.Shop.MyshopifyDomain, s.shop) {
		report(sdk.SeverityError, "other_shop", "config.shop", fmt.Sprintf("the access token belongs to %s", facts.Shop.MyshopifyDomain), "use the token of the configured shop, or correct shop")
	}
	if s.settings.currency != "" && facts.Shop.CurrencyCode != s.settings.currency {
		report(sdk.SeverityError, "other_currency", "config.currency", fmt.Sprintf("the shop's currency is %s", facts.Shop.CurrencyCode), "correct currency or leave it out")
	}
	granted := *s.scopes.Load()
	for _, scope := range neededScopes {
		if !hasScope(granted, scope) {
			report(sdk.SeverityError, "scope_missing", "secrets.access_token", "the app lacks the scope "+scope, "grant "+scope+" to the app and install it again")
		}
	}
	if !hasScope(granted, scopeActions) {
		report(sdk.SeverityWarning, "scope_missing", "secrets.access_token", "orders can't be cancelled and refunded from the hub without the scope "+scopeActions, "grant "+scopeActions+" to the app and install it again")
	}
	if !hasScope(granted, scopeCatalogue) {
		report(sdk.SeverityWarning, "scope_missing", "secrets.access_token", "listings can't be made and changed from the hub without the scope "+scopeCatalogue, "grant "+scopeCatalogue+" to the app and install it again, if a publish rule is to write there")
	}
	if s.ordersSince > defaultOrdersSince && !hasScope(granted, "read_all_orders") {
		report(sdk.SeverityWarning, "scope_missing", "config.orders_since", "orders of more than 60 days are out of sight without the scope read_all_orders", "ask the platform for read_all_orders, or lower orders_since")
	}
	if served := s.client.served.Load(); served != nil {
		res.Facts["api_version"] = *served
		if *served != s.version {
			report(sdk.SeverityError, "version_retired", "config.api_version", fmt.Sprintf("the shop answers with API version %s instead of %s", *served, s.version), "set api_version to "+*served+" after reading what changed")
		}
	}
	return res, nil
}

// hasScope knows that a write scope includes reading.
func hasScope(granted []string, scope string) bool {
	if slices.Contains(granted, scope) {
		return true
	}
	rest, read := strings.CutPrefix(scope, "read_")
	return read && slices.Contains(granted, "write_"+rest)
}

type hook struct {
	ID     string `json:"id"`
	Topic  string `json:"topic"`
	URI    string `json:"uri"`
	Format string `json:"format"`
}

// hooks lists the app's subscriptions that deliver to url.
func (s *session) hooks(ctx context.Context, url string) ([]hook, error) {
	var all []hook
	vars := map[string]any{"uri": url}
	for {
		var data struct {
			Hooks connection[hook] `json:"webhookSubscriptions"`
		}
		if _, err := s.client.call(ctx, laneBackground, docHooks, vars, &data); err != nil {
			return nil, err
		}
		for _, h := range data.Hooks.Nodes {
			if h.URI == url {
				all = append(all, h)
			}
		}
		if !data.Hooks.PageInfo.HasNextPage {
			return all, nil
		}
		vars["after"] = data.Hooks.PageInfo.EndCursor
	}
}

type userError struct {
	Message string `json:"message"`
}

// Register creates the subscriptions that miss. The platform deletes one after eight failed deliveries in a row, so a
// subscription that was there before comes back the same way.
func (c *connector) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	have, err := s.hooks(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	res := &sdk.RegisterResponse{}
	for _, topic := range topics {
		if slices.ContainsFunc(have, func(h hook) bool { return h.Topic == topic && h.Format == "JSON" }) {
			continue
		}
		var data struct {
			Create struct {
				UserErrors []userError `json:"userErrors"`
			} `json:"webhookSubscriptionCreate"`
		}
		vars := map[string]any{"topic": topic, "hook": map[string]any{"uri": req.URL, "format": "JSON"}}
		if _, err := s.client.call(ctx, laneBackground, docHookCreate, vars, &data); err != nil {
			return res, fmt.Errorf("subscribe to %s: %w", topic, err)
		}
		if len(data.Create.UserErrors) > 0 {
			res.Diagnostics = append(res.Diagnostics, sdk.Diagnostic{
				Severity: sdk.SeverityError, Code: "shopify.subscription_refused", Path: "public_url",
				Summary: fmt.Sprintf("the shop refused the subscription to %s: %s", topic, data.Create.UserErrors[0].Message),
				Do:      "public_url has to be an https address that the platform reaches, and the app needs the topic's scope",
			})
			continue
		}
		res.Created = append(res.Created, topic)
	}
	return res, nil
}

// Unregister removes the subscriptions that deliver to URL.
func (c *connector) Unregister(ctx context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	have, err := s.hooks(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	res := &sdk.UnregisterResponse{}
	for _, h := range have {
		var data struct {
			Delete struct {
				UserErrors []userError `json:"userErrors"`
			} `json:"webhookSubscriptionDelete"`
		}
		if _, err := s.client.call(ctx, laneBackground, docHookDelete, map[string]any{"id": h.ID}, &data); err != nil {
			return res, fmt.Errorf("unsubscribe from %s: %w", h.Topic, err)
		}
		if len(data.Delete.UserErrors) > 0 {
			return res, fmt.Errorf("shopify: unsubscribe from %s: %s", h.Topic, data.Delete.UserErrors[0].Message)
		}
		res.Removed = append(res.Removed, h.Topic)
	}
	sort.Strings(res.Removed)
	return res, nil
}

// Discover lists locations, price lists and the metafields that a configuration can name.
func (c *connector) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	res := &sdk.DiscoverResponse{}
	for after, more := "", true; more; {
		rows, info, err := s.locations(ctx, laneBackground, after)
		if err != nil {
			return nil, fmt.Errorf("list locations: %w", err)
		}
		for _, l := range rows {
			res.Locations = append(res.Locations, sdk.Discovered{ID: l.ID, Name: l.Name})
		}
		after, more = info.EndCursor, info.HasNextPage
	}
	for after, more := (*string)(nil), true; more; {
		var data struct {
			PriceLists connection[sdk.Discovered] `json:"priceLists"`
		}
		if _, err := s.client.call(ctx, laneBackground, docPriceLists, map[string]any{"after": after}, &data); err != nil {
			return nil, fmt.Errorf("list price lists: %w", err)
		}
		res.PriceLists = append(res.PriceLists, data.PriceLists.Nodes...)
		after, more = &data.PriceLists.PageInfo.EndCursor, data.PriceLists.PageInfo.HasNextPage
	}
	for _, owner := range []string{"PRODUCTVARIANT", "PRODUCT"} {
		for after, more := (*string)(nil), true; more; {
			var data struct {
				Definitions connection[struct{ Name, Namespace, Key string }] `json:"metafieldDefinitions"`
			}
			if _, err := s.client.call(ctx, laneBackground, docFields, map[string]any{"owner": owner, "after": after}, &data); err != nil {
				return nil, fmt.Errorf("list metafields: %w", err)
			}
			for _, d := range data.Definitions.Nodes {
				res.Fields = append(res.Fields, sdk.Discovered{ID: d.Namespace + "." + d.Key, Name: d.Name + " (" + strings.ToLower(owner) + ")"})
			}
			after, more = &data.Definitions.PageInfo.EndCursor, data.Definitions.PageInfo.HasNextPage
		}
	}
	return res, nil
}
