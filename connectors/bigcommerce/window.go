package bigcommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// roundCursor walks lists that can be asked for what changed since a moment but are ordered by id. A round keeps its moment
// until it is through; the next one begins where it began, by the platform's clock, less the overlap.
type roundCursor struct {
	From  time.Time `json:"from"`
	Began time.Time `json:"began,omitzero"` // of this round; zero before its first page
	List  int       `json:"list,omitempty"` // where a round walks several
	Page  int       `json:"page,omitempty"` // from 0
	After string    `json:"after,omitempty"`
}

func parseRound(req *sdk.PollRequest) (*roundCursor, error) {
	c := &roundCursor{From: req.Since.UTC().Truncate(time.Second)}
	if len(req.Cursor) > 0 {
		*c = roundCursor{}
		if err := json.Unmarshal(req.Cursor, c); err != nil {
			return nil, fmt.Errorf("%w: %w", errCursor, jsonError(err))
		}
	}
	return c, nil
}

// begin notes when a round began.
func (c *roundCursor) begin(at time.Time) {
	if c.Began.IsZero() {
		if c.Began = at; at.IsZero() {
			c.Began = utcNow().Add(-overlap) // a proxy took the platform's clock away: allow for a difference
		}
	}
}

// end closes a page. More tells that the list has more pages; lists is how many lists a round walks.
func (c *roundCursor) end(more bool, after string, lists int, resp *sdk.PollResponse) error {
	switch {
	case more:
		c.Page, c.After = c.Page+1, after
	case c.List+1 < lists:
		c.List, c.Page, c.After = c.List+1, 0, ""
	default:
		*c = roundCursor{From: c.Began.Add(-overlap)}
	}
	resp.More = !c.Began.IsZero()
	var err error
	if resp.Cursor, err = json.Marshal(c); err != nil {
		return fmt.Errorf("encode the cursor: %w", err)
	}
	return nil
}

// pollRefunds reads the refunds made since the last round. Orders show theirs as well; this finds those whose order was not
// told as changed.
func (s *store) pollRefunds(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	cur, err := parseRound(req)
	if err != nil {
		return err
	}
	size := s.pageSize(req.Limit)
	q := url.Values{"created:min": {timeText(cur.From)}}
	got, at, err := list3[refund](ctx, s, "orders/payment_actions/refunds", with(q, "page", cur.Page+1, "limit", size))
	if err != nil {
		return err
	}
	cur.begin(at)
	currencies := map[int64]string{}
	for i := range got.Data {
		r := &got.Data[i]
		ref := canon.Ref{Kind: canon.KindRefund, ExternalID: idText(r.id)}
		if r.err != nil {
			resp.Touched = append(resp.Touched, ref)
			continue
		}
		code, known, err := s.currencyOf(ctx, r.value.OrderID, currencies)
		if err != nil {
			return err
		}
		if !known { // its order is another channel's, or gone
			continue
		}
		obs, err := observeRefund(&r.value, code)
		if err != nil {
			resp.Touched = append(resp.Touched, ref)
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	return cur.end(len(got.Data) >= size, "", 1, resp)
}

// currencyOf gives the currency of an order, which its refunds do not state; false where it is not this connection's.
func (s *store) currencyOf(ctx context.Context, id int64, known map[int64]string) (string, bool, error) {
	if code, ok := known[id]; ok {
		return code, code != "", nil
	}
	var o order
	_, err := s.client.get(ctx, "v2/orders/"+idText(id), nil, &o)
	if err != nil && !isGone(err) {
		return "", false, err
	}
	if err == nil && (s.cfg.ChannelID == 0 || s.cfg.ChannelID == o.ChannelID) {
		known[id] = o.currency()
	} else {
		known[id] = ""
	}
	return known[id], known[id] != "", nil
}

// fieldLists are those that a round of metafields walks.
var fieldLists = []struct {
	path string
	kind canon.Kind
}{{"catalog/products/metafields", canon.KindProduct}, {"catalog/variants/metafields", canon.KindListing}}

// pollFields finds the products and variants whose metafields changed, which moves no other date. They are read then. A
// metafield that was deleted is not found so: the webhook and the next full read are.
func (s *store) pollFields(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	cur, err := parseRound(req)
	if err != nil {
		return err
	}
	if len(s.cfg.Namespaces) == 0 {
		resp.Cursor = req.Cursor
		return nil
	}
	if cur.List >= len(fieldLists) {
		return fmt.Errorf("%w: there is no list %d", errCursor, cur.List)
	}
	size := s.pageSize(req.Limit)
	of := fieldLists[cur.List]
	q := url.Values{"namespace:in": {strings.Join(s.cfg.Namespaces, ",")}, "date_modified:min": {timeText(cur.From)}, "limit": {idText(int64(size))}}
	if cur.After != "" {
		q.Set("after", cur.After)
	}
	got, at, err := list3[metafield](ctx, s, of.path, q)
	if err != nil {
		return err
	}
	cur.begin(at)
	seen := map[int64]bool{}
	for i := range got.Data {
		m := &got.Data[i]
		if m.err == nil && m.value.Resource > 0 && !seen[m.value.Resource] {
			seen[m.value.Resource] = true
			resp.Touched = append(resp.Touched, canon.Ref{Kind: of.kind, ExternalID: idText(m.value.Resource)})
		}
	}
	next := got.Meta.Cursor.End
	return cur.end(len(got.Data) >= size && next != "" && next != cur.After, next, len(fieldLists), resp)
}

// pollPrices finds the variants whose prices in price lists changed. They are read then.
func (s *store) pollPrices(ctx context.Context, req *sdk.PollRequest, resp *sdk.PollResponse) error {
	cur, err := parseRound(req)
	if err != nil {
		return err
	}
	f, err := s.facts(ctx)
	if err != nil {
		return err
	}
	if cur.List >= len(f.lists) { // none, or fewer than when the round began
		if !cur.Began.IsZero() {
			return cur.end(false, "", 0, resp)
		}
		resp.Cursor = req.Cursor
		return nil
	}
	size := s.pageSize(req.Limit)
	q := url.Values{"date_modified:min": {timeText(cur.From)}, "limit": {idText(int64(size))}}
	if cur.After != "" {
		q.Set("after", cur.After)
	}
	got, at, err := list3[priceRecord](ctx, s, "pricelists/"+idText(f.lists[cur.List].ID)+"/records", q)
	if isGone(err) {
		s.forgetFacts()
		cur.begin(at)
		return cur.end(false, "", len(f.lists), resp)
	}
	if err != nil {
		return err
	}
	cur.begin(at)
	seen := map[int64]bool{}
	for i := range got.Data {
		x := &got.Data[i]
		if x.err == nil && x.value.ProductID > 0 && !seen[x.value.ProductID] {
			seen[x.value.ProductID] = true
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindProduct, ExternalID: idText(x.value.ProductID)})
		}
	}
	next := got.Meta.Cursor.End
	return cur.end(len(got.Data) >= size && next != "" && next != cur.After, next, len(f.lists), resp)
}
