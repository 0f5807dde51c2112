package twin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// saleFields are what orders, invoices and credit memos can be searched by.
var saleFields = []string{
	"entity_id", "increment_id", "state", "status", "store_id", "customer_id", "customer_email", "created_at", "updated_at", "ext_order_id", "grand_total",
	"order_id", "order_currency_code",
}

func (s *Server) find(table map[int64]row, id string) row {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return table[n]
}

func (s *Server) listOrders(r *request) *response {
	return s.search(r, all(s.orders), saleFields, "entity_id")
}

func (s *Server) getOrder(r *request) *response {
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	return answer(o)
}

func (s *Server) listOrderItems(r *request) *response {
	var rows []row
	for _, o := range all(s.orders) {
		rows = append(rows, o["items"].([]row)...)
	}
	return s.search(r, rows, []string{"item_id", "order_id", "sku", "product_id", "created_at", "updated_at", "store_id"}, "item_id")
}

func (s *Server) listInvoices(r *request) *response {
	return s.search(r, all(s.invoices), saleFields, "entity_id")
}

func (s *Server) listMemos(r *request) *response {
	return s.search(r, all(s.memos), saleFields, "entity_id")
}

// createOrder writes an order as another system gives it. The vendor places no reservation for it, so that its goods stay
// for sale.
func (s *Server) createOrder(r *request) *response {
	var in struct {
		Entity *struct {
			ExtOrderID      string      `json:"ext_order_id"`
			CustomerEmail   string      `json:"customer_email"`
			GrandTotal      json.Number `json:"grand_total"`
			BaseGrandTotal  json.Number `json:"base_grand_total"`
			State           string      `json:"state"`
			Status          string      `json:"status"`
			StoreID         int64       `json:"store_id"`
			OrderCurrency   string      `json:"order_currency_code"`
			BaseCurrency    string      `json:"base_currency_code"`
			CustomerIsGuest int64       `json:"customer_is_guest"`
			Items           []struct {
				SKU         string      `json:"sku"`
				Name        string      `json:"name"`
				ProductID   int64       `json:"product_id"`
				ProductType string      `json:"product_type"`
				QtyOrdered  json.Number `json:"qty_ordered"`
				Price       json.Number `json:"price"`
				BasePrice   json.Number `json:"base_price"`
				RowTotal    json.Number `json:"row_total"`
			} `json:"items"`
			Payment        map[string]any `json:"payment"`
			BillingAddress map[string]any `json:"billing_address"`
		} `json:"entity"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	if in.Entity == nil {
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "entity"})
	}
	var b Purchase
	b.Email, b.Method = in.Entity.CustomerEmail, "checkmo"
	for _, it := range in.Entity.Items {
		qty, _ := strconv.ParseFloat(it.QtyOrdered.String(), 64)
		if s.bySKU(it.SKU) == nil {
			return hidden()
		}
		b.Lines = append(b.Lines, PurchaseLine{SKU: it.SKU, Quantity: int64(qty)})
	}
	o := s.newOrder(b)
	if in.Entity.ExtOrderID != "" {
		o["ext_order_id"] = in.Entity.ExtOrderID
	}
	if in.Entity.State != "" {
		o["state"], o["status"] = in.Entity.State, in.Entity.Status
	}
	s.noteOrder(o, ByAPI)
	return answer(o)
}

func (s *Server) cancelByAPI(r *request) *response {
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	done := s.cancel(o)
	if done {
		s.ledger.Cancels = append(s.ledger.Cancels, LedgerCancel{At: s.now(), Order: o["entity_id"].(int64), By: ByAPI})
	}
	return answer(done)
}

func (s *Server) commentOrder(r *request) *response {
	var in struct {
		StatusHistory *struct {
			Comment            *string `json:"comment"`
			IsCustomerNotified *int64  `json:"is_customer_notified"`
			IsVisibleOnFront   *int64  `json:"is_visible_on_front"`
			ParentID           *int64  `json:"parent_id"`
			Status             string  `json:"status"`
			EntityName         string  `json:"entity_name"`
		} `json:"statusHistory"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	if in.StatusHistory == nil || in.StatusHistory.Comment == nil {
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "statusHistory"})
	}
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	o["status_histories"] = append(o["status_histories"].([]row), row{
		"comment": *in.StatusHistory.Comment, "created_at": stamp(s.now()), "entity_id": s.id(), "entity_name": "order", "is_customer_notified": int64(0),
		"is_visible_on_front": int64(0), "parent_id": o["entity_id"], "status": o["status"],
	})
	s.touchOrder(o)
	return answer(true)
}

func (s *Server) invoiceByAPI(r *request) *response {
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	if o["state"] != "new" {
		return failure(http.StatusBadRequest, "Invoice Document Validation Error(s):\nThe order does not allow an invoice to be created.")
	}
	id := s.invoice(o)
	s.touchOrder(o)
	return answer(id)
}

func (s *Server) shipByAPI(r *request) *response {
	var in struct {
		Items []struct {
			OrderItemID int64       `json:"order_item_id"`
			Qty         json.Number `json:"qty"`
		} `json:"items"`
		Notify    bool             `json:"notify"`
		Tracks    []map[string]any `json:"tracks"`
		Arguments struct {
			Ext struct {
				SourceCode string `json:"source_code"`
			} `json:"extension_attributes"`
		} `json:"arguments"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	source := in.Arguments.Ext.SourceCode
	if source == "" {
		source = s.opts.Sources[0].Code
	}
	return answer(s.ship(o, source))
}

// refundBody is of both refunds; isOnline is of an invoice's alone.
type refundBody struct {
	Items []struct {
		OrderItemID int64       `json:"order_item_id"`
		Qty         json.Number `json:"qty"`
	} `json:"items"`
	IsOnline      bool `json:"isOnline"`
	Notify        bool `json:"notify"`
	AppendComment bool `json:"appendComment"`
	Comment       *struct {
		Comment          string `json:"comment"`
		IsVisibleOnFront int64  `json:"is_visible_on_front"`
	} `json:"comment"`
	Arguments *struct {
		Shipping           *json.Number `json:"shipping_amount"`
		AdjustmentPositive *json.Number `json:"adjustment_positive"`
		AdjustmentNegative *json.Number `json:"adjustment_negative"`
		Ext                *struct {
			ReturnToStock []int64 `json:"return_to_stock_items"`
		} `json:"extension_attributes"`
	} `json:"arguments"`
}

func (s *Server) refundOrder(r *request) *response {
	var in refundBody
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	o := s.find(s.orders, r.vars["id"])
	if o == nil {
		return noSuchEntity()
	}
	in.IsOnline = false
	return s.refund(o, &in, nil)
}

func (s *Server) refundInvoice(r *request) *response {
	var in refundBody
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	inv := s.find(s.invoices, r.vars["id"])
	if inv == nil {
		return noSuchEntity()
	}
	return s.refund(s.orders[inv["order_id"].(int64)], &in, inv)
}

func refused(reason string) *response {
	return failure(http.StatusBadRequest, "Creditmemo Document Validation Error(s):\n"+reason)
}

// refund makes a credit memo. Goods come back for sale only where return_to_stock_items names them.
func (s *Server) refund(o row, in *refundBody, invoice row) *response {
	switch {
	case o["state"] == "canceled" || o["state"] == "closed" || o["state"] == "new":
		return refused("The order does not allow creditmemo to be created.")
	case in.IsOnline && o["payment"].(row)["method"] != "sandboxpay":
		return refused("The payment method does not allow an online refund.")
	}
	items := o["items"].([]row)
	take := map[int64]int64{}
	for _, it := range in.Items {
		i := slices.IndexFunc(items, func(x row) bool { return x["item_id"] == it.OrderItemID })
		if i < 0 {
			return refused(fmt.Sprintf("The creditmemo contains product item with ID %d that is not part of the original order.", it.OrderItemID))
		}
		f, err := strconv.ParseFloat(it.Qty.String(), 64)
		if err != nil {
			return failure(http.StatusBadRequest, "the qty is no number")
		}
		take[it.OrderItemID] = int64(f)
		if left := items[i]["qty_invoiced"].(int64) - items[i]["qty_refunded"].(int64); int64(f) > left {
			return refused(fmt.Sprintf(`The quantity to creditmemo must not be greater than the unrefunded quantity for product SKU "%v".`, items[i]["sku"]))
		}
	}
	if len(in.Items) == 0 {
		for _, it := range items {
			take[it["item_id"].(int64)] = it["qty_invoiced"].(int64) - it["qty_refunded"].(int64)
		}
	}
	var back []int64
	var amount int64
	if a := in.Arguments; a != nil {
		if a.Ext != nil {
			back = a.Ext.ReturnToStock
		}
		if a.AdjustmentPositive != nil {
			n, _ := cents(a.AdjustmentPositive.String())
			amount += n
		}
		if a.AdjustmentNegative != nil {
			n, _ := cents(a.AdjustmentNegative.String())
			amount -= n
		}
	}
	count := func(it row) int64 {
		n := take[it["item_id"].(int64)]
		if parent, ok := it["parent_item_id"].(int64); ok {
			n = max(n, take[parent])
		}
		return n
	}
	for _, it := range items {
		amount += count(it) * centsOf(it, "price")
	}
	if left := centsOf(o, "grand_total") - centsOf(o, "total_refunded"); amount > left {
		return refused("The most money available to refund is " + string(number(left)) + ".")
	}
	memo := s.id()
	var lines []row
	for _, it := range items {
		id, n := it["item_id"].(int64), count(it)
		if n == 0 {
			continue
		}
		wasOpen := it["qty_ordered"].(int64) - it["qty_shipped"].(int64) - it["qty_refunded"].(int64)
		it["qty_refunded"] = it["qty_refunded"].(int64) + n
		lines = append(lines, row{
			"entity_id": s.id(), "parent_id": memo, "order_item_id": id, "product_id": it["product_id"], "sku": it["sku"], "name": it["name"], "qty": n,
			"price": it["price"], "base_price": it["base_price"], "base_cost": nil, "row_total": number(n * centsOf(it, "price")),
		})
		returned := slices.Contains(back, id)
		if parent, ok := it["parent_item_id"].(int64); ok {
			returned = returned || slices.Contains(back, parent)
		}
		if !returned || it["product_type"] == "configurable" {
			continue
		}
		unshipped := min(n, max(0, wasOpen))
		s.reserve(it["sku"].(string), -unshipped)
		if rest := n - unshipped; rest > 0 {
			s.restock(it["sku"].(string), rest)
		}
	}
	o["total_refunded"] = number(centsOf(o, "total_refunded") + amount)
	m := row{
		"entity_id": memo, "increment_id": fmt.Sprintf("%09d", memo), "order_id": o["entity_id"], "created_at": stamp(s.now()), "updated_at": stamp(s.now()),
		"state": int64(3), "store_id": int64(1), "order_currency_code": o["order_currency_code"], "base_currency_code": o["base_currency_code"],
		"grand_total": number(amount), "base_grand_total": number(amount), "subtotal": number(amount), "shipping_amount": int64(0), "items": lines, "comments": []row{},
	}
	if invoice != nil {
		m["invoice_id"] = invoice["entity_id"]
	}
	if in.IsOnline {
		m["transaction_id"] = fmt.Sprintf("txn-%d-refund", memo)
	}
	if in.Comment != nil { // kept whatever appendComment says; that is for the e-mail
		m["comments"] = []row{{"comment": in.Comment.Comment, "created_at": stamp(s.now()), "entity_id": s.id(), "is_customer_notified": int64(0), "is_visible_on_front": in.Comment.IsVisibleOnFront, "parent_id": memo}}
	}
	s.memos[memo] = m
	s.ledger.Refunds = append(s.ledger.Refunds, LedgerRefund{At: s.now(), ID: memo, Order: o["entity_id"].(int64), Amount: string(number(amount)), Online: in.IsOnline})
	s.advance(o)
	s.touchOrder(o)
	s.emit("observer.sales_order_creditmemo_save_after", row{"entity_id": memo, "order_id": o["entity_id"]})
	return answer(memo)
}

// restock puts shipped goods back into the first source that has the SKU.
func (s *Server) restock(sku string, n int64) {
	for _, x := range s.opts.Sources {
		if it := s.stock.items[itemKey{strings.ToLower(sku), x.Code}]; it != nil {
			s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.now(), SKU: it.sku, Source: x.Code, From: it.quantity, To: it.quantity + n, By: ByRefund})
			it.quantity += n
			it.inStock = it.quantity > 0
			s.stockChanged(sku)
			return
		}
	}
}

// Refund is a person's offline refund of a whole order, with its goods going back.
func (s *Server) Refund(order int64, restock bool) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[order]
	if o == nil {
		return 0, ErrNotFound
	}
	in := &refundBody{}
	if restock {
		var ids []int64
		for _, it := range o["items"].([]row) {
			ids = append(ids, it["item_id"].(int64))
		}
		raw, err := json.Marshal(map[string]any{"arguments": map[string]any{"extension_attributes": map[string]any{"return_to_stock_items": ids}}})
		if err != nil {
			return 0, err
		}
		if resp := decode(raw, in); resp != nil {
			return 0, fmt.Errorf("the refund can't be made")
		}
	}
	resp := s.refund(o, in, nil)
	id, ok := resp.value.(int64)
	if !ok {
		return 0, fmt.Errorf("the shop refuses: %v", resp.value)
	}
	return id, nil
}

// GhostReservation reserves goods that no order has, which the vendor's shops come to by faults and need a command line to
// mend.
func (s *Server) GhostReservation(sku string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserve(sku, n)
}

// Order is an order as the API shows it.
func (s *Server) Order(id int64) (map[string]any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return nil, false
	}
	return maps.Clone(o), true
}

// OrderLines gives the ids of an order's lines.
func (s *Server) OrderLines(order int64) (ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[order]; o != nil {
		for _, item := range o["items"].([]row) {
			ids = append(ids, item["item_id"].(int64))
		}
	}
	return ids
}
