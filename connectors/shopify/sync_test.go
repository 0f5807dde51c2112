package shopify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func ref(kind canon.Kind, id string) canon.Ref { return canon.Ref{Kind: kind, ExternalID: id} }

// What a webhook says and what a read says of the same state are the same, apart from what the body can't carry. If
// they were not, every tie of versions would look like a change.
func TestAWebhookAndAReadOfOneStateAgree(t *testing.T) {
	now := time.Now().Add(-time.Minute)
	s := newShop(t, twin.Options{Clock: func() time.Time { return now }}, map[string]any{"attributes": []string{"custom.designer"}}, nil)
	s.subscribe(t)
	ring, other := s.piece(t, 1), s.piece(t, 2)
	now = now.Add(time.Second) // a second per event, so that versions tell which delivery is the newest
	placed, err := s.twin.PlaceOrder(twin.NewOrder{Customer: &clara, Lines: []twin.NewLine{
		{VariantID: ring.Variants[0], Discount: "12.30", Properties: []twin.Property{{Name: "_serial", Value: "AU-0001"}}}, {VariantID: other.Variants[0]},
	}})
	require.NoError(t, err)
	now = now.Add(time.Second)
	require.NoError(t, s.twin.FulfilOrder(placed.ID))
	now = now.Add(time.Second)
	_, err = s.twin.Refund(placed.ID, []twin.RefundLine{{LineID: placed.Lines[0], Quantity: 1, Restock: "return"}}, "too small")
	require.NoError(t, err)
	s.settled(t)

	newest := map[canon.Ref]canon.Observation{}
	for _, d := range s.deliveries("") {
		require.Contains(t, []sdk.Verdict{sdk.VerdictAccepted, sdk.VerdictIgnored}, d.res.Verdict, "%s: %s", d.topic, d.res.Reason)
		for _, o := range d.res.Observations {
			if old, ok := newest[o.Ref()]; !ok || o.SourceVersion >= old.SourceVersion {
				newest[o.Ref()] = o
			}
		}
	}
	kinds := map[canon.Kind]int{}
	var refs []canon.Ref
	for r := range newest {
		kinds[r.Kind]++
		refs = append(refs, r)
	}
	require.Equal(t, map[canon.Kind]int{canon.KindProduct: 2, canon.KindListing: 2, canon.KindLevel: 2, canon.KindOrder: 1, canon.KindRefund: 1, canon.KindCustomer: 1}, kinds)
	read := s.read(t, refs...)
	for r, pushed := range newest {
		fetched, ok := read[r]
		require.True(t, ok, "%v was not read", r)
		// A webhook's hidden fields are unknown, so they are left out of the comparison.
		visible := func(o canon.Observation) map[string]any {
			raw, err := json.Marshal(o)
			require.NoError(t, err)
			var m map[string]any
			require.NoError(t, json.Unmarshal(raw, &m))
			delete(m, "hidden")
			state := m[string(r.Kind)].(map[string]any)
			for _, h := range pushed.Hidden {
				delete(state, h)
			}
			return m
		}
		if diff := cmp.Diff(visible(fetched), visible(pushed)); diff != "" {
			t.Errorf("%v: read (-) and webhook (+) differ:\n%s", r, diff)
		}
	}
}

func TestReadShowsAPieceInFull(t *testing.T) {
	s := newShop(t, twin.Options{}, map[string]any{"attributes": []string{"custom.designer"}}, nil)
	ring := s.piece(t, 7)
	got := s.read(t, ref(canon.KindListing, ring.Variants[0]))
	require.Len(t, got, 2, "the listing and its level")
	tracked := true
	made := got[ref(canon.KindListing, ring.Variants[0])].Listing.CreatedAt
	require.NotNil(t, made, "when the shop made it")
	want := &canon.ListingState{
		CreatedAt: made,
		ProductID: ring.ID, StockID: ring.Items[0], Title: "Ring 7", SKU: "RG-0007", GTIN: "4006381333931", Brand: "Aurum", Category: "Ring", Status: "active",
		Tracked: &tracked, Serial: "AU-0007", Metal: "18 Karat yellow gold", Weight: "4.2 g", Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2200007"}},
		Stones: []canon.StatedStone{{Kind: "diamond", Carat: "0.51 carat", Count: 1}}, Prices: []canon.StatedMoney{{Amount: "1250.50", Currency: "EUR"}},
		Cost: &canon.StatedMoney{Amount: "600.00", Currency: "EUR"}, Attributes: []canon.StatedAttribute{{Code: "custom.designer", Value: "L. Moreau"}},
	}
	if diff := cmp.Diff(want, got[ref(canon.KindListing, ring.Variants[0])].Listing); diff != "" {
		t.Error(diff)
	}
	level := got[ref(canon.KindLevel, canon.LevelID(ring.Items[0], location1))]
	require.EqualValues(t, 1, available(t, &level))
}

func TestReadOfWhatIsGoneIsADeletion(t *testing.T) {
	s := newShop(t, twin.Options{Scopes: append([]string{"read_all_orders"}, twin.AllScopes...)}, nil, nil)
	ring := s.piece(t, 1)
	require.NoError(t, s.twin.DeleteProduct(ring.ID))
	res, err := s.Read(context.Background(), &sdk.ReadRequest{
		Refs:  []canon.Ref{ref(canon.KindProduct, ring.ID), ref(canon.KindLevel, canon.LevelID(ring.Items[0], location1)), ref(canon.KindOrder, "gid://shopify/Order/99999"), ref(canon.KindCustomer, "gid://shopify/Customer/99999"), ref(canon.KindListing, "no id of this shop")},
		Hints: []sdk.ReadHint{{ListingID: ring.Variants[0]}},
	})
	require.NoError(t, err)
	got := byRef(t, res.Observations)
	require.Len(t, got, 5)
	for _, r := range []canon.Ref{ref(canon.KindProduct, ring.ID), ref(canon.KindListing, ring.Variants[0]), ref(canon.KindLevel, canon.LevelID(ring.Items[0], location1)), ref(canon.KindOrder, "gid://shopify/Order/99999"), ref(canon.KindCustomer, "gid://shopify/Customer/99999")} {
		require.True(t, got[r].Deleted, "%v", r)
	}
}

// Without read_all_orders an old order looks as if it were deleted. It must not be taken for that.
func TestAnOrderOutOfSightIsNotDeleted(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)
	placed, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: ring.Variants[0]}}, PlacedAt: time.Now().AddDate(0, -3, 0)})
	require.NoError(t, err)
	require.Empty(t, s.read(t, ref(canon.KindOrder, placed.ID)))
}

func TestMoreRowsThanOneNestedPage(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	for n := range 12 {
		s.twin.AddLocation(fmt.Sprintf("Boutique %d", n+2), "FR")
	}
	product := twin.NewProduct{Title: "Sizes"}
	for n := range 60 {
		product.Variants = append(product.Variants, twin.NewVariant{Title: fmt.Sprintf("US %d", n), SKU: fmt.Sprintf("SZ-%d", n), Price: "10", Stock: map[string]int64{location1: 9}})
	}
	product.Variants[0].Stock = nil // at all 13 locations
	product.Variants[1].Policy = "CONTINUE"
	created, err := s.twin.CreateProduct(product)
	require.NoError(t, err)
	var lines []twin.NewLine
	for _, v := range created.Variants[1:] {
		lines = append(lines, twin.NewLine{VariantID: v})
	}
	placed, err := s.twin.PlaceOrder(twin.NewOrder{Lines: lines})
	require.NoError(t, err)
	var back []twin.RefundLine
	for _, l := range placed.Lines {
		back = append(back, twin.RefundLine{LineID: l, Quantity: 1, Restock: "cancel"})
	}
	refund, err := s.twin.Refund(placed.ID, back, "")
	require.NoError(t, err)

	got := s.read(t, ref(canon.KindProduct, created.ID), ref(canon.KindOrder, placed.ID))
	require.Len(t, got[ref(canon.KindProduct, created.ID)].Product.ListingIDs, 60)
	require.Len(t, got[ref(canon.KindOrder, placed.ID)].Order.Lines, 59)
	require.Len(t, got[ref(canon.KindRefund, refund)].Refund.Lines, 59)
	kinds := map[canon.Kind]int{}
	for r := range got {
		kinds[r.Kind]++
	}
	require.Equal(t, map[canon.Kind]int{canon.KindProduct: 1, canon.KindListing: 60, canon.KindLevel: 59 + 13, canon.KindOrder: 1, canon.KindRefund: 1}, kinds)
	only := s.read(t, ref(canon.KindLevel, canon.LevelID(created.Items[0], "gid://shopify/Location/13")))
	require.Len(t, only, 1)
}

// walk takes a whole snapshot, giving each page to a new process where asked.
func (s *shop) walk(t testing.TB, restart func() *connector) (map[canon.Ref]canon.Observation, *sdk.SnapshotResponse, map[string][]byte) {
	t.Helper()
	all := map[canon.Ref]canon.Observation{}
	c := s.connector
	var page []byte
	var cursors map[string][]byte
	for range 10_000 {
		res, err := c.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 7})
		require.NoError(t, err)
		if page == nil {
			cursors = res.Cursors
			require.Len(t, cursors, 4)
		} else {
			require.Empty(t, res.Cursors, "only the first page has cursors")
		}
		for _, o := range res.Observations {
			require.NoError(t, o.Check())
			all[o.Ref()] = o
		}
		if res.Complete {
			require.Empty(t, res.Next)
			return all, res, cursors
		}
		require.NotEmpty(t, res.Next)
		page = res.Next
		if restart != nil {
			c = restart()
		}
	}
	t.Fatal("the snapshot does not end")
	return nil, nil, nil
}

func TestASnapshotGoesOnInAnotherProcess(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	for n := range 40 {
		s.piece(t, n)
	}
	for n := range 9 {
		_, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{SKU: fmt.Sprintf("RG-%04d", n)}}, Customer: &twin.NewCustomer{Email: fmt.Sprintf("c%d@example.org", n)}})
		require.NoError(t, err)
	}
	all, last, _ := s.walk(t, func() *connector { return open(t, s.url, nil, nil) })
	kinds := map[canon.Kind]int{}
	for r := range all {
		kinds[r.Kind]++
	}
	require.Equal(t, map[canon.Kind]int{canon.KindLocation: 1, canon.KindProduct: 40, canon.KindListing: 40, canon.KindLevel: 40, canon.KindCustomer: 9, canon.KindOrder: 9}, kinds)
	require.NotContains(t, last.Kinds, canon.KindOrder, "older orders exist that a snapshot does not show")
	require.Contains(t, last.Kinds, canon.KindLevel)
}

// What changes while the snapshot runs is found by the polls that start at its cursors.
func TestPollsGoOnWhereTheSnapshotBegan(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	rings := []twin.Created{s.piece(t, 1), s.piece(t, 2)}
	first, err := s.Snapshot(context.Background(), &sdk.SnapshotRequest{})
	require.NoError(t, err)
	_, err = s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: rings[0].Variants[0]}}})
	require.NoError(t, err)
	orders, _ := s.drainPoll(t, streamOrders, first.Cursors[streamOrders])
	require.Len(t, orders, 1)
	products, _ := s.drainPoll(t, streamProducts, first.Cursors[streamProducts])
	level := products[ref(canon.KindLevel, canon.LevelID(rings[0].Items[0], location1))]
	require.Zero(t, available(t, &level))
}

// drainPoll polls a stream until it has no more.
func (s *shop) drainPoll(t testing.TB, stream string, cursor []byte) (map[canon.Ref]canon.Observation, []byte) {
	t.Helper()
	all := map[canon.Ref]canon.Observation{}
	for range 2_000 {
		res, err := s.Poll(context.Background(), &sdk.PollRequest{Stream: stream, Cursor: cursor, Since: time.Now().Add(-24 * time.Hour), Limit: 3})
		require.NoError(t, err)
		for _, o := range res.Observations {
			require.NoError(t, o.Check())
			all[o.Ref()] = o
		}
		cursor = res.Cursor
		if !res.More {
			return all, cursor
		}
	}
	t.Fatalf("the poll of %s does not end", stream)
	return nil, nil
}

// All rows of this shop have the same modification time: none may be lost, and the poll has to end.
func TestPollWithTies(t *testing.T) {
	at := time.Now().Add(-30 * time.Second).Truncate(time.Second)
	s := newShop(t, twin.Options{Clock: func() time.Time { return at }}, nil, nil)
	for n := range 25 {
		s.piece(t, n)
		_, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{SKU: fmt.Sprintf("RG-%04d", n)}}, Customer: &twin.NewCustomer{Email: fmt.Sprintf("c%d@example.org", n)}})
		require.NoError(t, err)
	}
	for stream, want := range map[string]int{streamOrders: 25, streamCustomers: 25, streamProducts: 75, streamInventory: 50} {
		all, cursor := s.drainPoll(t, stream, nil)
		require.Len(t, all, want, stream)
		again, _ := s.drainPoll(t, stream, cursor)
		require.Len(t, again, want, "%s: rows inside the overlap are read again, since a late one may tie with them", stream)
	}
}

// A row that is committed late, with an older time than one that was seen, is still found.
func TestPollFindsALateCommit(t *testing.T) {
	now := time.Now()
	s := newShop(t, twin.Options{Clock: func() time.Time { return now }}, nil, nil)
	s.piece(t, 1)
	_, cursor := s.drainPoll(t, streamProducts, nil)
	now = now.Add(-90 * time.Second)
	late := s.piece(t, 2)
	all, _ := s.drainPoll(t, streamProducts, cursor)
	require.Contains(t, all, ref(canon.KindProduct, late.ID))
}

// On a quiet stream the floor moves on with the platform's clock, so that the overlap is not read for ever.
func TestPollMovesOnWithoutChanges(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	s := newShop(t, twin.Options{Clock: func() time.Time { return past }}, nil, nil)
	s.piece(t, 1)
	all, cursor := s.drainPoll(t, streamProducts, nil)
	require.NotEmpty(t, all)
	all, _ = s.drainPoll(t, streamProducts, cursor)
	require.Empty(t, all)
}

// Before a cursor reaches the depth at which the platform ends it, the walk starts anew at the last row's time.
func TestDeepWalksMoveTheFloor(t *testing.T) {
	now := time.Now().Add(-20 * time.Minute)
	s := newShop(t, twin.Options{Clock: func() time.Time { return now }, MaxCursorDepth: 20}, nil, nil)
	s.opened.Load().depth = 12
	for n := range 70 {
		if n%4 == 0 { // four in a second, so that a walk ends between rows that tie
			now = now.Add(time.Second)
		}
		s.piece(t, n)
	}
	all, _, _ := s.walk(t, nil)
	listings := 0
	for r := range all {
		if r.Kind == canon.KindListing {
			listings++
		}
	}
	require.Equal(t, 70, listings)
	items, _ := s.drainPoll(t, streamInventory, nil)
	require.Len(t, items, 140, "70 listings and their levels, walked by id")

	for n := 100; n < 120; n++ {
		s.piece(t, n) // all in one second
	}
	var err error
	var res *sdk.PollResponse
	var cursor []byte
	for err == nil {
		if res, err = s.Poll(context.Background(), &sdk.PollRequest{Stream: streamProducts, Cursor: cursor, Since: now, Limit: 5}); err == nil {
			require.True(t, res.More, "it must not pretend to have seen all")
			cursor = res.Cursor
		}
	}
	require.ErrorContains(t, err, "same second")
}

func TestBackgroundCallsSurviveFaults(t *testing.T) {
	s := newShop(t, twin.Options{BucketSize: 2_000, RestoreRate: 10_000}, nil, nil)
	for n := range 5 {
		s.piece(t, n)
	}
	for _, kind := range []twin.FaultKind{twin.Fault500Before, twin.FaultDropBefore, twin.FaultDropAfter, twin.Fault429, twin.FaultThrottle} {
		s.twin.Inject(twin.Fault{Kind: kind})
	}
	all, _ := s.drainPoll(t, streamProducts, nil)
	require.Len(t, all, 15)
}

func TestThrottledReadHandsOverWhatItHas(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)
	s.twin.Inject(twin.Fault{Kind: twin.FaultThrottle})
	res, err := s.Read(context.Background(), &sdk.ReadRequest{Refs: []canon.Ref{ref(canon.KindListing, ring.Variants[0])}})
	require.NoError(t, err)
	require.Empty(t, res.Observations)
	require.Positive(t, res.RetryAfterMillis)
}

// vault is the hub's side of secret rotation.
type vault struct {
	mu      sync.Mutex
	full    bool
	secrets map[string]string
	sealed  map[string]bool // every value that was ever sealed
}

func (v *vault) RotateSecret(key, value string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.full {
		return fmt.Errorf("the disk is full")
	}
	v.secrets[key], v.sealed[value] = value, true
	return nil
}

func (v *vault) setFull(full bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.full = full
}

func (v *vault) has(value string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sealed[value]
}

func TestExpiringTokensAreSealedBeforeTheyAreUsed(t *testing.T) {
	srv := twin.New(twin.Options{Shop: testShop, ClientID: "app", ClientSecret: testSecret, RefreshToken: "shprt_first"})
	var used, unsealed atomic.Int64
	v := &vault{secrets: map[string]string{}, sealed: map[string]bool{}}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("X-Shopify-Access-Token"); token != "" {
			used.Add(1)
			if !v.has(token) {
				unsealed.Add(1)
			}
		}
		srv.ServeHTTP(w, r)
	}))
	defer api.Close()
	defer func() { require.NoError(t, srv.Close()) }()

	raw, err := json.Marshal(map[string]any{"shop": testShop, "endpoint": api.URL, "client_id": "app"})
	require.NoError(t, err)
	openWith := func(secrets map[string]string) *connector {
		secrets["client_secret"] = testSecret
		c := New().(*connector)
		res, err := c.Open(context.Background(), &sdk.OpenRequest{Config: raw, Secrets: secrets, Host: v})
		require.NoError(t, err)
		require.Empty(t, res.Diagnostics)
		t.Cleanup(func() { _, _ = c.Close(context.Background(), &sdk.CloseRequest{}) })
		return c
	}
	c := openWith(map[string]string{"refresh_token": "shprt_first"})

	v.setFull(true)
	check, err := c.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	require.Len(t, check.Diagnostics, 1)
	require.Zero(t, used.Load(), "what the vault did not take is not used")
	v.setFull(false)
	check, err = c.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	require.Empty(t, check.Diagnostics, "the pair that was given is sealed then, not lost")
	require.EqualValues(t, 1, srv.Ledger().Counts.TokenRequests, "the spent refresh token is not tried again")
	require.NotEqual(t, "shprt_first", v.secrets[secretRefreshToken])
	health, err := c.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), *health.CredentialExpiry, time.Minute)

	srv.RevokeTokens()
	done := make(chan error, 8)
	for range 8 { // all of them meet the revoked token at once
		go func() {
			_, err := c.Discover(context.Background(), &sdk.DiscoverRequest{})
			done <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
	require.EqualValues(t, 2, srv.Ledger().Counts.TokenRequests, "one refresh for all")

	c2 := openWith(map[string]string{"refresh_token": v.secrets[secretRefreshToken], "access_token": v.secrets[secretAccessToken], secretTokenExpiry: v.secrets[secretTokenExpiry]})
	_, err = c2.Discover(context.Background(), &sdk.DiscoverRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 2, srv.Ledger().Counts.TokenRequests, "a restart goes on with the sealed token")
	require.Positive(t, used.Load())
	require.Zero(t, unsealed.Load(), "used before it was sealed")
}

func TestCheckNamesWhatMisses(t *testing.T) {
	s := newShop(t, twin.Options{Scopes: []string{"read_products", "write_inventory", "read_orders"}}, map[string]any{"api_version": "2025-07", "orders_since": "4380h"}, nil)
	res, err := s.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	var found []string
	for _, d := range res.Diagnostics {
		require.NotEmpty(t, d.Do)
		found = append(found, d.Code+" "+d.Summary)
	}
	text := strings.Join(found, "\n")
	for _, want := range []string{"scope_missing the app lacks the scope read_customers", "the app lacks the scope read_locations", "version_retired the shop answers with API version 2026-01 instead of 2025-07", "read_all_orders"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "read_inventory", "writing includes reading")
	require.Equal(t, "Aurum", res.Account)
	require.Empty(t, s.twin.Ledger().Changes)

	good := newShop(t, twin.Options{}, nil, nil)
	res, err = good.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	require.Empty(t, res.Diagnostics)
	require.Equal(t, "2026-10", res.Facts["api_version"])

	wrong := open(t, good.url, nil, map[string]string{"access_token": "shpat_guess"})
	res, err = wrong.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	require.Len(t, res.Diagnostics, 1)
	require.NotContains(t, fmt.Sprint(res.Diagnostics), "shpat_guess", "invariant 7: no token in a diagnostic")
}

func TestRegisterIsIdempotentAndBringsBackWhatWasDeleted(t *testing.T) {
	s := newShop(t, twin.Options{RetryUnit: time.Millisecond}, nil, nil)
	res, err := s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.ElementsMatch(t, topics, res.Created)
	res, err = s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.Empty(t, res.Created)

	s.setDown(true)
	ring := s.piece(t, 1)
	s.settled(t)
	s.setDown(false)
	require.NotContains(t, s.twin.Subscriptions(), "PRODUCTS_CREATE", "eight retries failed")
	res, err = s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.Contains(t, res.Created, "PRODUCTS_CREATE")
	require.NotContains(t, res.Created, "ORDERS_CREATE")

	_, err = s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: ring.Variants[0]}}})
	require.NoError(t, err)
	s.settled(t)
	require.Len(t, s.deliveries("orders/create"), 1)

	gone, err := s.Unregister(context.Background(), &sdk.UnregisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.ElementsMatch(t, topics, gone.Removed)
	require.Empty(t, s.twin.Subscriptions())
}

// A subscription whose creation got no answer is not created again blindly: the next call lists what is there.
func TestRegisterAfterALostAnswer(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	s.twin.Inject(twin.Fault{Kind: twin.FaultDropAfter, Operation: "mutation"})
	_, err := s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.Error(t, err)
	res, err := s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.Empty(t, res.Diagnostics)
	require.Len(t, res.Created, len(topics)-1)
	require.Len(t, s.twin.Subscriptions(), len(topics))
}

func TestAnUninstalledAppIsShownUntilItWorksAgain(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	body := []byte(`{"id":1}`)
	_, err := s.HandleWebhook(context.Background(), delivery("app/uninstalled", testShop, sign(testSecret, body), body))
	require.NoError(t, err)
	health, err := s.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.False(t, health.OK)
	require.Contains(t, health.Reason, "uninstalled")
	_, err = s.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	health, err = s.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.True(t, health.OK)
}

func TestDiscoverListsWhatToMap(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	lyon := s.twin.AddLocation("Lyon", "FR")
	s.piece(t, 1)
	res, err := s.Discover(context.Background(), &sdk.DiscoverRequest{})
	require.NoError(t, err)
	require.Equal(t, []sdk.Discovered{{ID: location1, Name: "Boutique"}, {ID: lyon, Name: "Lyon"}}, res.Locations)
	require.Contains(t, res.Fields, sdk.Discovered{ID: "custom.designer", Name: "designer (productvariant)"})
}

func TestValidateNamesEachMistake(t *testing.T) {
	tests := []struct {
		name    string
		config  string
		secrets map[string]string
		want    []string
	}{
		{"nothing at all", `{}`, nil, []string{"shopify.shop_invalid", "shopify.client_secret_missing", "shopify.token_missing"}},
		{"another host in the shop", `{"shop":"evil.example.com/aurum.myshopify.com"}`, map[string]string{"client_secret": "s", "access_token": "t"}, []string{"shopify.shop_invalid"}},
		{"plain http to another machine", `{"shop":"aurum.myshopify.com","endpoint":"http://10.0.0.1"}`, map[string]string{"client_secret": "s", "access_token": "t"}, []string{"shopify.endpoint_invalid"}},
		{"a version that never was", `{"shop":"aurum.myshopify.com","api_version":"2026-11"}`, map[string]string{"client_secret": "s", "access_token": "t"}, []string{"shopify.version_invalid"}},
		{"unknown key", `{"shop":"aurum.myshopify.com","shopp":"x"}`, nil, []string{"shopify.config_unreadable"}},
		{"refresh token without client id", `{"shop":"aurum.myshopify.com"}`, map[string]string{"client_secret": "s", "refresh_token": "t"}, []string{"shopify.client_id_missing"}},
		{"metafield of no field", `{"shop":"aurum.myshopify.com","metafields":["colour=jewelry.colour","serial=serial"]}`, map[string]string{"client_secret": "s", "access_token": "t"}, []string{"shopify.metafield_invalid", "shopify.metafield_invalid"}},
		{"good", `{"shop":"aurum.myshopify.com","metafields":["serial=custom.serial_number"]}`, map[string]string{"client_secret": "s", "access_token": "t"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := New().(sdk.Validator).Validate(context.Background(), &sdk.ValidateRequest{Config: json.RawMessage(tt.config), Secrets: tt.secrets})
			require.NoError(t, err)
			var got []string
			for _, d := range res.Diagnostics {
				require.NotEmpty(t, d.Do)
				got = append(got, d.Code)
			}
			require.ElementsMatch(t, tt.want, got)
		})
	}
}
