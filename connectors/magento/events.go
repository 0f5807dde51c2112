package magento

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// eventsModule is what a shop needs for Adobe I/O Events.
const eventsModule = "Magento_AdobeCommerceEventsClient"

// eventNames are what the shop has to send.
var eventNames = []string{
	"observer.sales_order_save_commit_after", "observer.sales_order_creditmemo_save_after", "observer.catalog_product_save_commit_after",
	"observer.catalog_product_delete_commit_after", "observer.cataloginventory_stock_item_save_commit_after", "observer.customer_save_commit_after",
	"observer.customer_delete_commit_after",
}

// The fields of an event that are needed: everything is read from the shop again.
var eventFields = []string{"id", "entity_id", "increment_id", "order_id", "product_id", "sku", "updated_at", "items[].order_id"}

const eventPrefix = "com.adobe.commerce."

// Register implements sdk.Registrar. Where the address of the deliveries and their reactivation are set is Adobe's developer
// console, which has a person; the shop's own part, what it sends, is asserted here.
func (c *Connector) Register(ctx context.Context, _ *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.RegisterResponse{}
	if s.cfg.EventsClientID == "" {
		return resp, nil // the shop pushes nothing: it is polled
	}
	var there []struct {
		Name string `json:"name"`
	}
	if _, err := s.client.get(ctx, "V1/eventing/getEventSubscriptions", nil, &there); err != nil {
		return nil, paced(fmt.Errorf("list event subscriptions: %w", err))
	}
	var fields []map[string]string
	for _, f := range eventFields {
		fields = append(fields, map[string]string{"name": f, "converter": ""})
	}
	for _, name := range eventNames {
		if slices.ContainsFunc(there, func(e struct {
			Name string `json:"name"`
		},
		) bool {
			return e.Name == name || e.Name == eventPrefix+name
		}) {
			continue
		}
		body := map[string]any{"event": map[string]any{
			"name": name, "parent": "", "fields": fields, "rules": []any{}, "destination": "default", "priority": false, "hipaa_audit_required": false,
		}}
		if _, err := s.client.do(ctx, http.MethodPost, "V1/eventing/eventSubscribe", nil, body, nil); err != nil {
			return nil, paced(fmt.Errorf("subscribe to %s: %w", name, err))
		}
		resp.Created = append(resp.Created, name)
	}
	return resp, nil
}

// Unregister implements sdk.Registrar.
func (c *Connector) Unregister(ctx context.Context, _ *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.UnregisterResponse{}
	if s.cfg.EventsClientID == "" {
		return resp, nil
	}
	for _, name := range eventNames {
		if _, err := s.client.do(ctx, http.MethodPost, "V1/eventing/eventUnsubscribe/"+pathText(name), nil, nil, nil); err != nil {
			return nil, paced(fmt.Errorf("unsubscribe from %s: %w", name, err))
		}
		resp.Removed = append(resp.Removed, name)
	}
	return resp, nil
}

// event is the CloudEvent that Adobe delivers.
type event struct {
	Type      string `json:"type"`
	ID        string `json:"eventid"`
	CloudID   string `json:"id"`
	Recipient string `json:"recipientclientid"`
	Data      struct {
		Value struct {
			ID        text `json:"id"`
			EntityID  text `json:"entity_id"`
			OrderID   text `json:"order_id"`
			ProductID text `json:"product_id"`
			Items     []struct {
				OrderID text `json:"order_id"`
			} `json:"items"`
			Addresses []struct {
				ParentID text `json:"parent_id"`
			} `json:"addresses"`
		} `json:"value"`
	} `json:"data"`
}

// HandleWebhook implements sdk.WebhookHandler. An event is one of Adobe's: what it names is read again. Where the key that
// signed it is not known yet, the call fails, so that the hub answers 5xx and Adobe comes again in a minute; a 4xx would drop
// the event for good.
func (c *Connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	if s.cfg.EventsClientID == "" {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "no events are configured for this connection"}, nil
	}
	if req.Method == http.MethodGet {
		return challenge(req), nil
	}
	genuine, err := s.verify(req)
	if err != nil {
		return nil, &sdk.Error{Code: "magento.event_key_unknown", Message: "the key that signed an event is not known yet", Do: "nothing: it is fetched, and Adobe delivers again", Err: err}
	}
	if !genuine {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "neither signature fits the body"}, nil
	}
	events, err := decodeEvents(req.Body)
	if err != nil {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: err.Error()}, nil
	}
	resp := &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted}
	for i := range events {
		e := &events[i]
		// Adobe signs for all of its customers with the same keys.
		if e.Recipient != s.cfg.EventsClientID {
			return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "signed by Adobe for another recipient"}, nil
		}
		if resp.DeliveryID == "" {
			resp.DeliveryID = e.id()
		}
		resp.Touched = append(resp.Touched, e.touches()...)
	}
	if len(resp.Touched) == 0 {
		resp.Verdict, resp.Reason = sdk.VerdictIgnored, "no event of interest"
	}
	return resp, nil
}

// challenge answers the question by which Adobe makes sure of an address.
func challenge(req *sdk.WebhookRequest) *sdk.WebhookResponse {
	q, err := url.ParseQuery(req.Query)
	v := q.Get("challenge")
	if err != nil || v == "" || len(v) > 512 {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictIgnored, Reason: "a GET without a challenge"}
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictChallenge, Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte(v)}
}

// decodeEvents reads one event, or a batch of them.
func decodeEvents(body []byte) ([]event, error) {
	var one event
	if strings.HasPrefix(strings.TrimSpace(string(body)), "[") {
		var batch []event
		if err := json.Unmarshal(body, &batch); err != nil {
			return nil, fmt.Errorf("the batch is not the expected JSON: %w", jsonError(err))
		}
		return batch, nil
	}
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, fmt.Errorf("the body is not the expected JSON: %w", jsonError(err))
	}
	return []event{one}, nil
}

func (e *event) id() string {
	if e.ID != "" {
		return e.ID
	}
	return e.CloudID
}

// touches names what an event is about. The shop's values are those of its save, and may be over.
func (e *event) touches() []canon.Ref {
	v := &e.Data.Value
	ref := func(kind canon.Kind, ids ...text) []canon.Ref {
		for _, id := range ids {
			if n, ok := parseID(clean(id)); ok {
				return []canon.Ref{{Kind: kind, ExternalID: idText(n)}}
			}
		}
		return nil
	}
	name := strings.TrimPrefix(e.Type, eventPrefix)
	switch {
	case strings.HasPrefix(name, "observer.sales_order_creditmemo_"):
		return append(ref(canon.KindRefund, v.EntityID, v.ID), ref(canon.KindOrder, v.OrderID)...)
	case strings.HasPrefix(name, "observer.sales_order_shipment_"), strings.HasPrefix(name, "observer.sales_order_invoice_"):
		return ref(canon.KindOrder, v.OrderID)
	case strings.HasPrefix(name, "observer.sales_order_save_"):
		named := []text{v.EntityID, v.ID} // which the vendor's reference leaves out
		for _, it := range v.Items {
			named = append(named, it.OrderID)
		}
		for _, a := range v.Addresses {
			named = append(named, a.ParentID)
		}
		return ref(canon.KindOrder, named...)
	case strings.HasPrefix(name, "observer.catalog_product_"):
		return ref(canon.KindProduct, v.ID, v.EntityID) // its listing and levels come with it
	case strings.HasPrefix(name, "observer.cataloginventory_stock_item_"):
		return ref(canon.KindProduct, v.ProductID)
	case strings.HasPrefix(name, "observer.customer_"):
		return ref(canon.KindCustomer, v.ID, v.EntityID)
	}
	return nil
}

// keyLife is how long a published key may be kept.
const keyLife = 24 * time.Hour

// keyPathForm is what a key's path looks like; nothing else is asked for.
var keyPathForm = regexp.MustCompile(`^/prod/keys/pub-key-[0-9A-Za-z_-]{1,64}\.pem$`)

var errKeyUnknown = errors.New("no key")

// verify checks Adobe's signatures of the raw body; either is enough.
func (s *shop) verify(req *sdk.WebhookRequest) (bool, error) {
	sum := sha256.Sum256(req.Body)
	var unknown error
	for _, n := range []string{"1", "2"} {
		path, sig := req.Header("X-Adobe-Public-Key"+n+"-Path"), req.Header("X-Adobe-Digital-Signature-"+n)
		if sig == "" || !keyPathForm.MatchString(path) {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(sig)
		if err != nil {
			continue
		}
		key, err := s.keys.get(path)
		if err != nil {
			unknown = err
			continue
		}
		if key != nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) == nil {
			return true, nil
		}
	}
	return false, unknown
}

// eventKeys are the published keys. They are fetched beside the deliveries, which may not wait for the network.
type eventKeys struct {
	base   string
	http   *sdk.HTTPClient
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	known map[string]eventKey // by path
}

type eventKey struct {
	key      *rsa.PublicKey // nil while it is being fetched
	at       time.Time
	fetching bool
	missing  bool // its address has no key
}

// maxKeys bounds what forged paths can make the connector remember.
const maxKeys = 64

func newEventKeys(cfg *config, transport http.RoundTripper) *eventKeys {
	ctx, cancel := context.WithCancel(context.Background())
	return &eventKeys{
		base: cfg.keysURL.String(), ctx: ctx, cancel: cancel, known: map[string]eventKey{},
		http: sdk.NewHTTPClient(sdk.HTTPConfig{Timeout: 10 * time.Second, MaxBody: 64 << 10, UserAgent: "Jumpring-Magento/" + Version, Concurrent: 2, Transport: transport}),
	}
}

func (k *eventKeys) close() {
	k.cancel()
	k.work.Wait()
	k.http.CloseIdle()
}

// get gives a key, or an error while it is not known. A key that is not there at all verifies nothing.
func (k *eventKeys) get(path string) (*rsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.known[path]
	fresh := ok && time.Since(e.at) < keyLife
	switch {
	case fresh && e.missing && time.Since(e.at) < time.Minute:
		return nil, nil
	case fresh && e.key != nil:
		return e.key, nil
	case e.fetching || k.ctx.Err() != nil:
		return nil, errKeyUnknown
	case !ok && len(k.known) >= maxKeys:
		for p := range k.known {
			if !k.known[p].fetching {
				delete(k.known, p)
				break
			}
		}
	}
	k.known[path] = eventKey{fetching: true}
	k.work.Go(func() { k.fetch(path) })
	return nil, errKeyUnknown
}

func (k *eventKeys) fetch(path string) {
	key, missing := k.download(path)
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == nil && !missing {
		delete(k.known, path) // the next delivery tries again
		return
	}
	k.known[path] = eventKey{key: key, at: time.Now(), missing: missing}
}

func (k *eventKeys) download(path string) (key *rsa.PublicKey, missing bool) {
	req, err := http.NewRequestWithContext(k.ctx, http.MethodGet, k.base+path, nil)
	if err != nil {
		return nil, true
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, false
	}
	if resp.Status != http.StatusOK {
		return nil, resp.Status == http.StatusNotFound || resp.Status == http.StatusForbidden
	}
	block, _ := pem.Decode(resp.Body)
	if block == nil {
		return nil, true
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, true
	}
	key, ok := parsed.(*rsa.PublicKey)
	return key, !ok
}
