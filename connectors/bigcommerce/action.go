package bigcommerce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// mark is what an action leaves in the store, by which it is found again: in the reasons of a refund's items, or in the staff
// notes of the order that it cancelled. The platform keeps no keys of its own.
func mark(key string) string { return "[jumpring " + key[:min(len(key), 16)] + "]" }

// markRestock tells that the goods of a refund came back for sale, which the refund itself does not state. The hub raises the
// level then, as any other.
const markRestock = "[restocked]"

// maxReason is how long a reason of a refund may be.
const maxReason = 200

// refundItem is an item of a refund: pieces of a line, or money for shipping.
type refundItem struct {
	Type     string      `json:"item_type"`
	ID       int64       `json:"item_id"`
	Quantity int64       `json:"quantity,omitempty"`
	Amount   json.Number `json:"amount,omitempty"`
	Reason   string      `json:"reason"`
}

// refundPayment is a way in which money goes back.
type refundPayment struct {
	Provider string      `json:"provider_id"`
	Amount   json.Number `json:"amount"`
	Offline  bool        `json:"offline"`
}

// sale is an order as an action finds it.
type sale struct {
	order   order
	papers  *papers
	refunds []refund
}

// readSale reads an order; a result is given where that settles the action.
func (s *store) readSale(ctx context.Context, id int64) (*sale, *sdk.Result) {
	res := &sdk.Result{}
	// The refunds come first, so that the order covers at least these.
	refunds, err := s.readRefunds(ctx, []int64{id})
	var o *order
	if err == nil {
		o, _, err = s.getOrder(ctx, id)
	}
	var p *papers
	if err == nil {
		p, err = s.readPapers(ctx, o)
	}
	if isGone(err) {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "bigcommerce.gone", "the store has no such order"
		return nil, res
	}
	if err != nil {
		notWritten(err, res)
		return nil, res
	}
	return &sale{order: *o, papers: p, refunds: refunds[id]}, nil
}

// refund finds the refund that an action made; one whose gateway declined is none.
func (o *sale) refund(key string) *refund {
	for i := range o.refunds {
		for _, it := range o.refunds[i].Items {
			if strings.Contains(string(it.Reason), mark(key)) && !o.refunds[i].declined() {
				return &o.refunds[i]
			}
		}
	}
	return nil
}

// done tells whether the store shows an action, and the refund that it made.
func (o *sale) done(key string) (bool, *refund) {
	if r := o.refund(key); r != nil {
		return true, r
	}
	return o.order.StatusID == statusCancelled && strings.Contains(string(o.order.StaffNotes), mark(key)), nil
}

// back is how much went back by a refund.
func (o *sale) back(r *refund) *canon.StatedMoney {
	if r == nil {
		return nil
	}
	var paid []text
	for _, p := range r.Payments {
		if !p.Declined {
			paid = append(paid, p.Amount)
		}
	}
	if v, ok := sum(paid...); ok && len(paid) > 0 {
		return &canon.StatedMoney{Amount: v, Currency: o.order.currency()}
	}
	return money(r.Total, o.order.currency())
}

// byHand reports whether the platform has only noted a refund.
func byHand(r *refund) bool {
	return r != nil && slices.ContainsFunc(r.Payments, func(p moneyBack) bool { return p.Offline })
}

func (l *orderLine) refundable() int64 { return pieces(l.Quantity) - pieces(l.Refunded) }

// paid reports whether money of the order was taken, as far as the store says.
func (o *sale) paid() bool {
	if o.papers.hidden {
		return slices.Contains([]text{"captured", "paid", "partially refunded"}, o.order.PaymentStatus)
	}
	return len(tenders(o.papers.transactions)) > 0
}

// act carries out an action, unless the store shows that it was done before.
func (s *store) act(ctx context.Context, w *sdk.Write) sdk.Result {
	id, ok := parseID(w.Ref.ExternalID)
	if w.Ref.Kind != canon.KindOrder || !ok || w.Key == "" {
		return sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "bigcommerce.write_invalid", Reason: "an action needs a key and an order by its id"}
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		no.Key = w.Key
		return *no
	}
	if found, r := o.done(w.Key); found {
		return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusDuplicate, Amount: o.back(r), ByHand: byHand(r)})
	}
	switch w.Action.Kind {
	case canon.ActionCancelOrder:
		return s.cancelOrder(ctx, w, o)
	case canon.ActionRefundLines:
		return s.refundLines(ctx, w, o)
	}
	return s.refuse(ctx, w, "write_invalid", "orders can be cancelled and their lines refunded")
}

func (s *store) refuse(ctx context.Context, w *sdk.Write, code, format string, args ...any) sdk.Result {
	return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "bigcommerce." + code, Reason: fmt.Sprintf(format, args...)})
}

// cancelOrder ends an order. What was paid is refunded in full, by which the platform ends it; what was only authorized is
// voided; the rest is set to Cancelled.
func (s *store) cancelOrder(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	shipped := pieces(o.order.ItemsShipped) > 0
	switch o.order.StatusID {
	case statusIncomplete, statusCancelled, statusDeclined, statusRefunded:
		return s.refuse(ctx, w, "order_ended", "the order is %s in the store already", strings.ToLower(clean(o.order.Status)))
	case statusShipped, statusCompleted:
		shipped = true
	}
	switch {
	case shipped:
		res := s.refuse(ctx, w, "", "the order was handed over, or a part of it: refund its lines instead")
		res.Code = canon.CodeFulfilled
		return res
	case o.paid() && w.Action.Refund != canon.RefundNone:
		return s.refundWhole(ctx, w, o)
	case o.order.PaymentStatus == "authorized" && w.Action.Refund != canon.RefundNone:
		if _, err := s.client.do(ctx, http.MethodPost, "v3/orders/"+idText(o.order.ID)+"/payment_actions/void", nil, nil, nil); err != nil {
			res := sdk.Result{Key: w.Key}
			writeFailed(err, &res)
			return res
		}
	}
	return s.setCancelled(ctx, w, o)
}

// setCancelled sets an order to Cancelled, with the mark in the same request. The notes that are there stay.
func (s *store) setCancelled(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	res := sdk.Result{Key: w.Key}
	notes := strings.TrimSpace(clean(o.order.StaffNotes) + "\n" + reason(w))
	body := map[string]any{"status_id": statusCancelled, "staff_notes": notes}
	if _, err := s.client.do(ctx, http.MethodPut, "v2/orders/"+idText(o.order.ID), nil, body, nil); err != nil {
		writeFailed(err, &res)
		return res
	}
	res.Status = sdk.StatusApplied
	return s.told(ctx, w, res)
}

// reason is what an action writes into the store, its mark at the end where nothing cuts it off.
func reason(w *sdk.Write) string {
	out := mark(w.Key)
	if w.Action.Restock {
		out += " " + markRestock
	}
	return strings.TrimSpace(shorten(w.Action.Note, maxReason-len(out)-4) + " " + out)
}

// refundWhole gives back all that was paid: what is left of the lines, and the shipping.
func (s *store) refundWhole(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	var items []refundItem
	var address int64
	for i := range o.papers.lines {
		l := &o.papers.lines[i]
		address = max(address, l.AddressID)
		if n := l.refundable(); n > 0 {
			items = append(items, refundItem{Type: "PRODUCT", ID: l.ID, Quantity: n, Reason: reason(w)})
		}
	}
	shippingBack := slices.ContainsFunc(o.refunds, func(r refund) bool {
		return !r.declined() && slices.ContainsFunc(r.Items, func(it item) bool { return it.Type == "SHIPPING" })
	})
	if cost := amount(o.order.ShippingGross); !isZero(text(cost)) && address > 0 && !shippingBack {
		items = append(items, refundItem{Type: "SHIPPING", ID: address, Amount: json.Number(cost), Reason: reason(w)})
	}
	if len(items) == 0 {
		return s.refuse(ctx, w, "order_ended", "nothing of the order is left to refund")
	}
	return s.sendRefund(ctx, w, o, items)
}

// refundLines gives back what was paid for some lines. The rest of the order stands, and its shipping.
func (s *store) refundLines(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	if w.Action.Refund == canon.RefundNone {
		return s.refuse(ctx, w, "refund_needed", "a refund gives its lines' money back; the store can't take a line out of an order without it")
	}
	var items []refundItem
	for _, want := range w.Action.Lines {
		i := slices.IndexFunc(o.papers.lines, func(l orderLine) bool { return idText(l.ID) == want.ID })
		if i < 0 {
			return s.refuse(ctx, w, "line_unknown", "the order has no line %.40s", want.ID)
		}
		l := &o.papers.lines[i]
		if want.Quantity < 1 || want.Quantity > l.refundable() {
			return s.refuse(ctx, w, "not_refundable", "%d of line %s can be refunded, %d asked for", l.refundable(), want.ID, want.Quantity)
		}
		items = append(items, refundItem{Type: "PRODUCT", ID: l.ID, Quantity: want.Quantity, Reason: reason(w)})
	}
	if len(items) == 0 {
		return s.refuse(ctx, w, "write_invalid", "a refund of lines names none")
	}
	if !o.paid() {
		return s.refuse(ctx, w, "not_paid", "nothing was paid for the order that could go back")
	}
	return s.sendRefund(ctx, w, o, items)
}

// sendRefund asks for the ways in which the money can go back, takes one of them, and makes the refund.
func (s *store) sendRefund(ctx context.Context, w *sdk.Write, o *sale, items []refundItem) sdk.Result {
	res := sdk.Result{Key: w.Key}
	path := "v3/orders/" + idText(o.order.ID) + "/payment_actions/"
	var quote struct {
		Data struct {
			Methods [][]struct {
				Provider string      `json:"provider_id"`
				Amount   json.Number `json:"amount"`
				Offline  bool        `json:"offline"`
			} `json:"refund_methods"`
		} `json:"data"`
	}
	if _, err := s.client.do(ctx, http.MethodPost, path+"refund_quotes", nil, map[string]any{"items": items}, &quote); err != nil {
		var api *apiError
		if errors.As(err, &api) && api.status == http.StatusUnprocessableEntity {
			return s.refuse(ctx, w, "not_refundable", "%s", api.Error())
		}
		notWritten(err, &res) // a quote does nothing
		return res
	}
	var payments []refundPayment
	for _, m := range quote.Data.Methods {
		offline, credit := false, false
		var way []refundPayment
		for _, p := range m {
			offline = offline || p.Offline
			credit = credit || p.Provider == "storecredit"
			way = append(way, refundPayment{Provider: p.Provider, Amount: p.Amount, Offline: p.Offline})
		}
		if len(way) == 0 || credit && isZero(o.order.StoreCredit) {
			continue // money is not turned into store credit unasked
		}
		wanted := offline == (w.Action.Refund == canon.RefundByHand)
		if wanted || w.Action.Refund == canon.RefundAuto && payments == nil {
			payments = way
		}
		if wanted {
			break
		}
	}
	if payments == nil {
		return s.refuse(ctx, w, "gateway_cannot_refund", "the store offers no such way for this order's money: return it by hand and say so (by_hand)")
	}
	var made struct {
		Data refund `json:"data"`
	}
	_, err := s.client.do(ctx, http.MethodPost, path+"refunds", nil, map[string]any{"items": items, "payments": payments}, &made)
	switch {
	case err != nil:
		writeFailed(err, &res)
		return res
	case made.Data.declined():
		message := ""
		for _, p := range made.Data.Payments {
			message += " " + clean(p.Message)
		}
		return s.refuse(ctx, w, "refund_declined", "the gateway declined:%s", shorten(message, 200))
	}
	res.Status, res.Amount, res.ByHand = sdk.StatusApplied, o.back(&made.Data), byHand(&made.Data)
	return s.told(ctx, w, res)
}

// told adds what the store shows now. What can't be read now is read by the hub later.
func (s *store) told(ctx context.Context, w *sdk.Write, res sdk.Result) sdk.Result {
	id, ok := parseID(w.Ref.ExternalID)
	if !ok {
		return res
	}
	f, err := s.facts(ctx)
	if err != nil {
		return res
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		return res
	}
	obs, err := s.observeOrder(&o.order, f, o.papers)
	if err != nil {
		return res
	}
	res.Shows = &obs
	if pay, stated := observePayments(&o.order, o.papers); stated {
		res.Also = append(res.Also, pay)
	}
	for i := range o.refunds {
		if also, err := observeRefund(&o.refunds[i], o.order.currency()); err == nil {
			res.Also = append(res.Also, also)
		}
	}
	return res
}

// lookupAction finds out by the mark. A request that got no answer may be at work for as long as a gateway lets it; only after
// that, what the store does not show did not happen.
func (s *store) lookupAction(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key, Status: sdk.StatusUnknown, Code: "bigcommerce.not_read"}
	id, ok := parseID(w.Ref.ExternalID)
	if !ok || w.Key == "" {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "bigcommerce.write_invalid", "such an action is never sent"
		return res
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		res.Reason, res.RetryAfterMillis = no.Reason, no.RetryAfterMillis // gone or not readable: nobody can see what was done
		return res
	}
	if found, r := o.done(w.Key); found {
		res.Status, res.Code, res.Amount, res.ByHand = sdk.StatusApplied, "", o.back(r), byHand(r)
		return s.told(ctx, w, res)
	}
	if left := s.cfg.answerWait - time.Since(w.Action.AttemptedAt); left > 0 {
		res.Code, res.RetryAfterMillis = "bigcommerce.may_run", max(left, time.Second).Milliseconds()
		res.Reason = fmt.Sprintf("the store may still be at it for %s", left.Round(time.Second))
		return res
	}
	res.Status, res.Code, res.Reason = sdk.StatusRejected, "bigcommerce.not_done", "the store does not show it"
	return res
}
