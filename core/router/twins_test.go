package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

func graded(id, serial string) canon.Observation {
	return listing(id, "SKU-"+id, serial, func(l *canon.ListingState) {
		l.Certificates = []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}
	})
}

func sells(w *workbench, key, id string) canon.Outcome {
	return w.do("till", canon.Command{Key: key, ID: "S" + key, Sell: &canon.Sell{Item: id, Channel: "till"}})
}

func TestTwoListingsOfOneReportThatContradictAreSoldFromNeitherSide(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.fetched("web", graded("w1", "SN-1"))
	w.fetched("web", level("w1", "L1", 1, 1))
	w.live("web")
	web := w.item("web", "w1").ID
	require.Empty(t, w.openCases())
	w.fetched("shop", graded("p1", "SN-2"))
	w.fetched("shop", level("p1", "", 1, 0))
	cases := w.openCases()
	require.Len(t, cases, 1)
	require.Equal(t, canon.CaseIdentity, cases[0].Kind)
	shop := canon.NodeID("itm", "shop", canon.KindListing, "p1")
	require.Equal(t, "item.contradiction", sells(w, "a", web).Code)
	require.Equal(t, "item.contradiction", sells(w, "b", shop).Code)
	reserve := w.do("till", canon.Command{Key: "c", ID: "R", Reserve: &canon.Reserve{Item: shop, Seconds: 60, Channel: "till"}})
	require.Equal(t, "item.contradiction", reserve.Code)

	w.fetched("shop", graded("p1", "SN-1")) // it was a slip
	require.Empty(t, w.openCases())
	require.True(t, sells(w, "d", web).OK)
}

func TestTwoLivePiecesWithOneReportAreSoldFromNeitherSide(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.fetched("web", graded("w1", "SN-1"))
	w.fetched("web", level("w1", "L1", 1, 1))
	w.fetched("shop", graded("p1", "SN-1"))
	w.fetched("shop", level("p1", "", 1, 0))
	w.live("web")
	w.live("shop")
	require.Equal(t, w.item("web", "w1").ID, w.item("shop", "p1").ID)
	out := w.do("anna", canon.Command{Key: "m", ID: "M", Match: &canon.Match{Connection: "shop", ListingID: "p1", Item: identity.DecisionNew}})
	require.True(t, out.OK, out.Reason)
	web, shop := w.item("web", "w1"), w.item("shop", "p1")
	require.NotEqual(t, web.ID, shop.ID, "a person set them apart")
	require.Equal(t, []string{shop.ID}, web.SameReport)
	require.Equal(t, []string{web.ID}, shop.SameReport)
	require.Equal(t, []canon.ItemStatus{canon.ItemBlocked, canon.ItemBlocked}, []canon.ItemStatus{web.Status, shop.Status})
	cases := w.openCases()
	require.Len(t, cases, 1, "one case for both")
	require.Equal(t, canon.CaseReport, cases[0].Kind)
	require.Equal(t, "item.same_report", sells(w, "a", web.ID).Code)
	require.Equal(t, "item.same_report", sells(w, "b", shop.ID).Code)
	require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "no channel shows either")
	coherent(t, w.store)

	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status, "a platform's sale is a fact")
	require.Equal(t, canon.ItemInStock, w.item("shop", "p1").Status, "what is sold is no live piece: one may be bought back")
	require.Empty(t, w.openCases())
	cancelled := order("o1", 11, line("1", "w1", 1))
	cancelled.Order.Status = canon.OrderCancelled
	w.pushed("web", cancelled)
	require.Len(t, w.openCases(), 1)

	out = w.do("anna", canon.Command{Key: "n", ID: "N", Match: &canon.Match{Connection: "shop", ListingID: "p1"}})
	require.True(t, out.OK, out.Reason)
	require.Empty(t, w.openCases())
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	require.Empty(t, w.item("web", "w1").SameReport)
	coherent(t, w.store)
}

func TestAHUIDJoinsAndABrandKeepsApart(t *testing.T) {
	s := testSettings()
	s.MatchItem = []string{"certificate", "epc", "huid", "serial", "sku"}
	w := newWorkbench(t, s)
	marked := func(id, huid, serial, brand string) canon.Observation {
		return listing(id, "", serial, func(l *canon.ListingState) { l.HUID, l.Brand = huid, brand })
	}
	w.fetched("web", marked("w1", "ab12cd", "", ""))
	w.fetched("till", marked("t1", "HUID AB12CD", "", ""))
	require.Equal(t, w.item("web", "w1").ID, w.item("till", "t1").ID)
	require.True(t, w.item("web", "w1").Serialized, "a HUID is one piece's")

	w.fetched("till", marked("t2", "", "0007", "Aurum"))
	w.fetched("till", marked("t3", "", "0007", "Solis"))
	w.fetched("web", marked("w2", "", "0007", "Solis"))
	require.NotEqual(t, w.item("till", "t2").ID, w.item("till", "t3").ID, "serial numbers are each maker's own")
	require.Equal(t, w.item("till", "t3").ID, w.item("web", "w2").ID)
	w.fetched("shop", marked("p2", "", "0007", ""))
	require.Nil(t, w.item("shop", "p2"), "nobody knows which of the two it is")
	require.Len(t, w.keys(store.PrefixMatch), 1)
}
