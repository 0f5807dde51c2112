package host

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestEveryCallCarriesItsFieldsThere(t *testing.T) {
	c := launch(t, testSpec(t))
	ready(t, c)
	ctx := context.Background()

	about, err := c.Describe(ctx)
	require.NoError(t, err)
	want, _ := (&testConnector{}).Describe(ctx, nil)
	want.ProtocolMin, want.ProtocolMax = 1, 1
	want.Capabilities = []sdk.Capability{"validate", "check", "register", "discover", "webhook", "poll", "snapshot", "apply", "lookup", "read", "health"}
	require.Equal(t, want, about)
	require.Equal(t, "test.note", c.Status().Opened[0].Code)

	v, err := c.Validate(ctx, &sdk.ValidateRequest{Config: []byte(`{}`)})
	require.NoError(t, err)
	require.Equal(t, []sdk.Diagnostic{{Severity: "error", Code: "test.shop_missing", Path: "config.shop", Summary: "no shop", Do: "name the shop"}}, v.Diagnostics)

	check, err := c.Check(ctx, &sdk.CheckRequest{})
	require.NoError(t, err)
	require.Equal(t, "aurum", check.Account)

	reg, err := c.Register(ctx, &sdk.RegisterRequest{URL: "https://hub/hooks/web-eu"})
	require.NoError(t, err)
	require.Equal(t, &sdk.RegisterResponse{Created: []string{"https://hub/hooks/web-eu"}, Reactivated: []string{"orders/create"}}, reg)
	unreg, err := c.Unregister(ctx, &sdk.UnregisterRequest{URL: "u"})
	require.NoError(t, err)
	require.Equal(t, []string{"u"}, unreg.Removed)

	disc, err := c.Discover(ctx, &sdk.DiscoverRequest{})
	require.NoError(t, err)
	require.Equal(t, []sdk.Discovered{{ID: "1", Name: "Paris"}}, disc.Locations)

	since := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	poll, err := c.Poll(ctx, &sdk.PollRequest{Stream: "orders", Cursor: []byte{0xff, 0}, Since: since, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, append([]byte("2026-01-02T03:04:05.000006Z/"), 0xff, 0), poll.Cursor)
	require.True(t, poll.More)
	require.Equal(t, []canon.Ref{{Kind: "order", ExternalID: "9"}}, poll.Touched)

	page, err := c.Snapshot(ctx, &sdk.SnapshotRequest{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, []byte("2"), page.Next)
	require.Equal(t, map[string][]byte{"orders": []byte("c0")}, page.Cursors)
	require.EqualValues(t, 2, page.Total)
	last, err := c.Snapshot(ctx, &sdk.SnapshotRequest{Page: page.Next})
	require.NoError(t, err)
	require.True(t, last.Complete)
	require.Equal(t, []canon.Kind{"order"}, last.Kinds)
	require.Equal(t, []sdk.RowError{{Place: "a.csv:4", Code: "csv.bad", Reason: "no", Row: "4"}}, last.RowErrors)

	write := sdk.Write{Key: "k1", Ref: canon.Ref{Kind: "level", ExternalID: "44@1"}, Stock: &sdk.StockWrite{StockID: "44", Location: "1", Want: 0, Expect: 1}}
	applied, err := c.Apply(ctx, &sdk.ApplyRequest{Writes: []sdk.Write{write}})
	require.NoError(t, err)
	require.Len(t, applied.Results, 1)
	r := applied.Results[0]
	require.Equal(t, "k1", r.Key)
	require.Equal(t, sdk.StatusApplied, r.Status)
	require.Equal(t, 5*time.Millisecond, r.RetryAfter)
	shows, err := r.Shows.Observation()
	require.NoError(t, err)
	require.EqualValues(t, 0, *shows.Level.Available)

	looked, err := c.Lookup(ctx, &sdk.LookupRequest{Writes: []sdk.Write{write}})
	require.NoError(t, err)
	require.Equal(t, []Result{{Key: "k1", Status: "unknown", Code: "test.cannot_tell", Reason: "no idea"}}, looked.Results)

	read, err := c.Read(ctx, &sdk.ReadRequest{Refs: []canon.Ref{{Kind: "listing", ExternalID: "5"}}, Hints: []sdk.ReadHint{{ProductID: "p"}}})
	require.NoError(t, err)
	require.Equal(t, "5/p", read.Facts[0].ExternalID)
	require.Equal(t, 250*time.Millisecond, read.RetryAfter)

	health, err := c.Health(ctx, &sdk.HealthRequest{})
	require.NoError(t, err)
	wantHealth, _ := (&testConnector{}).Health(ctx, nil)
	require.Equal(t, wantHealth, health)
}

func TestAnActionCrossesTheWireWhole(t *testing.T) {
	c := launch(t, testSpec(t))
	action := &sdk.Action{
		Kind: canon.ActionRefundLines, Lines: []canon.ActionLine{{ID: "7", Quantity: 2}, {ID: "8", Quantity: 1}}, Refund: canon.RefundByHand, Restock: true,
		Notify: true, Reason: canon.ReasonInventory, Note: "sold twice", AttemptedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
	}
	write := sdk.Write{Key: "k1", Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: "9"}, Action: action}
	done, err := c.Apply(context.Background(), &sdk.ApplyRequest{Writes: []sdk.Write{write}})
	require.NoError(t, err)
	r := done.Results[0]
	asked, err := json.Marshal(action)
	require.NoError(t, err)
	require.JSONEq(t, string(asked), r.Reason, "what the connector was asked for")
	require.Equal(t, "9", r.Shows.ExternalID)
	require.Equal(t, "r1", r.Also[0].ExternalID)
	require.Equal(t, &canon.StatedMoney{Amount: "12.50", Currency: "EUR"}, r.Amount)
	require.True(t, r.ByHand)
}

func TestFactsKeepPersonalFieldsInTheirOwnSection(t *testing.T) {
	c := launch(t, testSpec(t))
	body := []byte(`{"id":1}`)
	got, err := c.HandleWebhook(context.Background(), &sdk.WebhookRequest{
		Method: "POST", Path: "/", Headers: map[string][]string{"X-Signature": {sign(body)}, "X-Delivery": {"d-1"}}, Body: body,
	})
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictAccepted, got.Verdict)
	require.Equal(t, "d-1", got.DeliveryID)
	require.Len(t, got.Facts, 1)
	f := got.Facts[0]
	require.Equal(t, canon.KindOrder, f.Kind)
	require.Equal(t, "d-1", f.ExternalID)
	require.NotContains(t, string(f.Data), "zoe@example.com")
	require.NotContains(t, string(f.Data), "buyer")
	require.JSONEq(t, `{"given_name":"Zoé","emails":["zoe@example.com"]}`, string(f.Personal))
	o, err := f.Observation()
	require.NoError(t, err)
	require.Equal(t, order("d-1"), o)
}

func TestWebhookVerdicts(t *testing.T) {
	c := launch(t, testSpec(t))
	call := func(path, query string) (*WebhookResult, error) {
		return c.HandleWebhook(context.Background(), &sdk.WebhookRequest{Method: "POST", Path: path, Query: query, Body: []byte("{}")})
	}
	got, err := call("/", "")
	require.NoError(t, err)
	require.Equal(t, &WebhookResult{Verdict: sdk.VerdictBadSignature, Reason: "signature differs"}, got)

	got, err = call("/challenge", "c=\xff1")
	require.NoError(t, err)
	require.Equal(t, &WebhookResult{Verdict: sdk.VerdictChallenge, Status: 200, ContentType: "text/plain", Body: []byte("c=\xff1")}, got, "bytes that are not UTF-8 pass")

	_, err = call("/panic", "")
	require.ErrorIs(t, err, ErrConnector)
	requireCode(t, err, sdk.CodePanic)
	require.NotContains(t, err.Error(), testSecret)

	_, err = call("/malformed-observation", "")
	requireCode(t, err, sdk.CodeBadObservation)
	_, err = call("/facts-of-a-forgery", "")
	require.ErrorIs(t, err, ErrBadAnswer)

	_, err = c.HandleWebhook(context.Background(), &sdk.WebhookRequest{Body: make([]byte, maxDelivery+1)})
	require.ErrorIs(t, err, ErrTooLarge)
	require.True(t, NotSent(err))
	require.Zero(t, c.Status().Restarts, "none of it ends the process")
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
}

func TestErrorsCarryACodeAndNoSecret(t *testing.T) {
	c := launch(t, testSpec(t))
	poll := func(stream string) error {
		_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: stream})
		require.Error(t, err)
		require.NotContains(t, err.Error(), testSecret)
		return err
	}
	err := poll("fail")
	require.ErrorIs(t, err, ErrConnector)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "test.throttled", e.Code)
	require.Equal(t, "wait", e.Do)
	require.Equal(t, 3*time.Second, e.RetryAfter)
	require.Equal(t, "token [redacted by the hub] is throttled", e.Message)
	require.False(t, NotSent(err))

	requireCode(t, poll("plain-failure"), sdk.CodeFailed)
	requireCode(t, poll("panic"), sdk.CodePanic)
	requireCode(t, poll("nothing"), sdk.CodeBadAnswer)
	require.ErrorIs(t, poll("endless"), ErrBadAnswer)

	_, err = c.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: []byte("stuck")})
	require.ErrorIs(t, err, ErrBadAnswer)
	require.Zero(t, c.Status().Restarts)
}

func TestApplyResultsMustMatchTheirWrites(t *testing.T) {
	c := launch(t, testSpec(t))
	for _, key := range []string{"lose", "misname"} {
		_, err := c.Apply(context.Background(), &sdk.ApplyRequest{Writes: []sdk.Write{{Key: key, Stock: &sdk.StockWrite{}}}})
		require.ErrorIs(t, err, ErrBadAnswer, key)
		require.False(t, NotSent(err))
	}
}

func TestHangingCallEndsAtItsDeadline(t *testing.T) {
	spec := testSpec(t)
	spec.Deadlines.Poll = 150 * time.Millisecond
	spec.Deadlines.Webhook = 150 * time.Millisecond
	c := launch(t, spec)
	ready(t, c)

	begin := time.Now()
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "hang"})
	require.ErrorIs(t, err, ErrDeadline)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, NotSent(err), "what a hanging call did is not known")
	require.Less(t, time.Since(begin), 30*time.Second)

	_, err = c.HandleWebhook(context.Background(), &sdk.WebhookRequest{Path: "/hang"})
	require.Error(t, err)
	require.False(t, NotSent(err))

	_, err = c.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err, "a hanging call holds up no other")
}
