package magento

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The streams that Poll can be asked for.
const (
	streamOrders    = sdk.StreamOrders
	streamRefunds   = "refunds"
	streamProducts  = "products"
	streamCustomers = "customers"
	streamStock     = "stock" // a walk through all stock: no list shows what of it changed
)

// overlap is how far a round begins before the newest row of the last one, for rows that were saved with an older time than
// they were committed with.
const overlap = 2 * time.Minute

// hot is how close to the shop's clock a row may change once more within the same second, without a sign of it. Such a row
// is given now and once again when it has cooled down.
const hot = 2 * time.Second

var errCursor = errors.New("magento: the cursor can't be read")

// Poll implements sdk.Poller.
func (c *Connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
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
	case streamStock:
		err = s.pollStock(ctx, req, resp)
	default:
		return nil, fmt.Errorf("magento: there is no stream %q", req.Stream)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("poll %s: %w", req.Stream, err))
	}
	return resp, nil
}

// pageSize keeps to what the shop serves; two rows at least, so that a run of rows of one second is walked on.
func (s *shop) pageSize(limit int) int {
	most := int(s.cfg.PageSize)
	if limit <= 0 {
		return most
	}
	return min(max(limit, 2), most)
}

// pollPage reads the next page of a list that is ordered by updated_at, and gives the rows that are new.
func pollPage[T any](ctx context.Context, s *shop, path string, req *sdk.PollRequest, resp *sdk.PollResponse, narrow func(*criteria)) ([]lenient[T], error) {
	cur, err := sdk.ParseTimeCursor(req.Cursor, req.Since.UTC().Truncate(time.Second), overlap)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, err)
	}
	size := s.pageSize(req.Limit)
	q := search(size).page(cur.Page()+1).where("updated_at", "gteq", timeText(cur.From())).ascending("updated_at").ascending("entity_id")
	if narrow != nil {
		narrow(q)
	}
	got, at, err := list[T](ctx, s, path, q)
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = s.now().UTC()
	}
	if cur.Page()*size >= *got.Total {
		got.Items = nil // a page beyond the end shows the last one again
	}
	var fresh []lenient[T]
	for i := range got.Items {
		row := &got.Items[i]
		modified, ok := shopTime(row.modified)
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
	resp.More = cur.EndPage((cur.Page()+1)*size < *got.Total && len(got.Items) > 0)
	resp.Cursor = cur.Bytes()
	return fresh, nil
}

func (s *shop) pollProducts(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	rows, err := pollPage[product](ctx, s, "V1/products", req, resp, nil)
	if err != nil || len(rows) == 0 {
		return err
	}
	var good []lenient[product]
	for i := range rows {
		if rows[i].err != nil {
			// One unreadable row must not stop the stream: the read of it will say what is wrong.
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindProduct, ExternalID: idText(rows[i].id)})
			continue
		}
		good = append(good, rows[i])
	}
	obs, late, err := s.observeProducts(ctx, good)
	resp.Observations, resp.Touched = obs, append(resp.Touched, late...)
	return err
}

// observeProducts translates products with their listings and levels. Late are the levels that the index does not show yet.
func (s *shop) observeProducts(ctx context.Context, rows []lenient[product]) (obs []canon.Observation, late []canon.Ref, err error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	c, err := s.facts(ctx)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.attributes(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	var skus []string
	for i := range rows {
		p := &rows[i].value
		obs = append(obs, s.observeProduct(p, a, c)...)
		if p.sellable() {
			skus = append(skus, p.SKU)
		}
	}
	levels, late, err := s.observeLevels(ctx, c, skus)
	return append(obs, levels...), late, err
}

// observeLevels states the levels of some SKUs, but for those of which the index still shows what was before this process
// wrote: they are late, and have to be read again.
func (s *shop) observeLevels(ctx context.Context, c *channel, skus []string) (obs []canon.Observation, late []canon.Ref, err error) {
	stock, err := s.readStock(ctx, c, skus, false)
	if err != nil {
		return nil, nil, err
	}
	done := map[string]bool{}
	for _, sku := range skus {
		k := skuKey(sku)
		row := stock[k]
		if row == nil || done[k] || row.gone {
			continue
		}
		done[k] = true
		levels := row.levels(c)
		if s.recent.behind(row) {
			for i := range levels {
				late = append(late, levels[i].Ref())
			}
			continue
		}
		obs = append(obs, levels...)
	}
	return obs, late, nil
}

func (s *shop) pollOrders(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	rows, err := pollPage[order](ctx, s, "V1/orders", req, resp, c.ofChannel)
	if err != nil {
		return err
	}
	var skus []string
	for i := range rows {
		o := &rows[i].value
		obs, err := s.observeOrder(o, c)
		if err != nil || rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindOrder, ExternalID: idText(rows[i].id)})
			continue
		}
		resp.Observations = append(resp.Observations, obs)
		for j := range o.Items {
			if t := o.Items[j].ProductType; t == "simple" || t == "virtual" || t == "downloadable" {
				skus = append(skus, o.Items[j].SKU)
			}
		}
	}
	// An order moves what can be sold, and no list shows that.
	levels, late, err := s.observeLevels(ctx, c, skus)
	if err != nil {
		for _, sku := range skus {
			for _, src := range c.sources {
				late = append(late, canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(sku, src.Code)})
			}
		}
	}
	resp.Observations, resp.Touched = append(resp.Observations, levels...), append(resp.Touched, late...)
	return nil
}

// ofChannel leaves out what other websites sold.
func (c *channel) ofChannel(q *criteria) {
	if !c.others || len(c.stores) == 0 {
		return
	}
	ids := make([]string, len(c.stores))
	for i, id := range c.stores {
		ids[i] = idText(id)
	}
	q.any("store_id", ids)
}

func (s *shop) pollRefunds(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	rows, err := pollPage[creditMemo](ctx, s, "V1/creditmemos", req, resp, c.ofChannel)
	if err != nil {
		return err
	}
	for i := range rows {
		obs, err := observeMemo(&rows[i].value)
		if err != nil || rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindRefund, ExternalID: idText(rows[i].id)})
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	return nil
}

func (s *shop) pollCustomers(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	rows, err := pollPage[customer](ctx, s, "V1/customers/search", req, resp, nil)
	if err != nil || len(rows) == 0 {
		return err
	}
	g := s.customerGroups(ctx)
	for i := range rows {
		obs, err := observeCustomer(&rows[i].value, g)
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
func (s *shop) pollStock(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	var cur stockCursor
	if len(req.Cursor) > 0 {
		if err := json.Unmarshal(req.Cursor, &cur); err != nil {
			return fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	}
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	size := s.pageSize(req.Limit)
	q := byID(size, cur.After).fields("items[id,sku,type_id],total_count")
	got, _, err := list[product](ctx, s, "V1/products", q)
	if err != nil {
		return err
	}
	var skus []string
	for i := range got.Items {
		if p := &got.Items[i].value; p.sellable() {
			skus = append(skus, p.SKU)
		}
		cur.After = max(cur.After, got.Items[i].id)
	}
	if resp.Observations, resp.Touched, err = s.observeLevels(ctx, c, skus); err != nil {
		return err
	}
	if resp.More = len(got.Items) > 0 && len(got.Items) < *got.Total; !resp.More {
		cur.After = 0
	}
	if resp.Cursor, err = json.Marshal(cur); err != nil {
		return fmt.Errorf("encode the cursor: %w", err)
	}
	return nil
}

// byID asks for the rows after one, in the order of their ids.
func byID(size int, after int64) *criteria {
	return search(size).where("entity_id", "gt", idText(after)).ascending("entity_id")
}
