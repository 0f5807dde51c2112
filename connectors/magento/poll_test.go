package magento

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func ids(obs []canon.Observation, kind canon.Kind) []string {
	var out []string
	for _, o := range obs {
		if o.Kind == kind && !slices.Contains(out, o.ExternalID) {
			out = append(out, o.ExternalID)
		}
	}
	return out
}

// More rows of one second than a page holds are neither lost nor looped on, whatever the page size; a page beyond the end
// shows the last one again.
func TestPollTies(t *testing.T) {
	for _, limit := range []int{2, 3, 5, 9, 20, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			ts := newShop(t)
			var want []string
			for i := range 45 {
				want = append(want, ts.piece(fmt.Sprint("R", i), 1))
				if i == 9 || i == 40 {
					ts.clock.advance(time.Second)
				}
			}
			ts.clock.advance(time.Minute)
			obs, _, cursor := ts.round(streamProducts, nil, limit, nil)
			require.ElementsMatch(t, want, ids(obs, canon.KindListing))
			again, _, _ := ts.round(streamProducts, cursor, limit, nil)
			require.Empty(t, again, "what was shown is not shown again")
		})
	}
}

// A row that changes twice within a second does not show it by its time.
func TestPollSameSecond(t *testing.T) {
	ts := newShop(t)
	id := ts.piece("R1", 1)
	n, _ := parseID(id)
	_, _, cursor := ts.round(streamProducts, nil, 0, nil)
	require.NoError(t, ts.twin.SetAttribute(n, "serial_number", "CHANGED")) // in the same second
	obs, _, cursor := ts.round(streamProducts, cursor, 0, nil)
	if o := find(obs, canon.KindListing, id); o != nil {
		require.Equal(t, "CHANGED", o.Listing.Serial)
	}
	ts.clock.advance(5 * time.Second)
	obs, _, cursor = ts.round(streamProducts, cursor, 0, nil)
	o := find(obs, canon.KindListing, id)
	require.NotNil(t, o, "a row that was hot is given once more when it has cooled down")
	require.Equal(t, "CHANGED", o.Listing.Serial)
	obs, _, _ = ts.round(streamProducts, cursor, 0, nil)
	require.Empty(t, obs)
}

// Rows that are modified during a round move to its end and push others back.
func TestPollWhileRowsMove(t *testing.T) {
	for _, limit := range []int{3, 5, 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			ts := newShop(t)
			var want []string
			for i := range 40 {
				want = append(want, ts.piece(fmt.Sprint("R", i), 1))
			}
			ts.clock.advance(time.Minute)
			obs, _, _ := ts.round(streamProducts, nil, limit, func(call int) {
				for _, id := range want[min(3*call, 12):min(3*call+3, 12)] {
					ts.clock.advance(time.Second)
					n, _ := parseID(id)
					require.NoError(t, ts.twin.SetAttribute(n, "engraving", fmt.Sprint(call)))
				}
			})
			require.ElementsMatch(t, want, ids(obs, canon.KindListing))
		})
	}
}

// An order comes with the levels that it moved, because no list shows that they did.
func TestOrdersBringLevels(t *testing.T) {
	ts := newShop(t)
	ring := ts.piece("R1", 1)
	_, _, cursor := ts.round(streamOrders, nil, 0, nil)
	ts.clock.advance(time.Minute)
	order := ts.buy("R1", func(p *twin.Purchase) { p.Pickup = "lyon" })
	obs, _, cursor := ts.round(streamOrders, cursor, 0, nil)
	o := find(obs, canon.KindOrder, idText(order))
	require.NotNil(t, o)
	require.Equal(t, canon.OrderOpen, o.Order.Status)
	require.Equal(t, ring, o.Order.Lines[0].ListingID)
	require.Equal(t, "1250", o.Order.Total.Amount)
	require.Equal(t, "lyon", o.Order.Lines[0].Location, "the shopper collects there")
	require.Equal(t, "sandboxpay", o.Order.Tenders[0].Kind)
	require.Equal(t, []string{"ada@example.com"}, o.Order.Buyer.Emails)
	require.Zero(t, *find(obs, canon.KindLevel, canon.LevelID("R1", "default")).Level.Available)

	ts.clock.advance(time.Minute)
	memo, err := ts.twin.Refund(order, true)
	require.NoError(t, err)
	obs, _, _ = ts.round(streamOrders, cursor, 0, nil)
	require.EqualValues(t, 1, *find(obs, canon.KindLevel, canon.LevelID("R1", "default")).Level.Available)
	obs, _, _ = ts.round(streamRefunds, nil, 0, nil)
	r := find(obs, canon.KindRefund, idText(memo))
	require.Equal(t, idText(order), r.Refund.OrderID)
	require.Equal(t, o.Order.Lines[0].ID, r.Refund.Lines[0].OrderLineID)
	require.Equal(t, "1250", r.Refund.Total.Amount)
}

// A change of stock in the admin moves no time that could be polled by; the walk finds it.
func TestStockWalk(t *testing.T) {
	ts := newShop(t)
	for i := range 7 {
		ts.piece(fmt.Sprint("R", i), 1)
	}
	ts.clock.advance(time.Minute)
	_, _, products := ts.round(streamProducts, nil, 0, nil)
	_, _, cursor := ts.round(streamStock, nil, 3, nil)
	ts.clock.advance(time.Hour)
	require.NoError(t, ts.twin.AdjustStock("R5", "default", 9))
	obs, _, _ := ts.round(streamProducts, products, 0, nil)
	require.Empty(t, obs)
	obs, _, _ = ts.round(streamStock, cursor, 3, nil)
	require.EqualValues(t, 9, *find(obs, canon.KindLevel, canon.LevelID("R5", "default")).Level.Available)
	require.Len(t, ids(obs, canon.KindLevel), 7)
}

func TestCustomersAndGroups(t *testing.T) {
	ts := newShop(t)
	id := ts.twin.CreateCustomer(twin.CustomerSpec{Email: "ada@example.com", First: "Ada", Last: "Lovelace", Birthday: "1985-12-10", Addresses: []twin.AddressEntry{
		{Street: []string{"1 rue de la Paix", "Bât. B"}, City: "Paris", PostalCode: "75002", Country: "FR", Telephone: "+33142000000", Region: "Île-de-France"},
	}})
	obs, _, cursor := ts.round(streamCustomers, nil, 0, nil)
	c := find(obs, canon.KindCustomer, idText(id)).Customer
	require.Equal(t, []string{"General"}, c.Tags)
	require.Equal(t, "1985-12-10", c.Person.Birthday)
	require.Equal(t, canon.AddressState{
		Name: "Ada Lovelace", Line1: "1 rue de la Paix", Line2: "Bât. B", City: "Paris", Region: "Île-de-France", PostalCode: "75002", Country: "FR", Phone: "+33142000000",
	}, c.Person.Addresses[0])
	ts.clock.advance(time.Minute)
	require.NoError(t, ts.twin.SetGroup(id, 2))
	obs, _, _ = ts.round(streamCustomers, cursor, 0, nil)
	require.Equal(t, []string{"Wholesale"}, find(obs, canon.KindCustomer, idText(id)).Customer.Tags)
	ts.twin.DeleteCustomer(id)
	got := ts.read(canon.Ref{Kind: canon.KindCustomer, ExternalID: idText(id)})
	require.True(t, got.Observations[0].Deleted)
}

// A snapshot shows everything; another process goes on with it at any page.
func TestSnapshot(t *testing.T) {
	ts := newShop(t)
	for i := range 12 {
		ts.piece(fmt.Sprint("R", i), 2)
	}
	order := ts.buy("R3")
	memo, err := ts.twin.Refund(ts.buy("R4"), false)
	require.NoError(t, err)
	customer := ts.twin.CreateCustomer(twin.CustomerSpec{Email: "a@example.com", First: "A", Last: "B"})
	var obs []canon.Observation
	var page []byte
	for n := 0; ; n++ {
		require.Less(t, n, 50)
		c := ts.open(map[string]any{"url": ts.url}, testSecrets())
		resp, err := c.Snapshot(t.Context(), &sdk.SnapshotRequest{Page: page, Limit: 5})
		require.NoError(t, err)
		require.Empty(t, resp.RowErrors)
		require.EqualValues(t, 12+1+2+1, resp.Total)
		if n == 0 {
			require.Len(t, resp.Cursors, 5)
		}
		obs = append(obs, resp.Observations...)
		if resp.Complete {
			break
		}
		page = resp.Next
	}
	checkAll(t, obs)
	require.Equal(t, []string{"default", "lyon"}, ids(obs, canon.KindLocation))
	require.Len(t, ids(obs, canon.KindListing), 12)
	require.Len(t, ids(obs, canon.KindLevel), 12)
	require.EqualValues(t, 1, *find(obs, canon.KindLevel, canon.LevelID("R3", "default")).Level.Available)
	require.NotNil(t, find(obs, canon.KindOrder, idText(order)))
	require.NotNil(t, find(obs, canon.KindRefund, idText(memo)))
	require.NotNil(t, find(obs, canon.KindCustomer, idText(customer)))
}

func TestPollThrottled(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultThrottle, Path: "V1/orders"})
	_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders, Since: ts.clock.now()})
	var e *sdk.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "magento.throttled", e.Code)
	require.Equal(t, 2*time.Second, e.RetryAfter)
}

// An old order whose product was deleted since still names what it sold; the product is gone.
func TestDeletedProductOnAnOldOrder(t *testing.T) {
	ts := newShop(t)
	ring := ts.piece("R1", 1)
	order := ts.buy("R1")
	n, _ := parseID(ring)
	require.NoError(t, ts.twin.DeleteProduct(n))
	obs, _, _ := ts.round(streamOrders, nil, 0, nil)
	o := find(obs, canon.KindOrder, idText(order))
	require.Equal(t, ring, o.Order.Lines[0].ListingID)
	require.Equal(t, "R1", o.Order.Lines[0].SKU)
	require.Empty(t, ids(obs, canon.KindLevel))
	got := ts.read(canon.Ref{Kind: canon.KindListing, ExternalID: ring}, canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID("R1", "default")})
	require.True(t, find(got.Observations, canon.KindListing, ring).Deleted)
	require.True(t, find(got.Observations, canon.KindLevel, canon.LevelID("R1", "default")).Deleted)
}
