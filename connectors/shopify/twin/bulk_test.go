package twin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bulkShop is a shop over HTTP with a clock that the test sets.
type bulkShop struct {
	*Server
	t   *testing.T
	api *httptest.Server
	at  time.Time
}

func newBulkShop(t *testing.T, opts Options) *bulkShop {
	b := &bulkShop{t: t, at: time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)}
	opts.AccessToken, opts.Clock = "shpat_1", func() time.Time { return b.at }
	opts.BulkTime, opts.BulkPerObject = time.Second, time.Second
	b.Server = New(opts)
	b.api = httptest.NewServer(b.Server)
	t.Cleanup(func() {
		b.api.Close()
		require.NoError(t, b.Close())
	})
	for n := range 3 {
		_, err := b.CreateProduct(NewProduct{Title: fmt.Sprintf("Ring %d", n), Variants: []NewVariant{{SKU: fmt.Sprintf("A-%d", n), Price: "1"}, {Title: "L", SKU: fmt.Sprintf("B-%d", n), Price: "1"}}})
		require.NoError(t, err)
	}
	return b
}

func (b *bulkShop) ask(query string, variables map[string]any) map[string]any {
	b.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	require.NoError(b.t, err)
	req, err := http.NewRequest(http.MethodPost, b.api.URL+"/admin/api/2026-10/graphql.json", strings.NewReader(string(body)))
	require.NoError(b.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Shopify-Access-Token", "shpat_1")
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	var out struct {
		Data   map[string]map[string]any `json:"data"`
		Errors []any                     `json:"errors"`
	}
	require.NoError(b.t, json.NewDecoder(res.Body).Decode(&out))
	require.Empty(b.t, out.Errors)
	for _, v := range out.Data {
		return v
	}
	return nil
}

// run gives the operation's id, or the code and text of the refusal.
func (b *bulkShop) run(query string, grouped bool) (id, code, message string) {
	b.t.Helper()
	a := b.ask(`mutation ($q: String!, $g: Boolean!) { bulkOperationRunQuery(query: $q, groupObjects: $g) { bulkOperation { id status } userErrors { code message } } }`,
		map[string]any{"q": query, "g": grouped})
	if errs := a["userErrors"].([]any); len(errs) > 0 {
		e := errs[0].(map[string]any)
		return "", e["code"].(string), e["message"].(string)
	}
	return a["bulkOperation"].(map[string]any)["id"].(string), "", ""
}

func (b *bulkShop) state(id string) map[string]any {
	return b.ask(`query ($id: ID!) { bulkOperation(id: $id) { status errorCode objectCount rootObjectCount fileSize url partialDataUrl } }`, map[string]any{"id": id})
}

func (b *bulkShop) get(url string, change func(r *http.Request)) (int, string) {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(b.t, err)
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	return res.StatusCode, string(body)
}

const productsAndVariants = `{ products { edges { node { id variants { edges { node { id sku } } } } } } }`

func TestRulesOfBulkQueries(t *testing.T) {
	b := newBulkShop(t, Options{})
	for name, tc := range map[string]struct{ query, says string }{
		"no connection":           {`{ shop { name } }`, "at least one connection"},
		"six connections":         {`{ products { edges { node { id a: variants { edges { node { id } } } b: variants { edges { node { id } } } c: variants { edges { node { id } } } d: variants { edges { node { id } } } e: variants { edges { node { id } } } } } } }`, "more than 5 connections"},
		"three levels":            {`{ products { edges { node { id variants { edges { node { id inventoryItem { inventoryLevels { edges { node { id } } } } } } } } } } }`, "2 levels deep"},
		"a connection in a list":  {`{ orders { edges { node { id refunds { refundLineItems { edges { node { id } } } } } } } }`, "within a list field"},
		"nodes instead of edges":  {`{ products { nodes { id } } }`, "edges and node"},
		"a page's information":    {`{ products { edges { node { id } } pageInfo { hasNextPage } } }`, "edges and node"},
		"no id":                   {`{ products { edges { node { title } } } }`, "must select the 'id'"},
		"two fields at the top":   {`{ products { edges { node { id } } } orders { edges { node { id } } } }`, "one top-level field"},
		"node at the top":         {`{ node(id: "gid://shopify/Product/1") { id } }`, "top-level field node"},
		"variables":               {`query ($q: String) { products(query: $q) { edges { node { id } } } }`, "variables"},
		"a mutation":              {`mutation { bulkOperationCancel(id: "gid://shopify/BulkOperation/1") { userErrors { message } } }`, "one query"},
		"a field that is no such": {`{ products { edges { node { id colour } } } }`, "Invalid bulk query"},
	} {
		t.Run(name, func(t *testing.T) {
			_, code, message := b.run(tc.query, false)
			require.Equal(t, "INVALID", code)
			require.Contains(t, message, tc.says)
		})
	}
}

func TestABulkOperationTakesItsTimeAndExpires(t *testing.T) {
	b := newBulkShop(t, Options{})
	id, _, _ := b.run(productsAndVariants, true)
	require.Equal(t, "CREATED", b.state(id)["status"])
	b.at = b.at.Add(5 * time.Second)
	s := b.state(id)
	require.Equal(t, "RUNNING", s["status"])
	require.Equal(t, "4", s["objectCount"], "half of nine")
	require.Nil(t, s["url"])
	b.at = b.at.Add(5 * time.Second)
	s = b.state(id)
	require.Equal(t, "COMPLETED", s["status"])
	require.Equal(t, "9", s["objectCount"])
	require.Equal(t, "3", s["rootObjectCount"])
	status, body := b.get(s["url"].(string), nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, s["fileSize"], fmt.Sprint(len(body)))
	b.at = b.at.Add(7*24*time.Hour + time.Second)
	status, _ = b.get(s["url"].(string), nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "EXPIRED", b.state(id)["status"])
}

func TestLinesOfAFile(t *testing.T) {
	b := newBulkShop(t, Options{})
	lines := func(grouped bool) []string {
		id, code, message := b.run(productsAndVariants, grouped)
		require.Empty(t, code, message)
		b.at = b.at.Add(time.Minute)
		_, body := b.get(b.state(id)["url"].(string), nil)
		return strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	}
	shape := func(lines []string) (out string) {
		for _, l := range lines {
			if strings.Contains(l, "__parentId") {
				out += "c"
			} else {
				out += "P"
			}
		}
		return out
	}
	grouped := lines(true)
	require.Equal(t, "PccPccPcc", shape(grouped))
	require.Equal(t, "PPPcccccc", shape(lines(false)))
	var product, variant map[string]any
	require.NoError(t, json.Unmarshal([]byte(grouped[0]), &product))
	require.NoError(t, json.Unmarshal([]byte(grouped[1]), &variant))
	require.NotContains(t, product, "variants", "a connection is no field of its row")
	require.Equal(t, product["id"], variant["__parentId"])
	require.Equal(t, "A-0", variant["sku"])
}

func TestOnlySoManyBulkOperationsAtOnce(t *testing.T) {
	b := newBulkShop(t, Options{})
	for range 5 {
		_, code, _ := b.run(productsAndVariants, false)
		require.Empty(t, code)
	}
	_, code, _ := b.run(productsAndVariants, false)
	require.Equal(t, "LIMIT_REACHED", code)
	b.at = b.at.Add(time.Hour)
	id, code, _ := b.run(productsAndVariants, false)
	require.Empty(t, code)
	b.ask(`mutation ($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { id } userErrors { message } } }`, map[string]any{"id": id})
	require.Equal(t, "CANCELING", b.state(id)["status"])
	b.at = b.at.Add(time.Minute)
	require.Equal(t, "CANCELED", b.state(id)["status"])
	newest := b.ask(`{ bulkOperations(first: 2, sortKey: CREATED_AT, reverse: true) { nodes { id status query } } }`, nil)["nodes"].([]any)
	require.Len(t, newest, 2)
	require.Equal(t, id, newest[0].(map[string]any)["id"])
}

func TestAFileIsForWhoeverHasItsAddressAndNobodyElse(t *testing.T) {
	b := newBulkShop(t, Options{})
	id, _, _ := b.run(productsAndVariants, true)
	b.at = b.at.Add(time.Minute)
	address := b.state(id)["url"].(string)
	_, whole := b.get(address, nil)
	status, part := b.get(address, func(r *http.Request) { r.Header.Set("Range", "bytes=10-19") })
	require.Equal(t, http.StatusPartialContent, status)
	require.Equal(t, whole[10:20], part)
	status, _ = b.get(strings.Replace(address, "Signature=", "Signature=0", 1), nil)
	require.Equal(t, http.StatusForbidden, status)
	status, _ = b.get(address, func(r *http.Request) { r.Host = "elsewhere.example.com" })
	require.Equal(t, http.StatusForbidden, status, "the signature is for one host")
	status, _ = b.get(address, func(r *http.Request) { r.Header.Set("X-Shopify-Access-Token", "shpat_1") })
	require.Equal(t, http.StatusBadRequest, status)
	require.EqualValues(t, 1, b.Ledger().Counts.LeakedTokens)
}

func TestAFailedBulkOperationLeavesAPart(t *testing.T) {
	b := newBulkShop(t, Options{})
	b.Inject(Fault{Kind: FaultBulkFailed, Code: "TIMEOUT"})
	id, _, _ := b.run(productsAndVariants, true)
	b.at = b.at.Add(time.Minute)
	s := b.state(id)
	require.Equal(t, "FAILED", s["status"])
	require.Equal(t, "TIMEOUT", s["errorCode"])
	require.Nil(t, s["url"])
	_, part := b.get(s["partialDataUrl"].(string), nil)
	require.NotEmpty(t, part)

	blind := newBulkShop(t, Options{Scopes: []string{"read_products"}})
	id, _, _ = blind.run(`{ orders { edges { node { id } } } }`, false)
	blind.at = blind.at.Add(time.Minute)
	require.Equal(t, "ACCESS_DENIED", blind.state(id)["errorCode"])
}
