package woocommerce

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// round polls a stream until it has no more, and gives the cursor of the next round. between runs after each call.
func (ts *testShop) round(stream string, cursor []byte, limit int, between func(call int)) ([]canon.Observation, []canon.Ref, []byte) {
	ts.t.Helper()
	var obs []canon.Observation
	var touched []canon.Ref
	for call := 0; ; call++ {
		if call > 500 {
			ts.t.Fatalf("poll of %s does not end", stream)
		}
		resp, err := ts.conn.Poll(ts.t.Context(), &sdk.PollRequest{Stream: stream, Cursor: cursor, Limit: limit, Since: ts.clock.now().Add(-time.Hour)})
		if err != nil {
			ts.t.Fatalf("poll %s: %v", stream, err)
		}
		obs, touched, cursor = append(obs, resp.Observations...), append(touched, resp.Touched...), resp.Cursor
		if !resp.More {
			checkAll(ts.t, obs)
			return obs, touched, cursor
		}
		if between != nil {
			between(call)
		}
	}
}

func ids(obs []canon.Observation, kind canon.Kind) []string {
	var out []string
	for _, o := range obs {
		if o.Kind == kind && !slices.Contains(out, o.ExternalID) {
			out = append(out, o.ExternalID)
		}
	}
	return out
}

// TestPollTies: more rows of one second than a page holds are neither lost nor looped on, whatever the page size.
func TestPollTies(t *testing.T) {
	for _, limit := range []int{2, 3, 7, 20, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			ts := newShop(t, false)
			var want []string
			for i := range 45 {
				want = append(want, idText(ts.piece(fmt.Sprint(i), 1)))
				if i == 9 || i == 40 {
					ts.clock.advance(time.Second)
				}
			}
			obs, _, _ := ts.round(streamProducts, nil, limit, nil)
			got := ids(obs, canon.KindListing)
			for _, id := range want {
				if !slices.Contains(got, id) {
					t.Errorf("product %s was lost", id)
				}
			}
			if len(obs) > 3*45*3 {
				t.Errorf("%d observations for 45 products", len(obs))
			}
		})
	}
}

// TestPollWhileRowsMove: rows that are modified during a round move to its end and push others back.
func TestPollWhileRowsMove(t *testing.T) {
	for _, limit := range []int{3, 5, 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			ts := newShop(t, false)
			var want []int64
			for i := range 40 {
				want = append(want, ts.piece(fmt.Sprint(i), 1))
			}
			obs, _, _ := ts.round(streamProducts, nil, limit, func(call int) {
				for _, id := range want[min(3*call, 12):min(3*call+3, 12)] { // rows that the round has seen move behind it
					ts.clock.advance(time.Second)
					if err := ts.twin.AdjustStock(id, 2); err != nil {
						t.Fatal(err)
					}
				}
			})
			got := ids(obs, canon.KindListing)
			for _, id := range want {
				if !slices.Contains(got, idText(id)) {
					t.Errorf("product %d was lost", id)
				}
			}
		})
	}
}

// TestPollOverlapEnds: what was modified shortly before the last round is shown again, and later no more.
func TestPollOverlapEnds(t *testing.T) {
	ts := newShop(t, false)
	id := ts.piece("R", 1)
	_, _, cursor := ts.round(streamProducts, nil, 0, nil)
	again, _, cursor := ts.round(streamProducts, cursor, 0, nil)
	if len(ids(again, canon.KindListing)) != 1 {
		t.Error("a row within the overlap is not shown again")
	}
	ts.clock.advance(overlap + 2*time.Second)
	_, _, cursor = ts.round(streamProducts, cursor, 0, nil)
	quiet, _, cursor := ts.round(streamProducts, cursor, 0, nil)
	if len(quiet) != 0 {
		t.Errorf("a quiet shop gives %d observations for ever", len(quiet))
	}
	if err := ts.twin.AdjustStock(id, 4); err != nil {
		t.Fatal(err)
	}
	news, _, _ := ts.round(streamProducts, cursor, 0, nil)
	if level := find(news, canon.KindLevel, canon.LevelID(idText(id), "")); level == nil || *level.Level.Available != 4 {
		t.Errorf("the change came as %+v", level)
	}
}

// TestPollFindsWhatWebhooksLost: orders, refunds and stock, with every webhook dropped.
func TestPollFindsWhatWebhooksLost(t *testing.T) {
	ts := newShop(t, false)
	ring := ts.piece("R", 2)
	ts.register()
	ts.delivered()
	ts.twin.DropWebhooks(100)
	order, err := ts.twin.PlaceOrder(twin.Purchase{ID: ring})
	if err != nil {
		t.Fatal(err)
	}
	refund, err := ts.twin.Refund(order, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	ts.twin.RunCron(t.Context())
	if n := len(ts.delivered()); n != 0 {
		t.Fatalf("%d deliveries came through", n)
	}
	obs, touched, _ := ts.round(streamOrders, nil, 0, nil)
	if o := find(obs, canon.KindOrder, idText(order)); o == nil || o.Order.FinancialStatus != "refunded" {
		t.Errorf("the order came as %+v", o)
	}
	want := canon.Ref{Kind: canon.KindRefund, ExternalID: refundID(order, refund)}
	if !slices.Contains(touched, want) {
		t.Fatalf("touched %v, want %v", touched, want)
	}
	read, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: touched})
	if err != nil {
		t.Fatal(err)
	}
	r := find(read.Observations, canon.KindRefund, want.ExternalID)
	if r == nil || len(r.Refund.Lines) != 1 || !r.Refund.Lines[0].Restocked || r.Refund.Lines[0].Quantity != 1 || r.Refund.Total.Amount != "1250.00" {
		t.Errorf("the refund came as %+v", r)
	}
	levels, _, _ := ts.round(streamProducts, nil, 0, nil)
	if l := find(levels, canon.KindLevel, canon.LevelID(idText(ring), "")); *l.Level.Available != 2 {
		t.Errorf("the level is %d, want 2", *l.Level.Available)
	}
}

// TestVariationSweep finds a variation that changed without its product.
func TestVariationSweep(t *testing.T) {
	ts := newShop(t, false)
	var all []int64
	for i := range 25 {
		two := int64(2)
		_, kids, err := ts.twin.CreateProduct(twin.ProductSpec{Name: fmt.Sprint("Band ", i), Variations: []twin.VariationSpec{{Price: "3.00", Stock: &two}, {Price: "3.00", Stock: &two}}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kids...)
	}
	ts.clock.advance(time.Hour)
	_, _, cursor := ts.round(streamProducts, nil, 0, nil)
	if err := ts.twin.AdjustStock(all[49], 9); err != nil {
		t.Fatal(err)
	}
	byDate, _, _ := ts.round(streamProducts, cursor, 0, nil)
	if len(ids(byDate, canon.KindListing)) != 0 {
		t.Fatal("the product moved with its variation: the sweep would prove nothing")
	}
	obs, _, _ := ts.round(streamVariations, nil, 0, nil)
	if n := len(ids(obs, canon.KindListing)); n != 50 {
		t.Errorf("%d variations, want 50", n)
	}
	if l := find(obs, canon.KindLevel, canon.LevelID(idText(all[49]), "")); *l.Level.Available != 9 {
		t.Errorf("the level is %d, want 9", *l.Level.Available)
	}
}

func TestPollCustomers(t *testing.T) {
	ts := newShop(t, false)
	var cursor []byte
	for n := range 3 {
		for i := range 7 {
			if _, err := ts.twin.CreateCustomer(twin.CustomerSpec{Email: fmt.Sprintf("c%d-%d@example.com", n, i), First: "C"}); err != nil {
				t.Fatal(err)
			}
		}
		ts.clock.advance(overlap + time.Minute) // beyond the overlap, so that a round shows each customer once
		var obs []canon.Observation
		obs, _, cursor = ts.round(streamCustomers, cursor, 3, nil)
		if got := len(ids(obs, canon.KindCustomer)); got != 7 {
			t.Errorf("round %d gave %d customers, want the 7 new ones", n, got)
		}
	}
}

// TestSnapshot reads everything with small pages, resumed from its token by another connector, with rows deleted and added
// on the way, and hands over to the polls without a gap.
func TestSnapshot(t *testing.T) {
	ts := newShop(t, false)
	var products []int64
	for i := range 23 {
		products = append(products, ts.piece(fmt.Sprint(i), 1))
	}
	two := int64(2)
	_, kids, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Band", Variations: []twin.VariationSpec{{Price: "3.00", Stock: &two}, {Price: "3.00"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 11 {
		if _, err := ts.twin.CreateCustomer(twin.CustomerSpec{Email: fmt.Sprintf("c%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	var orders []int64
	for i := range 9 {
		id, err := ts.twin.PlaceOrder(twin.Purchase{ID: products[i]})
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, id)
	}
	refund, err := ts.twin.Refund(orders[3], 1, true)
	if err != nil {
		t.Fatal(err)
	}
	var obs []canon.Observation
	var token []byte
	var cursors map[string][]byte
	var late int64
	for call := 0; ; call++ {
		if call > 100 {
			t.Fatal("the snapshot does not end")
		}
		ts.conn = ts.open(map[string]any{"url": ts.url}, testKey) // a new process each time
		resp, err := ts.conn.Snapshot(t.Context(), &sdk.SnapshotRequest{Page: token, Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		if call == 0 {
			cursors = resp.Cursors
			if len(cursors) != 4 || resp.Total != 23+1+11+9 {
				t.Fatalf("first page: %d cursors, total %d", len(cursors), resp.Total)
			}
		} else if resp.Cursors != nil {
			t.Error("a later page has cursors")
		}
		obs = append(obs, resp.Observations...)
		if call == 2 { // rows that were read disappear, and a new one comes
			for _, id := range products[:3] {
				if err := ts.twin.TrashProduct(id, true); err != nil {
					t.Fatal(err)
				}
			}
			ts.clock.advance(time.Second)
			late = ts.piece("LATE", 1)
		}
		if resp.Complete {
			if slices.Contains(resp.Kinds, canon.KindOrder) {
				t.Error("orders are said to be covered in full, although old ones are not read")
			}
			break
		}
		token = resp.Next
	}
	checkAll(t, obs)
	listings := ids(obs, canon.KindListing)
	for _, id := range append(append([]int64{late}, products...), kids...) {
		if !slices.Contains(listings, idText(id)) {
			t.Errorf("listing %d is missing", id)
		}
	}
	if n := len(ids(obs, canon.KindCustomer)); n != 11 {
		t.Errorf("%d customers, want 11", n)
	}
	if n := len(ids(obs, canon.KindOrder)); n != 9 {
		t.Errorf("%d orders, want 9", n)
	}
	if find(obs, canon.KindRefund, refundID(orders[3], refund)) == nil {
		t.Error("the refund is missing")
	}
	again, _, _ := ts.round(streamProducts, cursors[streamProducts], 0, nil)
	if !slices.Contains(ids(again, canon.KindListing), idText(late)) {
		t.Error("the poll after the snapshot does not show what came during it")
	}
}
