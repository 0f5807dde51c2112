package woocommerce

import (
	"net/http"
	"slices"
	"testing"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestRegisterIsIdempotent(t *testing.T) {
	ts := newShop(t, false)
	if got := ts.register(); !slices.Equal(got.Created, topics) || len(got.Reactivated) != 0 {
		t.Fatalf("the first time %+v", got)
	}
	before := ts.twin.Counts().Writes
	for range 3 {
		if got := ts.register(); len(got.Created) != 0 || len(got.Reactivated) != 0 || len(got.Diagnostics) != 0 {
			t.Errorf("again %+v, want nothing", got)
		}
	}
	if n := ts.twin.Counts().Writes - before; n != 0 {
		t.Errorf("%d writes by registering again", n)
	}
	// A new process can't see the secret that the shop has: it sets it once.
	ts.conn = ts.open(map[string]any{"url": ts.url}, testKey)
	ts.register()
	ts.register()
	if n := ts.twin.Counts().Writes - before; n != int64(len(topics)) {
		t.Errorf("%d writes after a restart, want %d", n, len(topics))
	}
	gone, err := ts.conn.Unregister(t.Context(), &sdk.UnregisterRequest{URL: ts.hub.URL + "/hooks/web"})
	if err != nil || len(gone.Removed) != len(topics) || len(ts.twin.Webhooks()) != 0 {
		t.Errorf("unregister: %+v, %v, %d left", gone, err, len(ts.twin.Webhooks()))
	}
}

// TestDisabledWebhooksAreReactivated: six failures in a row are counted, at the seventh the shop goes silent.
func TestDisabledWebhooksAreReactivated(t *testing.T) {
	ts := newShop(t, false)
	ring := ts.piece("R", 1)
	ts.register()
	state := func() twin.WebhookState {
		for _, h := range ts.twin.Webhooks() {
			if h.Topic == "product.updated" {
				return h
			}
		}
		t.Fatal("there is no webhook for product.updated")
		return twin.WebhookState{}
	}
	ts.answer(http.StatusInternalServerError)
	for n := 1; n <= 7; n++ {
		if err := ts.twin.AdjustStock(ring, int64(n+1)); err != nil {
			t.Fatal(err)
		}
		ts.twin.RunCron(t.Context())
		if got, want := state().Failures, min(n, 6); got != want {
			t.Errorf("after %d failures the count is %d, want %d", n, got, want)
		}
		if got, want := state().Status == "disabled", n == 7; got != want {
			t.Errorf("after %d failures the status is %s", n, state().Status)
		}
	}
	ts.answer(0)
	ts.delivered()
	ts.twin.RunCron(t.Context())
	if n := len(ts.delivered()); n != 0 {
		t.Errorf("%d failed deliveries were sent again: the shop never does", n)
	}
	if err := ts.twin.AdjustStock(ring, 50); err != nil {
		t.Fatal(err)
	}
	ts.twin.RunCron(t.Context())
	if n := len(ts.delivered()); n != 0 {
		t.Fatalf("a disabled webhook delivered %d times", n)
	}
	if got := ts.register(); !slices.Equal(got.Reactivated, []string{"product.updated"}) {
		t.Errorf("reactivated %v", got.Reactivated)
	}
	if err := ts.twin.AdjustStock(ring, 51); err != nil {
		t.Fatal(err)
	}
	ts.twin.RunCron(t.Context())
	if n := len(ts.delivered()); n != 1 {
		t.Errorf("%d deliveries after the reactivation, want 1", n)
	}
}

func TestCheck(t *testing.T) {
	cases := []struct {
		name string
		run  func(t *testing.T) *sdk.CheckResponse
		want string // code of an error; "" for none
	}{
		{"a working shop", func(t *testing.T) *sdk.CheckResponse { return check(t, newShop(t, true).conn) }, ""},
		{"over http with a warning only", func(t *testing.T) *sdk.CheckResponse { return check(t, newShop(t, false).conn) }, ""},
		{"an unknown key", func(t *testing.T) *sdk.CheckResponse {
			ts := newShop(t, false)
			return check(t, ts.open(map[string]any{"url": ts.url}, "ck_unknown"))
		}, "woocommerce.not_allowed"},
		{"a shop that knows itself by another address", func(t *testing.T) *sdk.CheckResponse {
			srv := newShop(t, true, func(o *twin.Options, _ map[string]any) { o.HomeURL = "https://www.example.com" })
			return check(t, srv.conn)
		}, "woocommerce.home_url_differs"},
		{"no WooCommerce there", func(t *testing.T) *sdk.CheckResponse {
			ts := newShop(t, false)
			return check(t, ts.open(map[string]any{"url": ts.url + "/blog"}, testKey))
		}, "woocommerce.no_route"},
		{"nobody there", func(t *testing.T) *sdk.CheckResponse { return check(t, openFor(t, "http://127.0.0.1:1")) }, "woocommerce.unreachable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp := c.run(t)
			var errors []sdk.Diagnostic
			for _, d := range resp.Diagnostics {
				if d.Do == "" || d.Summary == "" {
					t.Errorf("%s does not say what to do", d.Code)
				}
				if d.Severity == sdk.SeverityError {
					errors = append(errors, d)
				}
			}
			if (c.want == "" && len(errors) > 0) || (c.want != "" && !hasCode(errors, c.want)) {
				t.Errorf("errors %+v, want %q", errors, c.want)
			}
			if c.want == "" && (resp.Facts["currency"] != "EUR" || resp.Facts["woocommerce"] != "10.0.2") {
				t.Errorf("facts %v", resp.Facts)
			}
		})
	}
}

func check(t *testing.T, c *Connector) *sdk.CheckResponse {
	t.Helper()
	resp, err := c.Check(t.Context(), &sdk.CheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestCheckChangesNothing, although it finds out whether the key may write.
func TestCheckChangesNothing(t *testing.T) {
	ts := newShop(t, false)
	ts.piece("R", 1)
	check(t, ts.conn)
	if got := ts.twin.Counts(); got.Writes != 0 || got.StockWrites != 0 {
		t.Errorf("check wrote: %+v", got)
	}
}

// TestHomeURL: a shop behind another address signs and names itself by its own.
func TestHomeURL(t *testing.T) {
	home := "http://shop.example.com"
	ts := newShop(t, false, func(o *twin.Options, cfg map[string]any) { o.HomeURL, cfg["home_url"] = home, home })
	ring := ts.piece("R", 1)
	ts.register()
	ts.delivered()
	if err := ts.twin.AdjustStock(ring, 4); err != nil {
		t.Fatal(err)
	}
	ts.twin.RunCron(t.Context())
	if got := ts.delivered(); len(got) != 1 || got[0].Verdict != sdk.VerdictAccepted {
		t.Errorf("the delivery was not accepted: %+v", got)
	}
}

// TestPlainPermalinks: the same API under ?rest_route=.
func TestPlainPermalinks(t *testing.T) {
	ts := newShop(t, false, func(_ *twin.Options, cfg map[string]any) { cfg["plain_permalinks"] = true })
	if res := ts.apply(stockTo(ts.piece("R", 1), 0, 1))[0]; res.Status != sdk.StatusApplied {
		t.Errorf("got %s: %s", res.Status, res.Reason)
	}
}

func TestDiscover(t *testing.T) {
	ts := newShop(t, false, func(_ *twin.Options, cfg map[string]any) { cfg["location"] = "web" })
	ts.piece("R", 1)
	resp, err := ts.conn.Discover(t.Context(), &sdk.DiscoverRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Locations) != 1 || resp.Locations[0].ID != "web" {
		t.Errorf("locations %+v", resp.Locations)
	}
	if len(resp.Fields) != 1 || resp.Fields[0].ID != "_jumpring_serial" {
		t.Errorf("fields %+v", resp.Fields)
	}
}

// TestDescribeAndValidate keep secrets to themselves and name what is wrong.
func TestValidate(t *testing.T) {
	good := map[string]string{secretKey: testKey, secretSecret: testSecret, secretWebhook: hookSecret}
	cases := []struct{ name, config, code, path string }{
		{"good", `{"url":"https://shop.example.com/"}`, "", ""},
		{"no url", `{}`, "woocommerce.url_invalid", "config.url"},
		{"no scheme", `{"url":"shop.example.com"}`, "woocommerce.url_invalid", "config.url"},
		{"credentials in the url", `{"url":"https://a:b@shop.example.com"}`, "woocommerce.url_invalid", "config.url"},
		{"an unknown key", `{"url":"https://x","ulr":1}`, "woocommerce.config_unreadable", "config"},
		{"another API", `{"url":"https://x","api":"wc/v2"}`, "woocommerce.api_unsupported", "config.api"},
		{"a bad date", `{"url":"https://x","orders_since":"yesterday"}`, "woocommerce.orders_since_invalid", "config.orders_since"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, err := New().(*Connector).Validate(t.Context(), &sdk.ValidateRequest{Config: []byte(c.config), Secrets: good})
			if err != nil {
				t.Fatal(err)
			}
			if c.code == "" && len(resp.Diagnostics) != 0 || c.code != "" && (len(resp.Diagnostics) == 0 || resp.Diagnostics[0].Code != c.code || resp.Diagnostics[0].Path != c.path) {
				t.Errorf("got %+v, want %s at %s", resp.Diagnostics, c.code, c.path)
			}
		})
	}
}

// TestReadTombstones: a deleted product is a tombstone; a 404 that is not WooCommerce's is not.
func TestReadTombstones(t *testing.T) {
	ts := newShop(t, false)
	gone, trashed, kept := ts.piece("A", 1), ts.piece("B", 1), ts.piece("C", 1)
	if err := ts.twin.TrashProduct(gone, true); err != nil {
		t.Fatal(err)
	}
	if err := ts.twin.TrashProduct(trashed, false); err != nil {
		t.Fatal(err)
	}
	var refs []canon.Ref
	for _, id := range []int64{gone, trashed, kept} {
		refs = append(refs, canon.Ref{Kind: canon.KindListing, ExternalID: idText(id)})
	}
	refs = append(refs, canon.Ref{Kind: canon.KindOrder, ExternalID: "99999"}, canon.Ref{Kind: canon.KindCustomer, ExternalID: "99999"},
		canon.Ref{Kind: canon.KindRefund, ExternalID: "99999/7"})
	resp, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: refs})
	if err != nil {
		t.Fatal(err)
	}
	checkAll(t, resp.Observations)
	for i, want := range []bool{true, true, false, true, true, true} {
		o := find(resp.Observations, refs[i].Kind, refs[i].ExternalID)
		if o == nil || o.Deleted != want {
			t.Errorf("%v: %+v, want deleted %v", refs[i], o, want)
		}
		if o != nil && o.Deleted && o.Kind != canon.KindRefund && o.SourceVersion == 0 {
			t.Errorf("%v: a tombstone without a version loses against what is known", refs[i])
		}
	}
	other := ts.open(map[string]any{"url": ts.url + "/blog"}, testKey)
	if resp, err := other.Read(t.Context(), &sdk.ReadRequest{Refs: refs[2:3]}); err == nil {
		t.Errorf("a 404 of the web server was taken for a deletion: %+v", resp)
	}
	if err := ts.twin.RestoreProduct(trashed); err != nil {
		t.Fatal(err)
	}
	back, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: refs[1:2]})
	if err != nil || find(back.Observations, canon.KindListing, idText(trashed)).Deleted {
		t.Errorf("a restored product stays deleted: %v", err)
	}
}

// TestRefundsInPart: where the order's tally leaves open which refund restocked, none is said to have.
func TestRefundsInPart(t *testing.T) {
	ts := newShop(t, false)
	id := ts.piece("R", 5)
	order, err := ts.twin.PlaceOrder(twin.Purchase{ID: id, Quantity: 3})
	if err != nil {
		t.Fatal(err)
	}
	restocked := func() (flags []bool) {
		obs, err := ts.conn.shop.readRefunds(t.Context(), order)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range obs {
			if o.Kind == canon.KindRefund {
				flags = append(flags, o.Refund.Lines[0].Restocked)
			}
		}
		return flags
	}
	for _, step := range []struct {
		restock bool
		want    []bool
	}{{true, []bool{true}}, {false, []bool{false, false}}} {
		if _, err := ts.twin.Refund(order, 1, step.restock); err != nil {
			t.Fatal(err)
		}
		if got := restocked(); !slices.Equal(got, step.want) {
			t.Errorf("restocked %v, want %v", got, step.want)
		}
	}
}
