package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

// listingSettled folds the outcome of an action on a listing. What was done counts as done when the platform shows it: until
// it was read nothing further is wanted.
func (f *fold) listingSettled(a *canon.Action, s *canon.ActionSettled) error {
	before, err := f.publication(a.Connection, a.Listing.Node)
	if err != nil || before == nil {
		return err
	}
	p := *before
	a.Code, a.Detail = s.Code, s.Reason
	done, end := s.Status == "applied" || s.Status == "duplicate", canon.ActionFailed
	create := a.Kind == canon.ActionCreateListing
	switch {
	case done && create && s.Made == nil: // nobody could say which listing it is: it is looked for again
		return f.listingGoesOn(a, canon.ActionUnknown)
	case done:
		end = canon.ActionDone
		if err := f.listingDone(&p, a, s); err != nil {
			return err
		}
	case s.Status == "retry", create && s.LookedUp && s.Status == "rejected":
		return f.listingGoesOn(a, canon.ActionWanted)
	case create && s.Status == "unknown" && s.LookedUp:
		p.State, p.Why = canon.PublicationRefused, "nobody knows whether it was made: "+s.Reason
		if err := f.listingGoesOn(a, canon.ActionParked); err != nil {
			return err
		}
		return f.putPublication(before, &p)
	case create && s.Status == "unknown":
		return f.listingGoesOn(a, canon.ActionUnknown)
	case s.Status == "unknown", s.Status == "conflict": // what it shows decides what is wanted next
		p.Await = f.f.pos
		f.readListing(a.Connection, p.ListingID)
	default:
		p.Refused = append(slices.DeleteFunc(slices.Clone(p.Refused), func(r canon.RefusedWish) bool { return sameSlot(r.Kind, a.Kind) }),
			canon.RefusedWish{Kind: a.Kind, Wish: a.Listing.Hash(), Status: s.Status, Code: s.Code, Detail: shortened(s.Reason)})
	}
	if err := f.endListingAction(&p, a, end); err != nil {
		return err
	}
	if err := f.putPublication(before, &p); err != nil {
		return err
	}
	return f.publishAgain(a.Listing.Node)
}

// listingGoesOn keeps an action that is not over.
func (f *fold) listingGoesOn(a *canon.Action, state canon.ActionState) error {
	was := a.State
	a.State = state
	if err := f.putAction(was, a); err != nil || state != canon.ActionWanted {
		return err
	}
	return f.publishAgain(a.Listing.Node)
}

// publishAgain has what is wanted of a listing's item computed again.
func (f *fold) publishAgain(node string) error {
	item, err := f.item(node)
	if err == nil && item != nil {
		f.dirty[item.ID] = true
	}
	return err
}

// listingDone notes what was done.
func (f *fold) listingDone(p *canon.Publication, a *canon.Action, s *canon.ActionSettled) error {
	switch a.Kind {
	case canon.ActionCreateListing:
		return f.listingMade(p, s.Made)
	case canon.ActionHideListing:
		p.Down = true
	case canon.ActionShowListing:
		p.Down = false
	}
	p.Await = f.f.pos
	p.Written = slices.Clone(p.Written)
	for _, wish := range a.Listing.Fields {
		p.Written = slices.DeleteFunc(p.Written, func(w canon.FieldWritten) bool { return w.Field == wish.Field })
		p.Written = append(p.Written, canon.FieldWritten{Field: wish.Field, Should: hashOfValue(wish.Should), At: f.f.pos})
	}
	f.readListing(a.Connection, p.ListingID)
	return nil
}

// listingMade binds what the platform made to the item that it was made for, and to no other: by a decision, as a person's
// word would.
func (f *fold) listingMade(p *canon.Publication, made *canon.ListingMade) error {
	p.ListingID, p.State = made.ExternalID, canon.PublicationWritten
	node := canon.NodeID("itm", p.Connection, canon.KindListing, made.ExternalID)
	before, err := f.publication(p.Connection, node)
	if err != nil {
		return err
	}
	own := canon.Publication{Connection: p.Connection, Node: node, State: canon.PublicationWritten}
	if before != nil {
		own = *before
	}
	own.Item, own.ListingID, own.Made, own.Down = p.Item, made.ExternalID, true, true
	if err := f.putPublication(before, &own); err != nil {
		return err
	}
	key := decisionKey(p.Connection, made.ExternalID)
	old, err := store.Load[canon.Match](f.tx, key)
	if err != nil {
		return err
	}
	if old == nil || old.Item == identity.DecisionNone { // a person's word that it is another item's stands
		if err := f.save(key, canon.Match{Connection: p.Connection, ListingID: made.ExternalID, Item: p.Node}); err != nil {
			return err
		}
		f.tx.Put(store.IndexKey(indexDecision, p.Node, node), nil)
	}
	n, err := f.listingNode(node)
	if err != nil {
		return err
	}
	if n == nil { // it is joined when it is shown
		f.readListing(p.Connection, made.ExternalID)
		return nil
	}
	return f.recluster(node, n.keys())
}

// readListing asks what a listing shows after a write.
func (f *fold) readListing(connection, id string) {
	ref := canon.Ref{Kind: canon.KindListing, ExternalID: id}
	f.reads = append(f.reads, Read{Connection: connection, Ref: ref, Cause: f.f.pos, After: f.f.at.Add(settleTime)})
}

// publishSeen has a publication that waits for what its listing shows computed again, though it shows nothing new.
func (f *fold) publishSeen(b *canon.Binding) error {
	if !f.publishing || b.Kind != canon.KindListing {
		return nil
	}
	node := canon.NodeID("itm", b.Connection, canon.KindListing, b.ExternalID)
	p, err := f.publication(b.Connection, node)
	if err != nil || p == nil || p.State != canon.PublicationWritten || p.Await.Compare(b.Known) >= 0 {
		return err
	}
	return f.publishAgain(node)
}

// publishProduct has the listings of a product computed again whose words are its own.
func (f *fold) publishProduct(ids []string) error {
	if !f.publishing {
		return nil
	}
	for _, id := range ids {
		n, err := store.Load[productNode](f.tx, prefixProduct+id)
		if err != nil || n == nil {
			return err
		}
		_, obs, err := f.binding(n.Connection, canon.KindProduct, n.ExternalID)
		if err != nil {
			return err
		}
		if obs == nil || obs.Product == nil {
			continue
		}
		for _, l := range obs.Product.ListingIDs[:min(len(obs.Product.ListingIDs), maxProductListings)] {
			if err := f.publishAgain(canon.NodeID("itm", n.Connection, canon.KindListing, l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxProductListings bounds how many listings of one product an entry computes again; a sweep finds the others.
const maxProductListings = 50

// listingCommand takes a person's word about a listing that is or was published.
func (f *fold) listingCommand(cmd *canon.Command) (*canon.Outcome, error) {
	c := cmd.Listing
	if no := mayAct(cmd, "", ""); no != nil {
		return no, nil
	}
	if c.Does != "again" && c.Does != "retry" {
		return refuse(422, "listing.word", "say again or retry"), nil
	}
	item, no, err := f.find(c.Item)
	if err != nil || no != nil {
		return no, err
	}
	found := false
	for _, node := range item.Nodes {
		before, err := f.publication(c.Connection, node)
		if err != nil {
			return nil, err
		}
		if before == nil {
			continue
		}
		p := *before
		if c.Does == "again" {
			var gone []string
			for _, l := range item.Listings {
				if l.Connection == c.Connection && l.Status == "deleted" {
					gone = append(gone, l.ExternalID)
				}
			}
			if p.State != canon.PublicationGone || len(gone) == 0 {
				continue
			}
			p.Forgive(gone)
			p.State = canon.PublicationSame
		} else {
			p.Refused, p.Written = nil, nil
			for _, key := range slices.Clone(p.Open) {
				a, err := f.action(p.Connection, key)
				if err != nil {
					return nil, err
				}
				if a != nil && a.State == canon.ActionParked { // by a person's word it did not happen
					if err := f.endListingAction(&p, a, canon.ActionFailed); err != nil {
						return nil, err
					}
				}
			}
		}
		found = true
		if err := f.putPublication(before, &p); err != nil {
			return nil, err
		}
	}
	if !found {
		return refuse(409, "listing.nothing", "nothing of the item at %.64q waits for that word", c.Connection), nil
	}
	f.dirty[item.ID] = true
	return done(200, map[string]string{"item": item.ID, "connection": c.Connection, "does": c.Does})
}

// resolveListing takes a person's decision about a listing that somebody deleted.
func (f *fold) resolveListing(c *canon.Case, r *canon.Resolve) (*canon.Outcome, error) {
	item, err := f.item(c.Subject)
	if err != nil {
		return nil, err
	}
	if item == nil || len(c.Evidence) == 0 {
		return refuse(409, "case.stale", "the piece of this case is no more"), nil
	}
	connection := c.Evidence[0].Connection
	for _, node := range item.Nodes {
		before, err := f.publication(connection, node)
		if err != nil {
			return nil, err
		}
		if before == nil || before.State != canon.PublicationGone {
			continue
		}
		p := *before
		if r.Proposal == "again" {
			var gone []string
			for _, l := range item.Listings {
				if l.Connection == connection && l.Status == "deleted" {
					gone = append(gone, l.ExternalID)
				}
			}
			p.Forgive(gone)
		} else {
			p.Leave = true
		}
		if err := f.putPublication(before, &p); err != nil {
			return nil, err
		}
	}
	c.Decision = &canon.CaseDecision{Proposal: r.Proposal, Note: r.Note, By: f.f.head.Actor, At: f.f.at, Position: f.f.pos}
	if err := f.save(store.PrefixCase+c.ID, c); err != nil {
		return nil, err
	}
	f.dirty[item.ID] = true
	return done(200, c)
}
