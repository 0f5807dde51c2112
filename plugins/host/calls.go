package host

import (
	"bytes"
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// PollResult is sdk.PollResponse with its observations as facts.
type PollResult struct {
	Facts   []Fact
	Touched []canon.Ref
	Cursor  []byte
	More    bool
}

// SnapshotResult is sdk.SnapshotResponse with its observations as facts.
type SnapshotResult struct {
	Facts     []Fact
	Next      []byte
	Complete  bool
	Total     int64
	Cursors   map[string][]byte
	Kinds     []canon.Kind
	RowErrors []sdk.RowError
}

// ReadResult is sdk.ReadResponse with its observations as facts.
type ReadResult struct {
	Facts      []Fact
	RetryAfter time.Duration
}

// ApplyResult has one result for each write, in the same order.
type ApplyResult struct {
	Results []Result
}

// Result is sdk.Result with what the platform shows as a fact.
type Result struct {
	Key        string
	Status     sdk.Status
	Code       string
	Reason     string
	RetryAfter time.Duration
	Shows      *Fact
	Also       []Fact
	Amount     *canon.StatedMoney
	ByHand     bool
	Made       *canon.ListingMade
}

// invoke makes one call within limit. need is the capability that the connector has to have, or "".
func invoke[Response any](
	ctx context.Context, c *Connection, call string, need sdk.Capability, limit time.Duration, request proto.Message,
	do func(context.Context, connectorv1.ConnectorClient) (Response, error),
) (resp Response, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := c.acquire(ctx, call)
	if err != nil {
		return resp, err
	}
	defer p.calls.Done()
	if need != "" && !p.can[need] {
		return resp, c.errorf(ErrUnsupported, CodeUnsupported, call, "%s can't %s", p.about.Name, need)
	}
	if size := proto.Size(request); size > sdk.MaxMessageBytes {
		return resp, c.errorf(ErrTooLarge, CodeTooLarge, call, "the request has %d bytes, at most %d are sent", size, sdk.MaxMessageBytes)
	}
	resp, err = do(ctx, p.rpc)
	if err != nil {
		return resp, c.callError(ctx, p, call, err)
	}
	return resp, nil
}

// Describe tells what the connector is and can do. The answer of the last start is kept, so that it is known while the
// process is away; the caller must not change it.
func (c *Connection) Describe(ctx context.Context) (*sdk.DescribeResponse, error) {
	c.mu.Lock()
	about := c.about
	c.mu.Unlock()
	if about != nil {
		return about, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Describe)
	defer cancel()
	p, err := c.acquire(ctx, "Describe")
	if err != nil {
		return nil, err
	}
	defer p.calls.Done()
	return p.about, nil
}

// Validate checks a configuration without I/O.
func (c *Connection) Validate(ctx context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	in := &connectorv1.ValidateRequest{Config: req.Config, Secrets: req.Secrets}
	resp, err := invoke(ctx, c, "Validate", sdk.CanValidate, c.spec.Deadlines.Validate, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.ValidateResponse, error) {
			return rpc.Validate(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	return &sdk.ValidateResponse{Diagnostics: c.decodeDiagnostics(resp.GetDiagnostics())}, nil
}

// Check tests the connection live.
func (c *Connection) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	in := &connectorv1.CheckRequest{}
	resp, err := invoke(ctx, c, "Check", sdk.CanCheck, c.spec.Deadlines.Check, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.CheckResponse, error) {
			return rpc.Check(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	out := &sdk.CheckResponse{Diagnostics: c.decodeDiagnostics(resp.GetDiagnostics()), Account: c.text(resp.GetAccount())}
	for k, v := range resp.GetFacts() {
		if out.Facts == nil {
			out.Facts = map[string]string{}
		}
		out.Facts[c.text(k)] = c.text(v)
	}
	return out, nil
}

// Register asserts the webhook subscriptions.
func (c *Connection) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	in := &connectorv1.RegisterRequest{Url: req.URL}
	resp, err := invoke(ctx, c, "Register", sdk.CanRegister, c.spec.Deadlines.Register, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.RegisterResponse, error) {
			return rpc.Register(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	return &sdk.RegisterResponse{
		Created: resp.GetCreated(), Reactivated: resp.GetReactivated(), Diagnostics: c.decodeDiagnostics(resp.GetDiagnostics()),
	}, nil
}

// Unregister removes the webhook subscriptions.
func (c *Connection) Unregister(ctx context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	in := &connectorv1.UnregisterRequest{Url: req.URL}
	resp, err := invoke(ctx, c, "Unregister", sdk.CanRegister, c.spec.Deadlines.Register, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.UnregisterResponse, error) {
			return rpc.Unregister(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	return &sdk.UnregisterResponse{Removed: resp.GetRemoved()}, nil
}

// Discover lists what there is to map.
func (c *Connection) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	in := &connectorv1.DiscoverRequest{}
	resp, err := invoke(ctx, c, "Discover", sdk.CanDiscover, c.spec.Deadlines.Discover, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.DiscoverResponse, error) {
			return rpc.Discover(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	return &sdk.DiscoverResponse{
		Locations: decodeDiscovered(resp.GetLocations()), PriceLists: decodeDiscovered(resp.GetPriceLists()), Fields: decodeDiscovered(resp.GetFields()),
	}, nil
}

// Poll reads what changed since a cursor.
func (c *Connection) Poll(ctx context.Context, req *sdk.PollRequest) (*PollResult, error) {
	in := &connectorv1.PollRequest{Stream: req.Stream, Cursor: req.Cursor, Limit: int32(req.Limit)}
	if !req.Since.IsZero() {
		in.SinceMicros = req.Since.UnixMicro()
	}
	resp, err := invoke(ctx, c, "Poll", sdk.CanPoll, c.spec.Deadlines.Poll, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.PollResponse, error) {
			return rpc.Poll(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	out := &PollResult{Cursor: resp.GetCursor(), More: resp.GetMore()}
	if out.Facts, err = c.decodeFacts(resp.GetObservations()); err != nil {
		return nil, c.badAnswer("Poll", "%v", err)
	}
	if out.Touched, err = decodeRefs(resp.GetTouched()); err != nil {
		return nil, c.badAnswer("Poll", "%v", err)
	}
	switch {
	case len(out.Cursor) > maxCursor:
		return nil, c.badAnswer("Poll", "the cursor has %d bytes, at most %d are kept", len(out.Cursor), maxCursor)
	case out.More && bytes.Equal(out.Cursor, req.Cursor):
		return nil, c.badAnswer("Poll", "there is more, but the cursor stays: asking again would never end")
	}
	return out, nil
}

// Snapshot reads a page of everything.
func (c *Connection) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*SnapshotResult, error) {
	in := &connectorv1.SnapshotRequest{Page: req.Page, Limit: int32(req.Limit)}
	resp, err := invoke(ctx, c, "Snapshot", sdk.CanSnapshot, c.spec.Deadlines.Snapshot, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.SnapshotResponse, error) {
			return rpc.Snapshot(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	out := &SnapshotResult{Next: resp.GetNext(), Complete: resp.GetComplete(), Total: max(0, resp.GetTotal()), Cursors: resp.GetCursors()}
	if out.Facts, err = c.decodeFacts(resp.GetObservations()); err != nil {
		return nil, c.badAnswer("Snapshot", "%v", err)
	}
	if out.Kinds, err = decodeKinds(resp.GetKinds()); err != nil {
		return nil, c.badAnswer("Snapshot", "%v", err)
	}
	for _, e := range resp.GetRowErrors() {
		out.RowErrors = append(out.RowErrors, sdk.RowError{
			Place: c.text(e.GetPlace()), Code: clip(e.GetCode(), maxCode), Reason: c.text(e.GetReason()), Row: c.text(e.GetRow()),
		})
	}
	for stream, cursor := range out.Cursors {
		if len(cursor) > maxCursor {
			return nil, c.badAnswer("Snapshot", "the cursor of %s has %d bytes, at most %d are kept", clip(stream, maxCode), len(cursor), maxCursor)
		}
	}
	switch {
	case out.Complete:
	case len(out.Next) == 0:
		return nil, c.badAnswer("Snapshot", "neither complete nor a next page")
	case len(out.Next) > maxCursor:
		return nil, c.badAnswer("Snapshot", "the page token has %d bytes, at most %d are kept", len(out.Next), maxCursor)
	case bytes.Equal(out.Next, req.Page):
		return nil, c.badAnswer("Snapshot", "the next page is this page: reading on would never end")
	}
	return out, nil
}

// Apply writes desired states. After an error of which NotSent is false, what happened to each write is not known.
func (c *Connection) Apply(ctx context.Context, req *sdk.ApplyRequest) (*ApplyResult, error) {
	in := &connectorv1.ApplyRequest{Writes: encodeWrites(req.Writes)}
	resp, err := invoke(ctx, c, "Apply", sdk.CanApply, c.spec.Deadlines.Apply, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.ApplyResponse, error) {
			return rpc.Apply(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	results, err := c.decodeResults(req.Writes, resp.GetResults())
	if err != nil {
		return nil, c.badAnswer("Apply", "%v", err)
	}
	return &ApplyResult{Results: results}, nil
}

// Lookup finds out whether earlier writes happened.
func (c *Connection) Lookup(ctx context.Context, req *sdk.LookupRequest) (*ApplyResult, error) {
	in := &connectorv1.LookupRequest{Writes: encodeWrites(req.Writes)}
	resp, err := invoke(ctx, c, "Lookup", sdk.CanLookup, c.spec.Deadlines.Lookup, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.LookupResponse, error) {
			return rpc.Lookup(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	results, err := c.decodeResults(req.Writes, resp.GetResults())
	if err != nil {
		return nil, c.badAnswer("Lookup", "%v", err)
	}
	return &ApplyResult{Results: results}, nil
}

// Read reads the present state of some entities.
func (c *Connection) Read(ctx context.Context, req *sdk.ReadRequest) (*ReadResult, error) {
	in := &connectorv1.ReadRequest{}
	for _, r := range req.Refs {
		in.Refs = append(in.Refs, encodeRef(r))
	}
	for _, h := range req.Hints {
		in.Hints = append(in.Hints, &connectorv1.ReadHint{ProductId: h.ProductID, ListingId: h.ListingID, OrderId: h.OrderID})
	}
	resp, err := invoke(ctx, c, "Read", sdk.CanRead, c.spec.Deadlines.Read, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.ReadResponse, error) {
			return rpc.Read(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	out := &ReadResult{RetryAfter: time.Duration(max(0, resp.GetRetryAfterMillis())) * time.Millisecond}
	if out.Facts, err = c.decodeFacts(resp.GetObservations()); err != nil {
		return nil, c.badAnswer("Read", "%v", err)
	}
	return out, nil
}

// Health tells state, quota and credential expiry.
func (c *Connection) Health(ctx context.Context, _ *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	in := &connectorv1.HealthRequest{}
	resp, err := invoke(ctx, c, "Health", sdk.CanHealth, c.spec.Deadlines.Health, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.HealthResponse, error) {
			return rpc.Health(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	out := &sdk.HealthResponse{
		OK: resp.GetOk(), Reason: c.text(resp.GetReason()), QuotaLimit: resp.GetQuotaLimit(), QuotaLeft: resp.GetQuotaLeft(),
		LagMillis: resp.GetLagMillis(),
	}
	if resp.CredentialExpiryMicros != nil {
		expiry := time.UnixMicro(resp.GetCredentialExpiryMicros()).UTC()
		out.CredentialExpiry = &expiry
	}
	return out, nil
}
