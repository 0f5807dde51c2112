package shopify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The shop cancels an order by a job of its own, after it has answered.
const (
	cancelLook = 200 * time.Millisecond // between two looks at the order
	cancelWait = 12 * time.Second       // after which the outcome is left to a look-up
	// jobEnds is how long after the request a job that nothing was heard of may still run.
	jobEnds = 15 * time.Second
)

// maxNote is how long a staff note may be, in characters.
const maxNote = 255

// mark is what an action leaves in the shop, by which it is found again.
func mark(key string) string { return "[jumpring " + key[:min(len(key), 16)] + "]" }

// marked puts a person's words and the mark into one note.
func marked(note, key string) string {
	m := mark(key)
	words := []rune(strings.TrimSpace(note))
	if most := maxNote - len(m) - 1; len(words) > most {
		words = words[:most]
	}
	return strings.TrimSpace(string(words) + " " + m)
}

// orderFacts is what an action needs to know of an order before it acts.
type orderFacts struct {
	Order *struct {
		ID           string `json:"id"`
		CancelledAt  string `json:"cancelledAt"`
		Cancellation *struct {
			StaffNote string `json:"staffNote"`
		} `json:"cancellation"`
		DisplayFulfillmentStatus string `json:"displayFulfillmentStatus"`
		Refunds                  []struct {
			ID   string `json:"id"`
			Note string `json:"note"`
		} `json:"refunds"`
		SuggestedRefund *suggestedRefund `json:"suggestedRefund"`
	} `json:"order"`
}

type presentment struct {
	PresentmentMoney graphMoney `json:"presentmentMoney"`
}

type suggestedTransaction struct {
	AmountSet         presentment `json:"amountSet"`
	Gateway           string      `json:"gateway"`
	ParentTransaction *graphID    `json:"parentTransaction"`
}

type suggestedRefund struct {
	AmountSet    presentment            `json:"amountSet"`
	Transactions []suggestedTransaction `json:"suggestedTransactions"`
}

func (r *suggestedRefund) transactions() []suggestedTransaction {
	if r == nil {
		return nil
	}
	return r.Transactions
}

// due is what the shop says would go back.
func (f *orderFacts) due() graphMoney {
	if f.Order.SuggestedRefund == nil {
		return graphMoney{}
	}
	return f.Order.SuggestedRefund.AmountSet.PresentmentMoney
}

// owed is what is due, as the hub states amounts.
func (f *orderFacts) owed() *canon.StatedMoney {
	due := f.due()
	return money(due.amount(), due.CurrencyCode)
}

// zero reports whether an amount is none, whatever decimals it is written with.
func zero(m graphMoney) bool { return strings.Trim(m.Amount, "0.") == "" }

// actable refuses what is never sent.
func actable(w *sdk.Write) *sdk.Result {
	bad := func(code, reason string) *sdk.Result {
		return &sdk.Result{Status: sdk.StatusRejected, Code: code, Reason: reason}
	}
	switch {
	case w.Ref.Kind != canon.KindOrder || !wellFormed(w.Ref) || w.Key == "":
		return bad("shopify.bad_id", "an action needs a key and an order by its global id")
	case w.Action.Kind != canon.ActionCancelOrder && w.Action.Kind != canon.ActionRefundLines:
		return bad("shopify.unsupported_write", "orders can be cancelled and their lines refunded")
	case w.Action.Kind == canon.ActionRefundLines && len(w.Action.Lines) == 0:
		return bad("shopify.unsupported_write", "a refund names its lines")
	}
	for _, l := range w.Action.Lines {
		if gidNumber("LineItem", l.ID) == 0 || l.Quantity < 1 {
			return bad("shopify.bad_id", "a refund names lines by their global ids, with a quantity")
		}
	}
	return nil
}

// act carries out an action, unless the shop shows that it was done before.
func (s *session) act(ctx context.Context, w *sdk.Write) sdk.Result {
	if no := actable(w); no != nil {
		return *no
	}
	facts, res := s.orderFacts(ctx, w, false)
	if res != nil {
		return *res
	}
	if s.didBefore(facts, w) {
		return s.told(ctx, w, facts, sdk.Result{Status: sdk.StatusDuplicate})
	}
	// What would go back is asked for apart: of lines that are refunded already the shop refuses to say it.
	if facts, res = s.orderFacts(ctx, w, true); res != nil {
		return *res
	}
	if w.Action.Kind == canon.ActionCancelOrder {
		return s.cancelOrder(ctx, w, facts)
	}
	return s.refundLines(ctx, w, facts)
}

// orderFacts reads an order, with what would go back if due is set; a result is given where that settles the action.
func (s *session) orderFacts(ctx context.Context, w *sdk.Write, due bool) (*orderFacts, *sdk.Result) {
	lines := make([]map[string]any, 0, len(w.Action.Lines))
	for _, l := range w.Action.Lines {
		lines = append(lines, map[string]any{"lineItemId": l.ID, "quantity": l.Quantity, "restockType": "NO_RESTOCK"})
	}
	vars := map[string]any{"id": w.Ref.ExternalID, "lines": lines, "whole": w.Action.Kind == canon.ActionCancelOrder, "due": due}
	var facts orderFacts
	if _, err := s.client.call(ctx, laneInteractive, docOrderFacts, vars, &facts); err != nil {
		res := actFailed(err)
		if res.Status == sdk.StatusUnknown { // reading changes nothing: it is asked again
			res.Status, res.RetryAfterMillis = sdk.StatusRetry, 1000
		}
		return nil, &res
	}
	if facts.Order == nil {
		return nil, &sdk.Result{Status: sdk.StatusRejected, Code: "shopify.not_found", Reason: "the shop does not show this order: it was deleted, or is older than the app may see"}
	}
	return &facts, nil
}

// didBefore finds the mark that the action leaves.
func (s *session) didBefore(f *orderFacts, w *sdk.Write) bool {
	m := mark(w.Key)
	if w.Action.Kind == canon.ActionCancelOrder {
		return f.Order.Cancellation != nil && strings.Contains(f.Order.Cancellation.StaffNote, m)
	}
	for _, r := range f.Order.Refunds {
		if strings.Contains(r.Note, m) {
			return true
		}
	}
	return false
}

var cancelReasons = map[canon.ActionReason]string{
	canon.ReasonInventory: "INVENTORY", canon.ReasonCustomer: "CUSTOMER", canon.ReasonFraud: "FRAUD",
}

type cancelAnswer struct {
	OrderCancel *struct {
		JobResult *struct {
			Status string `json:"status"`
		} `json:"jobResult"`
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"orderCancelUserErrors"`
	} `json:"orderCancel"`
}

// cancelOrder cancels an order and waits until the shop shows it. An order can be cancelled once, so that a request that
// comes twice can't give back twice.
func (s *session) cancelOrder(ctx context.Context, w *sdk.Write, f *orderFacts) sdk.Result {
	a := w.Action
	if f.Order.CancelledAt != "" {
		return s.told(ctx, w, f, sdk.Result{Status: sdk.StatusRejected, Code: "shopify.cancelled_already", Reason: "the order was cancelled in the shop; whether money went back is for a person to look at"})
	}
	switch word(f.Order.DisplayFulfillmentStatus) {
	case "fulfilled", "partially_fulfilled":
		return s.told(ctx, w, f, sdk.Result{
			Status: sdk.StatusRejected, Code: canon.CodeFulfilled, Reason: "the order has fulfillments, so that the shop can't cancel it; refund its lines instead",
		})
	}
	original := a.Refund == canon.RefundAuto || a.Refund == canon.RefundOriginal
	vars := map[string]any{
		"order": w.Ref.ExternalID, "reason": first(cancelReasons[a.Reason], "OTHER"), "restock": a.Restock, "notify": a.Notify,
		"method": map[string]any{"originalPaymentMethodsRefund": original}, "note": marked(a.Note, w.Key),
	}
	var data cancelAnswer
	ans, err := s.client.call(ctx, laneInteractive, docOrderCancel, vars, &data)
	if err != nil {
		return actFailed(err)
	}
	if data.OrderCancel == nil {
		return unanswered(ans)
	}
	if errs := data.OrderCancel.Errors; len(errs) > 0 {
		return s.told(ctx, w, f, sdk.Result{Status: sdk.StatusRejected, Code: "shopify." + first(word(errs[0].Code), "refused"), Reason: errs[0].Message})
	}
	deadline := time.Now().Add(cancelWait)
	for wait := cancelLook; ; {
		if err := sleep(ctx, wait); err != nil {
			return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.cancelling", Reason: "the shop was still cancelling the order"}
		}
		now, res := s.orderFacts(ctx, w, false)
		switch {
		case res == nil && now.Order.CancelledAt != "":
			out := s.told(ctx, w, f, sdk.Result{Status: sdk.StatusApplied})
			if a.Refund == canon.RefundByHand && !zero(f.due()) {
				out.ByHand, out.Amount = true, f.owed()
			}
			return out
		case time.Now().After(deadline):
			return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.cancelling", Reason: "the shop was still cancelling the order"}
		}
		if wait = cancelLook; res != nil { // throttled, maybe
			wait = max(wait, time.Duration(res.RetryAfterMillis)*time.Millisecond)
		}
	}
}

type refundAnswer struct {
	RefundCreate *struct {
		Refund *graphID `json:"refund"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"userErrors"`
	} `json:"refundCreate"`
}

// refundLines gives back what the shop suggests for the lines, under an idempotency key: the same request twice is one
// refund.
func (s *session) refundLines(ctx context.Context, w *sdk.Write, f *orderFacts) sdk.Result {
	a := w.Action
	restock := "NO_RESTOCK"
	if a.Restock {
		restock = "CANCEL"
		if word(f.Order.DisplayFulfillmentStatus) == "fulfilled" {
			restock = "RETURN"
		}
	}
	var lines, transactions []map[string]any
	for _, l := range a.Lines {
		lines = append(lines, map[string]any{"lineItemId": l.ID, "quantity": l.Quantity, "restockType": restock})
	}
	input := map[string]any{"orderId": w.Ref.ExternalID, "note": marked(a.Note, w.Key), "notify": a.Notify, "refundLineItems": lines}
	if a.Refund == canon.RefundAuto || a.Refund == canon.RefundOriginal {
		for _, t := range f.Order.SuggestedRefund.transactions() {
			transactions = append(transactions, map[string]any{
				"orderId": w.Ref.ExternalID, "kind": "REFUND", "gateway": t.Gateway, "parentId": t.ParentTransaction.id(),
				"amount": t.AmountSet.PresentmentMoney.Amount,
			})
			input["currency"] = t.AmountSet.PresentmentMoney.CurrencyCode
		}
	}
	if transactions != nil {
		input["transactions"] = transactions
	}
	key := uuid.NewSHA1(uuid.NameSpaceURL, []byte("jumpring:shopify:"+s.shop+":refundCreate:"+w.Key)).String()
	var data refundAnswer
	ans, err := s.client.call(ctx, laneInteractive, docRefundCreate, map[string]any{"input": input, "key": key}, &data)
	if err != nil {
		return actFailed(err)
	}
	if data.RefundCreate == nil {
		return unanswered(ans)
	}
	if errs := data.RefundCreate.Errors; len(errs) > 0 {
		return s.told(ctx, w, f, sdk.Result{Status: sdk.StatusRejected, Code: "shopify.refund_refused", Reason: errs[0].Message})
	}
	out := s.told(ctx, w, f, sdk.Result{Status: sdk.StatusApplied})
	if a.Refund == canon.RefundByHand && !zero(f.due()) {
		out.ByHand, out.Amount = true, f.owed()
	}
	return out
}

// told adds what the shop shows now, and how much went back by refunds that were not there before. An order that can't be
// read now is read by the hub later.
func (s *session) told(ctx context.Context, w *sdk.Write, before *orderFacts, res sdk.Result) sdk.Result {
	var found []*graphOrder
	denied := false
	err := nodes(ctx, s, laneInteractive, docOrdersByID, []string{w.Ref.ExternalID}, orderPage, nil, func(_ string, o *graphOrder, d bool) error {
		denied = denied || d
		if o != nil {
			found = append(found, o)
		}
		return nil
	})
	if err != nil {
		return res
	}
	obs, err := s.orders(ctx, laneInteractive, found, denied)
	if err != nil {
		return res
	}
	known := make(map[string]bool)
	if res.Status == sdk.StatusApplied {
		for _, r := range before.Order.Refunds {
			known[r.ID] = true
		}
	}
	var sums []string
	currency := ""
	for i := range obs {
		switch o := &obs[i]; {
		case o.Order != nil && o.Aspect != canon.AspectMain:
			res.Also = append(res.Also, *o)
		case o.Order != nil:
			res.Shows, currency = o, o.Order.Currency
		case o.Refund != nil:
			res.Also = append(res.Also, *o)
			ours := res.Status == sdk.StatusApplied || strings.Contains(o.Refund.Note, mark(w.Key)) || w.Action.Kind == canon.ActionCancelOrder
			if o.Refund.Total != nil && !known[o.ExternalID] && ours {
				sums = append(sums, o.Refund.Total.Amount)
			}
		}
	}
	if res.Status == sdk.StatusApplied || res.Status == sdk.StatusDuplicate {
		res.Amount = sumMoney(sums, currency)
	}
	return res
}

// notAllowed is refused, not tried again and again.
func notAllowed() sdk.Result {
	return sdk.Result{
		Status: sdk.StatusRejected, Code: "shopify.access_denied",
		Reason: "the app may not cancel or refund orders: grant it the scope " + scopeActions + " and install it again",
	}
}

// unanswered is a mutation whose field came back empty.
func unanswered(ans answer) sdk.Result {
	if ans.denied {
		return notAllowed()
	}
	return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.unreadable", Reason: "the answer does not say what was done"}
}

// actFailed maps a call without an answer.
func actFailed(err error) sdk.Result {
	if res := failed(err); res.Code != "shopify.access_denied" {
		return res
	}
	return notAllowed()
}

// lookupAction finds out by the mark. Without it the action did not happen, once a job that was begun can't run any more;
// sent again, a refund has the same idempotency key and an order is cancelled once.
func (s *session) lookupAction(ctx context.Context, w *sdk.Write) sdk.Result {
	if no := actable(w); no != nil {
		return *no
	}
	f, res := s.orderFacts(ctx, w, false)
	if res != nil {
		if res.Status == sdk.StatusRejected {
			res.Status = sdk.StatusUnknown // nobody can see it
		}
		return *res
	}
	if s.didBefore(f, w) {
		out := s.told(ctx, w, f, sdk.Result{Status: sdk.StatusDuplicate})
		out.Status = sdk.StatusApplied
		return out
	}
	left := jobEnds - time.Since(w.Action.AttemptedAt)
	if w.Action.Kind == canon.ActionCancelOrder && f.Order.CancelledAt == "" && left > 0 {
		return sdk.Result{
			Status: sdk.StatusUnknown, Code: "shopify.may_run", RetryAfterMillis: max(left, time.Second).Milliseconds(),
			Reason: fmt.Sprintf("the shop may still be at it for %s", left.Round(time.Second)),
		}
	}
	return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.not_done", Reason: "the shop does not show it"}
}
