package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func (d desk) offer(ask canon.OfferAsk) canon.Outcome {
	d.w.t.Helper()
	d.w.commands++
	id := fmt.Sprintf("O%d", d.w.commands)
	return d.w.do(d.name, canon.Command{Key: id, ID: id, Role: d.role, Offer: &ask})
}

func (w *workbench) offerOf(id string) *canon.Offer {
	return load[canon.Offer](w, store.RecordKey(store.TypeOffer, id))
}

func TestAPriceListIsDraftedApprovedAndEndsByTheClock(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, _, chief := w.desks()
	boss := desk{w, "boss", "manager"}
	ring := w.item("web", "w1").ID
	list := func(d desk, event string, a canon.OfferAsk) canon.Outcome {
		a.Kind, a.Event, a.Offer = canon.OfferPriceList, event, "O1"
		return d.offer(a)
	}
	draft := &canon.Offer{Name: "Winter", Currency: "eur", Locations: []string{"paris"}, From: w.now.Add(time.Hour), Until: w.now.Add(3 * time.Hour)}
	out := list(chief, "draft", canon.OfferAsk{Draft: draft, Prices: []canon.PriceAsked{{Item: ring, Amount: "1100.00"}}})
	require.True(t, out.OK, out.Reason)
	require.EqualValues(t, 1, w.offerOf("O1").Prices)
	require.Equal(t, "transition.actor", list(anna, "edit", canon.OfferAsk{Prices: []canon.PriceAsked{{Item: ring, Amount: "1"}}}).Code)
	require.Equal(t, "item.unknown", list(chief, "edit", canon.OfferAsk{Prices: []canon.PriceAsked{{Item: ring, Amount: "1"}, {Item: "none", Amount: "1"}}}).Code)
	require.Equal(t, "money.unreadable", list(chief, "edit", canon.OfferAsk{Prices: []canon.PriceAsked{{Item: ring, Amount: "much"}}}).Code)
	require.EqualValues(t, 110_000, load[canon.ListPrice](w, store.PrefixPrices+"O1/"+ring).Minor, "nothing of a refused edit is kept")
	require.Equal(t, "approval.second_person", list(chief, "approve", canon.OfferAsk{Approved: true}).Code)
	require.Equal(t, "approval.missing", list(boss, "approve", canon.OfferAsk{}).Code)
	require.True(t, list(boss, "approve", canon.OfferAsk{Approved: true}).OK)
	require.Equal(t, "scheduled", w.offerOf("O1").Status)
	require.Equal(t, "transition.illegal", list(chief, "edit", canon.OfferAsk{Draft: draft}).Code, "what is approved is not changed behind who approved it")
	require.Equal(t, "time.too_early", list(chief, "activate", canon.OfferAsk{}).Code)
	for _, at := range []struct {
		after  time.Duration
		status string
	}{{time.Minute, "scheduled"}, {time.Hour, "active"}, {time.Hour, "active"}, {time.Hour, "expired"}} {
		w.now = w.now.Add(at.after)
		w.settleDue()
		require.Equal(t, at.status, w.offerOf("O1").Status)
	}
	require.Empty(t, w.parked())
}

func TestAPromotionStartsAtOnceAndCanBePaused(t *testing.T) {
	w := newWorkbench(t, testSettings())
	_, _, chief := w.desks()
	boss := desk{w, "boss", "manager"}
	promo := func(d desk, event string, draft *canon.Offer) canon.Outcome {
		return d.offer(canon.OfferAsk{Kind: canon.OfferPromotion, Event: event, Offer: "O1", Draft: draft, Approved: true})
	}
	require.True(t, promo(chief, "draft", &canon.Offer{Name: "Ten", Currency: "EUR", Percent: 1000, Until: w.now.Add(time.Hour)}).OK)
	for _, bad := range []canon.Offer{
		{Currency: "EUR", Percent: 1000}, {Name: "x", Currency: "EUR"}, {Name: "x", Currency: "EUR", Percent: 10_001}, {Name: "x", Currency: "EUR", Percent: 1, Off: 1},
	} {
		require.Equal(t, "offer.draft", promo(chief, "draft", &bad).Code)
	}
	require.Equal(t, "money.unreadable", promo(chief, "draft", &canon.Offer{Name: "x", Currency: "EURO", Percent: 1}).Code)
	require.Equal(t, "location.unknown", promo(chief, "draft", &canon.Offer{Name: "x", Currency: "EUR", Percent: 1, Locations: []string{"mars"}}).Code)
	require.True(t, promo(boss, "approve", nil).OK)
	w.settleDue()
	require.Equal(t, "running", w.offerOf("O1").Status)
	require.True(t, promo(chief, "pause", nil).OK)
	w.settleDue()
	require.Equal(t, "paused", w.offerOf("O1").Status, "the clock does not start what a person paused")
	require.True(t, promo(chief, "start", nil).OK)
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.Equal(t, "ended", w.offerOf("O1").Status)
	require.Equal(t, "offer.unknown", chief.offer(canon.OfferAsk{Kind: canon.OfferPriceList, Event: "approve", Offer: "O1"}).Code, "it is no price list")
}
