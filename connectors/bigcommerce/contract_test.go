package bigcommerce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
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
		if _, err := os.Stat(filepath.Join(dir, "bigcommerce")); err == nil {
			return filepath.Join(dir, "bigcommerce")
		}
	}
	t.Skip("THE VENDOR'S SCHEMA IS NOT CHECKED: no bigcommerce folder in $JUMPRING_SPECS nor in ../shared/specs beside the repository")
	return ""
}

// vendorFiles are the vendor's files that name what the connector uses, by version.
var vendorFiles = map[string][]string{
	"v2": {"orders.v2.oas2.yml", "store_information.v2.yml"},
	"v3": {
		"products_catalog.v3.yml", "product-variants_catalog.v3.yml", "brands_catalog.v3.yml", "price_lists.v3.yml", "customers.v3.yml", "inventory.v3.yml", "locations.v3.yml",
		"orders.v3.yml", "channels.v3.yml", "webhooks.v3.yml",
	},
}

// vendor reads the vendor's files.
func vendor(t *testing.T) map[string][]*openapi3.T {
	t.Helper()
	out := map[string][]*openapi3.T{}
	for version, files := range vendorFiles {
		for _, name := range files {
			raw, err := os.ReadFile(filepath.Join(specs(t), "openapi", name))
			require.NoError(t, err)
			var tree map[string]any
			require.NoError(t, yaml.Unmarshal(raw, &tree))
			raw, err = json.Marshal(tree)
			require.NoError(t, err)
			doc, err := openapi3.NewLoader().LoadFromData(raw)
			require.NoError(t, err, name)
			out[version] = append(out[version], doc)
		}
	}
	return out
}

// published is an operation of the vendor's files.
type published struct {
	name   string // "GET v3/catalog/products"
	op     *openapi3.Operation
	params []string
}

// operation finds what a request is.
func operation(docs map[string][]*openapi3.T, method, path string) *published {
	version, rest, _ := strings.Cut(path, "/")
	parts := strings.Split("/"+rest, "/")
	var best *published
	fixed := -1
	for _, doc := range docs[version] {
		for pattern, item := range doc.Paths.Map() {
			want := strings.Split(pattern, "/")
			op := item.GetOperation(method)
			if op == nil || len(want) != len(parts) {
				continue
			}
			n, fits := 0, true
			for i, w := range want {
				switch {
				case strings.HasPrefix(w, "{"):
				case w == parts[i]:
					n++
				default:
					fits = false
				}
			}
			if !fits || n <= fixed {
				continue
			}
			fixed = n
			best = &published{name: method + " " + version + pattern, op: op}
			for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
				best.params = append(best.params, p.Value.Name)
			}
			// The files define the filter of metafields by their resources and forget to name it at the lists.
			if p := doc.Components.Parameters["MetafieldResourceParam"]; p != nil && strings.HasSuffix(pattern, "metafields") {
				best.params = append(best.params, p.Value.Name)
			}
		}
	}
	return best
}

// unpublished is what the connector uses and the vendor's files do not have; it is in the vendor's guides.
var unpublished = []string{"GET v2/customer_groups"}

// unnamed are fields of answers that the vendor's examples, guides or other files have, and the schema of the answer has not.
var unnamed = []string{
	".custom_status", ".data.variants", ".data.gtin", ".data.mpn", ".data.image_url", ".meta.pagination.links",
}

// contract stands before the twin and holds each request and answer against the vendor's files.
type contract struct {
	docs map[string][]*openapi3.T
	next http.Handler

	mu     sync.Mutex
	faults []string
	used   map[string]bool
}

func (c *contract) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := fmt.Sprintf(format, args...); !slices.Contains(c.faults, f) {
		c.faults = append(c.faults, f)
	}
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

	path := strings.TrimPrefix(r.URL.Path, "/stores/"+testHash+"/")
	if slices.Contains(unpublished, r.Method+" "+path) {
		return
	}
	p := operation(c.docs, r.Method, path)
	if p == nil {
		c.fault("%s %s: the vendor has no such operation", r.Method, path)
		return
	}
	c.mu.Lock()
	c.used[p.name] = true
	c.mu.Unlock()
	for name := range r.URL.Query() {
		if !slices.Contains(p.params, name) {
			c.fault("%s: the vendor has no query parameter %s", p.name, name)
		}
	}
	switch {
	case len(body) > 0 && p.op.RequestBody == nil:
		c.fault("%s: the vendor takes no body", p.name)
	case len(body) > 0 && seen.Code < 300:
		c.hold(p.name+" request", p.op.RequestBody.Value.Content.Get("application/json"), body)
	}
	if seen.Code >= 400 {
		c.error(p.name, path, seen)
		return
	}
	answer := p.op.Responses.Value(fmt.Sprint(seen.Code))
	switch {
	case seen.Code == http.StatusNoContent:
		if len(seen.Body.Bytes()) > 0 {
			c.fault("%s: a 204 with a body", p.name)
		}
	case answer == nil || answer.Value == nil:
		c.fault("%s: the vendor does not answer %d", p.name, seen.Code)
	case len(answer.Value.Content) > 0:
		c.hold(p.name+" answer", answer.Value.Content.Get("application/json"), seen.Body.Bytes())
	}
}

// error looks at the shape of an error: v2 has messages in a list, v3 a problem.
func (c *contract) error(name, path string, seen *httptest.ResponseRecorder) {
	type problem struct {
		Status  int    `json:"status"`
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	var list []problem
	var one problem
	if strings.HasPrefix(path, "v2/") {
		if json.Unmarshal(seen.Body.Bytes(), &list) != nil || len(list) != 1 || list[0].Message == "" {
			c.fault("%s: the error %d is none of v2", name, seen.Code)
		}
	} else if json.Unmarshal(seen.Body.Bytes(), &one) != nil || one.Title == "" || one.Status != seen.Code {
		c.fault("%s: the error %d is none of v3", name, seen.Code)
	}
}

func (c *contract) hold(what string, media *openapi3.MediaType, raw []byte) {
	if media == nil || media.Schema == nil {
		c.fault("%s: the vendor has no JSON here", what)
		return
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		c.fault("%s: %v", what, err)
		return
	}
	for _, field := range extra([]*openapi3.SchemaRef{media.Schema}, v, "") {
		if strings.HasSuffix(what, "request") || !slices.Contains(unnamed, field) {
			c.fault("%s: the vendor has no field %s", what, field)
		}
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		for _, f := range complaints(err) {
			c.fault("%s: %s", what, f)
		}
	}
}

// shapes gives the fields that a schema names, whichever of its parts they are in.
func shapes(ref *openapi3.SchemaRef, into map[string][]*openapi3.SchemaRef) (items []*openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return nil
	}
	for k, p := range ref.Value.Properties {
		into[k] = append(into[k], p)
	}
	if ref.Value.Items != nil {
		items = append(items, ref.Value.Items)
	}
	for _, parts := range []openapi3.SchemaRefs{ref.Value.AllOf, ref.Value.OneOf, ref.Value.AnyOf} {
		for _, p := range parts {
			items = append(items, shapes(p, into)...)
		}
	}
	return items
}

// extra finds fields that the vendor's schema does not have.
func extra(refs []*openapi3.SchemaRef, v any, path string) (out []string) {
	fields := map[string][]*openapi3.SchemaRef{}
	var items []*openapi3.SchemaRef
	for _, r := range refs {
		items = append(items, shapes(r, fields)...)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			switch of := fields[k]; {
			case len(fields) == 0:
			case of == nil:
				out = append(out, path+"."+k)
			default:
				out = append(out, extra(of, x, path+"."+k)...)
			}
		}
	case []any:
		for _, x := range v {
			if len(items) > 0 {
				out = append(out, extra(items, x, path)...)
			}
		}
	}
	return out
}

// complaints puts what does not fit into words. Left out are: null in place of a text or number, which the vendor's own examples
// have; what fits more than one of several shapes; and lists that are called never empty.
func complaints(err error) []string {
	var out []string
	switch e := err.(type) {
	case openapi3.MultiError:
		for _, x := range e {
			out = append(out, complaints(x)...)
		}
	case *openapi3.SchemaError:
		for _, quirk := range []string{"Value is not nullable", "minimum number of items is 1"} {
			if strings.Contains(e.Reason, quirk) {
				return nil
			}
		}
		if e.Origin != nil {
			return complaints(e.Origin)
		}
		out = append(out, strings.Join(e.JSONPointer(), "/")+": "+e.Reason)
	default:
		if errors.Is(err, openapi3.ErrOneOfConflict) {
			return nil
		}
		if inner := errors.Unwrap(err); inner != nil {
			return complaints(inner)
		}
		out = append(out, err.Error())
	}
	return out
}

// covered are the operations that the connector uses; each has to be made and held against the files.
var covered = []string{
	"GET v2/store", "GET v2/orders", "GET v2/orders/{order_id}", "PUT v2/orders/{order_id}", "GET v2/orders/{order_id}/shipments",
	"GET v3/catalog/products", "GET v3/catalog/products/metafields", "GET v3/catalog/variants", "GET v3/catalog/variants/metafields", "GET v3/catalog/brands",
	"GET v3/pricelists", "GET v3/pricelists/assignments", "GET v3/pricelists/{price_list_id}/records", "GET v3/customers", "GET v3/channels",
	"GET v3/inventory/locations", "GET v3/inventory/items", "PUT v3/inventory/adjustments/absolute", "POST v3/inventory/adjustments/relative",
	"GET v3/orders/{order_id}/transactions", "GET v3/orders/payment_actions/refunds", "POST v3/orders/{order_id}/payment_actions/refund_quotes",
	"POST v3/orders/{order_id}/payment_actions/refunds", "POST v3/orders/{order_id}/payment_actions/void",
	"GET v3/hooks", "POST v3/hooks", "PUT v3/hooks/{webhook_id}", "DELETE v3/hooks/{webhook_id}",
}

// Each request that the connector makes, and each answer of the sandbox to it, fits what the vendor publishes.
func TestRequestsAndAnswersFitTheVendorsSchema(t *testing.T) {
	t.Parallel() // reading the vendor's files takes a while
	c := &contract{docs: vendor(t), used: map[string]bool{}}
	ts := newShop(t)
	c.next = ts.twin
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	ts.conn = ts.open(map[string]any{"api_url": srv.URL}, testSecrets())
	exercise(ts)
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.faults)
	require.Empty(t, c.faults)
	for _, op := range covered {
		require.True(t, c.used[op], "%s is not made", op)
	}
	for op := range c.used {
		require.Contains(t, covered, op)
	}
}

// exercise makes the connector do all that it can.
func exercise(ts *testShop) {
	t := ts.t
	d := newDoor(ts)
	ts.register(d.URL)
	id, err := ts.twin.CreateProduct(twin.ProductSpec{
		Name: "Band", Price: "300", Sale: "250.5", Brand: "Atelier Nord", Description: "<b>x</b>", Custom: map[string]string{"Metal": "Platinum"}, Metafields: map[string]string{"jumpring.serial": "S"},
		Images:   []string{"https://cdn.example.com/1.jpg"},
		Variants: []twin.VariantSpec{{SKU: "B50", Value: "50", Price: "310.25", Stock: map[int64]int64{1: 2}, Metafields: map[string]string{"jumpring.epc": "E"}}},
	})
	require.NoError(t, err)
	band := ts.twin.Variants(id)[0]
	plain, ring := ts.piece("R1", 9)
	fresh, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "New", SKU: "N1", Price: "1"})
	require.NoError(t, err)
	customer := ts.twin.CreateCustomer(twin.CustomerSpec{Email: "a@example.com", First: "A", Last: "B", Group: "VIP", Addresses: []twin.Address{{First: "A", Last: "B", Street1: "1", City: "Paris", State: "Paris", Zip: "75002", Country: "France", CountryCode: "FR"}}})
	ts.twin.CreatePriceList(twin.PriceListSpec{Name: "Friends", Group: ts.twin.CustomerGroup("VIP"), Prices: map[int64]string{ring: "1000.00"}})
	codes, _ := ts.check()
	require.Empty(t, codes)
	_, err = ts.conn.Discover(t.Context(), &sdk.DiscoverRequest{})
	require.NoError(t, err)
	paid, authorized, byHand := ts.buy(ring, func(p *twin.Purchase) { p.Customer, p.Shipping = customer, "10" }), ts.buy(ring, payBy("authorize")), ts.buy(ring, payBy("bank"))
	gift, pickup := ts.buy(ring, payBy("gift")), ts.buy(ring, func(p *twin.Purchase) { p.Pickup = 1 })
	require.NoError(t, ts.twin.Ship(gift, "1Z", false))
	require.NoError(t, ts.twin.Pay(byHand))
	ts.imported(2)
	for _, s := range []string{streamOrders, streamProducts, streamCustomers, streamStock, streamRefunds, streamFields, streamPrices} {
		ts.round(s, nil, 2, nil)
	}
	w := stockTo(ofVariant(band), 1, 1, 2)
	for _, r := range ts.apply(w, stockTo(ofProduct(plain), 1, 3, 4), stockTo(ofProduct(fresh), 2, 1, 0)) {
		require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	}
	for i, w := range []sdk.Write{
		deed(paid, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Restock: true}),
		deed(authorized, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto}),
		deed(byHand, sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundByHand, Lines: []canon.ActionLine{{ID: ts.line(byHand), Quantity: 1}}}),
	} {
		w.Key = fmt.Sprintf("key-%012d", i)
		r := ts.apply(w)[0]
		require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
		require.Equal(t, sdk.StatusApplied, ts.lookup(w).Status)
	}
	ts.clock.advance(time.Minute)
	obs, _, _ := ts.round(streamRefunds, nil, 0, nil)
	ts.read(obs[0].Ref(), ref(canon.KindListing, band), ref(canon.KindOrder, pickup), ref(canon.KindOrder, 4711), ref(canon.KindCustomer, customer), ref(canon.KindLocation, 1),
		canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(ofVariant(band), "1")})
	d.shut(true)
	ts.buy(ring)
	for range 60 {
		ts.twin.RunWebhooks(t.Context())
		ts.clock.advance(time.Hour)
	}
	require.NotEmpty(t, ts.register(d.URL).Reactivated)
	_, err = ts.conn.Unregister(t.Context(), &sdk.UnregisterRequest{URL: d.URL})
	require.NoError(t, err)
}

// The vendor's own examples of webhooks are hints of what they name, or of no interest.
func TestVendorsWebhookExamples(t *testing.T) {
	ts := newShop(t)
	files, err := filepath.Glob(filepath.Join(specs(t), "webhook-examples", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := map[string]bool{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var body map[string]any
		require.NoError(t, json.Unmarshal(raw, &body))
		body["producer"] = "stores/" + testHash
		scope := body["scope"].(string)
		raw, err = json.Marshal(body)
		require.NoError(t, err)
		req := signed(t, string(raw), time.Now())
		resp, err := ts.conn.HandleWebhook(t.Context(), &req)
		require.NoError(t, err)
		require.NotEqual(t, sdk.VerdictMalformed, resp.Verdict, "%s: %s", scope, resp.Reason)
		if slices.Contains(scopes, scope) {
			require.Equal(t, sdk.VerdictAccepted, resp.Verdict, "%s: %s", scope, resp.Reason)
			require.NotEmpty(t, resp.Touched, scope)
			seen[scope] = true
		}
	}
	require.GreaterOrEqual(t, len(seen), 12)
}
