// Package woocommerce joins a WooCommerce shop (REST API wc/v3, webhooks) to the hub.
//
// What the platform does, and what follows from it here:
//
//   - A webhook's body is the resource at delivery time, several events may become one delivery, a failed delivery is
//     never sent again and the seventh failure in a row disables the webhook. So webhooks only make things fast; the
//     polls find everything again, and Register re-activates.
//   - There is one stock number per product or variation and no compare-and-set. Stock is read, compared and written in
//     one pass; an order that falls between read and write is found by the hub through the order itself.
//   - Times have a resolution of one second. Polls go on by time with an overlap, and runs of rows with the same second
//     are walked by offset.
package woocommerce

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

// maxPage is the largest page and batch that WooCommerce serves.
const maxPage = 100

var errNotOpen = errors.New("woocommerce: the connection is not open")

// Connector serves one WooCommerce shop.
type Connector struct {
	transport http.RoundTripper // nil is the network

	mu   sync.RWMutex
	shop *shop
}

// shop is an opened connection.
type shop struct {
	cfg           *config
	webhookSecret string
	client        *client
	now           func() time.Time // the hub's clock

	mu             sync.Mutex
	currency       string // of product prices; "" until known
	secretAsserted bool   // webhooks found at Register have got our secret since Open
}

// New makes a connector that is not open yet.
func New() sdk.Connector { return &Connector{} }

// Over makes a connector with another way to the shop than the network, such as to a sandbox in the same process.
func Over(transport http.RoundTripper) sdk.Connector { return &Connector{transport: transport} }

// Describe implements sdk.Connector.
func (c *Connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name:               "woocommerce",
		Version:            Version,
		Summary:            "Joins a WooCommerce shop: products, stock, orders, refunds and customers.",
		TranslationVersion: translationVersion,
		Kinds:              []canon.Kind{canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindOrder, canon.KindProduct, canon.KindRefund},
		Config:             configFields(),
		Streams: []sdk.Stream{
			{Name: streamOrders, IntervalMillis: 30_000, Personal: true},
			{Name: streamProducts, IntervalMillis: 60_000},
			{Name: streamCustomers, IntervalMillis: 300_000, Personal: true},
			{Name: streamVariations, IntervalMillis: 900_000},
		},
		// An order lowers stock when it becomes on-hold, processing or completed; pending and failed do neither. A cancelled
		// order gives back what it took; a refund gives back when it is told to restock.
		Implied: sdk.Implied{OrderLowersLevel: true, RefundRaisesLevel: true, CancelRaisesLevel: true},
		Actions: append([]canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}, canon.ListingActions()...),
		Scopes:  []string{"read_write"},
		// A shop with four PHP workers answers 16 to 23 requests a second in all; half of it is left to its buyers.
		RateLimit:             sdk.RateLimit{PerSecond: 8, Burst: 8, MaxBatch: maxPage},
		SettleMillis:          0, // the answer to a write is given after it was saved
		WebhookDeadlineMillis: 60_000,
	}, nil
}

// Open implements sdk.Connector. It does not reach for the shop.
func (c *Connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, diags := parseConfig(req.Config, req.Secrets)
	if cfg == nil {
		return &sdk.OpenResponse{Diagnostics: diags}, nil
	}
	if bad := cfg.loadCAs(); bad != nil {
		return &sdk.OpenResponse{Diagnostics: append(diags, bad...)}, nil
	}
	s := &shop{
		cfg:           cfg,
		webhookSecret: req.Secrets[secretWebhook],
		client:        newClient(cfg, req.Secrets[secretKey], req.Secrets[secretSecret], c.transport),
		currency:      cfg.Currency,
		now:           req.Now,
	}
	c.mu.Lock()
	old := c.shop
	c.shop = s
	c.mu.Unlock()
	if old != nil {
		old.client.close()
	}
	return &sdk.OpenResponse{Diagnostics: diags}, nil
}

// Close implements sdk.Connector.
func (c *Connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.mu.Lock()
	old := c.shop
	c.shop = nil
	c.mu.Unlock()
	if old != nil {
		old.client.close()
	}
	return &sdk.CloseResponse{}, nil
}

func (c *Connector) opened() (*shop, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.shop == nil {
		return nil, errNotOpen
	}
	return c.shop, nil
}

// knownCurrency is the currency of product prices as far as it is known without I/O.
func (s *shop) knownCurrency() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.currency
}

// learnCurrency asks the shop for its currency once. Without it prices stay hidden, which is not an error.
func (s *shop) learnCurrency(ctx context.Context) {
	if s.knownCurrency() != "" {
		return
	}
	var cur struct {
		Code string `json:"code"`
	}
	if _, err := s.client.get(ctx, "data/currencies/current", nil, &cur); err != nil || cur.Code == "" {
		return
	}
	s.mu.Lock()
	s.currency = cur.Code
	s.mu.Unlock()
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
