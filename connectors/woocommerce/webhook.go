package woocommerce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// topics are the webhooks that are subscribed to. There is none for stock or refunds: a change of stock comes as
// product.updated (with the variation itself as the body for a variation), a refund as order.updated.
var topics = []string{
	"product.created", "product.updated", "product.deleted", "product.restored",
	"order.created", "order.updated", "order.deleted", "order.restored",
	"customer.created", "customer.updated", "customer.deleted",
}

// HandleWebhook implements sdk.WebhookHandler. The body is the resource as it is at delivery time, so it is translated
// as an observation of now, whatever the topic's event was.
func (c *Connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	sent, topic := req.Header("X-Wc-Webhook-Signature"), req.Header("X-Wc-Webhook-Topic")
	if sent == "" {
		if isPing(req) {
			// The shop gives up on the webhook unless the answer is exactly 200.
			return &sdk.WebhookResponse{Verdict: sdk.VerdictIgnored, Status: http.StatusOK, Reason: "the shop's unsigned ping at the creation of a webhook"}, nil
		}
		return refuse("no signature"), nil
	}
	if !req.Verified && !sdk.VerifyHMACBase64(s.webhookSecret, req.Body, sent) {
		return refuse("the signature does not fit the body"), nil
	}
	if !s.isSource(req.Header("X-Wc-Webhook-Source")) {
		return refuse("signed, but not by the configured shop: compare X-WC-Webhook-Source with config.url and config.home_url"), nil
	}
	resp := &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, DeliveryID: deliveryID(req)}
	if err := s.translate(topic, req.Body, resp); err != nil {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: err.Error(), DeliveryID: resp.DeliveryID}, nil
	}
	return resp, nil
}

func refuse(reason string) *sdk.WebhookResponse {
	return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: reason}
}

// isPing knows the form "webhook_id=N" without any X-WC header, which WooCommerce sends when a webhook is created or
// gets another address.
func isPing(req *sdk.WebhookRequest) bool {
	for k := range req.Headers {
		if strings.HasPrefix(k, "X-Wc-") {
			return false
		}
	}
	digits, ok := strings.CutPrefix(string(req.Body), "webhook_id=")
	if !ok {
		return false
	}
	_, ok = parseID(digits)
	return ok
}

// isSource compares the shop's home URL in the header with the configured one: host and port, whatever the scheme,
// because shops behind a proxy often write the wrong one.
func (s *shop) isSource(header string) bool {
	u, err := url.Parse(header)
	if err != nil || u.Host == "" {
		return false
	}
	return sameHost(u, s.cfg.home) || sameHost(u, s.cfg.root)
}

func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// port is "" for the default ports of both schemes.
func port(u *url.URL) string {
	if p := u.Port(); p != "80" && p != "443" {
		return p
	}
	return ""
}

// deliveryID tells deliveries apart. The shop's own id alone would not: it is the same for all deliveries of one webhook
// within one second.
func deliveryID(req *sdk.WebhookRequest) string {
	sum := sha256.Sum256(req.Body)
	return req.Header("X-Wc-Webhook-Delivery-Id") + "-" + hex.EncodeToString(sum[:8])
}

// translate fills in what a delivery states.
func (s *shop) translate(topic string, body []byte, resp *sdk.WebhookResponse) error {
	resource, event, _ := strings.Cut(topic, ".")
	if event == "deleted" {
		return translateDeleted(resource, body, resp)
	}
	switch resource {
	case "product":
		var p product
		if err := decode(body, &p, &p.ID); err != nil {
			return err
		}
		resp.Observations, resp.Touched = s.observeProduct(&p)
	case "order":
		var o order
		if err := decode(body, &o, &o.ID); err != nil {
			return err
		}
		if o.isDraft() {
			resp.Verdict, resp.Reason = sdk.VerdictIgnored, "a cart that the checkout saved, not an order"
			return nil
		}
		obs, touched, err := s.observeOrder(&o)
		if err != nil {
			return err
		}
		resp.Observations, resp.Touched = []canon.Observation{obs}, touched
	case "customer":
		var cu customer
		if err := decode(body, &cu, &cu.ID); err != nil {
			return err
		}
		obs, err := observeCustomer(&cu)
		if err != nil {
			return err
		}
		resp.Observations = []canon.Observation{obs}
	default:
		resp.Verdict, resp.Reason = sdk.VerdictIgnored, "topic "+shorten(topic, 60)+" is of no interest"
	}
	return nil
}

// translateDeleted reads {"id": N}. The body does not say when, nor whether the thing is gone or in the trash, from where
// it can be restored; so it is a hint to read.
func translateDeleted(resource string, body []byte, resp *sdk.WebhookResponse) error {
	var gone struct {
		ID int64 `json:"id"`
	}
	if err := decode(body, &gone, &gone.ID); err != nil {
		return err
	}
	id := idText(gone.ID)
	switch resource {
	case "product": // or one of its variations: the topic does not tell
		resp.Touched = []canon.Ref{{Kind: canon.KindProduct, ExternalID: id}, {Kind: canon.KindListing, ExternalID: id}}
	case "order":
		resp.Touched = []canon.Ref{{Kind: canon.KindOrder, ExternalID: id}}
	case "customer":
		resp.Touched = []canon.Ref{{Kind: canon.KindCustomer, ExternalID: id}}
	default:
		resp.Verdict, resp.Reason = sdk.VerdictIgnored, "a deletion that is of no interest"
	}
	return nil
}

// decode reads a signed body. A shop whose webhook user lost the right to read sends an error object instead of the
// resource, signed all the same.
func decode(body []byte, into any, id *int64) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the body is not the expected JSON: %w", jsonError(err))
	}
	if *id > 0 {
		return nil
	}
	var e struct {
		Code text `json:"code"`
	}
	if json.Unmarshal(body, &e) == nil && strings.HasPrefix(string(e.Code), "woocommerce_rest_") {
		return fmt.Errorf("the shop sent the error %s instead of the resource: the user who owns the webhook may not read it", shorten(string(e.Code), 60))
	}
	return fmt.Errorf("the body has no id")
}

// jsonError keeps the place of an error and drops the value, which may be personal.
func jsonError(err error) error {
	switch e := err.(type) {
	case *json.UnmarshalTypeError:
		return fmt.Errorf("field %q at byte %d has the wrong type", e.Field, e.Offset)
	case *json.SyntaxError:
		return fmt.Errorf("syntax error at byte %d", e.Offset)
	}
	return fmt.Errorf("unreadable")
}
