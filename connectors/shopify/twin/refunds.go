package twin

import (
	"fmt"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
)

// refundable is what was paid for an order and has not gone back.
func (o *order) refundable() cents {
	if o.saleID == 0 {
		return 0
	}
	left := o.total
	for _, r := range o.refunds {
		if r.transactionID != 0 {
			left -= r.amount
		}
	}
	return left
}

func cancelPayload(job any, errs ...userError) node {
	list := []node{}
	for _, e := range errs {
		list = append(list, object{"OrderCancelUserError", map[string]any{"code": text(e.code), "field": e.field, "message": e.message}})
	}
	return object{"OrderCancelPayload", map[string]any{"jobResult": job, "orderCancelUserErrors": list}}
}

// cancelOrder starts a job that cancels an order: the answer comes before the order is cancelled, as at the vendor. It has
// no idempotency key; an order is cancelled once, and the second request is refused.
func (x *execution) cancelOrder(args map[string]any) any {
	if denied := x.need("write_orders"); denied != nil {
		return denied
	}
	if x.userError != "" {
		return cancelPayload(nil, userError{x.userError, "injected", nil})
	}
	refuse := func(code, message string) any {
		return cancelPayload(nil, userError{code, message, []string{"orderId"}})
	}
	typ, id, _ := parseGID(args["orderId"].(string))
	o := x.srv.state.orders[id]
	method, _ := args["refundMethod"].(map[string]any)
	_, old := args["refund"].(bool)
	note, _ := args["staffNote"].(string)
	switch {
	case typ != "Order" || o == nil:
		return refuse("NOT_FOUND", "Order does not exist")
	case !o.cancelledAt.IsZero() || o.cancelling:
		return refuse("INVALID", "Cannot cancel an order that has already been canceled")
	case o.fulfilment != "":
		return refuse("INVALID", "Cannot cancel an order that has fulfillments")
	case method != nil && (len(method) != 1 || old):
		return refuse("INVALID", "Exactly one way of refunding has to be given")
	case len(note) > 255:
		return refuse("INVALID", "Staff note is too long (maximum is 255 characters)")
	}
	var back cents
	if original, _ := method["originalPaymentMethodsRefund"].(bool); original || args["refund"] == true {
		back = o.refundable()
	}
	restock := args["restock"].(bool)
	o.cancelling = true
	s := x.srv
	job := gid("OrderCancelJobResult", s.state.id())
	time.AfterFunc(s.opts.CancelAfter, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		o.cancelling = false
		if o.cancelledAt.IsZero() && o.fulfilment == "" {
			if err := s.cancel(o, restock, &back, note); err != nil {
				panic(fmt.Sprintf("twin: cancel order %d: %v", o.id, err)) // every line is the order's own
			}
		}
	})
	return cancelPayload(object{"OrderCancelJobResult", map[string]any{
		"id": job, "done": false, "status": "STARTED", "errors": []node{}, "order": orderNode{o},
	}})
}

// suggestRefund computes what refunding some lines would give back, at most what is left.
func (x *execution) suggestRefund(o *order, args map[string]any) any {
	var sum cents
	if args["suggestFullRefund"] == true {
		sum = o.refundable()
	} else {
		lines, bad := refundInput(o, args["refundLineItems"])
		if bad != "" {
			return fail("BAD_REQUEST", "%s", bad)
		}
		for _, rl := range lines {
			l := o.line(rl.LineID)
			sum += l.price*cents(rl.Quantity) - l.discount*cents(rl.Quantity)/cents(l.quantity)
		}
		if args["refundShipping"] == true {
			sum += o.shipping
		}
	}
	sum = min(sum, o.refundable())
	transactions := []node{}
	if sum > 0 {
		transactions = append(transactions, object{"SuggestedOrderTransaction", map[string]any{
			"amountSet": x.bag(sum), "gateway": gateway, "kind": "SUGGESTED_REFUND",
			"parentTransaction": object{"OrderTransaction", map[string]any{
				"id": gid("OrderTransaction", o.saleID), "kind": "SALE", "gateway": gateway, "status": "SUCCESS", "amountSet": x.bag(o.total),
			}},
		}})
	}
	return object{"SuggestedRefund", map[string]any{"amountSet": x.bag(sum), "maximumRefundableSet": x.bag(o.refundable()), "suggestedTransactions": transactions}}
}

func (o *order) line(id string) *line {
	for _, l := range o.lines {
		if gid("LineItem", l.id) == id {
			return l
		}
	}
	return nil
}

// refundInput reads the lines of a refund and says what is wrong with them.
func refundInput(o *order, raw any) (lines []RefundLine, bad string) {
	list, _ := raw.([]any)
	for _, e := range list {
		m := e.(map[string]any)
		quantity, _ := whole(m["quantity"])
		restock, _ := m["restockType"].(string)
		if restock == "" {
			restock = "NO_RESTOCK"
		}
		rl := RefundLine{LineID: m["lineItemId"].(string), Quantity: quantity, Restock: strings.ToLower(restock)}
		l := o.line(rl.LineID)
		switch {
		case l == nil:
			return nil, "Line item does not belong to the order"
		case quantity < 1 || quantity > l.current:
			return nil, "Quantity cannot refund more items than were purchased"
		case restock == "LEGACY_RESTOCK":
			return nil, "Restock type is not accepted"
		case restock == "CANCEL" && o.fulfilment == "fulfilled":
			return nil, "Restock type cancel is for items that are not fulfilled"
		}
		lines = append(lines, rl)
	}
	return lines, ""
}

func refundPayload(o, r any, messages ...string) node {
	list := []node{}
	for _, m := range messages {
		list = append(list, object{"UserError", map[string]any{"field": []string{"input"}, "message": m}})
	}
	return object{"RefundCreatePayload", map[string]any{"order": o, "refund": r, "userErrors": list}}
}

// createRefund needs an idempotency key since 2026-04. It gives back no more than is left of what was paid.
func (x *execution) createRefund(f *ast.Field, input map[string]any) any {
	if denied := x.need("write_orders"); denied != nil {
		return denied
	}
	directive := f.Directives.ForName("idempotent")
	if directive == nil {
		return fail("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.")
	}
	key, _ := directive.ArgumentMap(x.variables)["key"].(string)
	if strings.TrimSpace(key) == "" {
		return fail("BAD_REQUEST", "The idempotency key can't be blank.")
	}
	if x.userError != "" {
		return refundPayload(nil, nil, x.userError)
	}
	parameters := "refundCreate" + string(scalar(input))
	if before := x.srv.state.idempotent[key]; before != nil {
		switch {
		case before.parameters != parameters:
			return refundPayload(nil, nil, "The same idempotency key cannot be used with different operation parameters.")
		case before.failed:
			return refundPayload(nil, nil, "A previous request with this idempotency key failed. Retry with a new idempotency key.")
		}
		x.srv.ledger.Counts.Replays++
		return before.payload
	}
	done := &attempt{parameters: parameters}
	x.srv.state.idempotent[key] = done
	o, r, bad := x.bookRefund(input)
	if bad != "" {
		done.failed = true
		return refundPayload(nil, nil, bad)
	}
	done.payload = refundPayload(orderNode{o}, refundNode{r})
	return done.payload
}

func (x *execution) bookRefund(input map[string]any) (*order, *refund, string) {
	typ, id, _ := parseGID(input["orderId"].(string))
	o := x.srv.state.orders[id]
	if typ != "Order" || o == nil {
		return nil, nil, "Order does not exist"
	}
	lines, bad := refundInput(o, input["refundLineItems"])
	if bad != "" {
		return nil, nil, bad
	}
	var money cents
	list, _ := input["transactions"].([]any)
	for _, e := range list {
		t := e.(map[string]any)
		amount, ok := parseCents(fmt.Sprint(t["amount"]))
		switch {
		case !ok || amount <= 0:
			return nil, nil, "Amount is invalid"
		case t["kind"] != "REFUND":
			return nil, nil, "Kind must be refund"
		case t["orderId"] != input["orderId"]:
			return nil, nil, "Transaction is of another order"
		case t["gateway"] != gateway:
			return nil, nil, "Gateway is not the one of the payment"
		case t["parentId"] != gid("OrderTransaction", o.saleID):
			return nil, nil, "Parent transaction is invalid"
		}
		money += amount
	}
	switch {
	case money > o.refundable():
		return nil, nil, fmt.Sprintf("Refund amount exceeds the maximum refundable amount of %s", o.refundable())
	case money == 0 && len(lines) == 0:
		return nil, nil, "Refund has nothing to refund"
	}
	note, _ := input["note"].(string)
	r, err := x.srv.refund(o, lines, note, &money)
	if err != nil {
		return nil, nil, err.Error()
	}
	x.srv.publish("REFUNDS_CREATE", x.srv.restRefund(r))
	x.srv.publish("ORDERS_UPDATED", x.srv.restOrder(o))
	return o, r, ""
}
