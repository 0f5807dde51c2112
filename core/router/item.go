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

// buildItem computes an item's catalogue part from its listings, as the policy says, then its state.
func (f *fold) buildItem(members []*listingNode, previous map[string]*canon.Item) error {
	golden := members[0].Node
	sources, err := f.sourcesOf(members)
	if err != nil {
		return err
	}
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
	disputes := f.catalogue(item, sources)
	serialized, err := f.serialized(item, sources)
	if err != nil {
		return err
	}
	item.Serialized = serialized
	var before *canon.Item
	if p := previous[golden]; p != nil {
		before = p
		item.Holder, item.Version, item.UpdatedAt, item.SameReport = p.Holder, p.Version, p.UpdatedAt, p.SameReport
	} else {
		// A piece that was known under another golden id goes on to be held by whoever held it first.
		for _, id := range sortedKeys(previous) {
			if p := previous[id]; p.Holder != nil && slices.Contains(item.Nodes, p.ID) && item.Holder == nil {
				item.Holder = p.Holder
			}
		}
	}
	if item.Disputed, err = f.dispute(store.TypeItem, golden, disputedBefore(before), disputes); err != nil {
		return err
	}
	return f.refresh(item, before)
}

// sourcesOf loads what an item's listings show, in the default order.
func (f *fold) sourcesOf(members []*listingNode) ([]source, error) {
	sources := make([]source, 0, len(members))
	for _, n := range members {
		s := source{node: n}
		_, obs, err := f.binding(n.Connection, canon.KindListing, n.ExternalID)
		if err != nil {
			return nil, err
		}
		if obs != nil {
			s.state = present(obs, obs.Listing)
		}
		if s.state != nil {
			if err := f.ownPrices(n, s.state); err != nil {
				return nil, err
			}
		}
		sources = append(sources, s)
	}
	f.byAuthority(sources)
	return sources, nil
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
		st.Prices, st.Offers = obs.Listing.Prices, obs.Listing.Offers
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

// catalogue makes the item's fields up of what its sources state, field group by field group, as the policy says. What
// can't be read stays in its binding, and is flagged (invariant 6).
func (f *fold) catalogue(item *canon.Item, sources []source) []dispute {
	flags := make(map[string]bool)
	disputes := compose(f, itemFields, item, itemSources(sources), flags)
	reported(item, flags)
	sortDetails(item)
	slices.SortFunc(item.Attributes, func(a, b canon.Attribute) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(item.Certificates, func(a, b canon.Certificate) int { return cmp.Compare(a.Key(), b.Key()) })
	slices.SortFunc(item.Prices, func(a, b canon.Price) int {
		return cmp.Or(cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Minor, b.Minor))
	})
	slices.SortFunc(item.Offers, compareOffers)
	item.Flags = sortedKeys(flags)
	return disputes
}

func first(dst *string, v string) {
	if *dst == "" {
		*dst = v
	}
}

// serialized decides whether the item is one piece: because a key names it, because a source says so, or by policy.
func (f *fold) serialized(item *canon.Item, sources []source) (bool, error) {
	if item.Serial != "" || item.EPC != "" || item.HUID != "" || len(item.Certificates) > 0 || len(item.Components) > 0 {
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
		onTheWay := s.InTransit > 0 && s.OnHand == 0 && s.Memo == 0
		if s.Location != "" && !onTheWay && !contains(m[store.IndexItemAt], s.Location) {
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
	if err := f.twinsChanged(before, item); err != nil {
		return err
	}
	if err := f.inferred(before, item); err != nil {
		return err
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
	if err := f.twinsChanged(it, nil); err != nil {
		return err
	}
	delete(f.dirty, it.ID)
	if err := f.dropItemCases(it.ID); err != nil {
		return err
	}
	if _, err := f.dispute(store.TypeItem, it.ID, it.Disputed, nil); err != nil {
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
