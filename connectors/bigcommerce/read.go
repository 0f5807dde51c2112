package bigcommerce

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// lagRetry is how soon a level is asked again that reads do not show yet.
const lagRetry = time.Second

// Read implements sdk.Reader. Products, customers and refunds are read by lists that name the ids, so that an entity which is
// not in a whole answer is gone. A level that reads do not show yet stays out of the answer, which then asks to come back.
func (c *Connector) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	r := newReading(req)
	for _, step := range []func(context.Context, *store) error{r.locations, r.products, r.levels, r.orders, r.refunds, r.customers} {
		err := step(ctx, s)
		if err == nil {
			continue
		}
		var api *apiError
		if errors.As(err, &api) && api.away() {
			return &sdk.ReadResponse{Observations: r.obs, RetryAfterMillis: api.wait().Milliseconds()}, nil
		}
		r.failed(err)
	}
	if len(r.obs) == 0 && r.err != nil {
		return nil, fmt.Errorf("read from the store: %w", r.err)
	}
	return &sdk.ReadResponse{Observations: r.obs, RetryAfterMillis: r.again.Milliseconds()}, nil
}

// reading sorts what is asked by the list that answers it.
type reading struct {
	ids      map[canon.Kind][]int64 // products, orders, refunds and customers
	places   []string
	levelled []canon.Ref
	listings map[int64]int64 // to the product that the hub knows, 0 where it knows none

	obs   []canon.Observation
	again time.Duration
	err   error // the first failure
}

func newReading(req *sdk.ReadRequest) *reading {
	r := &reading{ids: map[canon.Kind][]int64{}, listings: map[int64]int64{}}
	for i, ref := range req.Refs {
		if ref.Kind == canon.KindLevel {
			if !slices.Contains(r.levelled, ref) {
				r.levelled = append(r.levelled, ref)
			}
			continue
		}
		if ref.Kind == canon.KindLocation {
			r.places = append(r.places, ref.ExternalID)
			continue
		}
		id, ok := parseID(ref.ExternalID)
		if !ok {
			continue
		}
		if ref.Kind != canon.KindListing {
			if !slices.Contains(r.ids[ref.Kind], id) {
				r.ids[ref.Kind] = append(r.ids[ref.Kind], id)
			}
			continue
		}
		r.listings[id] = 0
		if i < len(req.Hints) {
			r.listings[id], _ = parseID(req.Hints[i].ProductID)
		}
	}
	return r
}

func (r *reading) failed(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reading) locations(ctx context.Context, s *store) error {
	if len(r.places) == 0 {
		return nil
	}
	all, err := all3[location](ctx, s, "inventory/locations", nil)
	if err != nil {
		return err
	}
	for _, id := range r.places {
		o := canon.Observation{Kind: canon.KindLocation, ExternalID: id, Deleted: true}
		for i := range all {
			if idText(all[i].ID) == id {
				o = observeLocation(&all[i])
			}
		}
		r.obs = append(r.obs, o)
	}
	return nil
}

// products reads products and listings. A listing is read with its product, whose id the hub or the platform knows.
func (r *reading) products(ctx context.Context, s *store) error {
	asked := r.ids[canon.KindProduct]
	wanted := slices.Clone(asked)
	var orphans []int64
	for variant, product := range r.listings {
		if product > 0 {
			wanted = append(wanted, product)
		} else {
			orphans = append(orphans, variant)
		}
	}
	found, at, err := s.productsOf(ctx, orphans)
	if err != nil {
		return err
	}
	for _, product := range found {
		wanted = append(wanted, product)
	}
	if len(wanted)+len(orphans) == 0 {
		return nil
	}
	var rows []lenient[product]
	if len(wanted) > 0 {
		if rows, at, err = s.readProducts(ctx, wanted); err != nil {
			return err
		}
	}
	there, shown := map[int64]bool{}, map[int64]bool{}
	var good []product
	for i := range rows {
		there[rows[i].id] = true
		if rows[i].err != nil {
			r.failed(fmt.Errorf("product %d: %w", rows[i].id, rows[i].err))
			for j := range rows[i].value.Variants {
				shown[rows[i].value.Variants[j].ID] = true
			}
			continue
		}
		good = append(good, rows[i].value)
		for j := range rows[i].value.Variants {
			shown[rows[i].value.Variants[j].ID] = true
		}
	}
	for _, id := range asked {
		if !there[id] {
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindProduct, ExternalID: idText(id), SourceVersion: goneVersion(at), Deleted: true})
		}
	}
	unreadable := len(good) < len(rows)
	for variant, product := range r.listings {
		if product == 0 {
			product = found[variant]
		}
		if !shown[variant] && !(unreadable && there[product]) {
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindListing, ExternalID: idText(variant), SourceVersion: goneVersion(at), Deleted: true})
		}
	}
	obs, late, err := s.observeProducts(ctx, good)
	if err != nil {
		return err
	}
	r.obs = append(r.obs, obs...)
	if len(late) > 0 {
		r.again = lagRetry
	}
	return nil
}

// goneVersion is the source version of a tombstone: the platform's clock when it had no such id. Ids are never used again, so
// that it is at or after every modification.
func goneVersion(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMicro()
}

// levels reads levels by their products, which a variant's stock id does not name: it is asked for.
func (r *reading) levels(ctx context.Context, s *store) error {
	if len(r.levelled) == 0 {
		return nil
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	var stocks []string
	for _, ref := range r.levelled {
		stock, _ := canon.SplitLevelID(ref.ExternalID)
		stocks = append(stocks, stock)
	}
	rows, err := s.stockOf(ctx, f, stocks, nil)
	if err != nil {
		return err
	}
	for _, ref := range r.levelled {
		stock, at := canon.SplitLevelID(ref.ExternalID)
		place, _ := parseID(at)
		row := rows[stock]
		switch {
		case row == nil || row.places[place] == nil:
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindLevel, ExternalID: ref.ExternalID, Deleted: true})
		case row.places[place].available != nil && s.recent.behind(ref.ExternalID, *row.places[place].available):
			r.again = lagRetry
		default:
			r.obs = append(r.obs, level(stock, place, row.places[place].available))
		}
	}
	return nil
}

// stockOf reads some stock ids. Known has the products of variants, as far as the hub said; the others are asked for.
func (s *store) stockOf(ctx context.Context, f *facts, stocks []string, known map[int64]int64) (map[string]*stockRow, error) {
	var products, unknown []int64
	for _, id := range stocks {
		isVariant, n, ok := parseStockID(id)
		switch {
		case !ok:
		case !isVariant:
			products = append(products, n)
		case known[n] > 0:
			products = append(products, known[n])
		default:
			unknown = append(unknown, n)
		}
	}
	found, err := s.variantProducts(ctx, unknown)
	if err != nil {
		return nil, err
	}
	return s.readStock(ctx, f, append(products, found...))
}

// variantProducts finds the products of variants by the inventory, which takes many at once.
func (s *store) variantProducts(ctx context.Context, variants []int64) ([]int64, error) {
	var out []int64
	for _, part := range chunks(unique(variants), maxPage) {
		got, _, err := list3[inventoryItem](ctx, s, "inventory/items", url.Values{"variant_id:in": {joined(part)}, "limit": {idText(maxPage)}})
		if err != nil {
			return nil, err
		}
		for i := range got.Data {
			out = append(out, got.Data[i].value.Identity.ProductID)
		}
	}
	return out, nil
}

func (r *reading) orders(ctx context.Context, s *store) error {
	if len(r.ids[canon.KindOrder]) == 0 {
		return nil
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	var good []order
	for _, id := range r.ids[canon.KindOrder] {
		o, at, err := s.getOrder(ctx, id)
		switch {
		case isGone(err):
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindOrder, ExternalID: idText(id), SourceVersion: goneVersion(at), Deleted: true})
		case errors.Is(err, errUnreadable):
			r.failed(fmt.Errorf("order %d: %w", id, err))
		case err != nil:
			return err
		case s.cfg.ChannelID == 0 || s.cfg.ChannelID == o.ChannelID:
			good = append(good, *o)
		}
	}
	read, err := s.observeOrders(ctx, f, good)
	if err != nil {
		return err
	}
	r.obs = append(r.obs, read.obs...)
	for _, err := range read.errs {
		r.failed(err)
	}
	return nil
}

func (r *reading) refunds(ctx context.Context, s *store) error {
	currencies := map[int64]string{}
	for _, part := range chunks(r.ids[canon.KindRefund], maxPage) {
		got, _, err := list3[refund](ctx, s, "orders/payment_actions/refunds", url.Values{"id:in": {joined(part)}, "limit": {idText(maxPage)}})
		if err != nil {
			return err
		}
		for _, id := range part {
			i := slices.IndexFunc(got.Data, func(x lenient[refund]) bool { return x.id == id })
			if i < 0 {
				r.obs = append(r.obs, canon.Observation{Kind: canon.KindRefund, ExternalID: idText(id), Deleted: true})
				continue
			}
			row := &got.Data[i]
			if row.err != nil {
				r.failed(fmt.Errorf("refund %d: %w", id, row.err))
				continue
			}
			code, known, err := s.currencyOf(ctx, row.value.OrderID, currencies)
			if err != nil {
				return err
			}
			if !known {
				continue
			}
			o, err := observeRefund(&row.value, code)
			if err != nil {
				r.failed(err)
				continue
			}
			r.obs = append(r.obs, o)
		}
	}
	return nil
}

func (r *reading) customers(ctx context.Context, s *store) error {
	ids := r.ids[canon.KindCustomer]
	if len(ids) == 0 {
		return nil
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	for _, part := range chunks(ids, maxPage) {
		got, at, err := list3[customer](ctx, s, "customers", url.Values{"id:in": {joined(part)}, "include": {"addresses"}, "limit": {idText(maxPage)}})
		if err != nil {
			return err
		}
		for _, id := range part {
			i := slices.IndexFunc(got.Data, func(x lenient[customer]) bool { return x.id == id })
			if i < 0 {
				r.obs = append(r.obs, canon.Observation{Kind: canon.KindCustomer, ExternalID: idText(id), SourceVersion: goneVersion(at), Deleted: true})
				continue
			}
			o, err := observeCustomer(&got.Data[i].value, f)
			if err = errors.Join(got.Data[i].err, err); err != nil {
				r.failed(fmt.Errorf("customer %d: %w", id, err))
				continue
			}
			r.obs = append(r.obs, o)
		}
	}
	return nil
}
