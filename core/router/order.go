package router

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// orderLinks is what the fold keeps of an order beside its records.
type orderLinks struct {
	Refunds []string `json:"refunds,omitempty"` // external ids, sorted
	Claims  []string `json:"claims,omitempty"`  // keys, sorted
	Waits   []string `json:"waits,omitempty"`   // what its lines are found by, where no listing's id settles it
	// Baseline is fixed when the order is first seen: one that moves later does not take back what the order did.
	Baseline *time.Time `json:"baseline,omitempty"`
	Buyer    string     `json:"buyer,omitempty"` // node id
	// BuyerKey is where the node finds this order's words about it.
	BuyerKey string `json:"buyer_key,omitempty"`
}

// baseline gives the instant before which a connection's orders move nothing.
func (f *fold) baseline(connection string) (time.Time, error) {
	c, err := f.connection(connection)
	if err != nil || c == nil {
		return time.Time{}, err
	}
	if !c.Baseline.IsZero() {
		return c.Baseline, nil
	}
	return firstWatched(c), nil
}

// firstWatched is the default baseline: since then the hub has seen every order, whatever the mode. Platforms state
// whole seconds.
func firstWatched(c *canon.Connection) time.Time { return c.FirstSeen.Truncate(time.Second) }

// refund folds a refund: into its record, and into the order's claims. A deleted one counts no longer.
func (f *fold) refund(b *canon.Binding, st *canon.RefundState) error {
	if st == nil {
		return nil // deleted, and never seen
	}
	orderID := canon.NodeID("ord", b.Connection, canon.KindOrder, st.OrderID)
	id := canon.NodeID("ref", b.Connection, canon.KindRefund, b.ExternalID)
	key := store.RecordKey(store.TypeRefund, id)
	before, err := store.Load[canon.Refund](f.tx, key)
	if err != nil {
		return err
	}
	event := "refund.changed"
	if b.Deleted {
		event = "refund.deleted"
		f.tx.Delete(key)
		f.tx.Delete(store.PrefixNode + id)
	} else {
		r := &canon.Refund{
			ID: id, Connection: b.Connection, ExternalID: b.ExternalID, OrderID: orderID, CreatedAt: st.CreatedAt.UTC(),
			Lines: st.Lines, Tenders: st.Tenders, Version: f.f.pos, UpdatedAt: f.f.at,
		}
		if r.Total, err = money(st.Total); err != nil {
			return err
		}
		if err := f.save(key, r); err != nil {
			return err
		}
		if err := f.save(store.PrefixNode+id, store.Node{Type: store.TypeRefund, Golden: id}); err != nil {
			return err
		}
	}
	if before != nil || !b.Deleted {
		if err := f.row(canon.Row{Entity: id, Type: store.TypeRefund, Event: event}); err != nil {
			return err
		}
		if err := f.row(canon.Row{Entity: orderID, Type: store.TypeOrder, Event: "order.refunded"}); err != nil {
			return err
		}
	}
	links, err := f.links(orderID)
	if err != nil {
		return err
	}
	if i, found := slices.BinarySearch(links.Refunds, b.ExternalID); !found {
		links.Refunds = slices.Insert(links.Refunds, i, b.ExternalID)
		if err := f.save(prefixLinks+orderID, links); err != nil {
			return err
		}
	}
	if before != nil && before.OrderID != orderID { // it was of another order until now
		other, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, before.OrderID))
		if err != nil {
			return err
		}
		if other != nil {
			if err := f.orderAgain(other.Connection, other.ExternalID); err != nil {
				return err
			}
		}
	}
	return f.orderAgain(b.Connection, st.OrderID) // it may have come before its order, which will find it
}

// orderAgain folds an order anew with what belongs to it, if it was seen.
func (f *fold) orderAgain(connection, externalID string) error {
	_, obs, err := f.binding(connection, canon.KindOrder, externalID)
	if err != nil || obs == nil {
		return err
	}
	return f.order(connection, externalID, orderState(obs))
}

// orderState gives the state of an order; one that the platform deleted does not stand. Nil when it was never seen.
func orderState(obs *canon.Observation) *canon.OrderState {
	if obs.Order == nil || !obs.Deleted {
		return obs.Order
	}
	st := *obs.Order
	st.Status = canon.OrderCancelled
	return &st
}

func (f *fold) links(order string) (*orderLinks, error) {
	l, err := store.Load[orderLinks](f.tx, prefixLinks+order)
	if l == nil {
		l = &orderLinks{}
	}
	return l, err
}

// returned sums what refunds took back of each line, and lists what was restocked.
func (f *fold) returned(connection, order string, links *orderLinks) (refunded map[string]int64, restocked map[string][]canon.Return, err error) {
	refunded, restocked = make(map[string]int64), make(map[string][]canon.Return)
	for _, ext := range links.Refunds {
		_, obs, err := f.binding(connection, canon.KindRefund, ext)
		if err != nil {
			return nil, nil, err
		}
		if obs == nil || obs.Deleted || obs.Refund.OrderID != order {
			continue
		}
		for _, l := range obs.Refund.Lines {
			refunded[l.OrderLineID] += l.Quantity
			if l.Restocked {
				restocked[l.OrderLineID] = append(restocked[l.OrderLineID], canon.Return{At: obs.Refund.CreatedAt.UTC(), Quantity: l.Quantity})
			}
		}
	}
	return refunded, restocked, nil
}

// order folds a sale: its record, its buyer, and a claim for each of its lines. st is nil when nothing was seen of it
// but that it was deleted.
func (f *fold) order(connection, externalID string, st *canon.OrderState) error {
	if st == nil {
		return nil
	}
	id := canon.NodeID("ord", connection, canon.KindOrder, externalID)
	links, err := f.links(id)
	if err != nil {
		return err
	}
	was := *links
	known := links.Baseline != nil // else it has neither record nor claims
	var before *canon.Order
	if known {
		if before, err = store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, id)); err != nil {
			return err
		}
	} else {
		base, err := f.baseline(connection)
		if err != nil {
			return err
		}
		links.Baseline = &base
	}
	history := st.PlacedAt.Before(*links.Baseline)
	refunded, restocked, err := f.returned(connection, externalID, links)
	if err != nil {
		return err
	}
	cs := f.settings.Connection(connection)
	order := &canon.Order{
		ID: id, Connection: connection, ExternalID: externalID, Number: st.Number, Status: st.Status, PlacedAt: st.PlacedAt.UTC(),
		Currency: st.Currency, Tenders: st.Tenders, Channel: st.Channel, Salesperson: st.Salesperson, History: history,
		Lines: make([]canon.OrderItem, 0, len(st.Lines)),
	}
	if st.Location != "" {
		order.Location = f.placeOf(cs, st.Location)
	}
	if err := totals(order, st); err != nil {
		return err
	}
	var claims, waits []string
	for i := range st.Lines {
		line := &st.Lines[i]
		item := canon.OrderItem{
			ID: line.ID, ListingID: line.ListingID, SKU: line.SKU, Title: line.Title, Quantity: line.Quantity,
			Returned: total(restocked[line.ID]), Refunded: refunded[line.ID],
		}
		if item.Price, err = money(&line.Price); err != nil {
			return err
		}
		n, wait, err := f.resolveLine(connection, line)
		if err != nil {
			return err
		}
		waits = append(waits, wait...)
		if n != nil {
			item.Node = n.Node
		} else {
			item.Waiting = wait != nil
		}
		order.Lines = append(order.Lines, item)
		if history || (n == nil && wait == nil) {
			continue
		}
		key := connection + "/" + store.Part(externalID) + "/" + line.ID
		claims = append(claims, key)
		var was *canon.Claim
		if known {
			if was, err = f.claim(key); err != nil {
				return err
			}
		}
		if err := f.claimLine(was, key, order, st, line, n, cs, restocked[line.ID], refunded[line.ID]); err != nil {
			return err
		}
	}
	slices.Sort(claims)
	for _, key := range links.Claims {
		if slices.Contains(claims, key) {
			continue
		}
		c, err := f.claim(key)
		if err != nil {
			return err
		}
		if c != nil && c.Ended != canon.EndedRemoved {
			if err := f.endClaim(c, canon.EndedRemoved); err != nil {
				return err
			}
		}
		claims = append(claims, key)
	}
	slices.Sort(claims)
	claims = slices.Compact(claims)
	if !slices.Equal(links.Claims, claims) {
		links.Claims = claims
	}
	slices.Sort(waits)
	waits = slices.Compact(waits)
	if !slices.Equal(links.Waits, waits) {
		f.reindex(indexWait, id, links.Waits, waits)
		links.Waits = waits
	}
	if err := f.buyer(order, links, st); err != nil {
		return err
	}
	if err := f.documents(order, st, links.Refunds); err != nil {
		return err
	}
	if !reflect.DeepEqual(&was, links) {
		if err := f.save(prefixLinks+id, links); err != nil {
			return err
		}
	}
	return f.putOrder(before, order)
}

func (f *fold) putOrder(before, order *canon.Order) error {
	var changes []canon.Change // none of a new order: the record itself says it all
	if before != nil {
		var err error
		if changes, err = diff(before, order); err != nil || len(changes) == 0 {
			return err
		}
	}
	order.Version, order.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeOrder, order.ID), order); err != nil {
		return err
	}
	event := "order.changed"
	if before == nil {
		event = "order.created"
		if err := f.save(store.PrefixNode+order.ID, store.Node{Type: store.TypeOrder, Golden: order.ID}); err != nil {
			return err
		}
	}
	if err := f.row(canon.Row{Entity: order.ID, Type: store.TypeOrder, Event: event, Changes: changes, Location: order.Location}); err != nil {
		return err
	}
	return f.documentSteps(before, order)
}

// claimLine brings the claim of one order line in line with the order: what is live is what was ordered, less what
// came back; nothing when the order does not stand.
func (f *fold) claimLine(before *canon.Claim, key string, order *canon.Order, st *canon.OrderState, line *canon.OrderLine, n *listingNode, cs *canon.ConnectionSettings, back []canon.Return, refunded int64) error {
	c := &canon.Claim{Key: key, Kind: canon.ClaimSale, Connection: order.Connection, Document: order.ID, Since: f.f.pos, At: f.f.at}
	if before != nil {
		*c = *before
	}
	c.ListingID, c.HandedOver, c.Quantity, c.Placed = line.ListingID, st.HandedOver, line.Quantity, st.PlacedAt.UTC()
	restocked := total(back)
	c.Node, c.Item = "", ""
	if n != nil {
		c.Node, c.Item = n.Node, n.Item
	}
	loc, stated := f.lineLocation(order, line, cs)
	if !stated {
		var err error
		if loc, err = f.likelyLocation(loc, n, cs); err != nil {
			return err
		}
	}
	c.Location = loc
	c.Net, c.Ended = 0, ""
	switch {
	case st.Status == canon.OrderCancelled:
		c.Ended = "cancelled"
		if rest := line.Quantity - restocked - c.Restocked; rest > 0 {
			// Where it is not said when, the goods count as never taken: who counts later finds them.
			at := c.Placed
			if st.CancelledAt != nil {
				at = st.CancelledAt.UTC()
			}
			back = append(back, canon.Return{At: at, Quantity: rest})
		}
	case line.Quantity-restocked-c.Restocked <= 0:
		c.Ended = "returned"
	case c.Yields && refunded >= line.Quantity-c.Restocked:
		// A person gave the goods to somebody else, and the money went back: nothing of them was ever taken.
		c.Ended = "refunded"
		back = append(back, canon.Return{At: c.Placed, Quantity: line.Quantity - restocked - c.Restocked})
	default:
		c.Net = line.Quantity - restocked - c.Restocked
		if c.Overruled {
			c.Ended = "overruled"
		}
	}
	slices.SortFunc(back, func(a, b canon.Return) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Quantity, b.Quantity)) })
	c.Back = back
	if before != nil && sameClaim(before, c) {
		return nil
	}
	wasNet := int64(0)
	if before != nil {
		wasNet = before.Net
		if before.Net == 0 && c.Net > 0 {
			c.Since, c.At = f.f.pos, f.f.at
		}
	}
	if err := f.putClaim(before, c); err != nil {
		return err
	}
	if n == nil || cs == nil || n.Connection != order.Connection || wasNet == c.Net {
		return nil
	}
	lowers := c.Net > wasNet && cs.OrderLowersLevel
	raises := c.Net < wasNet && c.Ended != "refunded" &&
		((c.Ended == "cancelled" && cs.CancelRaisesLevel) || (c.Ended != "cancelled" && cs.RefundRaisesLevel))
	if !lowers && !raises {
		return nil
	}
	if included, err := f.levelIncludes(n, st.PlacedAt); err != nil || (lowers && included) {
		return err
	}
	return f.expect(n, c.Location, wasNet-c.Net)
}

func sameClaim(a, b *canon.Claim) bool {
	return a.Node == b.Node && a.Item == b.Item && a.Net == b.Net && a.Location == b.Location && a.HandedOver == b.HandedOver &&
		a.Ended == b.Ended && a.Quantity == b.Quantity && a.ListingID == b.ListingID && a.Placed.Equal(b.Placed) &&
		slices.EqualFunc(a.Back, b.Back, func(x, y canon.Return) bool { return x.Quantity == y.Quantity && x.At.Equal(y.At) })
}

// total adds up what came back.
func total(back []canon.Return) int64 {
	n := int64(0)
	for _, b := range back {
		n += b.Quantity
	}
	return n
}

// levelIncludes reports whether the level that is known is younger than an order, by the platform's own clock: then it
// includes the order's effect.
func (f *fold) levelIncludes(n *listingNode, placed time.Time) (bool, error) {
	levels, err := f.levelsOf(n)
	if err != nil {
		return false, err
	}
	for _, l := range levels {
		if c := l.binding.Current(); c.SourceVersion > 0 && c.SourceVersion >= placed.UnixMicro() {
			return true, nil
		}
	}
	return false, nil
}

// lineLocation gives the hub's location that gives the goods of a line, and whether the source states it; else it is
// where the connection sells from first.
func (f *fold) lineLocation(order *canon.Order, line *canon.OrderLine, cs *canon.ConnectionSettings) (location string, stated bool) {
	if line.Location != "" {
		if l := f.placeOf(cs, line.Location); l != "" {
			return l, true
		}
	}
	if order.Location != "" {
		return order.Location, true
	}
	if cs == nil {
		return "", false
	}
	at, _ := levelPlace(cs, f.settings, "")
	return at, false
}

// placeOf gives the hub's location that a source names. A till that reports events is no configured connection, and
// names the hub's own.
func (f *fold) placeOf(cs *canon.ConnectionSettings, external string) string {
	if cs == nil {
		cs = &canon.ConnectionSettings{}
	}
	return mapLocation(cs, f.settings, external)
}

// likelyLocation gives where goods are taken from that a source sells without saying where: at the place that it sells
// from first, or where there were none of them when they were adopted, at the next that had some. It looks at the
// opening alone, which stays, so that the order of sales does not matter.
func (f *fold) likelyLocation(first string, n *listingNode, cs *canon.ConnectionSettings) (string, error) {
	if n == nil || n.Item == "" {
		return first, nil
	}
	item, err := store.Peek[canon.Item](f.tx, store.RecordKey(store.TypeItem, n.Item), nil)
	if err != nil || item == nil {
		return first, err
	}
	opening := make(map[string]int64)
	for _, node := range item.Nodes {
		l, err := f.sharedLedger(node)
		if err != nil {
			return "", err
		}
		if l.Adopted {
			for at, sum := range l.At {
				opening[at] += sum.Opening
			}
		}
	}
	if opening[first] > 0 {
		return first, nil
	}
	places := f.settings.Locations
	if cs != nil && len(cs.SellsFrom) > 0 {
		places = cs.SellsFrom
	}
	for _, at := range places {
		if opening[at] > 0 {
			return at, nil
		}
	}
	return first, nil
}

// resolveLine finds the listing that a line sold: by the platform's id, else by serial, EPC or SKU. Where the id does not
// settle it, wait names what it is found by: the line is resolved again whenever what that means changes, so that it
// does not matter what came first (invariant 3). wait is nil when the line names nothing, or a listing that is known.
func (f *fold) resolveLine(connection string, line *canon.OrderLine) (n *listingNode, wait []string, err error) {
	if line.ListingID != "" {
		n, err := f.listingNode(canon.NodeID("itm", connection, canon.KindListing, line.ListingID))
		if err != nil || n != nil {
			return n, nil, err
		}
		wait = append(wait, "listing/"+connection+"/"+line.ListingID)
	}
	epc := ""
	if line.EPC != "" {
		epc, _ = normalize.EPC(line.EPC)
	}
	for _, k := range []nodeKey{{"serial", normalize.Serial(line.Serial)}, {"epc", epc}, {"sku", normalize.SKU(line.SKU)}} {
		if k.value == "" || (line.ListingID != "" && k.name == "sku") {
			continue
		}
		wait = append(wait, k.wait())
		if n != nil {
			continue
		}
		ids, err := f.scan(indexNodeKey+k.name, k.value, identity.Crowd+1)
		if err != nil {
			return nil, nil, err
		}
		if len(ids) > identity.Crowd {
			continue // it names nothing
		}
		if n, err = f.onlyItem(ids); err != nil {
			return nil, nil, err
		}
	}
	return n, wait, nil
}

// onlyItem gives the first of the nodes when all that are bound belong to one item.
func (f *fold) onlyItem(ids []string) (*listingNode, error) {
	var found *listingNode
	for _, id := range ids {
		n, err := f.listingNode(id)
		if err != nil {
			return nil, err
		}
		switch {
		case n == nil || n.Item == "":
		case found == nil:
			found = n
		case found.Item != n.Item:
			return nil, nil
		}
	}
	return found, nil
}

// wakePage is how many orders and counts one entry folds anew because what their lines are found by changed.
const wakePage = 100

// wake folds the orders and counts again whose lines are found by what this entry changed. Where there are many, the rest falls
// due at once, so that each entry writes a bounded amount.
func (f *fold) wake() error {
	waits := sortedKeys(f.moved)
	clear(f.moved)
	left := wakePage
	for i, w := range waits {
		n, err := f.wakeFrom(w, "", left)
		if err != nil {
			return err
		}
		if left -= n; left <= 0 {
			for _, rest := range waits[i+1:] {
				if err := f.wakeLater(rest, ""); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return nil
}

// wakeFrom folds up to limit orders that wait for something again, from an order's id on.
func (f *fold) wakeFrom(wait, from string, limit int) (int, error) {
	prefix := store.IndexPrefix(indexWait, wait)
	var ids []string
	err := f.tx.Scan(prefix, prefix+from, func(key string, _ []byte) (bool, error) {
		ids = append(ids, store.IndexID(key))
		return len(ids) <= limit, nil
	})
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if i == limit {
			return i, f.wakeLater(wait, id)
		}
		if strings.HasPrefix(id, countPrefix) {
			if err := f.countAgain(id); err != nil {
				return 0, err
			}
			continue
		}
		o, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, id))
		if err != nil {
			return 0, err
		}
		if o != nil {
			if err := f.orderAgain(o.Connection, o.ExternalID); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}

// laterWake is a page of orders to fold anew when it falls due.
type laterWake struct {
	Wait string `json:"wait"`
	From string `json:"from,omitempty"`
}

// dueWake begins the name of such a deadline.
const dueWake = "wake/"

func (f *fold) wakeLater(wait, from string) error {
	f.laters++
	f.out.Deadlines = true
	key := store.DueKey(f.f.at, fmt.Sprintf("%s%s/%04d", dueWake, f.f.pos.SortKey(), f.laters))
	return f.save(key, laterWake{Wait: wait, From: from})
}
