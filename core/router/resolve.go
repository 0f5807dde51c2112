package router

import (
	"slices"
	"strings"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// maxOffered is how many claims are looked through for those that an oversold SKU's case proposes to cancel.
const maxOffered = 2000

// resolve takes a person's decision of a case. What gives way by it and belongs to the hub ends at once. What a platform
// sold ends when the platform shows that: the decision makes the actions for it, and the case stays open until then.
func (f *fold) resolve(cmd *canon.Command) (*canon.Outcome, error) {
	r := cmd.Resolve
	if no := mayAct(cmd, r.Refund, r.Reason); no != nil {
		return no, nil
	}
	c, err := store.Load[canon.Case](f.tx, store.PrefixCase+r.Case)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return refuse(404, "case.unknown", "no case has the id %q", r.Case), nil
	}
	if !c.Open {
		return refuse(409, "case.closed", "the case is closed: %s", c.Resolution), nil
	}
	proposed := slices.ContainsFunc(c.Proposals, func(p canon.Proposal) bool { return p.ID == r.Proposal })
	if !proposed && c.Claims > 0 { // it names some of its claims alone
		if proposed, err = f.liveOn(c.Subject, strings.TrimPrefix(r.Proposal, "keep:")); err != nil {
			return nil, err
		}
	}
	if !proposed {
		return refuse(422, "case.proposal", "the case has no proposal %q: show it to see what it proposes", r.Proposal), nil
	}
	if c.Kind == canon.CaseClient {
		return f.resolveClient(c, r)
	}
	if c.Kind == canon.CaseDocument {
		return f.resolveDocument(c, r)
	}
	if c.Kind == canon.CaseListing {
		return f.resolveListing(c, r)
	}
	item, err := f.item(c.Subject)
	if err != nil {
		return nil, err
	}
	if item == nil {
		return refuse(409, "case.stale", "the piece of this case is no more"), nil
	}
	losers, err := f.losers(c, r.Proposal)
	if err != nil {
		return nil, err
	}
	way, no, err := f.wayOf(c, r, losers)
	if err != nil || no != nil {
		return no, err
	}
	before, no, err := f.earlier(c, r, losers)
	if err != nil || no != nil {
		return no, err
	}
	// From here on nothing is refused any more.
	if err := f.clearWay(before); err != nil {
		return nil, err
	}
	if keep, is := strings.CutPrefix(r.Proposal, "keep:"); is {
		if err := f.setYields(keep, false); err != nil {
			return nil, err
		}
	}
	return f.carryOut(c, r, way)
}

// losers gives the live claims that give way by a proposal.
func (f *fold) losers(c *canon.Case, proposal string) ([]*canon.Claim, error) {
	var keys []string
	if one, is := strings.CutPrefix(proposal, "cancel:"); is {
		keys = []string{one}
	} else {
		keep := strings.TrimPrefix(proposal, "keep:")
		if c.Claims > 0 {
			item, err := f.item(c.Subject)
			if err != nil || item == nil {
				return nil, err
			}
			live, err := f.claimsOn(item)
			return slices.DeleteFunc(live, func(l *canon.Claim) bool { return l.Key == keep }), err
		}
		for _, e := range c.Evidence {
			if e.Claim != "" && e.Claim != keep {
				keys = append(keys, e.Claim)
			}
		}
	}
	claims, err := f.claims(keys)
	return lifecycle.Live(claims), err
}

// liveOn reports whether a claim is live on an item.
func (f *fold) liveOn(id, claim string) (bool, error) {
	item, err := f.item(id)
	if err != nil || item == nil {
		return false, err
	}
	live, err := f.claimsOn(item)
	return slices.ContainsFunc(live, func(c *canon.Claim) bool { return c.Key == claim }), err
}

// earlier gives the actions that an earlier decision made and that a new one has to end, and refuses the new one while
// any of them may be on its way to a platform: two decisions together could give back twice.
func (f *fold) earlier(c *canon.Case, r *canon.Resolve, losers []*canon.Claim) ([]*canon.Action, *canon.Outcome, error) {
	var before []*canon.Action
	if !strings.HasPrefix(r.Proposal, "cancel:") { // of an oversold SKU several orders may be cancelled, one after the other
		for _, p := range c.Actions {
			a, err := f.action(p.Connection, p.Key)
			if err != nil {
				return nil, nil, err
			}
			if a != nil {
				before = append(before, a)
			}
		}
	}
	orders := make(map[string]bool)
	for _, l := range losers {
		orders[l.Document] = true
	}
	for _, order := range sortedKeys(orders) {
		others, err := f.actionsOf(order)
		if err != nil {
			return nil, nil, err
		}
		for _, a := range others {
			if !slices.ContainsFunc(before, func(b *canon.Action) bool { return b.Key == a.Key }) {
				before = append(before, a)
			}
		}
	}
	for _, a := range before {
		switch {
		case a.State.Sent():
			return nil, refuse(409, "case.in_progress", "%s of order %s at %s is under way: wait for its outcome", a.Kind, a.Order, a.Connection), nil
		case a.State == canon.ActionParked && !r.Again:
			return nil, refuse(409, "case.unknown_outcome",
				"nobody knows whether %s of order %s at %s happened: look there; if it did not, resolve again and say so (again)", a.Kind, a.Order, a.Connection), nil
		case a.State == canon.ActionDone && a.Case == c.ID && !r.Again && slices.ContainsFunc(losers, func(l *canon.Claim) bool { return slices.Contains(a.Claims, l.Key) }):
			return nil, refuse(409, "case.in_progress", "%s of order %s is done: wait until %s shows it", a.Kind, a.Order, a.Connection), nil
		case a.State == canon.ActionWanted && a.Case != c.ID:
			return nil, refuse(409, "order.in_progress", "%s of order %s was asked for already: wait until it is over", a.Kind, a.Order), nil
		}
	}
	return before, nil, nil
}

// clearWay ends what an earlier decision still wanted, and what a person says did not happen.
func (f *fold) clearWay(before []*canon.Action) error {
	for _, a := range before {
		if a.State == canon.ActionParked {
			was := a.State
			a.State, a.EndedAt = canon.ActionFailed, f.f.at
			if err := f.putAction(was, a); err != nil {
				return err
			}
		}
		if err := f.withdraw(a.Connection, a.Key, "another decision was taken"); err != nil {
			return err
		}
	}
	return nil
}

// wayOut is how claims end: here and now, or by actions at their platforms.
type wayOut struct {
	here    []*canon.Claim
	actions []*canon.Action
}

// wayOf finds how the claims that give way can end.
func (f *fold) wayOf(c *canon.Case, r *canon.Resolve, losers []*canon.Claim) (*wayOut, *canon.Outcome, error) {
	way := &wayOut{}
	byOrder := make(map[string][]*canon.Claim)
	orders := make(map[string]*canon.Order)
	for _, l := range losers {
		order, err := f.atPlatform(l)
		if err != nil {
			return nil, nil, err
		}
		if order == nil {
			way.here = append(way.here, l)
			continue
		}
		byOrder[order.ID], orders[order.ID] = append(byOrder[order.ID], l), order
	}
	for _, id := range sortedKeys(byOrder) {
		former, err := f.actionsOf(id)
		if err != nil {
			return nil, nil, err
		}
		fulfilled := slices.ContainsFunc(former, func(a *canon.Action) bool { return a.Code == canon.CodeFulfilled })
		a := givingWay(orders[id], byOrder[id], fulfilled)
		a.Refund, a.Notify, a.Reason, a.Note, a.Case = r.Refund, r.Notify, orElse(r.Reason, canon.ReasonInventory), r.Note, c.ID
		if !f.settings.Connection(a.Connection).Can(a.Kind) {
			return nil, refuse(409, "order.by_hand", "the hub can't do %s at %s: do it there", a.Kind, a.Connection), nil
		}
		way.actions = append(way.actions, a)
	}
	return way, nil, nil
}

// carryOut ends the claims that give way, or makes the actions that end them at their platforms.
func (f *fold) carryOut(c *canon.Case, r *canon.Resolve, way *wayOut) (*canon.Outcome, error) {
	for _, l := range way.here {
		before := *l
		l.Overruled, l.Ended = true, "overruled"
		if err := f.putClaim(&before, l); err != nil {
			return nil, err
		}
	}
	c.Decision = &canon.CaseDecision{Proposal: r.Proposal, Note: r.Note, By: f.f.head.Actor, At: f.f.at, Position: f.f.pos}
	c.Note = r.Note
	settled := c.Kind != canon.CaseOversold && len(way.actions) == 0
	if settled {
		c.Resolution = r.Proposal
	}
	if c.Kind != canon.CaseOversold {
		c.Actions = nil
	}
	for _, a := range way.actions {
		if err := f.request(a); err != nil {
			return nil, err
		}
		c.Actions = append(c.Actions, a.Progress())
	}
	if err := f.save(store.PrefixCase+c.ID, c); err != nil {
		return nil, err
	}
	chosen, err := json.Marshal(r.Proposal)
	if err != nil {
		return nil, err
	}
	if err := f.row(canon.Row{Entity: c.ID, Type: "case", Event: "case.decided", Changes: []canon.Change{{Field: "decision", After: chosen}}}); err != nil {
		return nil, err
	}
	for _, a := range way.actions {
		for _, k := range a.Claims {
			if err := f.setYields(k, true); err != nil {
				return nil, err
			}
		}
	}
	if err := f.refreshDirty(); err != nil {
		return nil, err
	}
	if settled {
		if err := f.closeCase(c.ID, r.Proposal); err != nil {
			return nil, err
		}
	}
	now, err := store.Load[canon.Case](f.tx, store.PrefixCase+c.ID)
	if err != nil {
		return nil, err
	}
	return done(200, now)
}

// atPlatform gives the order of a claim that the hub can end at its platform; nil where it can't. There is none of a
// reservation or a memo, nor of a sale by command: the hub made those itself.
func (f *fold) atPlatform(c *canon.Claim) (*canon.Order, error) {
	cs := f.settings.Connection(c.Connection)
	if c.Kind != canon.ClaimSale || c.Document == "" || !(cs.Can(canon.ActionCancelOrder) || cs.Can(canon.ActionRefundLines)) {
		return nil, nil
	}
	return store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, c.Document))
}

// givingWay gives the action that ends claims of one order: all of it is cancelled where nothing else is in it and none
// of it was handed over, as the hub knows or the platform said, else their lines are refunded.
func givingWay(o *canon.Order, claims []*canon.Claim, fulfilled bool) *canon.Action {
	a := &canon.Action{
		Kind: canon.ActionCancelOrder, Connection: o.Connection, Order: o.ExternalID, OrderID: o.ID, Number: o.Number,
	}
	lost := make(map[string]int64, len(claims))
	for _, c := range claims {
		lost[strings.TrimPrefix(c.Key, o.Connection+"/"+store.Part(o.ExternalID)+"/")] = c.Net
		a.Claims = append(a.Claims, c.Key)
	}
	if o.Status == canon.OrderFulfilled || fulfilled {
		a.Kind = canon.ActionRefundLines
	}
	for _, l := range o.Lines {
		switch left := l.Quantity - l.Refunded; {
		case lost[l.ID] > 0:
			a.Lines = append(a.Lines, canon.ActionLine{ID: l.ID, Quantity: lost[l.ID]})
		case left > 0:
			a.Kind = canon.ActionRefundLines // the buyer gets the rest
		}
	}
	if a.Kind == canon.ActionCancelOrder {
		a.Lines = nil
	}
	return a
}

// settleDecision withdraws what a case that closes wanted still, and says how it ended.
func (f *fold) settleDecision(c *canon.Case) (*canon.Case, error) {
	if c.Decision == nil {
		return c, nil
	}
	for _, p := range c.Actions {
		if err := f.withdraw(p.Connection, p.Key, "the case has ended without it"); err != nil {
			return nil, err
		}
	}
	c, err := store.Load[canon.Case](f.tx, store.PrefixCase+c.ID) // with the progress of what was withdrawn
	if err != nil {
		return nil, err
	}
	keep, is := strings.CutPrefix(c.Decision.Proposal, "keep:")
	if !is || c.Resolution != "" {
		return c, nil
	}
	kept, err := f.claim(keep)
	if err != nil {
		return nil, err
	}
	if kept != nil && kept.Live() {
		c.Resolution = c.Decision.Proposal
	}
	return c, nil
}

// proposeCancelling proposes, for an oversold SKU, which orders to cancel: the latest that were not handed over.
func (f *fold) proposeCancelling(item *canon.Item, c *canon.Case) error {
	var offered []*canon.Claim
	for _, node := range item.Nodes {
		ledger, err := f.sharedLedger(node)
		if err != nil {
			return err
		}
		if !ledger.Many {
			claims, err := f.claims(ledger.Live)
			if err != nil {
				return err
			}
			offered = append(offered, claims...)
			continue
		}
		prefix := prefixClaims + node + "/"
		var keys []string
		err = f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
			keys = append(keys, key[len(prefix):])
			return len(keys) < maxOffered, nil
		})
		if err != nil {
			return err
		}
		claims, err := f.claims(keys)
		if err != nil {
			return err
		}
		offered = append(offered, claims...)
	}
	lifecycle.ProposeCancelling(c, item, offered)
	return nil
}
