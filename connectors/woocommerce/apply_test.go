package woocommerce

import (
	"strings"
	"testing"
	"time"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestApplyDecisions: each outcome of one write, with what the shop has done afterwards.
func TestApplyDecisions(t *testing.T) {
	cases := []struct {
		name   string
		before func(ts *testShop, id int64) sdk.Write
		want   sdk.Status
		code   string
		shows  int64 // -1 when nothing is shown
		stock  int64 // in the shop afterwards
		writes int64 // quantities set through the API
	}{
		{"as expected", func(_ *testShop, id int64) sdk.Write { return stockTo(id, 0, 1) }, sdk.StatusApplied, "", 0, 0, 1},
		{"something else is shown", func(_ *testShop, id int64) sdk.Write { return stockTo(id, 5, 2) }, sdk.StatusConflict, "woocommerce.stock_changed", 1, 1, 0},
		{"shown already", func(_ *testShop, id int64) sdk.Write { return stockTo(id, 1, 1) }, sdk.StatusApplied, "", 1, 1, 0},
		{"another location", func(_ *testShop, id int64) sdk.Write {
			w := stockTo(id, 0, 1)
			w.Stock.Location = "paris"
			return w
		}, sdk.StatusRejected, "woocommerce.write_invalid", -1, 1, 0},
		{"no stock in the write", func(_ *testShop, id int64) sdk.Write { return sdk.Write{Key: "x"} }, sdk.StatusRejected, "woocommerce.write_invalid", -1, 1, 0},
		{"in the trash", func(ts *testShop, id int64) sdk.Write {
			if err := ts.twin.TrashProduct(id, false); err != nil {
				ts.t.Fatal(err)
			}
			return stockTo(id, 0, 1)
		}, sdk.StatusRejected, "woocommerce.trashed", 1, 1, 0},
		{"the shop does not answer the read", fault(twin.FaultErrorBefore, "GET"), sdk.StatusRetry, "woocommerce.not_read", -1, 1, 0},
		{"the write fails before it is done", fault(twin.FaultErrorBefore, "PUT"), sdk.StatusUnknown, "woocommerce.no_answer", -1, 1, 0},
		{"the write fails after it is done", fault(twin.FaultErrorAfter, "PUT"), sdk.StatusUnknown, "woocommerce.no_answer", -1, 0, 1},
		{"the connection breaks before the write", fault(twin.FaultDropBefore, "PUT"), sdk.StatusUnknown, "woocommerce.no_answer", -1, 1, 0},
		{"the connection breaks after the write", fault(twin.FaultDropAfter, "PUT"), sdk.StatusUnknown, "woocommerce.no_answer", -1, 0, 1},
		{"throttled at the write", fault(twin.FaultThrottle, "PUT"), sdk.StatusRetry, "woocommerce.throttled", -1, 1, 0},
		{"throttled at the read", fault(twin.FaultThrottle, "GET"), sdk.StatusRetry, "woocommerce.not_read", -1, 1, 0},
		{"maintenance", fault(twin.FaultMaintenance, "PUT"), sdk.StatusRetry, "woocommerce.throttled", -1, 1, 0},
		{"a page of a firewall instead of an answer", fault(twin.FaultHTML, "PUT"), sdk.StatusUnknown, "woocommerce.no_answer", -1, 1, 0},
		{"a PHP notice before the answer", fault(twin.FaultNotice, "PUT"), sdk.StatusApplied, "", 0, 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ts := newShop(t, false)
			id := ts.piece("R", 1)
			res := ts.apply(c.before(ts, id))[0]
			if res.Status != c.want || res.Code != c.code {
				t.Errorf("got %s %s (%s), want %s %s", res.Status, res.Code, res.Reason, c.want, c.code)
			}
			switch {
			case c.shows < 0 && res.Shows != nil:
				t.Errorf("shows %+v, want nothing", res.Shows)
			case c.shows >= 0 && (res.Shows == nil || *res.Shows.Level.Available != c.shows):
				t.Errorf("shows %+v, want %d", res.Shows, c.shows)
			}
			if got, _ := ts.twin.Stock(id); got != c.stock {
				t.Errorf("the shop has %d, want %d", got, c.stock)
			}
			if got := ts.twin.Counts(); got.StockWrites != c.writes || got.NoopStockWrites != 0 {
				t.Errorf("%d stock writes (%d without effect), want %d", got.StockWrites, got.NoopStockWrites, c.writes)
			}
			if strings.Contains(res.Reason, testSecret) || strings.Contains(res.Reason, testKey) || strings.Contains(res.Reason, "oauth_signature") {
				t.Errorf("the reason has credentials: %s", res.Reason)
			}
			if res.Status == sdk.StatusRetry && res.RetryAfterMillis < 1000 {
				t.Errorf("a retry after %d ms", res.RetryAfterMillis)
			}
		})
	}
}

func fault(kind twin.FaultKind, method string) func(ts *testShop, id int64) sdk.Write {
	return func(ts *testShop, id int64) sdk.Write {
		ts.twin.Inject(twin.Fault{Kind: kind, Method: method, Path: "products"})
		return stockTo(id, 0, 1)
	}
}

// TestUnmanagedStockStaysUnmanaged: stock management is never switched on from here.
func TestUnmanagedStockStaysUnmanaged(t *testing.T) {
	ts := newShop(t, false)
	id, _, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Polish", Price: "9.00"})
	if err != nil {
		t.Fatal(err)
	}
	res := ts.apply(stockTo(id, 4, 0))[0]
	if res.Status != sdk.StatusNotRepresentable {
		t.Errorf("got %s %s, want not_representable", res.Status, res.Reason)
	}
	if _, managed := ts.twin.Stock(id); managed {
		t.Error("the write switched stock management on")
	}
}

// TestApplyBatch: one read and one write for many products, variations by their product, each with its own result.
func TestApplyBatch(t *testing.T) {
	ts := newShop(t, false)
	a, b, gone := ts.piece("A", 1), ts.piece("B", 5), ts.piece("GONE", 1)
	unmanaged, _, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Polish", Price: "9.00"})
	if err != nil {
		t.Fatal(err)
	}
	two, three := int64(2), int64(3)
	parent, kids, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Band", Stock: &three, Variations: []twin.VariationSpec{
		{SKU: "B50", Price: "300.00", Stock: &two, Choices: map[string]string{"Size": "50"}},
		{SKU: "B52", Price: "300.00", Stock: &two, Choices: map[string]string{"Size": "52"}},
		{SKU: "B54", Price: "300.00", Choices: map[string]string{"Size": "54"}}, // shares the product's stock
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ts.twin.TrashProduct(gone, true); err != nil {
		t.Fatal(err)
	}
	variation := func(id, want, expect int64) sdk.Write {
		w := stockTo(id, want, expect)
		w.Stock.ProductID = idText(parent)
		return w
	}
	shared := stockTo(parent, 8, 3)
	shared.Stock.ListingID = idText(kids[2])
	unknownParent := stockTo(kids[1], 7, 2)
	unknownParent.Stock.ProductID = ""
	before := ts.twin.Counts()
	res := ts.apply(stockTo(a, 0, 1), stockTo(b, 3, 4), stockTo(gone, 0, 1), stockTo(unmanaged, 1, 0), variation(kids[0], 1, 2), variation(kids[2], 1, 3), shared, unknownParent)
	for i, want := range []sdk.Status{
		sdk.StatusApplied, sdk.StatusConflict, sdk.StatusRejected, sdk.StatusNotRepresentable, sdk.StatusApplied,
		sdk.StatusNotRepresentable, sdk.StatusApplied, sdk.StatusApplied,
	} {
		if res[i].Status != want {
			t.Errorf("write %d: %s %s, want %s", i, res[i].Status, res[i].Reason, want)
		}
	}
	if !res[2].Shows.Deleted || res[2].Code != "woocommerce.gone" {
		t.Errorf("a deleted product gave %+v", res[2])
	}
	for id, want := range map[int64]int64{a: 0, b: 5, kids[0]: 1, kids[1]: 7, parent: 8, kids[2]: 8} {
		if got, _ := ts.twin.Stock(id); got != want {
			t.Errorf("product %d has %d, want %d", id, got, want)
		}
	}
	if got := ts.twin.Counts().Writes - before.Writes; got > 3 {
		t.Errorf("%d write requests, want at most 3: products, this product's variations, the one found by reading", got)
	}
}

// TestLargeBatches keeps within the hundred rows that the shop takes.
func TestLargeBatches(t *testing.T) {
	ts := newShop(t, false)
	var writes []sdk.Write
	for range 230 {
		writes = append(writes, stockTo(ts.piece("", 1), 0, 1))
	}
	for i, r := range ts.apply(writes...) {
		if r.Status != sdk.StatusApplied {
			t.Fatalf("write %d: %s %s", i, r.Status, r.Reason)
		}
	}
	if got := ts.twin.Counts(); got.StockWrites != 230 || got.Writes != 3 {
		t.Errorf("%d quantities in %d requests, want 230 in 3", got.StockWrites, got.Writes)
	}
}

// TestReadOnlyKey is told what to do, in Apply and in Check.
func TestReadOnlyKey(t *testing.T) {
	ts := newShop(t, false)
	id := ts.piece("R", 1)
	ts.conn = ts.open(map[string]any{"url": ts.url}, readKey)
	res := ts.apply(stockTo(id, 0, 1))[0]
	if res.Status != sdk.StatusRejected || !strings.Contains(res.Reason, "Read/Write") {
		t.Errorf("got %s %q, want a rejection that names the permission", res.Status, res.Reason)
	}
	check, err := ts.conn.Check(t.Context(), &sdk.CheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !hasCode(check.Diagnostics, "woocommerce.write_permission_missing") {
		t.Errorf("check does not name the missing permission: %+v", check.Diagnostics)
	}
}

func hasCode(ds []sdk.Diagnostic, code string) bool {
	for _, d := range ds {
		if d.Code == code {
			return true
		}
	}
	return false
}

// TestUnreachableShop: what was surely not sent may be tried again.
func TestUnreachableShop(t *testing.T) {
	c := openFor(t, "http://127.0.0.1:1")
	resp, err := c.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{stockTo(5, 0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Results[0].Status != sdk.StatusRetry {
		t.Errorf("got %s, want retry", resp.Results[0].Status)
	}
	health, err := c.Health(t.Context(), &sdk.HealthRequest{})
	if err != nil || health.OK {
		t.Errorf("health is %+v, %v after a failed call", health, err)
	}
}

// TestRequestsAreBounded: never more than the connector's own bound at once, so that buyers find a free worker.
func TestRequestsAreBounded(t *testing.T) {
	ts := newShop(t, false, func(o *twin.Options, _ map[string]any) { o.Latency = 20 * time.Millisecond })
	done := make(chan error, 12)
	for range 12 {
		go func() {
			_, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{{Kind: canon.KindProduct, ExternalID: "1"}}})
			done <- err
		}()
	}
	most := 0
	for range 12 {
		most = max(most, len(ts.conn.shop.client.slots))
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most > maxConcurrent {
		t.Errorf("%d requests at once, want at most %d", most, maxConcurrent)
	}
}

// TestLookupKnowsNothing: the hub has to read.
func TestLookupKnowsNothing(t *testing.T) {
	c := openFor(t, "https://shop.example.com")
	resp, err := c.Lookup(t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{stockTo(5, 0, 1)}})
	if err != nil || len(resp.Results) != 1 || resp.Results[0].Status != sdk.StatusUnknown {
		t.Errorf("lookup: %+v, %v", resp, err)
	}
}
