package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
)

// deliveries puts the fulfilments of an order together: what its platform shows and what the house made. Goods leave once: a
// fulfilment of the house whose lines the platform shows as fulfilled too is the platform's, which names it and is as far as
// the further of the two; of one that is shown in part, the rest stays open. It is a function of both lists alone
// (invariant 3): when the platform takes its own back, the house's is there again.
func deliveries(platform, house []canon.Fulfilment) []canon.Fulfilment {
	shown := make(map[string]int64) // of each line, by the platform, and not yet the house's
	for i := range platform {
		if underWay(&platform[i]) {
			for _, l := range platform[i].Lines {
				shown[l.ID] += l.Quantity
			}
		}
	}
	out := slices.Clone(platform)
	for _, h := range house {
		if !underWay(&h) {
			out = append(out, h)
			continue
		}
		var rest []canon.DocumentLine
		for _, l := range h.Lines {
			both := min(l.Quantity, max(shown[l.ID], 0))
			shown[l.ID] -= both
			if l.Quantity -= both; l.Quantity > 0 {
				rest = append(rest, l)
			}
		}
		if len(rest) > 0 || len(h.Lines) == 0 {
			h.Lines = rest
			out = append(out, h)
			continue
		}
		for i := range platform {
			if underWay(&out[i]) && shareLine(&out[i], &h) {
				out[i] = oneDelivery(out[i], h)
			}
		}
	}
	return out
}

// underWay reports whether a fulfilment takes its lines.
func underWay(d *canon.Fulfilment) bool { return d.Status != "cancelled" && d.Status != "returned" }

func shareLine(a, b *canon.Fulfilment) bool {
	return slices.ContainsFunc(a.Lines, func(l canon.DocumentLine) bool {
		return slices.ContainsFunc(b.Lines, func(k canon.DocumentLine) bool { return k.ID == l.ID })
	})
}

// oneDelivery gives what a platform shows and the house made of the same goods as one.
func oneDelivery(p, house canon.Fulfilment) canon.Fulfilment {
	p.HouseIDs = append(slices.Clip(p.HouseIDs), house.ID)
	if further(p.Status, house.Status) {
		p.Status = house.Status
	}
	p.Location, p.Carrier, p.Tracking = orElse(p.Location, house.Location), orElse(p.Carrier, house.Carrier), orElse(p.Tracking, house.Tracking)
	p.By = orElse(p.By, house.By)
	return p
}

// further reports whether a way leads from one state of a fulfilment to another, and none back.
func further(from, to string) bool {
	_, on := lifecycle.FulfilmentMachine.Path(lifecycle.State(from), lifecycle.State(to))
	_, back := lifecycle.FulfilmentMachine.Path(lifecycle.State(to), lifecycle.State(from))
	return on && !back
}

// stands gives where a fulfilment of the house is by all that is known of it.
func stands(order *canon.Order, house *canon.Fulfilment) string {
	for i := range order.Fulfilments {
		if d := &order.Fulfilments[i]; contains(d.HouseIDs, house.ID) && further(house.Status, d.Status) {
			return d.Status
		}
	}
	return house.Status
}
