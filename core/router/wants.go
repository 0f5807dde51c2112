package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// mapLocation gives the hub's location for a platform's: by the connection's table, else itself when the hub has a
// location of that name; "" when it is not mapped.
func mapLocation(cs *canon.ConnectionSettings, s *canon.Settings, external string) string {
	if l, ok := cs.Locations[external]; ok {
		return l
	}
	if contains(s.Locations, external) {
		return external
	}
	return ""
}

// levelPlace gives the hub's location that a level is about. Whole tells that the platform has one number for all
// the places it sells from; the location is then the first of them.
func levelPlace(cs *canon.ConnectionSettings, s *canon.Settings, external string) (location string, whole bool) {
	if external != "" {
		return mapLocation(cs, s, external), false
	}
	for _, name := range []string{"", "default"} {
		if l, ok := cs.Locations[name]; ok && len(cs.SellsFrom) < 2 {
			return l, true
		}
	}
	if len(cs.SellsFrom) > 0 {
		return cs.SellsFrom[0], true
	}
	if len(s.Locations) == 1 {
		return s.Locations[0], true
	}
	return "", true
}

// places gives the hub's locations whose stock a level should show together: the one that it is mapped to, and for
// the connection's first level also those that no other of its locations stands for.
func places(cs *canon.ConnectionSettings, s *canon.Settings, external string) []string {
	sells := cs.SellsFrom
	if len(sells) == 0 {
		sells = s.Locations
	}
	if external == "" {
		return sells
	}
	var out []string
	if own := mapLocation(cs, s, external); slices.Contains(sells, own) {
		out = append(out, own)
	}
	firstID := external
	mapped := make(map[string]bool)
	for id, l := range cs.Locations {
		mapped[l] = true
		if id < firstID {
			firstID = id
		}
	}
	if firstID == external {
		for _, l := range sells {
			if !mapped[l] && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// wants computes what each level of the item's listings should show, and keeps the differences. A row differs exactly
// when what it should show is not what it is known to show; nobody clears a flag.
func (f *fold) wants(item *canon.Item, p *itemParts) error {
	for i, n := range p.nodes {
		cs := f.settings.Connection(n.Connection)
		for _, l := range p.levels[i] {
			quantity, blocked := f.shouldShow(item, p, n, cs, l)
			if err := f.want(l, quantity, blocked, item.Holder != nil || item.Contested || f.byClaim()); err != nil {
				return err
			}
		}
	}
	return nil
}

// shouldShow gives the stock that a level should show, or why the hub must not write it.
func (f *fold) shouldShow(item *canon.Item, p *itemParts, n *listingNode, cs *canon.ConnectionSettings, l shownLevel) (quantity *int64, blocked string) {
	_, external := canon.SplitLevelID(l.binding.ExternalID)
	switch {
	case cs == nil:
		return nil, "connection.unknown"
	case cs.OpeningStock:
		return nil, "connection.counts_stock"
	case n.Deleted || l.state == nil:
		return nil, "listing.deleted"
	case l.state.Available == nil:
		return nil, "stock.untracked"
	case external != "" && mapLocation(cs, f.settings, external) == "":
		return nil, "location.unmapped"
	}
	held := item.Serialized && (item.Holder != nil || item.Contested || len(item.Blocked) > 0)
	if !held {
		for _, flag := range []string{"stock.conflict", "stock.unseen", "location.unknown"} {
			if contains(item.Flags, flag) {
				return nil, flag
			}
		}
		if item.Status == canon.ItemUnknown {
			return nil, "stock.unknown"
		}
	}
	want := int64(0)
	if !item.Contested && len(item.Blocked) == 0 && !f.elsewhere(item, p, n) {
		for _, place := range places(cs, f.settings, external) {
			for _, a := range item.Stock {
				if a.Location == place {
					want += a.Available
				}
			}
		}
		switch {
		case cs.Name == f.settings.StockAuthority:
			want -= p.expected // its own number is the stock itself
		case !item.Serialized:
			want -= f.settings.Safety + cs.Safety + max(p.expected, 0)
		}
	}
	floor := int64(0)
	if cs.Name == f.settings.StockAuthority {
		floor = min(l.shows(), 0) // its own number below zero is a fact of its own: to raise it would make up goods
	}
	if want = max(want, floor); item.Serialized {
		want = min(want, 1)
	}
	return &want, ""
}

// elsewhere reports whether a piece is shown on another channel, where the settings let one of its kind be on one at a
// time: the first connection in the order of authority that lists it for sale, by its smallest node.
func (f *fold) elsewhere(item *canon.Item, p *itemParts, n *listingNode) bool {
	if !f.settings.OneChannel || !item.Serialized {
		return false
	}
	var chosen *listingNode
	best := len(f.settings.Connections)
	for _, other := range p.nodes {
		if other.Deleted || other.Status != "" && other.Status != "active" {
			continue
		}
		for rank := range f.settings.Connections {
			cs := &f.settings.Connections[rank]
			if cs.Name != other.Connection || cs.OpeningStock {
				continue
			}
			if chosen == nil || rank < best || rank == best && other.Node < chosen.Node {
				chosen, best = other, rank
			}
		}
	}
	return chosen != nil && chosen.Connection != n.Connection
}

// byClaim reports whether the entry changes what is claimed, rather than correcting stock.
func (f *fold) byClaim() bool {
	switch f.f.typ {
	case canon.EntryCommand, canon.EntryTick:
		return true
	case canon.EntryObservation:
		return f.f.obs.Kind == canon.KindOrder || f.f.obs.Kind == canon.KindRefund
	}
	return false
}

// want updates what one level should show.
func (f *fold) want(l shownLevel, quantity *int64, blocked string, byClaim bool) error {
	b := l.binding
	w := b.Wants
	if w == nil {
		w = &canon.Want{}
		if l.state != nil && l.state.Available != nil {
			w.Shows = *l.state.Available
		}
	}
	same := (w.Quantity == nil) == (quantity == nil) && (quantity == nil || *w.Quantity == *quantity)
	if same && w.Blocked == blocked && b.Wants != nil {
		return nil
	}
	wasDiffering := b.Wants.Differs()
	w.Quantity, w.Blocked = quantity, blocked
	if !same {
		w.Cause, w.ByClaim = f.f.pos, byClaim
		if w.Write == canon.WriteRejected || w.Write == canon.WriteNotRepresentable {
			w.Write, w.Reason = canon.WriteNone, ""
		}
	}
	b.Wants = w
	return f.putWant(b, wasDiffering)
}

// putWant saves a level binding with its wants, and its row among the differences.
func (f *fold) putWant(b *canon.Binding, wasDiffering bool) error {
	differs := b.Wants.Differs()
	key := store.PrefixDiff + b.Connection + "/" + b.ExternalID
	switch {
	case differs && !wasDiffering:
		f.tx.Put(key, nil)
	case !differs && wasDiffering:
		f.tx.Delete(key)
	}
	f.levels[key] = b.BindingKey
	return f.saveBinding(b)
}

// blockLevels takes the levels of a listing that is no item's out of the differences.
func (f *fold) blockLevels(n *listingNode, blocked string) error {
	levels, err := f.levelsOf(n)
	if err != nil {
		return err
	}
	return f.block(levels, blocked)
}

// blockStock takes the levels of a stock id that is no listing's any longer out of the differences.
func (f *fold) blockStock(connection string, sid *store.StockID, blocked string) error {
	levels, err := f.loadLevels(connection, sid)
	if err != nil {
		return err
	}
	return f.block(levels, blocked)
}

func (f *fold) block(levels []shownLevel, blocked string) error {
	for _, l := range levels {
		if err := f.want(l, nil, blocked, false); err != nil {
			return err
		}
	}
	return nil
}

// settleLevel takes what a level was seen to show for what it shows: an expected effect and a write under way are
// settled by it.
func settleLevel(b *canon.Binding, obs *canon.Observation) {
	if b.Wants == nil {
		return
	}
	w := b.Wants
	w.Expected, w.Written = false, nil
	if obs.Level != nil && obs.Level.Available != nil {
		w.Shows = *obs.Level.Available
	}
	if w.Write != canon.WriteRejected && w.Write != canon.WriteNotRepresentable {
		w.Write = canon.WriteNone
	}
}

// level folds what a platform shows of the stock of one of its listings; grown tells that it stated more than ever.
func (f *fold) level(b *canon.Binding, grown bool) error {
	stock, _ := canon.SplitLevelID(b.ExternalID)
	key := store.StockIDKey(b.Connection, stock)
	sid, err := copyOf(store.Peek[store.StockID](f.tx, key, nil))
	if err != nil {
		return err
	}
	if sid == nil {
		sid = &store.StockID{}
	}
	if i, found := slices.BinarySearch(sid.Levels, b.ExternalID); !found {
		sid.Levels = slices.Insert(slices.Clone(sid.Levels), i, b.ExternalID)
		if err := f.save(key, sid); err != nil {
			return err
		}
	}
	f.levels[store.PrefixDiff+b.Connection+"/"+b.ExternalID] = b.BindingKey
	f.recheckDiff(b)
	if sid.Listing == "" {
		return nil // its listing has not been seen: it finds this level when it comes
	}
	n, err := f.listingNode(canon.NodeID("itm", b.Connection, canon.KindListing, sid.Listing))
	if err != nil || n == nil || n.Item == "" {
		if err == nil && n != nil {
			err = f.blockLevels(n, "listing.unbound")
		}
		return err
	}
	item, err := store.Peek[canon.Item](f.tx, store.RecordKey(store.TypeItem, n.Item), nil)
	if err != nil || item == nil {
		return err
	}
	if item.Serialized && grown {
		return f.rebuild(item) // it may be a quantity after all
	}
	f.dirty[n.Item] = true
	return nil
}

// recheckDiff brings the row among the differences in line with a binding that was saved with new shown stock.
func (f *fold) recheckDiff(b *canon.Binding) {
	key := store.PrefixDiff + b.Connection + "/" + b.ExternalID
	switch differs := b.Wants.Differs(); {
	case differs == f.differed: // the row says so already
	case differs:
		f.tx.Put(key, nil)
	default:
		f.tx.Delete(key)
	}
}

// rebuild computes an item's catalogue part again.
func (f *fold) rebuild(item *canon.Item) error {
	members := make([]*listingNode, 0, len(item.Nodes))
	for _, id := range item.Nodes {
		n, err := f.listingNode(id)
		if err != nil {
			return err
		}
		if n != nil {
			members = append(members, n)
		}
	}
	if len(members) == 0 {
		return nil
	}
	return f.buildItem(members, map[string]*canon.Item{item.ID: item})
}

// expect notes an effect that a platform applies to its own level by itself: the hub expects it instead of writing it,
// and verifies it with a read.
func (f *fold) expect(n *listingNode, location string, delta int64) error {
	levels, err := f.levelsOf(n)
	if err != nil || len(levels) == 0 {
		return err
	}
	cs := f.settings.Connection(n.Connection)
	pick := levels[0]
	for _, l := range levels {
		if at, _ := levelPlace(cs, f.settings, externalPlace(l)); at == location {
			pick = l
			break
		}
	}
	b := pick.binding
	if pick.state == nil || pick.state.Available == nil {
		return nil
	}
	if b.Wants == nil {
		b.Wants = &canon.Want{Shows: *pick.state.Available, Blocked: "listing.unbound"}
	}
	was := b.Wants.Differs()
	b.Wants.Shows += delta
	if b.Wants.Sent != nil {
		sent := *b.Wants.Sent + delta
		b.Wants.Sent = &sent
	}
	b.Wants.Expected, b.Wants.At = true, f.f.at
	f.reads = append(f.reads, Read{
		Connection: n.Connection, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: b.ExternalID}, Cause: f.f.pos, After: f.f.at.Add(settleTime),
	})
	return f.putWant(b, was)
}

func externalPlace(l shownLevel) string {
	_, external := canon.SplitLevelID(l.binding.ExternalID)
	return external
}

// adoptStock fixes the opening stock of items: from here on documents move it, and levels only confirm it.
func (f *fold) adoptStock(ft *fact) error {
	var a canon.Adopt
	if err := decodeInto(ft, &a); err != nil {
		return err
	}
	for _, id := range a.Items {
		item, err := f.item(id)
		if err != nil {
			return err
		}
		if item == nil || item.Adopted {
			continue
		}
		p, err := f.parts(item)
		if err != nil {
			return err
		}
		if len(p.ledgers) == 0 {
			continue
		}
		opening, conflict, seen := lifecycle.Opening(p.shown)
		held := len(lifecycle.Live(p.claims)) > 0
		if !seen || (conflict && !held) {
			continue // nothing is adopted that a person has to decide
		}
		if item.Serialized {
			opening = pieceOpening(opening, item.Location, held)
		}
		l, err := f.ledger(item.Nodes[0])
		if err != nil {
			return err
		}
		l.Adopted = true
		for _, loc := range sortedKeys(opening) {
			if opening[loc] != 0 { // a sum that says nothing goes with the next claim, and so must not be there before it
				l.Sum(loc).Opening = opening[loc]
			}
		}
		if err := f.saveLedger(item.Nodes[0], l); err != nil {
			return err
		}
		f.dirty[item.ID] = true
	}
	return nil
}

// pieceOpening is one piece at one place, or none. A claim proves that the piece was there.
func pieceOpening(opening map[string]int64, at string, held bool) map[string]int64 {
	for _, loc := range sortedKeys(opening) {
		if opening[loc] > 0 {
			return map[string]int64{loc: 1}
		}
	}
	if held {
		return map[string]int64{at: 1}
	}
	return map[string]int64{}
}
