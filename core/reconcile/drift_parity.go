package reconcile

import (
	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// parity compares the prices of a connection's listings with those of the others.
type parity struct {
	v          store.View
	connection string
	order      []string // connections in the order of authority
}

func newParity(v store.View, connection string) (*parity, error) {
	s, err := store.Load[canon.Settings](v, store.KeySettings)
	if err != nil {
		return nil, err
	}
	p := &parity{v: v, connection: connection}
	if s != nil {
		for i := range s.Connections {
			p.order = append(p.order, s.Connections[i].Name)
		}
	}
	return p, nil
}

// compare gives the first price of a listing that differs from the one in the same currency of the connection with the
// highest authority that states one; nil where there is none, or where that is this connection.
func (p *parity) compare(b *canon.Binding) (*canon.DriftRow, error) {
	item, err := itemOfListing(p.v, p.connection, b.ExternalID)
	if err != nil || item == nil {
		return nil, err
	}
	for _, own := range item.Prices {
		if own.Connection != p.connection {
			continue
		}
		leading := p.leading(item.Prices, own.Currency)
		if leading == nil || leading.Connection == p.connection || leading.Minor == own.Minor {
			continue
		}
		change := canon.Change{Field: "price"}
		if change.Before, err = json.Marshal(leading); err != nil {
			return nil, err
		}
		if change.After, err = json.Marshal(own); err != nil {
			return nil, err
		}
		return &canon.DriftRow{
			Field: "price", Drift: canon.DriftParity, Changes: []canon.Change{change}, Reason: leading.Connection + " asks another price",
		}, nil
	}
	return nil, nil
}

func (p *parity) leading(prices []canon.Price, currency string) *canon.Price {
	for _, name := range p.order {
		for i := range prices {
			if prices[i].Connection == name && prices[i].Currency == currency {
				return &prices[i]
			}
		}
	}
	return nil
}

// itemOfListing gives the item that a listing is bound to; nil when it is none's.
func itemOfListing(r store.Reader, connection, listingID string) (*canon.Item, error) {
	node, err := store.Load[store.Node](r, store.PrefixNode+canon.NodeID("itm", connection, canon.KindListing, listingID))
	if err != nil || node == nil {
		return nil, err
	}
	return store.Load[canon.Item](r, store.RecordKey(store.TypeItem, node.Golden))
}
