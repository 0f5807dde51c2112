package router

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
)

// A house publishes pieces to a shop whose answers get lost and where people edit, hide, put up and delete; pieces are sold and
// come back, prices change, the hub is killed between what it announced and what it heard. Whatever happens: no piece has two
// listings that the hub made, nothing is written to what the rule does not select, and when all is quiet nothing that is sold is
// for sale, and what is for sale shows the house's price.
func TestPublishingHoldsWhateverHappens(t *testing.T) {
	steps := 30
	if n, err := strconv.Atoi(os.Getenv("JUMPRING_PUBLISH_STEPS")); err == nil {
		steps = n
	}
	rapid.Check(t, func(rt *rapid.T) {
		rule := allRule()
		rule.Create, rule.CreateOf = canon.PublishSelected, &canon.Selection{Categories: []string{"ring"}}
		rule.Deleted = rapid.SampledFrom([]canon.Deleted{"", canon.DeletedAgain, canon.DeletedLeave}).Draw(rt, "deleted")
		w := newWorkbench(t, publishingSettings(rule))
		w.live("web")
		m := &chaos{w: w, shop: newFront(w), pieces: 4, prices: map[int]int{}, deleted: map[string]int{}}
		for n := 1; n <= m.pieces; n++ {
			m.state(n, 1000)
		}
		for range rapid.IntRange(steps/2, steps).Draw(rt, "steps") {
			m.act(rt)
			m.check(rt)
		}
		m.quiet(rt)
	})
}

// chaos is the world of the property.
type chaos struct {
	w       *workbench
	shop    *front
	pieces  int
	prices  map[int]int
	deleted map[string]int // listings that were deleted, by the serial that they were made for
	now     int
}

// state has the till state a piece. The last one is no ring, so the rule is not about it.
func (m *chaos) state(n, price int) {
	m.prices[n] = price
	piece(m.w, n, fmt.Sprintf("%d.00", price), func(l *canon.ListingState) {
		if l.Category = "Ring"; n == m.pieces {
			l.Category = "Watch"
		}
	})
}

func (m *chaos) act(rt *rapid.T) {
	w := m.w
	n := rapid.IntRange(1, m.pieces).Draw(rt, "piece")
	item := w.item("till", fmt.Sprintf("t%d", n))
	m.now++
	id := fmt.Sprintf("c%d", m.now)
	one := func() string { // a listing, so that a seed gives the same
		ids := slices.Sorted(maps.Keys(m.shop.listings))
		if len(ids) == 0 {
			return ""
		}
		return rapid.SampledFrom(ids).Draw(rt, "listing")
	}
	switch rapid.SampledFrom([]string{"serve", "serve", "serve", "lost", "killed", "refused", "late", "sell", "back", "price", "edit", "hide", "show", "delete", "webhook"}).Draw(rt, "what") {
	case "serve":
		m.one(rt, "answered")
	case "lost", "killed", "refused", "late":
		m.one(rt, rapid.SampledFrom([]string{"lost before", "lost after", "killed before", "killed after", "refused", "late"}).Draw(rt, "how"))
	case "sell":
		w.do("anna", canon.Command{Key: id, ID: id, Sell: &canon.Sell{Item: item.ID, Channel: "anna"}})
	case "back":
		w.do("anna", canon.Command{Key: id, ID: id, Restock: &canon.Restock{Item: item.ID}})
	case "price":
		m.state(n, rapid.IntRange(900, 1100).Draw(rt, "price"))
	case "edit":
		if l := one(); l != "" {
			m.shop.listings[l].Prices, m.shop.listings[l].Title = []canon.StatedMoney{{Amount: "1.00", Currency: "EUR"}}, "Edited"
			m.shop.show(l)
		}
	case "hide", "show":
		if l := one(); l != "" {
			m.shop.listings[l].Status = rapid.SampledFrom([]string{"active", "draft"}).Draw(rt, "status")
			m.shop.show(l)
		}
	case "delete":
		if l := one(); l != "" {
			delete(m.shop.listings, l)
			m.deleted[m.shop.forItem[l]]++
			m.shop.show(l)
		}
	case "webhook":
		if l := one(); l != "" {
			w.pushed("web", m.shop.observation(l))
		}
	}
}

// one carries out the next action, if there is one, and has its outcome told in some way.
func (m *chaos) one(rt *rapid.T, how string) {
	open := m.w.actions("web")
	if len(open) == 0 {
		return
	}
	a := open[0]
	if a.State.Sent() { // a hub that was killed, or heard nothing: it asks
		m.ask(&a)
		return
	}
	at := m.w.attempt(a)
	if at.State != canon.ActionAttempted {
		return
	}
	switch how {
	case "killed before":
		return
	case "killed after":
		m.shop.carryOut(at)
		return
	case "lost before":
		m.w.settle(at, "unknown")
		return
	case "lost after":
		m.shop.carryOut(at)
		m.w.settle(at, "unknown")
		return
	case "refused":
		m.w.settle(at, "rejected", func(s *canon.ActionSettled) { s.Code = "shop.refused" })
		return
	}
	status, made := m.shop.carryOut(at)
	if how == "late" && made != nil { // the webhook overtakes the answer
		m.w.pushed("web", m.shop.observation(made.ExternalID))
	}
	m.w.settle(at, status, func(s *canon.ActionSettled) { s.Made = made })
	m.shop.show(m.shop.idOf(at, made))
}

// ask is what the writer does about an attempt of which nobody knows.
func (m *chaos) ask(a *canon.Action) {
	if a.Kind != canon.ActionCreateListing {
		m.w.settle(a, "unknown", lookedUp)
		m.shop.show(a.Listing.ExternalID)
		return
	}
	if id := m.shop.marks[a.Key]; id != "" && m.shop.listings[id] != nil {
		made := &canon.ListingMade{ExternalID: id, StockID: "s" + id}
		m.w.settle(a, "applied", lookedUp, func(s *canon.ActionSettled) { s.Made = made })
		m.shop.show(id)
		return
	}
	delete(m.shop.marks, a.Key)
	m.w.settle(a, "rejected", lookedUp)
}

func (m *chaos) check(rt *rapid.T) {
	require.Empty(rt, m.w.parked())
	listed := map[string]int{}
	for id := range m.shop.listings {
		listed[m.shop.forItem[id]]++
	}
	for serial, n := range listed {
		require.LessOrEqual(rt, n, 1, "%s has %d listings", serial, n)
		require.NotEqual(rt, fmt.Sprintf("SN-%d", m.pieces), serial, "a watch was published by a rule about rings")
	}
}

// quiet lets the hub and the shop come to rest.
func (m *chaos) quiet(rt *rapid.T) {
	w := m.w
	for n := 1; n <= m.pieces; n++ { // what was refused is asked for once more by a person
		m.now++
		id := fmt.Sprintf("q%d", m.now)
		w.do("boss", canon.Command{Key: id, ID: id, Role: "manager", Listing: &canon.ListingCommand{Connection: "web", Item: w.item("till", fmt.Sprintf("t%d", n)).ID, Does: "retry"}})
	}
	for range 200 {
		for _, id := range slices.Sorted(maps.Keys(m.shop.forItem)) {
			m.shop.show(id)
		}
		if len(w.actions("web")) == 0 {
			break
		}
		m.one(rt, "answered")
	}
	require.Empty(rt, w.actions("web"), "it comes to rest")
	m.check(rt)
	for n := 1; n < m.pieces; n++ {
		serial := fmt.Sprintf("SN-%d", n)
		item := w.item("till", fmt.Sprintf("t%d", n))
		for id, made := range m.shop.forItem {
			st := m.shop.listings[id]
			if made != serial || st == nil {
				continue
			}
			require.Equal(rt, item.ID, w.item("web", id).ID, "a listing is the piece's that it was made for")
			if item.Status == canon.ItemSold {
				require.Equal(rt, "draft", st.Status, "%s is sold and for sale", serial)
			}
			require.Equal(rt, fmt.Sprintf("%d.00 EUR", m.prices[n]), priceMeaning(st), "%s", serial)
			require.Equal(rt, item.Title, st.Title)
		}
		if m.deleted[serial] == 0 && item.Status == canon.ItemInStock {
			require.Equal(rt, 1, m.count(serial), "%s is in stock and not published", serial)
		}
	}
}

func (m *chaos) count(serial string) int {
	n := 0
	for id := range m.shop.listings {
		if m.shop.forItem[id] == serial {
			n++
		}
	}
	return n
}
