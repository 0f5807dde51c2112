package magento

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// orderStatus maps the shop's states, which its own statuses all belong to.
//
//   - new, pending_payment, payment_review: placed and not paid; the goods are reserved.
//   - processing: paid or shipped in part. holded: stopped by a person; the goods stay reserved.
//   - complete: paid and shipped.
//   - closed: all money went back. The sale stood; what came back is said by its credit memos.
func orderStatus(o *order) (canon.OrderStatus, error) {
	switch o.State {
	case "new", "pending_payment", "payment_review":
		return canon.OrderPending, nil
	case "processing", "holded":
		return canon.OrderOpen, nil
	case "complete":
		return canon.OrderFulfilled, nil
	case "closed":
		for i := range o.Items {
			if pieces(o.Items[i].Shipped) > 0 {
				return canon.OrderFulfilled, nil
			}
		}
		return canon.OrderOpen, nil
	case "canceled":
		return canon.OrderCancelled, nil
	case "":
		return "", fmt.Errorf("order %d has no state", o.EntityID)
	}
	// A module's own state stands for work between payment and delivery; taking it as open keeps the goods held.
	return canon.OrderOpen, nil
}

// observeOrder translates an order, in the currency that the buyer paid in.
func (s *shop) observeOrder(o *order, c *channel) (canon.Observation, error) {
	if o.EntityID <= 0 {
		return canon.Observation{}, fmt.Errorf("the order has no entity_id")
	}
	status, err := orderStatus(o)
	if err != nil {
		return canon.Observation{}, err
	}
	placed, ok := shopTime(o.CreatedAt)
	if !ok {
		return canon.Observation{}, fmt.Errorf("order %d has no created_at", o.EntityID)
	}
	cur := strings.ToUpper(clean(o.Currency))
	from := clean(o.Extension.Pickup)
	if from == "" {
		from = c.only()
	}
	st := &canon.OrderState{
		Number: clean(o.IncrementID), Status: status, FinancialStatus: clean(o.State), PlacedAt: placed, Currency: cur,
		Total: canon.StatedMoney{Amount: amount(o.GrandTotal), Currency: cur}, Subtotal: money(o.Subtotal, cur), Tax: money(o.Tax, cur),
		Discount: money(unsigned(o.Discount), cur), Shipping: money(o.Shipping, cur), Lines: []canon.OrderLine{}, Channel: "web", Buyer: buyer(o),
	}
	if o.CustomerID > 0 {
		st.CustomerID = idText(o.CustomerID)
	}
	st.Tenders = tenders(o, cur)
	for i := range o.Items {
		line, ok, err := orderLine(o, &o.Items[i], cur)
		if err != nil {
			return canon.Observation{}, fmt.Errorf("order %d: %w", o.EntityID, err)
		}
		if ok {
			line.Location = from
			st.Lines = append(st.Lines, line)
		}
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: idText(o.EntityID), SourceVersion: version(o.UpdatedAt), Order: st}, nil
}

// orderLine translates an item. A configurable product gives two: the parent has the price and the child is the goods, so
// that they become one line under the parent's id, which refunds name. A bundle's children are goods with their own prices,
// and its parent is none.
func orderLine(o *order, it *orderItem, cur string) (canon.OrderLine, bool, error) {
	goods := it
	if it.ParentItemID > 0 && o.parentType(it) == "configurable" || it.ProductType == "bundle" {
		return canon.OrderLine{}, false, nil
	}
	if it.ProductType == "configurable" {
		for i := range o.Items {
			if o.Items[i].ParentItemID == it.ItemID {
				goods = &o.Items[i]
			}
		}
	}
	qty, ok := whole(it.Ordered)
	if !ok {
		return canon.OrderLine{}, false, fmt.Errorf("item %d has the quantity %q", it.ItemID, shorten(string(it.Ordered), 20))
	}
	line := canon.OrderLine{
		ID: idText(it.ItemID), SKU: strings.TrimSpace(goods.SKU), Title: clean(it.Name), Quantity: qty,
		Price: canon.StatedMoney{Amount: amount(it.Price), Currency: cur}, Tax: money(it.Tax, cur),
	}
	if goods.ProductID > 0 { // a product that was deleted since may have none
		line.ListingID = idText(goods.ProductID)
	}
	if d := amount(unsigned(it.Discount)); d != "" && d != "0" {
		line.Discount = &canon.StatedMoney{Amount: d, Currency: cur}
	}
	return line, true, nil
}

func (o *order) parentType(it *orderItem) string {
	for i := range o.Items {
		if o.Items[i].ItemID == it.ParentItemID {
			return o.Items[i].ProductType
		}
	}
	return ""
}

// tenders are the means of payment as far as the order tells them apart.
func tenders(o *order, cur string) []canon.Tender {
	var out []canon.Tender
	add := func(kind string, t text, reference string) {
		if v := amount(t); v != "" && v != "0" {
			out = append(out, canon.Tender{Kind: kind, Amount: canon.StatedMoney{Amount: v, Currency: cur}, Reference: reference})
		}
	}
	add(clean(o.Payment.Method), o.Payment.AmountPaid, clean(o.Payment.LastTransID))
	add("gift_card", o.Extension.GiftCardsAmount, "")
	add("store_credit", o.Extension.BalanceAmount, "")
	return out
}

func money(t text, cur string) *canon.StatedMoney {
	if s := amount(t); s != "" {
		return &canon.StatedMoney{Amount: s, Currency: cur}
	}
	return nil
}

func unsigned(t text) text { return text(strings.TrimPrefix(clean(t), "-")) }

// observeMemo translates a credit memo. It does not say whether goods were put back: that shows in the level. Only for one
// that the hub made itself the mark in its comment does.
func observeMemo(m *creditMemo) (canon.Observation, error) {
	created, ok := shopTime(m.CreatedAt)
	if !ok || m.EntityID <= 0 || m.OrderID <= 0 {
		return canon.Observation{}, fmt.Errorf("credit memo %d lacks its order or created_at", m.EntityID)
	}
	cur := strings.ToUpper(clean(m.Currency))
	st := &canon.RefundState{OrderID: idText(m.OrderID), CreatedAt: created, Total: money(m.GrandTotal, cur)}
	restocked := false
	for i := range m.Comments {
		restocked = restocked || strings.Contains(string(m.Comments[i].Comment), markRestock)
		if st.Note == "" {
			st.Note = clean(m.Comments[i].Comment)
		}
	}
	for i := range m.Items {
		it := &m.Items[i]
		qty, ok := whole(it.Qty)
		if !ok {
			return canon.Observation{}, fmt.Errorf("credit memo %d: the item of %d has the quantity %q", m.EntityID, it.OrderItemID, shorten(string(it.Qty), 20))
		}
		if a := amount(it.RowTotal); qty == 0 || a == "" || a == "0" { // the child of a configurable product, or money alone
			continue
		}
		st.Lines = append(st.Lines, canon.RefundLine{OrderLineID: idText(it.OrderItemID), Quantity: qty, Restocked: restocked, Amount: money(it.RowTotal, cur)})
	}
	return canon.Observation{Kind: canon.KindRefund, ExternalID: idText(m.EntityID), SourceVersion: version(m.UpdatedAt), Refund: st}, nil
}
