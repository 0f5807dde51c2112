package bigcommerce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// stockTarget is a write with its place in the batch.
type stockTarget struct {
	index int
	write *sdk.Write
	place int64
	level string // id of the level

	counted bool // a difference can be sent; else the number itself, which counts it for the first time
	safety  int64
}

// adjustItem is a row of an adjustment.
type adjustItem struct {
	Location int64  `json:"location_id"`
	Variant  *int64 `json:"variant_id,omitempty"`
	Product  *int64 `json:"product_id,omitempty"`
	Quantity int64  `json:"quantity"`
}

// item is the row that a target sends.
func (t *stockTarget) item() adjustItem {
	isVariant, n, _ := parseStockID(t.write.Stock.StockID)
	out := adjustItem{Location: t.place, Quantity: t.write.Stock.Want - t.write.Stock.Expect}
	if !t.counted {
		out.Quantity = t.write.Stock.Want + t.safety
	}
	if isVariant {
		out.Variant = &n
	} else {
		out.Product = &n
	}
	return out
}

func (t *stockTarget) shows(available int64) *canon.Observation {
	o := level(t.write.Stock.StockID, t.place, &available)
	return &o
}

// Apply implements sdk.Applier. The platform has neither compare-and-set nor idempotency keys. Each write is read, compared
// and sent as a difference: what a buyer takes in between is taken off as well, and a difference that would sell what is not
// there is refused as a whole.
func (c *Connector) Apply(ctx context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	results := make([]sdk.Result, len(req.Writes))
	var targets []*stockTarget
	for i := range req.Writes {
		w := &req.Writes[i]
		results[i] = sdk.Result{Key: w.Key}
		switch {
		case w.Action != nil:
			results[i] = s.act(ctx, w)
		case w.Stock == nil || !validStock(w.Stock):
			results[i].Status, results[i].Code, results[i].Reason = sdk.StatusRejected, "bigcommerce.write_invalid", "only the stock of a product or variant can be written, zero or more"
		default:
			targets = append(targets, &stockTarget{index: i, write: w})
		}
	}
	for _, round := range rounds(targets) {
		s.applyStock(ctx, round, results)
	}
	return &sdk.ApplyResponse{Results: results}, nil
}

func validStock(w *sdk.StockWrite) bool {
	_, _, ok := parseStockID(w.StockID)
	return ok && w.Want >= 0
}

// rounds parts writes so that none has a level twice: what was read of one is over when it was written.
func rounds(targets []*stockTarget) [][]*stockTarget {
	var out [][]*stockTarget
	times := map[string]int{}
	for _, t := range targets {
		k := canon.LevelID(t.write.Stock.StockID, t.write.Stock.Location)
		if times[k] == len(out) {
			out = append(out, nil)
		}
		out[times[k]] = append(out[times[k]], t)
		times[k]++
	}
	return out
}

func (s *store) applyStock(ctx context.Context, targets []*stockTarget, results []sdk.Result) {
	s.adjust.Lock() // from the read to the write: adjustments that overlap have no order at the platform
	defer s.adjust.Unlock()
	f, err := s.facts(ctx)
	var rows map[string]*stockRow
	var stocks []string
	known := map[int64]int64{}
	for _, t := range targets {
		st := t.write.Stock
		stocks = append(stocks, st.StockID)
		if isVariant, n, _ := parseStockID(st.StockID); isVariant {
			known[n], _ = parseID(st.ProductID)
		}
	}
	if err == nil {
		rows, err = s.stockOf(ctx, f, stocks, known)
	}
	if err != nil {
		for _, t := range targets {
			notWritten(err, &results[t.index])
		}
		return
	}
	var relative, absolute []*stockTarget
	for _, t := range targets {
		if !s.compare(f, t, rows[t.write.Stock.StockID], &results[t.index]) {
			continue
		}
		if t.counted {
			relative = append(relative, t)
		} else {
			absolute = append(absolute, t)
		}
	}
	s.send(ctx, relative, results)
	s.send(ctx, absolute, results)
	s.confirm(ctx, f, append(relative, absolute...), results)
}

// compare decides from what the store shows; true means that the write may go out.
func (s *store) compare(f *facts, t *stockTarget, row *stockRow, r *sdk.Result) bool {
	st := t.write.Stock
	var ok bool
	if t.place, ok = parseID(st.Location); !ok {
		t.place = f.only()
	}
	t.level = canon.LevelID(st.StockID, idText(t.place))
	gone := &canon.Observation{Kind: canon.KindLevel, ExternalID: t.level, Deleted: true}
	place := f.location(t.place)
	switch {
	case row == nil:
		r.Status, r.Code, r.Reason, r.Shows = sdk.StatusRejected, "bigcommerce.gone", "the store does not count this any longer: the product is gone, or its tracking was changed", gone
		return false
	case place == nil || !place.Enabled:
		r.Status, r.Code = sdk.StatusRejected, "bigcommerce.location_unknown"
		r.Reason = fmt.Sprintf("the store has no enabled location %.20q: map one of its locations", st.Location)
		return false
	case !row.tracked:
		r.Status, r.Code, r.Reason = sdk.StatusNotRepresentable, "bigcommerce.not_tracked", "the product's inventory is not tracked: turn tracking on at the product"
		return false
	}
	h := row.places[t.place]
	if h == nil || h.available == nil {
		// Counting it there would put it on sale there; that is for the store's owner.
		r.Status, r.Code, r.Shows = sdk.StatusNotRepresentable, "bigcommerce.not_at_location", gone
		r.Reason = "the inventory has no row of it at this location"
		return false
	}
	if s.recent.behind(t.level, *h.available) {
		return late(r, "the inventory does not show the last write yet")
	}
	t.counted, t.safety = true, h.safety
	r.Shows = t.shows(*h.available)
	switch {
	case *h.available != st.Expect:
		r.Status, r.Code, r.Reason = sdk.StatusConflict, "bigcommerce.stock_changed", "the store shows another quantity than expected"
		return false
	case *h.available == st.Want:
		r.Status = sdk.StatusApplied // it shows so already: no call
		return false
	}
	return true
}

func late(r *sdk.Result, reason string) bool {
	r.Shows = nil
	r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "bigcommerce.inventory_lag", reason, lagRetry.Milliseconds()
	return false
}

// send writes rows in one call. The platform refuses all because of one, so that they are sent one by one then.
func (s *store) send(ctx context.Context, part []*stockTarget, results []sdk.Result) {
	if len(part) == 0 {
		return
	}
	method, path := http.MethodPost, "v3/inventory/adjustments/relative"
	if !part[0].counted {
		method, path = http.MethodPut, "v3/inventory/adjustments/absolute"
	}
	items := make([]adjustItem, len(part))
	for i, t := range part {
		items[i] = t.item()
	}
	_, err := s.client.do(ctx, method, path, nil, map[string]any{"reason": "Jumpring", "items": items}, nil)
	var api *apiError
	refused := errors.As(err, &api) && api.status == http.StatusUnprocessableEntity
	if refused && len(part) > 1 {
		for i := range part {
			s.send(ctx, part[i:i+1], results)
		}
		return
	}
	for _, t := range part {
		r := &results[t.index]
		switch {
		case err == nil:
			s.recent.note(t.level, t.write.Stock.Expect, t.write.Stock.Want)
			r.Status, r.Shows = sdk.StatusApplied, t.shows(t.write.Stock.Want)
		case refused && t.counted && strings.Contains(api.title, "absolute adjustment before relative"):
			t.counted = false
			s.send(ctx, []*stockTarget{t}, results)
		case refused && t.counted && t.write.Stock.Want < t.write.Stock.Expect && !strings.Contains(api.title, "tracked by"):
			// Somebody bought it since, which reads may not show yet.
			late(r, "the store has less than reads of it show: "+api.Error())
			r.Code = "bigcommerce.stock_taken"
		default:
			writeFailed(err, r)
		}
	}
}

// confirm reads what was written once more. Where reads still show what was before, the level will be what was wanted; where
// they show something else, something came in between, and that is what is shown.
func (s *store) confirm(ctx context.Context, f *facts, ready []*stockTarget, results []sdk.Result) {
	var stocks []string
	known := map[int64]int64{}
	for _, t := range ready {
		if results[t.index].Status == sdk.StatusApplied {
			stocks = append(stocks, t.write.Stock.StockID)
			if isVariant, n, _ := parseStockID(t.write.Stock.StockID); isVariant {
				known[n], _ = parseID(t.write.Stock.ProductID)
			}
		}
	}
	if len(stocks) == 0 {
		return
	}
	rows, err := s.stockOf(ctx, f, stocks, known)
	if err != nil {
		return // it is written; the hub reads it later
	}
	for _, t := range ready {
		r := &results[t.index]
		row := rows[t.write.Stock.StockID]
		if r.Status != sdk.StatusApplied || row == nil || row.places[t.place] == nil || row.places[t.place].available == nil {
			continue
		}
		if shown := *row.places[t.place].available; !s.recent.behind(t.level, shown) {
			r.Shows = t.shows(shown)
		}
	}
}

// soon is when to try again what failed before anything was sent.
const soon = 250 * time.Millisecond

// notWritten is the outcome when the read before the write failed: nothing was sent.
func notWritten(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	if errors.As(err, &api) && api.forbidden() {
		rejected(api, r)
		return
	}
	r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "bigcommerce.not_read", err.Error(), soon.Milliseconds()
	if api != nil && api.away() {
		r.RetryAfterMillis = api.wait().Milliseconds()
	}
}

// writeFailed is the outcome when a write failed. What may have reached the platform without an answer is unknown: a 5xx is no
// refusal.
func writeFailed(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	switch {
	case errors.Is(err, sdk.ErrNotSent):
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "bigcommerce.unreachable", err.Error(), soon.Milliseconds()
	case errors.As(err, &api) && api.throttled():
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "bigcommerce.throttled", api.Error(), api.wait().Milliseconds()
	case api != nil && api.status == http.StatusConflict:
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "bigcommerce.busy", api.Error(), soon.Milliseconds()
	case api != nil && api.status >= 400 && api.status < 500 && api.status != http.StatusRequestTimeout:
		rejected(api, r)
	default:
		r.Status, r.Code, r.Reason = sdk.StatusUnknown, "bigcommerce.no_answer", err.Error()
	}
}

func rejected(api *apiError, r *sdk.Result) {
	r.Status, r.Code, r.Reason = sdk.StatusRejected, "bigcommerce.refused", api.Error()
	if api.forbidden() {
		r.Code = "bigcommerce.not_allowed"
	}
}

// Lookup implements sdk.Lookuper. The platform keeps no keys of stock writes, so that it can't tell: the hub reads the level,
// and while reads lag it is told to come back. An action leaves its mark.
func (c *Connector) Lookup(ctx context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	out := &sdk.LookupResponse{Results: make([]sdk.Result, len(req.Writes))}
	for i := range req.Writes {
		w := &req.Writes[i]
		if w.Action != nil {
			out.Results[i] = s.lookupAction(ctx, w)
			continue
		}
		out.Results[i] = sdk.Result{
			Key: w.Key, Status: sdk.StatusUnknown, Code: "bigcommerce.no_keys", Reason: "the platform keeps no keys of writes, and its reads may lag: read the level",
			RetryAfterMillis: settle.Milliseconds(),
		}
	}
	return out, nil
}
