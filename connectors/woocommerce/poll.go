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

// The streams that Poll can be asked for.
const (
	streamProducts   = "products"
	streamVariations = "variations" // a sweep: a variation that changes does not always move its product's date
	streamOrders     = sdk.StreamOrders
	streamCustomers  = "customers" // the newest; WooCommerce can't list customers by modification
)

// overlap is how far a round begins before the last one did, by the shop's own clock, so that what was saved with an
// older time than its commit is not missed.
const overlap = 2 * time.Minute

// maxAnew is how often a run of rows of one second is begun anew. A plugin that changes the order of rows with the same
// time would make it endless; then the run goes on by offset alone, and a snapshot finds what it missed.
const maxAnew = 5

// parentsPerCall bounds how many products' variations one call reads, so that a call stays within its deadline.
const parentsPerCall = 10

var errCursor = errors.New("woocommerce: the cursor can't be read")

// cursor is where a stream goes on.
//
// Rows come in the order of (modified, id), and a row that is modified moves to the end. So a round does not count
// pages: it goes on from the time of the last row it saw, less one second, which shows the rows of that second again. Only
// a run of rows of one second that fills more than a page is walked by offset, each page overlapping the one before by
// one row; where that row is not there, rows have moved and the run is walked anew. Rows only leave such a run, which
// ends it.
type cursor struct {
	After  time.Time `json:"after"`            // rows modified after this
	Offset int       `json:"offset,omitempty"` // in a run of rows of one second
	Last   int64     `json:"last,omitempty"`   // the row at Offset
	Anew   int       `json:"anew,omitempty"`   // how often the run was begun anew
	Next   time.Time `json:"next"`             // After of the next round, taken at this round's beginning
	Walk   *walk     `json:"walk,omitempty"`   // of the variations' sweep
	// Pending are products whose variations are still to be read.
	Pending []int64 `json:"pending,omitempty"`
	Done    bool    `json:"done,omitempty"` // the round's rows are read; only Pending is left
}

func (c *cursor) encode() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the cursor: %w", err)
	}
	return b, nil
}

func startCursor(b []byte, since time.Time) (*cursor, error) {
	if len(b) == 0 {
		return &cursor{After: since.UTC().Truncate(time.Second).Add(-time.Second)}, nil
	}
	c := &cursor{}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%w: %w", errCursor, jsonError(err))
	}
	return c, nil
}

// endRound makes the cursor of the next round.
func (c *cursor) endRound() *cursor {
	after := c.After
	if c.Next.After(after) {
		after = c.Next
	}
	return &cursor{After: after}
}

// begin notes the shop's clock at a round's first answer.
func (c *cursor) begin(date time.Time) {
	if c.Next.IsZero() && !date.IsZero() {
		c.Next = date.Add(-overlap)
	}
}

// row is what a time-ordered walk has to know of a row.
type row struct {
	id       int64
	modified time.Time
}

// advance takes a page of rows, in order of (modified, id), and says whether the round's rows end here.
func (c *cursor) advance(rows []row, perPage int) (usable, done bool) {
	if c.Offset > 0 && (len(rows) == 0 || rows[0].id != c.Last) && c.Anew < maxAnew {
		c.Offset, c.Last = 0, 0 // rows have moved: walk the run anew
		c.Anew++
		return false, false
	}
	if len(rows) < perPage {
		c.Offset, c.Last, c.Anew = 0, 0, 0
		return true, true
	}
	last := rows[len(rows)-1]
	if floor := last.modified.Add(-time.Second); floor.After(c.After) {
		c.After, c.Offset, c.Last, c.Anew = floor, 0, 0, 0
		return true, false
	}
	c.Offset, c.Last = c.Offset+len(rows)-1, last.id
	return true, false
}

func (c *cursor) query(perPage int) url.Values {
	return url.Values{
		"modified_after": {gmtText(c.After)}, "dates_are_gmt": {"true"}, "orderby": {"modified"}, "order": {"asc"},
		"per_page": {idText(int64(perPage))}, "offset": {idText(int64(c.Offset))},
	}
}

// Poll implements sdk.Poller.
func (c *Connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	cur, err := startCursor(req.Cursor, req.Since)
	if err != nil {
		return nil, err
	}
	resp := &sdk.PollResponse{}
	var next *cursor
	switch req.Stream {
	case streamProducts:
		next, err = s.pollProducts(ctx, cur, perPage(req.Limit), resp)
	case streamVariations:
		next, err = s.sweepVariations(ctx, cur, resp)
	case streamOrders:
		next, err = s.pollOrders(ctx, cur, perPage(req.Limit), resp)
	case streamCustomers:
		next, err = s.pollCustomers(ctx, cur, perPage(req.Limit), resp)
	default:
		return nil, fmt.Errorf("woocommerce: there is no stream %q", req.Stream)
	}
	if err != nil {
		return nil, paced(fmt.Errorf("poll %s: %w", req.Stream, err))
	}
	if resp.Cursor, err = next.encode(); err != nil {
		return nil, err
	}
	return resp, nil
}

// perPage keeps to what the shop serves; two rows at least, because pages overlap by one.
func perPage(limit int) int {
	if limit <= 0 {
		return maxPage
	}
	return min(max(limit, 2), maxPage)
}

func (s *shop) pollProducts(ctx context.Context, cur *cursor, per int, resp *sdk.PollResponse) (*cursor, error) {
	s.learnCurrency(ctx)
	if len(cur.Pending) > 0 {
		obs, unreadable, rest, err := s.readPending(ctx, cur.Pending)
		if err != nil {
			return nil, err
		}
		resp.Observations, resp.Touched, cur.Pending = obs, listingRefs(unreadable), rest
		return finish(cur, resp), nil
	}
	rows, err := pollPage[product](ctx, s, "products", cur, per)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		p := &rows[i].value
		if rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindProduct, ExternalID: idText(rows[i].id)})
			continue
		}
		obs, _ := s.observeProduct(p)
		resp.Observations = append(resp.Observations, obs...)
		if p.isVariable() && len(p.Variations) > 0 {
			cur.Pending = append(cur.Pending, p.ID)
		}
	}
	return finish(cur, resp), nil
}

// pollPage reads the next page of a round and moves the cursor. The rows are empty where the page has to be read anew.
func pollPage[T any](ctx context.Context, s *shop, path string, cur *cursor, per int) ([]lenient[T], error) {
	var rows []lenient[T]
	info, err := s.client.get(ctx, path, cur.query(per), &rows)
	if err != nil {
		return nil, err
	}
	cur.begin(info.date)
	seq := make([]row, len(rows))
	for i := range rows {
		seq[i] = rowOf(rows[i].id, rows[i].modified)
	}
	usable, done := cur.advance(seq, per)
	cur.Done = done
	if !usable {
		return nil, nil
	}
	return rows, nil
}

// finish ends the round when nothing is left of it.
func finish(cur *cursor, resp *sdk.PollResponse) *cursor {
	if cur.Done && len(cur.Pending) == 0 {
		return cur.endRound()
	}
	resp.More = true
	return cur
}

// readPending reads the variations of some products.
func (s *shop) readPending(ctx context.Context, pending []int64) (obs []canon.Observation, unreadable, rest []int64, err error) {
	n := min(parentsPerCall, len(pending))
	for _, id := range pending[:n] {
		more, bad, err := s.readVariations(ctx, id)
		if err != nil {
			return nil, nil, nil, err
		}
		obs, unreadable = append(obs, more...), append(unreadable, bad...)
	}
	return obs, unreadable, pending[n:], nil
}

func listingRefs(ids []int64) []canon.Ref {
	var out []canon.Ref
	for _, id := range ids {
		out = append(out, canon.Ref{Kind: canon.KindListing, ExternalID: idText(id)})
	}
	return out
}

// sweepVariations reads the variations of all variable products, a few products a call.
func (s *shop) sweepVariations(ctx context.Context, cur *cursor, resp *sdk.PollResponse) (*cursor, error) {
	s.learnCurrency(ctx)
	if cur.Walk == nil {
		cur.Walk = &walk{PerPage: parentsPerCall}
	}
	q := cur.Walk.query()
	q.Set("type", "variable")
	var rows []lenient[product]
	if _, err := s.client.get(ctx, "products", q, &rows); err != nil {
		return nil, err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	fresh, done := cur.Walk.step(ids)
	for i := range rows {
		if !fresh[rows[i].id] {
			continue
		}
		if rows[i].err == nil {
			obs, _ := s.observeProduct(&rows[i].value)
			resp.Observations = append(resp.Observations, obs...)
		}
		more, unreadable, err := s.readVariations(ctx, rows[i].id)
		if err != nil {
			return nil, err
		}
		resp.Observations, resp.Touched = append(resp.Observations, more...), append(resp.Touched, listingRefs(unreadable)...)
	}
	if done {
		return &cursor{After: cur.After}, nil
	}
	resp.More = true
	return cur, nil
}

func (s *shop) pollOrders(ctx context.Context, cur *cursor, per int, resp *sdk.PollResponse) (*cursor, error) {
	rows, err := pollPage[order](ctx, s, "orders", cur, per)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		obs, touched, err := s.observeRow(&rows[i])
		if err != nil {
			// One unreadable order must not stop the stream: the read of it will say what is wrong.
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindOrder, ExternalID: idText(rows[i].id)})
			continue
		}
		if obs != nil {
			resp.Observations = append(resp.Observations, *obs)
			resp.Touched = append(resp.Touched, touched...)
		}
	}
	return finish(cur, resp), nil
}

// observeRow translates an order of a list; nil for a cart.
func (s *shop) observeRow(r *lenient[order]) (*canon.Observation, []canon.Ref, error) {
	if r.err != nil {
		return nil, nil, r.err
	}
	if r.value.isDraft() {
		return nil, nil, nil
	}
	obs, touched, err := s.observeOrder(&r.value)
	return &obs, touched, err
}

// rowOf takes a row without a time as the oldest: the walk then goes on by offset.
func rowOf(id int64, modified text) row {
	t, _ := gmtTime(modified)
	return row{id: id, modified: t}
}

// pollCustomers reads the customers that registered since the last round, newest first. Changes of older customers come
// by webhook, with their orders and with a snapshot.
func (s *shop) pollCustomers(ctx context.Context, cur *cursor, per int, resp *sdk.PollResponse) (*cursor, error) {
	q := url.Values{"orderby": {"registered_date"}, "order": {"desc"}, "per_page": {idText(int64(per))}, "offset": {idText(int64(cur.Offset))}}
	var rows []lenient[customer]
	info, err := s.client.get(ctx, "customers", q, &rows)
	if err != nil {
		return nil, err
	}
	cur.begin(info.date)
	older := false
	for i := range rows {
		cu := &rows[i].value
		if t, ok := gmtTime(cu.DateCreatedGMT); ok && t.Before(cur.After) {
			older = true
			continue
		}
		obs, err := observeCustomer(cu)
		if err != nil || rows[i].err != nil {
			resp.Touched = append(resp.Touched, canon.Ref{Kind: canon.KindCustomer, ExternalID: idText(rows[i].id)})
			continue
		}
		resp.Observations = append(resp.Observations, obs)
	}
	if older || len(rows) < per {
		return cur.endRound(), nil
	}
	// New customers push the rest down: a page may show some again, and hides none.
	cur.Offset += len(rows)
	resp.More = true
	return cur, nil
}
