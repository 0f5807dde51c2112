package magento

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Read implements sdk.Reader. Everything is read by lists that name the ids, so that an entity which is not in a whole
// answer is gone. A level that the stock index does not show yet stays out of the answer, which then asks to come back.
func (c *Connector) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	r := newReading(req)
	steps := []func(context.Context, *shop) error{r.locations, r.products, r.levels, r.orders, r.refunds, r.customers}
	for _, step := range steps {
		err := step(ctx, s)
		if err == nil {
			continue
		}
		var api *apiError
		if errors.As(err, &api) && api.throttled() {
			return &sdk.ReadResponse{Observations: r.obs, RetryAfterMillis: api.wait().Milliseconds()}, nil
		}
		r.failed(err)
	}
	if len(r.obs) == 0 && r.err != nil {
		return nil, fmt.Errorf("read from the shop: %w", r.err)
	}
	return &sdk.ReadResponse{Observations: r.obs, RetryAfterMillis: r.again.Milliseconds()}, nil
}

// lagRetry is how soon a level is asked again that the index does not show yet.
const lagRetry = time.Second

// reading sorts what is asked by the list that answers it.
type reading struct {
	ids     map[canon.Kind][]string // products, orders, refunds and customers
	sources []string
	asked   []canon.Ref // levels

	obs   []canon.Observation
	again time.Duration
	err   error // the first failure
}

func newReading(req *sdk.ReadRequest) *reading {
	r := &reading{ids: map[canon.Kind][]string{}}
	for _, ref := range req.Refs {
		kind := ref.Kind
		switch kind {
		case canon.KindLocation:
			r.sources = append(r.sources, ref.ExternalID)
			continue
		case canon.KindLevel:
			if !slices.Contains(r.asked, ref) {
				r.asked = append(r.asked, ref)
			}
			continue
		case canon.KindListing:
			kind = canon.KindProduct
		}
		if _, ok := parseID(ref.ExternalID); ok && !slices.Contains(r.ids[kind], ref.ExternalID) {
			r.ids[kind] = append(r.ids[kind], ref.ExternalID)
		}
	}
	return r
}

func (r *reading) failed(err error) {
	if r.err == nil {
		r.err = err
	}
}

// listed reads some entities by id, and gives those that the shop no longer has.
func listed[T any](ctx context.Context, s *shop, path string, ids []string) (rows []lenient[T], gone []string, at time.Time, err error) {
	for _, part := range chunks(ids, maxWrites) {
		got, when, err := list[T](ctx, s, path, search(len(part)).any("entity_id", part))
		if err != nil {
			return nil, nil, at, err
		}
		at = when
		rows = append(rows, got.Items...)
		for _, id := range part {
			if !slices.ContainsFunc(got.Items, func(x lenient[T]) bool { return idText(x.id) == id }) {
				gone = append(gone, id)
			}
		}
	}
	return rows, gone, at, nil
}

func (r *reading) locations(ctx context.Context, s *shop) error {
	if len(r.sources) == 0 {
		return nil
	}
	c, err := s.readChannel(ctx)
	if err != nil {
		return err
	}
	for _, code := range r.sources {
		i := slices.IndexFunc(c.sources, func(x source) bool { return x.Code == code })
		if i < 0 {
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindLocation, ExternalID: code, Deleted: true})
			continue
		}
		r.obs = append(r.obs, location(c.sources[i]))
	}
	return nil
}

func (r *reading) products(ctx context.Context, s *shop) error {
	rows, gone, at, err := listed[product](ctx, s, "V1/products", r.ids[canon.KindProduct])
	if err != nil {
		return err
	}
	for _, id := range gone {
		r.obs = append(r.obs, deletedProduct(id, goneVersion(at))...)
	}
	var good []lenient[product]
	for i := range rows {
		if rows[i].err != nil {
			r.failed(fmt.Errorf("product %d: %w", rows[i].id, rows[i].err))
			continue
		}
		good = append(good, rows[i])
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

func (r *reading) levels(ctx context.Context, s *shop) error {
	if len(r.asked) == 0 {
		return nil
	}
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	var skus []string
	for _, ref := range r.asked {
		sku, _ := canon.SplitLevelID(ref.ExternalID)
		skus = append(skus, sku)
	}
	stock, err := s.readStock(ctx, c, skus, false)
	if err != nil {
		return err
	}
	for _, ref := range r.asked {
		sku, code := canon.SplitLevelID(ref.ExternalID)
		row := stock[skuKey(sku)]
		switch {
		case row == nil:
		case row.gone || row.items[code] == nil:
			r.obs = append(r.obs, canon.Observation{Kind: canon.KindLevel, ExternalID: ref.ExternalID, Deleted: true})
		case s.recent.behind(row):
			r.again = lagRetry
		default:
			for _, o := range row.levels(c) {
				if o.Level.Location == code {
					o.ExternalID, o.Level.StockID = ref.ExternalID, sku // as it is known, whatever the case of its letters
					r.obs = append(r.obs, o)
				}
			}
		}
	}
	return nil
}

func (r *reading) orders(ctx context.Context, s *shop) error {
	if len(r.ids[canon.KindOrder]) == 0 {
		return nil
	}
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	return take(ctx, s, r, canon.KindOrder, "V1/orders", func(o *order) (canon.Observation, error) { return s.observeOrder(o, c) })
}

func (r *reading) refunds(ctx context.Context, s *shop) error {
	return take(ctx, s, r, canon.KindRefund, "V1/creditmemos", observeMemo)
}

func (r *reading) customers(ctx context.Context, s *shop) error {
	if len(r.ids[canon.KindCustomer]) == 0 {
		return nil
	}
	g := s.customerGroups(ctx)
	return take(ctx, s, r, canon.KindCustomer, "V1/customers/search", func(cu *customer) (canon.Observation, error) { return observeCustomer(cu, g) })
}

// take reads and translates the entities of one kind.
func take[T any](ctx context.Context, s *shop, r *reading, kind canon.Kind, path string, observe func(*T) (canon.Observation, error)) error {
	rows, gone, at, err := listed[T](ctx, s, path, r.ids[kind])
	if err != nil {
		return err
	}
	for _, id := range gone {
		r.obs = append(r.obs, canon.Observation{Kind: kind, ExternalID: id, SourceVersion: goneVersion(at), Deleted: true})
	}
	for i := range rows {
		o, err := observe(&rows[i].value)
		if err = errors.Join(rows[i].err, err); err != nil {
			r.failed(fmt.Errorf("%s %d: %w", kind, rows[i].id, err))
			continue
		}
		r.obs = append(r.obs, o)
	}
	return nil
}

// goneVersion is the source version of a tombstone: the shop's clock when it had no such id. Ids are never used again, so
// that it is at or after every modification.
func goneVersion(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMicro()
}
