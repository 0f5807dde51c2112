package router

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// An order's documents are its fulfilments, payments and returns: what its platform shows of them, and what the house made
// by command. What a platform shows is a function of its bindings alone (invariant 3); the timeline tells the steps.

// maxDocuments is how many documents of one kind an order may have.
const maxDocuments = 200

// hasAspect reports whether an observation is of an aspect that its kind has.
func hasAspect(obs *canon.Observation) bool {
	switch obs.Aspect {
	case canon.AspectMain:
		return true
	case canon.AspectPrice:
		return obs.Kind == canon.KindListing
	case canon.AspectPayment, canon.AspectReturn:
		return obs.Kind == canon.KindOrder
	}
	return false
}

// checkDocuments refuses documents of an order that can't be told apart, or are in a state that their machine does not know.
func checkDocuments(o *canon.OrderState) error {
	if len(o.Fulfilments) > maxDocuments || len(o.Payments) > maxDocuments || len(o.Returns) > maxDocuments {
		return faultf("order.documents", "an order has at most %d documents of a kind", maxDocuments)
	}
	for i := range o.Fulfilments {
		d := &o.Fulfilments[i]
		if err := checkDocument(&lifecycle.FulfilmentMachine, d.ID, d.Status, d.Lines); err != nil {
			return err
		}
	}
	for i := range o.Payments {
		if err := checkDocument(&lifecycle.PaymentMachine, o.Payments[i].ID, o.Payments[i].Status, nil); err != nil {
			return err
		}
	}
	for i := range o.Returns {
		d := &o.Returns[i]
		if err := checkDocument(&lifecycle.ReturnMachine, d.ID, d.Status, append(slices.Clip(d.Lines), d.Exchange...)); err != nil {
			return err
		}
		if err := checkIDs(d.Refunds...); err != nil {
			return err
		}
	}
	return nil
}

func checkDocument(m *lifecycle.Machine, id, status string, lines []canon.DocumentLine) error {
	if id == "" {
		return faultf("order.documents", "a %s has no id; fix the connector that sent it", m.Name)
	}
	if !slices.Contains(m.States(), lifecycle.State(status)) {
		return faultf("order.documents", "a %s can't be %.32q; fix the connector that sent it", m.Name, status)
	}
	for _, l := range lines {
		if err := checkIDs(l.ID); err != nil {
			return err
		}
		if err := checkQuantity(l.Quantity); err != nil {
			return err
		}
	}
	return checkIDs(id)
}

// papers gives the documents of an order that the house made.
func (f *fold) papers(order string) (*canon.OrderDocuments, error) {
	p, err := store.Load[canon.OrderDocuments](f.tx, store.PrefixPapers+order)
	if p == nil {
		p = &canon.OrderDocuments{Order: order}
	}
	return p, err
}

// documents puts an order's documents together. st is nil for an order that the house made; refunds are external ids.
func (f *fold) documents(order *canon.Order, st *canon.OrderState, refunds []string) error {
	if st != nil {
		if err := f.statedDocuments(order, st, refunds); err != nil {
			return err
		}
	}
	house, err := f.papers(order.ID)
	if err != nil {
		return err
	}
	order.Fulfilments = deliveries(order.Fulfilments, house.Fulfilments)
	order.Payments = append(order.Payments, house.Payments...)
	order.Returns = append(order.Returns, house.Returns...)
	return nil
}

func (f *fold) statedDocuments(order *canon.Order, st *canon.OrderState, refunds []string) error {
	cs := f.settings.Connection(order.Connection)
	for i := range st.Fulfilments {
		d := &st.Fulfilments[i]
		ff := canon.Fulfilment{ID: d.ID, Status: d.Status, Lines: d.Lines, Carrier: d.Carrier, Tracking: d.Tracking, CreatedAt: d.At}
		if d.Location != "" {
			ff.Location = f.placeOf(cs, d.Location)
		}
		order.Fulfilments = append(order.Fulfilments, ff)
	}
	payments, returns := st.Payments, st.Returns
	for _, aspect := range []canon.Aspect{canon.AspectPayment, canon.AspectReturn} {
		b, err := store.Load[canon.Binding](f.tx, store.BindingKey(canon.BindingKey{Connection: order.Connection, Kind: canon.KindOrder, ExternalID: order.ExternalID, Aspect: aspect}))
		if err != nil {
			return err
		}
		if b == nil || b.Deleted {
			continue
		}
		obs, err := effective(b)
		if err != nil {
			return err
		}
		if part := present(obs, obs.Order); part != nil {
			payments, returns = append(slices.Clip(payments), part.Payments...), append(slices.Clip(returns), part.Returns...)
		}
	}
	for i := range payments {
		p, err := readPayment(&payments[i])
		if err != nil {
			return err
		}
		order.Payments = append(order.Payments, p)
	}
	back, err := f.refundsOf(order, refunds)
	if err != nil {
		return err
	}
	for i := range returns {
		d := &returns[i]
		r := canon.OrderReturn{
			ID: d.ID, Status: d.Status, Number: d.Number, Reason: d.Reason, Lines: d.Lines, Exchange: d.Exchange, Refunds: d.Refunds, CreatedAt: d.At,
		}
		for _, id := range d.Refunds {
			if refund := back[id]; refund != nil {
				r.Refunded = sum(r.Refunded, refund.Total)
				delete(back, id)
			}
		}
		r.Value = valueOf(order, r.Lines)
		order.Returns = append(order.Returns, r)
	}
	if order.Status == canon.OrderFulfilled {
		// What was handed over and refunded with its lines came back, whether or not the platform keeps returns.
		for _, id := range sortedKeys(back) {
			order.Returns = append(order.Returns, refundedReturn(order, back[id])...)
		}
	}
	slices.SortStableFunc(order.Fulfilments, func(a, b canon.Fulfilment) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(order.Payments, func(a, b canon.Payment) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(order.Returns, func(a, b canon.OrderReturn) int { return cmp.Compare(a.ID, b.ID) })
	order.Fulfilments = slices.CompactFunc(order.Fulfilments, func(a, b canon.Fulfilment) bool { return a.ID == b.ID })
	order.Payments = slices.CompactFunc(order.Payments, func(a, b canon.Payment) bool { return a.ID == b.ID })
	order.Returns = slices.CompactFunc(order.Returns, func(a, b canon.OrderReturn) bool { return a.ID == b.ID })
	return nil
}

func readPayment(d *canon.StatedPayment) (canon.Payment, error) {
	p := canon.Payment{ID: d.ID, Status: d.Status, Kind: d.Kind, Reference: d.Reference, CreatedAt: d.At}
	for _, m := range []struct {
		into   **canon.Money
		stated *canon.StatedMoney
	}{{&p.Amount, &d.Amount}, {&p.Captured, d.Captured}, {&p.Refunded, d.Refunded}} {
		var err error
		if *m.into, err = money(m.stated); err != nil {
			return p, err
		}
	}
	return p, nil
}

// refundsOf gives the refunds of an order by their external ids.
func (f *fold) refundsOf(order *canon.Order, ids []string) (map[string]*canon.Refund, error) {
	out := make(map[string]*canon.Refund, len(ids))
	for _, ext := range ids {
		r, err := store.Peek[canon.Refund](f.tx, store.RecordKey(store.TypeRefund, canon.NodeID("ref", order.Connection, canon.KindRefund, ext)), nil)
		if err != nil {
			return nil, err
		}
		if r != nil && r.OrderID == order.ID {
			out[ext] = r
		}
	}
	return out, nil
}

// refundedReturn gives the return that a refund of lines stands for; none where only money went back.
func refundedReturn(order *canon.Order, refund *canon.Refund) []canon.OrderReturn {
	if len(refund.Lines) == 0 {
		return nil
	}
	at := refund.CreatedAt
	r := canon.OrderReturn{ID: refund.ExternalID, Status: "refunded", Refunds: []string{refund.ExternalID}, Refunded: refund.Total, CreatedAt: &at}
	for _, l := range refund.Lines {
		r.Lines = append(r.Lines, canon.DocumentLine{ID: l.OrderLineID, Quantity: l.Quantity})
	}
	r.Value = valueOf(order, r.Lines)
	return []canon.OrderReturn{r}
}

// sum adds an amount to another; what is of another currency, or would be more than an amount can be, is not added.
func sum(a, b *canon.Money) *canon.Money {
	switch {
	case b == nil || a != nil && a.Currency != b.Currency:
		return a
	case a == nil:
		return b
	}
	total, ok := plus(a.Minor, b.Minor, true)
	if !ok && b.Minor != 0 {
		return a
	}
	return &canon.Money{Minor: total, Currency: a.Currency}
}

// valueOf gives what lines were sold for: price times quantity; nil where a price is not known.
func valueOf(order *canon.Order, lines []canon.DocumentLine) *canon.Money {
	var total *canon.Money
	for _, l := range lines {
		i := slices.IndexFunc(order.Lines, func(o canon.OrderItem) bool { return o.ID == l.ID })
		if i < 0 || order.Lines[i].Price == nil {
			return nil
		}
		amount, ok := times(order.Lines[i].Price.Minor, l.Quantity)
		if !ok {
			return nil
		}
		total = sum(total, &canon.Money{Minor: amount, Currency: order.Lines[i].Price.Currency})
	}
	return total
}

// documentState is where a document is.
type documentState struct {
	machine *lifecycle.Machine
	id      string
	state   lifecycle.State
	via     lifecycle.State // a state that it is known to have gone through
	also    []string        // other ids by which it was known before
}

func documentStates(o *canon.Order) []documentState {
	if o == nil {
		return nil
	}
	var out []documentState
	for i := range o.Fulfilments {
		out = append(out, documentState{machine: &lifecycle.FulfilmentMachine, id: o.Fulfilments[i].ID, state: lifecycle.State(o.Fulfilments[i].Status), also: o.Fulfilments[i].HouseIDs})
	}
	for i := range o.Payments {
		out = append(out, documentState{machine: &lifecycle.PaymentMachine, id: o.Payments[i].ID, state: lifecycle.State(o.Payments[i].Status)})
	}
	for i := range o.Returns {
		r := &o.Returns[i]
		s := documentState{machine: &lifecycle.ReturnMachine, id: r.ID, state: lifecycle.State(r.Status)}
		if r.Status == "closed" && len(r.Exchange) > 0 && r.Refunded == nil {
			s.via = "exchanged"
		}
		out = append(out, s)
	}
	return out
}

// documentSteps tells in the order's timeline how its documents moved: by the shortest legal way, whose inner steps nobody
// stated. A state that no way leads to opens a case; the next step that is legal closes it.
func (f *fold) documentSteps(before, after *canon.Order) error {
	known := make(map[string]lifecycle.State)
	for _, d := range documentStates(before) {
		known[d.machine.Name+"/"+d.id] = d.state
	}
	moved := false
	var wrong []canon.Evidence
	for _, d := range documentStates(after) {
		from, there := known[d.machine.Name+"/"+d.id]
		for _, id := range d.also {
			if was := known[d.machine.Name+"/"+id]; !there && was != "" {
				from = was
			}
		}
		if from == d.state {
			continue
		}
		moved = true
		steps, ok := d.machine.Path(from, d.state)
		if d.via != "" && from != d.via {
			if first, there := d.machine.Path(from, d.via); there {
				if rest, there := d.machine.Path(d.via, d.state); there {
					steps = append(first, rest...)
				}
			}
		}
		if !ok {
			steps = []lifecycle.Transition{{To: d.state}}
			wrong = append(wrong, canon.Evidence{
				Connection: after.Connection, Text: fmt.Sprintf("%s %s was %s and is shown as %s", d.machine.Name, d.id, from, d.state), Position: f.f.pos.String(),
			})
		}
		for i, step := range steps {
			row := canon.Row{
				Entity: after.ID, Type: store.TypeOrder, Event: d.machine.Name + "." + string(step.To), Location: after.Location, Inferred: i+1 < len(steps),
				Changes: []canon.Change{{Field: d.machine.Name, After: textJSON(d.id)}},
			}
			if err := f.row(row); err != nil {
				return err
			}
		}
	}
	id := lifecycle.CaseID(canon.CaseDocument, after.ID)
	switch {
	case len(wrong) > 0:
		return f.openCase(&canon.Case{
			ID: id, Kind: canon.CaseDocument, Open: true, Subject: after.ID, Evidence: wrong,
			Summary:   "a document of the order is shown in a state that no way leads to from what was known",
			Proposals: []canon.Proposal{{ID: proposeAccept, Text: "Accept what the platform shows", Advised: true}},
		})
	case moved && before != nil:
		return f.closeCase(id, "it went on by a legal way")
	}
	return nil
}

// proposeAccept is the proposal to believe what a platform shows.
const proposeAccept = "accept"

// resolveDocument takes a person's word that what a platform shows of a document is right.
func (f *fold) resolveDocument(c *canon.Case, r *canon.Resolve) (*canon.Outcome, error) {
	c.Decision = &canon.CaseDecision{Proposal: r.Proposal, Note: r.Note, By: f.f.head.Actor, At: f.f.at, Position: f.f.pos}
	c.Note, c.Resolution = r.Note, r.Proposal
	if err := f.save(store.PrefixCase+c.ID, c); err != nil {
		return nil, err
	}
	if err := f.closeCase(c.ID, r.Proposal); err != nil {
		return nil, err
	}
	now, err := store.Load[canon.Case](f.tx, store.PrefixCase+c.ID)
	if err != nil {
		return nil, err
	}
	return done(200, now)
}
