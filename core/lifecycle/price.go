package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// PriceAsk is where and for whom a price is asked.
type PriceAsk struct {
	Connection, Location, Currency string
	Groups                         []string // tags of the client
	// At is when it is asked.
	At time.Time
}

// OfferedPrice is an offer with the price that it names for the item, where it is a price list that has one.
type OfferedPrice struct {
	Offer *canon.Offer
	Named *canon.Money
}

// Price says what an item costs and why: the price that is shown, in its place that of the price list which counts, and off
// it what the one promotion takes that counts. Promotions do not add up. It is pure: the order of offers does not matter.
func Price(item *canon.Item, ask PriceAsk, offers []OfferedPrice) canon.PriceExplained {
	out := canon.PriceExplained{Item: item.ID, Steps: []canon.PriceStep{}, Passed: []canon.PricePassed{}}
	var price *canon.Money
	if p := shownPrice(item, ask); p != nil {
		out.Steps = append(out.Steps, canon.PriceStep{Rule: "shown", ID: p.Connection, After: p.Money, Why: p.Connection + " shows it"})
		price = observed(item, p, ask, &out)
	}
	pass := func(o *canon.Offer, why string) {
		out.Passed = append(out.Passed, canon.PricePassed{ID: o.ID, Name: o.Name, Why: why})
	}
	offers = slices.Clone(offers)
	slices.SortFunc(offers, func(a, b OfferedPrice) int {
		return cmp.Or(cmp.Compare(b.Offer.Priority, a.Offer.Priority), cmp.Compare(exactness(b.Offer), exactness(a.Offer)), cmp.Compare(a.Offer.ID, b.Offer.ID))
	})
	var list *canon.Offer
	for _, o := range offers {
		if o.Offer.Kind != canon.OfferPriceList {
			continue
		}
		why := whyNot(o.Offer, item, ask)
		switch {
		case why != "":
			pass(o.Offer, why)
		case o.Named == nil:
			pass(o.Offer, "it names no price for the item")
		case list != nil:
			pass(o.Offer, fmt.Sprintf("%s counts before it", list.Name))
		default:
			list, price = o.Offer, o.Named
			out.Steps = append(out.Steps, canon.PriceStep{Rule: string(o.Offer.Kind), ID: o.Offer.ID, Name: o.Offer.Name, After: *price, Why: "the list names it"})
		}
	}
	var promotion *canon.Offer
	var best canon.Money
	for _, o := range offers {
		if o.Offer.Kind != canon.OfferPromotion {
			continue
		}
		why := whyNot(o.Offer, item, ask)
		if why == "" && (price == nil || price.Currency != o.Offer.Currency) {
			why = "there is no price in " + o.Offer.Currency + " to take it off"
		}
		if why != "" {
			pass(o.Offer, why)
			continue
		}
		after := canon.Money{Minor: reduced(price.Minor, o.Offer), Currency: price.Currency}
		switch {
		case promotion == nil:
			promotion, best = o.Offer, after
		case o.Offer.Priority == promotion.Priority && after.Minor < best.Minor:
			pass(promotion, fmt.Sprintf("%s takes more off", o.Offer.Name))
			promotion, best = o.Offer, after
		default:
			pass(o.Offer, fmt.Sprintf("%s counts before it: promotions do not add up", promotion.Name))
		}
	}
	if promotion != nil {
		price = &best
		out.Steps = append(out.Steps, canon.PriceStep{Rule: string(promotion.Kind), ID: promotion.ID, Name: promotion.Name, After: best, Why: discount(promotion)})
	}
	out.Price = price
	return out
}

// observed takes the prices into account that the connection which shows a price asks in its place: those of its price lists for
// the asking client, and a sale price while its window is open. The lowest counts.
func observed(item *canon.Item, shown *canon.Price, ask PriceAsk, out *canon.PriceExplained) *canon.Money {
	price := &shown.Money
	for _, kind := range []canon.OfferKind{canon.OfferPriceList, canon.OfferSale} {
		for i := range item.Offers {
			o := &item.Offers[i]
			if o.Connection != shown.Connection || o.Kind != kind || o.Currency != price.Currency {
				continue
			}
			why := ""
			switch {
			case o.From != nil && ask.At.Before(*o.From):
				why = "it begins " + o.From.Format(time.RFC3339)
			case o.Until != nil && !ask.At.Before(*o.Until):
				why = "it ended " + o.Until.Format(time.RFC3339)
			case len(o.Groups) > 0 && !slices.ContainsFunc(ask.Groups, func(g string) bool { return slices.Contains(o.Groups, g) }):
				why = "it is for clients of " + strings.Join(o.Groups, ", ")
			case o.Minor > price.Minor:
				why = "the price is lower without it"
			}
			if why != "" {
				out.Passed = append(out.Passed, canon.PricePassed{ID: o.Connection + "/" + o.ID, Name: cmp.Or(o.Name, o.ID), Why: why})
				continue
			}
			price = &o.Money
			out.Steps = append(out.Steps, canon.PriceStep{Rule: "shown_" + string(kind), ID: o.Connection + "/" + o.ID, Name: o.Name, After: o.Money, Why: o.Connection + " asks it"})
		}
	}
	return price
}

// shownPrice gives the price that the asking connection shows, else the first one that any does, in the currency.
func shownPrice(item *canon.Item, ask PriceAsk) *canon.Price {
	var first *canon.Price
	for i := range item.Prices {
		p := &item.Prices[i]
		if ask.Currency != "" && p.Currency != ask.Currency {
			continue
		}
		if p.Connection == ask.Connection {
			return p
		}
		if first == nil {
			first = p
		}
	}
	return first
}

// exactness is in how many ways an offer says where it applies.
func exactness(o *canon.Offer) int {
	n := 0
	for _, list := range [][]string{o.Connections, o.Locations, o.Groups} {
		if len(list) > 0 {
			n++
		}
	}
	return n
}

// whyNot says why an offer does not apply; "" when it does.
func whyNot(o *canon.Offer, item *canon.Item, ask PriceAsk) string {
	among := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	switch {
	case o.Status != "active" && o.Status != "running":
		return "it is " + o.Status
	case ask.Currency != "" && o.Currency != ask.Currency:
		return "it is in " + o.Currency
	case !among(o.Connections, ask.Connection):
		return "it is for " + strings.Join(o.Connections, ", ")
	case !among(o.Locations, ask.Location):
		return "it is for " + strings.Join(o.Locations, ", ")
	case len(o.Groups) > 0 && !slices.ContainsFunc(ask.Groups, func(g string) bool { return slices.Contains(o.Groups, g) }):
		return "it is for clients of " + strings.Join(o.Groups, ", ")
	case len(o.SKUs)+len(o.Brands)+len(o.Categories) == 0:
		return ""
	}
	same := func(list []string, v string) bool {
		return v != "" && slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), strings.TrimSpace(v)) })
	}
	if same(o.SKUs, item.SKU) || same(o.Brands, item.Brand) || same(o.Categories, item.Category) {
		return ""
	}
	return "it is on other goods"
}

// reduced takes a promotion off an amount, half a minor unit in the client's favour, and never below zero.
func reduced(minor int64, o *canon.Offer) int64 {
	off := o.Off
	if o.Percent > 0 {
		whole, rest := minor/10_000*o.Percent, minor%10_000*o.Percent
		off = whole + (rest+5_000)/10_000
	}
	return max(minor-off, 0)
}

func discount(o *canon.Offer) string {
	if o.Percent > 0 {
		return fmt.Sprintf("%d.%02d %% off", o.Percent/100, o.Percent%100)
	}
	return fmt.Sprintf("%d minor units off", o.Off)
}
