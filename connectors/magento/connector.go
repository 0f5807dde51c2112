// Package magento joins a Magento 2 / Adobe Commerce shop (REST API, optionally Adobe I/O Events) to the hub.
//
// What the platform does, and what follows from it here:
//
//   - What can be sold is not what lies in a source: an order only reserves, and the source gets less when the order is
//     shipped. So a level is what can be sold (the salable quantity), and a write raises or lowers the source by the
//     difference, never to the number that is wanted.
//   - The salable quantity comes from an index that may lag behind a write. What this process has just written and the index
//     does not show yet is not reported, and no write is computed from it.
//   - There is neither compare-and-set nor an idempotency key: stock is read, compared and written in one pass, and read once
//     more.
//   - Nothing is pushed in the open-source edition. Lists are polled by updated_at, which has whole seconds; a change of stock
//     moves no updated_at, so that all stock is walked through in turn.
package magento

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Version is the connector's version.
const Version = "0.1.0"

// translationVersion grows with each change of how payloads are translated.
const translationVersion = 1

// maxWrites is how many writes and reads the hub gives at once.
const maxWrites = 100

var errNotOpen = errors.New("magento: the connection is not open")

// Connector serves one sales channel (website) of a Magento shop.
type Connector struct {
	transport http.RoundTripper // nil is the network

	mu   sync.RWMutex
	shop *shop
}

// shop is an opened connection.
type shop struct {
	cfg    *config
	client *client
	keys   *eventKeys
	recent *recentWrites
	now    func() time.Time // the hub's clock

	mu      sync.Mutex
	channel *channel
	fields  *attributes
	groups  *groups
	chunk   int // how many source items one call may write, as far as the shop has said; 0 means unknown
}

// New makes a connector that is not open yet.
func New() sdk.Connector { return &Connector{} }

// Over makes a connector with another way to the shop than the network, such as to a sandbox in the same process.
func Over(transport http.RoundTripper) sdk.Connector { return &Connector{transport: transport} }

// Describe implements sdk.Connector.
func (c *Connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name:               "magento",
		Version:            Version,
		Summary:            "Joins a Magento 2 or Adobe Commerce shop: products, salable stock per source, orders, credit memos and customers.",
		TranslationVersion: translationVersion,
		Kinds: []canon.Kind{
			canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindLocation, canon.KindOrder, canon.KindProduct, canon.KindRefund,
		},
		Config: configFields(),
		Streams: []sdk.Stream{
			{Name: streamOrders, IntervalMillis: 30_000, Personal: true},
			{Name: streamRefunds, IntervalMillis: 60_000},
			{Name: streamProducts, IntervalMillis: 60_000},
			{Name: streamCustomers, IntervalMillis: 300_000, Personal: true},
			{Name: streamStock, IntervalMillis: 900_000},
		},
		// An order reserves what it takes; a cancellation ends the reservation. A credit memo gives back what
		// return_to_stock_items names.
		Implied: sdk.Implied{OrderLowersLevel: true, RefundRaisesLevel: true, CancelRaisesLevel: true},
		Actions: []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines},
		Scopes: []string{
			"Magento_Backend::store", "Magento_Catalog::products", "Magento_Catalog::attributes_attributes", "Magento_InventoryApi::source",
			"Magento_InventoryApi::stock", "Magento_InventoryApi::stock_source_link", "Magento_Sales::actions_view", "Magento_Sales::sales",
			"Magento_Sales::sales_creditmemo", "Magento_Sales::creditmemo", "Magento_Sales::cancel", "Magento_Sales::comment",
			"Magento_Customer::customer", "Magento_Customer::group",
		},
		// A shop answers in 0.2 s, with as many PHP workers as its host gives; half of a small one is left to its buyers.
		RateLimit:             sdk.RateLimit{PerSecond: 10, Burst: 10, MaxBatch: maxWrites},
		SettleMillis:          settle.Milliseconds(),
		WebhookDeadlineMillis: 10_000,
	}, nil
}

// settle is how long the vendor's stock index usually takes where it runs within the write. Where it runs later, the levels
// that it does not show yet are left out; see recentWrites.
const settle = 200 * time.Millisecond

// Open implements sdk.Connector. It does not reach for the shop.
func (c *Connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, diags := parseConfig(req.Config, req.Secrets)
	if cfg == nil {
		return &sdk.OpenResponse{Diagnostics: diags}, nil
	}
	s := &shop{now: req.Now, cfg: cfg, client: newClient(cfg, c.transport), recent: newRecentWrites(cfg.indexLag)}
	s.keys = newEventKeys(cfg, c.transport)
	c.replace(s)
	return &sdk.OpenResponse{Diagnostics: diags}, nil
}

// Close implements sdk.Connector.
func (c *Connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.replace(nil)
	return &sdk.CloseResponse{}, nil
}

func (c *Connector) replace(s *shop) {
	c.mu.Lock()
	old := c.shop
	c.shop = s
	c.mu.Unlock()
	if old != nil {
		old.keys.close()
		old.client.close()
	}
}

func (c *Connector) opened() (*shop, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.shop == nil {
		return nil, errNotOpen
	}
	return c.shop, nil
}

func utcNow() time.Time { return time.Now().UTC() }

var (
	_ sdk.Connector      = (*Connector)(nil)
	_ sdk.Validator      = (*Connector)(nil)
	_ sdk.Checker        = (*Connector)(nil)
	_ sdk.Registrar      = (*Connector)(nil)
	_ sdk.Discoverer     = (*Connector)(nil)
	_ sdk.WebhookHandler = (*Connector)(nil)
	_ sdk.Poller         = (*Connector)(nil)
	_ sdk.Snapshotter    = (*Connector)(nil)
	_ sdk.Applier        = (*Connector)(nil)
	_ sdk.Lookuper       = (*Connector)(nil)
	_ sdk.Reader         = (*Connector)(nil)
	_ sdk.HealthReporter = (*Connector)(nil)
)
