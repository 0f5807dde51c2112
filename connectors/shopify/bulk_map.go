package shopify

import (
	"context"
	"encoding/json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// translated is what the rows of a part of a result became.
type translated struct {
	// since is the version from which on a row may have changed while the operation ran: what it shows may be older than
	// what a poll has shown under the same version, so that it is read anew.
	since int64
	out   []canon.Observation
	stale []canon.Ref
	bad   []sdk.RowError
	// orders are completed with their refunds before they are translated.
	orders []*graphOrder
}

func (t *translated) add(obs ...canon.Observation) {
	for i := range obs {
		if obs[i].SourceVersion >= t.since {
			t.stale = append(t.stale, obs[i].Ref())
		} else {
			t.out = append(t.out, obs[i])
		}
	}
}

// unreadable notes a row that is not what was asked for; what it is about is read anew where its id can be told.
func (t *translated) unreadable(kind canon.Kind, row *bulkRow) {
	var head graphID
	if json.Unmarshal(row.line, &head) == nil && head.ID != "" {
		t.stale = append(t.stale, canon.Ref{Kind: kind, ExternalID: head.ID})
		return
	}
	t.bad = append(t.bad, sdk.RowError{Place: "bulk operation", Code: "shopify.bulk_row", Reason: "a line has another shape than asked for, and no id"})
}

// stray notes lines whose entity is not the one before them.
func (t *translated) stray(kind canon.Kind, row *bulkRow) bool {
	if row.parent == "" {
		return false
	}
	t.stale = append(t.stale, canon.Ref{Kind: kind, ExternalID: row.parent})
	return true
}

// readAnew reads what may have changed while the operation ran, and orders' refunds and whatever else is not in its result.
func (s *session) readAnew(ctx context.Context, t *translated) error {
	if len(t.orders) > 0 {
		obs, err := s.orders(ctx, laneBackground, t.orders, false)
		if err != nil {
			return err
		}
		t.add(obs...)
	}
	if len(t.stale) == 0 {
		return nil
	}
	r := reading{session: s, seen: map[canon.BindingKey]bool{}}
	if err := r.all(ctx, &sdk.ReadRequest{Refs: t.stale}); err != nil {
		return err
	}
	t.out = append(t.out, r.out...)
	return nil
}

// children decodes the lines of a row; false where one is not what was asked for, or belongs to another row.
func children[T any](row *bulkRow, parent string) ([]T, bool) {
	out := make([]T, len(row.children))
	for i, line := range row.children {
		var head struct {
			Parent string `json:"__parentId"`
		}
		if json.Unmarshal(line, &head) != nil || head.Parent != parent || json.Unmarshal(line, &out[i]) != nil {
			return nil, false
		}
	}
	return out, true
}

func bulkProducts(s *session, rows []bulkRow, t *translated) error {
	for i := range rows {
		row := &rows[i]
		if t.stray(canon.KindProduct, row) {
			continue
		}
		p := &graphProduct{}
		if json.Unmarshal(row.line, p) != nil {
			t.unreadable(canon.KindProduct, row)
			continue
		}
		variants, ok := children[graphID](row, p.ID)
		fields, err := s.metafieldsIn(row.line)
		if !ok || err != nil {
			t.unreadable(canon.KindProduct, row)
			continue
		}
		p.Variants.Nodes, p.Metafields.Nodes = variants, fields
		t.add(s.graphProduct(p))
	}
	return nil
}

// bulkVariants takes variants and their levels, whose lines say by themselves what they belong to.
func bulkVariants(s *session, rows []bulkRow, t *translated) error {
	for i := range rows {
		row := &rows[i]
		if row.parent != "" {
			var l struct {
				graphLevel
				Item struct {
					ID      string `json:"id"`
					Tracked bool   `json:"tracked"`
				} `json:"item"`
			}
			if json.Unmarshal(row.line, &l) != nil || l.Item.ID == "" || l.Location.ID == "" {
				t.bad = append(t.bad, sdk.RowError{Place: "bulk operation", Code: "shopify.bulk_row", Reason: "a level's line has another shape than asked for", Row: row.parent})
				continue
			}
			t.add(graphLevelObservation(l.Item.ID, l.Item.Tracked, &l.graphLevel))
			continue
		}
		v := &graphVariant{}
		var parts struct {
			Product json.RawMessage `json:"product"`
		}
		if json.Unmarshal(row.line, v) != nil || json.Unmarshal(row.line, &parts) != nil {
			t.unreadable(canon.KindListing, row)
			continue
		}
		own, err := s.metafieldsIn(row.line)
		if err != nil {
			t.unreadable(canon.KindListing, row)
			continue
		}
		ofProduct, err := s.metafieldsIn(parts.Product)
		if err != nil {
			t.unreadable(canon.KindListing, row)
			continue
		}
		v.Metafields.Nodes, v.Product.Metafields.Nodes = own, ofProduct
		s.catalogue.learn(gidNumber("InventoryItem", v.InventoryItem.ID), gidNumber("ProductVariant", v.ID))
		t.add(s.graphListing(v))
	}
	return nil
}

func bulkCustomers(s *session, rows []bulkRow, t *translated) error {
	for i := range rows {
		row := &rows[i]
		if t.stray(canon.KindCustomer, row) {
			continue
		}
		c := &graphCustomer{}
		if json.Unmarshal(row.line, c) != nil {
			t.unreadable(canon.KindCustomer, row)
			continue
		}
		addresses, ok := children[graphAddress](row, c.ID)
		if !ok {
			t.unreadable(canon.KindCustomer, row)
			continue
		}
		c.AddressesV2.Nodes = addresses
		t.add(s.graphCustomer(c, false))
	}
	return nil
}

func bulkOrders(_ *session, rows []bulkRow, t *translated) error {
	for i := range rows {
		row := &rows[i]
		if t.stray(canon.KindOrder, row) {
			continue
		}
		o := &graphOrder{}
		if json.Unmarshal(row.line, o) != nil {
			t.unreadable(canon.KindOrder, row)
			continue
		}
		lines, ok := children[graphLine](row, o.ID)
		if !ok {
			t.unreadable(canon.KindOrder, row)
			continue
		}
		o.LineItems.Nodes, o.linesApart = lines, true
		t.orders = append(t.orders, o)
	}
	return nil
}
