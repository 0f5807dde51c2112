package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	magentotwin "github.com/jumpring/jumpring/connectors/magento/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/host"
)

// withMagento puts a Magento shop beside the others, with one source in Paris, which pushes its events to the hub.
func (s *sandbox) withMagento(t *testing.T) *magentotwin.Server {
	t.Helper()
	const key, secret, token, tokenSecret = "mck", "mcs", "mtk", "mts"
	shop := magentotwin.New(magentotwin.Options{
		ConsumerKey: key, ConsumerSecret: secret, AccessToken: token, AccessTokenSecret: tokenSecret, Events: s.hubURL + "/hooks/mag", EventsClientID: "hub",
	})
	srv := httptest.NewServer(shop)
	t.Cleanup(srv.Close)
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]string{"url": srv.URL, "events_client_id": "hub", "events_keys_url": srv.URL})
	require.NoError(t, err)
	s.spec.Settings.Connections = append(s.spec.Settings.Connections, canon.ConnectionSettings{
		Name: "mag", Connector: "magento", Mode: canon.ModeLive, SellsFrom: []string{paris}, Locations: map[string]string{"default": paris},
	})
	s.spec.Connections = append(s.spec.Connections, hub.Connection{
		Name: "mag", Command: []string{self, "connector", "magento"}, Checksum: sum, Config: raw, Limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1},
		Secrets: map[string]string{"consumer_key": key, "consumer_secret": secret, "access_token": token, "access_token_secret": tokenSecret},
	})
	return shop
}

// TestMagentoBesideOtherShops sells pieces here and there. What Magento has sold stays in its source until it is shipped,
// and is for sale nowhere from the moment of its order.
func TestMagentoBesideOtherShops(t *testing.T) {
	const patience = 2 * time.Minute
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	shop := s.withMagento(t)
	var pairs []pair
	var rings []int64
	for i := range 4 {
		sku := fmt.Sprintf("RING-%d", i)
		pairs = append(pairs, s.stock(sku, 1, 1))
		id, err := shop.CreateProduct(magentotwin.ProductSpec{
			SKU: sku, Name: "Ring " + sku, Price: "1250.00", Stock: map[string]int64{"default": 1}, Attributes: map[string]string{"serial_number": "SN-" + sku},
		})
		require.NoError(t, err)
		rings = append(rings, id)
	}
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	eventually(t, patience, "the shop is subscribed to its events", func() bool { return len(shop.Subscribed()) > 0 })
	eventually(t, patience, "an event is taken, once its key was fetched", func() bool {
		require.NoError(t, shop.SetAttribute(rings[3], "engraving", "yours"))
		return shop.RunCron(t.Context()) > 0
	})

	// Sold at Shopify: Magento's source loses it.
	_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: pairs[0].variant, Quantity: 1}}})
	require.NoError(t, err)
	eventually(t, patience, "the sale at Shopify is seen at Magento", func() bool { return shop.Salable("RING-0") == 0 })
	lies, _ := shop.SourceQuantity("RING-0", "default")
	require.Zero(t, lies)

	// Sold at Magento: the others show none, and Magento's own source is left alone.
	order, err := shop.PlaceOrder(magentotwin.Purchase{Lines: []magentotwin.PurchaseLine{{SKU: "RING-1"}}, Email: "ada@example.com", First: "Ada"})
	require.NoError(t, err)
	eventually(t, patience, "the sale at Magento is seen at WooCommerce", func() bool {
		shop.RunCron(t.Context())
		q, ok := s.woo.Stock(pairs[1].woo)
		return ok && q == 0
	})
	eventually(t, patience, "the piece's record is sold", func() bool { return s.door.bySKU(t, "RING-1").Status == canon.ItemSold })
	item := s.door.bySKU(t, "RING-1")
	require.Equal(t, "mag", item.Holder.Channel)
	require.Equal(t, "SN-RING-1", item.Serial)
	require.NoError(t, shop.Ship(order, "default"))
	shop.RunCron(t.Context())
	eventually(t, patience, "the shipment is seen", func() bool {
		orders := list[canon.Order](t, s.door, "/v1/orders", map[string][]string{"connection": {"mag"}})
		return len(orders) == 1 && orders[0].Status == canon.OrderFulfilled
	})
	s.settled(t)

	for _, w := range shop.Ledger().Stock {
		if w.By == magentotwin.ByAPI {
			require.Equal(t, "RING-0", w.SKU, "nothing else is written at Magento")
			require.Equal(t, []int64{1, 0}, []int64{w.From, w.To})
		}
	}
	for _, sku := range []string{"RING-2", "RING-3"} {
		require.EqualValues(t, 1, shop.Salable(sku))
	}
	require.Empty(t, list[canon.Case](t, s.door, "/v1/cases", nil))
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil))
	s.hub.stop()
}
