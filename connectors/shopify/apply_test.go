package shopify

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestStockIsWrittenOnceByCompareAndSet(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)

	r := s.apply(t, stockWrite("w1", ring, 0, 1))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Zero(t, available(t, r.Shows))
	require.NotZero(t, r.Shows.SourceVersion)
	require.Zero(t, s.shows(t, ring))

	ledger := s.twin.Ledger()
	require.Len(t, ledger.Changes, 1)
	require.Equal(t, "api", ledger.Changes[0].Source)
	require.Equal(t, s.opened.Load().idempotencyKey("w1"), ledger.Changes[0].Key)

	r = s.apply(t, stockWrite("w1", ring, 0, 1))[0]
	require.Contains(t, []sdk.Status{sdk.StatusApplied, sdk.StatusDuplicate}, r.Status, "the same key again is a replay")
	require.EqualValues(t, 1, s.twin.Ledger().Counts.APIWrites, "and writes nothing")
	require.EqualValues(t, 1, s.twin.Ledger().Counts.Replays)
}

// A replay of long ago answers with what was true then; what is shown is read anew.
func TestAnOldReplayIsADuplicateAndShowsThePresent(t *testing.T) {
	clock := time.Now().Add(-time.Hour)
	s := newShop(t, twin.Options{Clock: func() time.Time { return clock }}, nil, nil)
	ring := s.piece(t, 1)
	s.apply(t, stockWrite("w1", ring, 0, 1))
	require.NoError(t, s.twin.AdjustInventory(twin.Adjustment{SKU: "RG-0001", LocationID: location1, Available: 5}))
	r := s.apply(t, stockWrite("w1", ring, 0, 1))[0]
	require.Equal(t, sdk.StatusDuplicate, r.Status)
	require.EqualValues(t, 5, available(t, r.Shows))
}

func TestStaleStockIsAConflictWithWhatIsThere(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)
	require.NoError(t, s.twin.AdjustInventory(twin.Adjustment{SKU: "RG-0001", LocationID: location1, Available: 3}))
	r := s.apply(t, stockWrite("w1", ring, 0, 1))[0]
	require.Equal(t, sdk.StatusConflict, r.Status)
	require.Equal(t, "shopify.change_from_quantity_stale", r.Code)
	require.EqualValues(t, 3, available(t, r.Shows))
	require.EqualValues(t, 3, s.shows(t, ring), "nothing was written")

	r = s.apply(t, stockWrite("w1", ring, 0, 1))[0]
	require.Equal(t, sdk.StatusRejected, r.Status, "a key that failed is spent: a new decision has a new one")
	require.Equal(t, "shopify.idempotency_previous_attempt_failed", r.Code)
	require.Equal(t, sdk.StatusApplied, s.apply(t, stockWrite("w2", ring, 0, 3))[0].Status)
}

func TestWritesThatCannotBeShown(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	elsewhere := s.twin.AddLocation("Lyon", "FR")
	ring := s.piece(t, 1) // stocked at the first location only
	w := stockWrite("not-stocked", ring, 1, 0)
	w.Stock.Location = elsewhere
	w.Ref.ExternalID = canon.LevelID(ring.Items[0], elsewhere)
	r := s.apply(t, w)[0]
	require.Equal(t, sdk.StatusNotRepresentable, r.Status)
	require.Equal(t, "shopify.not_stocked", r.Code)
	require.True(t, r.Shows.Deleted)

	untracked, err := s.twin.CreateProduct(twin.NewProduct{Title: "Gift box", Variants: []twin.NewVariant{{SKU: "BOX", Price: "5", Untracked: true}}})
	require.NoError(t, err)
	r = s.apply(t, stockWrite("untracked", untracked, 4, 0))[0]
	require.Equal(t, sdk.StatusNotRepresentable, r.Status)
	require.Equal(t, "shopify.not_tracked", r.Code)
	require.Nil(t, r.Shows.Level.Available)

	require.NoError(t, s.twin.DeleteProduct(ring.ID))
	r = s.apply(t, stockWrite("deleted", ring, 0, 1))[0]
	require.Equal(t, sdk.StatusNotRepresentable, r.Status)
	require.True(t, r.Shows.Deleted)

	r = s.apply(t, sdk.Write{Key: "k", Ref: canon.Ref{Kind: canon.KindListing, ExternalID: "gid://shopify/ProductVariant/1"}})[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	r = s.apply(t, sdk.Write{Key: "k", Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: "1@2"}, Stock: &sdk.StockWrite{StockID: "1", Location: "2"}})[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Equal(t, "shopify.bad_id", r.Code)
}

// Each fault, what Apply says of it, what the shop then shows, and what a look-up finds out.
func TestFaultsOnAWrite(t *testing.T) {
	tests := []struct {
		name   string
		fault  twin.Fault
		status sdk.Status
		code   string
		shows  int64
		lookup sdk.Status
	}{
		{"server error before it was done", twin.Fault{Kind: twin.Fault500Before}, sdk.StatusUnknown, "shopify.server_error", 1, sdk.StatusRejected},
		{"server error after it was done", twin.Fault{Kind: twin.Fault500After}, sdk.StatusUnknown, "shopify.server_error", 0, sdk.StatusApplied},
		{"connection lost before it was done", twin.Fault{Kind: twin.FaultDropBefore}, sdk.StatusUnknown, "shopify.no_answer", 1, sdk.StatusRejected},
		{"connection lost after it was done", twin.Fault{Kind: twin.FaultDropAfter}, sdk.StatusUnknown, "shopify.no_answer", 0, sdk.StatusApplied},
		{"no answer in time", twin.Fault{Kind: twin.FaultDelay, Delay: time.Minute}, sdk.StatusUnknown, "shopify.no_answer", 0, sdk.StatusApplied},
		{"throttled", twin.Fault{Kind: twin.FaultThrottle}, sdk.StatusRetry, "shopify.throttled", 1, sdk.StatusRejected},
		{"throttled by the gateway", twin.Fault{Kind: twin.Fault429}, sdk.StatusRetry, "shopify.throttled", 1, sdk.StatusRejected},
		{"the same key is under way", twin.Fault{Kind: twin.FaultUserError, Code: "IDEMPOTENCY_CONCURRENT_REQUEST"}, sdk.StatusRetry, "shopify.in_progress", 1, sdk.StatusRejected},
		{"the key has other parameters", twin.Fault{Kind: twin.FaultUserError, Code: "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"}, sdk.StatusRejected, "shopify.idempotency_key_parameter_mismatch", 1, sdk.StatusRejected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, twin.Options{}, nil, nil)
			ring := s.piece(t, 1)
			tt.fault.Operation = "mutation"
			s.twin.Inject(tt.fault)
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			res, err := s.Apply(ctx, &sdk.ApplyRequest{Writes: []sdk.Write{stockWrite("w1", ring, 0, 1)}})
			require.NoError(t, err)
			require.Equal(t, tt.status, res.Results[0].Status, res.Results[0].Reason)
			require.Equal(t, tt.code, res.Results[0].Code)
			if tt.status == sdk.StatusRetry {
				require.Positive(t, res.Results[0].RetryAfterMillis)
			}
			require.EqualValues(t, tt.shows, s.shows(t, ring))

			before := s.twin.Ledger().Counts.APIWrites
			found, err := s.Lookup(context.Background(), &sdk.LookupRequest{Writes: []sdk.Write{stockWrite("w1", ring, 0, 1)}})
			require.NoError(t, err)
			require.Equal(t, tt.lookup, found.Results[0].Status)
			require.EqualValues(t, tt.shows, available(t, found.Results[0].Shows))
			require.Equal(t, before, s.twin.Ledger().Counts.APIWrites, "a look-up writes nothing")

			if tt.status == sdk.StatusRetry {
				again := s.apply(t, stockWrite("w1", ring, 0, 1))[0]
				require.Equal(t, sdk.StatusApplied, again.Status, "the same key works after the wait: %s", again.Reason)
			}
			require.LessOrEqual(t, s.twin.Ledger().Counts.APIWrites, int64(1), "never written twice")
		})
	}
}

func TestAShopThatIsDownIsARetry(t *testing.T) {
	c := open(t, "http://127.0.0.1:1", nil, nil) // nothing listens there
	res, err := c.Apply(context.Background(), &sdk.ApplyRequest{Writes: []sdk.Write{stockWrite("w1", twin.Created{Items: []string{"gid://shopify/InventoryItem/1"}, Variants: []string{""}}, 0, 1)}})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusRetry, res.Results[0].Status)
	require.Equal(t, "shopify.unreachable", res.Results[0].Code)
	health, err := c.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.False(t, health.OK)
}

// On the smallest plan a batch is larger than the bucket: the connector paces itself instead of being throttled.
func TestABatchIsPacedByTheCostBucket(t *testing.T) {
	s := newShop(t, twin.Options{BucketSize: 300, RestoreRate: 1000}, nil, nil)
	var writes []sdk.Write
	for n := range 60 {
		writes = append(writes, stockWrite("w"+s.piece(t, n).ID, s.lastPiece(t), 0, 1))
	}
	for _, r := range s.apply(t, writes...) {
		require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	}
	require.EqualValues(t, 60, s.twin.Ledger().Counts.APIWrites)
	require.Zero(t, s.twin.Ledger().Counts.Throttled)
	health, err := s.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.True(t, health.OK)
	require.EqualValues(t, 300, health.QuotaLimit)
}

// lastPiece names the newest product by what the shop's levels say.
func (s *shop) lastPiece(t testing.TB) twin.Created {
	t.Helper()
	levels := s.twin.Levels()
	l := levels[len(levels)-1]
	return twin.Created{ID: l.ProductID, Variants: []string{l.VariantID}, Items: []string{l.ItemID}}
}
