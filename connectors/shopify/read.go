package shopify

import (
	"context"
	"errors"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Read reads the present state of entities, kind by kind. What was read before a call fails is handed over.
func (c *connector) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	r := reading{session: s, seen: map[canon.BindingKey]bool{}}
	err = r.all(ctx, req)
	res := &sdk.ReadResponse{Observations: r.out}
	var ae *apiError
	switch {
	case err == nil:
		return res, nil
	case errors.As(err, &ae) && (ae.kind == failThrottled || len(r.out) > 0):
		res.RetryAfterMillis = max(ae.wait, plainRetryDelay/4).Milliseconds()
		return res, nil
	}
	return nil, err
}

type reading struct {
	*session
	out  []canon.Observation
	seen map[canon.BindingKey]bool // without a connection
}

func (r *reading) add(observations ...canon.Observation) {
	for _, o := range observations {
		key := canon.BindingKey{Kind: o.Kind, ExternalID: o.ExternalID, Aspect: o.Aspect}
		if !r.seen[key] {
			r.seen[key] = true
			r.out = append(r.out, o)
		}
	}
}

func (r *reading) all(ctx context.Context, req *sdk.ReadRequest) error {
	ids := map[canon.Kind][]string{}
	listingsOf := map[string][]string{} // product → variants that the hub knows of
	for i, ref := range req.Refs {
		if !wellFormed(ref) {
			continue // no id of this platform: nothing can be read under it
		}
		ids[ref.Kind] = append(ids[ref.Kind], ref.ExternalID)
		if i < len(req.Hints) && ref.Kind == canon.KindProduct && req.Hints[i].ListingID != "" {
			listingsOf[ref.ExternalID] = append(listingsOf[ref.ExternalID], req.Hints[i].ListingID)
		}
	}
	for kind := range ids {
		ids[kind] = sortedUnique(ids[kind])
	}
	// Levels and listings first: stock is what somebody waits for.
	steps := []func() error{
		func() error { return r.levelRefs(ctx, ids[canon.KindLevel]) },
		func() error {
			obs, err := r.listings(ctx, laneInteractive, ids[canon.KindListing])
			r.add(obs...)
			return err
		},
		func() error { return r.orderRefs(ctx, ids[canon.KindOrder]) },
		func() error {
			obs, err := r.refunds(ctx, laneInteractive, ids[canon.KindRefund])
			r.add(obs...)
			return err
		},
		func() error { return r.productRefs(ctx, ids[canon.KindProduct], listingsOf) },
		func() error {
			return r.customerRefs(ctx, ids[canon.KindCustomer])
		},
		func() error {
			return nodes(ctx, r.session, laneInteractive, docLocationsByID, ids[canon.KindLocation], maxNodesPoint, nil, func(id string, n *graphLocation, denied bool) error {
				switch {
				case n != nil:
					r.add(graphLocationObservation(n))
				case !denied:
					r.add(deleted(canon.KindLocation, id))
				}
				return nil
			})
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var gidTypes = map[canon.Kind]string{
	canon.KindListing: "ProductVariant", canon.KindProduct: "Product", canon.KindOrder: "Order",
	canon.KindRefund: "Refund", canon.KindCustomer: "Customer", canon.KindLocation: "Location",
}

func wellFormed(ref canon.Ref) bool {
	if ref.Kind == canon.KindLevel {
		item, location := canon.SplitLevelID(ref.ExternalID)
		return gidNumber("InventoryItem", item) != 0 && gidNumber("Location", location) != 0
	}
	typ, ok := gidTypes[ref.Kind]
	return ok && gidNumber(typ, ref.ExternalID) != 0
}

func (r *reading) levelRefs(ctx context.Context, ids []string) error {
	items := make([]string, 0, len(ids))
	for _, id := range ids {
		item, _ := canon.SplitLevelID(id)
		items = append(items, item)
	}
	found, err := r.levels(ctx, laneInteractive, sortedUnique(items))
	for _, id := range ids {
		item, location := canon.SplitLevelID(id)
		if obs, _, ok := level(found, item, location); ok {
			r.add(obs)
		}
	}
	return err
}

// orderRefs reads orders. Without read_all_orders the platform answers null for an order of more than 60 days as it
// does for a deleted one; only with that scope is null a deletion.
func (r *reading) orderRefs(ctx context.Context, ids []string) error {
	var missing []string
	denied := false
	// Page by page: what a page brought is handed over even if the shop throttles the next one, so that a long list gets
	// shorter with each try.
	for page := range slices.Chunk(ids, orderPage) {
		var found []*graphOrder
		err := nodes(ctx, r.session, laneInteractive, docOrdersByID, page, orderPage, nil, func(id string, o *graphOrder, d bool) error {
			denied = denied || d
			if o == nil {
				missing = append(missing, id)
			} else {
				found = append(found, o)
			}
			return nil
		})
		if err != nil {
			return err
		}
		obs, err := r.orders(ctx, laneInteractive, found, denied)
		r.add(obs...)
		if err != nil {
			return err
		}
	}
	if denied || len(missing) == 0 {
		return nil
	}
	if r.scopes.Load() == nil {
		if _, err := r.shopFacts(ctx, laneInteractive); err != nil {
			return err
		}
	}
	if granted := r.scopes.Load(); granted != nil && slices.Contains(*granted, "read_all_orders") {
		for _, id := range missing {
			r.add(deleted(canon.KindOrder, id))
		}
	}
	return nil
}

func (r *reading) productRefs(ctx context.Context, ids []string, listingsOf map[string][]string) error {
	for page := range slices.Chunk(ids, productPage) { // as orders are
		if err := r.productPage(ctx, page, listingsOf); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) productPage(ctx context.Context, ids []string, listingsOf map[string][]string) error {
	var found []*graphProduct
	err := nodes(ctx, r.session, laneInteractive, docProductsByID, ids, productPage, r.metafieldVariables(map[string]any{}), func(id string, p *graphProduct, denied bool) error {
		if p != nil {
			found = append(found, p)
			return nil
		}
		if denied {
			return nil
		}
		r.add(deleted(canon.KindProduct, id))
		known := listingsOf[id]
		for _, v := range r.catalogue.variantsOf(gidNumber("Product", id)) {
			known = append(known, gid("ProductVariant", v))
		}
		for _, v := range sortedUnique(known) {
			r.add(deleted(canon.KindListing, v)) // a variant does not outlive its product
		}
		return nil
	})
	if err != nil {
		return err
	}
	obs, err := r.whole(ctx, laneInteractive, found)
	r.add(obs...)
	return err
}

// customerRefs reads customers. One that is hidden for its addresses is null beside others that are not: it is asked for
// again without them.
func (r *reading) customerRefs(ctx context.Context, ids []string) error {
	vars := map[string]any{}
	var hidden []string
	each := func(id string, n *graphCustomer, denied bool) error {
		switch {
		case n != nil:
			r.add(r.graphCustomer(n, denied))
		case !denied:
			r.add(deleted(canon.KindCustomer, id))
		case vars["addresses"] == true:
			hidden = append(hidden, id)
		}
		return nil
	}
	ask := func(ids []string) error {
		return nodes(ctx, r.session, laneInteractive, docCustomersByID, ids, customerPage, vars, each)
	}
	if err := r.withAddresses(vars, func() error { return ask(ids) }); err != nil || len(hidden) == 0 {
		return err
	}
	r.personalDenied.Store(true)
	vars["addresses"] = false
	return ask(hidden)
}
