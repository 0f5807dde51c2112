package bigcommerce

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// hookHeader carries hook_secret back with each delivery.
const hookHeader = "X-Jumpring-Hook"

// scopes are the webhooks that are subscribed to. An order's change of state comes as store/order/updated as well.
var scopes = []string{
	"store/order/created", "store/order/updated", "store/order/archived", "store/order/refund/created", "store/order/transaction/created", "store/order/transaction/updated",
	"store/shipment/created", "store/shipment/updated", "store/shipment/deleted",
	"store/product/created", "store/product/updated", "store/product/deleted", "store/product/inventory/updated", "store/product/inventory/order/updated",
	"store/product/metafield/created", "store/product/metafield/updated", "store/product/metafield/deleted",
	"store/product/variant/metafield/created", "store/product/variant/metafield/updated", "store/product/variant/metafield/deleted",
	"store/sku/created", "store/sku/updated", "store/sku/deleted", "store/sku/inventory/updated", "store/sku/inventory/order/updated",
	"store/channel/*/inventory/product/stock_changed", "store/inventory/location/created", "store/inventory/location/updated",
	"store/customer/created", "store/customer/updated", "store/customer/deleted",
	"store/customer/address/created", "store/customer/address/updated", "store/customer/address/deleted",
	"store/priceList/record/created", "store/priceList/record/updated", "store/priceList/record/deleted",
}

// HandleWebhook implements sdk.WebhookHandler. A delivery is genuine when it is signed; where hook_secret is set, it has to
// carry that too. Where legacy_hooks allows it, hook_secret alone does for a delivery without a signature: it names an entity
// to read and nothing more, so that one that is repeated costs a read.
func (c *Connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	id := req.Header(sdk.StandardWebhookID)
	if !req.Verified {
		if err := s.genuine(req); err != nil {
			return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: err.Error()}, nil
		}
	}
	var body struct {
		Scope    text            `json:"scope"`
		Producer text            `json:"producer"`
		Hash     text            `json:"hash"`
		Data     json.RawMessage `json:"data"`
	}
	if id == "" {
		sum := sha256.Sum256(req.Body)
		id = hex.EncodeToString(sum[:16])
	}
	resp := &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, DeliveryID: id}
	if err := json.Unmarshal(req.Body, &body); err != nil {
		resp.Verdict, resp.Reason = sdk.VerdictMalformed, "the body is not the expected JSON: "+jsonError(err).Error()
		return resp, nil
	}
	if want := "stores/" + s.cfg.StoreHash; string(body.Producer) != want {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "signed, but of another store than config.store_hash names"}, nil
	}
	refs, known, err := touched(string(body.Scope), body.Data)
	switch {
	case err != nil:
		resp.Verdict, resp.Reason = sdk.VerdictMalformed, err.Error()
	case !known:
		resp.Verdict, resp.Reason = sdk.VerdictIgnored, "scope "+shorten(clean(body.Scope), 60)+" is of no interest"
	default:
		resp.Touched = refs
	}
	return resp, nil
}

// genuine returns nil for a delivery of the store. It compares in constant time.
func (s *store) genuine(req *sdk.WebhookRequest) error {
	own := s.cfg.secrets[secretHook]
	if own != "" && subtle.ConstantTimeCompare([]byte(own), []byte(req.Header(hookHeader))) != 1 {
		return fmt.Errorf("the header %s is not the configured hook_secret", hookHeader)
	}
	if s.cfg.LegacyHooks && own != "" && req.Header(sdk.StandardWebhookSignature) == "" {
		return nil
	}
	return sdk.VerifyStandardWebhook(req, s.cfg.secrets[secretClient])
}

// hookData is what the platform's bodies name, under the names that each scope has.
type hookData struct {
	Type       text  `json:"type"`
	ID         text  `json:"id"`
	OrderID    text  `json:"order_id"`
	OrderOf    text  `json:"orderId"` // of a shipment
	ProductID  text  `json:"product_id"`
	VariantID  text  `json:"variant_id"`
	LocationID text  `json:"location_id"`
	SKU        named `json:"sku"`
	Inventory  named `json:"inventory"`
	Metafield  named `json:"metafield"`
	Address    struct {
		CustomerID text `json:"customer_id"`
	} `json:"address"`
	Refund struct {
		ID text `json:"refund_id"`
	} `json:"refund"`
}

type named struct {
	ProductID text `json:"product_id"`
	VariantID text `json:"variant_id"`
}

// UnmarshalJSON implements json.Unmarshaler: a scalar in its place names nothing.
func (n *named) UnmarshalJSON(b []byte) error {
	var of struct {
		ProductID text `json:"product_id"`
		VariantID text `json:"variant_id"`
	}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &of); err != nil {
			return err
		}
	}
	*n = named(of)
	return nil
}

// touched gives the entities that a delivery names; known is false for scopes that are of no interest.
func touched(scope string, data json.RawMessage) (refs []canon.Ref, known bool, err error) {
	parts := strings.Split(strings.TrimPrefix(scope, "store/"), "/")
	if !strings.HasPrefix(scope, "store/") {
		return nil, false, nil
	}
	if parts[0] == "channel" && len(parts) > 2 { // store/channel/1/order/updated
		parts = parts[2:]
	}
	var all []hookData
	if err := json.Unmarshal(data, &all); err != nil { // some scopes tell of several at once
		var one hookData
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, true, fmt.Errorf("the data of %s is not the expected JSON: %w", shorten(scope, 60), jsonError(err))
		}
		all = []hookData{one}
	}
	for i := range all {
		of, interesting := all[i].refs(parts)
		if !interesting {
			return nil, false, nil
		}
		refs = append(refs, of...)
	}
	if len(refs) == 0 {
		return nil, true, fmt.Errorf("the data of %s names nothing", shorten(scope, 60))
	}
	return refs, true, nil
}

// refs names what one datum is of, by the parts of its scope.
func (d *hookData) refs(parts []string) (refs []canon.Ref, known bool) {
	add := func(kind canon.Kind, ids ...text) {
		for _, t := range ids {
			if n, ok := parseID(clean(t)); ok {
				refs = append(refs, canon.Ref{Kind: kind, ExternalID: idText(n)})
				return
			}
		}
	}
	switch sub := strings.Join(parts[1:], "/"); parts[0] {
	case "order":
		if strings.HasPrefix(sub, "message") || strings.HasPrefix(sub, "metafield") {
			return nil, false
		}
		if add(canon.KindOrder, d.OrderID, d.ID); strings.HasPrefix(sub, "refund") {
			add(canon.KindRefund, d.Refund.ID)
		}
	case "shipment":
		add(canon.KindOrder, d.OrderOf, d.OrderID)
	case "product":
		switch {
		case strings.Contains(sub, "metafield"):
			add(canon.KindProduct, d.ProductID, d.Metafield.ProductID)
			if len(refs) == 0 {
				if add(canon.KindListing, d.VariantID, d.Metafield.VariantID); len(refs) == 0 {
					return nil, false // it does not say of what
				}
			}
		case strings.HasPrefix(sub, "assigned"), strings.HasPrefix(sub, "unassigned"):
			add(canon.KindProduct, d.ProductID, d.ID)
		default:
			add(canon.KindProduct, d.Inventory.ProductID, d.ID)
		}
	case "sku":
		add(canon.KindProduct, d.SKU.ProductID, d.Inventory.ProductID)
	case "inventory":
		switch {
		case strings.HasPrefix(sub, "product"):
			add(canon.KindProduct, d.ProductID)
		case sub == "location/created" || sub == "location/updated" || sub == "location/deleted":
			add(canon.KindLocation, d.LocationID)
		default:
			return nil, false
		}
	case "customer":
		switch {
		case strings.HasPrefix(sub, "address"):
			add(canon.KindCustomer, d.Address.CustomerID)
		case sub == "created" || sub == "updated" || sub == "deleted":
			add(canon.KindCustomer, d.ID)
		default:
			return nil, false
		}
	case "priceList":
		if !strings.HasPrefix(sub, "record") {
			return nil, false
		}
		add(canon.KindListing, d.VariantID)
	default:
		return nil, false
	}
	return refs, true
}
