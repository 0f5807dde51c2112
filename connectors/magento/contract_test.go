package magento

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// specs finds the vendor's published files, which are not part of the project.
func specs(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("JUMPRING_SPECS"), "../../../shared/specs"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "magento")); err == nil {
			return filepath.Join(dir, "magento")
		}
	}
	t.Skip("THE VENDOR'S SCHEMA IS NOT CHECKED: no magento folder in $JUMPRING_SPECS nor in ../shared/specs beside the repository")
	return ""
}

// vendorAPI is the vendor's schema of one version.
type vendorAPI struct {
	doc *openapi3.T
}

func vendor(t *testing.T, version string) *vendorAPI {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(specs(t), "admin-schema-"+version+".yaml"))
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &tree))
	tree["info"].(map[string]any)["description"] = "" // the file has a reference where a text belongs
	raw, err = json.Marshal(tree)
	require.NoError(t, err)
	var old openapi2.T
	require.NoError(t, json.Unmarshal(raw, &old))
	doc, err := openapi2conv.ToV3(&old)
	require.NoError(t, err)
	return &vendorAPI{doc: doc}
}

// operation finds what a request is, by the path after the store view's code.
func (v *vendorAPI) operation(method, path string) (string, *openapi3.Operation) {
	parts := strings.Split(path, "/")
	var best string
	var found *openapi3.Operation
	for pattern, item := range v.doc.Paths.Map() {
		want := strings.Split(pattern, "/")
		op := item.GetOperation(method)
		if len(want) != len(parts) || op == nil {
			continue
		}
		fits, fixed := true, 0
		for i, w := range want {
			switch {
			case strings.HasPrefix(w, "{"):
			case w == parts[i]:
				fixed++
			default:
				fits = false
			}
		}
		if fits && (found == nil || fixed > strings.Count(best, "/")+1-strings.Count(best, "{")) {
			best, found = pattern, op
		}
	}
	return best, found
}

// The vendor's files name each search parameter once, with no index.
var index = regexp.MustCompile(`\[\d+\]`)

// names gives a query's names as the vendor's files write them.
func names(q url.Values) []string {
	var out []string
	for k := range q {
		k = index.ReplaceAllString(k, "[]")
		for _, r := range [][2]string{{"filter_groups", "filterGroups"}, {"condition_type", "conditionType"}} {
			k = strings.ReplaceAll(k, r[0], r[1])
		}
		out = append(out, k)
	}
	return out
}

// extra finds a field that the vendor's schema does not have.
func extra(ref *openapi3.SchemaRef, v any, path string) string {
	if ref == nil || ref.Value == nil {
		return ""
	}
	switch v := v.(type) {
	case map[string]any:
		if len(ref.Value.Properties) == 0 {
			return ""
		}
		for k, x := range v {
			p := ref.Value.Properties[k]
			if p == nil {
				return path + "." + k
			}
			if e := extra(p, x, path+"."+k); e != "" {
				return e
			}
		}
	case []any:
		for i, x := range v {
			if e := extra(ref.Value.Items, x, fmt.Sprintf("%s[%d]", path, i)); e != "" {
				return e
			}
		}
	}
	return ""
}

// loose are differences between the vendor's files and its shop: fields that a running shop leaves null or out though they
// are called required, and search criteria, which are an echo.
func loose(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
				continue
			}
			v[k] = loose(x)
		}
	case []any:
		for i := range v {
			v[i] = loose(v[i])
		}
	}
	return v
}

// complaints puts what does not fit into words. Complaints about absent fields are left out for answers, because the vendor's
// files require of them what its database has.
func complaints(err error, required bool) error {
	var kept []string
	for _, e := range flatten(err) {
		at := strings.Join(e.JSONPointer(), "/")
		// provider_id and source are of 2.4.9 alone; a shop before it would refuse them.
		if strings.Contains(e.Reason, "is missing") && (!required || strings.HasSuffix(at, "/provider_id") || strings.HasSuffix(at, "/source")) {
			continue
		}
		kept = append(kept, at+": "+e.Reason)
	}
	if len(kept) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(kept, "; "))
}

func flatten(err error) []*openapi3.SchemaError {
	switch e := err.(type) {
	case openapi3.MultiError:
		var out []*openapi3.SchemaError
		for _, x := range e {
			out = append(out, flatten(x)...)
		}
		return out
	case *openapi3.SchemaError:
		return []*openapi3.SchemaError{e}
	case nil:
		return nil
	}
	return []*openapi3.SchemaError{{Reason: err.Error()}}
}

// contract stands before the twin and holds each request and answer against the vendor's schema.
type contract struct {
	api  *vendorAPI
	next http.Handler

	mu     sync.Mutex
	faults []string
	used   map[string]bool
}

func (c *contract) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *contract) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.fault("%v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := httptest.NewRecorder()
	c.next.ServeHTTP(seen, r)
	for k, v := range seen.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(seen.Code)
	_, _ = w.Write(seen.Body.Bytes())

	path := strings.TrimPrefix(r.URL.Path, "/rest/all")
	async := strings.HasPrefix(path, "/async/")
	path = strings.TrimPrefix(path, "/async")
	pattern, op := c.api.operation(r.Method, path)
	what := r.Method + " " + path
	if op == nil {
		c.fault("%s: the vendor has no such operation", what)
		return
	}
	c.mu.Lock()
	c.used[r.Method+" "+pattern] = true
	c.mu.Unlock()
	for _, name := range names(r.URL.Query()) {
		if name != "fields" && !slices.ContainsFunc(op.Parameters, func(p *openapi3.ParameterRef) bool {
			return p.Value != nil && index.ReplaceAllString(p.Value.Name, "[]") == name
		}) {
			c.fault("%s: the vendor has no query parameter %s", what, name)
		}
	}
	if len(body) > 0 {
		media := op.RequestBody.Value.Content.Get("application/json")
		if media == nil {
			c.fault("%s: the vendor takes no body", what)
			return
		}
		c.hold(what+" request", media.Schema, body, true)
	}
	answer := op.Responses.Value("200")
	if seen.Code == http.StatusOK && answer != nil && answer.Value != nil && r.URL.Query().Get("fields") == "" && !async {
		if media := answer.Value.Content.Get("application/json"); media != nil && media.Schema != nil {
			c.hold(what+" answer", media.Schema, seen.Body.Bytes(), false)
		}
	}
	if seen.Code >= 400 {
		var e struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(seen.Body.Bytes(), &e) != nil || e.Message == "" {
			c.fault("%s: the error %d is none of the vendor's", what, seen.Code)
		}
	}
}

func (c *contract) hold(what string, schema *openapi3.SchemaRef, raw []byte, required bool) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		c.fault("%s: %v", what, err)
		return
	}
	v = loose(v)
	if err := complaints(schema.Value.VisitJSON(v, openapi3.MultiErrors()), required); err != nil {
		c.fault("%s: %v", what, err)
	}
	if e := extra(schema, v, ""); e != "" {
		c.fault("%s: the vendor has no field %s", what, e)
	}
}

// covered are the operations that the connector uses; each has to be made and held against the schema.
var covered = []string{
	"GET /V1/modules", "GET /V1/store/websites", "GET /V1/store/storeConfigs", "GET /V1/inventory/stock-resolver/{type}/{code}",
	"GET /V1/inventory/stock-source-links", "GET /V1/inventory/sources", "GET /V1/inventory/source-items", "POST /V1/inventory/source-items",
	"GET /V1/inventory/get-product-salable-quantity/{sku}/{stockId}", "GET /V1/inventory/export-stock-salable-qty/{salesChannelType}/{salesChannelCode}",
	"GET /V1/products", "GET /V1/products/{sku}", "GET /V1/products/attributes", "GET /V1/customers/search", "GET /V1/customerGroups/search",
	"GET /V1/orders", "GET /V1/orders/items", "GET /V1/orders/{id}", "POST /V1/orders/{id}/cancel", "POST /V1/orders/{id}/comments",
	"GET /V1/creditmemos", "GET /V1/invoices", "POST /V1/order/{orderId}/refund", "POST /V1/invoice/{invoiceId}/refund",
	"GET /V1/bulk/{bulkUuid}/detailed-status", "GET /V1/eventing/getEventSubscriptions", "POST /V1/eventing/eventSubscribe",
	"POST /V1/eventing/eventUnsubscribe/{name}",
}

// Each request that the connector makes, and each answer of the sandbox to it, fits what the vendor publishes of two versions.
func TestRequestsAndAnswersFitTheVendorsSchema(t *testing.T) {
	for _, version := range []string{"2.4.8", "2.4.9"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel() // reading the vendor's file takes a while
			c := &contract{api: vendor(t, version), used: map[string]bool{}}
			ts := newShop(t, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
				o.Events, o.EventsClientID = "http://127.0.0.1:1", "cid"
				cfg["events_client_id"], cfg["async_from"] = "cid", 4
			})
			c.next = ts.twin
			srv := httptest.NewServer(c)
			t.Cleanup(srv.Close)
			ts.twin = twin.New(twin.Options{
				HomeURL: srv.URL, ConsumerKey: testKey, ConsumerSecret: testSecret, AccessToken: testToken, AccessTokenSecret: testTokenSecret, Now: ts.clock.now,
				Events: "http://127.0.0.1:1", EventsClientID: "cid",
			})
			c.next = ts.twin
			ts.conn = ts.open(map[string]any{"url": srv.URL, "events_client_id": "cid", "async_from": 4}, testSecrets())
			exercise(ts)
			c.mu.Lock()
			defer c.mu.Unlock()
			require.Empty(t, c.faults)
			for _, op := range covered {
				require.True(t, c.used[op], "%s is not made", op)
			}
			for op := range c.used {
				require.Contains(t, covered, op)
			}
		})
	}
}

// exercise makes the connector do all that it can.
func exercise(ts *testShop) {
	t := ts.t
	for i := range 6 {
		ts.piece(fmt.Sprint("R", i), 2)
	}
	ts.twin.CreateCustomer(twin.CustomerSpec{Email: "a@example.com", First: "A", Last: "B", Addresses: []twin.AddressEntry{{Street: []string{"1"}, City: "Paris", PostalCode: "75002", Country: "FR", Telephone: "1"}}})
	_, err := ts.conn.Register(t.Context(), &sdk.RegisterRequest{})
	require.NoError(t, err)
	_, err = ts.conn.Unregister(t.Context(), &sdk.UnregisterRequest{})
	require.NoError(t, err)
	codes, _ := ts.check()
	require.Empty(t, codes)
	paid, unpaidOrder := ts.buy("R0"), ts.buy("R1", unpaid)
	byHand := ts.buy("R2")
	for _, s := range []string{streamOrders, streamProducts, streamCustomers, streamStock, streamRefunds} {
		ts.round(s, nil, 0, nil)
	}
	var writes []sdk.Write
	for i := range 5 {
		sku := fmt.Sprint("R", i)
		writes = append(writes, stockTo(sku, "default", 4, ts.twin.Salable(sku)))
	}
	for _, r := range ts.apply(writes...) {
		require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	}
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R5", "default", 0, 2))[0].Status)
	// What is reserved and no open order explains makes the connector look at the product's threshold.
	ts.twin.GhostReservation("R3", 1)
	require.Equal(t, "magento.index_lag", ts.apply(stockTo("R3", "default", 9, ts.twin.Salable("R3")))[0].Code)
	for i, w := range []sdk.Write{
		deed(paid, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Restock: true}),
		deed(unpaidOrder, sdk.Action{Kind: canon.ActionCancelOrder}),
		deed(byHand, sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundByHand, Lines: []canon.ActionLine{{ID: ts.line(byHand), Quantity: 1}}}),
	} {
		w.Key = fmt.Sprintf("key-%012d", i)
		require.Equal(t, sdk.StatusApplied, ts.apply(w)[0].Status)
		require.Equal(t, sdk.StatusApplied, ts.lookup(w).Status)
	}
	ts.clock.advance(time.Minute)
	ts.round(streamRefunds, nil, 0, nil)
}

// filled puts values in the places of a shape's types.
func filled(shape any) any {
	switch shape := shape.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range shape {
			out[k] = filled(v)
		}
		return out
	case []any:
		out := []any{}
		for _, v := range shape {
			out = append(out, filled(v))
		}
		return out
	}
	switch shape {
	case "int":
		return 7
	case "string":
		return "7"
	}
	return nil
}

// The vendor's own shapes of events are hints of what they name, or of no interest.
func TestVendorsEventShapes(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(specs(t), "commerce-events-payload-shapes.json"))
	require.NoError(t, err)
	var shapes map[string]any
	require.NoError(t, json.Unmarshal(raw, &shapes))
	touched := 0
	for name, of := range shapes {
		shape, ok := of.(map[string]any)
		if !ok { // some take several entities at once
			continue
		}
		body, err := json.Marshal(map[string]any{"type": eventPrefix + name, "eventid": "e", "data": map[string]any{"value": filled(shape)}})
		require.NoError(t, err)
		events, err := decodeEvents(body)
		require.NoError(t, err, name)
		refs := events[0].touches()
		if slices.Contains(eventNames, name) {
			require.NotEmpty(t, refs, "%s names nothing that can be read: %v", name, shape)
			touched++
		}
	}
	require.Positive(t, touched)
	for _, name := range eventNames {
		if _, ok := shapes[name]; !ok {
			require.Contains(t, []string{"observer.sales_order_creditmemo_save_after"}, name, "the vendor's reference does not have the event")
		}
	}
}
