package sdk

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// server answers the protocol's calls with a Connector.
type server struct {
	connectorv1.UnimplementedConnectorServer
	newConnector func() Connector
	current      atomic.Pointer[Connector]
	host         *hostLink
	log          hclog.Logger
}

func newServer(newConnector func() Connector, log hclog.Logger) *server {
	s := &server{newConnector: newConnector, host: newHostLink(), log: log}
	s.renew()
	return s
}

func (s *server) renew() {
	c := s.newConnector()
	s.current.Store(&c)
}

func (s *server) connector() Connector { return *s.current.Load() }

// answer runs one call: a panic and a missing response become errors, and errors become statuses with a code.
func answer[Response any](s *server, call string, do func() (*Response, error)) (*Response, error) {
	resp, err := guarded(s, call, do)
	if err != nil {
		return nil, toStatus(err)
	}
	return resp, nil
}

func guarded[Response any](s *server, call string, do func() (*Response, error)) (resp *Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's value may hold anything, a client's name for one; its type and the stack don't (invariant 7).
			what := fmt.Sprintf("%T", p)
			if e, ok := p.(runtime.Error); ok {
				what = e.Error()
			}
			s.log.Error("the connector panicked", "call", call, "panic", what, "stack", string(debug.Stack()))
			resp, err = nil, &Error{
				Code: CodePanic, Message: fmt.Sprintf("the connector panicked in %s: %s", call, what),
				Do: "report it to the connector's author with the log of this moment",
			}
		}
	}()
	resp, err = do()
	if err == nil && resp == nil {
		return nil, &Error{Code: CodeBadAnswer, Message: call + " gave neither a response nor an error"}
	}
	return resp, err
}

func (s *server) Describe(ctx context.Context, _ *connectorv1.DescribeRequest) (*connectorv1.DescribeResponse, error) {
	return answer(s, "Describe", func() (*connectorv1.DescribeResponse, error) {
		c := s.connector()
		d, err := c.Describe(ctx, &DescribeRequest{})
		if err != nil || d == nil {
			return nil, err
		}
		return encodeDescription(d, capabilities(c)), nil
	})
}

// capabilities lists what the connector implements, in the order of the protocol.
func capabilities(c Connector) []string {
	var out []string
	add := func(has bool, name Capability) {
		if has {
			out = append(out, string(name))
		}
	}
	_, ok := c.(Validator)
	add(ok, CanValidate)
	_, ok = c.(Checker)
	add(ok, CanCheck)
	_, ok = c.(Registrar)
	add(ok, CanRegister)
	_, ok = c.(Discoverer)
	add(ok, CanDiscover)
	_, ok = c.(WebhookHandler)
	add(ok, CanWebhook)
	_, ok = c.(Poller)
	add(ok, CanPoll)
	_, ok = c.(Snapshotter)
	add(ok, CanSnapshot)
	_, ok = c.(Applier)
	add(ok, CanApply)
	_, ok = c.(Lookuper)
	add(ok, CanLookup)
	_, ok = c.(Reader)
	add(ok, CanRead)
	_, ok = c.(Deliverer)
	add(ok, CanDeliver)
	_, ok = c.(HealthReporter)
	add(ok, CanHealth)
	return out
}

func (s *server) Validate(ctx context.Context, in *connectorv1.ValidateRequest) (*connectorv1.ValidateResponse, error) {
	return answer(s, "Validate", func() (*connectorv1.ValidateResponse, error) {
		c, ok := s.connector().(Validator)
		if !ok {
			return nil, unsupported(CanValidate)
		}
		r, err := c.Validate(ctx, &ValidateRequest{Config: in.GetConfig(), Secrets: in.GetSecrets()})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.ValidateResponse{Diagnostics: encodeDiagnostics(r.Diagnostics)}, nil
	})
}

func (s *server) Check(ctx context.Context, _ *connectorv1.CheckRequest) (*connectorv1.CheckResponse, error) {
	return answer(s, "Check", func() (*connectorv1.CheckResponse, error) {
		c, ok := s.connector().(Checker)
		if !ok {
			return nil, unsupported(CanCheck)
		}
		r, err := c.Check(ctx, &CheckRequest{})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.CheckResponse{Diagnostics: encodeDiagnostics(r.Diagnostics), Account: r.Account, Facts: r.Facts}, nil
	})
}

func (s *server) Open(ctx context.Context, in *connectorv1.OpenRequest) (*connectorv1.OpenResponse, error) {
	return answer(s, "Open", func() (*connectorv1.OpenResponse, error) {
		traffic().addSecrets(slices.Collect(maps.Values(in.GetSecrets()))...)
		r, err := s.connector().Open(ctx, &OpenRequest{
			Connection: in.GetConnection(), Config: in.GetConfig(), Secrets: in.GetSecrets(), WorkDir: in.GetWorkDir(),
			Host: s.host, Services: s.host, Log: s.log,
		})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.OpenResponse{Diagnostics: encodeDiagnostics(r.Diagnostics)}, nil
	})
}

func (s *server) Close(ctx context.Context, _ *connectorv1.CloseRequest) (*connectorv1.CloseResponse, error) {
	return answer(s, "Close", func() (*connectorv1.CloseResponse, error) {
		defer s.renew()
		if _, err := s.connector().Close(ctx, &CloseRequest{}); err != nil {
			return nil, err
		}
		return &connectorv1.CloseResponse{}, nil
	})
}

func (s *server) Register(ctx context.Context, in *connectorv1.RegisterRequest) (*connectorv1.RegisterResponse, error) {
	return answer(s, "Register", func() (*connectorv1.RegisterResponse, error) {
		c, ok := s.connector().(Registrar)
		if !ok {
			return nil, unsupported(CanRegister)
		}
		r, err := c.Register(ctx, &RegisterRequest{URL: in.GetUrl()})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.RegisterResponse{
			Created: r.Created, Reactivated: r.Reactivated, Diagnostics: encodeDiagnostics(r.Diagnostics),
		}, nil
	})
}

func (s *server) Unregister(ctx context.Context, in *connectorv1.UnregisterRequest) (*connectorv1.UnregisterResponse, error) {
	return answer(s, "Unregister", func() (*connectorv1.UnregisterResponse, error) {
		c, ok := s.connector().(Registrar)
		if !ok {
			return nil, unsupported(CanRegister)
		}
		r, err := c.Unregister(ctx, &UnregisterRequest{URL: in.GetUrl()})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.UnregisterResponse{Removed: r.Removed}, nil
	})
}

func (s *server) Discover(ctx context.Context, _ *connectorv1.DiscoverRequest) (*connectorv1.DiscoverResponse, error) {
	return answer(s, "Discover", func() (*connectorv1.DiscoverResponse, error) {
		c, ok := s.connector().(Discoverer)
		if !ok {
			return nil, unsupported(CanDiscover)
		}
		r, err := c.Discover(ctx, &DiscoverRequest{})
		if err != nil || r == nil {
			return nil, err
		}
		return &connectorv1.DiscoverResponse{
			Locations: encodeDiscovered(r.Locations), PriceLists: encodeDiscovered(r.PriceLists), Fields: encodeDiscovered(r.Fields),
		}, nil
	})
}

func (s *server) Poll(ctx context.Context, in *connectorv1.PollRequest) (*connectorv1.PollResponse, error) {
	return answer(s, "Poll", func() (*connectorv1.PollResponse, error) {
		c, ok := s.connector().(Poller)
		if !ok {
			return nil, unsupported(CanPoll)
		}
		r, err := c.Poll(ctx, &PollRequest{
			Stream: in.GetStream(), Cursor: in.GetCursor(), Since: decodeTime(in.GetSinceMicros()), Limit: int(in.GetLimit()),
		})
		if err != nil || r == nil {
			return nil, err
		}
		observations, err := encodeObservations(r.Observations)
		if err != nil {
			return nil, err
		}
		return &connectorv1.PollResponse{
			Observations: observations, Touched: encodeRefs(r.Touched), Cursor: r.Cursor, More: r.More,
		}, nil
	})
}

func (s *server) Snapshot(ctx context.Context, in *connectorv1.SnapshotRequest) (*connectorv1.SnapshotResponse, error) {
	return answer(s, "Snapshot", func() (*connectorv1.SnapshotResponse, error) {
		c, ok := s.connector().(Snapshotter)
		if !ok {
			return nil, unsupported(CanSnapshot)
		}
		r, err := c.Snapshot(ctx, &SnapshotRequest{Page: in.GetPage(), Limit: int(in.GetLimit())})
		if err != nil || r == nil {
			return nil, err
		}
		observations, err := encodeObservations(r.Observations)
		if err != nil {
			return nil, err
		}
		out := &connectorv1.SnapshotResponse{
			Observations: observations, Next: r.Next, Complete: r.Complete, Total: r.Total, Cursors: r.Cursors, Kinds: encodeKinds(r.Kinds),
		}
		for _, e := range r.RowErrors {
			out.RowErrors = append(out.RowErrors, &connectorv1.RowError{Place: valid(e.Place), Code: valid(e.Code), Reason: valid(e.Reason), Row: valid(e.Row)})
		}
		return out, nil
	})
}

func (s *server) Apply(ctx context.Context, in *connectorv1.ApplyRequest) (*connectorv1.ApplyResponse, error) {
	return answer(s, "Apply", func() (*connectorv1.ApplyResponse, error) {
		c, ok := s.connector().(Applier)
		if !ok {
			return nil, unsupported(CanApply)
		}
		r, err := c.Apply(ctx, &ApplyRequest{Writes: decodeWrites(in.GetWrites())})
		if err != nil || r == nil {
			return nil, err
		}
		results, err := encodeResults(r.Results)
		if err != nil {
			return nil, err
		}
		return &connectorv1.ApplyResponse{Results: results}, nil
	})
}

func (s *server) Lookup(ctx context.Context, in *connectorv1.LookupRequest) (*connectorv1.LookupResponse, error) {
	return answer(s, "Lookup", func() (*connectorv1.LookupResponse, error) {
		c, ok := s.connector().(Lookuper)
		if !ok {
			return nil, unsupported(CanLookup)
		}
		r, err := c.Lookup(ctx, &LookupRequest{Writes: decodeWrites(in.GetWrites())})
		if err != nil || r == nil {
			return nil, err
		}
		results, err := encodeResults(r.Results)
		if err != nil {
			return nil, err
		}
		return &connectorv1.LookupResponse{Results: results}, nil
	})
}

func (s *server) Read(ctx context.Context, in *connectorv1.ReadRequest) (*connectorv1.ReadResponse, error) {
	return answer(s, "Read", func() (*connectorv1.ReadResponse, error) {
		c, ok := s.connector().(Reader)
		if !ok {
			return nil, unsupported(CanRead)
		}
		r, err := c.Read(ctx, &ReadRequest{Refs: decodeRefs(in.GetRefs()), Hints: decodeHints(in.GetHints())})
		if err != nil || r == nil {
			return nil, err
		}
		observations, err := encodeObservations(r.Observations)
		if err != nil {
			return nil, err
		}
		return &connectorv1.ReadResponse{Observations: observations, RetryAfterMillis: r.RetryAfterMillis}, nil
	})
}

func (s *server) Health(ctx context.Context, _ *connectorv1.HealthRequest) (*connectorv1.HealthResponse, error) {
	return answer(s, "Health", func() (*connectorv1.HealthResponse, error) {
		c, ok := s.connector().(HealthReporter)
		if !ok {
			return nil, unsupported(CanHealth)
		}
		r, err := c.Health(ctx, &HealthRequest{})
		if err != nil || r == nil {
			return nil, err
		}
		return encodeHealth(r), nil
	})
}
