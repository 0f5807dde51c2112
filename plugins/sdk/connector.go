// Package sdk is what a connector's author imports: a small interface that every connector implements, optional
// capabilities that the hub finds by type assertion, and Serve, which runs the connector as a process of its own.
//
// The doc comments are the contract: when each method is called, by whom it is retried, and what each result means.
// Nothing that a connector returns is lost or acted on twice by the hub: facts are journaled before they are
// acknowledged, and an outbound write whose result is unknown is looked up or read before it is tried again.
package sdk

import "context"

// Connector is what every connector implements. One process serves one configured connection: Describe, Validate and
// Check may be called before Open; all other calls come after it. Calls may come concurrently.
type Connector interface {
	// Describe tells what the connector is and can do. It is called at every start, before anything else, must not do
	// I/O and must always answer the same.
	Describe(ctx context.Context, req *DescribeRequest) (*DescribeResponse, error)
	// Open hands over configuration and secrets. It must not fail because the platform can't be reached: the hub is up
	// with every platform down. It returns diagnostics for what can never work. It is called again with changed
	// secrets after Close.
	Open(ctx context.Context, req *OpenRequest) (*OpenResponse, error)
	// Close ends what Open began. The process is stopped after it.
	Close(ctx context.Context, req *CloseRequest) (*CloseResponse, error)
}

// Validator checks a configuration without I/O. Without it the hub checks the config schema alone.
type Validator interface {
	Validate(ctx context.Context, req *ValidateRequest) (*ValidateResponse, error)
}

// Checker tests a connection live and changes nothing at the platform. It names each scope, role or plan that misses.
type Checker interface {
	Check(ctx context.Context, req *CheckRequest) (*CheckResponse, error)
}

// Registrar keeps the webhook subscriptions at the platform. Register is idempotent: the hub calls it at start, on a
// timer, and when webhooks were refused or went silent; it re-activates what the platform disabled. Both are called
// only where the hub has a public URL and the connection is not paused.
type Registrar interface {
	Register(ctx context.Context, req *RegisterRequest) (*RegisterResponse, error)
	Unregister(ctx context.Context, req *UnregisterRequest) (*UnregisterResponse, error)
}

// Discoverer lists what a person maps: locations, price lists, custom fields.
type Discoverer interface {
	Discover(ctx context.Context, req *DiscoverRequest) (*DiscoverResponse, error)
}

// WebhookHandler verifies and translates one delivery. The hub journals what comes out, then gives the platform the
// HTTP answer. It must not do I/O: an entity that has to be read is named in Touched.
type WebhookHandler interface {
	HandleWebhook(ctx context.Context, req *WebhookRequest) (*WebhookResponse, error)
}

// Poller reads what changed since a cursor. The hub owns schedule, pace and cursor: a response's observations and its
// cursor are one atomic append. The cursor has to overlap so that ties and late commits are neither lost nor looped
// on; observations that repeat cost nothing.
type Poller interface {
	Poll(ctx context.Context, req *PollRequest) (*PollResponse, error)
}

// Snapshotter reads everything, page by page. The first page's request has no page token; the response to it carries
// the cursors from which Poll goes on afterwards, taken before the first row was read. Complete marks the end.
type Snapshotter interface {
	Snapshot(ctx context.Context, req *SnapshotRequest) (*SnapshotResponse, error)
}

// Applier writes desired states to the platform. It gets a batch and answers one result for each, in order. It never
// retries a write whose outcome it does not know: it says StatusUnknown.
type Applier interface {
	Apply(ctx context.Context, req *ApplyRequest) (*ApplyResponse, error)
}

// Lookuper finds out whether an earlier write happened, by its key.
type Lookuper interface {
	Lookup(ctx context.Context, req *LookupRequest) (*LookupResponse, error)
}

// Reader reads the present state of some entities. An entity that the platform no longer has is a Deleted
// observation. An observation of the same entity must have all aspects that the platform states with it (a product
// read gives its listings and their levels, where the platform answers them together).
type Reader interface {
	Read(ctx context.Context, req *ReadRequest) (*ReadResponse, error)
}

// HealthReporter tells state, quota and credential expiry. Without it the hub knows only what calls show.
type HealthReporter interface {
	Health(ctx context.Context, req *HealthRequest) (*HealthResponse, error)
}
