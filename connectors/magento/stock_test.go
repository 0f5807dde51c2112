package magento

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func (ts *testShop) buy(sku string, change ...func(*twin.Purchase)) int64 {
	ts.t.Helper()
	p := twin.Purchase{Lines: []twin.PurchaseLine{{SKU: sku}}, Email: "ada@example.com", First: "Ada", Last: "Lovelace"}
	for _, c := range change {
		c(&p)
	}
	id, err := ts.twin.PlaceOrder(p)
	require.NoError(ts.t, err)
	return id
}

func (ts *testShop) lies(sku, source string) int64 {
	ts.t.Helper()
	n, ok := ts.twin.SourceQuantity(sku, source)
	require.True(ts.t, ok)
	return n
}

// What can be sold is what counts: between order and shipment the sold ring still lies in the source.
func TestLevelsAreSalable(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	require.EqualValues(t, 1, ts.level("R1", "default"))
	order := ts.buy("R1")
	require.EqualValues(t, 1, ts.lies("R1", "default"))
	require.Zero(t, ts.level("R1", "default"))
	require.NoError(t, ts.twin.Ship(order, "default"))
	require.Zero(t, ts.level("R1", "default"))
}

// A write changes the source by the difference, so that goods that are sold and not yet shipped are not taken off twice.
func TestWritesSpareReservedGoods(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 5)
	order := ts.buy("R1") // salable 4, source 5
	r := ts.apply(stockTo("R1", "default", 2, 4))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.EqualValues(t, 2, *r.Shows.Level.Available)
	require.EqualValues(t, 3, ts.lies("R1", "default"))
	require.EqualValues(t, 2, ts.twin.Salable("R1"))
	r = ts.apply(stockTo("R1", "default", 7, 2))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.EqualValues(t, 7, ts.twin.Salable("R1"))
	require.NoError(t, ts.twin.Ship(order, "default"))
	require.EqualValues(t, 7, ts.level("R1", "default"), "the shipment takes what was reserved")
}

func TestWriteOutcomes(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	ts.piece("A/B, C", 1) // neither fits into a path nor into a list
	_, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "NOSRC", Name: "x", Price: "1"})
	require.NoError(t, err)
	_, err = ts.twin.CreateProduct(twin.ProductSpec{SKU: "CONF", Name: "x", Price: "1", Type: "configurable"})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		write  sdk.Write
		status sdk.Status
		code   string
	}{
		"raised":                 {stockTo("R1", "default", 3, 1), sdk.StatusApplied, ""},
		"another is shown":       {stockTo("R1", "default", 3, 9), sdk.StatusConflict, "magento.stock_changed"},
		"shown already":          {stockTo("A/B, C", "default", 1, 1), sdk.StatusApplied, ""},
		"no such product":        {stockTo("GONE", "default", 1, 0), sdk.StatusRejected, "magento.gone"},
		"no such source":         {stockTo("R1", "moon", 1, 0), sdk.StatusRejected, "magento.source_unknown"},
		"not assigned there":     {stockTo("R1", "lyon", 1, 0), sdk.StatusNotRepresentable, "magento.source_not_assigned"},
		"no source at all":       {stockTo("NOSRC", "default", 1, 0), sdk.StatusNotRepresentable, "magento.source_not_assigned"},
		"no stock of its own":    {stockTo("CONF", "default", 1, 0), sdk.StatusNotRepresentable, "magento.source_not_assigned"},
		"neither stock nor deed": {sdk.Write{Key: "k"}, sdk.StatusRejected, "magento.write_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			r := ts.apply(c.write)[0]
			require.Equal(t, c.status, r.Status, r.Reason)
			require.Equal(t, c.code, r.Code)
		})
	}
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("A/B, C", "default", 4, 1))[0].Status)
	require.EqualValues(t, 4, ts.lies("A/B, C", "default"))
}

// A batch is one read and one write; one row that the shop refuses spoils no other.
func TestBatches(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.InputLimits = true })
	var writes []sdk.Write
	for i := range 50 {
		sku := fmt.Sprintf("R%02d", i)
		ts.piece(sku, 1)
		writes = append(writes, stockTo(sku, "default", 2, 1))
	}
	writes = append(writes, stockTo("NONE", "default", 2, 1))
	ts.log.take()
	for i, r := range ts.apply(writes...) {
		if i == 50 {
			require.Equal(t, sdk.StatusRejected, r.Status)
			continue
		}
		require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
		require.EqualValues(t, 2, ts.lies(fmt.Sprintf("R%02d", i), "default"))
	}
	posts := 0
	for _, l := range ts.log.take() {
		if l == "POST /rest/all/V1/inventory/source-items" {
			posts++
		}
	}
	require.Equal(t, 1+3, posts, "the refusal of 50 rows tells that the shop takes 20")
}

// Reservations fall on the sources in the order in which they ship; together they show what can be sold.
func TestSeveralSources(t *testing.T) {
	ts := newShop(t)
	_, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "R1", Name: "Ring", Price: "10", Stock: map[string]int64{"default": 1, "lyon": 2}})
	require.NoError(t, err)
	ts.buy("R1")
	require.Zero(t, ts.level("R1", "default"))
	require.EqualValues(t, 2, ts.level("R1", "lyon"))
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R1", "lyon", 0, 2))[0].Status)
	require.Zero(t, ts.twin.Salable("R1"))
	require.Equal(t, []int64{1, 0}, []int64{ts.lies("R1", "default"), ts.lies("R1", "lyon")})
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R1", "default", 3, 0))[0].Status)
	require.EqualValues(t, 3, ts.twin.Salable("R1"))
	r := ts.apply(stockTo("R1", "default", 2, 3), stockTo("R1", "lyon", 1, 0))
	require.Equal(t, []sdk.Status{sdk.StatusApplied, sdk.StatusApplied}, []sdk.Status{r[0].Status, r[1].Status}, "one source of a SKU after the other")
	require.EqualValues(t, 3, ts.twin.Salable("R1"))
}

// A write is not seen at once. Until it is, nothing is reported and nothing computed from what was before.
func TestIndexLag(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.IndexLag = 20 * time.Second })
	ts.piece("R1", 1)
	ts.clock.advance(time.Minute)
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R1", "default", 0, 1))[0].Status)

	ref := canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID("R1", "default")}
	got := ts.read(ref)
	require.Empty(t, got.Observations, "the index still shows 1")
	require.NotZero(t, got.RetryAfterMillis)
	obs, touched, _ := ts.round(streamStock, nil, 0, nil)
	require.Nil(t, find(obs, ref.Kind, ref.ExternalID))
	require.Contains(t, touched, ref, "the hub is told to read it again")
	for _, w := range []sdk.Write{stockTo("R1", "default", 0, 1), stockTo("R1", "default", 5, 1)} {
		r := ts.apply(w)[0]
		require.Equal(t, "magento.index_lag", r.Code)
		require.Equal(t, sdk.StatusRetry, r.Status)
	}
	looked, err := ts.conn.Lookup(t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{stockTo("R1", "default", 0, 1)}})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusUnknown, looked.Results[0].Status)
	require.NotZero(t, looked.Results[0].RetryAfterMillis)

	ts.clock.advance(20 * time.Second)
	require.Zero(t, ts.level("R1", "default"))
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R1", "default", 2, 0))[0].Status)
	ts.clock.advance(time.Minute)
	require.EqualValues(t, 2, ts.twin.Salable("R1"))
}

// After a restart nobody remembers the write. A lag then looks like a reservation that no order explains, or like less than
// none: stock is not raised by it.
func TestIndexLagAfterARestart(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.IndexLag = 20 * time.Second })
	ts.piece("R1", 0)
	ts.clock.advance(time.Minute)
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo("R1", "default", 1, 0))[0].Status)
	again := ts.open(map[string]any{"url": ts.url}, testSecrets())
	resp, err := again.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{stockTo("R1", "default", 1, 0)}})
	require.NoError(t, err)
	require.Equal(t, "magento.index_lag", resp.Results[0].Code)
	require.EqualValues(t, 1, ts.lies("R1", "default"))
}

func TestAsyncWrites(t *testing.T) {
	async := func(o *twin.Options, cfg map[string]any, _ map[string]string) {
		cfg["async_from"], cfg["async_wait"] = 2, "300ms"
	}
	t.Run("consumers run", func(t *testing.T) {
		ts := newShop(t, async)
		ts.piece("R1", 1)
		ts.piece("R2", 1)
		ts.log.take()
		for _, r := range ts.apply(stockTo("R1", "default", 0, 1), stockTo("R2", "default", 4, 1)) {
			require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
		}
		require.Contains(t, ts.log.take(), "POST /rest/all/async/V1/inventory/source-items")
		require.EqualValues(t, 4, ts.twin.Salable("R2"))
	})
	t.Run("no consumer runs", func(t *testing.T) {
		ts := newShop(t, async, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.NoConsumers = true })
		ts.piece("R1", 1)
		ts.piece("R2", 1)
		for _, r := range ts.apply(stockTo("R1", "default", 0, 1), stockTo("R2", "default", 4, 1)) {
			require.Equal(t, sdk.StatusUnknown, r.Status)
			require.Equal(t, "magento.async_open", r.Code)
		}
	})
}

func TestFaultsOfWrites(t *testing.T) {
	for kind, want := range map[twin.FaultKind]sdk.Status{
		twin.FaultErrorBefore: sdk.StatusUnknown, twin.FaultErrorAfter: sdk.StatusUnknown, twin.FaultDropAfter: sdk.StatusUnknown,
		twin.FaultThrottle: sdk.StatusRetry, twin.FaultMaintenance: sdk.StatusUnknown,
	} {
		t.Run(string(kind), func(t *testing.T) {
			ts := newShop(t)
			ts.piece("R1", 1)
			ts.level("R1", "default")
			ts.twin.Inject(twin.Fault{Kind: kind, Method: "POST", Path: "source-items"})
			require.Equal(t, want, ts.apply(stockTo("R1", "default", 0, 1))[0].Status)
		})
	}
}

// A renamed SKU keeps its listing under the product's id, with the stock of the new SKU; the old level is gone.
func TestRenamedSKU(t *testing.T) {
	ts := newShop(t)
	id := ts.piece("OLD", 1)
	n, _ := parseID(id)
	require.NoError(t, ts.twin.RenameSKU(n, "NEW"))
	got := ts.read(canon.Ref{Kind: canon.KindListing, ExternalID: id}, canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID("OLD", "default")})
	require.Equal(t, "NEW", find(got.Observations, canon.KindListing, id).Listing.StockID)
	require.True(t, find(got.Observations, canon.KindLevel, canon.LevelID("OLD", "default")).Deleted)
	require.EqualValues(t, 1, *find(got.Observations, canon.KindLevel, canon.LevelID("NEW", "default")).Level.Available)
}
