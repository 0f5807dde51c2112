package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	bigtwin "github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/host"
)

// withBigCommerce puts a BigCommerce store beside the others, with one location in Paris.
func (s *sandbox) withBigCommerce(t *testing.T) *bigtwin.Server {
	t.Helper()
	const token, secret = "bigtoken", "bigsecret"
	shop := bigtwin.New(bigtwin.Options{StoreHash: "abc123", Token: token, ClientSecret: secret, LocalHooks: true, InventoryLag: 50 * time.Millisecond})
	srv := httptest.NewServer(shop)
	t.Cleanup(srv.Close)
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]string{"api_url": srv.URL, "store_hash": "abc123"})
	require.NoError(t, err)
	s.spec.Settings.Connections = append(s.spec.Settings.Connections, canon.ConnectionSettings{
		Name: "big", Connector: "bigcommerce", Mode: canon.ModeLive, SellsFrom: []string{paris}, Locations: map[string]string{"1": paris},
	})
	s.spec.Connections = append(s.spec.Connections, hub.Connection{
		Name: "big", Command: []string{self, "connector", "bigcommerce"}, Checksum: sum, Config: raw, Limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1},
		Secrets: map[string]string{"access_token": token, "client_secret": secret},
	})
	return shop
}

// TestBigCommerceBesideOtherShops sells pieces here and there: what one shop sold is for sale nowhere.
func TestBigCommerceBesideOtherShops(t *testing.T) {
	const patience = 2 * time.Minute
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	shop := s.withBigCommerce(t)
	var pairs []pair
	var rings []int64
	for i := range 4 {
		sku := fmt.Sprintf("RING-%d", i)
		pairs = append(pairs, s.stock(sku, 1, 1))
		id, err := shop.CreateProduct(bigtwin.ProductSpec{
			SKU: sku, Name: "Ring " + sku, Price: "1250.00", Stock: map[int64]int64{1: 1}, Metafields: map[string]string{"jumpring.serial": "SN-" + sku},
		})
		require.NoError(t, err)
		rings = append(rings, shop.Variants(id)[0])
	}
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	eventually(t, patience, "the store's webhooks are subscribed", func() bool { return len(shop.ActiveHooks()) > 30 })

	// Sold at Shopify: BigCommerce shows none.
	_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: pairs[0].variant, Quantity: 1}}})
	require.NoError(t, err)
	eventually(t, patience, "the sale at Shopify is seen at BigCommerce", func() bool { return shop.Available(rings[0], 1) == 0 })

	// Sold at BigCommerce: the others show none, and BigCommerce's own stock is left alone.
	order, err := shop.PlaceOrder(bigtwin.Purchase{Lines: []bigtwin.PurchaseLine{{Variant: rings[1]}}, Billing: bigtwin.Address{First: "Ada", Email: "ada@example.com"}})
	require.NoError(t, err)
	eventually(t, patience, "the sale at BigCommerce is seen at WooCommerce", func() bool {
		shop.RunWebhooks(t.Context())
		q, ok := s.woo.Stock(pairs[1].woo)
		return ok && q == 0
	})
	eventually(t, patience, "the piece's record is sold", func() bool { return s.door.bySKU(t, "RING-1").Status == canon.ItemSold })
	item := s.door.bySKU(t, "RING-1")
	require.Equal(t, "big", item.Holder.Channel)
	require.Equal(t, "SN-RING-1", item.Serial)
	require.NoError(t, shop.Ship(order, "1Z999", false))
	eventually(t, patience, "the shipment is seen", func() bool {
		shop.RunWebhooks(t.Context())
		orders := list[canon.Order](t, s.door, "/v1/orders", map[string][]string{"connection": {"big"}})
		return len(orders) == 1 && orders[0].Status == canon.OrderFulfilled
	})
	s.settled(t)

	for _, w := range shop.Ledger().Stock {
		if w.By == bigtwin.ByAPI {
			require.Equal(t, []int64{1, 0}, []int64{w.From, w.To}, "nothing but the one sale elsewhere is written")
		}
	}
	require.Equal(t, 1, shop.Counts().Adjustments)
	require.Zero(t, shop.Ledger().Oversold)
	for _, v := range rings[2:] {
		require.EqualValues(t, 1, shop.Available(v, 1))
	}
	require.Empty(t, list[canon.Case](t, s.door, "/v1/cases", nil))
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil))
	s.hub.stop()
}
