package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Judge compares what the channels know with what the hub says.
func Judge(e *Evidence, r *Record) *Figures {
	a := &audit{e: e, r: r, items: make(map[string]*Item), bySKU: make(map[string]*Item), orders: make(map[string]*Order), f: &Figures{}}
	for i := range r.Items {
		it := &r.Items[i]
		a.bySKU[key(it.SKU)] = it
		a.items[it.ID] = it
		for _, n := range it.Nodes {
			a.items[n] = it
		}
		if it.Serialized {
			a.f.Pieces++
		}
	}
	for i := range r.Orders {
		o := &r.Orders[i]
		a.orders[o.Connection+"\x00"+o.ExternalID] = o
		if o.Number != "" {
			a.orders[o.Connection+"\x00#"+o.Number] = o
		}
	}
	f := a.f
	f.Clients, f.Events, f.Sales, f.Parked = len(r.Clients), e.Accepted, len(e.Sales), r.Parked
	f.ForgedRejected, f.Restarts = e.Refused, e.Kills+r.Restarts
	for i := range e.Shops {
		f.EchoCalls += e.Shops[i].Noops
	}
	a.conflicts()
	a.times()
	a.drift()
	a.lost()
	a.clients()
	f.judge()
	return f
}

type audit struct {
	e      *Evidence
	r      *Record
	items  map[string]*Item // by any id
	bySKU  map[string]*Item
	orders map[string]*Order
	f      *Figures
}

func key(sku string) string { return strings.ToUpper(strings.TrimSpace(sku)) }

// maxDetails bounds what is told of what is wrong.
const maxDetails = 40

func (a *audit) detail(format string, args ...any) {
	if len(a.f.Details) < maxDetails {
		a.f.Details = append(a.f.Details, fmt.Sprintf(format, args...))
	}
}

// span is a right to a piece for some time.
type span struct {
	from, until time.Time
	command     bool // the hub itself said yes to it
	sale        bool
}

func (s span) overlaps(t span) bool { return s.from.Before(t.until) && t.from.Before(s.until) }

// spans gives the rights to each piece as the channels know them. What was not given back ends never.
func (a *audit) spans() map[string][]span {
	never := a.e.Now.Add(24 * time.Hour)
	out := make(map[string][]span)
	for _, s := range a.e.Sales {
		if !a.e.Pieces[s.SKU] {
			continue
		}
		p := span{from: s.At, until: never, command: s.By == ByCommand, sale: true}
		if !s.Freed.IsZero() {
			p.until = s.Freed
		}
		out[s.SKU] = append(out[s.SKU], p)
	}
	for _, h := range a.e.Holds {
		if a.e.Pieces[h.SKU] {
			out[h.SKU] = append(out[h.SKU], span{from: h.From, until: h.Until, command: true})
		}
	}
	return out
}

// conflicts counts the pieces that channels sold twice, the cases that the hub made of them, and the pieces that the
// hub itself gave to two.
func (a *audit) conflicts() {
	cased := make(map[string]bool) // by golden id
	for _, c := range a.r.Cases {
		if c.Open {
			a.f.OpenCases++
		}
		if c.Kind != "double_claim" {
			continue
		}
		a.f.PlatformConflicts++
		if it := a.items[c.Subject]; it != nil {
			cased[it.ID] = true
		}
	}
	all := a.spans()
	for _, sku := range sorted(all) {
		provoked, promised := false, false
		for i, s := range all[sku] {
			for _, t := range all[sku][i+1:] {
				switch {
				case !s.overlaps(t):
				case s.command && t.command:
					promised = true
				default:
					provoked = true
				}
			}
		}
		it := a.bySKU[key(sku)]
		known := it != nil && cased[it.ID]
		if promised {
			a.f.Oversold++
			a.detail("%s: the hub said yes to two at once", sku)
			continue
		}
		if provoked {
			a.f.ConflictsProvoked++
			if !known {
				a.f.Oversold++
				a.detail("%s: sold twice, and the hub has no case of it", sku)
			}
		}
	}
}

// commitSlack is how far two ledgers' clocks may be apart: they are one machine's, read at different moments.
const commitSlack = 5 * time.Millisecond

// times measures how long a sale took to be seen at the other shops.
func (a *audit) times() {
	var sync, recovery []float64
	all := a.spans()
	for _, s := range a.e.Sales {
		if s.By == ByFile || !a.e.Pieces[s.SKU] || contested(all[s.SKU]) {
			continue
		}
		from := s.Heard
		if from.IsZero() {
			from = s.At
		}
		for i := range a.e.Shops {
			shop := &a.e.Shops[i]
			if shop.Connection == s.Shop || shop.stockAt(s.SKU, from, a.e.Opening[s.SKU]) == 0 {
				continue
			}
			seen := firstZero(shop, s.SKU, from)
			switch {
			case seen.IsZero():
				a.f.Sync.Unseen++
				a.detail("%s sold by %s at %s: %s never showed 0", s.SKU, s.Connection, s.At.Format("15:04:05.000"), shop.Connection)
			case s.Heard.IsZero() || a.broken(from, seen):
				// From the sale itself: that the hub could not hear of it is part of the outage.
				recovery = append(recovery, millis(seen.Sub(s.At)))
			default:
				sync = append(sync, millis(max(seen.Sub(from), 0)))
			}
		}
	}
	a.f.Sync.of(sync)
	a.f.Recovery.of(recovery)
}

func contested(spans []span) bool {
	for i, s := range spans {
		if slices.ContainsFunc(spans[i+1:], s.overlaps) {
			return true
		}
	}
	return false
}

func firstZero(shop *Shop, sku string, from time.Time) time.Time {
	for _, c := range shop.Commits {
		if c.SKU == sku && c.API && c.After == 0 && c.At.After(from.Add(-commitSlack)) {
			return c.At
		}
	}
	return time.Time{}
}

// broken reports whether an outage lies on the way.
func (a *audit) broken(from, until time.Time) bool {
	return slices.ContainsFunc(a.e.Outages, func(o Outage) bool { return from.Before(o.Until) && o.From.Before(until) })
}

// should is what shops have to show of an item, by the API.
func should(it *Item) int64 {
	if it.Serialized && (it.Holder != nil || it.Contested) {
		return 0
	}
	var n int64
	for _, s := range it.Stock {
		n += s.Available
	}
	if n = max(n, 0); it.Serialized {
		n = min(n, 1)
	}
	return n
}

// drift compares what the shops show with what the API says that they should.
func (a *audit) drift() {
	a.f.DriftRows = a.r.Drift
	for i := range a.e.Shops {
		shop := &a.e.Shops[i]
		for _, sku := range sorted(shop.Stock) {
			shows, it := shop.Stock[sku], a.bySKU[key(sku)]
			if it == nil {
				a.f.DriftRows++
				a.detail("%s at %s: the API has no such item", sku, shop.Connection)
			} else if want := should(it); want != shows {
				a.f.DriftRows++
				a.detail("%s at %s shows %d, should show %d (%s)", sku, shop.Connection, shows, want, it.Status)
			}
		}
	}
}

// lost looks for every fact of the ledgers in the API, and for their sum in its stock.
func (a *audit) lost() {
	sold := make(map[string]int64)
	for _, s := range a.e.Sales {
		sold[s.SKU] += s.Quantity - s.Restocked
		if why := a.missing(&s); why != "" {
			a.f.Lost++
			a.detail("%s %s: %s of %s", s.Connection, s.Order, why, s.SKU)
		}
	}
	for _, sku := range sorted(a.e.Opening) {
		it := a.bySKU[key(sku)]
		switch {
		case it == nil:
			a.f.Lost++
			a.detail("%s is not in the API", sku)
		case a.e.Pieces[sku]:
			if (it.Status == "sold") != (sold[sku] > 0) {
				a.f.Lost++
				a.detail("%s is %s in the API, the ledgers say that %d are sold", sku, it.Status, sold[sku])
			}
		default:
			if left := a.e.Opening[sku] - sold[sku]; should(it) != max(left, 0) {
				a.f.Lost++
				a.detail("%s: %d available in the API, the ledgers leave %d", sku, should(it), left)
			}
		}
	}
	for _, h := range a.e.Holds {
		if it := a.bySKU[key(h.SKU)]; h.Until.After(a.e.Now) && (it == nil || it.Holder == nil) {
			a.f.Lost++
			a.detail("%s: the reservation until %s is not in the API", h.SKU, h.Until.Format("15:04:05"))
		}
	}
}

// missing says what of a sale the API does not know; "" when it knows all of it.
func (a *audit) missing(s *Sale) string {
	id := s.Order
	if s.By == ByCommand {
		id = "#" + id
	}
	o := a.orders[s.Connection+"\x00"+id]
	if o == nil {
		return "no order for the sale"
	}
	var quantity, returned, refunded int64
	for _, l := range o.Lines {
		it := a.items[l.Node]
		if it == nil || key(it.SKU) != key(s.SKU) {
			continue
		}
		quantity, returned, refunded = quantity+l.Quantity, returned+l.Returned, refunded+l.Refunded
	}
	switch {
	case quantity < s.Quantity:
		return fmt.Sprintf("only %d of %d", quantity, s.Quantity)
	case refunded < s.Refunded:
		return fmt.Sprintf("only %d of %d refunds", refunded, s.Refunded)
	case returned < s.Restocked:
		return fmt.Sprintf("only %d of %d returns", returned, s.Restocked)
	}
	return ""
}

// clients looks for every buyer, and for buyers that the hub takes for two.
func (a *audit) clients() {
	count := make(map[string]int)
	for _, c := range a.r.Clients {
		for _, m := range c.Emails {
			count[strings.ToLower(m)]++
		}
	}
	for _, m := range sorted(a.e.Emails) {
		switch n := count[m]; {
		case n == 0:
			a.f.Lost++
			a.detail("a buyer of the ledgers is no client in the API")
		case n > 1:
			a.f.Doubled++
		}
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
