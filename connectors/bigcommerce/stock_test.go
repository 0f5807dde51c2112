package bigcommerce

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	relative = "POST v3/inventory/adjustments/relative"
	absolute = "PUT v3/inventory/adjustments/absolute"
)

// level gives what the connector reads of a level.
func (ts *testShop) level(stock string, at int64) int64 {
	ts.t.Helper()
	id := canon.LevelID(stock, idText(at))
	o := find(ts.read(canon.Ref{Kind: canon.KindLevel, ExternalID: id}).Observations, canon.KindLevel, id)
	require.NotNil(ts.t, o, "the level %s is not read", id)
	require.False(ts.t, o.Deleted, "the level %s is gone", id)
	require.NotNil(ts.t, o.Level.Available)
	return *o.Level.Available
}

func TestStockIsWrittenAsADifference(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	band, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Band", Price: "1", Variants: []twin.VariantSpec{{SKU: "B50", Value: "50", Stock: map[int64]int64{1: 5, 2: 1}}}})
	require.NoError(t, err)
	size := ts.twin.Variants(band)[0]
	require.NoError(t, ts.twin.SetSafety(size, 1, 2))
	w := stockTo(ofVariant(size), 1, 1, 3)
	w.Stock.ProductID = idText(band)
	ts.log.take()
	got := ts.apply(stockTo(ofProduct(product), 1, 0, 1), w, stockTo(ofVariant(size), 2, 4, 1))
	for _, r := range got {
		require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	}
	require.EqualValues(t, 1, *got[1].Shows.Level.Available)
	require.Equal(t, 1, count(ts.log.take(), relative), "one call for all")
	require.Zero(t, ts.twin.Available(ring, 1))
	require.EqualValues(t, 1, ts.twin.Available(size, 1), "three could be sold, with two held back")
	require.EqualValues(t, 4, ts.twin.Available(size, 2))
}

func TestStockWritesThatDoNotHappen(t *testing.T) {
	ts := newShop(t)
	product, _ := ts.piece("R1", 1)
	untracked, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Polishing", Price: "1", Tracking: "none"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		write  sdk.Write
		status sdk.Status
		code   string
	}{
		"another number":      {stockTo(ofProduct(product), 1, 0, 7), sdk.StatusConflict, "bigcommerce.stock_changed"},
		"no such product":     {stockTo("p99999", 1, 0, 1), sdk.StatusRejected, "bigcommerce.gone"},
		"no such variant":     {stockTo("v99999", 1, 0, 1), sdk.StatusRejected, "bigcommerce.gone"},
		"not of this shop":    {stockTo("gid://x", 1, 0, 1), sdk.StatusRejected, "bigcommerce.write_invalid"},
		"below zero":          {stockTo(ofProduct(product), 1, -1, 1), sdk.StatusRejected, "bigcommerce.write_invalid"},
		"no such place":       {stockTo(ofProduct(product), 9, 0, 1), sdk.StatusRejected, "bigcommerce.location_unknown"},
		"not tracked":         {stockTo(ofProduct(untracked), 1, 0, 1), sdk.StatusNotRepresentable, "bigcommerce.not_tracked"},
		"it shows so already": {stockTo(ofProduct(product), 1, 1, 1), sdk.StatusApplied, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ts.apply(c.write)[0]
			require.Equal(t, c.status, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, c.code, r.Code)
		})
	}
	require.Zero(t, ts.twin.Counts().Adjustments)
}

// A buyer who comes between the read and the write is not forgotten: the piece is not offered again.
func TestABuyerInBetween(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	ts.log.meanwhile(relative, func() { ts.buy(ring) })
	r := ts.apply(stockTo(ofProduct(product), 1, 0, 1))[0]
	require.Equal(t, sdk.StatusRetry, r.Status)
	require.Equal(t, "bigcommerce.stock_taken", r.Code)
	require.Zero(t, ts.twin.Available(ring, 1))

	chain, _ := ts.piece("C1", 5)
	v := ts.twin.Variants(chain)[0]
	ts.log.meanwhile(relative, func() { ts.buy(v) })
	r = ts.apply(stockTo(ofProduct(chain), 1, 8, 5))[0]
	require.Equal(t, sdk.StatusApplied, r.Status)
	require.EqualValues(t, 7, *r.Shows.Level.Available, "what is shown counts the buyer")
	require.EqualValues(t, 7, ts.twin.Available(v, 1))
	require.Zero(t, ts.twin.Ledger().Oversold)
}

// What was never counted takes no difference: it is counted.
func TestTheFirstCount(t *testing.T) {
	ts := newShop(t)
	id, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "New", SKU: "N1", Price: "1"})
	require.NoError(t, err)
	v := ts.twin.Variants(id)[0]
	require.NoError(t, ts.twin.SetSafety(v, 1, 1))
	ts.log.take()
	r := ts.apply(stockTo(ofProduct(id), 1, 2, -1))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.Equal(t, 1, count(ts.log.take(), absolute))
	require.EqualValues(t, 2, ts.twin.Available(v, 1))
}

// Reads lag behind a write: what they still show is neither reported nor computed from.
func TestReadsThatLag(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.InventoryLag = 10 * time.Second })
	product, ring := ts.piece("C1", 5)
	r := ts.apply(stockTo(ofProduct(product), 1, 4, 5))[0]
	require.Equal(t, sdk.StatusApplied, r.Status)
	require.EqualValues(t, 4, *r.Shows.Level.Available)
	id := canon.LevelID(ofProduct(product), "1")
	got := ts.read(canon.Ref{Kind: canon.KindLevel, ExternalID: id})
	require.Nil(t, find(got.Observations, canon.KindLevel, id))
	require.Positive(t, got.RetryAfterMillis)
	got = ts.read(ref(canon.KindProduct, product))
	require.Nil(t, find(got.Observations, canon.KindLevel, id))
	require.Positive(t, got.RetryAfterMillis)
	polled, touched, _ := ts.round(streamStock, nil, 0, nil)
	require.Nil(t, find(polled, canon.KindLevel, id))
	require.Contains(t, touched, canon.Ref{Kind: canon.KindLevel, ExternalID: id})
	_, _, rowErrors := ts.imported(50)
	require.Equal(t, "bigcommerce.inventory_lag", rowErrors[0].Code)
	r = ts.apply(stockTo(ofProduct(product), 1, 3, 4))[0]
	require.Equal(t, "bigcommerce.inventory_lag", r.Code)
	require.EqualValues(t, 4, ts.twin.Available(ring, 1), "nothing is taken off twice")
	ts.clock.advance(10 * time.Second)
	require.EqualValues(t, 4, ts.level(ofProduct(product), 1))
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo(ofProduct(product), 1, 3, 4))[0].Status)
}

// A write that reads never show is believed no longer than inventory_lag.
func TestALagThatIsNone(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo(ofProduct(product), 1, 0, 1))[0].Status)
	ts.conn.store.recent.note(canon.LevelID(ofProduct(product), "1"), 1, 0)
	require.NoError(t, ts.twin.SetStock(ring, 1, 1)) // somebody counted it anew
	ts.clock.advance(defaultInventoryLag + time.Second)
	require.EqualValues(t, 1, ts.level(ofProduct(product), 1))
}

func TestOneBadRowFailsAlone(t *testing.T) {
	ts := newShop(t)
	var writes []sdk.Write
	var variants []int64
	for _, sku := range []string{"A", "B", "C"} {
		p, v := ts.piece(sku, 1)
		variants = append(variants, v)
		writes = append(writes, stockTo(ofProduct(p), 1, 0, 1))
	}
	ts.log.meanwhile(relative, func() { ts.buy(variants[1]) })
	got := ts.apply(writes...)
	require.Equal(t, []sdk.Status{sdk.StatusApplied, sdk.StatusRetry, sdk.StatusApplied}, []sdk.Status{got[0].Status, got[1].Status, got[2].Status})
	for _, v := range variants {
		require.Zero(t, ts.twin.Available(v, 1))
	}
	require.Zero(t, ts.twin.Ledger().Oversold)
}

func TestWritesWithoutAnAnswer(t *testing.T) {
	for kind, want := range map[twin.FaultKind]struct {
		status sdk.Status
		code   string
		left   int64
	}{
		twin.FaultErrorAfter:  {sdk.StatusUnknown, "bigcommerce.no_answer", 0},
		twin.FaultDropAfter:   {sdk.StatusUnknown, "bigcommerce.no_answer", 0},
		twin.FaultErrorBefore: {sdk.StatusUnknown, "bigcommerce.no_answer", 1},
		twin.FaultUnavailable: {sdk.StatusUnknown, "bigcommerce.no_answer", 1},
		twin.FaultOverload:    {sdk.StatusRetry, "bigcommerce.throttled", 1},
	} {
		t.Run(string(kind), func(t *testing.T) {
			ts := newShop(t)
			product, ring := ts.piece("R1", 1)
			ts.twin.Inject(twin.Fault{Kind: kind, Path: "adjustments"})
			w := stockTo(ofProduct(product), 1, 0, 1)
			r := ts.apply(w)[0]
			require.Equal(t, want.status, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, want.code, r.Code)
			require.Nil(t, r.Shows)
			require.Equal(t, want.left, ts.twin.Available(ring, 1))
			look, err := ts.conn.Lookup(t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{w}})
			require.NoError(t, err)
			require.Equal(t, sdk.StatusUnknown, look.Results[0].Status, "the level tells")
		})
	}
}

// Nothing is sent where the read before the write fails.
func TestNothingIsWrittenUnread(t *testing.T) {
	ts := newShop(t)
	product, _ := ts.piece("R1", 1)
	ts.level(ofProduct(product), 1)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultHTML, Path: "inventory/items", Count: 9})
	r := ts.apply(stockTo(ofProduct(product), 1, 0, 1))[0]
	require.Equal(t, sdk.StatusRetry, r.Status)
	require.Equal(t, "bigcommerce.not_read", r.Code)
	require.Zero(t, ts.twin.Counts().Adjustments)
}

// Many callers write at once: adjustments go out one after the other.
func TestAdjustmentsDoNotOverlap(t *testing.T) {
	ts := newShop(t, func(_ *twin.Options, cfg map[string]any, _ map[string]string) { cfg["concurrent"] = 8 })
	under, most := make(chan struct{}, 100), 0
	ts.log.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			under <- struct{}{}
			most = max(most, len(under)) // requests of this kind are one at a time, or the race detector tells
			defer func() { <-under }()
		}
		ts.twin.ServeHTTP(w, r)
	})
	done := make(chan error, 6)
	for i := range 6 {
		p, _ := ts.piece(string(rune('A'+i)), 1)
		go func() {
			_, err := ts.conn.Apply(context.Background(), &sdk.ApplyRequest{Writes: []sdk.Write{stockTo(ofProduct(p), 1, 0, 1)}})
			done <- err
		}()
	}
	for range 6 {
		require.NoError(t, <-done)
	}
	require.Equal(t, 1, most)
	require.Equal(t, 6, ts.twin.Counts().Adjustments)
}
