package woocommerce

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// metaRestocked is on an order's line: how many pieces of it all refunds together put back into stock.
const metaRestocked = "_restock_refunded_items"

// metaRefundedItem is on a refund's line: the id of the order line that it takes back.
const metaRefundedItem = "_refunded_item_id"

// orderStatus maps WooCommerce's words. The shop takes stock away at on-hold, processing and completed, and gives it back
// at cancelled and pending.
//
//   - pending: placed and not paid; the checkout reserves its goods for a while.
//   - refunded: the sale stood and stays; what came back is said by its refunds.
//   - failed: the payment failed and nothing is owed to the buyer, though the shop gives back nothing by itself: the
//     hub raises the stock again.
//   - checkout-draft: a filled cart, not an order; see isDraft.
func orderStatus(o *order) (canon.OrderStatus, error) {
	switch o.Status {
	case "pending":
		return canon.OrderPending, nil
	case "on-hold", "processing":
		return canon.OrderOpen, nil
	case "completed":
		return canon.OrderFulfilled, nil
	case "refunded":
		if _, done := gmtTime(o.DateCompletedGMT); done {
			return canon.OrderFulfilled, nil
		}
		return canon.OrderOpen, nil
	case "cancelled", "failed", "trash", "checkout-draft", "auto-draft":
		return canon.OrderCancelled, nil
	}
	if o.Status == "" {
		return "", fmt.Errorf("order %d has no status", o.ID)
	}
	// Shops add own states ("wc-in-workshop" is shown as "in-workshop"). They stand for work between payment and
	// delivery; taking them as open keeps the goods held, which can't oversell.
	return canon.OrderOpen, nil
}

// isDraft tells that the order is a cart which the checkout saved. Nobody placed it yet.
func (o *order) isDraft() bool { return o.Status == "checkout-draft" || o.Status == "auto-draft" }

// observeOrder translates an order. Its refunds carry neither lines nor times, so they are returned as touched.
//
// The levels of what was ordered are not touched: every reduction of stock saves the product, which fires
// product.updated and moves date_modified, so webhook and poll of the product state the level. A read for each line
// would double the load that a small shop bears in a rush.
func (s *shop) observeOrder(o *order) (canon.Observation, []canon.Ref, error) {
	if o.ID <= 0 {
		return canon.Observation{}, nil, fmt.Errorf("the order has no id")
	}
	status, err := orderStatus(o)
	if err != nil {
		return canon.Observation{}, nil, err
	}
	placed, ok := gmtTime(o.DateCreatedGMT)
	if !ok {
		return canon.Observation{}, nil, fmt.Errorf("order %d has no date_created_gmt", o.ID)
	}
	cur := strings.ToUpper(clean(o.Currency))
	st := &canon.OrderState{
		Number:          clean(o.Number),
		Status:          status,
		FinancialStatus: string(o.Status),
		PlacedAt:        placed,
		Currency:        cur,
		Total:           canon.StatedMoney{Amount: clean(o.Total), Currency: cur},
		Tax:             money(o.TotalTax, cur),
		Discount:        money(o.DiscountTotal, cur),
		Shipping:        money(o.ShippingTotal, cur),
		Lines:           make([]canon.OrderLine, 0, len(o.LineItems)),
		Channel:         clean(o.CreatedVia),
		Buyer:           buyer(o),
	}
	if o.CustomerID > 0 {
		st.CustomerID = idText(o.CustomerID)
	}
	if _, paid := gmtTime(o.DatePaidGMT); paid && o.PaymentMethod != "" {
		st.Tenders = []canon.Tender{{Kind: clean(o.PaymentMethod), Amount: st.Total, Reference: clean(o.TransactionID)}}
	}
	for i := range o.LineItems {
		line, err := s.orderLine(&o.LineItems[i], cur)
		if err != nil {
			return canon.Observation{}, nil, fmt.Errorf("order %d: %w", o.ID, err)
		}
		st.Lines = append(st.Lines, line)
	}
	var touched []canon.Ref
	st.Fulfilments, st.Payments = fulfilments(o, st), payments(o, cur)
	for _, r := range o.Refunds {
		touched = append(touched, canon.Ref{Kind: canon.KindRefund, ExternalID: refundID(o.ID, r.ID)})
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: idText(o.ID), SourceVersion: version(o.DateModifiedGMT), Order: st}, touched, nil
}

func (s *shop) orderLine(l *lineItem, cur string) (canon.OrderLine, error) {
	qty, ok := whole(l.Quantity)
	if !ok {
		return canon.OrderLine{}, fmt.Errorf("line %d has the quantity %q", l.ID, shorten(string(l.Quantity), 20))
	}
	line := canon.OrderLine{
		ID: idText(l.ID), SKU: clean(l.SKU), Title: clean(l.Name), Quantity: qty,
		Price: canon.StatedMoney{Amount: unitPrice(l, qty), Currency: cur},
		Tax:   money(l.TotalTax, cur),
	}
	// A product that was deleted since has product_id 0.
	switch {
	case l.VariationID > 0:
		line.ListingID = idText(l.VariationID)
	case l.ProductID > 0:
		line.ListingID = idText(l.ProductID)
	}
	for _, k := range s.cfg.SerialKeys {
		if line.Serial = l.MetaData.value(k); line.Serial != "" {
			break
		}
	}
	for _, k := range s.cfg.EPCKeys {
		if line.EPC = l.MetaData.value(k); line.EPC != "" {
			break
		}
	}
	if d, ok := subtract(l.Subtotal, l.Total); ok {
		line.Discount = &canon.StatedMoney{Amount: d, Currency: cur}
	}
	return line, nil
}

// unitPrice is the price of one before discount, as far as it is stated: the line's subtotal for one piece; the
// line's `price` (which is after discount) where there was no discount; else the subtotal divided.
func unitPrice(l *lineItem, qty int64) string {
	subtotal := clean(l.Subtotal)
	sum, ok := decimal(subtotal)
	switch {
	case !ok || qty == 0:
		return clean(l.Price)
	case qty == 1:
		return subtotal
	case l.Price != "" && clean(l.Total) == subtotal:
		return clean(l.Price)
	}
	each := sum.Quo(sum, new(big.Rat).SetInt64(qty))
	return strings.TrimRight(strings.TrimRight(each.FloatString(6), "0"), ".")
}

// subtract gives a - b when it is more than zero.
func subtract(a, b text) (string, bool) {
	x, ok1 := decimal(clean(a))
	y, ok2 := decimal(clean(b))
	if !ok1 || !ok2 || x.Cmp(y) <= 0 {
		return "", false
	}
	_, frac, _ := strings.Cut(clean(a), ".")
	return x.Sub(x, y).FloatString(max(2, len(frac))), true
}

// plainDecimal bounds what is computed with: big.Rat would spend minutes on "1e999999".
var plainDecimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,12})?$`)

func decimal(s string) (*big.Rat, bool) {
	if !plainDecimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func money(t text, cur string) *canon.StatedMoney {
	if s := clean(t); s != "" {
		return &canon.StatedMoney{Amount: s, Currency: cur}
	}
	return nil
}

// refundID builds the external id of a refund, which the platform finds only through its order.
func refundID(order, refund int64) string { return idText(order) + "/" + idText(refund) }

func splitRefundID(s string) (order, refund int64, ok bool) {
	a, b, found := strings.Cut(s, "/")
	order, ok1 := parseID(a)
	refund, ok2 := parseID(b)
	return order, refund, found && ok1 && ok2
}

// observeRefunds translates all refunds of an order.
//
// Whether goods were put back is not said by a refund itself. The order's line keeps a tally over all its refunds
// (_restock_refunded_items): equal to all that was refunded of the line, every refund restocked; absent or zero,
// none did. In between it can't be told which one did: Restocked stays false, and the level, which the same refund makes
// the shop send, decides.
func (s *shop) observeRefunds(o *order, refunds []refund) ([]canon.Observation, error) {
	cur := strings.ToUpper(clean(o.Currency))
	refunded := map[string]int64{} // by order line
	for i := range refunds {
		for j := range refunds[i].LineItems {
			l := &refunds[i].LineItems[j]
			n, ok := whole(l.Quantity)
			if !ok {
				return nil, fmt.Errorf("refund %d of order %d: line %d has the quantity %q", refunds[i].ID, o.ID, l.ID, shorten(string(l.Quantity), 20))
			}
			refunded[l.MetaData.value(metaRefundedItem)] += abs(n)
		}
	}
	restocked := map[string]bool{}
	for i := range o.LineItems {
		id := idText(o.LineItems[i].ID)
		tally, ok := whole(text(o.LineItems[i].MetaData.value(metaRestocked)))
		restocked[id] = ok && tally > 0 && tally >= refunded[id]
	}
	var out []canon.Observation
	for i := range refunds {
		r := &refunds[i]
		created, ok := gmtTime(r.DateCreatedGMT)
		if !ok || r.ID <= 0 {
			return nil, fmt.Errorf("refund %d of order %d has no date_created_gmt", r.ID, o.ID)
		}
		st := &canon.RefundState{OrderID: idText(o.ID), CreatedAt: created, Note: clean(r.Reason), Total: money(text(unsigned(r.Amount)), cur)}
		for j := range r.LineItems {
			l := &r.LineItems[j]
			n, _ := whole(l.Quantity)
			line := l.MetaData.value(metaRefundedItem)
			if n == 0 || line == "" {
				continue // money only
			}
			st.Lines = append(st.Lines, canon.RefundLine{OrderLineID: line, Quantity: abs(n), Restocked: restocked[line], Amount: money(text(unsigned(l.Total)), cur)})
		}
		// Without a source version: what the hub reads later counts, because a later refund can settle the tally.
		out = append(out, canon.Observation{Kind: canon.KindRefund, ExternalID: refundID(o.ID, r.ID), Refund: st})
	}
	return out, nil
}

func unsigned(t text) string { return strings.TrimPrefix(clean(t), "-") }

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
