package woocommerce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// stockTarget is a write with its place in the batch.
type stockTarget struct {
	index  int
	write  *sdk.Write
	id     int64 // of the product or variation that holds the stock
	parent int64 // of a variation; 0 for a product
}

func (t *stockTarget) path() string {
	if t.parent > 0 {
		return "products/" + idText(t.parent) + "/variations"
	}
	return "products"
}

// stockBody is one write of the vendor's API: the quantity alone. manage_stock is never switched on from here.
type stockBody struct {
	ID            int64 `json:"id,omitempty"`
	StockQuantity int64 `json:"stock_quantity"`
}

// Apply implements sdk.Applier. WooCommerce has neither compare-and-set nor idempotency keys, so each write is read,
// compared and written in one pass. What changes in between is overwritten; the order that changed it is seen by the
// hub all the same, and the sum is put right by the next difference.
func (c *Connector) Apply(ctx context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	results := make([]sdk.Result, len(req.Writes))
	routes := map[string][]*stockTarget{} // by collection: one read and one write for all of it
	var order []string
	for i := range req.Writes {
		w := &req.Writes[i]
		results[i] = sdk.Result{Key: w.Key}
		if w.Action != nil && w.Action.Kind.OnListing() {
			results[i] = s.onListing(ctx, w)
			continue
		}
		if w.Action != nil {
			results[i] = s.act(ctx, w)
			continue
		}
		t, reason := targetOf(i, w)
		if t == nil {
			results[i].Status, results[i].Code, results[i].Reason = sdk.StatusRejected, "woocommerce.write_invalid", reason
			continue
		}
		if routes[t.path()] == nil {
			order = append(order, t.path())
		}
		routes[t.path()] = append(routes[t.path()], t)
	}
	for _, path := range order {
		for chunk := range slices.Chunk(routes[path], maxPage) {
			s.applyStock(ctx, chunk, results)
		}
	}
	return &sdk.ApplyResponse{Results: results}, nil
}

func targetOf(i int, w *sdk.Write) (*stockTarget, string) {
	if w.Stock == nil {
		return nil, "only stock can be written to WooCommerce"
	}
	if w.Stock.Location != "" {
		return nil, "WooCommerce has one stock number for all places: the location must be empty"
	}
	id, ok := parseID(w.Stock.StockID)
	if !ok {
		return nil, "the stock id is not a WooCommerce id"
	}
	t := &stockTarget{index: i, write: w, id: id}
	// The stock of a variation may be its own, or its product's for all variations together.
	if parent, ok := parseID(w.Stock.ProductID); ok && parent != id {
		t.parent = parent
	}
	return t, ""
}

// applyStock writes a chunk of one collection.
func (s *shop) applyStock(ctx context.Context, chunk []*stockTarget, results []sdk.Result) {
	ready := s.compareStock(ctx, chunk, results)
	// The product of a variation may not have been known: its write goes to another collection.
	byPath := map[string][]*stockTarget{}
	for _, t := range ready {
		byPath[t.path()] = append(byPath[t.path()], t)
	}
	for path, list := range byPath {
		if len(list) == 1 {
			s.writeOne(ctx, list[0], &results[list[0].index])
			continue
		}
		s.writeBatch(ctx, path, list, results)
	}
}

// compareStock reads what the shop shows and returns the writes that may go out: those where it is what was expected.
func (s *shop) compareStock(ctx context.Context, chunk []*stockTarget, results []sdk.Result) []*stockTarget {
	found := map[int64]*product{}
	if len(chunk) > 1 {
		ids := make([]int64, len(chunk))
		for i, t := range chunk {
			ids[i] = t.id
		}
		list, err := s.productList(ctx, chunk[0].path(), ids)
		if err != nil && !isGone(err) {
			for _, t := range chunk {
				notWritten(err, &results[t.index])
			}
			return nil
		}
		found = list
	}
	var ready []*stockTarget
	for _, t := range chunk {
		r := &results[t.index]
		p := found[t.id]
		if p == nil {
			var one product
			_, err := s.client.get(ctx, t.path()+"/"+idText(t.id), nil, &one)
			if isGone(err) {
				r.Status, r.Code, r.Reason = sdk.StatusRejected, "woocommerce.gone", "the shop has this product or variation no longer"
				r.Shows = &canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(idText(t.id), ""), Deleted: true}
				continue
			}
			if err != nil {
				notWritten(err, r)
				continue
			}
			p = &one
		}
		if t.parent == 0 && p.isVariation() {
			t.parent = p.ParentID
		}
		if compare(t, p, r) {
			ready = append(ready, t)
		}
	}
	return ready
}

// compare decides from what the shop shows; true means that the write may go out.
func compare(t *stockTarget, p *product, r *sdk.Result) bool {
	r.Shows = shows(t, p)
	switch {
	case p.ManageStock != "true":
		// Switching stock management on would change how the shop sells; that is for its owner.
		r.Status, r.Code = sdk.StatusNotRepresentable, "woocommerce.stock_not_managed"
		r.Reason = "the shop does not manage stock for this product: tick \"Track stock quantity\" there"
		if p.ManageStock == "parent" {
			r.Reason = "the stock of this variation is managed by its product: bind the product's stock, or tick \"Manage stock\" at the variation"
		}
	case p.Status == "trash":
		r.Status, r.Code, r.Reason = sdk.StatusRejected, "woocommerce.trashed", "the product is in the shop's trash"
	case r.Shows.Level.Available == nil || *r.Shows.Level.Available != t.write.Stock.Expect:
		r.Status, r.Code, r.Reason = sdk.StatusConflict, "woocommerce.stock_changed", "the shop shows another quantity than expected"
	case *r.Shows.Level.Available == t.write.Stock.Want:
		r.Status = sdk.StatusApplied // it shows so already: no call
	default:
		return true
	}
	return false
}

// shows is the level in a product that the shop answered with.
func shows(t *stockTarget, p *product) *canon.Observation {
	st := &canon.LevelState{StockID: idText(t.id)}
	if p.ManageStock == "true" {
		st.Available = available(p)
	}
	return &canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(idText(t.id), ""), Level: st}
}

func (s *shop) writeOne(ctx context.Context, t *stockTarget, r *sdk.Result) {
	var p product
	_, err := s.client.do(ctx, http.MethodPut, t.path()+"/"+idText(t.id), nil, stockBody{StockQuantity: t.write.Stock.Want}, &p)
	if err != nil {
		writeFailed(err, r)
		return
	}
	written(t, &p, r)
}

// written reads the answer to a write. Its quantity is what the shop shows now, whatever was asked for.
func written(t *stockTarget, p *product, r *sdk.Result) {
	if p.ID != t.id {
		r.Status, r.Shows, r.Reason = sdk.StatusUnknown, nil, "the shop's answer is about something else"
		return
	}
	r.Shows = shows(t, p)
	if p.ManageStock != "true" {
		r.Status, r.Code, r.Reason = sdk.StatusNotRepresentable, "woocommerce.stock_not_managed", "stock management was switched off in the shop meanwhile"
		return
	}
	r.Status = sdk.StatusApplied
}

// writeBatch sends up to 100 writes in one call; each has its own answer, and one may fail without the others.
func (s *shop) writeBatch(ctx context.Context, path string, list []*stockTarget, results []sdk.Result) {
	body := struct {
		Update []stockBody `json:"update"`
	}{}
	for _, t := range list {
		body.Update = append(body.Update, stockBody{ID: t.id, StockQuantity: t.write.Stock.Want})
	}
	var answer struct {
		Update []struct {
			product
			Error *struct {
				Code    string `json:"code"`
				Message string `json:"message"`
				Data    struct {
					Status int `json:"status"`
				} `json:"data"`
			} `json:"error"`
		} `json:"update"`
	}
	_, err := s.client.do(ctx, http.MethodPost, path+"/batch", nil, body, &answer)
	rows := make(map[int64]int, len(answer.Update))
	for i := range answer.Update {
		rows[answer.Update[i].ID] = i
	}
	for _, t := range list {
		r := &results[t.index]
		i, ok := rows[t.id]
		switch {
		case err != nil:
			writeFailed(err, r)
		case !ok:
			r.Status, r.Shows, r.Reason = sdk.StatusUnknown, nil, "the shop's answer has no row for it"
		case answer.Update[i].Error != nil:
			e := answer.Update[i].Error
			writeFailed(&apiError{status: e.Data.Status, code: e.Code, message: shorten(e.Message, 200)}, r)
		default:
			written(t, &answer.Update[i].product, r)
		}
	}
}

// notWritten is the outcome when the read before the write failed: nothing was sent.
func notWritten(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	if errors.As(err, &api) && api.status >= 400 && api.status < 500 && !api.throttled() {
		rejected(api, r)
		return
	}
	r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "woocommerce.not_read", err.Error(), 1000
	if api != nil {
		r.RetryAfterMillis = waitMillis(api)
	}
}

// writeFailed is the outcome when a write failed. What may have reached the shop without an answer is unknown: a PHP
// process can save the product and die afterwards, so a 500 is no refusal.
func writeFailed(err error, r *sdk.Result) {
	r.Shows = nil
	var api *apiError
	switch {
	case errors.Is(err, errNotSent):
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "woocommerce.unreachable", err.Error(), 1000
	case errors.As(err, &api) && (api.status == http.StatusTooManyRequests || api.status == http.StatusServiceUnavailable && api.retryAfter > 0):
		// WordPress in maintenance mode answers 503 with Retry-After before it runs anything. A 503 without it is a proxy's
		// word about a shop that may have done the work.
		r.Status, r.Code, r.Reason, r.RetryAfterMillis = sdk.StatusRetry, "woocommerce.throttled", api.Error(), waitMillis(api)
	case api != nil && api.status >= 400 && api.status < 500 && api.status != http.StatusRequestTimeout:
		rejected(api, r)
	default:
		r.Status, r.Code, r.Reason = sdk.StatusUnknown, "woocommerce.no_answer", err.Error()
	}
}

func rejected(api *apiError, r *sdk.Result) {
	r.Status, r.Code, r.Reason = sdk.StatusRejected, "woocommerce.refused", api.Error()
	if api.code != "" {
		r.Code = "woocommerce." + api.code
	}
	if api.status == http.StatusUnauthorized || api.status == http.StatusForbidden {
		r.Reason = fmt.Sprintf("%s; %s", api.Error(), authAdvice(api))
	}
}

// Lookup implements sdk.Lookuper. WooCommerce keeps no keys of stock writes, so that it can't tell: the hub reads the level.
// An action leaves its mark.
func (c *Connector) Lookup(ctx context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	out := &sdk.LookupResponse{Results: make([]sdk.Result, len(req.Writes))}
	for i := range req.Writes {
		w := &req.Writes[i]
		if w.Action != nil && w.Action.Kind.OnListing() {
			out.Results[i] = s.lookupListing(ctx, w)
			continue
		}
		if w.Action != nil {
			out.Results[i] = s.lookupAction(ctx, w)
			continue
		}
		out.Results[i] = sdk.Result{Key: w.Key, Status: sdk.StatusUnknown, Code: "woocommerce.no_keys", Reason: "the platform keeps no keys of writes"}
	}
	return out, nil
}
