package shopify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	stdjson "encoding/json"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The headers of a delivery. They are not signed: only the body is, so nothing but the shop check and the choice of a
// translation rests on them, and a deletion is never taken from a topic alone (it is read first).
const (
	headerTopic   = "X-Shopify-Topic"
	headerHMAC    = "X-Shopify-Hmac-Sha256"
	headerShop    = "X-Shopify-Shop-Domain"
	headerWebhook = "X-Shopify-Webhook-Id"
	headerEvent   = "X-Shopify-Event-Id"
)

// HandleWebhook verifies a delivery and translates it. It does no I/O.
func (c *connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	if !req.Verified && !s.genuine(req.Header(headerHMAC), req.Body) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "the signature does not fit the body"}, nil
	}
	// One app has one secret for all its shops: a body of another shop is signed just as well.
	if !strings.EqualFold(req.Header(headerShop), s.shop) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "the delivery is of another shop"}, nil
	}
	res := s.translate(req.Header(headerTopic), req.Body)
	res.DeliveryID = first(req.Header(headerWebhook), req.Header(headerEvent))
	return res, nil
}

// genuine tries each accepted secret: the shop goes on signing with the old one for up to an hour after a rotation.
func (s *session) genuine(signature string, body []byte) bool {
	return slices.ContainsFunc(s.secrets, func(secret string) bool { return sdk.VerifyHMACBase64(secret, body, signature) })
}

// translate turns a genuine body into observations and hints.
func (s *session) translate(topic string, body []byte) *sdk.WebhookResponse {
	if !utf8.Valid(body) {
		return malformed(topic, "the body is not UTF-8")
	}
	switch topic {
	case "orders/create", "orders/updated", "orders/cancelled", "orders/paid", "orders/fulfilled", "orders/partially_fulfilled":
		var o restOrder
		return decoded(topic, body, &o, func() *sdk.WebhookResponse {
			if o.Test && s.ignoreTestOrders {
				return ignored("a test order; the connection is configured to ignore them")
			}
			return accepted(o.ID, s.order(&o)...)
		})
	case "refunds/create":
		var r restRefund
		return decoded(topic, body, &r, func() *sdk.WebhookResponse { return accepted(r.ID, r.observation(s.shopCurrency())) })
	case "products/create", "products/update":
		var p restProduct
		return decoded(topic, body, &p, func() *sdk.WebhookResponse {
			res := accepted(p.ID, s.product(&p)...)
			if res.Verdict == sdk.VerdictAccepted && s.catalogue.deliver(&p) {
				for i := range p.Variants {
					res.Touched = append(res.Touched, canon.Ref{Kind: canon.KindListing, ExternalID: gid("ProductVariant", p.Variants[i].ID)})
				}
			}
			return res
		})
	case "inventory_levels/update", "inventory_levels/connect":
		var l restLevel
		return decoded(topic, body, &l, func() *sdk.WebhookResponse {
			if l.LocationID == 0 {
				return malformed(topic, "the body names no location")
			}
			return accepted(l.InventoryItemID, l.observation())
		})
	case "customers/create", "customers/update", "customers/enable", "customers/disable":
		var p restCustomer
		return decoded(topic, body, &p, func() *sdk.WebhookResponse { return accepted(p.ID, s.customer(&p)) })
	case "locations/create", "locations/update", "locations/activate", "locations/deactivate":
		var l restLocation
		return decoded(topic, body, &l, func() *sdk.WebhookResponse { return accepted(l.ID, l.observation()) })
	case "app/uninstalled":
		s.uninstalled.Store(true)
		return ignored("the app was uninstalled; the connection's health tells it")
	case "app/scopes_update":
		s.scopes.Store(nil) // asked again when needed
		return ignored("the granted scopes changed; the connection's check names what misses")
	case "customers/data_request", "customers/redact", "shop/redact":
		// Invariant 6: a legal request must not vanish with a 2xx, so it is parked for a person.
		return malformed(topic, "a privacy request that a person has to carry out by the platform's deadline")
	}
	return s.hint(topic, body)
}

// hint translates the bodies that only name what to read.
func (s *session) hint(topic string, body []byte) *sdk.WebhookResponse {
	var t restThin
	switch topic {
	case "inventory_levels/disconnect":
		var l restLevel
		return decoded(topic, body, &l, func() *sdk.WebhookResponse {
			return touched(canon.Ref{Kind: canon.KindLevel, ExternalID: l.observation().ExternalID}, l.InventoryItemID != 0 && l.LocationID != 0)
		})
	case "products/delete":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			res := touched(canon.Ref{Kind: canon.KindProduct, ExternalID: gid("Product", t.ID)}, t.ID != 0)
			for _, v := range s.catalogue.variantsOf(t.ID) {
				res.Touched = append(res.Touched, canon.Ref{Kind: canon.KindListing, ExternalID: gid("ProductVariant", v)})
			}
			return res
		})
	case "inventory_items/create", "inventory_items/update", "inventory_items/delete":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			v := s.catalogue.variantOf(t.ID)
			if v == 0 {
				return ignored("an inventory item of a variant not seen yet; the inventory stream reads it")
			}
			return touched(canon.Ref{Kind: canon.KindListing, ExternalID: gid("ProductVariant", v)}, true)
		})
	case "orders/edited":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			id := t.OrderEditEnvelope.OrderID
			return touched(canon.Ref{Kind: canon.KindOrder, ExternalID: gid("Order", id)}, id != 0)
		})
	case "orders/delete":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			return touched(canon.Ref{Kind: canon.KindOrder, ExternalID: gid("Order", t.ID)}, t.ID != 0)
		})
	case "order_transactions/create", "fulfillments/create", "fulfillments/update":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			return touched(canon.Ref{Kind: canon.KindOrder, ExternalID: gid("Order", t.OrderID)}, t.OrderID != 0)
		})
	case "customers/delete":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			return touched(canon.Ref{Kind: canon.KindCustomer, ExternalID: gid("Customer", t.ID)}, t.ID != 0)
		})
	case "customers/merge":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			res := touched(canon.Ref{Kind: canon.KindCustomer, ExternalID: t.KeptCustomer}, gidNumber("Customer", t.KeptCustomer) != 0)
			if gidNumber("Customer", t.DeletedCustomer) != 0 {
				res.Touched = append(res.Touched, canon.Ref{Kind: canon.KindCustomer, ExternalID: t.DeletedCustomer})
			}
			return res
		})
	case "locations/delete":
		return decoded(topic, body, &t, func() *sdk.WebhookResponse {
			return touched(canon.Ref{Kind: canon.KindLocation, ExternalID: gid("Location", t.ID)}, t.ID != 0)
		})
	case "":
		return malformed(topic, "the delivery names no topic")
	}
	return ignored(fmt.Sprintf("topic %.60q is not translated", topic))
}

func (s *session) shopCurrency() string {
	if c := s.currency.Load(); c != nil {
		return *c
	}
	return ""
}

// decoded decodes a body and goes on, or says in general words why it can't: a decoder's own message may repeat
// personal data.
func decoded(topic string, body []byte, into any, then func() *sdk.WebhookResponse) *sdk.WebhookResponse {
	if err := json.Unmarshal(body, into); err != nil {
		reason := "the body is not JSON"
		if field := wrongField(err); field != "" {
			reason = "the body has another type than expected at " + field
		}
		return malformed(topic, reason)
	}
	return then()
}

// wrongField names the field of a type mismatch, as this package's own declarations spell it.
func wrongField(err error) string {
	var own *json.UnmarshalTypeError
	if errors.As(err, &own) {
		return first(own.Field, "the top level")
	}
	var std *stdjson.UnmarshalTypeError
	if errors.As(err, &std) {
		return first(std.Field, "the top level")
	}
	return ""
}

func accepted(id int64, obs ...canon.Observation) *sdk.WebhookResponse {
	if id == 0 {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: "the body has no id"}
	}
	for i := range obs {
		if obs[i].ExternalID == "" {
			return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: "the body has a " + string(obs[i].Kind) + " without an id"}
		}
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, Observations: obs}
}

func touched(ref canon.Ref, named bool) *sdk.WebhookResponse {
	if !named {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: "the body names no " + string(ref.Kind)}
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, Touched: []canon.Ref{ref}}
}

func ignored(reason string) *sdk.WebhookResponse {
	return &sdk.WebhookResponse{Verdict: sdk.VerdictIgnored, Reason: reason}
}

func malformed(topic, reason string) *sdk.WebhookResponse {
	return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: fmt.Sprintf("%.60s: %s", topic, reason)}
}
