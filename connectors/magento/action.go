package magento

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// mark is what an action leaves in the shop, by which it is found again: in the comment of its credit memo, or of the order
// that it cancelled. The shop keeps no keys of its own.
func mark(key string) string { return "[jumpring " + key[:min(len(key), 16)] + "]" }

// markRestock tells that the goods of a credit memo went back to stock, which the memo itself does not state.
const markRestock = "[restocked]"

// refundBody is of POST /V1/order/{id}/refund and /V1/invoice/{id}/refund.
type refundBody struct {
	Items     []refundItem     `json:"items,omitempty"`
	Online    *bool            `json:"isOnline,omitempty"` // of an invoice alone
	Notify    bool             `json:"notify"`
	Append    bool             `json:"appendComment"`
	Comment   refundComment    `json:"comment"`
	Arguments *refundArguments `json:"arguments,omitempty"`
}

type refundItem struct {
	ID  int64 `json:"order_item_id"`
	Qty int64 `json:"qty"`
}

type refundComment struct {
	Comment string `json:"comment"`
	Visible int64  `json:"is_visible_on_front"`
}

type refundArguments struct {
	// Shipping is nil for all that was paid for shipping.
	Shipping  *int64           `json:"shipping_amount,omitempty"`
	Extension *refundExtension `json:"extension_attributes,omitempty"`
}

type refundExtension struct {
	Return []int64 `json:"return_to_stock_items"`
}

// sale is an order with its credit memos, as an action finds it.
type sale struct {
	order order
	memos []creditMemo
}

// readSale reads an order; a result is given where that settles the action.
func (s *shop) readSale(ctx context.Context, id int64) (*sale, *sdk.Result) {
	res := &sdk.Result{}
	var o sale
	// The memos come first, so that the order covers at least these.
	memos, _, err := list[creditMemo](ctx, s, "V1/creditmemos", search(maxWrites).where("order_id", "eq", idText(id)))
	if err == nil {
		_, err = s.client.get(ctx, "V1/orders/"+idText(id), nil, &o.order)
	}
	var api *apiError
	switch {
	case errors.As(err, &api) && api.status == http.StatusNotFound && api.message != "":
		rejected(api, res)
		res.Code = "magento.gone"
		return nil, res
	case err != nil:
		notWritten(err, res)
		return nil, res
	}
	for i := range memos.Items {
		o.memos = append(o.memos, memos.Items[i].value)
	}
	return &o, nil
}

// memo finds the credit memo that an action made.
func (o *sale) memo(key string) *creditMemo {
	for i := range o.memos {
		for j := range o.memos[i].Comments {
			if strings.Contains(string(o.memos[i].Comments[j].Comment), mark(key)) {
				return &o.memos[i]
			}
		}
	}
	return nil
}

// done tells whether the shop shows an action, and how much went back by it.
func (o *sale) done(key string) (found bool, m *creditMemo) {
	if m = o.memo(key); m != nil {
		return true, m
	}
	if o.order.State != "canceled" {
		return false, nil
	}
	for i := range o.order.Histories {
		if strings.Contains(string(o.order.Histories[i].Comment), mark(key)) {
			return true, nil
		}
	}
	return false, nil
}

func (o *sale) back(m *creditMemo) *canon.StatedMoney {
	if m == nil {
		return nil
	}
	return money(m.GrandTotal, strings.ToUpper(clean(o.order.Currency)))
}

// refundable is how many of a line were paid and have not gone back.
func (it *orderItem) refundable() int64 { return pieces(it.Invoiced) - pieces(it.Refunded) }

// goods are the items that lines stand for: not the children of configurable products, nor bundles' parents.
func (o *order) goods() []*orderItem {
	var out []*orderItem
	for i := range o.Items {
		it := &o.Items[i]
		if it.ParentItemID > 0 && o.parentType(it) == "configurable" || it.ProductType == "bundle" {
			continue
		}
		out = append(out, it)
	}
	return out
}

// unpaid reports whether some of the order was never invoiced.
func (o *order) unpaid() bool {
	for i := range o.Items {
		it := &o.Items[i]
		if pieces(it.Ordered)-pieces(it.Invoiced)-pieces(it.Canceled) > 0 {
			return true
		}
	}
	return false
}

// act carries out an action, unless the shop shows that it was done before.
func (s *shop) act(ctx context.Context, w *sdk.Write) sdk.Result {
	id, ok := parseID(w.Ref.ExternalID)
	if w.Ref.Kind != canon.KindOrder || !ok || w.Key == "" {
		return sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "magento.write_invalid", Reason: "an action needs a key and an order by its id"}
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		no.Key = w.Key
		return *no
	}
	if found, m := o.done(w.Key); found {
		return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusDuplicate, Amount: o.back(m), ByHand: m != nil && m.Transaction == ""})
	}
	switch w.Action.Kind {
	case canon.ActionCancelOrder:
		return s.cancelOrder(ctx, w, o)
	case canon.ActionRefundLines:
		return s.refundLines(ctx, w, o)
	}
	return s.refuse(ctx, w, "write_invalid", "orders can be cancelled and their lines refunded")
}

func (s *shop) refuse(ctx context.Context, w *sdk.Write, code, format string, args ...any) sdk.Result {
	return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "magento." + code, Reason: fmt.Sprintf(format, args...)})
}

// cancelOrder ends an order. What was invoiced can only be ended by a credit memo, which gives the money back.
func (s *shop) cancelOrder(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	invoiced, shipped := false, false
	for i := range o.order.Items {
		invoiced = invoiced || o.order.Items[i].refundable() > 0
		shipped = shipped || pieces(o.order.Items[i].Shipped) > 0
	}
	switch {
	case o.order.State == "canceled" || o.order.State == "closed":
		return s.refuse(ctx, w, "order_ended", "the order is %s in the shop already", o.order.State)
	case shipped || o.order.State == "complete":
		res := s.refuse(ctx, w, "", "the order was shipped, or a part of it: refund its lines instead")
		res.Code = canon.CodeFulfilled
		return res
	case o.order.State == "holded":
		return s.refuse(ctx, w, "order_on_hold", "the order is on hold in the shop: take it off hold first")
	case invoiced && w.Action.Refund == canon.RefundNone:
		return s.refuse(ctx, w, "invoiced", "the order is invoiced: the shop ends it by a credit memo alone, which gives the money back")
	case invoiced:
		body := refundBody{}
		for _, it := range o.order.goods() {
			if n := it.refundable(); n > 0 {
				body.Items = append(body.Items, refundItem{ID: it.ItemID, Qty: n})
			}
		}
		res := s.refund(ctx, w, o, &body)
		if res.Status == sdk.StatusApplied && o.order.unpaid() {
			// The part that was not invoiced stays open. A refusal shows in the order, which the hub reads.
			if _, err := s.client.do(ctx, http.MethodPost, "V1/orders/"+idText(o.order.EntityID)+"/cancel", nil, nil, nil); err != nil {
				res.Reason = "the money went back, and the part that was not invoiced is still open: " + err.Error()
			}
			return s.told(ctx, w, res)
		}
		return res
	}
	return s.cancelUnpaid(ctx, w, o)
}

// cancelUnpaid marks the order first: the cancellation itself takes no comment.
func (s *shop) cancelUnpaid(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	res := sdk.Result{Key: w.Key}
	path := "V1/orders/" + idText(o.order.EntityID)
	history := map[string]any{"statusHistory": map[string]any{
		"comment": strings.TrimSpace(shorten(w.Action.Note, 200) + " " + mark(w.Key)), "is_customer_notified": 0, "is_visible_on_front": 0, "parent_id": o.order.EntityID,
	}}
	if _, err := s.client.do(ctx, http.MethodPost, path+"/comments", nil, history, nil); err != nil {
		if writeFailed(err, &res); res.Status == sdk.StatusUnknown { // a comment alone does nothing
			res.Status, res.RetryAfterMillis = sdk.StatusRetry, 1000
		}
		return res
	}
	var done bool
	if _, err := s.client.do(ctx, http.MethodPost, path+"/cancel", nil, nil, &done); err != nil {
		writeFailed(err, &res)
		return res
	}
	if !done {
		return s.refuse(ctx, w, "not_cancellable", "the shop says that the order can't be cancelled")
	}
	res.Status = sdk.StatusApplied
	return s.told(ctx, w, res)
}

// refundLines gives back what was paid for some lines. The rest of the order stands, and its shipping.
func (s *shop) refundLines(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	if w.Action.Refund == canon.RefundNone {
		return s.refuse(ctx, w, "refund_needed", "a credit memo gives its lines' money back; the shop can't take a line out of an order without it")
	}
	free := int64(0)
	body := refundBody{Arguments: &refundArguments{Shipping: &free}}
	goods := o.order.goods()
	for _, want := range w.Action.Lines {
		var it *orderItem
		for _, g := range goods {
			if idText(g.ItemID) == want.ID {
				it = g
			}
		}
		switch {
		case it == nil:
			return s.refuse(ctx, w, "line_unknown", "the order has no line %.40s", want.ID)
		case pieces(it.Invoiced) == 0:
			return s.refuse(ctx, w, "not_paid", "the line is not invoiced: take it out of the order in the shop")
		case want.Quantity < 1 || want.Quantity > it.refundable():
			return s.refuse(ctx, w, "not_refundable", "%d of line %s can be refunded, %d asked for", it.refundable(), want.ID, want.Quantity)
		}
		body.Items = append(body.Items, refundItem{ID: it.ItemID, Qty: want.Quantity})
	}
	if len(body.Items) == 0 {
		return s.refuse(ctx, w, "write_invalid", "a refund of lines names none")
	}
	return s.refund(ctx, w, o, &body)
}

// refund makes a credit memo: through the gateway where the order has a transaction, unless a person returns the money.
func (s *shop) refund(ctx context.Context, w *sdk.Write, o *sale, body *refundBody) sdk.Result {
	body.Notify = w.Action.Notify
	body.Comment.Comment = strings.TrimSpace(shorten(w.Action.Note, 200) + " " + mark(w.Key))
	if w.Action.Restock {
		body.Comment.Comment += " " + markRestock
		if body.Arguments == nil {
			body.Arguments = &refundArguments{}
		}
		body.Arguments.Extension = &refundExtension{}
		for _, it := range body.Items {
			body.Arguments.Extension.Return = append(body.Arguments.Extension.Return, it.ID)
		}
	}
	online := w.Action.Refund != canon.RefundByHand && clean(o.order.Payment.LastTransID) != ""
	if w.Action.Refund == canon.RefundOriginal && !online {
		return s.refuse(ctx, w, "gateway_cannot_refund", "the payment method %q has no transaction to give back: return the money by hand and say so (by_hand)", shorten(clean(o.order.Payment.Method), 40))
	}
	if online {
		invoice, no := s.invoiceOf(ctx, w, o)
		if no != nil {
			return *no
		}
		if invoice > 0 {
			yes := true
			body.Online = &yes
			res, settled := s.sendRefund(ctx, w, "V1/invoice/"+idText(invoice)+"/refund", body)
			if settled || w.Action.Refund == canon.RefundOriginal {
				return s.told(ctx, w, res)
			}
			body.Online = nil // the shop refused to go to the gateway, before it did anything
		} else if w.Action.Refund == canon.RefundOriginal {
			return s.refuse(ctx, w, "gateway_cannot_refund", "the order has not exactly one paid invoice, through which its money could go back")
		}
	}
	res, _ := s.sendRefund(ctx, w, "V1/order/"+idText(o.order.EntityID)+"/refund", body)
	res.ByHand = res.Status == sdk.StatusApplied
	return s.told(ctx, w, res)
}

// invoiceOf gives the order's only paid invoice; 0 where there is none or more than one.
func (s *shop) invoiceOf(ctx context.Context, w *sdk.Write, o *sale) (int64, *sdk.Result) {
	const paid = 2
	var got struct {
		Items []struct {
			ID    int64 `json:"entity_id"`
			State int64 `json:"state"`
		} `json:"items"`
	}
	q := search(2).where("order_id", "eq", idText(o.order.EntityID)).where("state", "eq", idText(paid))
	if _, err := s.client.get(ctx, "V1/invoices", q.q, &got); err != nil {
		res := &sdk.Result{Key: w.Key}
		notWritten(err, res)
		return 0, res
	}
	if len(got.Items) != 1 {
		return 0, nil
	}
	return got.Items[0].ID, nil
}

// sendRefund makes the credit memo. Settled is false where the shop refused before it did anything, by its own validation;
// another refusal may have come after the gateway had paid.
func (s *shop) sendRefund(ctx context.Context, w *sdk.Write, path string, body *refundBody) (res sdk.Result, settled bool) {
	res.Key = w.Key
	var made int64
	_, err := s.client.do(ctx, http.MethodPost, path, nil, body, &made)
	var api *apiError
	switch {
	case err == nil:
		res.Status = sdk.StatusApplied
		return res, true
	case errors.As(err, &api) && api.status == http.StatusBadRequest && !strings.Contains(api.message, "Validation Error") && body.Online != nil:
		res.Status, res.Code, res.Reason = sdk.StatusUnknown, "magento.gateway_unclear", "the shop refused after it may have asked its gateway: "+api.Error()
		return res, true
	}
	writeFailed(err, &res)
	return res, !(res.Status == sdk.StatusRejected && api != nil && api.status == http.StatusBadRequest)
}

// told adds what the shop shows now. What can't be read now is read by the hub later.
func (s *shop) told(ctx context.Context, w *sdk.Write, res sdk.Result) sdk.Result {
	id, ok := parseID(w.Ref.ExternalID)
	if !ok {
		return res
	}
	c, err := s.facts(ctx)
	if err != nil {
		return res
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		return res
	}
	obs, err := s.observeOrder(&o.order, c)
	if err != nil {
		return res
	}
	res.Shows = &obs
	for i := range o.memos {
		if also, err := observeMemo(&o.memos[i]); err == nil {
			res.Also = append(res.Also, also)
		}
	}
	if m := o.memo(w.Key); m != nil && res.Amount == nil {
		res.Amount = o.back(m)
	}
	return res
}

// lookupAction finds out by the mark. A request that got no answer may be at work for as long as the shop's gateway lets it;
// only after that, what the shop does not show did not happen.
func (s *shop) lookupAction(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key, Status: sdk.StatusUnknown, Code: "magento.not_read"}
	id, ok := parseID(w.Ref.ExternalID)
	if !ok || w.Key == "" {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "magento.write_invalid", "such an action is never sent"
		return res
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		if no.Status == sdk.StatusRejected { // the order is gone: nobody can see what was done
			res.Reason = no.Reason
			return res
		}
		no.Key = w.Key
		return *no
	}
	if found, m := o.done(w.Key); found {
		res.Status, res.Code, res.Amount, res.ByHand = sdk.StatusApplied, "", o.back(m), m != nil && m.Transaction == ""
		return s.told(ctx, w, res)
	}
	if left := s.cfg.answerWait - time.Since(w.Action.AttemptedAt); left > 0 {
		res.Code, res.RetryAfterMillis = "magento.may_run", max(left, time.Second).Milliseconds()
		res.Reason = fmt.Sprintf("the shop may still be at it for %s", left.Round(time.Second))
		return res
	}
	res.Status, res.Code, res.Reason = sdk.StatusRejected, "magento.not_done", "the shop does not show it"
	return res
}

func pathText(s string) string { return url.PathEscape(s) }
