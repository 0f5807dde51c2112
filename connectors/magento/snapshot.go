package magento

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// pageToken is where a snapshot goes on: after a crash too, on another machine too.
type pageToken struct {
	Stage string    `json:"stage"`
	After int64     `json:"after"` // the last id read in the stage
	Size  int       `json:"size"`
	Since time.Time `json:"since"` // of orders
	Total int64     `json:"total"`
}

// stages in their order: listings first, so that orders find what they refer to.
var stages = []struct{ name, path string }{
	{streamProducts, "V1/products"}, {streamCustomers, "V1/customers/search"}, {streamOrders, "V1/orders"}, {streamRefunds, "V1/creditmemos"},
}

// Snapshot implements sdk.Snapshotter: all sources, products, levels and customers, and the orders and credit memos since
// orders_since. Those are not covered in full, so that the absence of an old one says nothing.
func (c *Connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.SnapshotResponse{Kinds: []canon.Kind{canon.KindLocation, canon.KindProduct, canon.KindListing, canon.KindLevel, canon.KindCustomer}}
	tok := &pageToken{Stage: stages[0].name, Size: s.pageSize(req.Limit), Since: s.cfg.ordersSince(s.now().UTC())}
	if len(req.Page) > 0 {
		tok = &pageToken{}
		if err := json.Unmarshal(req.Page, tok); err != nil {
			return nil, fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	} else if err := s.beginSnapshot(ctx, tok, resp); err != nil {
		return nil, paced(fmt.Errorf("begin the snapshot: %w", err))
	}
	resp.Total = tok.Total
	var done bool
	switch tok.Stage {
	case streamProducts:
		done, err = s.snapshotProducts(ctx, tok, resp)
	case streamCustomers:
		done, err = s.snapshotCustomers(ctx, tok, resp)
	case streamOrders:
		done, err = s.snapshotOrders(ctx, tok, resp)
	case streamRefunds:
		done, err = s.snapshotRefunds(ctx, tok, resp)
	default:
		err = fmt.Errorf("there is no stage %q", tok.Stage)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("snapshot %s: %w", tok.Stage, err))
	}
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
		if st.name == t.Stage && i+1 < len(stages) {
			t.Stage, t.After = stages[i+1].name, 0
			return true
		}
	}
	return false
}

// beginSnapshot takes the cursors from the shop's clock before a row is read, counts the rows, and states the sources.
func (s *shop) beginSnapshot(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) error {
	var now time.Time
	for _, st := range stages {
		q := search(1)
		if st.name == streamOrders || st.name == streamRefunds {
			q.where("created_at", "gteq", timeText(tok.Since))
		}
		got, at, err := list[json.RawMessage](ctx, s, st.path, q)
		if err != nil {
			return err
		}
		tok.Total += int64(*got.Total)
		if now.IsZero() {
			if now = at; now.IsZero() {
				now = s.now().UTC().Add(-overlap) // a proxy took the shop's clock away: allow for a difference
			}
		}
	}
	since, err := sdk.ParseTimeCursor(nil, now.Add(-overlap), overlap)
	if err != nil {
		return err
	}
	resp.Cursors = map[string][]byte{streamStock: []byte(`{"after":0}`)}
	for _, st := range stages {
		resp.Cursors[st.name] = since.Bytes()
	}
	s.mu.Lock()
	s.channel, s.fields = nil, nil // an import goes by what is set up now
	s.mu.Unlock()
	c, err := s.facts(ctx)
	if err != nil {
		return err
	}
	resp.Observations = c.locations()
	return nil
}

// snapshotPage reads the next rows of a stage by id. The rows that can't be read are told of.
func snapshotPage[T any](ctx context.Context, s *shop, tok *pageToken, path string, narrow func(*criteria), resp *sdk.SnapshotResponse) (rows []lenient[T], done bool, err error) {
	q := byID(tok.Size, tok.After)
	if narrow != nil {
		narrow(q)
	}
	got, _, err := list[T](ctx, s, path, q)
	if err != nil {
		return nil, false, err
	}
	for i := range got.Items {
		row := got.Items[i]
		if row.id <= tok.After {
			continue
		}
		if row.err != nil {
			resp.RowErrors = append(resp.RowErrors, rowError(path, row.id, row.err))
			continue
		}
		rows = append(rows, row)
	}
	for i := range got.Items {
		tok.After = max(tok.After, got.Items[i].id)
	}
	return rows, len(got.Items) == 0 || len(got.Items) >= *got.Total, nil
}

func (s *shop) snapshotProducts(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	rows, done, err := snapshotPage[product](ctx, s, tok, "V1/products", nil, resp)
	if err != nil {
		return false, err
	}
	obs, late, err := s.observeProducts(ctx, rows)
	if err != nil {
		return false, err
	}
	resp.Observations = append(resp.Observations, obs...)
	for _, ref := range late {
		resp.RowErrors = append(resp.RowErrors, sdk.RowError{
			Place: "stock " + ref.ExternalID, Code: "magento.index_lag", Reason: "the stock index does not show the last write yet; the next walk reads it", Row: ref.ExternalID,
		})
	}
	return done, nil
}

func (s *shop) snapshotCustomers(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	rows, done, err := snapshotPage[customer](ctx, s, tok, "V1/customers/search", nil, resp)
	if err != nil || len(rows) == 0 {
		return done, err
	}
	g := s.customerGroups(ctx)
	for i := range rows {
		add(resp, "customers", rows[i].id)(observeCustomer(&rows[i].value, g))
	}
	return done, nil
}

func (s *shop) snapshotOrders(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	c, err := s.facts(ctx)
	if err != nil {
		return false, err
	}
	rows, done, err := snapshotPage[order](ctx, s, tok, "V1/orders", c.since(tok.Since), resp)
	if err != nil {
		return false, err
	}
	for i := range rows {
		add(resp, "orders", rows[i].id)(s.observeOrder(&rows[i].value, c))
	}
	return done, nil
}

func (s *shop) snapshotRefunds(ctx context.Context, tok *pageToken, resp *sdk.SnapshotResponse) (bool, error) {
	c, err := s.facts(ctx)
	if err != nil {
		return false, err
	}
	rows, done, err := snapshotPage[creditMemo](ctx, s, tok, "V1/creditmemos", c.since(tok.Since), resp)
	if err != nil {
		return false, err
	}
	for i := range rows {
		add(resp, "creditmemos", rows[i].id)(observeMemo(&rows[i].value))
	}
	return done, nil
}

func (c *channel) since(t time.Time) func(*criteria) {
	return func(q *criteria) {
		q.where("created_at", "gteq", timeText(t))
		c.ofChannel(q)
	}
}

// add takes an observation, or tells of the row that can't be translated.
func add(resp *sdk.SnapshotResponse, path string, id int64) func(canon.Observation, error) {
	return func(o canon.Observation, err error) {
		if err != nil {
			resp.RowErrors = append(resp.RowErrors, rowError(path, id, err))
			return
		}
		resp.Observations = append(resp.Observations, o)
	}
}

func rowError(path string, id int64, err error) sdk.RowError {
	return sdk.RowError{Place: path + "/" + idText(id), Code: "magento.row_unreadable", Reason: err.Error(), Row: idText(id)}
}
