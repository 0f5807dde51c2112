package twin

import "fmt"

type fulfilmentNode struct{ *fulfilment }

func (fulfilmentNode) typeName() string { return "Fulfillment" }

func (n fulfilmentNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("Fulfillment", n.id)
	case "status":
		return "SUCCESS"
	case "displayStatus":
		return "FULFILLED"
	case "createdAt":
		return stamp(n.createdAt)
	case "location":
		return locationNode{n.location}
	case "trackingInfo":
		return []node{}
	case "fulfillmentLineItems":
		return x.connection([]row{{node: fulfilledLine(n.line, n.quantity), id: n.line.id}}, args)
	}
	return nil
}

func fulfilledLine(l *line, quantity int64) node {
	return object{"FulfillmentLineItem", map[string]any{"id": gid("FulfillmentLineItem", l.id), "quantity": quantity, "lineItem": lineNode{l}}}
}

// transactions gives what moved money of an order: the sale that paid it, and its refunds.
func (x *execution) transactions(o *order) []node {
	out := []node{}
	if o.saleID == 0 {
		return out
	}
	sale := object{"OrderTransaction", map[string]any{
		"id": gid("OrderTransaction", o.saleID), "kind": "SALE", "gateway": gateway, "status": "SUCCESS", "amountSet": x.bag(o.total), "processedAt": stamp(o.processedAt),
	}}
	out = append(out, sale)
	for _, r := range o.refunds {
		if r.transactionID != 0 {
			out = append(out, object{"OrderTransaction", map[string]any{
				"id": gid("OrderTransaction", r.transactionID), "kind": "REFUND", "gateway": gateway, "status": "SUCCESS", "amountSet": x.bag(r.amount),
				"processedAt": stamp(r.createdAt), "parentTransaction": sale,
			}})
		}
	}
	return out
}

type returnNode struct{ *goodsBack }

func (returnNode) typeName() string { return "Return" }

func (n returnNode) field(x *execution, name string, args map[string]any) any {
	var rows []row
	switch name {
	case "id":
		return gid("Return", n.id)
	case "name":
		return fmt.Sprintf("R%d", n.id)
	case "status":
		return n.status
	case "createdAt":
		return stamp(n.createdAt)
	case "returnLineItems":
		for _, l := range n.lines {
			rows = append(rows, row{node: object{"ReturnLineItem", map[string]any{
				"id": gid("ReturnLineItem", l.id), "quantity": l.quantity, "fulfillmentLineItem": fulfilledLine(l.line, l.quantity),
			}}, id: l.id})
		}
		return x.connection(rows, args)
	case "exchangeLineItems":
		for _, l := range n.exchange {
			rows = append(rows, row{node: object{"ExchangeLineItem", map[string]any{
				"id": gid("ExchangeLineItem", l.id), "quantity": l.quantity, "lineItems": []node{lineNode{l}},
			}}, id: l.id})
		}
		return x.connection(rows, args)
	case "refunds":
		for _, r := range n.refunds {
			rows = append(rows, row{node: refundNode{r}, id: r.id})
		}
		return x.connection(rows, args)
	}
	return nil
}

// Return takes goods of a fulfilled order back and closes the return. exchange are lines of the order that the client keeps in
// their place: the refund is net of them, as at the vendor; there is none where nothing is left to give back.
func (s *Server) Return(orderID string, lines []RefundLine, exchange []string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.order(orderID)
	if err != nil {
		return "", err
	}
	if o.fulfilment != "fulfilled" {
		return "", fmt.Errorf("%w: order %s was not handed over", ErrInvalid, orderID)
	}
	back := &goodsBack{createdAt: s.now(), status: "CLOSED"}
	var due cents
	for _, l := range o.lines {
		for _, id := range exchange {
			if gid("LineItem", l.id) == id {
				back.exchange = append(back.exchange, l)
				due -= l.price * cents(l.quantity)
			}
		}
		for _, back := range lines {
			if gid("LineItem", l.id) == back.LineID {
				due += l.price * cents(back.Quantity)
			}
		}
	}
	due = max(due, 0)
	r, err := s.refund(o, lines, "", &due)
	if err != nil {
		return "", err
	}
	back.id, back.lines, back.refunds = s.state.id(), r.lines, []*refund{r}
	o.returns = append(o.returns, back)
	s.publish("REFUNDS_CREATE", s.restRefund(r))
	s.publish("ORDERS_UPDATED", s.restOrder(o))
	return gid("Return", back.id), nil
}
