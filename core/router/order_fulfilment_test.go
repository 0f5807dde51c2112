package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

// fulfilled is the order of two lines as the web shows it, with its own fulfilments.
func fulfilled(version int64, fulfilments ...canon.StatedFulfilment) canon.Observation {
	o := order("o1", version, line("1", "w1", 1), line("2", "w2", 3))
	o.Order.Fulfilments = fulfilments
	return o
}

func shippedLines(id, status string, lines ...canon.DocumentLine) canon.StatedFulfilment {
	return canon.StatedFulfilment{ID: id, Status: status, Lines: lines, Tracking: "1Z" + id}
}

// packedByTheHouse is a fulfilment of line 1 that the house has packed.
func packedByTheHouse(t *testing.T) (*workbench, *papersDesk, string) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", fulfilled(10))
	d := &papersDesk{w: w, order: orderOf(w, "web", "o1").ID}
	f := canon.DocumentFulfilment
	id := d.must("till", canon.OrderStep{Document: f, Event: "create", Lines: []canon.DocumentLine{{ID: "1", Quantity: 1}}})
	d.must("till", canon.OrderStep{Document: f, ID: id, Event: "pick", Scanned: "SN-1"})
	d.must("till", canon.OrderStep{Document: f, ID: id, Event: "pack", Certificate: true})
	return w, d, id
}

func TestWhatTheHousePacksAndThePlatformShowsIsOneDelivery(t *testing.T) {
	w, d, id := packedByTheHouse(t)
	before := len(w.events(d.order))
	one := canon.DocumentLine{ID: "1", Quantity: 1}
	w.pushed("web", fulfilled(11, shippedLines("f1", "shipped", one)))
	got := orderOf(w, "web", "o1").Fulfilments
	require.Len(t, got, 1, "the goods leave once")
	require.Equal(t, []string{"f1", "shipped", id, "1Zf1"}, []string{got[0].ID, got[0].Status, got[0].HouseIDs[0], got[0].Tracking})
	require.Equal(t, []string{"order.changed", "fulfilment.shipped"}, w.events(d.order)[before:], "it went on from where the house had it")
	out := d.step("till", canon.OrderStep{Document: canon.DocumentFulfilment, ID: id, Event: "ship", Tracking: "X"})
	require.Equal(t, "transition.illegal", out.Code, "it is shipped already")
	require.Equal(t, "lines.none_open", d.step("till", canon.OrderStep{Document: canon.DocumentFulfilment, Event: "create", Lines: []canon.DocumentLine{one}}).Code)
	d.must("till", canon.OrderStep{Document: canon.DocumentFulfilment, ID: id, Event: "deliver"})
	require.Equal(t, "delivered", orderOf(w, "web", "o1").Fulfilments[0].Status, "the house knows more")

	w.pushed("web", fulfilled(12, shippedLines("f1", "cancelled", one)))
	got = orderOf(w, "web", "o1").Fulfilments
	require.Len(t, got, 2, "the platform took its own back")
	require.Equal(t, "delivered", got[1].Status)
	require.Len(t, w.openCases(), 1, "what was delivered can't be cancelled: a person looks at it")
	require.Equal(t, canon.CaseDocument, w.openCases()[0].Kind)
	require.Empty(t, w.parked())
}

func TestAHandOverAtTheBoutiqueClosesThePlatformsFulfilment(t *testing.T) {
	w, d, id := packedByTheHouse(t)
	one := canon.DocumentLine{ID: "1", Quantity: 1}
	w.pushed("web", fulfilled(11, shippedLines("f1", "created", one)))
	require.Equal(t, "packed", orderOf(w, "web", "o1").Fulfilments[0].Status)
	require.Equal(t, "collect.identity", d.step("till", canon.OrderStep{Document: canon.DocumentFulfilment, ID: id, Event: "hand_over"}).Code)
	d.must("till", canon.OrderStep{Document: canon.DocumentFulfilment, ID: id, Event: "hand_over", Identified: true})
	got := orderOf(w, "web", "o1").Fulfilments
	require.Len(t, got, 1)
	require.Equal(t, "delivered", got[0].Status)
	w.pushed("web", fulfilled(12, shippedLines("f1", "shipped", one)))
	require.Equal(t, "delivered", orderOf(w, "web", "o1").Fulfilments[0].Status, "what was handed over is not on its way again")
	w.pushed("web", fulfilled(13, shippedLines("f1", "delivered", one)))
	require.Len(t, orderOf(w, "web", "o1").Fulfilments, 1)
	require.Empty(t, w.openCases())
}

func TestWhatThePlatformShowsInPartLeavesTheRestToTheHouse(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", fulfilled(10))
	d := &papersDesk{w: w, order: orderOf(w, "web", "o1").ID}
	id := d.must("till", canon.OrderStep{Document: canon.DocumentFulfilment, Event: "create"})
	w.pushed("web", fulfilled(11, shippedLines("f1", "shipped", canon.DocumentLine{ID: "1", Quantity: 1}, canon.DocumentLine{ID: "2", Quantity: 2})))
	got := orderOf(w, "web", "o1").Fulfilments
	require.Len(t, got, 2)
	require.Empty(t, got[0].HouseIDs)
	require.Equal(t, id, got[1].ID)
	require.Equal(t, []canon.DocumentLine{{ID: "2", Quantity: 1}}, got[1].Lines)
	w.pushed("web", fulfilled(12, shippedLines("f1", "shipped", canon.DocumentLine{ID: "1", Quantity: 1}, canon.DocumentLine{ID: "2", Quantity: 2}), shippedLines("f2", "shipped", canon.DocumentLine{ID: "2", Quantity: 1})))
	got = orderOf(w, "web", "o1").Fulfilments
	require.Len(t, got, 2, "both are the platform's now")
	require.Equal(t, [][]string{{id}, {id}}, [][]string{got[0].HouseIDs, got[1].HouseIDs})
}

// TestNoLineLeavesTwice sums what is delivered of each line, whoever made it, over all ways in which both sides may cut it.
func TestNoLineLeavesTwice(t *testing.T) {
	for platform := int64(0); platform <= 3; platform++ {
		for first := int64(0); first <= 3; first++ {
			var shows, house []canon.Fulfilment
			if platform > 0 {
				shows = []canon.Fulfilment{{ID: "f1", Status: "shipped", Lines: []canon.DocumentLine{{ID: "1", Quantity: platform}}}}
			}
			for i, q := range []int64{first, 3 - first} {
				if q > 0 {
					house = append(house, canon.Fulfilment{ID: string(rune('a' + i)), House: true, Status: "shipped", Lines: []canon.DocumentLine{{ID: "1", Quantity: q}}})
				}
			}
			n := int64(0)
			for _, d := range deliveries(shows, house) {
				for _, l := range d.Lines {
					n += l.Quantity
				}
			}
			require.EqualValues(t, 3, n, "the platform shows %d, the house made %d and %d", platform, first, 3-first)
		}
	}
}
