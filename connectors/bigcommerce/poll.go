package bigcommerce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The streams that Poll can be asked for.
const (
	streamOrders    = sdk.StreamOrders
	streamRefunds   = "refunds"
	streamProducts  = "products"
	streamFields    = "metafields"
	streamPrices    = "prices"
	streamCustomers = "customers"
	streamStock     = "stock" // a walk through all stock: no list shows what of it changed
)

// overlap is how far a round begins before the newest row of the last one, for rows that were saved with an older time than
// they were committed with.
const overlap = 2 * time.Minute

// hot is how close to the platform's clock a row may change once more within the same second, without a sign of it. Such a
// row is given now and once again when it has cooled down.
const hot = 2 * time.Second

var errCursor = errors.New("bigcommerce: the cursor can't be read")

// Poll implements sdk.Poller. What is not urgent leaves a part of the platform's quota alone.
func (c *Connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	if req.Stream != streamOrders {
		if err := s.client.spare(); err != nil {
			return nil, err
		}
	}
	resp := &sdk.PollResponse{}
	switch req.Stream {
	case streamProducts:
		err = s.pollProducts(ctx, req, resp)
	case streamOrders:
		err = s.pollOrders(ctx, req, resp)
	case streamRefunds:
		err = s.pollRefunds(ctx, req, resp)
	case streamCustomers:
		err = s.pollCustomers(ctx, req, resp)
	case streamFields:
		err = s.pollFields(ctx, req, resp)
	case streamPrices:
		err = s.pollPrices(ctx, req, resp)
	case streamStock:
		err = s.pollStock(ctx, req, resp)
	default:
		return nil, fmt.Errorf("bigcommerce: there is no stream %q", req.Stream)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("poll %s: %w", req.Stream, err))
	}
	return resp, nil
}

// pageSize keeps to what the platform serves; two rows at least, so that a run of rows of one second is walked on.
func (s *store) pageSize(limit int) int {
	most := int(s.cfg.PageSize)
	if limit <= 0 {
		return most
	}
	return min(max(limit, 2), max(most, 2))
}

// walk moves a cursor over one page of a list in the order of its modification times, and gives the rows that are new.
// The list is asked from a second earlier than the cursor says: whether a filter takes its own second in is not stated.
func walk[T any](ctx context.Context, s *store, req *sdk.PollRequest, resp *sdk.PollResponse, list func(ctx context.Context, from time.Time, page, size int) ([]lenient[T], time.Time, error)) ([]lenient[T], error) {
	cur, err := sdk.ParseTimeCursor(req.Cursor, req.Since.UTC().Truncate(time.Second), overlap)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	size := s.pageSize(req.Limit)
	rows, at, err := list(ctx, cur.From().Add(-time.Second), cur.Page()+1, size)
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = utcNow()
	}
	var fresh []lenient[T]
	for i := range rows {
		row := &rows[i]
		modified, ok := moment(row.modified)
		if !ok {
			modified = cur.From()
		}
		key := idText(row.id)
		if at.Sub(modified) < hot {
			key += "~"
		}
		if cur.Fresh(key, modified) {
			fresh = append(fresh, *row)
		}
	}
	resp.More = cur.EndPage(len(rows) >= size)
	resp.Cursor = cur.Bytes()
	return fresh, nil
}

func (s *store) pollProducts(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	rows, err := walk(ctx, s, req, resp, func(ctx context.Context, from time.Time, n, size int) ([]lenient[product], time.Time, error) {
		q := s.ofChannel(url.Values{"include": {productIncludes}, "sort": {"date_modified"}, "direction": {"asc"}, "date_modified:min": {timeText(from)}}, "channel_id:in")
		got, at, err := list3[product](ctx, s, "catalog/products", with(q, "page", n, "limit", size))
		if err != nil {
			return nil, at, err
		}
		return got.Data, at, nil
	})
	if err != nil {
		return err
	}
	var good []product
	for i := range rows {
		if rows[i].err != nil {
			// One unreadable row must not stop the stream: the read of it will say what is wrong.
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindProduct, ExternalID: idText(rows[i].id)})
			continue
		}
		good = append(good, rows[i].value)
	}
	obs, late, err := s.observeProducts(ctx, good)
	resp.Observations, resp.Touched = obs, append(resp.Touched, late...)
	return err
}

func (s *store) pollOrders(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	rows, err := walk(ctx, s, req, resp, func(ctx context.Context, from time.Time, n, size int) ([]lenient[order], time.Time, error) {
		q := s.ofChannel(orderQuery("sort", "date_modified:asc", "min_date_modified", timeText(from), "page", n, "limit", size), "channel_id")
		return list2[order](ctx, s, "orders", q)
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	var good []order
	for i := range rows {
		if rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindOrder, ExternalID: idText(rows[i].id)})
			continue
		}
		good = append(good, rows[i].value)
	}
	read, err := s.observeOrders(ctx, f, good)
	if err != nil {
		return err
	}
	resp.Observations, resp.Touched = read.obs, append(resp.Touched, read.unreadable...)
	// An order moves stock, and no list shows that.
	stock, err := s.readStock(ctx, f, read.products)
	if err != nil {
		for _, id := range unique(read.products) {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindProduct, ExternalID: idText(id)})
		}
		return nil
	}
	for _, id := range sortedKeys(stock) {
		obs, late := s.levels(f, stock[id])
		resp.Observations, resp.Touched = append(resp.Observations, obs...), append(resp.Touched, late...)
	}
	return nil
}

// ordersRead are orders with what belongs to them.
type ordersRead struct {
	obs        []canon.Observation
	unreadable []canon.Ref
	errs       []error // of the unreadable ones
	products   []int64
}

// observeOrders translates orders with their payments and refunds.
func (s *store) observeOrders(ctx context.Context, f *facts, rows []order) (*ordersRead, error) {
	out := &ordersRead{}
	if len(rows) == 0 {
		return out, nil
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	refunds, err := s.readRefunds(ctx, ids)
	if err != nil && !isForbidden(err) {
		return nil, err
	}
	for i := range rows {
		o := &rows[i]
		p, err := s.readPapers(ctx, o)
		if err != nil {
			return nil, err
		}
		obs, err := s.observeOrder(o, f, p)
		for j := range refunds[o.ID] {
			r, bad := observeRefund(&refunds[o.ID][j], o.currency())
			if err = errors.Join(err, bad); bad == nil {
				out.obs = append(out.obs, r)
			}
		}
		if err != nil {
			out.unreadable = append(out.unreadable, canon.Ref{Kind: canon.KindOrder, ExternalID: idText(o.ID)})
			out.errs = append(out.errs, fmt.Errorf("order %d: %w", o.ID, err))
			continue
		}
		out.obs = append(out.obs, obs)
		if pay, stated := observePayments(o, p); stated {
			out.obs = append(out.obs, pay)
		}
		for j := range p.lines {
			if p.lines[j].ProductID > 0 {
				out.products = append(out.products, p.lines[j].ProductID)
			}
		}
	}
	return out, nil
}

func (s *store) pollCustomers(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	rows, err := walk(ctx, s, req, resp, func(ctx context.Context, from time.Time, n, size int) ([]lenient[customer], time.Time, error) {
		q := url.Values{"include": {"addresses"}, "sort": {"date_modified:asc"}, "date_modified:min": {timeText(from)}}
		got, at, err := list3[customer](ctx, s, "customers", with(q, "page", n, "limit", size))
		if err != nil {
			return nil, at, err
		}
		return got.Data, at, nil
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	for i := range rows {
		obs, err := observeCustomer(&rows[i].value, f)
		if err != nil || rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindCustomer, ExternalID: idText(rows[i].id)})
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	return nil
}

// stockCursor is where the walk through all stock goes on: after which product, by id.
type stockCursor struct {
	After int64 `json:"after"`
}

// pollStock reads the levels of the next products. A walk by id neither loses nor doubles what stays.
func (s *store) pollStock(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	var cur stockCursor
	if len(req.Cursor) > 0 {
		if err := json.Unmarshal(req.Cursor, &cur); err != nil {
			return fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	size := s.pageSize(req.Limit)
	q := s.ofChannel(byID(cur.After, size), "channel_id:in")
	q.Set("include_fields", "inventory_tracking")
	got, _, err := list3[product](ctx, s, "catalog/products", q)
	if err != nil {
		return err
	}
	tracking := map[int64]string{}
	for i := range got.Data {
		if got.Data[i].err == nil {
			tracking[got.Data[i].id] = got.Data[i].value.Tracking
		}
		cur.After = max(cur.After, got.Data[i].id)
	}
	if resp.Observations, resp.Touched, err = s.observeStock(ctx, f, tracking); err != nil {
		return err
	}
	if resp.More = len(got.Data) >= size; !resp.More {
		cur.After = 0
	}
	if resp.Cursor, err = json.Marshal(cur); err != nil {
		return fmt.Errorf("encode the cursor: %w", err)
	}
	return nil
}

// byID asks for the rows after one, in the order of their ids.
func byID(after int64, size int) url.Values {
	return url.Values{"id:greater": {idText(after)}, "sort": {"id"}, "direction": {"asc"}, "limit": {idText(int64(size))}}
}
