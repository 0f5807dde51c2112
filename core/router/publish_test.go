package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// publishingSettings have a till that states the catalogue, and a shop on the web to which it is published as rule says.
func publishingSettings(rule canon.PublishRule) canon.Settings {
	s := testSettings()
	s.Attributes = append(s.Attributes, canon.AttributeDef{Code: "line", Type: canon.AttributeText, Channels: map[string]string{"web": "house.line"}})
	rule.Connection = "web"
	both := func(entity, group string, losing canon.Losing) canon.PolicyRule {
		return canon.PolicyRule{Entity: entity, Group: group, Policy: canon.PolicyAuthority, Authority: []string{"till"}, Direction: canon.DirectionBoth, Losing: losing}
	}
	s.Policy = &canon.Policy{
		Publish: []canon.PublishRule{rule},
		Rules:   []canon.PolicyRule{both("item", "price", canon.LosingWriteBack), both("item", "serial", ""), both("item", "title", canon.LosingWriteBack)},
	}
	for i := range s.Connections {
		if s.Connections[i].Name == "web" {
			s.Connections[i].Actions = canon.ListingActions()
		}
	}
	return s
}

func allRule() canon.PublishRule {
	return canon.PublishRule{Create: canon.PublishAll, Update: canon.PublishAll, Unpublish: canon.PublishAll}
}

// front is the shop on the web as a platform has it: what carries out actions, and what people do there.
type front struct {
	w        *workbench
	listings map[string]*canon.ListingState // by external id
	marks    map[string]string              // key of who made it → external id
	forItem  map[string]string              // external id → serial of the piece that it was made for
	version  int64
	next     int
	deaf     map[string]bool // fields that it takes and does not show
}

func newFront(w *workbench) *front {
	return &front{w: w, listings: map[string]*canon.ListingState{}, marks: map[string]string{}, forItem: map[string]string{}, version: 10}
}

func (p *front) observation(id string) canon.Observation {
	p.version++
	st := p.listings[id]
	if st == nil {
		return canon.Observation{Kind: canon.KindListing, ExternalID: id, SourceVersion: p.version, Deleted: true}
	}
	c := *st
	return canon.Observation{Kind: canon.KindListing, ExternalID: id, SourceVersion: p.version, Listing: &c}
}

// carryOut does what an action says, and gives what is called what.
func (p *front) carryOut(a *canon.Action) (status string, made *canon.ListingMade) {
	t := a.Listing
	if a.Kind == canon.ActionCreateListing {
		if id := p.marks[a.Key]; id != "" {
			return "duplicate", &canon.ListingMade{ExternalID: id, StockID: "s" + id}
		}
		p.next++
		id := fmt.Sprintf("w%d", p.next)
		c := t.Content
		p.marks[a.Key], p.forItem[id] = id, c.Serial
		st := stateOf(&c)
		st.StockID, st.Status = "s"+id, "draft"
		p.listings[id] = st
		return "applied", &canon.ListingMade{ExternalID: id, StockID: st.StockID}
	}
	st := p.listings[t.ExternalID]
	if st == nil {
		return "conflict", nil
	}
	switch a.Kind {
	case canon.ActionHideListing:
		st.Status = "draft"
	case canon.ActionShowListing:
		st.Status = "active"
	}
	shown := stateOf(&t.Content)
	for _, wish := range t.Fields {
		if p.deaf[wish.Field] {
			continue
		}
		switch wish.Field {
		case "title":
			st.Title = shown.Title
		case "serial":
			st.Serial = shown.Serial
		case "price":
			st.Prices, st.Offers = shown.Prices, shown.Offers
		}
	}
	return "applied", nil
}

func (p *front) idOf(a *canon.Action, made *canon.ListingMade) string {
	if made != nil {
		return made.ExternalID
	}
	return a.Listing.ExternalID
}

// serve carries out everything that is wanted, as the writer does, until nothing is.
func (p *front) serve() {
	p.w.t.Helper()
	for range 100 {
		open := p.w.actions("web")
		if len(open) == 0 {
			return
		}
		p.step(open[0])
	}
	p.w.t.Fatalf("actions go on for ever: %+v", p.w.actions("web"))
}

func (p *front) step(a canon.Action) {
	p.w.t.Helper()
	at := p.w.attempt(a)
	require.NotNil(p.w.t, at)
	require.Equal(p.w.t, canon.ActionAttempted, at.State, "not admitted")
	status, made := p.carryOut(at)
	p.w.settle(at, status, func(s *canon.ActionSettled) { s.Made = made })
	p.show(p.idOf(at, made))
}

// show has the hub read a listing.
func (p *front) show(id string) { p.w.fetched("web", p.observation(id)) }

// piece is stated by the till, with a price.
func piece(w *workbench, n int, price string, change ...func(*canon.ListingState)) {
	id := fmt.Sprintf("t%d", n)
	w.fetched("till", listing(id, fmt.Sprintf("SKU-%d", n), fmt.Sprintf("SN-%d", n), func(l *canon.ListingState) {
		l.Title, l.Home, l.Prices = fmt.Sprintf("Ring %d", n), "paris", []canon.StatedMoney{{Amount: price, Currency: "EUR"}}
		for _, c := range change {
			c(l)
		}
	}))
	w.fetched("till", level(id, "paris", 1, 1))
}

func publishing1(t *testing.T, rule canon.PublishRule) (*workbench, *front) {
	w := newWorkbench(t, publishingSettings(rule))
	w.live("web")
	return w, newFront(w)
}

func (w *workbench) sellAt(till, item string) canon.Outcome {
	w.commands++
	id := fmt.Sprintf("S%d", w.commands)
	return w.do(till, canon.Command{Key: id, ID: id, Sell: &canon.Sell{Item: item, Channel: till}})
}

func TestAPieceIsPublishedTakenDownWhenItIsSoldAndPutUpWhenItIsBack(t *testing.T) {
	w, shop := publishing1(t, allRule())
	piece(w, 1, "1250.00", func(l *canon.ListingState) {
		l.Attributes = []canon.StatedAttribute{{Code: "line", Value: "bridal"}}
		l.Certificates = []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}
		l.ImageURLs = []string{"https://example.com/1.jpg"}
	})
	open := w.actions("web")
	require.Len(t, open, 1)
	require.Equal(t, canon.ActionCreateListing, open[0].Kind)
	c := open[0].Listing.Content
	require.Equal(t, &canon.StatedMoney{Amount: "1250.00", Currency: "EUR"}, c.Price)
	require.Equal(t, []canon.StatedAttribute{{Code: "house.line", Value: "bridal"}}, c.Attributes, "under the platform's code")
	require.Equal(t, []string{"L1"}, open[0].Listing.Places)
	require.Equal(t, []string{"https://example.com/1.jpg"}, c.ImageURLs)
	shop.serve()
	require.Len(t, shop.listings, 1)
	require.Equal(t, "active", shop.listings["w1"].Status)
	item := w.item("till", "t1")
	require.Len(t, item.Listings, 2, "what the platform made is the piece's")
	require.Contains(t, w.events(item.ID), "action.done")

	require.True(t, w.sellAt("anna", item.ID).OK)
	shop.serve()
	require.Equal(t, "draft", shop.listings["w1"].Status)
	out := w.do("anna", canon.Command{Key: "back", ID: "back", Restock: &canon.Restock{Item: item.ID}})
	require.True(t, out.OK, out.Reason)
	shop.serve()
	require.Equal(t, "active", shop.listings["w1"].Status)
	require.Len(t, shop.listings, 1)
	require.Empty(t, w.parked())
}

func TestNothingIsWrittenOutsideTheRules(t *testing.T) {
	for name, c := range map[string]struct {
		rule canon.PublishRule
		want []canon.ActionKind
	}{
		"no rule":        {canon.PublishRule{}, nil},
		"selected":       {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Categories: []string{"rings"}, Metals: []string{"gold"}, Locations: []string{"paris"}, Price: &canon.PriceRange{Currency: "EUR", Min: 100000}}}, []canon.ActionKind{canon.ActionCreateListing}},
		"other category": {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Categories: []string{"watches"}}}, nil},
		"other metal":    {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Metals: []string{"platinum"}}}, nil},
		"elsewhere":      {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Locations: []string{"lyon"}}}, nil},
		"too dear":       {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Price: &canon.PriceRange{Currency: "EUR", Max: 100000}}}, nil},
		"attribute":      {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Attributes: []canon.AttributeIs{{Code: "line", Values: []string{"Bridal"}}}}}, []canon.ActionKind{canon.ActionCreateListing}},
		"other value":    {canon.PublishRule{Create: canon.PublishSelected, CreateOf: &canon.Selection{Attributes: []canon.AttributeIs{{Code: "line", Values: []string{"daily"}}}}}, nil},
		"update alone":   {canon.PublishRule{Update: canon.PublishAll}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := publishing1(t, c.rule)
			piece(w, 1, "1250.00", func(l *canon.ListingState) {
				l.Category, l.Attributes = "Rings", []canon.StatedAttribute{{Code: "line", Value: "bridal"}}
			})
			var kinds []canon.ActionKind
			for _, a := range w.actions("web") {
				kinds = append(kinds, a.Kind)
			}
			require.Equal(t, c.want, kinds)
		})
	}
}

// An attempt is admitted only where the part of the connection is live, by the fold and not by who sends it.
func TestAnAttemptIsNotAdmittedWhereListingsAreNotLive(t *testing.T) {
	w, _ := publishing1(t, allRule())
	out := w.do("admin", canon.Command{Key: "m", ID: "m", SetMode: &canon.SetMode{Connection: "web", Mode: canon.ModeShadow, Scope: &canon.Scope{Entity: canon.ScopeListing}}})
	require.True(t, out.OK, out.Reason)
	piece(w, 1, "1250.00")
	require.Equal(t, canon.ActionWanted, w.attempt(w.actions("web")[0]).State)
}

func TestPricesFollowTheHouseListsAndPromotions(t *testing.T) {
	w, shop := publishing1(t, allRule())
	piece(w, 1, "1000.00")
	shop.serve()
	price := func() string { w.refreshPending(); shop.serve(); return priceMeaning(shop.listings["w1"]) }
	require.Equal(t, "1000.00 EUR", price())

	shop.listings["w1"].Prices = []canon.StatedMoney{{Amount: "900.00", Currency: "EUR"}}
	shop.show("w1")
	require.Equal(t, "1000.00 EUR", price(), "an edit at the platform is written over")

	_, _, chief := w.desks()
	boss := desk{w, "boss", "manager"}
	promo := canon.OfferAsk{Kind: canon.OfferPromotion, Event: "draft", Draft: &canon.Offer{Name: "Ten", Currency: "EUR", Percent: 1000, From: w.now.Add(time.Hour), Until: w.now.Add(2 * time.Hour)}}
	require.True(t, chief.offer(promo).OK)
	id := fmt.Sprintf("O%d", w.commands)
	require.True(t, boss.offer(canon.OfferAsk{Kind: canon.OfferPromotion, Event: "approve", Offer: id, Approved: true}).OK)
	require.Equal(t, "1000.00 EUR", price(), "it has not begun")
	w.now = w.now.Add(90 * time.Minute)
	w.settleDue()
	require.Equal(t, "1000.00 EUR, sale 900.00 EUR", price())
	w.now = w.now.Add(time.Hour)
	w.settleDue()
	require.Equal(t, "1000.00 EUR", price())
	piece(w, 1, "1100.00", func(l *canon.ListingState) { l.Title = "Renamed" })
	require.Equal(t, "1100.00 EUR", price())
	require.Equal(t, "Renamed", shop.listings["w1"].Title)
}

// refreshPending computes everything again where the fold asks for it, as the hub does.
func (w *workbench) refreshPending() {
	v, err := w.store.View()
	require.NoError(w.t, err)
	pending, err := RefreshPending(v)
	v.Close()
	require.NoError(w.t, err)
	if pending {
		w.entry(canon.EntryRefresh, canon.Head{Actor: "hub"}, canon.Refresh{Items: w.keys(store.PrefixRecord + store.TypeItem + "/"), Done: true})
	}
}

func TestADeletedListingIsNotMadeAgainWithoutAWord(t *testing.T) {
	for _, tc := range []struct {
		deleted  canon.Deleted
		proposal string
		want     int
	}{{canon.DeletedCase, "again", 1}, {canon.DeletedCase, "leave", 0}, {canon.DeletedLeave, "", 0}, {canon.DeletedAgain, "", 1}} {
		t.Run(string(tc.deleted)+tc.proposal, func(t *testing.T) {
			rule := allRule()
			rule.Deleted = tc.deleted
			w, shop := publishing1(t, rule)
			piece(w, 1, "1000.00")
			shop.serve()
			delete(shop.listings, "w1")
			shop.show("w1")
			if tc.proposal != "" {
				require.Empty(t, w.actions("web"), "a person is asked first")
				require.Equal(t, canon.CaseListing, w.oneCase().Kind)
				out := w.decide(tc.proposal)
				require.True(t, out.OK, out.Reason)
				require.Empty(t, w.openCases())
			}
			shop.serve()
			require.Len(t, shop.listings, tc.want)
			piece(w, 1, "1000.00", func(l *canon.ListingState) { l.Title = "Renamed" })
			shop.serve()
			require.Len(t, shop.listings, tc.want)
			require.Empty(t, w.parked())
		})
	}
}

func TestWhatAPlatformShowsOtherwiseIsNotWrittenAgainAndAgain(t *testing.T) {
	w, shop := publishing1(t, allRule())
	piece(w, 1, "1000.00")
	shop.serve()
	shop.deaf = map[string]bool{"title": true}
	piece(w, 1, "1000.00", func(l *canon.ListingState) { l.Title = "Renamed" })
	require.Len(t, w.actions("web"), 1)
	shop.serve() // ends: it was written once
	node := canon.NodeID("itm", "web", canon.KindListing, "w1")
	p := load[canon.Publication](w, store.PublicationKey("web", node))
	require.Equal(t, canon.PublicationRefused, p.State)
	require.Equal(t, "title", p.Left[0].Field)
	shop.deaf = nil
	out := w.do("boss", canon.Command{Key: "r", ID: "r", Role: "manager", Listing: &canon.ListingCommand{Connection: "web", Item: w.item("web", "w1").ID, Does: "retry"}})
	require.True(t, out.OK, out.Reason)
	shop.serve()
	require.Equal(t, "Renamed", shop.listings["w1"].Title)
	p = load[canon.Publication](w, store.PublicationKey("web", node))
	require.Equal(t, canon.PublicationSame, p.State)
	require.Empty(t, p.Left)
}

func TestARefusedWriteWaitsForAnotherWish(t *testing.T) {
	w, shop := publishing1(t, allRule())
	piece(w, 1, "1000.00")
	a := w.attempt(w.actions("web")[0])
	w.settle(a, "rejected", func(s *canon.ActionSettled) { s.Code, s.Reason = "shopify.invalid_input", "Title is too long" })
	require.Empty(t, w.actions("web"))
	piece(w, 1, "1000.00") // the same
	require.Empty(t, w.actions("web"))
	piece(w, 1, "1000.00", func(l *canon.ListingState) { l.Title = "Shorter" })
	require.Len(t, w.actions("web"), 1)
	shop.serve()
	require.Equal(t, "Shorter", shop.listings["w1"].Title)
}

// What a plan of rules would write is counted before they are in force, and nothing is written by planning.
func TestAPolicyPlanCountsTheListingsThatItWouldTouch(t *testing.T) {
	w := newWorkbench(t, publishingSettings(canon.PublishRule{}))
	w.live("web")
	for n := 1; n <= 3; n++ {
		piece(w, n, "1000.00")
	}
	rule := allRule()
	rule.Create, rule.CreateOf = canon.PublishSelected, &canon.Selection{Brands: []string{"none"}}
	require.Empty(t, w.planned(publishingSettings(rule)).Calls)
	plan := w.planned(publishingSettings(allRule()))
	require.Equal(t, []PlannedCalls{{Connection: "web", Mode: canon.ModeLive, Calls: 3, Listings: 3}}, plan.Calls)
	require.Empty(t, w.actions("web"))
}
