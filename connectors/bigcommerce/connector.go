// Package bigcommerce joins a BigCommerce store (REST v2 and v3, webhooks) to the hub.
//
// What the platform does, and what follows from it here:
//
//   - Webhooks are thin: they name what changed. So each is a hint, and the entity is read.
//   - Webhooks are signed by Standard Webhooks with the API account's client secret. A header of the hub's own comes back with
//     each delivery and is a second proof.
//   - A webhook that failed for two days is switched off. Register finds that and switches it on again; what was missed
//     meanwhile is found by the polls.
//   - Stock is written asynchronously and reads lag behind. There is no compare-and-set, but a relative adjustment that would
//     sell what is not there is refused. So each write is read, compared and sent as a difference; and what this process wrote
//     and reads do not show yet is neither reported nor computed from.
//   - Neither a change of stock nor one of a metafield moves the product's modification time: stock is walked through in turn,
//     metafields have a list of their own.
//   - All programs share one quota of requests in a window. Imports leave a part of it to what is urgent.
package bigcommerce

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

// settle is how long a read of the inventory usually lags behind a write. Where it lags longer, the levels that it does not
// show yet are left out; see recentWrites.
const settle = 100 * time.Millisecond

var errNotOpen = errors.New("bigcommerce: the connection is not open")

// Connector serves one store, or one sales channel of it.
type Connector struct {
	transport http.RoundTripper // nil is the network

	mu    sync.RWMutex
	store *store
}

// store is an opened connection.
type store struct {
	cfg    *config
	client *client
	recent *recentWrites
	adjust sync.Mutex // one adjustment at a time: the platform does not order those that overlap

	mu    sync.Mutex
	known *facts
}

// New makes a connector that is not open yet.
func New() sdk.Connector { return &Connector{} }

// Over makes a connector with another way to the store than the network, such as to a sandbox in the same process.
func Over(transport http.RoundTripper) sdk.Connector { return &Connector{transport: transport} }

// Describe implements sdk.Connector.
func (c *Connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name:               "bigcommerce",
		Version:            Version,
		Summary:            "Joins a BigCommerce store: products, stock per location, orders, refunds, customers and price lists.",
		TranslationVersion: translationVersion,
		Kinds: []canon.Kind{
			canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindLocation, canon.KindOrder, canon.KindProduct, canon.KindRefund,
		},
		Config: configFields(),
		Streams: []sdk.Stream{
			{Name: streamOrders, IntervalMillis: 30_000, Personal: true},
			{Name: streamRefunds, IntervalMillis: 60_000},
			{Name: streamProducts, IntervalMillis: 60_000},
			{Name: streamFields, IntervalMillis: 300_000},
			{Name: streamPrices, IntervalMillis: 900_000},
			{Name: streamCustomers, IntervalMillis: 300_000, Personal: true},
			{Name: streamStock, IntervalMillis: 900_000},
		},
		// An order takes its goods off; a cancelled order gives them back, as stores are usually set up. A refund of a part
		// puts nothing back.
		Implied: sdk.Implied{OrderLowersLevel: true, CancelRaisesLevel: true},
		Actions: []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines},
		Scopes: []string{
			"store_v2_products_read_only", "store_v2_orders", "store_v2_transactions", "store_v2_customers_read_only", "store_inventory",
			"store_v2_information_read_only",
		},
		// The smallest plans let 150 requests through in 30 seconds.
		RateLimit:             sdk.RateLimit{PerSecond: 5, Burst: 20, MaxBatch: maxWrites},
		SettleMillis:          settle.Milliseconds(),
		WebhookDeadlineMillis: 10_000,
	}, nil
}

// Open implements sdk.Connector. It does not reach for the store.
func (c *Connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, diags := parseConfig(req.Config, req.Secrets)
	if cfg == nil {
		return &sdk.OpenResponse{Diagnostics: diags}, nil
	}
	c.replace(&store{cfg: cfg, client: newClient(cfg, c.transport), recent: newRecentWrites(cfg.inventoryLag)})
	return &sdk.OpenResponse{Diagnostics: diags}, nil
}

// Close implements sdk.Connector.
func (c *Connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.replace(nil)
	return &sdk.CloseResponse{}, nil
}

func (c *Connector) replace(s *store) {
	c.mu.Lock()
	old := c.store
	c.store = s
	c.mu.Unlock()
	if old != nil {
		old.client.close()
	}
}

func (c *Connector) opened() (*store, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.store == nil {
		return nil, errNotOpen
	}
	return c.store, nil
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
