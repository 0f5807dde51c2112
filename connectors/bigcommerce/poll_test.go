package bigcommerce

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// More rows of one second than a page has are neither lost nor looped on, whether the platform's filter takes its own second in
// or not.
func TestTies(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("exclusive ", after), func(t *testing.T) {
			ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.After = after })
			for i := range 25 {
				ts.piece(fmt.Sprint("R", i), 1)
			}
			ts.clock.advance(time.Minute)
			obs, _, cursor := ts.round(streamProducts, nil, 10, nil)
			require.Len(t, ids(obs, canon.KindListing), 25)
			obs, _, cursor = ts.round(streamProducts, cursor, 10, nil)
			require.Empty(t, obs, "what was given is not given again")
			late, _ := ts.piece("LATE", 1)
			ts.clock.advance(time.Minute)
			obs, _, _ = ts.round(streamProducts, cursor, 10, nil)
			require.Equal(t, []string{idText(late)}, ids(obs, canon.KindProduct))
		})
	}
}

// A row that changes twice within a second shows no sign of the second time: it is given once more when it has cooled down.
func TestTwoChangesInOneSecond(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	require.NoError(t, ts.twin.SetCustomField(product, "Serial number", "first"))
	_, _, cursor := ts.round(streamProducts, nil, 10, nil)
	require.NoError(t, ts.twin.SetCustomField(product, "Serial number", "second"))
	ts.clock.advance(hot)
	obs, _, _ := ts.round(streamProducts, cursor, 10, nil)
	require.Equal(t, "second", find(obs, canon.KindListing, idText(ring)).Listing.Serial)
}

// A product that changes while its page is read is shown as it became.
func TestChangesBetweenPages(t *testing.T) {
	ts := newShop(t)
	var products []int64
	for i := range 12 {
		p, _ := ts.piece(fmt.Sprint("R", i), 1)
		products = append(products, p)
		ts.clock.advance(time.Second)
	}
	ts.clock.advance(time.Minute)
	obs, _, _ := ts.round(streamProducts, nil, 5, func(call int) {
		if call == 0 {
			require.NoError(t, ts.twin.SetCustomField(products[2], "Serial number", "again"))
		}
	})
	require.Len(t, ids(obs, canon.KindProduct), 12)
	v := ts.twin.Variants(products[2])[0]
	require.Equal(t, "again", find(obs, canon.KindListing, idText(v)).Listing.Serial)
}

// A sale is told with its goods' level, its payment and its delivery.
func TestOrders(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.TaxPercent = 20 })
	product, ring := ts.piece("R1", 2)
	_, _, cursor := ts.round(streamOrders, nil, 0, nil)
	customer := ts.twin.CreateCustomer(twin.CustomerSpec{Email: "ada@example.com", First: "Ada", Last: "Lovelace"})
	id := ts.buy(ring, func(p *twin.Purchase) {
		p.Customer, p.Shipping, p.Discount, p.Lines[0].Quantity, p.Lines[0].Discount = customer, "10", "5", 2, "100"
	})
	ts.clock.advance(time.Minute)
	obs, touched, cursor := ts.round(streamOrders, cursor, 0, nil)
	require.Empty(t, touched)
	o := find(obs, canon.KindOrder, idText(id))
	st := o.Order
	require.Equal(t, []string{"2886.0000", "2400.0000", "481.0000", "5.0000", "10.0000"}, []string{st.Total.Amount, st.Subtotal.Amount, st.Tax.Amount, st.Discount.Amount, st.Shipping.Amount})
	require.Equal(t, canon.OrderOpen, st.Status)
	require.Equal(t, "EUR", st.Currency)
	require.Equal(t, idText(customer), st.CustomerID)
	require.Equal(t, "Ada", st.Buyer.GivenName)
	require.Len(t, st.Buyer.Addresses, 1, "billing and shipping are one")
	require.Len(t, st.Lines, 1)
	l := st.Lines[0]
	require.Equal(t, []any{idText(ring), "R1", int64(2), "1250.0000", "100.0000", ""}, []any{l.ListingID, l.SKU, l.Quantity, l.Price.Amount, l.Discount.Amount, l.Location}, "which of two places gives it is not said")
	require.Equal(t, []canon.Tender{{Kind: "card", Amount: canon.StatedMoney{Amount: "2886", Currency: "EUR"}, Reference: "pi_" + idText(id)}}, st.Tenders)
	pay := paymentsOf(obs, id)
	require.Len(t, pay, 1)
	require.Equal(t, "captured", pay[0].Status)
	require.Zero(t, *find(obs, canon.KindLevel, canon.LevelID(ofProduct(product), "1")).Level.Available)
	require.NotContains(t, fmt.Sprint(obs), "4242", "no digit of a card")

	require.NoError(t, ts.twin.Ship(id, "1Z999", true))
	ts.clock.advance(time.Minute)
	obs, _, cursor = ts.round(streamOrders, cursor, 0, nil)
	st = find(obs, canon.KindOrder, idText(id)).Order
	require.Equal(t, canon.OrderOpen, st.Status)
	require.Equal(t, []canon.DocumentLine{{ID: l.ID, Quantity: 1}}, st.Fulfilments[0].Lines)
	require.Equal(t, []string{"shipped", "ups", "1Z999"}, []string{st.Fulfilments[0].Status, st.Fulfilments[0].Carrier, st.Fulfilments[0].Tracking})
	require.NoError(t, ts.twin.Ship(id, "1Z998", false))
	ts.clock.advance(time.Minute)
	obs, _, _ = ts.round(streamOrders, cursor, 0, nil)
	st = find(obs, canon.KindOrder, idText(id)).Order
	require.Equal(t, canon.OrderFulfilled, st.Status)
	require.Len(t, st.Fulfilments, 2)
}

// Click and collect: the location is the order's, and the collection is its delivery.
func TestPickup(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 0)
	require.NoError(t, ts.twin.SetStock(ring, 2, 1))
	id := ts.buy(ring, func(p *twin.Purchase) { p.Pickup = 2 })
	obs, _, _ := ts.round(streamOrders, nil, 0, nil)
	st := find(obs, canon.KindOrder, idText(id)).Order
	require.Equal(t, "2", st.Lines[0].Location)
	require.Equal(t, []string{"packed", "2"}, []string{st.Fulfilments[0].Status, st.Fulfilments[0].Location})
	require.Zero(t, ts.level(ofProduct(product), 2))
	require.NoError(t, ts.twin.SetStatus(id, 10))
	st = find(ts.read(ref(canon.KindOrder, id)).Observations, canon.KindOrder, idText(id)).Order
	require.Equal(t, canon.OrderFulfilled, st.Status)
	require.Equal(t, "delivered", st.Fulfilments[0].Status)
}

// A checkout that was left holds nothing and makes nobody a client; when its shopper comes back it is an order.
func TestIncompleteOrders(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 1)
	id := ts.buy(ring, func(p *twin.Purchase) { p.Incomplete = true })
	obs, _, cursor := ts.round(streamOrders, nil, 0, nil)
	o := find(obs, canon.KindOrder, idText(id))
	require.Equal(t, canon.OrderCancelled, o.Order.Status)
	require.Nil(t, o.Order.Buyer)
	all, _, _ := ts.imported(50)
	require.Nil(t, find(all, canon.KindOrder, idText(id)))
	require.NoError(t, ts.twin.Complete(id))
	ts.clock.advance(time.Minute)
	obs, _, _ = ts.round(streamOrders, cursor, 0, nil)
	require.Equal(t, canon.OrderOpen, find(obs, canon.KindOrder, idText(id)).Order.Status)
}

// A refund comes with its order; the stream of refunds finds it by itself as well.
func TestRefundsAreTold(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 1)
	id := ts.buy(ring, func(p *twin.Purchase) { p.Currency = "USD" })
	_, _, cursor := ts.round(streamRefunds, nil, 0, nil)
	ts.clock.advance(time.Minute)
	require.Equal(t, sdk.StatusApplied, ts.apply(deed(id, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto}))[0].Status)
	ts.clock.advance(time.Minute)
	orders, _, _ := ts.round(streamOrders, nil, 0, nil)
	refunds, _, cursor := ts.round(streamRefunds, cursor, 0, nil)
	require.Len(t, ids(refunds, canon.KindRefund), 1)
	require.Equal(t, ids(orders, canon.KindRefund), ids(refunds, canon.KindRefund))
	r := refunds[0].Refund
	require.Equal(t, &canon.StatedMoney{Amount: "1250", Currency: "USD"}, r.Total, "in the order's currency")
	require.Equal(t, idText(id), r.OrderID)
	require.Equal(t, find(ts.read(refunds[0].Ref()).Observations, canon.KindRefund, refunds[0].ExternalID).Refund, r)
	refunds, _, _ = ts.round(streamRefunds, cursor, 0, nil)
	require.Len(t, refunds, 1, "the overlap shows it once more, which costs nothing")
}

// A metafield moves no date of its product. Its own list finds it, on however many pages.
func TestMetafieldsAreFound(t *testing.T) {
	ts := newShop(t)
	var products []int64
	for i := range 7 {
		p, _ := ts.piece(fmt.Sprint("R", i), 1)
		products = append(products, p)
	}
	band, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Band", Price: "1", Variants: []twin.VariantSpec{{SKU: "B50", Value: "50"}}})
	require.NoError(t, err)
	size := ts.twin.Variants(band)[0]
	ts.clock.advance(10 * time.Minute)
	_, _, cursor := ts.round(streamFields, nil, 2, nil)
	for _, p := range products {
		require.NoError(t, ts.twin.SetMetafield(p, "jumpring", "serial", "M-1"))
	}
	require.NoError(t, ts.twin.SetMetafield(size, "jumpring", "serial", "V-1"))
	require.NoError(t, ts.twin.SetMetafield(band, "another_app", "serial", "X"))
	obs, touched, cursor := ts.round(streamFields, cursor, 2, nil)
	require.Empty(t, obs)
	require.Len(t, touched, 8)
	require.Contains(t, touched, ref(canon.KindListing, size))
	require.NotContains(t, touched, ref(canon.KindProduct, band), "another app's metafields say nothing of the piece")
	read := ts.read(ref(canon.KindListing, size))
	require.Equal(t, "V-1", find(read.Observations, canon.KindListing, idText(size)).Listing.Serial)
	ts.clock.advance(10 * time.Minute)
	_, _, cursor = ts.round(streamFields, cursor, 2, nil)
	_, touched, _ = ts.round(streamFields, cursor, 2, nil)
	require.Empty(t, touched)
}

func TestPricesAreFound(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	other, _ := ts.piece("R2", 1)
	group := ts.twin.CustomerGroup("VIP")
	list := ts.twin.CreatePriceList(twin.PriceListSpec{Name: "Friends", Group: group, Prices: map[int64]string{ring: "1000.00"}})
	ts.clock.advance(10 * time.Minute)
	_, _, cursor := ts.round(streamPrices, nil, 0, nil)
	_, _, cursor = ts.round(streamPrices, cursor, 0, nil)
	require.NoError(t, ts.twin.SetListPrice(list, ring, "990.00"))
	_, touched, _ := ts.round(streamPrices, cursor, 0, nil)
	require.Equal(t, []canon.Ref{ref(canon.KindProduct, product)}, touched)
	require.NotContains(t, touched, ref(canon.KindProduct, other))
	l := find(ts.read(touched...).Observations, canon.KindListing, idText(ring)).Listing
	require.Equal(t, []canon.StatedOffer{{ID: idText(list), Kind: canon.OfferPriceList, Name: "Friends", Price: canon.StatedMoney{Amount: "990", Currency: "EUR"}, Groups: []string{"VIP"}}}, l.Offers)
}

func TestCustomers(t *testing.T) {
	ts := newShop(t)
	id := ts.twin.CreateCustomer(twin.CustomerSpec{Email: "ada@example.com", First: "Ada", Last: "Lovelace", Phone: "+33142000000", Group: "VIP", Addresses: []twin.Address{
		{First: "Ada", Last: "Lovelace", Street1: "1 Rue de la Paix", City: "Paris", Zip: "75002", CountryCode: "FR", Phone: "+33142000001"},
	}})
	obs, _, cursor := ts.round(streamCustomers, nil, 0, nil)
	c := find(obs, canon.KindCustomer, idText(id))
	require.Equal(t, []string{"VIP"}, c.Customer.Tags)
	require.Equal(t, []string{"+33142000000", "+33142000001"}, c.Customer.Person.Phones)
	require.Equal(t, "FR", c.Customer.Person.Addresses[0].Country)
	require.NoError(t, ts.twin.EditCustomer(id, func(c *twin.CustomerSpec) { c.Last = "King" }))
	ts.clock.advance(time.Minute)
	obs, _, _ = ts.round(streamCustomers, cursor, 0, nil)
	require.Equal(t, "King", find(obs, canon.KindCustomer, idText(id)).Customer.Person.FamilyName)
	require.NoError(t, ts.twin.DeleteCustomer(id))
	require.True(t, ts.read(ref(canon.KindCustomer, id)).Observations[0].Deleted)
}

// An import is whole, however small its pages are, and the polls go on where it began.
func TestSnapshot(t *testing.T) {
	ts := newShop(t)
	var first int64
	for i := range 9 {
		p, v := ts.piece(fmt.Sprint("R", i), 1)
		ts.twin.CreateCustomer(twin.CustomerSpec{Email: fmt.Sprintf("c%d@example.com", i), First: "C"})
		if ts.buy(v); i == 0 {
			first = p
		}
	}
	ts.clock.advance(time.Hour)
	obs, begun, rowErrors := ts.imported(2)
	require.Empty(t, rowErrors)
	require.EqualValues(t, 18, begun.Total)
	for kind, n := range map[canon.Kind]int{canon.KindLocation: 2, canon.KindProduct: 9, canon.KindListing: 9, canon.KindLevel: 18, canon.KindCustomer: 9, canon.KindOrder: 9} {
		require.Len(t, ids(obs, kind), n, kind)
	}
	require.NoError(t, ts.twin.SetCustomField(first, "Serial number", "during"))
	ts.clock.advance(time.Minute)
	for stream, cursor := range begun.Cursors {
		later, _, _ := ts.round(stream, cursor, 5, nil)
		if stream == streamProducts {
			require.Equal(t, []string{idText(first)}, ids(later, canon.KindProduct))
		}
	}
}

// A product that was deleted is told so by a read, and old orders keep their lines.
func TestDeletedProducts(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	order := ts.buy(ring)
	require.NoError(t, ts.twin.DeleteProduct(product))
	got := ts.read(ref(canon.KindProduct, product), ref(canon.KindListing, ring), canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(ofProduct(product), "1")}, ref(canon.KindOrder, order))
	require.True(t, find(got.Observations, canon.KindProduct, idText(product)).Deleted)
	require.True(t, find(got.Observations, canon.KindListing, idText(ring)).Deleted)
	require.True(t, find(got.Observations, canon.KindLevel, canon.LevelID(ofProduct(product), "1")).Deleted)
	require.Equal(t, "R1", find(got.Observations, canon.KindOrder, idText(order)).Order.Lines[0].SKU)
	polled, _, _ := ts.round(streamOrders, nil, 0, nil)
	require.NotNil(t, find(polled, canon.KindOrder, idText(order)), "the poll goes on over it")
	hinted, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{ref(canon.KindListing, ring)}, Hints: []sdk.ReadHint{{ProductID: idText(product)}}})
	require.NoError(t, err)
	require.True(t, hinted.Observations[0].Deleted)
}

func TestArchivedOrders(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 1)
	id := ts.buy(ring)
	require.NoError(t, ts.twin.Archive(id))
	require.Equal(t, canon.OrderOpen, find(ts.read(ref(canon.KindOrder, id)).Observations, canon.KindOrder, idText(id)).Order.Status, "it is out of sight and stands")
	require.True(t, ts.read(ref(canon.KindOrder, 4711)).Observations[0].Deleted)
}

// One channel's connection sees what is the channel's.
func TestChannels(t *testing.T) {
	channels := []twin.Channel{{ID: 1, Name: "Storefront"}, {ID: 7, Name: "Till", Type: "pos"}}
	ts := newShop(t, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
		o.Channels, cfg["channel_id"] = channels, 7
	})
	ts.piece("R1", 1)
	till, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Ring", SKU: "T1", Price: "1", Stock: map[int64]int64{1: 3}, Channels: []int64{7}})
	require.NoError(t, err)
	v := ts.twin.Variants(till)[0]
	ts.buy(v)
	sold := ts.buy(v, func(p *twin.Purchase) { p.Channel = 7 })
	require.NoError(t, ts.twin.SetStatus(sold, 10))
	obs, _, _ := ts.imported(50)
	require.Equal(t, []string{idText(till)}, ids(obs, canon.KindProduct))
	require.Equal(t, []string{idText(sold)}, ids(obs, canon.KindOrder))
	require.True(t, find(obs, canon.KindOrder, idText(sold)).Order.HandedOver, "the till handed it over")
	polled, _, _ := ts.round(streamOrders, nil, 0, nil)
	require.Equal(t, []string{idText(sold)}, ids(polled, canon.KindOrder))
}

// A page of anything else than the platform's is no empty success.
func TestAnswersThatAreNone(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	for _, kind := range []twin.FaultKind{twin.FaultHTML, twin.FaultErrorBefore, twin.FaultUnavailable} {
		ts.twin.Inject(twin.Fault{Kind: kind, Count: 9})
		for _, stream := range []string{streamOrders, streamProducts, streamStock, streamCustomers, streamRefunds, streamFields, streamPrices} {
			_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: stream, Since: ts.clock.now().Add(-time.Hour)})
			require.Error(t, err, "%s %s", kind, stream)
			require.NotContains(t, err.Error(), testToken)
			ts.twin.Inject(twin.Fault{Kind: kind, Count: 9})
		}
		ts.twin.ClearFaults()
	}
	_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: "rings"})
	require.Error(t, err)
	_, err = ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders, Cursor: []byte("{")})
	require.ErrorIs(t, err, errCursor)
}
