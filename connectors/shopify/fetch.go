package shopify

import (
	"context"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// variantsPerRequest keeps a request for full variants under the cost limit: each costs about 38 points and one for
// each metafield that may be there.
func (s *session) variantsPerRequest() int {
	owners := 1
	if s.owner == ownerBoth {
		owners = 2
	}
	return max(1, min(variantBatch, 980/(38+owners*(len(s.metafields.keys)+2))))
}

func (s *session) metafieldVariables(vars map[string]any) map[string]any {
	vars["keys"], vars["fields"] = s.metafields.keys, len(s.metafields.keys)
	vars["ofProduct"] = s.owner != ownerVariant
	return vars
}

// learnCurrency asks for the shop's currency once: prices are stated without one.
func (s *session) learnCurrency(ctx context.Context, l lane) error {
	if s.currency.Load() != nil {
		return nil
	}
	_, err := s.shopFacts(ctx, l)
	return err
}

type shopFacts struct {
	Shop struct {
		Name            string `json:"name"`
		MyshopifyDomain string `json:"myshopifyDomain"`
		CurrencyCode    string `json:"currencyCode"`
		Plan            struct {
			PublicDisplayName string `json:"publicDisplayName"`
		} `json:"plan"`
	} `json:"shop"`
	CurrentAppInstallation struct {
		AccessScopes []struct {
			Handle string `json:"handle"`
		} `json:"accessScopes"`
	} `json:"currentAppInstallation"`
	at time.Time
}

// shopFacts asks what the shop is and what the app may do, and keeps it.
func (s *session) shopFacts(ctx context.Context, l lane) (*shopFacts, error) {
	facts := &shopFacts{}
	ans, err := s.client.call(ctx, l, docShop, nil, facts)
	if err != nil {
		return nil, err
	}
	facts.at = ans.at
	s.uninstalled.Store(false) // the token works, so the app is there
	if s.settings.currency == "" && facts.Shop.CurrencyCode != "" {
		s.currency.Store(&facts.Shop.CurrencyCode)
	}
	granted := make([]string, 0, len(facts.CurrentAppInstallation.AccessScopes))
	for _, scope := range facts.CurrentAppInstallation.AccessScopes {
		granted = append(granted, scope.Handle)
	}
	s.scopes.Store(&granted)
	return facts, nil
}

// rest of a nested list that did not fit into the first answer.
func drain[T any](ctx context.Context, s *session, l lane, doc document, id string, c *connection[T], pick func(more *moreAnswer) *connection[T]) error {
	for c.PageInfo.HasNextPage {
		var more moreAnswer
		if _, err := s.client.call(ctx, l, doc, map[string]any{"id": id, "after": c.PageInfo.EndCursor}, &more); err != nil {
			return err
		}
		page := pick(&more)
		c.Nodes = append(c.Nodes, page.Nodes...)
		c.PageInfo = page.PageInfo
	}
	return nil
}

type moreAnswer struct {
	Product struct {
		Variants connection[graphID] `json:"variants"`
	} `json:"product"`
	InventoryItem struct {
		InventoryLevels connection[graphLevel] `json:"inventoryLevels"`
	} `json:"inventoryItem"`
	Order struct {
		LineItems connection[graphLine] `json:"lineItems"`
	} `json:"order"`
	Fulfillment struct {
		Lines connection[graphFulfilledLine] `json:"fulfillmentLineItems"`
	} `json:"fulfillment"`
	Refund struct {
		RefundLineItems connection[graphRefundLine] `json:"refundLineItems"`
	} `json:"refund"`
}

// nodes reads entities by id, batch by batch. each is called with every id in order; the node is nil when the platform
// has none, and denied tells that it may only be out of sight.
func nodes[T any](ctx context.Context, s *session, l lane, doc document, ids []string, batch int, vars map[string]any, each func(id string, node *T, denied bool) error) error {
	for len(ids) > 0 {
		n := min(batch, len(ids))
		var data struct {
			Nodes []*T `json:"nodes"`
		}
		v := map[string]any{"ids": ids[:n]}
		for key, value := range vars {
			v[key] = value
		}
		ans, err := s.client.call(ctx, l, doc, v, &data)
		if err != nil {
			return err
		}
		for i, id := range ids[:n] {
			var node *T
			if i < len(data.Nodes) {
				node = data.Nodes[i]
			}
			if err := each(id, node, ans.denied); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return nil
}

func deleted(kind canon.Kind, id string) canon.Observation {
	return canon.Observation{Kind: kind, ExternalID: id, Aspect: canon.AspectMain, Deleted: true}
}

// listings reads variants with the levels of their stock.
func (s *session) listings(ctx context.Context, l lane, ids []string) ([]canon.Observation, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := s.learnCurrency(ctx, l); err != nil {
		return nil, err
	}
	var out []canon.Observation
	vars := s.metafieldVariables(map[string]any{"ofVariant": s.owner != ownerProduct})
	err := nodes(ctx, s, l, docVariants, ids, s.variantsPerRequest(), vars, func(id string, v *graphVariant, denied bool) error {
		if v == nil {
			if !denied {
				out = append(out, deleted(canon.KindListing, id))
			}
			return nil
		}
		item := &v.InventoryItem
		err := drain(ctx, s, l, docMoreLevels, item.ID, &item.InventoryLevels, func(m *moreAnswer) *connection[graphLevel] { return &m.InventoryItem.InventoryLevels })
		if err != nil {
			return err
		}
		s.catalogue.learn(gidNumber("InventoryItem", item.ID), gidNumber("ProductVariant", v.ID))
		out = append(out, s.graphListing(v))
		for i := range item.InventoryLevels.Nodes {
			out = append(out, graphLevelObservation(item.ID, item.Tracked, &item.InventoryLevels.Nodes[i]))
		}
		return nil
	})
	return out, err
}

// whole completes products with their variants and the variants' levels.
func (s *session) whole(ctx context.Context, l lane, products []*graphProduct) ([]canon.Observation, error) {
	var out []canon.Observation
	var variants []string
	for _, p := range products {
		err := drain(ctx, s, l, docProductVariants, p.ID, &p.Variants, func(m *moreAnswer) *connection[graphID] { return &m.Product.Variants })
		if err != nil {
			return out, err
		}
		out = append(out, s.graphProduct(p))
		for _, v := range p.Variants.Nodes {
			variants = append(variants, v.ID)
		}
	}
	more, err := s.listings(ctx, l, variants)
	return append(out, more...), err
}

// levels reads all levels of some inventory items.
func (s *session) levels(ctx context.Context, l lane, items []string) (map[string]*graphItem, error) {
	found := make(map[string]*graphItem, len(items))
	err := nodes(ctx, s, l, docLevels, items, levelBatch, nil, func(id string, item *graphItem, denied bool) error {
		if item == nil {
			if !denied {
				found[id] = nil
			}
			return nil
		}
		found[id] = item
		return drain(ctx, s, l, docMoreLevels, id, &item.InventoryLevels, func(m *moreAnswer) *connection[graphLevel] { return &m.InventoryItem.InventoryLevels })
	})
	return found, err
}

// level gives one level out of what levels read; a level that the platform does not stock is deleted.
func level(found map[string]*graphItem, item, location string) (obs canon.Observation, tracked, ok bool) {
	it, answered := found[item]
	if !answered {
		return obs, false, false
	}
	if it != nil {
		for i := range it.InventoryLevels.Nodes {
			if l := &it.InventoryLevels.Nodes[i]; l.Location.ID == location {
				return graphLevelObservation(item, it.Tracked, l), it.Tracked, true
			}
		}
	}
	return deleted(canon.KindLevel, canon.LevelID(item, location)), false, true
}

// orders completes orders with the lines that did not fit and with their refunds.
func (s *session) orders(ctx context.Context, l lane, orders []*graphOrder, denied bool) ([]canon.Observation, error) {
	var out []canon.Observation
	if err := s.fulfilledLines(ctx, l, orders); err != nil {
		return out, err
	}
	var refunds, returned []string
	for _, o := range orders {
		if o.Test && s.ignoreTestOrders {
			continue
		}
		err := drain(ctx, s, l, docMoreLines, o.ID, &o.LineItems, func(m *moreAnswer) *connection[graphLine] { return &m.Order.LineItems })
		if err != nil {
			return out, err
		}
		for i := range o.Fulfillments {
			f := &o.Fulfillments[i]
			if err := drain(ctx, s, l, docMoreFulfilled, f.ID, &f.Lines, func(m *moreAnswer) *connection[graphFulfilledLine] { return &m.Fulfillment.Lines }); err != nil {
				return out, err
			}
		}
		out = append(out, s.graphOrder(o, denied), graphPayments(o))
		if o.ReturnStatus != "" && o.ReturnStatus != "NO_RETURN" {
			returned = append(returned, o.ID)
		}
		for _, r := range o.Refunds {
			refunds = append(refunds, r.ID)
		}
	}
	more, err := s.refunds(ctx, l, refunds)
	if out = append(out, more...); err != nil {
		return out, err
	}
	more, err = s.returns(ctx, l, returned)
	return append(out, more...), err
}

// fulfilledLines reads the lines of fulfilments that were read without them.
func (s *session) fulfilledLines(ctx context.Context, l lane, orders []*graphOrder) error {
	var ids []string
	of := make(map[string]*graphFulfilment)
	for _, o := range orders {
		for i := range o.Fulfillments {
			if f := &o.Fulfillments[i]; o.linesApart && !(o.Test && s.ignoreTestOrders) {
				ids, of[f.ID] = append(ids, f.ID), f
			}
		}
	}
	return nodes(ctx, s, l, docFulfilled, ids, fulfilBatch, nil, func(id string, f *graphFulfilment, _ bool) error {
		if f != nil {
			of[id].Lines = f.Lines
		}
		return nil
	})
}

// returns reads the returns of orders, where the app may see them.
func (s *session) returns(ctx context.Context, l lane, ids []string) ([]canon.Observation, error) {
	if granted := s.scopes.Load(); granted != nil && !hasScope(*granted, scopeReturns) {
		return nil, nil
	}
	var out []canon.Observation
	err := nodes(ctx, s, l, docReturns, ids, returnBatch, nil, func(_ string, o *graphReturns, denied bool) error {
		if o != nil && !denied {
			out = append(out, graphReturnsObservation(o))
		}
		return nil
	})
	return out, err
}

func (s *session) refunds(ctx context.Context, l lane, ids []string) ([]canon.Observation, error) {
	var out []canon.Observation
	err := nodes(ctx, s, l, docRefunds, ids, refundBatch, nil, func(id string, r *graphRefund, denied bool) error {
		if r == nil {
			if !denied {
				out = append(out, deleted(canon.KindRefund, id))
			}
			return nil
		}
		err := drain(ctx, s, l, docMoreRefundLines, id, &r.RefundLineItems, func(m *moreAnswer) *connection[graphRefundLine] { return &m.Refund.RefundLineItems })
		if err != nil {
			return err
		}
		out = append(out, graphRefundObservation(r))
		return nil
	})
	return out, err
}
