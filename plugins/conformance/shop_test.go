package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	acme "github.com/jumpring/jumpring/plugins/scaffold/acme/twin"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connectors under test: "good", and one for each fault.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "connector" {
		sdk.Serve(func() sdk.Connector { return &shop{fault: os.Args[2]} })
		return
	}
	os.Exit(m.Run())
}

// shop is a small connector that keeps every rule but the one that fault names.
type shop struct {
	fault   string
	secrets map[string]string
	log     func(string)
	client  *sdk.HTTPClient
	tokens  *sdk.Tokens
	url     string

	hooks  sync.Mutex // guards last, count and leaks
	mu     sync.Mutex
	cursor []byte // what the faults that keep a position in memory keep
	last   *item
	count  int
	leaks  [][]byte
	well   atomic.Bool // what the last request showed
	hooked bool        // of a fault
}

type item = acme.Item

func (s *shop) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	d := &sdk.DescribeResponse{
		Name: "shop", Version: "1.0.0", Summary: "A shop for tests.", Kinds: []canon.Kind{canon.KindListing, canon.KindLevel},
		Config: []sdk.ConfigField{
			{Key: "url", Type: "url", Description: "where the shop is", Required: true},
			{Key: "client_secret", Type: "string", Description: "signs webhooks", Required: true, Secret: true},
			{Key: "access_token", Type: "string", Description: "the present token", Secret: true},
			{Key: "refresh_token", Type: "string", Description: "gets the next token", Secret: true},
		},
		Streams: []sdk.Stream{{Name: "items", IntervalMillis: 1000}}, Actions: []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines},
	}
	switch s.fault {
	case "describe-incomplete":
		d.Version, d.Config[0].Type = "latest", "text"
	case "describe-unknown-action":
		d.Actions = []canon.ActionKind{"print"}
	case "describe-changes":
		d.Summary = fmt.Sprint("Started at ", time.Now().UnixNano())
	}
	return d, nil
}

func (s *shop) Open(ctx context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	var config struct{ URL string }
	if err := json.Unmarshal(req.Config, &config); err != nil {
		return nil, err
	}
	s.url, s.secrets = config.URL, req.Secrets
	s.log = func(text string) { req.Log.Info(text) }
	client := sdk.HTTPConfig{Retries: -1, Limits: func(int, http.Header) time.Duration { return 0 }} // it tells the hub instead
	if s.fault == "reads-once" {
		client.Transport = readsOnce{}
	}
	s.client = sdk.NewHTTPClient(client)
	tokens := sdk.TokenConfig{
		URL: s.url + "/token", AccessToken: req.Secrets["access_token"], RefreshToken: req.Secrets["refresh_token"], Host: req.Host,
		Keys: sdk.TokenKeys{Access: "access_token", Refresh: "refresh_token"},
	}
	switch s.fault {
	case "token-used-early":
		tokens.Host = lateVault{req.Host}
	case "token-not-kept":
		tokens.Keys.Refresh = "another"
	}
	s.tokens = sdk.NewTokens(tokens)
	switch s.fault {
	case "open-needs-platform":
		if err := s.get(ctx, "/api/account", nil, &struct{}{}); errors.Is(err, sdk.ErrNotSent) {
			return nil, err
		}
	case "secret-in-log":
		req.Log.Info("opening", "secret", req.Secrets["client_secret"])
	}
	return &sdk.OpenResponse{}, nil
}

// readsOnce takes what comes first for the whole answer.
type readsOnce struct{}

func (readsOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	part := make([]byte, 64<<10)
	n, _ := resp.Body.Read(part)
	resp.Body.Close()
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(part[:n])), int64(n)
	return resp, nil
}

// lateVault seals a token a moment after it was used.
type lateVault struct{ sdk.Host }

func (v lateVault) RotateSecret(key, value string) error {
	go func() {
		time.Sleep(3 * time.Second) // long enough for the request to come first on a slow machine
		_ = v.Host.RotateSecret(key, value)
	}()
	return nil
}

func (s *shop) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	if s.fault == "close-hangs" {
		select {}
	}
	s.client.CloseIdle()
	return &sdk.CloseResponse{}, nil
}

func (s *shop) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	out := &sdk.ValidateResponse{}
	var config map[string]any
	if err := json.Unmarshal(req.Config, &config); err != nil {
		return nil, err
	}
	missing := func(path string) {
		out.Diagnostics = append(out.Diagnostics, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "shop.missing", Path: path, Summary: "missing", Do: "set it"})
	}
	if config["url"] == nil {
		missing("config.url")
	}
	if req.Secrets["client_secret"] == "" && s.fault != "validate-misses-a-key" {
		missing("secrets.client_secret")
	}
	return out, nil
}

func (s *shop) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	err := s.get(ctx, "/api/account", nil, &struct{}{})
	switch {
	case s.fault == "check-finds-fault":
		err = errors.New("always something")
	case s.fault == "check-believes" && errors.Is(err, errUnauthorized):
		err = nil
	}
	if err != nil {
		return &sdk.CheckResponse{Diagnostics: []sdk.Diagnostic{{Severity: sdk.SeverityError, Code: "shop.check", Summary: err.Error(), Do: "look"}}}, nil
	}
	return &sdk.CheckResponse{}, nil
}

var (
	errUnauthorized = &sdk.Error{Code: "shop.unauthorized", Message: "refused"}
	errNotThere     = errors.New("not there")
)

// do sends a request with the token. A fault has the context ignored.
func (s *shop) do(ctx context.Context, method, path string, body []byte, key string) (resp *sdk.HTTPResponse, err error) {
	if s.fault == "ignores-context" {
		ctx = context.WithoutCancel(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer func() { s.well.Store(err == nil && resp.Status < 500) }()
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return s.tokens.Do(s.client, req)
}

func (s *shop) get(ctx context.Context, path string, query url.Values, into any) error {
	resp, err := s.do(ctx, http.MethodGet, path+"?"+query.Encode(), nil, "")
	if err != nil {
		return err
	}
	switch {
	case resp.Status == http.StatusOK:
		return json.Unmarshal(resp.Body, into)
	case resp.Status == http.StatusNotFound:
		return errNotThere
	case resp.Status == http.StatusUnauthorized:
		return errUnauthorized
	case resp.Status == http.StatusTooManyRequests && s.fault != "poll-ignores-retry-after":
		return &sdk.Error{Code: "shop.throttled", RetryAfter: resp.RetryAfter}
	case s.fault == "secret-echoed":
		return fmt.Errorf("the shop says: %s", resp.Body)
	}
	return fmt.Errorf("status %d", resp.Status)
}

func (s *shop) observe(it *item) []canon.Observation {
	stock, version := it.Stock, it.Modified.UnixMicro()
	out := []canon.Observation{
		{Kind: canon.KindListing, ExternalID: it.ID, SourceVersion: version, Listing: &canon.ListingState{
			Title: it.Title, SKU: it.SKU, Prices: []canon.StatedMoney{{Amount: it.Price, Currency: "EUR"}},
		}},
		{Kind: canon.KindLevel, ExternalID: canon.LevelID(it.ID, ""), SourceVersion: version, Level: &canon.LevelState{StockID: it.ID, Available: &stock}},
	}
	if s.fault == "secret-in-fact" {
		out[0].Listing.Brand = s.secrets["client_secret"]
	}
	return out
}

const testOverlap = time.Minute

func (s *shop) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leak()
	switch s.fault {
	case "poll-panics":
		if len(req.Cursor) == 0 && req.Since.Year() > 2001 { // the poll of a platform that is not there
			panic("no answer")
		}
	case "poll-exits":
		if req.Since.Year() > 2001 {
			os.Exit(1)
		}
	case "poll-never-ends":
		s.count++
		return &sdk.PollResponse{More: true, Cursor: []byte(strconv.Itoa(s.count))}, nil
	case "poll-loses-ties":
		return s.pollByTime(ctx, req)
	case "poll-in-memory":
		if s.cursor != nil && len(req.Cursor) > 0 {
			req.Cursor = s.cursor
		} else if len(req.Cursor) > 0 {
			return nil, errors.New("the position was lost")
		}
	}
	cur, err := sdk.ParseTimeCursor(req.Cursor, req.Since, testOverlap)
	if err != nil {
		return nil, err
	}
	var items []item
	err = s.get(ctx, "/api/items", url.Values{
		"modified_from": {cur.From().Format(time.RFC3339Nano)}, "page": {strconv.Itoa(cur.Page())}, "limit": {strconv.Itoa(req.Limit)},
	}, &items)
	switch {
	case s.fault == "poll-invents" && errors.Is(err, sdk.ErrNotSent), s.fault == "poll-believes" && errors.Is(err, errUnauthorized):
		return &sdk.PollResponse{Cursor: req.Cursor}, nil
	case s.fault == "drops-what-breaks-off" && errors.Is(err, sdk.ErrOutcomeUnknown) && ctx.Err() == nil:
		return &sdk.PollResponse{Cursor: cur.Bytes()}, nil
	case err != nil && s.fault == "secret-in-error":
		return nil, fmt.Errorf("with %s: %w", s.secrets["client_secret"], err)
	case err != nil:
		return nil, err
	}
	out := &sdk.PollResponse{}
	for i := range items {
		if cur.Fresh(items[i].ID, items[i].Modified) {
			out.Observations = append(out.Observations, s.observe(&items[i])...)
		}
	}
	out.More = cur.EndPage(len(items) == req.Limit)
	out.Cursor = cur.Bytes()
	s.cursor = out.Cursor
	return out, nil
}

// pollByTime goes on after the last time seen, as if no two rows could have the same.
func (s *shop) pollByTime(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	from := req.Since
	if len(req.Cursor) > 0 {
		if err := from.UnmarshalText(req.Cursor); err != nil {
			return nil, err
		}
	}
	var items []item
	err := s.get(ctx, "/api/items", url.Values{"modified_from": {from.Format(time.RFC3339Nano)}, "limit": {strconv.Itoa(req.Limit)}}, &items)
	if err != nil {
		return nil, err
	}
	out := &sdk.PollResponse{More: len(items) == req.Limit}
	for i := range items {
		out.Observations = append(out.Observations, s.observe(&items[i])...)
		from = items[i].Modified.Add(time.Millisecond)
	}
	out.Cursor, err = from.MarshalText()
	return out, err
}

func (s *shop) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	out := &sdk.SnapshotResponse{Kinds: []canon.Kind{canon.KindListing, canon.KindLevel}}
	var account struct{ Now time.Time }
	after := string(req.Page)
	if s.fault == "snapshot-in-memory" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(req.Page) > 0 && s.cursor == nil {
			return nil, errors.New("the position was lost")
		}
	}
	take := func(back time.Duration) error {
		if err := s.get(ctx, "/api/account", nil, &account); err != nil {
			return err
		}
		cur, err := sdk.ParseTimeCursor(nil, account.Now.Add(-back), back)
		if err != nil {
			return err
		}
		out.Cursors = map[string][]byte{"items": cur.Bytes()}
		switch s.fault {
		case "poll-loses-ties":
			out.Cursors["items"], err = account.Now.Add(-back).MarshalText()
		case "poll-in-memory":
			s.cursor = cur.Bytes()
		}
		return err
	}
	first := after == ""
	if first && s.fault != "cursor-after-rows" && s.fault != "snapshot-without-cursor" {
		if err := take(testOverlap); err != nil {
			return nil, err
		}
	}
	if s.fault == "asks-for-more" { // than it did when its traffic was recorded
		req.Limit++
	}
	var items []item
	if err := s.get(ctx, "/api/items", url.Values{"after": {after}, "limit": {strconv.Itoa(req.Limit)}}, &items); err != nil {
		return nil, err
	}
	if first && s.fault == "cursor-after-rows" {
		if err := take(0); err != nil {
			return nil, err
		}
	}
	for i := range items {
		out.Observations = append(out.Observations, s.observe(&items[i])...)
	}
	out.Complete = len(items) < req.Limit
	if s.fault == "snapshot-names-no-kinds" {
		out.Kinds = nil
	}
	if len(items) > 0 {
		out.Next = []byte(items[len(items)-1].ID)
	}
	if s.fault == "snapshot-in-memory" {
		s.cursor = out.Next
	}
	return out, nil
}

func (s *shop) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	out := &sdk.ReadResponse{}
	for i, ref := range req.Refs {
		if s.fault == "read-the-first" && i > 0 {
			break
		}
		id, _ := canon.SplitLevelID(ref.ExternalID)
		var it item
		err := s.get(ctx, "/api/items/"+id, nil, &it)
		switch {
		case errors.Is(err, errNotThere) && s.fault == "read-leaves-out":
		case errors.Is(err, errNotThere):
			out.Observations = append(out.Observations, canon.Observation{Kind: ref.Kind, ExternalID: ref.ExternalID, Deleted: true})
		case err != nil:
			return nil, err
		default:
			out.Observations = append(out.Observations, s.observe(&it)...)
		}
	}
	return out, nil
}

func (s *shop) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	if s.fault == "webhook-waits-for-poll" {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	s.leak()
	s.hooks.Lock()
	defer s.hooks.Unlock()
	signature := req.Header("X-Signature")
	if s.fault != "webhook-unverified" && !sdk.VerifyHMACHex(s.secrets["client_secret"], req.Body, signature) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature}, nil
	}
	var body struct {
		ID, Challenge string
		At            time.Time
		Item          *item
	}
	if err := json.Unmarshal(req.Body, &body); err != nil {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed}, nil
	}
	if body.Challenge != "" {
		answer := []byte(body.Challenge)
		if s.fault == "challenge-quoted" {
			answer = req.Body
		}
		return &sdk.WebhookResponse{Verdict: sdk.VerdictChallenge, Body: answer}, nil
	}
	if req.ReceivedAt.Sub(body.At) > testWindow && s.fault != "webhook-takes-old-ones" {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "too old"}, nil
	}
	id := body.ID
	switch s.fault {
	case "webhook-refuses":
		return &sdk.WebhookResponse{Verdict: sdk.VerdictIgnored}, nil
	case "webhook-counts": // a repeated delivery gets another id
		if s.last != nil && s.last.ID == body.Item.ID {
			s.count++
			id = fmt.Sprint(id, "-", s.count)
		}
		s.last = body.Item
	case "webhook-compares": // what it says depends on what came before
		old := s.last
		s.last = body.Item
		if old != nil && old.Modified.After(body.Item.Modified) {
			return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, DeliveryID: id, Touched: []canon.Ref{{Kind: canon.KindListing, ExternalID: body.Item.ID}}}, nil
		}
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, DeliveryID: id, Observations: s.observe(body.Item)}, nil
}

// leak keeps a mebibyte of each call.
func (s *shop) leak() {
	s.hooks.Lock()
	defer s.hooks.Unlock()
	if s.fault == "leaks" {
		s.leaks = append(s.leaks, bytes.Repeat([]byte{1}, 1<<20))
	}
}

func (s *shop) Apply(ctx context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	out := &sdk.ApplyResponse{}
	for i := range req.Writes {
		var r sdk.Result
		if req.Writes[i].Action != nil {
			r = s.act(ctx, &req.Writes[i])
		} else {
			r = s.write(ctx, &req.Writes[i])
		}
		r.Key = req.Writes[i].Key
		out.Results = append(out.Results, r)
		if r.Status == sdk.StatusRejected && (s.fault == "batch-stops" && req.Writes[i].Stock != nil || s.fault == "action-batch-stops" && req.Writes[i].Action != nil) {
			for _, w := range req.Writes[i+1:] {
				out.Results = append(out.Results, sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "shop.batch"})
			}
			break
		}
	}
	return out, nil
}

func (s *shop) write(ctx context.Context, w *sdk.Write) sdk.Result {
	key, want, expect := w.Key, w.Stock.Want, w.Stock.Expect
	switch s.fault {
	case "apply-overwrites", "apply-adds": // takes what is there for what is expected
		var it item
		err := s.get(ctx, "/api/items/"+w.Stock.StockID, nil, &it)
		var failed *sdk.Error
		switch {
		case errors.Is(err, errNotThere):
			return sdk.Result{Status: sdk.StatusRejected, Code: "shop.no_item"}
		case errors.As(err, &failed):
			return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: failed.RetryAfter.Milliseconds()}
		case err != nil:
			return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
		}
		if s.fault == "apply-adds" && it.Stock != expect && it.Stock != want {
			return sdk.Result{Status: sdk.StatusConflict}
		}
		key = strconv.FormatInt(time.Now().UnixNano(), 36)
		if s.fault == "apply-adds" {
			want = it.Stock + want - expect
		}
		expect = it.Stock
	}
	body, err := json.Marshal(map[string]int64{"want": want, "expect": expect})
	if err != nil {
		return sdk.Result{Status: sdk.StatusRejected, Reason: err.Error()}
	}
	resp, err := s.do(ctx, http.MethodPut, "/api/items/"+w.Stock.StockID+"/stock", body, key)
	switch {
	case err != nil && s.fault == "lost-is-applied":
		return sdk.Result{Status: sdk.StatusApplied}
	case err != nil && s.fault != "unknown-is-retry" && errors.Is(err, sdk.ErrOutcomeUnknown):
		return sdk.Result{Status: sdk.StatusUnknown}
	case err != nil:
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
	}
	switch resp.Status {
	case http.StatusOK:
		r := sdk.Result{Status: sdk.StatusApplied}
		if s.fault == "apply-misstates" {
			wrong := want + 1
			r.Shows = &canon.Observation{Kind: canon.KindLevel, ExternalID: w.Ref.ExternalID, Level: &canon.LevelState{StockID: w.Stock.StockID, Available: &wrong}}
		}
		return r
	case http.StatusConflict:
		return sdk.Result{Status: sdk.StatusConflict}
	case http.StatusNotFound:
		return sdk.Result{Status: sdk.StatusRejected, Code: "shop.no_item"}
	case http.StatusTooManyRequests:
		if s.fault == "apply-ignores-retry-after" {
			return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
		}
		return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: resp.RetryAfter.Milliseconds()}
	case http.StatusInternalServerError:
		if s.fault == "unknown-is-retry" {
			return sdk.Result{Status: sdk.StatusRetry, RetryAfterMillis: 10}
		}
		return sdk.Result{Status: sdk.StatusUnknown}
	}
	return sdk.Result{Status: sdk.StatusRejected, Code: "shop.refused"}
}

func (s *shop) Lookup(ctx context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	out := &sdk.LookupResponse{}
	for _, w := range req.Writes {
		if w.Action != nil {
			out.Results = append(out.Results, s.lookUpAction(ctx, &w))
			continue
		}
		err := s.get(ctx, "/api/writes/"+w.Key, nil, &struct{}{})
		status := sdk.StatusUnknown
		switch {
		case err == nil:
			status = sdk.StatusApplied
		case errors.Is(err, errNotThere):
			status = sdk.StatusRejected
		}
		switch s.fault {
		case "lookup-denies":
			status = sdk.StatusRejected
		case "apply-overwrites", "apply-adds": // they send keys of their own
			status = sdk.StatusUnknown
		}
		out.Results = append(out.Results, sdk.Result{Key: w.Key, Status: status})
	}
	return out, nil
}

// shopTwin is Acme's twin behind a door that takes tokens which expire.
type shopTwin struct {
	acme   *acme.Server
	server *httptest.Server

	mu      sync.Mutex
	access  string
	refresh string
	n       int
	books   books
}

const (
	acmeKey     = "the-twins-own-key"
	firstAccess = "canary-access-first"
	firstToken  = "canary-refresh-first"
)

func newShopTwin(t testing.TB) *shopTwin {
	s := &shopTwin{acme: acme.New(acmeKey), access: firstAccess, refresh: firstToken}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *shopTwin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		s.renew(w, r)
		return
	}
	s.mu.Lock()
	ok := r.Header.Get("Authorization") == "Bearer "+s.access
	s.mu.Unlock()
	if ok {
		if s.books.serve(w, r) {
			return
		}
		r.Header.Set("Authorization", "Bearer "+acmeKey)
	}
	s.acme.ServeHTTP(w, r)
}

// renew takes each refresh token once.
func (s *shopTwin) renew(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.PostFormValue("refresh_token") != s.refresh {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.n++
	s.access, s.refresh = fmt.Sprint("canary-access-", s.n), fmt.Sprint("canary-refresh-", s.n)
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": s.access, "refresh_token": s.refresh})
}

func (s *shopTwin) URL() string { return s.server.URL }

func (s *shopTwin) Reset(ctx context.Context, n int) error {
	s.mu.Lock()
	s.access, s.refresh = firstAccess, firstToken
	s.mu.Unlock()
	s.books.reset()
	return s.door(ctx, "reset", n)
}

func (s *shopTwin) Change(ctx context.Context, n int) error { return s.door(ctx, "change", n) }

func (s *shopTwin) Expire(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access = ""
	return nil
}

func (s *shopTwin) door(ctx context.Context, name string, n int) error {
	w := httptest.NewRecorder()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("/_twin/%s?n=%d", name, n), io.LimitReader(nil, 0))
	if err != nil {
		return err
	}
	s.acme.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Errorf("status %d", w.Code)
	}
	return nil
}
