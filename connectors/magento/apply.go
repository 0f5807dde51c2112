package magento

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// stockTarget is a write with its place in the batch.
type stockTarget struct {
	index  int
	write  *sdk.Write
	source string

	salable int64      // of the whole channel before the write
	item    itemUpdate // what is sent
}

// itemUpdate is a row of POST /V1/inventory/source-items: an absolute upsert.
type itemUpdate struct {
	SKU      string `json:"sku"`
	Source   string `json:"source_code"`
	Quantity int64  `json:"quantity"`
	Status   int64  `json:"status"`
}

// shows is the level after the write, as far as the shop has said.
func (t *stockTarget) shows(available int64) *canon.Observation {
	st := t.write.Stock
	return &canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID(st.StockID, t.source), Level: &canon.LevelState{StockID: st.StockID, Location: t.source, Available: &available},
	}
}

// Apply implements sdk.Applier. The vendor has neither compare-and-set nor idempotency keys, and takes absolute quantities
// of sources where the hub speaks of what can be sold. So each write is read, compared and written in one pass, as the
// source's quantity plus the difference, and read once more: what came in between (a shipment, an order) shows then.
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
		case w.Stock == nil || w.Stock.StockID == "":
			results[i].Status, results[i].Code, results[i].Reason = sdk.StatusRejected, "magento.write_invalid", "only the stock of a SKU can be written to Magento"
		default:
			targets = append(targets, &stockTarget{index: i, write: w, source: w.Stock.Location})
		}
	}
	for _, round := range rounds(targets) {
		s.applyStock(ctx, round, results)
	}
	return &sdk.ApplyResponse{Results: results}, nil
}

// rounds parts writes so that none has a SKU twice: what was read of one source is over when another of the SKU is written.
func rounds(targets []*stockTarget) [][]*stockTarget {
	var out [][]*stockTarget
	times := map[string]int{}
	for _, t := range targets {
		k := skuKey(t.write.Stock.StockID)
		if times[k] == len(out) {
			out = append(out, nil)
		}
		out[times[k]] = append(out[times[k]], t)
		times[k]++
	}
	return out
}

func (s *shop) applyStock(ctx context.Context, targets []*stockTarget, results []sdk.Result) {
	c, err := s.facts(ctx)
	var stock map[string]*stockRow
	var skus []string
	for _, t := range targets {
		skus = append(skus, t.write.Stock.StockID)
	}
	if err == nil {
		stock, err = s.readStock(ctx, c, skus, true)
	}
	if err != nil {
		for _, t := range targets {
			notWritten(err, &results[t.index])
		}
		return
	}
	var ready []*stockTarget
	for _, t := range targets {
		r := &results[t.index]
		row := stock[skuKey(t.write.Stock.StockID)]
		if row != nil && s.compare(ctx, c, t, row, r) {
			ready = append(ready, t)
		}
	}
	s.writeItems(ctx, ready, results)
	s.confirm(ctx, c, ready, results)
}

// compare decides from what the shop shows; true means that the write may go out.
func (s *shop) compare(ctx context.Context, c *channel, t *stockTarget, row *stockRow, r *sdk.Result) bool {
	st := t.write.Stock
	if t.source == "" {
		t.source = c.only()
	}
	h := row.items[t.source]
	gone := &canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(st.StockID, t.source), Deleted: true}
	switch {
	case row.gone:
		r.Status, r.Code, r.Reason, r.Shows = sdk.StatusRejected, "magento.gone", "the shop has no product with this SKU any longer", gone
		return false
	case !c.serves(t.source):
		r.Status, r.Code = sdk.StatusRejected, "magento.source_unknown"
		r.Reason = fmt.Sprintf("the stock of website %s has no enabled source %.40q: map one of its sources", c.website, t.source)
		return false
	case h == nil:
		// Assigning a source would put the product on sale there; that is for the shop's owner.
		r.Status, r.Code, r.Shows = sdk.StatusNotRepresentable, "magento.source_not_assigned", gone
		r.Reason = fmt.Sprintf("the product is not assigned to the source %.40q: assign it in the product's Sources", t.source)
		return false
	case row.salable == nil:
		r.Status, r.Code, r.Reason = sdk.StatusNotRepresentable, "magento.not_salable", "the shop states no salable quantity: the product has no stock of its own, or manages none"
		return false
	case s.recent.behind(row) || row.reserved() < 0:
		// No difference can be taken from an index that lags: it would be written twice.
		return late(r, "the stock index does not show the last change of this SKU yet")
	}
	share := row.share(c)[t.source]
	available := h.counts() - share
	r.Shows = t.shows(available)
	switch {
	case available != st.Expect:
		r.Status, r.Code, r.Reason = sdk.StatusConflict, "magento.stock_changed", "the shop shows another quantity than expected"
		return false
	case available == st.Want:
		r.Status = sdk.StatusApplied // it shows so already: no call
		return false
	}
	if st.Want > available && row.reserved() > 0 {
		explained, err := s.explained(ctx, row)
		if err != nil {
			notWritten(err, r)
			return false
		}
		if explained < row.reserved() {
			r.Shows = nil
			return late(r, "goods are reserved that no open order has: the index lags, or bin/magento inventory:reservation:list-inconsistencies finds what is wrong")
		}
	}
	t.salable = *row.salable
	t.item = itemUpdate{SKU: row.sku, Source: t.source, Quantity: st.Want + share, Status: 1}
	if !h.inStock && t.item.Quantity <= 0 {
		t.item.Status = 0
	}
	return true
}

func late(r *sdk.Result, reason string) bool {
	r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "magento.index_lag", reason, lagRetry.Milliseconds()
	return false
}

// explained counts what should be reserved of a SKU: what open orders have and was not shipped, and the threshold that the
// shop keeps back. Raising stock by reservations that are only an index's lag would sell goods that are not there.
func (s *shop) explained(ctx context.Context, row *stockRow) (int64, error) {
	var sum int64
	for page := 1; ; page++ {
		var got struct {
			Items []orderItem `json:"items"`
			Total int         `json:"total_count"`
		}
		q := search(maxWrites).page(page).where("sku", "eq", row.sku).fields("items[item_id,sku,product_type,qty_ordered,qty_shipped,qty_canceled,qty_refunded],total_count")
		if _, err := s.client.get(ctx, "V1/orders/items", q.q, &got); err != nil {
			return 0, err
		}
		for i := range got.Items {
			it := &got.Items[i]
			if it.ProductType == "configurable" || it.ProductType == "bundle" {
				continue
			}
			// What was refunded without going back to stock stays reserved.
			sum += max(0, pieces(it.Ordered)-pieces(it.Shipped)-pieces(it.Canceled))
		}
		if page*maxWrites >= got.Total || len(got.Items) == 0 {
			break
		}
	}
	if sum >= row.reserved() || strings.Contains(row.sku, "/") {
		return sum, nil
	}
	var p product
	if _, err := s.client.get(ctx, "V1/products/"+pathText(row.sku), nil, &p); err != nil {
		return 0, err
	}
	if p.Extension.StockItem != nil {
		sum += max(0, pieces(p.Extension.StockItem.MinQty))
	}
	return sum, nil
}

// defaultChunk is how many rows one call writes until the shop says that it takes fewer.
const defaultChunk = 100

func (s *shop) chunkSize() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chunk > 0 {
		return s.chunk
	}
	return defaultChunk
}

// writeItems sends what is ready: many through the async API, where the configuration says so, else in chunks.
func (s *shop) writeItems(ctx context.Context, ready []*stockTarget, results []sdk.Result) {
	if from := s.cfg.AsyncFrom; from > 0 && int64(len(ready)) >= from {
		s.writeAsync(ctx, ready, results)
		return
	}
	for len(ready) > 0 {
		n := min(len(ready), s.chunkSize())
		if s.writeChunk(ctx, ready[:n], results) {
			continue // the shop takes fewer at once
		}
		ready = ready[n:]
	}
}

func body(part []*stockTarget) map[string][]itemUpdate {
	items := make([]itemUpdate, len(part))
	for i, t := range part {
		items[i] = t.item
	}
	return map[string][]itemUpdate{"sourceItems": items}
}

// mostItems is in the vendor's refusal of a long array.
var mostItems = regexp.MustCompile(`^Maximum items of type .* is (\d+)`)

// writeChunk writes some rows in one call; true asks to try again in smaller ones. The shop refuses all rows because of one,
// so that they are written one by one then.
func (s *shop) writeChunk(ctx context.Context, part []*stockTarget, results []sdk.Result) (smaller bool) {
	_, err := s.client.do(ctx, http.MethodPost, "V1/inventory/source-items", nil, body(part), nil)
	var api *apiError
	if errors.As(err, &api) && api.status == http.StatusBadRequest && len(part) > 1 {
		if m := mostItems.FindStringSubmatch(api.message); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n > 0 && n < len(part) {
				s.mu.Lock()
				s.chunk = n
				s.mu.Unlock()
				return true
			}
		}
		for i := range part {
			s.writeChunk(ctx, part[i:i+1], results)
		}
		return false
	}
	for _, t := range part {
		r := &results[t.index]
		if err != nil {
			writeFailed(err, r)
			continue
		}
		s.written(t, r)
	}
	return false
}

func (s *shop) written(t *stockTarget, r *sdk.Result) {
	s.recent.note(t.item.SKU, t.salable, t.salable+t.write.Stock.Want-t.write.Stock.Expect)
	r.Status, r.Shows = sdk.StatusApplied, t.shows(t.write.Stock.Want)
}

// confirm reads what was written once more. Where the index still shows what was before, the level will be what was wanted;
// where it shows something else, something came in between, and that is what is shown.
func (s *shop) confirm(ctx context.Context, c *channel, ready []*stockTarget, results []sdk.Result) {
	var skus []string
	for _, t := range ready {
		if results[t.index].Status == sdk.StatusApplied {
			skus = append(skus, t.item.SKU)
		}
	}
	if len(skus) == 0 {
		return
	}
	stock, err := s.readStock(ctx, c, skus, false)
	if err != nil {
		return // it is written; the hub reads it later
	}
	for _, t := range ready {
		r := &results[t.index]
		row := stock[skuKey(t.item.SKU)]
		if r.Status != sdk.StatusApplied || row == nil || s.recent.behind(row) {
			continue
		}
		for _, o := range row.levels(c) {
			if o.Level.Location == t.source {
				o.ExternalID, o.Level.StockID = r.Shows.ExternalID, t.write.Stock.StockID
				r.Shows = &o
			}
		}
	}
}

// The states of an async operation.
const (
	opComplete  = 1
	opRetriable = 2
	opFailed    = 3
	opOpen      = 4
	opRejected  = 5
)

// writeAsync hands the rows to the shop's message queue in one call and waits for the outcome. One that stays open is
// unknown: the consumers may run later.
func (s *shop) writeAsync(ctx context.Context, part []*stockTarget, results []sdk.Result) {
	var accepted struct {
		Bulk   string `json:"bulk_uuid"`
		Errors bool   `json:"errors"`
	}
	_, err := s.client.do(ctx, http.MethodPost, "async/V1/inventory/source-items", nil, body(part), &accepted)
	if err == nil && accepted.Errors {
		err = &apiError{status: http.StatusBadRequest, message: "the shop did not accept the async call"}
	}
	for _, t := range part {
		if err != nil {
			writeFailed(err, &results[t.index])
		}
	}
	if err != nil {
		return
	}
	state, why, err := s.awaitBulk(ctx, accepted.Bulk)
	switch {
	case err == nil && state == opComplete:
		for _, t := range part {
			s.written(t, &results[t.index])
		}
	case err == nil && (state == opFailed || state == opRejected):
		for i := range part { // nothing of it was done, because of some row
			s.writeChunk(ctx, part[i:i+1], results)
		}
	default:
		for _, t := range part {
			r := &results[t.index]
			r.Status, r.Code, r.Shows, r.Reason = sdk.StatusUnknown, "magento.async_open", nil, "the shop has not worked on the async call yet: see that its consumer async.operations.all runs"
			if err != nil || state == opRetriable {
				r.Code, r.Reason = "magento.async_unknown", "the outcome of the async call is not known: "+why
			}
		}
	}
}

func (s *shop) awaitBulk(ctx context.Context, id string) (state int64, why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.asyncWait)
	defer cancel()
	wait := 100 * time.Millisecond
	for {
		var out struct {
			Operations []struct {
				Status  int64 `json:"status"`
				Message text  `json:"result_message"`
			} `json:"operations_list"`
		}
		if _, err := s.client.get(ctx, "V1/bulk/"+pathText(id)+"/detailed-status", nil, &out); err != nil {
			if ctx.Err() != nil {
				return opOpen, "", nil
			}
			return 0, err.Error(), err
		}
		if len(out.Operations) > 0 && !slices.ContainsFunc(out.Operations, func(o struct {
			Status  int64 `json:"status"`
			Message text  `json:"result_message"`
		},
		) bool {
			return o.Status == opOpen
		}) {
			return out.Operations[0].Status, shorten(string(out.Operations[0].Message), 200), nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return opOpen, "", nil
		case <-timer.C:
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// notWritten is the outcome when the read before the write failed: nothing was sent.
func notWritten(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	if errors.As(err, &api) && api.status >= 400 && api.status < 500 && !api.throttled() && api.status != http.StatusNotFound {
		rejected(api, r)
		return
	}
	r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "magento.not_read", err.Error(), 1000
	if api != nil {
		r.RetryAfterMillis = api.wait().Milliseconds()
	}
}

// writeFailed is the outcome when a write failed. What may have reached the shop without an answer is unknown: an observer can
// die after the save, so that a 500 is no refusal.
func writeFailed(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	switch {
	case errors.Is(err, sdk.ErrNotSent):
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "magento.unreachable", err.Error(), 1000
	case errors.As(err, &api) && (api.status == http.StatusTooManyRequests || api.status == http.StatusServiceUnavailable && api.retryAfter > 0):
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "magento.throttled", api.Error(), api.wait().Milliseconds()
	case api != nil && api.status >= 400 && api.status < 500 && api.status != http.StatusRequestTimeout:
		rejected(api, r)
	default:
		r.Status, r.Code, r.Reason = sdk.StatusUnknown, "magento.no_answer", err.Error()
	}
}

func rejected(api *apiError, r *sdk.Result) {
	r.Status, r.Code, r.Reason = sdk.StatusRejected, "magento.refused", api.Error()
	if api.forbidden() {
		r.Code, r.Reason = "magento.not_allowed", api.Error()+"; "+authAdvice(api)
	}
}

// Lookup implements sdk.Lookuper. The vendor keeps no keys of stock writes, so that it can't tell: the hub reads the level,
// and while the index lags it is told to come back. An action leaves its mark.
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
			Key: w.Key, Status: sdk.StatusUnknown, Code: "magento.no_keys", Reason: "the platform keeps no keys of writes, and its stock index may lag: read the level",
			RetryAfterMillis: settle.Milliseconds(),
		}
	}
	return out, nil
}
