package bigcommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// pageToken is where a snapshot goes on: after a crash too, on another machine too.
type pageToken struct {
	Stage  string    `json:"stage"`
	After  int64     `json:"after"`            // the last id read in the stage
	Cursor string    `json:"cursor,omitempty"` // the platform's own, of customers
	Size   int       `json:"size"`
	Since  time.Time `json:"since"` // of orders
	Total  int64     `json:"total"` // products and customers; orders since a moment are not counted by the platform
}

// stages in their order: listings first, so that orders find what they refer to.
var stages = []string{streamProducts, streamCustomers, streamOrders}

// Snapshot implements sdk.Snapshotter: all locations, products, levels and customers, and the orders since orders_since with
// their payments and refunds. Those are not covered in full, so that the absence of an old one says nothing.
func (c *Connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	if err := s.client.spare(); err != nil {
		return nil, err
	}
	resp := &sdk.SnapshotResponse{Kinds: []canon.Kind{canon.KindLocation, canon.KindProduct, canon.KindListing, canon.KindLevel, canon.KindCustomer}}
	tok := &pageToken{Stage: stages[0], Size: s.pageSize(req.Limit), Since: s.cfg.ordersSince(utcNow())}
	if len(req.Page) > 0 {
		tok = &pageToken{}
		if err := json.Unmarshal(req.Page, tok); err != nil {
			return nil, fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	} else if err := s.beginSnapshot(ctx, tok, resp); err != nil {
		return nil, paced(fmt.Errorf("begin the snapshot: %w", err))
	}
	var done bool
	switch tok.Stage {
	case streamProducts:
		done, err = s.snapshotProducts(ctx, tok, resp)
	case streamCustomers:
		done, err = s.snapshotCustomers(ctx, tok, resp)
	case streamOrders:
		done, err = s.snapshotOrders(ctx, tok, resp)
	default:
		err = fmt.Errorf("there is no stage %q", tok.Stage)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("snapshot %s: %w", tok.Stage, err))
	}
	resp.Total = tok.Total
	if done && !tok.next() {
		resp.Complete = true
		return resp, nil
	}
	if resp.Next, err = json.Marshal(tok); err != nil {
		return nil, fmt.Errorf("encode the page token: %w", err)
	}
	return resp, nil
}

// next moves to the next stage; false when there is none.
func (t *pageToken) next() bool {
	for i, st := range stages {
		if st == t.Stage && i+1 < len(stages) {
			t.Stage, t.After, t.Cursor = stages[i+1], 0, ""
			return true
		}
	}
	return false
}

// beginSnapshot takes the cursors from the platform's clock before a row is read, and states the locations.
func (s *store) beginSnapshot(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	products, now, err := list3[json.RawMessage](ctx, s, "catalog/products", s.ofChannel(url.Values{"limit": {"1"}, "include_fields": {"sku"}}, "channel_id:in"))
	if err != nil {
		return err
	}
	customers, _, err := list3[json.RawMessage](ctx, s, "customers", url.Values{"limit": {"1"}})
	if err != nil {
		return err
	}
	tok.Total = products.Meta.Pagination.Total + customers.Meta.Pagination.Total
	if now.IsZero() {
		now = utcNow().Add(-overlap) // a proxy took the platform's clock away: allow for a difference
	}
	since, err := sdk.ParseTimeCursor(nil, now.Add(-overlap), overlap)
	if err != nil {
		return err
	}
	round, err := json.Marshal(roundCursor{From: now.Add(-overlap)})
	if err != nil {
		return err
	}
	resp.Cursors = map[string][]byte{
		streamProducts: since.Bytes(), streamCustomers: since.Bytes(), streamOrders: since.Bytes(), streamRefunds: round, streamFields: round, streamPrices: round,
		streamStock: []byte(`{"after":0}`),
	}
	s.forgetFacts() // an import goes by what is set up now
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	resp.Observations = f.places()
	return nil
}

func (s *store) snapshotProducts(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	q := s.ofChannel(byID(tok.After, tok.Size), "channel_id:in")
	q.Set("include", productIncludes)
	got, _, err := list3[product](ctx, s, "catalog/products", q)
	if err != nil {
		return false, err
	}
	var good []product
	for i := range got.Data {
		row := &got.Data[i]
		tok.After = max(tok.After, row.id)
		if row.err != nil {
			resp.RowErrors = append(resp.RowErrors, rowError("catalog/products", row.id, row.err))
			continue
		}
		good = append(good, row.value)
	}
	obs, late, err := s.observeProducts(ctx, good)
	if err != nil {
		return false, err
	}
	resp.Observations = append(resp.Observations, obs...)
	for _, ref := range late {
		resp.RowErrors = append(resp.RowErrors, sdk.RowError{
			Place: "stock " + ref.ExternalID, Code: "bigcommerce.inventory_lag", Reason: "the inventory does not show the last write yet; the next walk reads it", Row: ref.ExternalID,
		})
	}
	return len(got.Data) < tok.Size, nil
}

func (s *store) snapshotCustomers(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	q := url.Values{"include": {"addresses"}, "limit": {idText(int64(tok.Size))}}
	if tok.Cursor != "" {
		q.Set("after", tok.Cursor)
	}
	got, _, err := list3[customer](ctx, s, "customers", q)
	if err != nil {
		return false, err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return false, err
	}
	for i := range got.Data {
		row := &got.Data[i]
		obs, err := observeCustomer(&row.value, f)
		if row.err != nil {
			err = row.err
		}
		if err != nil {
			resp.RowErrors = append(resp.RowErrors, rowError("customers", row.id, err))
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	end := got.Meta.Cursor.End
	done := len(got.Data) < tok.Size || end == "" || end == tok.Cursor
	tok.Cursor = end
	return done, nil
}

func (s *store) snapshotOrders(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	q := s.ofChannel(orderQuery("sort", "id:asc", "min_id", tok.After+1, "min_date_created", timeText(tok.Since), "limit", tok.Size), "channel_id")
	rows, _, err := list2[order](ctx, s, "orders", q)
	if err != nil {
		return false, err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return false, err
	}
	var good []order
	for i := range rows {
		tok.After = max(tok.After, rows[i].id)
		switch {
		case rows[i].err != nil:
			resp.RowErrors = append(resp.RowErrors, rowError("orders", rows[i].id, rows[i].err))
		case !rows[i].value.isDraft():
			good = append(good, rows[i].value)
		}
	}
	read, err := s.observeOrders(ctx, f, good)
	if err != nil {
		return false, err
	}
	resp.Observations = append(resp.Observations, read.obs...)
	for i, ref := range read.unreadable {
		id, _ := parseID(ref.ExternalID)
		resp.RowErrors = append(resp.RowErrors, rowError("orders", id, read.errs[i]))
	}
	return len(rows) < tok.Size, nil
}

func rowError(path string, id int64, err error) sdk.RowError {
	return sdk.RowError{Place: path + "/" + idText(id), Code: "bigcommerce.row_unreadable", Reason: err.Error(), Row: idText(id)}
}
