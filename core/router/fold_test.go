package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func TestAPieceOnThreeSidesIsOneItem(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	it := w.item("web", "w1")
	require.NotNil(t, it)
	require.Len(t, it.Nodes, 3)
	require.True(t, it.Serialized)
	require.True(t, it.Adopted)
	require.Equal(t, canon.ItemInStock, it.Status)
	require.Equal(t, "paris", it.Location)
	require.Equal(t, it.ID, w.item("shop", "p1").ID)
	require.Equal(t, it.Nodes[0], it.ID, "the golden id is the smallest node id")
	require.Empty(t, w.keys(store.PrefixDiff), "every side shows what it should")
	require.Empty(t, w.parked())
}

func TestASaleOnOneSideIsWantedOnTheOthersAndExpectedAtItsOrigin(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	it := w.item("web", "w1")
	require.Equal(t, canon.ItemSold, it.Status)
	require.Equal(t, "web", it.Holder.Channel)
	require.Equal(t, []string{"shop/sp1@"}, w.keys(store.PrefixDiff), "only the other side differs: the origin lowers its own level")
	require.EqualValues(t, 0, *w.levelWant("shop", "sp1@").Quantity)
	require.True(t, w.levelWant("web", "sw1@L1").Expected)
	require.Empty(t, w.openCases())

	w.pushed("web", order("o1", 10, line("1", "w1", 1))) // the same again
	require.Zero(t, w.last.Rows, "a repeat changes nothing")
}

func TestARefundThatRestocksFreesThePieceAndOneThatDoesNotKeepsIt(t *testing.T) {
	for _, tc := range []struct {
		name      string
		restocked bool
		status    canon.ItemStatus
	}{{"restocked", true, canon.ItemInStock}, {"goodwill", false, canon.ItemSold}} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorkbench(t, testSettings())
			threeSides(w)
			w.pushed("web", refund("r1", "o1", 1, canon.RefundLine{OrderLineID: "1", Quantity: 1, Restocked: tc.restocked}))
			w.pushed("web", order("o1", 10, line("1", "w1", 1)))
			require.Equal(t, tc.status, w.item("web", "w1").Status, "the refund came before its order and waited")
		})
	}
}

func TestAnOrderWaitsForItsListing(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Empty(t, w.parked())
	threeSides(w)
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
}

func TestTheSecondSaleIsACaseAndThePieceShowsZeroEverywhere(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	w.pushed("shop", order("77", 10, line("a", "p1", 1)))
	it := w.item("web", "w1")
	require.True(t, it.Contested)
	require.Equal(t, "web", it.Holder.Channel, "the first journaled claim holds it")
	cases := w.openCases()
	require.Len(t, cases, 1)
	require.Equal(t, canon.CaseDoubleClaim, cases[0].Kind)
	require.Len(t, cases[0].Evidence, 2)

	out := w.do("anna", canon.Command{Key: "k1", ID: "c1", Resolve: &canon.Resolve{Case: cases[0].ID, Proposal: "keep:web/o1/1"}})
	require.True(t, out.OK, out.Reason)
	require.Empty(t, w.openCases())
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
}

func TestTheCaseGoesAwayWithItsCause(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	w.pushed("shop", order("77", 10, line("a", "p1", 1)))
	cancelled := order("77", 11, line("a", "p1", 1))
	cancelled.Order.Status = canon.OrderCancelled
	w.pushed("shop", cancelled)
	require.Empty(t, w.openCases())
	require.Equal(t, "web", w.item("web", "w1").Holder.Channel)
}

func TestCommandsAreRefusedWithTheHolderAndRepeatedFromTheirOutcome(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	first := w.do("till-1", canon.Command{Key: "a", ID: "R1", Reserve: &canon.Reserve{Item: id, Seconds: 600, Channel: "till-1"}})
	require.True(t, first.OK)
	require.Equal(t, 201, first.Status)
	second := w.do("till-2", canon.Command{Key: "a", ID: "R2", Reserve: &canon.Reserve{Item: id, Seconds: 600, Channel: "till-2"}})
	require.False(t, second.OK)
	require.Equal(t, 409, second.Status)
	require.Equal(t, "till-1", second.Holder.Channel)
	require.Equal(t, w.now.Add(600*time.Second), second.Holder.Until.UTC())
	again := w.do("till-1", canon.Command{Key: "a", ID: "R3", Reserve: &canon.Reserve{Item: id, Seconds: 600, Channel: "till-1"}})
	require.Equal(t, first, again, "a repeat is answered from the outcome")

	sold := w.do("till-1", canon.Command{Key: "b", ID: "S1", Sell: &canon.Sell{Item: id, Channel: "till-1", Reservation: "R1", Price: &canon.StatedMoney{Amount: "1250", Currency: "EUR"}}})
	require.True(t, sold.OK, sold.Reason)
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
	require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff))
	late := w.do("till-2", canon.Command{Key: "c", ID: "S2", Sell: &canon.Sell{Item: id, Channel: "till-2"}})
	require.Equal(t, "item.held", late.Code)
}

func TestAReservationExpiresByATick(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	w.do("till", canon.Command{Key: "a", ID: "R1", Reserve: &canon.Reserve{Item: id, Seconds: 60, Channel: "till"}})
	require.Equal(t, canon.ItemReserved, w.item("web", "w1").Status)
	w.now = w.now.Add(59 * time.Second)
	w.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	require.Equal(t, canon.ItemReserved, w.item("web", "w1").Status)
	w.now = w.now.Add(2 * time.Second)
	w.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	for _, due := range w.keys(store.PrefixDue) {
		require.NotContains(t, due, "R1")
	}
}

func TestAnOlderOrderAfterANewerOneChangesNothing(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	cancelled := order("o1", 20, line("1", "w1", 1))
	cancelled.Order.Status = canon.OrderCancelled
	w.pushed("web", cancelled)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
}

func TestAPushedLevelThatTiesIsAHintAndTheReadSettlesIt(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.reads = nil
	w.pushed("shop", level("p1", "", 0, 0)) // no version: the body only tells that something may have changed
	require.Len(t, w.reads, 1)
	require.EqualValues(t, 1, w.levelWant("shop", "sp1@").Shows)
	w.fetched("shop", level("p1", "", 0, 0))
	require.EqualValues(t, 0, w.levelWant("shop", "sp1@").Shows)
	require.Equal(t, []string{"shop/sp1@"}, w.keys(store.PrefixDiff), "somebody changed it by hand; the hub wants 1")
}

func TestHiddenFieldsAreNotEmpty(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.fetched("web", listing("w1", "SKU-1", "SN-9"))
	hidden := listing("w1", "SKU-1", "")
	hidden.SourceVersion, hidden.Hidden, hidden.Listing.Title = 5, []string{"serial"}, "New title"
	w.pushed("web", hidden)
	it := w.item("web", "w1")
	require.Equal(t, "SN-9", it.Serial)
	require.Equal(t, "New title", it.Title)
}

func TestAmbiguousListingsStayUnboundAndOnTheMatchList(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.fetched("web", listing("w1", "SKU-1", ""))
	w.fetched("web", level("w1", "L1", 1, 1))
	w.fetched("shop", listing("p1", "SKU-1", ""))
	w.fetched("shop", level("p1", "", 1, 0))
	require.Len(t, w.item("web", "w1").Nodes, 2)
	w.fetched("shop", listing("p2", "SKU-1", "")) // the SKU is no longer unique on that side
	w.fetched("shop", level("p2", "", 1, 0))
	require.Nil(t, w.item("shop", "p1"))
	require.Nil(t, w.item("shop", "p2"))
	require.Equal(t, []string{"shop/p1", "shop/p2", "web/w1"}, w.keys(store.PrefixMatch))
	require.Equal(t, "listing.unbound", w.levelWant("shop", "sp1@").Blocked)

	// A person decides, and takes it back.
	before := w.digest(store.ScopeGolden)
	out := w.do("anna", canon.Command{Key: "m1", ID: "m1", Match: &canon.Match{Connection: "web", ListingID: "w1", Item: "new"}})
	require.True(t, out.OK, out.Reason)
	out = w.do("anna", canon.Command{Key: "m2", ID: "m2", Match: &canon.Match{Connection: "shop", ListingID: "p2", Item: w.item("web", "w1").ID}})
	require.True(t, out.OK, out.Reason)
	require.Len(t, w.item("web", "w1").Nodes, 2)
	for i, l := range [][2]string{{"shop", "p2"}, {"web", "w1"}} {
		out = w.do("anna", canon.Command{Key: "u" + l[1], ID: "u" + l[1], Match: &canon.Match{Connection: l[0], ListingID: l[1], Item: ""}})
		require.True(t, out.OK, "%d: %s", i, out.Reason)
	}
	require.Equal(t, before, w.digest(store.ScopeGolden), "undo restores what was")
}

func TestAPoisonEntryIsParkedAndTheRestGoesOn(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	bad := order("o1", 10, line("1", "w1", 1))
	bad.Order.Total.Currency, bad.Order.Currency, bad.Order.Lines[0].Price.Currency = "XXQ", "XXQ", "XXQ"
	w.pushed("web", bad)
	p := w.parked()
	require.Len(t, p, 1)
	require.Equal(t, "money.unreadable", p[0].Code)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status, "nothing of it was written")
	w.pushed("shop", order("77", 10, line("a", "p1", 1)))
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)

	// Edited and replayed.
	fixed, _ := detached(order("o1", 10, line("1", "w1", 1)))
	w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position, Data: mustJSON(t, fixed)})
	require.Empty(t, w.parked())
	require.True(t, w.item("web", "w1").Contested)
}

func TestAClientUnderTwoSpellingsIsOnePersonAndACoupleIsTwo(t *testing.T) {
	w := newWorkbench(t, testSettings())
	person := func(id, given, family, email, phone string) canon.Observation {
		return canon.Observation{Kind: canon.KindCustomer, ExternalID: id, SourceVersion: 1, Customer: &canon.CustomerState{
			Person: &canon.PersonState{GivenName: given, FamilyName: family, Emails: []string{email}, Phones: []string{phone}},
		}}
	}
	w.pushed("web", person("1", "Hélène", "Martin", "Helene.Martin@example.org", "06 12 34 56 78"))
	w.pushed("shop", person("2", "Helene", "MARTIN", "h.martin@example.com", "+33612345678"))
	w.pushed("shop", person("3", "Paul", "Martin", "helene.martin@example.org", "0612345678"))
	clients := w.keys(store.PrefixRecord + store.TypeClient + "/")
	require.Len(t, clients, 2)
	var sizes []int
	for _, id := range clients {
		sizes = append(sizes, len(load[canon.Client](w, store.RecordKey(store.TypeClient, id)).Nodes))
	}
	require.ElementsMatch(t, []int{2, 1}, sizes)
}
