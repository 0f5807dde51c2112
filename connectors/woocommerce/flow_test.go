package woocommerce

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestSaleAndStockRoundTrip is the connector's main job over both kinds of connection: a sale comes in by webhook, and the
// hub's stock goes out.
func TestSaleAndStockRoundTrip(t *testing.T) {
	for name, tls := range map[string]bool{"http with signatures": false, "https with Basic": true} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t, tls)
			ring := ts.piece("R1", 1)
			ts.register()
			pings := ts.delivered()
			if len(pings) != len(topics) {
				t.Fatalf("%d pings came for %d webhooks", len(pings), len(topics))
			}
			for _, p := range pings {
				if p.Verdict != sdk.VerdictIgnored || p.Status != http.StatusOK {
					t.Fatalf("a ping got %s with status %d, want ignored with 200", p.Verdict, p.Status)
				}
			}
			order, err := ts.twin.PlaceOrder(twin.Purchase{ID: ring, Billing: twin.Address{FirstName: "Ada", Email: "ada@example.com"}})
			if err != nil {
				t.Fatal(err)
			}
			ts.twin.RunCron(t.Context())
			var obs []canon.Observation
			for _, d := range ts.delivered() {
				if d.Verdict != sdk.VerdictAccepted {
					t.Fatalf("a genuine delivery got %s: %s", d.Verdict, d.Reason)
				}
				obs = append(obs, d.Observations...)
			}
			checkAll(t, obs)
			o := find(obs, canon.KindOrder, idText(order))
			if o == nil || o.Order.Status != canon.OrderOpen || o.Order.Lines[0].ListingID != idText(ring) || o.Order.Total.Amount != "1250.00" {
				t.Fatalf("the order came as %+v", o)
			}
			level := find(obs, canon.KindLevel, canon.LevelID(idText(ring), ""))
			if level == nil || *level.Level.Available != 0 || level.SourceVersion != 0 {
				t.Fatalf("the level came as %+v, want 0 without a source version", level)
			}

			res := ts.apply(stockTo(ring, 3, 0))[0]
			if res.Status != sdk.StatusApplied || *res.Shows.Level.Available != 3 {
				t.Fatalf("stock 0 to 3: %+v", res)
			}
			if got, _ := ts.twin.Stock(ring); got != 3 {
				t.Fatalf("the shop shows %d after writing 3", got)
			}
			// The hub's own write comes back as a webhook.
			ts.twin.RunCron(t.Context())
			back := ts.delivered()
			if len(back) != 1 || *find(back[0].Observations, canon.KindLevel, canon.LevelID(idText(ring), "")).Level.Available != 3 {
				t.Fatalf("after the write %d deliveries came", len(back))
			}
		})
	}
}

// TestRoutesAgree: a variation comes by webhook as a product and by its own route, which names and sorts it otherwise. Both
// must be translated to the same, or the hub would read it again for ever.
func TestRoutesAgree(t *testing.T) {
	ts := newShop(t, false)
	two := int64(2)
	parent, kids, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Band", Categories: []string{"Rings"}, Stock: &two, Variations: []twin.VariationSpec{
		{SKU: "B50", Price: "300.00", Stock: &two, Choices: map[string]string{"Size": "50", "Colour": "red"}, Meta: map[string]any{"serial": "S50"}},
		{SKU: "B52", Price: "300.00", Choices: map[string]string{"Size": "52"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range kids {
		ref := canon.Ref{Kind: canon.KindListing, ExternalID: idText(kid)}
		byProduct, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{ref}})
		if err != nil {
			t.Fatal(err)
		}
		byParent, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{ref}, Hints: []sdk.ReadHint{{ProductID: idText(parent)}}})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(byProduct.Observations, byParent.Observations) {
			t.Errorf("variation %d: by the products' route %+v, by its own %+v", kid, byProduct.Observations[0].Listing, byParent.Observations[0].Listing)
		}
	}
	whole, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{{Kind: canon.KindProduct, ExternalID: idText(parent)}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(ids(whole.Observations, canon.KindListing)); n != 2 {
		t.Errorf("a read of the product gives %d listings, want 2", n)
	}
}
