package woocommerce

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// TestSignatureVector has a value that openssl gives.
func TestWebhookSignatureVector(t *testing.T) {
	body := []byte(`{"id":727,"parent_id":0,"status":"processing","currency":"USD","total":"12500.00"}`)
	if !sdk.VerifyHMACBase64("woo-webhook-secret", body, "qGD8mr+57wNB3OKkr5hpMndjMBj35tO9C9kx8E+P3x0=") {
		t.Error("the known signature is refused")
	}
}

func openFor(t testing.TB, home string) *Connector {
	t.Helper()
	c := New().(*Connector)
	if _, err := c.Open(t.Context(), &sdk.OpenRequest{
		Config:  []byte(`{"url":"` + home + `"}`),
		Secrets: map[string]string{secretKey: testKey, secretSecret: testSecret, secretWebhook: hookSecret},
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func hook(topic, source, body string) *sdk.WebhookRequest {
	resource, event, _ := strings.Cut(topic, ".")
	return &sdk.WebhookRequest{Method: http.MethodPost, Body: []byte(body), Headers: map[string][]string{
		"Content-Type": {"application/json"}, "X-Wc-Webhook-Topic": {topic}, "X-Wc-Webhook-Resource": {resource}, "X-Wc-Webhook-Event": {event},
		"X-Wc-Webhook-Source": {source}, "X-Wc-Webhook-Signature": {sign(hookSecret, []byte(body))}, "X-Wc-Webhook-Delivery-Id": {"abc"},
	}}
}

const someOrder = `{"id":727,"number":"727","status":"processing","currency":"USD","date_created_gmt":"2026-03-22T19:28:02","date_modified_gmt":"2026-03-22T19:28:08","total":"29.35","line_items":[]}`

func TestWebhookVerdicts(t *testing.T) {
	const home = "https://shop.example.com"
	ping := &sdk.WebhookRequest{Method: http.MethodPost, Body: []byte("webhook_id=12"), Headers: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}}
	cases := []struct {
		name   string
		req    *sdk.WebhookRequest
		change func(r *sdk.WebhookRequest)
		want   sdk.Verdict
	}{
		{"genuine", hook("order.updated", home+"/", someOrder), nil, sdk.VerdictAccepted},
		{"the source's scheme does not matter", hook("order.updated", "http://SHOP.example.com/", someOrder), nil, sdk.VerdictAccepted},
		{"a flipped bit in the body", hook("order.updated", home+"/", someOrder), func(r *sdk.WebhookRequest) { r.Body[9] ^= 1 }, sdk.VerdictBadSignature},
		{"another secret", hook("order.updated", home+"/", someOrder), func(r *sdk.WebhookRequest) {
			r.Headers["X-Wc-Webhook-Signature"] = []string{sign("other", r.Body)}
		}, sdk.VerdictBadSignature},
		{"a signature that is no base64", hook("order.updated", home+"/", someOrder), func(r *sdk.WebhookRequest) {
			r.Headers["X-Wc-Webhook-Signature"] = []string{"%%%"}
		}, sdk.VerdictBadSignature},
		{"no signature", hook("order.updated", home+"/", someOrder), func(r *sdk.WebhookRequest) { delete(r.Headers, "X-Wc-Webhook-Signature") }, sdk.VerdictBadSignature},
		{"another shop", hook("order.updated", "https://evil.example.com/", someOrder), nil, sdk.VerdictBadSignature},
		{"another port", hook("order.updated", "https://shop.example.com:8443/", someOrder), nil, sdk.VerdictBadSignature},
		{"no source", hook("order.updated", "", someOrder), nil, sdk.VerdictBadSignature},
		{"the ping", ping, nil, sdk.VerdictIgnored},
		{"a ping with a topic is no ping", hook("order.updated", home, "webhook_id=12"), func(r *sdk.WebhookRequest) { delete(r.Headers, "X-Wc-Webhook-Signature") }, sdk.VerdictBadSignature},
		{"a ping with more in it is no ping", &sdk.WebhookRequest{Body: []byte("webhook_id=12&x=1")}, nil, sdk.VerdictBadSignature},
		{"not JSON", hook("order.updated", home, "<html>"), nil, sdk.VerdictMalformed},
		{"the wrong type", hook("order.updated", home, `{"id":"x"}`), nil, sdk.VerdictMalformed},
		{"an order without a time", hook("order.updated", home, `{"id":7,"status":"pending"}`), nil, sdk.VerdictMalformed},
		{"an error object in place of the order", hook("order.updated", home, `{"code":"woocommerce_rest_cannot_view","message":"Sorry","data":{"status":401}}`), nil, sdk.VerdictMalformed},
		{"a coupon", hook("coupon.created", home, `{"id":7}`), nil, sdk.VerdictIgnored},
		{"a cart", hook("order.created", home, strings.Replace(someOrder, "processing", "checkout-draft", 1)), nil, sdk.VerdictIgnored},
	}
	c := openFor(t, home)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if tc.change != nil {
				tc.change(tc.req)
			}
			resp, err := c.HandleWebhook(t.Context(), tc.req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Verdict != tc.want {
				t.Errorf("verdict %s (%s), want %s", resp.Verdict, resp.Reason, tc.want)
			}
			if resp.Verdict != sdk.VerdictAccepted && (len(resp.Observations) > 0 || len(resp.Touched) > 0) {
				t.Error("what is not accepted has observations")
			}
		})
	}
}

// TestDeletedIsAHint: the body of a deletion is the id alone, which is neither a version nor a proof.
func TestDeletedIsAHint(t *testing.T) {
	c := openFor(t, "https://shop.example.com")
	for topic, want := range map[string][]canon.Ref{
		"product.deleted":  {{Kind: canon.KindProduct, ExternalID: "9"}, {Kind: canon.KindListing, ExternalID: "9"}},
		"order.deleted":    {{Kind: canon.KindOrder, ExternalID: "9"}},
		"customer.deleted": {{Kind: canon.KindCustomer, ExternalID: "9"}},
	} {
		resp, err := c.HandleWebhook(t.Context(), hook(topic, "https://shop.example.com/", `{"id":9}`))
		if err != nil {
			t.Fatal(err)
		}
		if resp.Verdict != sdk.VerdictAccepted || len(resp.Observations) != 0 || len(resp.Touched) != len(want) || resp.Touched[0] != want[0] {
			t.Errorf("%s gave %+v, want the hints %v", topic, resp, want)
		}
	}
}

// TestDeliveryIDs: the shop's own id is the same for all deliveries of one webhook in one second.
func TestDeliveryIDs(t *testing.T) {
	c := openFor(t, "https://shop.example.com")
	id := func(body string) string {
		resp, err := c.HandleWebhook(t.Context(), hook("order.updated", "https://shop.example.com/", body))
		if err != nil {
			t.Fatal(err)
		}
		return resp.DeliveryID
	}
	first := id(someOrder)
	if again := id(someOrder); again != first {
		t.Error("the same delivery has two ids")
	}
	if id(someOrder) == id(strings.Replace(someOrder, "29.35", "30.35", 1)) {
		t.Error("two deliveries of one second share an id: one of them would be lost")
	}
}

func FuzzHandleWebhook(f *testing.F) {
	f.Add("order.updated", someOrder)
	f.Add("product.updated", `{"id":1,"type":"variation","parent_id":2,"manage_stock":"parent","stock_quantity":1.5,"meta_data":{"3":{"key":"serial","value":1}}}`)
	f.Add("customer.created", `{"id":1,"billing":[]}`)
	f.Add("product.deleted", `{"id":1}`)
	f.Add("order.created", `{"id":1,"status":"x","date_created_gmt":"2026-01-01T00:00:00","line_items":[{"id":1,"quantity":"-1.5","subtotal":"1e999999","total":"0"}]}`)
	f.Add("product.updated", strings.Repeat(`{"meta_data":[`, 9000))
	c := openFor(f, "https://shop.example.com")
	f.Fuzz(func(t *testing.T, topic, body string) {
		resp, err := c.HandleWebhook(t.Context(), hook(topic, "https://shop.example.com/", body))
		if err != nil {
			t.Fatalf("a delivery must never be an error: %v", err)
		}
		for i := range resp.Observations {
			if err := resp.Observations[i].Check(); err != nil {
				t.Errorf("accepted %q: %v", body, err)
			}
		}
		for _, ref := range resp.Touched {
			if ref.ExternalID == "" {
				t.Errorf("accepted %q: a hint without an id", body)
			}
		}
	})
}
