package woocommerce

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

// pageToken is where a snapshot goes on: after a crash too, on another machine too.
type pageToken struct {
	Stage   string    `json:"stage"`
	Walk    walk      `json:"walk"`
	Pending []int64   `json:"pending,omitempty"` // products whose variations, or orders whose refunds, are to be read
	Done    bool      `json:"done,omitempty"`    // the stage's rows are read
	Since   time.Time `json:"since"`             // of orders
	Total   int64     `json:"total"`
}

// stages in their order: listings first, so that orders find what they refer to.
var stages = []string{streamProducts, streamCustomers, streamOrders}

// Snapshot implements sdk.Snapshotter: all products with their variations and all customers, and the orders since
// orders_since. Orders are not covered in full, so that the absence of an old one says nothing.
func (c *Connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	s.learnCurrency(ctx)
	resp := &sdk.SnapshotResponse{Kinds: []canon.Kind{canon.KindProduct, canon.KindListing, canon.KindLevel, canon.KindCustomer}}
	tok := &pageToken{Stage: stages[0], Walk: walk{PerPage: perPage(req.Limit)}, Since: s.cfg.ordersSince(s.now().UTC())}
	if len(req.Page) > 0 {
		tok = &pageToken{}
		if err := json.Unmarshal(req.Page, tok); err != nil {
			return nil, fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	} else if err := s.beginSnapshot(ctx, tok, resp); err != nil {
		return nil, paced(fmt.Errorf("begin the snapshot: %w", err))
	}
	resp.Total = tok.Total
	switch tok.Stage {
	case streamProducts:
		err = s.snapshotProducts(ctx, tok, resp)
	case streamCustomers:
		err = s.snapshotCustomers(ctx, tok, resp)
	case streamOrders:
		err = s.snapshotOrders(ctx, tok, resp)
	default:
		err = fmt.Errorf("there is no stage %q", tok.Stage)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("snapshot %s: %w", tok.Stage, err))
	}
	if !tok.next() {
		resp.Complete = true
		return resp, nil
	}
	if resp.Next, err = json.Marshal(tok); err != nil {
		return nil, fmt.Errorf("encode the page token: %w", err)
	}
	return resp, nil
}

// next moves to the next stage when this one is over; false when there is none.
func (t *pageToken) next() bool {
	if !t.Done || len(t.Pending) > 0 {
		return true
	}
	for i, st := range stages {
		if st == t.Stage && i+1 < len(stages) {
			t.Stage, t.Done, t.Walk = stages[i+1], false, walk{PerPage: t.Walk.PerPage}
			return true
		}
	}
	return false
}

// beginSnapshot takes the cursors from the shop's clock before a row is read, and counts the rows.
func (s *shop) beginSnapshot(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	one := url.Values{"per_page": {"1"}}
	var ignored json.RawMessage
	info, err := s.client.get(ctx, "products", one, &ignored)
	if err != nil {
		return err
	}
	now := info.date
	if now.IsZero() {
		now = s.now().UTC().Add(-overlap) // a proxy took the shop's clock away: allow for a difference
	}
	resp.Cursors = map[string][]byte{}
	for _, stream := range []string{streamProducts, streamVariations, streamOrders, streamCustomers} {
		if resp.Cursors[stream], err = (&cursor{After: now.Add(-overlap)}).encode(); err != nil {
			return err
		}
	}
	tok.Total = info.total
	customers, err := s.client.get(ctx, "customers", one, &ignored)
	if err != nil {
		return err
	}
	one.Set("after", gmtText(tok.Since))
	one.Set("dates_are_gmt", "true")
	orders, err := s.client.get(ctx, "orders", one, &ignored)
	if err != nil {
		return err
	}
	tok.Total += customers.total + orders.total
	return nil
}

func (s *shop) snapshotProducts(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	if len(tok.Pending) > 0 {
		obs, unreadable, rest, err := s.readPending(ctx, tok.Pending)
		if err != nil {
			return err
		}
		for _, id := range unreadable {
			resp.RowErrors = append(resp.RowErrors, rowError("variations", id, errUnreadable))
		}
		resp.Observations, tok.Pending = obs, rest
		return nil
	}
	rows, err := snapshotPage[product](ctx, s, tok, "products", nil, resp)
	if err != nil {
		return err
	}
	for i := range rows {
		p := &rows[i].value
		obs, _ := s.observeProduct(p)
		resp.Observations = append(resp.Observations, obs...)
		if p.isVariable() && len(p.Variations) > 0 {
			tok.Pending = append(tok.Pending, p.ID)
		}
	}
	return nil
}

func (s *shop) snapshotCustomers(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	rows, err := snapshotPage[customer](ctx, s, tok, "customers", nil, resp)
	if err != nil {
		return err
	}
	for i := range rows {
		obs, err := observeCustomer(&rows[i].value)
		if err != nil {
			resp.RowErrors = append(resp.RowErrors, rowError("customers", rows[i].id, err))
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	return nil
}

func (s *shop) snapshotOrders(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	if len(tok.Pending) > 0 {
		n := min(parentsPerCall, len(tok.Pending))
		for _, id := range tok.Pending[:n] {
			obs, err := s.readRefunds(ctx, id)
			if errors.Is(err, errUnreadable) {
				resp.RowErrors = append(resp.RowErrors, rowError("refunds of orders", id, err))
				continue
			}
			if err != nil {
				return err
			}
			resp.Observations = append(resp.Observations, obs...)
		}
		tok.Pending = tok.Pending[n:]
		return nil
	}
	since := url.Values{"after": {gmtText(tok.Since)}, "dates_are_gmt": {"true"}}
	rows, err := snapshotPage[order](ctx, s, tok, "orders", since, resp)
	if err != nil {
		return err
	}
	for i := range rows {
		obs, touched, err := s.observeRow(&rows[i])
		switch {
		case err != nil:
			resp.RowErrors = append(resp.RowErrors, rowError("orders", rows[i].id, err))
			continue
		case obs == nil:
			continue
		}
		resp.Observations = append(resp.Observations, *obs)
		if len(touched) > 0 {
			tok.Pending = append(tok.Pending, rows[i].id)
		}
	}
	return nil
}

// snapshotPage reads the next page of a stage: the rows that were not seen yet and can be read. The others are told of.
func snapshotPage[T any](ctx context.Context, s *shop, tok *pageToken, path string, filter url.Values, resp *sdk.SnapshotResponse) ([]lenient[T], error) {
	q := tok.Walk.query()
	for k, v := range filter {
		q[k] = v
	}
	var rows, out []lenient[T]
	if _, err := s.client.get(ctx, path, q, &rows); err != nil {
		return nil, err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	fresh, done := tok.Walk.step(ids)
	tok.Done = done
	for i := range rows {
		switch {
		case !fresh[rows[i].id]:
		case rows[i].err != nil:
			resp.RowErrors = append(resp.RowErrors, rowError(path, rows[i].id, rows[i].err))
		default:
			out = append(out, rows[i])
		}
	}
	return out, nil
}

func rowError(path string, id int64, err error) sdk.RowError {
	return sdk.RowError{Place: path + "/" + idText(id), Code: "woocommerce.row_unreadable", Reason: err.Error(), Row: idText(id)}
}
