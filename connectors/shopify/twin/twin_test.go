package twin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const place = "gid://shopify/Location/1"

func start(t *testing.T, opts Options) (*Server, string) {
	t.Helper()
	opts.AccessToken, opts.AllowHTTP = "token", true
	s := New(opts)
	url, err := s.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		http.DefaultClient.CloseIdleConnections()
	})
	return s, url
}

func post(t *testing.T, url, token, query string, variables map[string]any) (int, http.Header, map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	require.NoError(t, err)
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Shopify-Access-Token", token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var out map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
	return res.StatusCode, res.Header, out
}

func ring(t *testing.T, s *Server, sku string) Created {
	t.Helper()
	c, err := s.CreateProduct(NewProduct{Title: "Ring " + sku, Variants: []NewVariant{{SKU: sku, Price: "100.00", Stock: map[string]int64{place: 1}}}})
	require.NoError(t, err)
	return c
}

func path(out map[string]any, keys ...any) any {
	var v any = out
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

// What a careless client does, and what the shop says to it.
func TestRequestsThatAreRefused(t *testing.T) {
	s, url := start(t, Options{Scopes: []string{"read_products", "read_inventory"}})
	ring(t, s, "A")
	api := url + "/admin/api/2026-10/graphql.json"
	tests := []struct {
		name, url, token, query string
		variables               map[string]any
		status                  int
		code                    string // of the first top-level error
	}{
		{name: "no token", token: "", query: `{shop{name}}`, status: 401},
		{name: "wrong token", token: "guess", query: `{shop{name}}`, status: 401},
		{name: "unknown path", url: url + "/admin/api/graphql.json", token: "token", query: `{shop{name}}`, status: 404},
		{name: "a version that never was", url: url + "/admin/api/2099-01/graphql.json", token: "token", query: `{shop{name}}`, status: 404},
		{name: "no query", token: "token", query: ``, status: 400},
		{name: "not GraphQL", token: "token", query: `{shop{`, status: 200, code: "parseError"},
		{name: "unknown field", token: "token", query: `{shop{colour}}`, status: 200, code: "undefinedField"},
		{name: "unknown argument", token: "token", query: `{products(first:1,colour:1){nodes{id}}}`, status: 200},
		{name: "missing variable", token: "token", query: `query($id:ID!){product(id:$id){id}}`, status: 200, code: "INVALID_VARIABLE"},
		{name: "variable of another type", token: "token", query: `query($n:Int!){products(first:$n){nodes{id}}}`, variables: map[string]any{"n": "ten"}, status: 200, code: "INVALID_VARIABLE"},
		{name: "no page size", token: "token", query: `{products{nodes{id}}}`, status: 200, code: "BAD_REQUEST"},
		{name: "page too large", token: "token", query: `{products(first:251){nodes{id}}}`, status: 200, code: "BAD_REQUEST"},
		{name: "cursor of another order", token: "token", query: `{products(first:1,after:"eyJzb3J0IjoiWCJ9",sortKey:UPDATED_AT){nodes{id}}}`, status: 200, code: "BAD_REQUEST"},
		{name: "malformed id", token: "token", query: `{nodes(ids:["7"]){id}}`, status: 200, code: "BAD_REQUEST"},
		{name: "query too dear", token: "token", query: `{products(first:250){nodes{variants(first:100){nodes{id}}}}}`, status: 200, code: "MAX_COST_EXCEEDED"},
		{name: "scope not granted", token: "token", query: `{orders(first:1){nodes{id}}}`, status: 200, code: "ACCESS_DENIED"},
		{name: "writing without the scope", token: "token", query: `mutation{inventorySetQuantities(input:{name:"available",reason:"correction",quantities:[]})@idempotent(key:"k"){userErrors{code}}}`, status: 200, code: "ACCESS_DENIED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := api
			if tt.url != "" {
				target = tt.url
			}
			status, _, out := post(t, target, tt.token, tt.query, tt.variables)
			require.Equal(t, tt.status, status)
			require.NotNil(t, out["errors"], "%v", out)
			if tt.code != "" {
				require.Equal(t, tt.code, path(out, "errors", 0, "extensions", "code"), "%v", out)
			}
		})
	}
}

func TestOldVersionsFallForward(t *testing.T) {
	_, url := start(t, Options{})
	_, header, _ := post(t, url+"/admin/api/2024-04/graphql.json", "token", `{shop{name}}`, nil)
	require.Equal(t, "2026-01", header.Get("X-Shopify-API-Version"))
}

const setMutation = `mutation($input:InventorySetQuantitiesInput!,$key:String!){inventorySetQuantities(input:$input)@idempotent(key:$key){
  inventoryAdjustmentGroup{changes{delta quantityAfterChange}} userErrors{code field message}}}`

func setInput(item string, change map[string]any) map[string]any {
	q := map[string]any{"inventoryItemId": item, "locationId": place, "quantity": 0, "changeFromQuantity": 1}
	input := map[string]any{"name": "available", "reason": "correction", "quantities": []any{q}}
	for k, v := range change {
		if _, top := input[k]; top || k == "referenceDocumentUri" {
			input[k] = v
		} else if v == "absent" {
			delete(q, k)
		} else {
			q[k] = v
		}
	}
	return input
}

func TestSetQuantities(t *testing.T) {
	tests := []struct {
		name   string
		change map[string]any
		code   any // of the user error; nil when it carries none
		top    string
		after  int64
	}{
		{name: "compare and set", after: 0},
		{name: "no comparison", change: map[string]any{"changeFromQuantity": nil, "quantity": 9}, after: 9},
		{name: "stale", change: map[string]any{"changeFromQuantity": 2}, code: "CHANGE_FROM_QUANTITY_STALE", after: 1},
		{name: "comparison left out", change: map[string]any{"changeFromQuantity": "absent"}, top: "BAD_REQUEST", after: 1},
		{name: "no such item", change: map[string]any{"inventoryItemId": "gid://shopify/InventoryItem/9"}, code: "INVALID_INVENTORY_ITEM", after: 1},
		{name: "no such location", change: map[string]any{"locationId": "gid://shopify/Location/9"}, code: "INVALID_LOCATION", after: 1},
		{name: "not stocked there", change: map[string]any{"locationId": "gid://shopify/Location/2"}, code: nil, after: 1},
		{name: "committed can't be set", change: map[string]any{"name": "committed"}, code: "INVALID_NAME", after: 1},
		{name: "unknown reason", change: map[string]any{"reason": "because"}, code: "INVALID_REASON", after: 1},
		{name: "reference is no URI", change: map[string]any{"referenceDocumentUri": "write 7"}, code: "INVALID_REFERENCE_DOCUMENT", after: 1},
		{name: "too high", change: map[string]any{"quantity": 2_000_000_000}, code: "INVALID_QUANTITY_TOO_HIGH", after: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, url := start(t, Options{})
			s.AddLocation("Lyon", "FR")
			r := ring(t, s, "A")
			_, _, out := post(t, url+"/admin/api/2026-10/graphql.json", "token", setMutation, map[string]any{"key": "k", "input": setInput(r.Items[0], tt.change)})
			if tt.top != "" {
				require.Equal(t, tt.top, path(out, "errors", 0, "extensions", "code"))
			} else if e := path(out, "data", "inventorySetQuantities", "userErrors", 0); tt.code != nil || e != nil {
				require.Equal(t, tt.code, path(out, "data", "inventorySetQuantities", "userErrors", 0, "code"), "%v", out)
			}
			require.Equal(t, tt.after, s.Levels()[0].Available)
		})
	}
}

func TestIdempotencyKeys(t *testing.T) {
	s, url := start(t, Options{})
	api := url + "/admin/api/2026-10/graphql.json"
	r := ring(t, s, "A")
	set := func(key string, change map[string]any) map[string]any {
		_, _, out := post(t, api, "token", setMutation, map[string]any{"key": key, "input": setInput(r.Items[0], change)})
		return out
	}
	_, _, out := post(t, api, "token", `mutation($input:InventorySetQuantitiesInput!){inventorySetQuantities(input:$input){userErrors{code}}}`, map[string]any{"input": setInput(r.Items[0], nil)})
	require.Contains(t, path(out, "errors", 0, "message"), "@idempotent", "without the directive nothing is done")
	require.Equal(t, "BAD_REQUEST", path(set(" ", nil), "errors", 0, "extensions", "code"), "a blank key is refused")
	require.Empty(t, s.Ledger().Changes)

	one := set("k1", nil)
	require.EqualValues(t, -1, path(one, "data", "inventorySetQuantities", "inventoryAdjustmentGroup", "changes", 0, "delta"))
	require.NoError(t, s.AdjustInventory(Adjustment{SKU: "A", LocationID: place, Available: 7}))
	require.Equal(t, one["data"], set("k1", nil)["data"], "the same key and parameters replay the first answer")
	require.EqualValues(t, 7, s.Levels()[0].Available)
	require.Equal(t, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", path(set("k1", map[string]any{"quantity": 3}), "data", "inventorySetQuantities", "userErrors", 0, "code"))
	require.Equal(t, "CHANGE_FROM_QUANTITY_STALE", path(set("k2", nil), "data", "inventorySetQuantities", "userErrors", 0, "code"))
	require.Equal(t, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", path(set("k2", nil), "data", "inventorySetQuantities", "userErrors", 0, "code"))
	set("k3", map[string]any{"quantity": 7, "changeFromQuantity": 7})
	counts := s.Ledger().Counts
	require.EqualValues(t, 2, counts.APIWrites)
	require.EqualValues(t, 1, counts.NoopWrites, "a write of the value that was there is an echo")
	require.EqualValues(t, 1, counts.Replays)
}

func TestThrottling(t *testing.T) {
	s, url := start(t, Options{BucketSize: 300, RestoreRate: 50})
	api := url + "/admin/api/2026-10/graphql.json"
	query := `{products(first:200){nodes{id}}}`
	_, _, out := post(t, api, "token", query, nil)
	require.Nil(t, out["errors"])
	require.EqualValues(t, 202, path(out, "extensions", "cost", "requestedQueryCost"))
	require.EqualValues(t, 2, path(out, "extensions", "cost", "actualQueryCost"), "what was not there is not charged")
	s.Inject(Fault{Kind: FaultThrottle})
	post(t, api, "token", query, nil)
	status, _, out := post(t, api, "token", query, nil)
	require.Equal(t, 200, status)
	require.Equal(t, "THROTTLED", path(out, "errors", 0, "extensions", "code"))
	require.Nil(t, path(out, "extensions", "cost", "actualQueryCost"))
	require.EqualValues(t, 50, path(out, "extensions", "cost", "throttleStatus", "restoreRate"))
	require.EqualValues(t, 2, s.Ledger().Counts.Throttled)
}

// sink takes webhooks.
type sink struct {
	mu    sync.Mutex
	fails int // answers that are errors before the first good one
	got   []*http.Request
	body  [][]byte
	srv   *httptest.Server
}

func newSink(t *testing.T, fails int) *sink {
	k := &sink{fails: fails}
	k.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.got, k.body = append(k.got, r), append(k.body, body)
		if len(k.got) <= k.fails {
			w.WriteHeader(http.StatusFound) // a redirect is a failure too
		}
	}))
	t.Cleanup(k.srv.Close)
	return k
}

func (k *sink) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.got)
}

func subscribe(t *testing.T, url, topic, uri string) map[string]any {
	t.Helper()
	_, _, out := post(t, url+"/admin/api/2026-10/graphql.json", "token", `mutation($t:WebhookSubscriptionTopic!,$u:String!){webhookSubscriptionCreate(topic:$t,webhookSubscription:{uri:$u,format:JSON}){userErrors{message} webhookSubscription{id}}}`, map[string]any{"t": topic, "u": uri})
	require.Nil(t, out["errors"])
	return out
}

func quiet(t *testing.T, s *Server) {
	t.Helper()
	require.Eventually(t, func() bool { return s.PendingWebhooks() == 0 }, 60*time.Second, time.Millisecond)
}

func TestRetriesCarryTheOriginalPayload(t *testing.T) {
	s, url := start(t, Options{RetryUnit: 5 * time.Millisecond})
	k := newSink(t, 3)
	subscribe(t, url, "INVENTORY_LEVELS_UPDATE", k.srv.URL)
	ring(t, s, "A")
	require.NoError(t, s.AdjustInventory(Adjustment{SKU: "A", LocationID: place, Available: 5}))
	require.Eventually(t, func() bool { return k.count() == 1 }, 60*time.Second, time.Millisecond)
	quiet(t, s)
	require.Equal(t, 4, k.count(), "three failures and a success")
	for i, r := range k.got {
		require.Equal(t, k.body[0], k.body[i])
		require.Equal(t, k.got[0].Header.Get("X-Shopify-Webhook-Id"), r.Header.Get("X-Shopify-Webhook-Id"))
		mac := hmac.New(sha256.New, []byte("twin-secret"))
		mac.Write(k.body[i])
		require.Equal(t, base64.StdEncoding.EncodeToString(mac.Sum(nil)), r.Header.Get("X-Shopify-Hmac-Sha256"))
		for _, h := range []string{"X-Shopify-Topic", "X-Shopify-Shop-Domain", "X-Shopify-API-Version", "X-Shopify-Event-Id", "X-Shopify-Triggered-At"} {
			require.NotEmpty(t, r.Header.Get(h), h)
		}
	}
}

func TestASubscriptionDiesAfterEightRetries(t *testing.T) {
	s, url := start(t, Options{RetryUnit: time.Millisecond})
	k := newSink(t, 1000)
	subscribe(t, url, "PRODUCTS_CREATE", k.srv.URL)
	ring(t, s, "A")
	quiet(t, s)
	require.Equal(t, 9, k.count())
	require.Empty(t, s.Subscriptions())
	require.EqualValues(t, 1, s.Ledger().Counts.Unsubscribed)
}

func TestSlowAnswersAreFailures(t *testing.T) {
	s, url := start(t, Options{RetryUnit: time.Hour, WebhookTimeout: 20 * time.Millisecond})
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	subscribe(t, url, "PRODUCTS_CREATE", slow.URL)
	ring(t, s, "A")
	require.Eventually(t, func() bool { return s.Ledger().Counts.Failed == 1 }, 60*time.Second, time.Millisecond)
}

func TestLostAndDoubledDeliveries(t *testing.T) {
	s, url := start(t, Options{Shuffle: 5 * time.Millisecond, Seed: 7})
	k := newSink(t, 0)
	subscribe(t, url, "PRODUCTS_CREATE", k.srv.URL)
	s.DropNext("PRODUCTS_CREATE")
	ring(t, s, "A")
	quiet(t, s)
	require.Zero(t, k.count())
	s.DuplicateNext("PRODUCTS_CREATE")
	ring(t, s, "B")
	quiet(t, s)
	require.Equal(t, 2, k.count())
	require.Equal(t, k.body[0], k.body[1])
	require.EqualValues(t, 1, s.Ledger().Counts.Dropped)
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	s := New(Options{AccessToken: "token"})
	url, err := s.Start("127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()); http.DefaultClient.CloseIdleConnections() }()
	refused := func(uri string) any {
		return path(subscribe(t, url, "PRODUCTS_CREATE", uri), "data", "webhookSubscriptionCreate", "userErrors", 0, "message")
	}
	require.Contains(t, refused("http://hub.example.com/hooks"), "not supported")
	require.NotNil(t, refused("hub"))
	require.Nil(t, refused("https://hub.example.com/hooks"))
	require.Contains(t, refused("https://hub.example.com/hooks"), "already been taken")
}

// The doors by which another process plays the shop, and the ledger that an auditor reads.
func TestTheShopOverItsDoors(t *testing.T) {
	s, url := start(t, Options{})
	ring(t, s, "A")
	do := func(door string, body any) (int, map[string]any) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		res, err := http.Post(url+"/_twin/"+door, "application/json", bytes.NewReader(raw))
		require.NoError(t, err)
		defer func() { require.NoError(t, res.Body.Close()) }()
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		var out map[string]any
		if json.Unmarshal(answer, &out) != nil {
			out = map[string]any{"value": string(answer)}
		}
		return res.StatusCode, out
	}
	status, placed := do("orders", NewOrder{Lines: []NewLine{{SKU: "A"}}})
	require.Equal(t, 200, status)
	require.EqualValues(t, 0, s.Levels()[0].Available)
	require.EqualValues(t, 1, s.Levels()[0].Committed)
	status, _ = do("orders", NewOrder{Lines: []NewLine{{SKU: "A"}}})
	require.Equal(t, 409, status, "the only piece is sold")
	status, _ = do("cancel", map[string]any{"order_id": placed["id"], "restock": true})
	require.Equal(t, 200, status)
	require.EqualValues(t, 1, s.Levels()[0].Available)
	require.EqualValues(t, 0, s.Levels()[0].Committed)
	status, _ = do("adjust", Adjustment{SKU: "A", LocationID: place, Available: 4})
	require.Equal(t, 200, status)
	status, _ = do("orders", map[string]any{"colour": "red"})
	require.Equal(t, 422, status)
	status, _ = do("nothing", nil)
	require.Equal(t, 404, status)

	res, err := http.Get(url + "/_twin/ledger")
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var ledger Ledger
	require.NoError(t, json.NewDecoder(res.Body).Decode(&ledger))
	require.Len(t, ledger.Orders, 1)
	require.NotNil(t, ledger.Orders[0].CancelledAt)
	require.EqualValues(t, 1, ledger.Orders[0].Lines[0].Restocked)
	require.Len(t, ledger.Refunds, 1)
	require.EqualValues(t, 1, ledger.Counts.SoldOut)
	var sources []string
	for _, c := range ledger.Changes {
		sources = append(sources, c.Source)
		require.False(t, c.At.IsZero())
	}
	require.Equal(t, []string{"shopper", "shopper", "manual"}, sources)
}

// The sandbox's schema must not be kinder than the vendor's: all that it knows is there as well, with the same types.
func TestSchemaIsAPartOfTheVendors(t *testing.T) {
	var raw []byte
	for _, dir := range []string{os.Getenv("JUMPRING_SPECS"), "../../../../shared/specs"} {
		if b, err := os.ReadFile(filepath.Join(dir, "shopify", "admin-2026-10.min.graphql")); err == nil {
			raw = b
			break
		}
	}
	if raw == nil {
		t.Skip("THE SANDBOX'S SCHEMA IS NOT CHECKED: no shopify folder in $JUMPRING_SPECS nor in ../shared/specs beside the repository")
	}
	vendor, err := gqlparser.LoadSchema(&ast.Source{Name: "vendor", Input: string(raw)})
	require.NoError(t, err)
	for name, own := range schema.Types {
		if own.BuiltIn {
			continue
		}
		theirs := vendor.Types[name]
		require.NotNil(t, theirs, name)
		require.Equal(t, theirs.Kind, own.Kind, name)
		for _, v := range own.EnumValues {
			require.NotNil(t, theirs.EnumValues.ForName(v.Name), "%s.%s", name, v.Name)
		}
		for _, f := range own.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			other := theirs.Fields.ForName(f.Name)
			require.NotNil(t, other, "%s.%s", name, f.Name)
			require.Equal(t, other.Type.String(), f.Type.String(), "%s.%s", name, f.Name)
			for _, a := range f.Arguments {
				arg := other.Arguments.ForName(a.Name)
				require.NotNil(t, arg, "%s.%s(%s)", name, f.Name, a.Name)
				require.Equal(t, arg.Type.String(), a.Type.String(), "%s.%s(%s)", name, f.Name, a.Name)
			}
		}
	}
	require.Equal(t, vendor.Directives["idempotent"].Locations, schema.Directives["idempotent"].Locations)
}
