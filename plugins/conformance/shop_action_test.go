package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// books are what the twin keeps beside Acme's items: orders, and who wants webhooks.
type books struct {
	mu     sync.Mutex
	orders map[string]*sold
	hooks  []hook
	last   int
}

type sold struct {
	ID       string   `json:"id"`
	Lines    []string `json:"lines"`
	Canceled []string `json:"canceled"` // the notes of each cancellation
	Refunds  []string `json:"refunds"`  // the notes of each refund
}

type hook struct {
	ID    string `json:"id"`
	Topic string `json:"topic"`
	URL   string `json:"url"`
}

func (b *books) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders, b.hooks = map[string]*sold{}, nil
}

func (b *books) next() string {
	b.last++
	return strconv.Itoa(b.last)
}

// serve answers what is about orders and webhooks. The platform knows no idempotency keys for them.
func (b *books) serve(w http.ResponseWriter, r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch path[1] {
	case "locations":
		answer(http.StatusOK, []sdk.Discovered{{ID: "1", Name: "Paris"}, {ID: "2", Name: "Lyon"}})
	case "hooks":
		switch r.Method {
		case http.MethodPost:
			var h hook
			_ = json.NewDecoder(r.Body).Decode(&h)
			h.ID = b.next()
			b.hooks = append(b.hooks, h)
		case http.MethodDelete:
			b.hooks = slices.DeleteFunc(b.hooks, func(h hook) bool { return h.ID == path[2] })
		}
		answer(http.StatusOK, b.hooks)
	case "orders":
		o := b.orders[path[2]]
		if o == nil {
			answer(http.StatusNotFound, nil)
			return true
		}
		var note struct{ Note string }
		_ = json.NewDecoder(r.Body).Decode(&note)
		switch {
		case len(path) == 3:
		case path[3] == "cancel":
			o.Canceled = append(o.Canceled, note.Note)
		case path[3] == "refund":
			o.Refunds = append(o.Refunds, note.Note)
		}
		answer(http.StatusOK, o)
	default:
		return false
	}
	return true
}

// Sell implements Seller.
func (s *shopTwin) Sell(_ context.Context, lines int) (Sale, error) {
	b := &s.books
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &sold{ID: "O" + b.next()}
	for range lines {
		o.Lines = append(o.Lines, "L"+b.next())
	}
	b.orders[o.ID] = o
	return Sale{Order: o.ID, Lines: o.Lines}, nil
}

// Effects implements Seller.
func (s *shopTwin) Effects(_ context.Context, order string) (Effects, error) {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	o := s.books.orders[order]
	return Effects{Cancels: len(o.Canceled), Refunds: len(o.Refunds)}, nil
}

// Hooks implements Hooked.
func (s *shopTwin) Hooks(context.Context) ([]string, error) {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	var out []string
	for _, h := range s.books.hooks {
		out = append(out, h.Topic+" "+h.URL)
	}
	return out, nil
}

// DropHook implements Hooked.
func (s *shopTwin) DropHook(context.Context) error {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	s.books.hooks = s.books.hooks[1:]
	return nil
}

// act does what an action asks for, unless the order's notes show that it was done.
func (s *shop) act(ctx context.Context, w *sdk.Write) sdk.Result {
	if s.fault == "action-lies" {
		return sdk.Result{Status: sdk.StatusApplied}
	}
	var o sold
	err := s.get(ctx, "/api/orders/"+w.Ref.ExternalID, nil, &o)
	var failed *sdk.Error
	switch {
	case errors.Is(err, errNotThere) && s.fault == "action-retries-for-ever":
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
	case errors.Is(err, errNotThere):
		return sdk.Result{Status: sdk.StatusRejected, Code: "shop.no_order"}
	case errors.As(err, &failed):
		return s.pausedAction(failed.RetryAfter.Milliseconds())
	case err != nil:
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
	case s.noted(&o, w.Key) && s.fault != "action-forgets":
		return sdk.Result{Status: sdk.StatusDuplicate}
	}
	what := "cancel"
	if w.Action.Kind == canon.ActionRefundLines {
		what = "refund"
	}
	body, err := json.Marshal(map[string]string{"note": w.Key})
	if err != nil {
		return sdk.Result{Status: sdk.StatusRejected, Reason: err.Error()}
	}
	resp, err := s.do(ctx, http.MethodPost, "/api/orders/"+o.ID+"/"+what, body, "")
	switch {
	case err != nil && errors.Is(err, sdk.ErrNotSent):
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
	case (err != nil || resp.Status >= 500) && s.fault == "action-lost-is-retry":
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
	case err != nil || resp.Status >= 500:
		return sdk.Result{Status: sdk.StatusUnknown}
	case resp.Status == http.StatusTooManyRequests:
		return s.pausedAction(resp.RetryAfter.Milliseconds())
	case resp.Status != http.StatusOK:
		return sdk.Result{Status: sdk.StatusRejected, Code: "shop.refused"}
	}
	return sdk.Result{Status: sdk.StatusApplied, Shows: &canon.Observation{Kind: canon.KindOrder, ExternalID: o.ID, Order: &canon.OrderState{
		Status: canon.OrderCancelled, Currency: "EUR", Total: canon.StatedMoney{Amount: "1.00", Currency: "EUR"},
	}}}
}

func (s *shop) pausedAction(millis int64) sdk.Result {
	if s.fault == "action-ignores-retry-after" {
		millis = 10
	}
	return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: millis}
}

func (s *shop) noted(o *sold, key string) bool {
	return slices.Contains(o.Canceled, key) || slices.Contains(o.Refunds, key)
}

func (s *shop) lookUpAction(ctx context.Context, w *sdk.Write) sdk.Result {
	var o sold
	r := sdk.Result{Key: w.Key, Status: sdk.StatusRejected}
	switch err := s.get(ctx, "/api/orders/"+w.Ref.ExternalID, nil, &o); {
	case s.fault == "action-lookup-denies":
	case err != nil:
		r.Status, r.RetryAfterMillis = sdk.StatusUnknown, 10
	case s.noted(&o, w.Key) || s.fault == "action-lookup-believes":
		r.Status = sdk.StatusApplied
	}
	return r
}

func (s *shop) Discover(ctx context.Context, _ *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	out := &sdk.DiscoverResponse{}
	if err := s.get(ctx, "/api/locations", nil, &out.Locations); err != nil {
		return nil, err
	}
	if s.fault == "discover-without-names" {
		out.Locations[0].Name = ""
	}
	return out, nil
}

func (s *shop) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	if s.well.Load() || s.fault == "health-believes" {
		return &sdk.HealthResponse{OK: true}, nil
	}
	return &sdk.HealthResponse{Reason: "the last request failed"}, nil
}

var hookTopics = []string{"items/update", "orders/create"}

func (s *shop) hooksOf(ctx context.Context, url string) ([]hook, error) {
	var all []hook
	if err := s.get(ctx, "/api/hooks", nil, &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(h hook) bool { return h.URL != url && s.fault != "unregister-takes-all" }), nil
}

func (s *shop) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	there, err := s.hooksOf(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	out := &sdk.RegisterResponse{}
	s.mu.Lock()
	remembered := s.hooked && s.fault == "register-remembers"
	s.hooked = true
	s.mu.Unlock()
	for _, topic := range hookTopics {
		known := slices.ContainsFunc(there, func(h hook) bool { return h.Topic == topic && h.URL == req.URL })
		if remembered || known && s.fault != "register-again" {
			continue
		}
		body, err := json.Marshal(hook{Topic: topic, URL: req.URL})
		if err != nil {
			return nil, err
		}
		if resp, err := s.do(ctx, http.MethodPost, "/api/hooks", body, ""); err != nil || resp.Status != http.StatusOK {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, errors.Join(err, errNotThere))
		}
		out.Created = append(out.Created, topic)
	}
	return out, nil
}

func (s *shop) Unregister(ctx context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	there, err := s.hooksOf(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	out := &sdk.UnregisterResponse{}
	for _, h := range there {
		if _, err := s.do(ctx, http.MethodDelete, "/api/hooks/"+h.ID, nil, ""); err != nil {
			return nil, err
		}
		out.Removed = append(out.Removed, h.Topic)
	}
	return out, nil
}
