// Package shopify connects a Shopify store: its webhooks and its Admin GraphQL API.
//
// Entities are named by their global ids ("gid://shopify/ProductVariant/123") everywhere: a webhook's numeric ids are
// turned into them, because configurations name locations by gid and reads go by gid. A webhook body and a read of the
// same state give the same observation, apart from the fields that the body can't carry; those are listed in Hidden.
package shopify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Version is the connector's semantic version.
const Version = "0.1.0"

// translationVersion grows with each change of how payloads are translated.
const translationVersion = 2

// The names of the poll streams.
const (
	streamOrders    = sdk.StreamOrders
	streamProducts  = "products"
	streamInventory = "inventory"
	streamCustomers = "customers"
)

// connector serves one connection.
type connector struct {
	opened    atomic.Pointer[session]
	transport http.RoundTripper // nil is the network
}

// session is what one Open made: it lives until Close, and is never changed but by its own parts.
type session struct {
	*settings
	client    *client
	catalogue *catalogue
	depth     int                    // rows that one cursor is followed
	currency  atomic.Pointer[string] // of the shop; nil until known
	// personalDenied tells that the platform hides protected customer data from this app.
	personalDenied atomic.Bool
	uninstalled    atomic.Bool
	results        bulkResults
	scopes         atomic.Pointer[[]string] // granted ones; nil until asked
}

// New makes the connector.
func New() sdk.Connector { return &connector{} }

// Over makes the connector with another way to the shop than the network, such as to a sandbox in the same process.
func Over(transport http.RoundTripper) sdk.Connector { return &connector{transport: transport} }

// Describe tells what the connector is and can do.
func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "shopify", Version: Version, Summary: "A Shopify store over webhooks and the Admin GraphQL API.",
		TranslationVersion: translationVersion,
		Kinds: []canon.Kind{
			canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindLocation, canon.KindOrder,
			canon.KindProduct, canon.KindRefund,
		},
		Config: configFields(),
		Streams: []sdk.Stream{
			{Name: streamOrders, IntervalMillis: 30_000, Personal: true},
			{Name: streamProducts, IntervalMillis: 60_000},
			{Name: streamInventory, IntervalMillis: 60_000},
			{Name: streamCustomers, IntervalMillis: 120_000, Personal: true},
		},
		// A cancelled order gives its goods back through the refund that states them, so a cancellation alone raises nothing.
		Implied: sdk.Implied{OrderLowersLevel: true, RefundRaisesLevel: true, CompareAndSet: true},
		Scopes:  append(slices.Clone(neededScopes), scopeActions, scopeCatalogue),
		Actions: append([]canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}, canon.ListingActions()...),
		// The connector paces itself by the cost that the shop states; this only bounds a runaway.
		RateLimit:             sdk.RateLimit{PerSecond: 20, Burst: 100, MaxBatch: 50},
		SettleMillis:          1_000,
		WebhookDeadlineMillis: 5_000,
	}, nil
}

// Validate checks a configuration without I/O.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, diags := parseSettings(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: diags}, nil
}

// Open takes configuration and secrets. It does no I/O: the hub is up with the platform down.
func (c *connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	s, diags := parseSettings(req.Config, req.Secrets)
	if len(diags) > 0 {
		return &sdk.OpenResponse{Diagnostics: diags}, nil
	}
	ses := &session{settings: s, client: newClient(s, req.Host, req.Secrets[secretTokenExpiry], c.transport), catalogue: newCatalogue(), depth: deepest}
	if s.currency != "" {
		ses.currency.Store(&s.currency)
	}
	if old := c.opened.Swap(ses); old != nil {
		old.client.close()
	}
	return &sdk.OpenResponse{}, nil
}

// Close ends what Open began.
func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	if old := c.opened.Swap(nil); old != nil {
		old.client.close()
	}
	return &sdk.CloseResponse{}, nil
}

// session gives what Open made.
func (c *connector) session() (*session, error) {
	if s := c.opened.Load(); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("shopify: the connection is not open")
}

// Health tells the state of the last calls, the quota and the token's expiry.
func (c *connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	s, err := c.session()
	if err != nil {
		return &sdk.HealthResponse{Reason: "the connection is not open"}, nil
	}
	left, limit := s.client.bucket.State(time.Now())
	res := &sdk.HealthResponse{OK: true, QuotaLimit: limit, QuotaLeft: left}
	if at := s.client.tokens.Expires(); !at.IsZero() {
		res.CredentialExpiry = &at
	}
	switch failure := s.client.failure(); {
	case s.uninstalled.Load():
		res.OK, res.Reason = false, "the app was uninstalled from the shop; install it again and renew the token"
	case failure != "":
		res.OK, res.Reason = false, failure
	}
	return res, nil
}

var _ interface {
	sdk.Connector
	sdk.Validator
	sdk.Checker
	sdk.Registrar
	sdk.Discoverer
	sdk.WebhookHandler
	sdk.Poller
	sdk.Snapshotter
	sdk.Applier
	sdk.Lookuper
	sdk.Reader
	sdk.HealthReporter
} = (*connector)(nil)

// encode marshals a cursor or page token; its types can't fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("shopify: a cursor can't be marshalled: %v", err))
	}
	return b
}
