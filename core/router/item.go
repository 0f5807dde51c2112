package router

import (
	"cmp"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// source is one listing of an item with what its platform shows of it.
type source struct {
	node  *listingNode
	state *canon.ListingState // nil when the platform deleted it
}

// buildItem computes an item's catalogue part from its listings, in the order of authority, then its state.
func (f *fold) buildItem(members []*listingNode, previous map[string]*canon.Item) error {
	golden := members[0].Node
	sources := make([]source, 0, len(members))
	for _, n := range members {
		s := source{node: n}
		_, obs, err := f.binding(n.Connection, canon.KindListing, n.ExternalID)
		if err != nil {
			return err
		}
		if obs != nil {
			s.state = present(obs, obs.Listing)
		}
		if s.state != nil {
			if err := f.ownPrices(n, s.state); err != nil {
				return err
			}
		}
		sources = append(sources, s)
	}
	f.byAuthority(sources)
	item := &canon.Item{ID: golden, Nodes: make([]string, 0, len(members)), Stock: []canon.StockAt{}, Listings: []canon.Listing{}}
	for _, n := range members {
		item.Nodes = append(item.Nodes, n.Node)
		item.Listings = append(item.Listings, canon.Listing{
			Connection: n.Connection, ExternalID: n.ExternalID, Node: n.Node, SKU: n.RawSKU, Status: listingStatus(n), JoinedBy: n.JoinedBy,
		})
	}
	slices.SortFunc(item.Listings, func(a, b canon.Listing) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.ExternalID, b.ExternalID))
	})
	f.catalogue(item, sources)
	serialized, err := f.serialized(item, sources)
	if err != nil {
		return err
	}
	item.Serialized = serialized
	var before *canon.Item
	if p := previous[golden]; p != nil {
		before = p
		item.Holder, item.Version, item.UpdatedAt = p.Holder, p.Version, p.UpdatedAt
	} else {
		// A piece that was known under another golden id goes on to be held by whoever held it first.
		for _, id := range sortedKeys(previous) {
			if p := previous[id]; p.Holder != nil && slices.Contains(item.Nodes, p.ID) && item.Holder == nil {
				item.Holder = p.Holder
			}
		}
	}
	return f.refresh(item, before)
}

// ownPrices takes the prices that the platform states apart from the listing, where it does.
func (f *fold) ownPrices(n *listingNode, st *canon.ListingState) error {
	key := canon.BindingKey{Connection: n.Connection, Kind: canon.KindListing, ExternalID: n.ExternalID, Aspect: canon.AspectPrice}
	b, err := store.Load[canon.Binding](f.tx, store.BindingKey(key))
	if err != nil || b == nil {
		return err
	}
	obs, err := effective(b)
	if err == nil && !obs.Deleted {
		st.Prices = obs.Listing.Prices
	}
	return err
}

func listingStatus(n *listingNode) string {
	if n.Deleted {
		return "deleted"
	}
	return n.Status
}

// byAuthority sorts sources: those that count stock first, then as the connections are configured, then by node.
func (f *fold) byAuthority(sources []source) {
	rank := func(connection string) int {
		for i := range f.settings.Connections {
			if c := &f.settings.Connections[i]; c.Name == connection {
				if c.OpeningStock {
					return i - len(f.settings.Connections)
				}
				return i
			}
		}
		return len(f.settings.Connections)
	}
	slices.SortFunc(sources, func(a, b source) int {
		return cmp.Or(cmp.Compare(rank(a.node.Connection), rank(b.node.Connection)), cmp.Compare(a.node.Node, b.node.Node))
	})
}

// catalogue takes each field from the first source that states it. What can't be read stays in its binding, and is
// flagged (invariant 6).
func (f *fold) catalogue(item *canon.Item, sources []source) {
	flags := make(map[string]bool)
	for _, s := range sources {
		st := s.state
		if st == nil {
			continue
		}
		first(&item.Title, st.Title)
		first(&item.SKU, st.SKU)
		first(&item.Serial, st.Serial)
		first(&item.EPC, s.node.EPC)
		first(&item.Brand, st.Brand)
		first(&item.StyleNo, st.StyleNo)
		first(&item.Category, st.Category)
		if item.GTIN == "" && st.GTIN != "" {
			if g, err := normalize.GTIN(st.GTIN); err == nil {
				item.GTIN = g
			} else {
				flags["gtin.unreadable"] = true
			}
		}
		if item.ProductID == "" && s.node.ProductID != "" {
			item.ProductID = canon.NodeID("prd", s.node.Connection, canon.KindProduct, s.node.ProductID)
		}
		for _, c := range st.Certificates {
			f.report(item, c, flags)
		}
		f.physical(item, s, flags)
		f.prices(item, s, flags)
		f.details(item, s, flags)
		item.Attributes = f.attributes(item.Attributes, s.node.Connection, st.Attributes, flags)
	}
	reported(item, flags)
	sortDetails(item)
	slices.SortFunc(item.Attributes, func(a, b canon.Attribute) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(item.Certificates, func(a, b canon.Certificate) int { return cmp.Compare(a.Key(), b.Key()) })
	slices.SortFunc(item.Prices, func(a, b canon.Price) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Minor, b.Minor))
	})
	item.Flags = sortedKeys(flags)
}

func first(dst *string, v string) {
	if *dst == "" {
		*dst = v
	}
}

// physical reads what the piece is made of.
func (f *fold) physical(item *canon.Item, s source, flags map[string]bool) {
	st := s.state
	if item.Metal == nil && (st.Metal != "" || st.Fineness != "") {
		m, err := normalize.Metal(st.Metal, st.Fineness, st.MetalColour)
		if err != nil {
			flags["metal.unreadable"] = true
		}
		item.Metal = &m
	}
	if item.Weight == nil && st.Weight != "" {
		w := canon.Weight{Raw: st.Weight}
		if mg, err := normalize.Weight(st.Weight); err == nil {
			w.Milligrams = mg
		} else {
			flags["weight.unreadable"] = true
		}
		item.Weight = &w
	}
	if item.RingSize == nil && st.RingSize != "" {
		r, err := normalize.RingSize(st.RingSize, "")
		if err != nil {
			r = canon.RingSize{Label: st.RingSize}
			flags["ring_size.unreadable"] = true
		}
		item.RingSize = &r
	}
	if item.Stones == nil {
		dialect := normalize.Dialect(st.Dialect)
		for _, stone := range st.Stones {
			read, err := normalize.Stone(dialect, stone)
			if err != nil {
				flags["stone.unreadable"] = true
			}
			item.Stones = append(item.Stones, read)
		}
	}
}

// prices keeps what each connection asks, beside the words that it used (invariant 5).
func (f *fold) prices(item *canon.Item, s source, flags map[string]bool) {
	for _, p := range s.state.Prices {
		if p.Amount == "" {
			continue
		}
		m, err := normalize.Money(p)
		if err != nil {
			flags["price.unreadable"] = true
			continue
		}
		price := canon.Price{Connection: s.node.Connection, Money: m, Stated: p.Amount}
		if !slices.Contains(item.Prices, price) {
			item.Prices = append(item.Prices, price)
		}
	}
	if item.Cost == nil && s.state.Cost != nil {
		if m, err := normalize.Money(*s.state.Cost); err == nil {
			item.Cost = &m
		} else {
			flags["cost.unreadable"] = true
		}
	}
}

// serialized decides whether the item is one piece: because a key names it, because a source says so, or by policy.
func (f *fold) serialized(item *canon.Item, sources []source) (bool, error) {
	if item.Serial != "" || item.EPC != "" || len(item.Certificates) > 0 || len(item.Components) > 0 {
		return true, nil
	}
	for _, s := range sources {
		if s.state != nil && s.state.Serialized != nil {
			return *s.state.Serialized, nil
		}
	}
	switch f.settings.Serialized {
	case "always":
		return true, nil
	case "never":
		return false, nil
	}
	most := int64(0)
	for _, s := range sources {
		levels, err := f.levelsOf(s.node)
		if err != nil {
			return false, err
		}
		total := int64(0)
		for _, l := range levels {
			total += l.binding.MaxAvailable
		}
		most = max(most, total)
	}
	return most <= 1, nil
}

// itemKeys lists the values under which an item is found, by index.
func itemKeys(it *canon.Item) map[string][]string {
	if it == nil {
		return nil
	}
	m := map[string][]string{
		store.IndexSerial: {normalize.Serial(it.Serial)}, store.IndexEPC: {it.EPC}, store.IndexSKU: {normalize.SKU(it.SKU)},
		store.IndexGTIN: {it.GTIN}, store.IndexStatus: {string(it.Status)}, store.IndexHUID: {it.HUID},
	}
	for _, l := range it.Listings {
		if sku := normalize.SKU(l.SKU); sku != "" && !contains(m[store.IndexSKU], sku) {
			m[store.IndexSKU] = append(m[store.IndexSKU], sku)
		}
	}
	for _, c := range it.Certificates {
		m[store.IndexCertificate] = append(m[store.IndexCertificate], c.Key())
		m[store.IndexNumber] = append(m[store.IndexNumber], c.Number)
	}
	if it.Location != "" {
		m[store.IndexItemAt] = []string{it.Location}
	}
	for _, c := range it.Components {
		m[store.IndexComponent] = append(m[store.IndexComponent], c.Keys...)
	}
	for _, s := range it.Stock {
		if s.Location != "" && !contains(m[store.IndexItemAt], s.Location) {
			m[store.IndexItemAt] = append(m[store.IndexItemAt], s.Location)
		}
	}
	return m
}

var itemIndexes = []string{
	store.IndexSerial, store.IndexEPC, store.IndexSKU, store.IndexGTIN, store.IndexStatus, store.IndexCertificate, store.IndexNumber, store.IndexItemAt,
	store.IndexHUID, store.IndexComponent,
}

// putItem saves an item, its indexes and what changed. Nothing is written when nothing changed.
func (f *fold) putItem(before, item *canon.Item) error {
	changes, err := diff(before, item)
	if err != nil {
		return err
	}
	if before != nil && len(changes) == 0 {
		if before.Holder == item.Holder || (before.Holder != nil && item.Holder != nil && before.Holder.Claim == item.Holder.Claim) {
			return nil
		}
	}
	item.Version, item.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeItem, item.ID), item); err != nil {
		return err
	}
	f.noteComponents(item)
	changed := f.components && !tied(before, item)
	if changed {
		if err := f.kinChanged(before); err != nil {
			return err
		}
	}
	was, is := itemKeys(before), itemKeys(item)
	for _, index := range itemIndexes {
		f.reindex(index, item.ID, was[index], is[index])
	}
	if changed {
		if err := f.kinChanged(item); err != nil {
			return err
		}
	}
	event := "item.changed"
	switch {
	case before == nil:
		event = "item.created"
	case before.Status != item.Status:
		event = "item." + string(item.Status)
	}
	return f.row(canon.Row{Entity: item.ID, Type: store.TypeItem, Event: event, Changes: changes, Location: item.Location})
}

// dropItem removes a golden record whose listings went to others.
func (f *fold) dropItem(it *canon.Item) error {
	if err := f.kinChanged(it); err != nil {
		return err
	}
	f.tx.Delete(store.RecordKey(store.TypeItem, it.ID))
	was := itemKeys(it)
	for _, index := range itemIndexes {
		f.reindex(index, it.ID, was[index], nil)
	}
	delete(f.dirty, it.ID)
	if err := f.dropItemCases(it.ID); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: it.ID, Type: store.TypeItem, Event: "item.joined"})
}

// item loads the golden record that an id resolves to; nil when there is none.
func (f *fold) item(id string) (*canon.Item, error) {
	n, err := store.Load[store.Node](f.tx, store.PrefixNode+id)
	if err != nil || n == nil || n.Type != store.TypeItem {
		return nil, err
	}
	return store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, n.Golden))
}
