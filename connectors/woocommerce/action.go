package woocommerce

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// metaAction is what a cancellation leaves on its order; a refund has it in its reason, which is saved before any money moves.
const metaAction = "jumpring_action"

// Codes of the vendor's API.
const codeNoRefund = "woocommerce_rest_cannot_create_order_refund"

// mark is what an action leaves in the shop, by which it is found again: the shop keeps no keys of its own.
func mark(key string) string { return "[jumpring " + key[:min(len(key), 16)] + "]" }

// refundLine is a line of a refund, in the shop's own amounts.
type refundLine struct {
	ID          int64       `json:"id"`
	Quantity    int64       `json:"quantity"`
	RefundTotal string      `json:"refund_total"`
	RefundTax   []refundTax `json:"refund_tax,omitempty"`
}

type refundTax struct {
	ID          int64  `json:"id"`
	RefundTotal string `json:"refund_total"`
}

// refundBody is POST /orders/{id}/refunds. api_refund moves money through the gateway and is true where it is left out;
// so is api_restock.
type refundBody struct {
	Amount     string       `json:"amount"`
	Reason     string       `json:"reason"`
	APIRefund  bool         `json:"api_refund"`
	APIRestock bool         `json:"api_restock"`
	LineItems  []refundLine `json:"line_items"`
	MetaData   []metaValue  `json:"meta_data"`
}

type metaValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// sale is an order with its refunds, as an action finds it.
type sale struct {
	order   order
	refunds []refund
}

// readSale reads an order; a result is given where that settles the action.
func (s *shop) readSale(ctx context.Context, id int64) (*sale, *sdk.Result) {
	var o sale
	res := &sdk.Result{}
	if _, err := s.client.get(ctx, "orders/"+idText(id)+"/refunds", url.Values{"per_page": {idText(maxPage)}}, &o.refunds); err != nil {
		notWritten(err, res)
		return nil, res
	}
	if _, err := s.client.get(ctx, "orders/"+idText(id), nil, &o.order); err != nil {
		notWritten(err, res)
		return nil, res
	}
	return &o, nil
}

// done tells whether the shop shows an action, and how much went back by it.
func (o *sale) done(key string) (found bool, back *canon.StatedMoney) {
	for i := range o.refunds {
		if strings.Contains(clean(o.refunds[i].Reason), mark(key)) {
			return true, money(text(unsigned(o.refunds[i].Amount)), strings.ToUpper(clean(o.order.Currency)))
		}
	}
	return o.order.MetaData.value(metaAction) == key, nil
}

// left is what was paid and has not gone back; paid is false for an order that nobody paid.
func (o *sale) left() (amount *big.Rat, paid bool) {
	sum, ok := decimal(clean(o.order.Total))
	if !ok {
		return new(big.Rat), false
	}
	for i := range o.refunds {
		if back, ok := decimal(unsigned(o.refunds[i].Amount)); ok {
			sum.Sub(sum, back)
		}
	}
	_, paid = gmtTime(o.order.DatePaidGMT)
	return sum, paid && sum.Sign() > 0
}

// refundedOf is how many of a line were refunded before.
func (o *sale) refundedOf(line int64) int64 {
	n := int64(0)
	for i := range o.refunds {
		for j := range o.refunds[i].LineItems {
			l := &o.refunds[i].LineItems[j]
			if q, ok := whole(l.Quantity); ok && l.MetaData.value(metaRefundedItem) == idText(line) {
				n += abs(q)
			}
		}
	}
	return n
}

// line gives what the shop states for some pieces of an order line. All of them are the line's own total; a part of them is
// its share, with as many decimals as the total has.
func (o *sale) line(l *lineItem, quantity int64) (refundLine, *big.Rat, error) {
	all, ok := whole(l.Quantity)
	out := refundLine{ID: l.ID, Quantity: quantity}
	if left := all - o.refundedOf(l.ID); !ok || quantity < 1 || quantity > left {
		return out, nil, fmt.Errorf("%d of line %d can be refunded, %d asked for", left, l.ID, quantity)
	}
	sum := new(big.Rat)
	share := func(stated text) (string, bool) {
		v, ok := decimal(clean(stated))
		if !ok {
			return "", false
		}
		if quantity != all {
			v.Mul(v, big.NewRat(quantity, all))
		}
		_, frac, _ := strings.Cut(clean(stated), ".")
		words := v.FloatString(max(2, len(frac)))
		rounded, _ := decimal(words)
		sum.Add(sum, rounded)
		return words, true
	}
	if out.RefundTotal, ok = share(l.Total); !ok {
		return out, nil, fmt.Errorf("line %d has no total", l.ID)
	}
	for _, t := range l.Taxes {
		if words, ok := share(t.Total); ok {
			out.RefundTax = append(out.RefundTax, refundTax{ID: t.ID, RefundTotal: words})
		}
	}
	return out, sum, nil
}

// act carries out an action, unless the shop shows that it was done before.
func (s *shop) act(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key}
	refuse := func(code, format string, args ...any) sdk.Result {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce."+code, fmt.Sprintf(format, args...)
		return s.told(ctx, w, res)
	}
	id, ok := parseID(w.Ref.ExternalID)
	if w.Ref.Kind != canon.KindOrder || !ok || w.Key == "" {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.write_invalid", "an action needs a key and an order by its id"
		return res
	}
	o, no := s.readSale(ctx, id)
	if no != nil {
		no.Key = w.Key
		return *no
	}
	if found, back := o.done(w.Key); found {
		res.Status, res.Amount = sdk.StatusDuplicate, back
		return s.told(ctx, w, res)
	}
	status := clean(o.order.Status)
	switch {
	case w.Action.Kind == canon.ActionCancelOrder && slices.Contains([]string{"cancelled", "refunded", "failed", "trash"}, status):
		return refuse("order_ended", "the order is %s in the shop already", status)
	case w.Action.Kind == canon.ActionCancelOrder && status == "completed":
		return s.told(ctx, w, sdk.Result{
			Key: w.Key, Status: sdk.StatusRejected, Code: canon.CodeFulfilled, Reason: "the order is completed: its goods have left; refund its lines instead",
		})
	case w.Action.Kind == canon.ActionCancelOrder:
		return s.cancelOrder(ctx, w, o)
	case w.Action.Kind == canon.ActionRefundLines:
		return s.refundLines(ctx, w, o)
	}
	return refuse("write_invalid", "orders can be cancelled and their lines refunded")
}

// cancelOrder gives back what was paid, which ends the order as refunded; one that nobody paid is set to cancelled, and the
// shop puts what it had taken from stock back by itself.
func (s *shop) cancelOrder(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	left, paid := o.left()
	if !paid || w.Action.Refund == canon.RefundNone {
		res := sdk.Result{Key: w.Key}
		body := map[string]any{"status": "cancelled", "meta_data": []metaValue{{metaAction, w.Key}}}
		if _, err := s.client.do(ctx, http.MethodPut, "orders/"+idText(o.order.ID), nil, body, new(order)); err != nil {
			writeFailed(err, &res)
			return res
		}
		res.Status = sdk.StatusApplied
		return s.told(ctx, w, res)
	}
	body := refundBody{Amount: left.FloatString(decimals(o.order.Total))}
	for i := range o.order.LineItems {
		l := &o.order.LineItems[i]
		all, _ := whole(l.Quantity)
		if n := all - o.refundedOf(l.ID); n > 0 {
			part, _, err := o.line(l, n)
			if err != nil {
				return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "woocommerce.order_unreadable", Reason: err.Error()})
			}
			body.LineItems = append(body.LineItems, part)
		}
	}
	return s.refund(ctx, w, o, &body)
}

// refundLines gives back what the shop states for some lines. The rest of the order stands.
func (s *shop) refundLines(ctx context.Context, w *sdk.Write, o *sale) sdk.Result {
	refuse := func(code, format string, args ...any) sdk.Result {
		return s.told(ctx, w, sdk.Result{Key: w.Key, Status: sdk.StatusRejected, Code: "woocommerce." + code, Reason: fmt.Sprintf(format, args...)})
	}
	left, paid := o.left()
	if !paid && w.Action.Refund != canon.RefundNone {
		return refuse("not_paid", "nobody has paid the order: take the line out of it in the shop")
	}
	var body refundBody
	sum := new(big.Rat)
	for _, want := range w.Action.Lines {
		at := slices.IndexFunc(o.order.LineItems, func(l lineItem) bool { return idText(l.ID) == want.ID })
		if at < 0 {
			return refuse("line_unknown", "the order has no line %.40s", want.ID)
		}
		part, amount, err := o.line(&o.order.LineItems[at], want.Quantity)
		if err != nil {
			return refuse("not_refundable", "%s", err)
		}
		if w.Action.Refund == canon.RefundNone {
			part.RefundTotal, part.RefundTax, amount = "0", nil, new(big.Rat)
		}
		body.LineItems = append(body.LineItems, part)
		sum.Add(sum, amount)
	}
	if sum.Cmp(left) > 0 && w.Action.Refund != canon.RefundNone {
		sum = left // what went back before was not said line by line
	}
	body.Amount = sum.FloatString(decimals(o.order.Total))
	return s.refund(ctx, w, o, &body)
}

func decimals(stated text) int {
	_, frac, _ := strings.Cut(clean(stated), ".")
	return max(2, len(frac))
}

// refund books a refund, through the gateway where that can.
func (s *shop) refund(ctx context.Context, w *sdk.Write, o *sale, body *refundBody) sdk.Result {
	res := sdk.Result{Key: w.Key}
	amount, _ := decimal(body.Amount)
	if w.Action.Refund != canon.RefundByHand && amount != nil && amount.Sign() > 0 {
		can, err := s.refunds(ctx, clean(o.order.PaymentMethod))
		if err != nil {
			notWritten(err, &res)
			return res
		}
		if !can && w.Action.Refund == canon.RefundOriginal {
			res.Status, res.Code = sdk.StatusRejected, "woocommerce.gateway_cannot_refund"
			res.Reason = fmt.Sprintf("the shop's payment method %q returns no money by itself: return it by hand and say so (by_hand)", shorten(clean(o.order.PaymentMethod), 40))
			return s.told(ctx, w, res)
		}
		body.APIRefund = can
	}
	body.APIRestock = w.Action.Restock
	body.Reason = strings.TrimSpace(shorten(w.Action.Note, 200) + " " + mark(w.Key))
	body.MetaData = []metaValue{{metaAction, w.Key}}
	var made refund
	_, err := s.client.do(ctx, http.MethodPost, "orders/"+idText(o.order.ID)+"/refunds", nil, body, &made)
	var api *apiError
	switch {
	case errors.As(err, &api) && api.code == codeNoRefund:
		// The shop says so with the status of a failure; it has taken its refund back by then.
		rejected(api, &res)
		return s.told(ctx, w, res)
	case err != nil:
		writeFailed(err, &res)
		return res
	}
	res.Status, res.ByHand = sdk.StatusApplied, !body.APIRefund && amount.Sign() > 0
	res.Amount = money(text(unsigned(made.Amount)), strings.ToUpper(clean(o.order.Currency)))
	return s.told(ctx, w, res)
}

// refunds asks whether a payment method returns money by itself. One that the shop does not have does not.
func (s *shop) refunds(ctx context.Context, method string) (bool, error) {
	if method == "" {
		return false, nil
	}
	var gateway struct {
		Supports []string `json:"method_supports"`
	}
	_, err := s.client.get(ctx, "payment_gateways/"+url.PathEscape(method), nil, &gateway)
	var api *apiError
	if errors.As(err, &api) && api.status == http.StatusNotFound {
		return false, nil
	}
	return err == nil && slices.Contains(gateway.Supports, "refunds"), err
}

// told adds what the shop shows now. What can't be read now is read by the hub later.
func (s *shop) told(ctx context.Context, w *sdk.Write, res sdk.Result) sdk.Result {
	id, ok := parseID(w.Ref.ExternalID)
	if !ok {
		return res
	}
	obs, err := s.readRefunds(ctx, id)
	if err != nil || len(obs) == 0 {
		return res
	}
	res.Shows, res.Also = &obs[0], obs[1:]
	return res
}

// lookupAction finds out by the mark. A request that got no answer may be at work for as long as the shop's gateway lets it;
// only after that, what the shop does not show did not happen.
func (s *shop) lookupAction(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key, Status: sdk.StatusUnknown, Code: "woocommerce.not_read"}
	id, ok := parseID(w.Ref.ExternalID)
	if !ok {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.write_invalid", "such an action is never sent"
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
	if found, back := o.done(w.Key); found {
		res.Status, res.Code, res.Amount = sdk.StatusApplied, "", back
		return s.told(ctx, w, res)
	}
	if left := s.cfg.answerWait - time.Since(w.Action.AttemptedAt); left > 0 {
		res.Code, res.RetryAfterMillis = "woocommerce.may_run", max(left, time.Second).Milliseconds()
		res.Reason = fmt.Sprintf("the shop may still be at it for %s", left.Round(time.Second))
		return res
	}
	res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.not_done", "the shop does not show it"
	return res
}
