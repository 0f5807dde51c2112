package woocommerce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Read implements sdk.Reader. Products, variations and orders are read in lists where there are several.
func (c *Connector) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	s.learnCurrency(ctx)
	r := newReading(req)
	for _, step := range []func(context.Context, *shop) error{r.products, r.variations, r.orders, r.refunds, r.customers} {
		err := step(ctx, s)
		if err == nil {
			continue
		}
		var api *apiError
		if errors.As(err, &api) && api.throttled() {
			return &sdk.ReadResponse{Observations: r.obs, RetryAfterMillis: waitMillis(api)}, nil
		}
		r.failed(err)
	}
	if len(r.obs) == 0 && r.err != nil {
		return nil, fmt.Errorf("read from the shop: %w", r.err)
	}
	return &sdk.ReadResponse{Observations: r.obs}, nil
}

// reading sorts what is asked by the route that answers it.
type reading struct {
	productIDs   []int64           // products, or variations whose parent is not known
	withChildren map[int64]bool    // products that were asked for as a product
	children     map[int64][]int64 // variations by product
	orderIDs     []int64
	refundOrders []int64
	refundAsked  map[int64][]int64 // refunds by order
	customerIDs  []int64

	obs []canon.Observation
	err error // the first failure
}

func (r *reading) failed(err error) {
	if r.err == nil {
		r.err = err
	}
}

// skip tells that only this entity could not be read, so that the next one may be tried.
func (r *reading) skip(err error) bool {
	if !errors.Is(err, errUnreadable) {
		return false
	}
	r.failed(err)
	return true
}

func newReading(req *sdk.ReadRequest) *reading {
	r := &reading{withChildren: map[int64]bool{}, children: map[int64][]int64{}, refundAsked: map[int64][]int64{}}
	for i, ref := range req.Refs {
		var hint sdk.ReadHint
		if i < len(req.Hints) {
			hint = req.Hints[i]
		}
		r.add(ref, hint)
	}
	return r
}

func (r *reading) add(ref canon.Ref, hint sdk.ReadHint) {
	external := ref.ExternalID
	switch ref.Kind {
	case canon.KindRefund:
		if order, refund, ok := splitRefundID(external); ok {
			addOnce(&r.refundOrders, order)
			r.refundAsked[order] = append(r.refundAsked[order], refund)
		}
		return
	case canon.KindLevel:
		external, _ = canon.SplitLevelID(external)
	}
	id, ok := parseID(external)
	if !ok {
		return // nothing of this platform: it stays unread
	}
	switch ref.Kind {
	case canon.KindProduct:
		addOnce(&r.productIDs, id)
		r.withChildren[id] = true
	case canon.KindListing, canon.KindLevel:
		if parent, ok := parseID(hint.ProductID); ok && parent != id {
			ids := r.children[parent]
			addOnce(&ids, id)
			r.children[parent] = ids
			return
		}
		addOnce(&r.productIDs, id)
	case canon.KindOrder:
		addOnce(&r.orderIDs, id)
	case canon.KindCustomer:
		addOnce(&r.customerIDs, id)
	}
}

func addOnce(ids *[]int64, id int64) {
	if !slices.Contains(*ids, id) {
		*ids = append(*ids, id)
	}
}

func (r *reading) products(ctx context.Context, s *shop) error {
	for chunk := range slices.Chunk(r.productIDs, maxPage) {
		found := map[int64]*product{}
		if len(chunk) > 1 {
			list, err := s.productList(ctx, "products", chunk)
			if err != nil {
				return err
			}
			found = list
		}
		for _, id := range chunk {
			p := found[id]
			if p == nil { // a single one, a variation, in the trash, or gone
				var one product
				info, err := s.client.get(ctx, "products/"+idText(id), nil, &one)
				if isGone(err) {
					r.obs = append(r.obs, deletedProduct(id, nil, goneVersion(info))...)
					continue
				}
				if r.skip(err) {
					continue
				}
				if err != nil {
					return err
				}
				p = &one
			}
			obs, _ := s.observeProduct(p)
			r.obs = append(r.obs, obs...)
			if r.withChildren[id] && p.isVariable() && p.Status != "trash" {
				more, unreadable, err := s.readVariations(ctx, id)
				if err != nil {
					return err
				}
				for _, v := range unreadable {
					r.failed(fmt.Errorf("variation %d: %w", v, errUnreadable))
				}
				r.obs = append(r.obs, more...)
			}
		}
	}
	return nil
}

// productList reads products, or variations of one product, by id.
func (s *shop) productList(ctx context.Context, path string, ids []int64) (map[int64]*product, error) {
	var list []lenient[product]
	if _, err := s.client.get(ctx, path, includeQuery(ids), &list); err != nil {
		return nil, err
	}
	found := make(map[int64]*product, len(list))
	for i := range list {
		if list[i].err == nil {
			found[list[i].id] = &list[i].value
		}
	}
	return found, nil
}

func includeQuery(ids []int64) url.Values {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = idText(id)
	}
	return url.Values{"include": {strings.Join(parts, ",")}, "per_page": {idText(maxPage)}}
}

// readVariations reads all variations of a product; unreadable are the ids of those that can't be translated.
func (s *shop) readVariations(ctx context.Context, parent int64) (obs []canon.Observation, unreadable []int64, err error) {
	w := walk{PerPage: maxPage}
	for {
		var rows []lenient[product]
		if _, err := s.client.get(ctx, "products/"+idText(parent)+"/variations", w.query(), &rows); err != nil {
			if isGone(err) {
				return obs, unreadable, nil
			}
			return nil, nil, err
		}
		ids := make([]int64, len(rows))
		for i := range rows {
			ids[i] = rows[i].id
		}
		fresh, done := w.step(ids)
		for i := range rows {
			switch {
			case !fresh[rows[i].id]:
			case rows[i].err != nil:
				unreadable = append(unreadable, rows[i].id)
			default:
				obs = append(obs, s.observeVariation(&rows[i].value, parent)...)
			}
		}
		if done {
			return obs, unreadable, nil
		}
	}
}

func (r *reading) variations(ctx context.Context, s *shop) error {
	for parent, ids := range r.children {
		path := "products/" + idText(parent) + "/variations"
		for chunk := range slices.Chunk(ids, maxPage) {
			found := map[int64]*product{}
			if len(chunk) > 1 {
				list, err := s.productList(ctx, path, chunk)
				if err != nil && !isGone(err) {
					return err
				}
				found = list
			}
			for _, id := range chunk {
				v := found[id]
				if v == nil {
					var one product
					info, err := s.client.get(ctx, path+"/"+idText(id), nil, &one)
					if isGone(err) {
						r.obs = append(r.obs, deletedListing(id, goneVersion(info))...)
						continue
					}
					if r.skip(err) {
						continue
					}
					if err != nil {
						return err
					}
					v = &one
				}
				r.obs = append(r.obs, s.observeVariation(v, parent)...)
			}
		}
	}
	return nil
}

func (r *reading) orders(ctx context.Context, s *shop) error {
	for chunk := range slices.Chunk(r.orderIDs, maxPage) {
		found := map[int64]*order{}
		if len(chunk) > 1 {
			var list []lenient[order]
			if _, err := s.client.get(ctx, "orders", includeQuery(chunk), &list); err != nil {
				return err
			}
			for i := range list {
				if list[i].err == nil {
					found[list[i].id] = &list[i].value
				}
			}
		}
		for _, id := range chunk {
			o := found[id]
			if o == nil {
				var one order
				info, err := s.client.get(ctx, "orders/"+idText(id), nil, &one)
				if isGone(err) {
					r.obs = append(r.obs, canon.Observation{Kind: canon.KindOrder, ExternalID: idText(id), SourceVersion: goneVersion(info), Deleted: true})
					continue
				}
				if r.skip(err) {
					continue
				}
				if err != nil {
					return err
				}
				o = &one
			}
			obs, _, err := s.observeOrder(o)
			if err != nil {
				r.failed(err)
				continue
			}
			r.obs = append(r.obs, obs)
		}
	}
	return nil
}

func (r *reading) refunds(ctx context.Context, s *shop) error {
	for _, id := range r.refundOrders {
		obs, err := s.readRefunds(ctx, id)
		if r.skip(err) {
			continue
		}
		if err != nil {
			return err
		}
		shown := map[string]bool{}
		for i := range obs {
			shown[obs[i].ExternalID] = obs[i].Kind == canon.KindRefund
		}
		for _, refund := range r.refundAsked[id] {
			if ext := refundID(id, refund); !shown[ext] {
				obs = append(obs, canon.Observation{Kind: canon.KindRefund, ExternalID: ext, Deleted: true})
			}
		}
		r.obs = append(r.obs, obs...)
	}
	return nil
}

// readRefunds reads an order and its refunds; nothing when the order is gone.
func (s *shop) readRefunds(ctx context.Context, id int64) ([]canon.Observation, error) {
	var refunds []refund
	// The refunds come before the order, so that the order's tally covers at least these refunds.
	if _, err := s.client.get(ctx, "orders/"+idText(id)+"/refunds", url.Values{"per_page": {idText(maxPage)}}, &refunds); err != nil {
		if isGone(err) {
			return nil, nil
		}
		return nil, err
	}
	var o order
	if _, err := s.client.get(ctx, "orders/"+idText(id), nil, &o); err != nil {
		if isGone(err) {
			return nil, nil
		}
		return nil, err
	}
	first, _, err := s.observeOrder(&o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	obs, err := s.observeRefunds(&o, refunds)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return append([]canon.Observation{first}, obs...), nil
}

func (r *reading) customers(ctx context.Context, s *shop) error {
	for _, id := range r.customerIDs {
		var cu customer
		info, err := s.client.get(ctx, "customers/"+idText(id), nil, &cu)
		if isGone(err) {
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindCustomer, ExternalID: idText(id), SourceVersion: goneVersion(info), Deleted: true})
			continue
		}
		if r.skip(err) {
			continue
		}
		if err != nil {
			return err
		}
		obs, err := observeCustomer(&cu)
		if err != nil {
			r.failed(err)
			continue
		}
		r.obs = append(r.obs, obs)
	}
	return nil
}

// isGone tells that WooCommerce itself knows no such id. A 404 of the web server, or one that says that the route does not
// exist, says nothing about the entity: taking it for a deletion would empty the catalogue during maintenance.
func isGone(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.status == http.StatusNotFound &&
		strings.HasPrefix(api.code, "woocommerce_rest_") && (strings.HasSuffix(api.code, "invalid_id") || strings.HasSuffix(api.code, "invalid_order_id"))
}

// goneVersion is the source version of a tombstone: the shop's clock when it said that there is no such id. Ids are never
// used again, so it is at or after every modification.
func goneVersion(p page) int64 {
	if p.date.IsZero() {
		return 0
	}
	return p.date.UnixMicro()
}

func waitMillis(e *apiError) int64 {
	return max(e.retryAfter, time.Second).Milliseconds()
}
