package router

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// keyPublishing is present as soon as any publication has been kept.
const keyPublishing = "publishing"

func (f *fold) publication(connection, node string) (*canon.Publication, error) {
	return store.Load[canon.Publication](f.tx, store.PublicationKey(connection, node))
}

// putPublication saves a publication where it changed.
func (f *fold) putPublication(before, p *canon.Publication) error {
	if before != nil {
		p.Version, p.UpdatedAt = before.Version, before.UpdatedAt
		if same, err := equalJSON(before, p); err != nil || same {
			return err
		}
	}
	if !f.publishing {
		f.publishing = true
		f.tx.Put(keyPublishing, nil)
	}
	p.Version, p.UpdatedAt = f.f.pos, f.f.at
	return f.save(store.PublicationKey(p.Connection, p.Node), p)
}

// publish brings what the hub means to show of an item at each connection in line with what the policy says and what the
// connection shows. Invariant 9: without a publish rule nothing is meant to be written. It is decided here and carried out
// elsewhere: an action is admitted by the fold once more before it is sent.
func (f *fold) publish(item *canon.Item) error {
	if !f.publishing && !f.policy.Publishing() {
		return nil
	}
	for i := range f.settings.Connections {
		cs := &f.settings.Connections[i]
		w := &publishing{f: f, item: item, cs: cs, rule: f.policy.Publishes(cs.Name)}
		if err := w.run(); err != nil {
			return err
		}
	}
	return nil
}

// publishing is the work on one item at one connection.
type publishing struct {
	f    *fold
	item *canon.Item
	cs   *canon.ConnectionSettings
	rule canon.PublishRule

	content *canon.ListingContent // what a listing should show; made when it is needed
	price   *canon.Money          // what would be asked
	ready   bool
	// currency is that of the price that the connection shows; empty where it shows none.
	currency string
}

func (w *publishing) run() error {
	var live, gone []canon.Listing
	for _, l := range w.item.Listings {
		switch {
		case l.Connection != w.cs.Name:
		case l.Status == "deleted":
			gone = append(gone, l)
		default:
			live = append(live, l)
		}
	}
	for _, l := range gone {
		if err := w.drop(l.Node, "the platform has it no longer"); err != nil {
			return err
		}
	}
	for _, l := range live {
		if err := w.listing(l); err != nil {
			return err
		}
	}
	return w.newListing(live, gone)
}

// drop withdraws what was wanted of a listing.
func (w *publishing) drop(node, why string) error {
	if !w.f.publishing {
		return nil
	}
	before, err := w.f.publication(w.cs.Name, node)
	if err != nil || before == nil {
		return err
	}
	p := *before
	p.Left, p.Written, p.Refused = nil, nil, nil
	if err := w.f.leaveOpen(&p, "", why); err != nil {
		return err
	}
	p.State, p.Why = canon.PublicationSame, why
	return w.f.putPublication(before, &p)
}

// newListing makes a listing of an item that has none, where the rule selects it.
func (w *publishing) newListing(live, gone []canon.Listing) error {
	before, anchor, err := w.anchor()
	if err != nil || anchor == "" {
		return err
	}
	wanted, why, err := w.wantsNew(live)
	if err != nil || before == nil && !wanted {
		return err
	}
	p := canon.Publication{Connection: w.cs.Name, Node: anchor}
	if before != nil {
		p = *before
	}
	p.Item, p.Why = w.item.ID, why
	gone = slices.DeleteFunc(gone, func(l canon.Listing) bool { return slices.Contains(p.Forgiven, l.ExternalID) })
	caseID := lifecycle.CaseID(canon.CaseListing, p.Connection+"/"+p.Node)
	if len(gone) > 0 && len(live) == 0 && wanted && w.rule.Deleted == canon.DeletedAgain {
		p.Forgive(externalIDs(gone))
		gone = nil
	}
	switch {
	case len(live) > 0:
		p.State = canon.PublicationSame
		err = w.f.leaveOpen(&p, "", "there is a listing")
	case len(gone) > 0:
		p.State, p.Why = canon.PublicationGone, "somebody deleted its listing at the platform"
		if err := w.f.leaveOpen(&p, "", p.Why); err != nil {
			return err
		}
		if wanted && w.rule.Deleted != canon.DeletedLeave && !p.Leave {
			if err := w.f.openCase(w.goneCase(caseID, gone)); err != nil {
				return err
			}
			return w.f.putPublication(before, &p)
		}
	case p.ListingID != "":
		p.State = canon.PublicationWritten
		err = w.f.leaveOpen(&p, "", "it was made")
	case !wanted:
		p.State = canon.PublicationSame
		err = w.f.leaveOpen(&p, "", why)
	default:
		task := w.task(canon.ActionCreateListing, canon.Listing{}, nil)
		task.Node, task.Places = p.Node, w.places()
		if task.Content.ImageURLs, err = w.images(); err != nil {
			return err
		}
		err = w.f.wish(&p, canon.ActionCreateListing, task)
	}
	if err != nil {
		return err
	}
	if err := w.f.closeCase(caseID, "it is not asked for any longer, or a person decided"); err != nil {
		return err
	}
	return w.f.putPublication(before, &p)
}

func externalIDs(listings []canon.Listing) []string {
	out := make([]string, 0, len(listings))
	for _, l := range listings {
		out = append(out, l.ExternalID)
	}
	return out
}

// goneCase asks a person whether a deleted listing is made again.
func (w *publishing) goneCase(id string, gone []canon.Listing) *canon.Case {
	c := &canon.Case{
		ID: id, Kind: canon.CaseListing, Open: true, Subject: w.item.ID,
		Summary: fmt.Sprintf("somebody deleted the listing of this item at %s, where the policy has it published", w.cs.Name),
		Proposals: []canon.Proposal{
			{ID: "again", Text: "make a new listing of it there"}, {ID: "leave", Text: "leave it deleted"},
		},
	}
	for _, l := range gone {
		c.Evidence = append(c.Evidence, canon.Evidence{Connection: l.Connection, Text: "listing " + l.ExternalID + " was deleted there"})
	}
	return c
}

// anchor finds where what is known of a listing to be made is kept, and under which node a new one would be: that of a
// listing elsewhere, which stays part of the item.
func (w *publishing) anchor() (*canon.Publication, string, error) {
	own := make(map[string]bool)
	for _, l := range w.item.Listings {
		if l.Connection == w.cs.Name {
			own[l.Node] = true
		}
	}
	anchor := ""
	for _, node := range w.item.Nodes {
		if own[node] {
			continue
		}
		if anchor == "" {
			anchor = node
		}
		if !w.f.publishing {
			break
		}
		p, err := w.f.publication(w.cs.Name, node)
		if err != nil || p != nil {
			return p, node, err
		}
	}
	return nil, anchor, nil
}

// wantsNew reports whether a listing is to be made, and says why not where the rule is about new listings.
func (w *publishing) wantsNew(live []canon.Listing) (bool, string, error) {
	if w.rule.Create == canon.PublishNone || len(live) > 0 {
		return false, "", nil
	}
	if err := w.prepare(); err != nil {
		return false, "", err
	}
	switch {
	case !policy.Selects(w.rule.Create, w.rule.CreateOf, w.item, w.price):
		return false, "the rule does not select it", nil
	case !w.cs.Can(canon.ActionCreateListing):
		return false, "the connector can't make listings", nil
	case w.item.Status != canon.ItemInStock:
		return false, "it is " + string(w.item.Status), nil
	case w.content.Title == "":
		return false, "it has no title", nil
	case w.content.Price == nil:
		return false, "no source states a price that it could be sold for there", nil
	}
	return true, "", nil
}

// places gives the platform's locations at which a new listing has stock: those of the house's places that it sells from.
func (w *publishing) places() []string {
	var out []string
	for external, place := range w.cs.Locations {
		if external != "" && external != "default" && (len(w.cs.SellsFrom) == 0 || slices.Contains(w.cs.SellsFrom, place)) {
			out = append(out, external)
		}
	}
	slices.Sort(out)
	return out
}

// listing compares what a listing shows with what it should.
func (w *publishing) listing(l canon.Listing) error {
	before, err := w.f.publicationIf(w.cs.Name, l.Node)
	if err != nil || before == nil && !w.writesListings() {
		return err
	}
	b, obs, err := w.f.binding(w.cs.Name, canon.KindListing, l.ExternalID)
	if err != nil || b == nil || obs.Listing == nil {
		return err
	}
	p := canon.Publication{Connection: w.cs.Name, Node: l.Node}
	if before != nil {
		p = *before
	}
	p.Item, p.ListingID, p.Left, p.Why, p.State = w.item.ID, l.ExternalID, nil, "", canon.PublicationSame
	if waits := p.Await.Compare(b.Known) >= 0; waits {
		p.State = canon.PublicationWritten
		return w.f.putPublication(before, &p)
	}
	s, err := w.shown(b, obs, l)
	if err != nil {
		return err
	}
	if len(s.state.Prices) > 0 {
		w.currency = s.state.Prices[0].Currency
	}
	if err := w.prepare(); err != nil {
		return err
	}
	kind, fields := w.wants(&p, s)
	w.forget(&p, s)
	slots := []struct {
		kind   canon.ActionKind
		fields []canon.FieldWish
	}{{kind, fields}, {canon.ActionPriceListing, w.priceWish(&p, s)}}
	for i, slot := range slots {
		if len(slot.fields) == 0 {
			which := canon.ActionUpdateListing
			if i == 1 {
				which = canon.ActionPriceListing
			}
			if err := w.f.leaveOpen(&p, which, "it shows what it should"); err != nil {
				return err
			}
			continue
		}
		if !w.cs.Can(slot.kind) {
			p.Why = "the connector can't carry out " + string(slot.kind)
			continue
		}
		task := w.task(slot.kind, l, slot.fields)
		task.ProductID, task.StockID = obs.Listing.ProductID, obs.Listing.StockID
		if err := w.f.wish(&p, slot.kind, task); err != nil {
			return err
		}
	}
	return w.f.putPublication(before, &p)
}

func (w *publishing) writesListings() bool {
	return w.rule.Create != canon.PublishNone || w.rule.Update != canon.PublishNone || w.rule.Unpublish != canon.PublishNone
}

func (f *fold) publicationIf(connection, node string) (*canon.Publication, error) {
	if !f.publishing {
		return nil, nil
	}
	return f.publication(connection, node)
}

// wants gives what is to be done with a listing beside its price: taken down or put up before anything else.
func (w *publishing) wants(p *canon.Publication, s *shownListing) (canon.ActionKind, []canon.FieldWish) {
	why := policy.WhyHidden(w.item)
	selected := policy.Selects(w.rule.Create, w.rule.CreateOf, w.item, w.price)
	if p.Made && why == "" && w.rule.Create != canon.PublishNone && !selected {
		why = canon.HideWithdrawn // what it was made for does not hold any longer
	}
	takes := policy.Selects(w.rule.Unpublish, w.rule.UnpublishOf, w.item, w.price)
	hide := takes && policy.Hides(&w.rule, why)
	up, known := s.up()
	status := func(should string) []canon.FieldWish {
		return w.unlessWritten(p, s, []canon.FieldWish{{Field: fieldStatus, Shows: textJSON(s.state.Status), Should: textJSON(should)}})
	}
	switch {
	case !known:
	case hide && up && s.shared:
		p.Why = "it is " + string(why) + ", and other listings share its product: only its stock is taken to zero"
	case hide && up:
		return canon.ActionHideListing, status("draft")
	case !hide && !up && p.Down && why == "" && w.item.Status == canon.ItemInStock && (takes || selected):
		return canon.ActionShowListing, status("active")
	case !hide && !up && why == "" && !p.Down && writes(w.rule.Unpublish):
		p.Why = "somebody took it down at the platform: the hub leaves it so"
	}
	if up && p.Down { // somebody put it up
		p.Down = false
	}
	if !w.updates() {
		return canon.ActionUpdateListing, nil
	}
	return canon.ActionUpdateListing, w.unlessWritten(p, s, w.fieldWishes(p, s))
}

// forget drops what is remembered of writes whose fields show what they should.
func (w *publishing) forget(p *canon.Publication, s *shownListing) {
	should := &shownListing{connection: s.connection, state: stateOf(w.content), description: w.content.Description}
	for _, a := range w.content.Attributes {
		should.codes = append(should.codes, a.Code)
	}
	s.codes = should.codes
	p.Written = slices.DeleteFunc(slices.Clone(p.Written), func(x canon.FieldWritten) bool {
		switch x.Field {
		case fieldStatus:
			up, known := s.up()
			return known && up == (x.Should == hashOfValue(textJSON("active")))
		case fieldPrice:
			return x.Should == hashOfValue(textJSON(priceMeaning(s.state)))
		}
		for i := range listingFields {
			if listingFields[i].name == x.Field {
				return x.Should == hashOfValue(textJSON(listingFields[i].meaning(w.f, s)))
			}
		}
		return true
	})
	if len(p.Written) == 0 {
		p.Written = nil
	}
}

func (w *publishing) updates() bool {
	return policy.Selects(w.rule.Update, w.rule.UpdateOf, w.item, w.price)
}

func writes(which canon.Publish) bool { return which != "" && which != canon.PublishNone }

// task says what an action does.
func (w *publishing) task(kind canon.ActionKind, l canon.Listing, fields []canon.FieldWish) *canon.ListingTask {
	t := &canon.ListingTask{
		Item: w.item.ID, Title: w.item.Title, SKU: w.item.SKU, Node: l.Node, ExternalID: l.ExternalID, Fields: fields, ByClaim: w.item.Holder != nil,
	}
	switch kind {
	case canon.ActionCreateListing:
		t.Content = *w.content
	case canon.ActionUpdateListing, canon.ActionPriceListing:
		t.Content = only(w.content, fields)
	}
	return t
}

// wish has an action stand for what is wanted, unless one is under way or the platform refused the same.
func (f *fold) wish(p *canon.Publication, kind canon.ActionKind, task *canon.ListingTask) error {
	hash := task.Hash()
	p.State = canon.PublicationWanted
	for _, r := range p.Refused {
		if r.Kind == kind && r.Wish == hash {
			p.State, p.Why = canon.PublicationRefused, strings.TrimSpace(r.Code+" "+r.Detail)
			return f.leaveOpen(p, kind, "the platform refused it")
		}
	}
	p.Refused = slices.DeleteFunc(slices.Clone(p.Refused), func(r canon.RefusedWish) bool { return sameSlot(r.Kind, kind) })
	for _, key := range p.Open {
		a, err := f.action(p.Connection, key)
		if err != nil {
			return err
		}
		if a == nil || !sameSlot(a.Kind, kind) {
			continue
		}
		if a.State != canon.ActionWanted { // what it did is seen before anything else is wanted
			return nil
		}
		if a.Kind == kind {
			if a.Listing.Hash() == hash {
				return nil
			}
			a.Listing = task
			f.acts[a.Connection] = true
			return f.save(store.ActionKey(a.Connection, a.Key), a)
		}
		if err := f.endListingAction(p, a, canon.ActionWithdrawn); err != nil {
			return err
		}
		break
	}
	a := &canon.Action{
		Key: listingActionKey(f.f.pos, kind, p), Kind: kind, Connection: p.Connection, Listing: task, Refund: canon.RefundNone, Reason: canon.ReasonOther,
		Cause: f.f.pos, By: f.f.head.Actor, At: f.f.at, State: canon.ActionWanted,
	}
	p.Open = append(slices.Clone(p.Open), a.Key)
	return f.putAction("", a)
}

// sameSlot reports whether two actions on one listing may not both be under way: its price goes apart from the rest.
func sameSlot(a, b canon.ActionKind) bool {
	return (a == canon.ActionPriceListing) == (b == canon.ActionPriceListing)
}

// listingActionKey names an action. That of a new listing is the same until it is seen to exist, so that the mark which it
// leaves is found whoever made it.
func listingActionKey(cause canon.Position, kind canon.ActionKind, p *canon.Publication) string {
	if kind != canon.ActionCreateListing {
		return canon.ActionKey(cause, kind, p.Connection, p.Node)
	}
	sum := sha256.Sum256([]byte("listing\x00" + p.Connection + "\x00" + p.Node + "\x00" + strconv.Itoa(p.Generation)))
	return hex.EncodeToString(sum[:16])
}

// leaveOpen withdraws what is wanted and was not sent, of the slot of kind or of all for "". What was sent goes on.
func (f *fold) leaveOpen(p *canon.Publication, kind canon.ActionKind, why string) error {
	for _, key := range slices.Clone(p.Open) {
		a, err := f.action(p.Connection, key)
		if err != nil {
			return err
		}
		if a == nil {
			p.Open = slices.DeleteFunc(slices.Clone(p.Open), func(k string) bool { return k == key })
			continue
		}
		if kind != "" && !sameSlot(a.Kind, kind) || a.State != canon.ActionWanted {
			continue
		}
		a.Detail = why
		if err := f.endListingAction(p, a, canon.ActionWithdrawn); err != nil {
			return err
		}
	}
	return nil
}

// endListingAction takes an action that is over out of the view: the timeline of its item and the journal tell of it.
func (f *fold) endListingAction(p *canon.Publication, a *canon.Action, state canon.ActionState) error {
	was := a.State
	a.State, a.EndedAt = state, f.f.at
	if err := f.putAction(was, a); err != nil {
		return err
	}
	f.tx.Delete(store.ActionKey(a.Connection, a.Key))
	p.Open = slices.DeleteFunc(slices.Clone(p.Open), func(k string) bool { return k == a.Key })
	return nil
}

// leaveNode withdraws what was wanted in the name of a listing that is no item's any longer.
func (f *fold) leaveNode(n *listingNode) error {
	if !f.publishing {
		return nil
	}
	for i := range f.settings.Connections {
		before, err := f.publication(f.settings.Connections[i].Name, n.Node)
		if err != nil {
			return err
		}
		if before == nil {
			continue
		}
		p := *before
		if err := f.leaveOpen(&p, "", "the listing is no item's any longer"); err != nil {
			return err
		}
		if err := f.putPublication(before, &p); err != nil {
			return err
		}
	}
	return nil
}

// hashOfValue names a value that a platform shows or should show.
func hashOfValue(raw json.RawMessage) string {
	sum := sha256.Sum256(bytes.TrimSpace(raw))
	return hex.EncodeToString(sum[:8])
}
