package router

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

const (
	dueOffer       = "offer/" // begins the name of the moments at which an offer begins and ends
	maxOfferPrices = 500      // of one command
	maxOfferWords  = 100      // connections, places, groups, SKUs, brands, categories: of each
	hundredPercent = 10_000
)

func (f *fold) offerOf(id string) (*canon.Offer, error) {
	return store.Load[canon.Offer](f.tx, store.RecordKey(store.TypeOffer, id))
}

// putOffer saves an offer and what happened to it.
func (f *fold) putOffer(was string, o *canon.Offer, event string) error {
	if err := f.repriced(was, o); err != nil {
		return err
	}
	o.Version, o.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeOffer, o.ID), o); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: o.ID, Type: store.TypeOffer, Event: string(o.Kind) + "." + event})
}

// machineOf gives the machine of an offer's life.
func machineOf(kind canon.OfferKind) *lifecycle.Machine {
	if kind == canon.OfferPromotion {
		return &lifecycle.PromotionMachine
	}
	return &lifecycle.PriceListMachine
}

// offerFacts are what the guards of an offer's life look at.
func (f *fold) offerFacts(o *canon.Offer) *lifecycle.Facts {
	facts := &lifecycle.Facts{Now: f.f.at.Unix()}
	if !o.From.IsZero() {
		facts.From = o.From.Unix()
	}
	if !o.Until.IsZero() {
		facts.Until = o.Until.Unix()
	}
	return facts
}

// offer takes one step of a price list or promotion, or refuses it.
func (f *fold) offer(cmd *canon.Command) (*canon.Outcome, error) {
	ask, status := cmd.Offer, 200
	o, err := f.offerOf(ask.Offer)
	if err != nil {
		return nil, err
	}
	switch {
	case ask.Event == "draft" && ask.Draft == nil, ask.Event == "edit" && ask.Draft == nil && len(ask.Prices) == 0:
		return refuse(422, "offer.draft", "say what the offer is"), nil
	case ask.Kind != canon.OfferPriceList && ask.Kind != canon.OfferPromotion:
		return refuse(422, "offer.draft", "an offer is a price_list or a promotion"), nil
	case ask.Event == "draft":
		o, status = &canon.Offer{ID: cmd.ID, Kind: ask.Kind, DraftedBy: f.f.head.Actor}, 201
	case o == nil || o.Kind != ask.Kind:
		return refuse(404, "offer.unknown", "there is no %s of the id %.64q", ask.Kind, ask.Offer), nil
	}
	if ask.Draft != nil && (ask.Event == "draft" || ask.Event == "edit") {
		if no := f.readDraft(o, ask.Draft); no != nil {
			return no, nil
		}
	}
	facts := f.offerFacts(o)
	facts.Approved = ask.Approved
	if ask.Event == "approve" && o.DraftedBy == f.f.head.Actor {
		return refuse(409, "approval.second_person", "somebody else than who drafted it approves it"), nil
	}
	row, refusal := decideAs(machineOf(o.Kind), lifecycle.State(o.Status), ask.Event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	was := o.Status
	o.Status = string(row.To)
	if ask.Event == "draft" || ask.Event == "edit" {
		if no, err := f.putPrices(o, ask.Prices); err != nil || no != nil {
			return no, err
		}
	}
	if ask.Event == "approve" {
		o.ApprovedBy = f.f.head.Actor
		begins := o.From
		if begins.Before(f.f.at) {
			begins = f.f.at
		}
		f.due(begins, dueOffer+o.ID)
		if !o.Until.IsZero() {
			f.due(o.Until, dueOffer+o.ID)
		}
	}
	if err := f.putOffer(was, o, ask.Event); err != nil {
		return nil, err
	}
	return done(status, o)
}

// readDraft takes over what an offer is to be.
func (f *fold) readDraft(o, draft *canon.Offer) *canon.Outcome {
	o.Name, o.Priority, o.From, o.Until = strings.TrimSpace(draft.Name), draft.Priority, draft.From.UTC(), draft.Until.UTC()
	o.Currency = strings.ToUpper(draft.Currency)
	o.Connections, o.Locations, o.Groups = wordList(draft.Connections), wordList(draft.Locations), wordList(draft.Groups)
	o.SKUs, o.Brands, o.Categories = wordList(draft.SKUs), wordList(draft.Brands), wordList(draft.Categories)
	o.Percent, o.Off = draft.Percent, draft.Off
	if o.Name == "" {
		return refuse(422, "offer.draft", "the offer needs a name")
	}
	if _, err := normalize.Money(canon.StatedMoney{Amount: "1", Currency: o.Currency}); err != nil {
		return refuse(422, "money.unreadable", "%.8q is no ISO 4217 currency", o.Currency)
	}
	for _, list := range [][]string{o.Connections, o.Locations, o.Groups, o.SKUs, o.Brands, o.Categories} {
		if len(list) > maxOfferWords {
			return refuse(422, "offer.draft", "at most %d of each: connections, locations, groups, SKUs, brands, categories", maxOfferWords)
		}
	}
	for _, at := range o.Locations {
		if !contains(f.settings.Locations, at) {
			return refuse(422, "location.unknown", "the house has no place %.64q", at)
		}
	}
	if err := checkTimes(o.From, o.Until); err != nil {
		return refuse(422, "offer.draft", "a time lies outside of the years 1 to 9998")
	}
	promotes := o.Kind == canon.OfferPromotion
	if promotes != ((o.Percent > 0) != (o.Off > 0)) || o.Percent < 0 || o.Percent > hundredPercent || o.Off < 0 {
		return refuse(422, "offer.draft", "a promotion takes either a share of up to 100 %% off or an amount, a price list neither")
	}
	return nil
}

// wordList gives a list without blanks and repeats, sorted.
func wordList(list []string) []string {
	var out []string
	for _, w := range list {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// putPrices names prices of a price list, or takes them off it. Nothing of a refused command is kept.
func (f *fold) putPrices(o *canon.Offer, prices []canon.PriceAsked) (*canon.Outcome, error) {
	if len(prices) > maxOfferPrices {
		return refuse(422, "offer.prices", "name at most %d prices at once", maxOfferPrices), nil
	}
	if len(prices) > 0 && o.Kind != canon.OfferPriceList {
		return refuse(422, "offer.prices", "a promotion names no prices"), nil
	}
	named := make(map[string]*canon.ListPrice, len(prices))
	for _, p := range prices {
		item, no, err := f.find(p.Item)
		if err != nil || no != nil {
			return no, err
		}
		if p.Amount == "" {
			named[item.ID] = nil
			continue
		}
		m, err := money(&canon.StatedMoney{Amount: p.Amount, Currency: o.Currency})
		if err != nil || m == nil || m.Minor < 0 {
			return refuse(422, "money.unreadable", "%.32q is no amount of %s", p.Amount, o.Currency), nil
		}
		named[item.ID] = &canon.ListPrice{Item: item.ID, Money: *m, By: f.f.head.Actor, At: f.f.at}
	}
	for _, id := range sortedKeys(named) {
		key := store.PrefixPrices + o.ID + "/" + id
		_, was, err := f.tx.Get(key)
		if err != nil {
			return nil, err
		}
		p := named[id]
		switch {
		case p == nil && was:
			o.Prices--
			f.tx.Delete(key)
		case p != nil:
			if !was {
				o.Prices++
			}
			if err := f.save(key, p); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// offerDue begins or ends an offer whose time has come.
func (f *fold) offerDue(id string) error {
	o, err := f.offerOf(id)
	if err != nil || o == nil {
		return err
	}
	begin, end := "activate", "expire"
	if o.Kind == canon.OfferPromotion {
		begin, end = "start", "end"
	}
	for _, event := range []string{begin, end} {
		if event == begin && o.Status != "scheduled" {
			continue // a person paused it
		}
		row, refusal := machineOf(o.Kind).Decide(lifecycle.State(o.Status), lifecycle.Event(event), lifecycle.Timer, f.offerFacts(o))
		if refusal != nil {
			continue
		}
		was := o.Status
		o.Status = string(row.To)
		if err := f.putOffer(was, o, event); err != nil {
			return err
		}
	}
	return nil
}
