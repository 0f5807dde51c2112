package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// maxOffers is how many price lists and promotions one price is explained with.
const maxOffers = 2000

// Offers lists price lists or promotions, those of one state where it is named.
func Offers(r store.Reader, kind canon.OfferKind, status string, p Paging) (Page, error) {
	return each(r, store.PrefixRecord+store.TypeOffer+"/", p, func(raw []byte) (bool, error) {
		var o canon.Offer
		if err := json.Unmarshal(raw, &o); err != nil {
			return false, fmt.Errorf("a stored offer: %w", err)
		}
		return o.Kind == kind && (status == "" || o.Status == status), nil
	})
}

// Offer gives a price list or a promotion.
func Offer(r store.Reader, kind canon.OfferKind, id string) (json.RawMessage, error) {
	raw, err := Get(r, store.TypeOffer, id)
	if err != nil {
		return nil, err
	}
	var o canon.Offer
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("a stored offer: %w", err)
	}
	if o.Kind != kind {
		return nil, ErrNotFound
	}
	return raw, nil
}

// ListPrices lists the prices that a price list names.
func ListPrices(r store.Reader, list string, p Paging) (Page, error) {
	if _, err := Offer(r, canon.OfferPriceList, list); err != nil {
		return Page{}, err
	}
	return each(r, store.PrefixPrices+list+"/", p, nil)
}

// Price says what an item costs somewhere, by any id that resolves to it, and which rule says so. client is any id of a
// client, whose tags count as groups; empty for nobody in particular.
func Price(r store.Reader, id, client string, ask lifecycle.PriceAsk) (*canon.PriceExplained, error) {
	raw, err := Get(r, store.TypeItem, id)
	if err != nil {
		return nil, err
	}
	var item canon.Item
	if err := json.Unmarshal(raw, &item); err != nil {
		return nil, fmt.Errorf("a stored item: %w", err)
	}
	if client != "" {
		raw, err := Get(r, store.TypeClient, client)
		if err != nil {
			return nil, err
		}
		var c struct {
			Tags []string `json:"tags"`
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("a stored client: %w", err)
		}
		ask.Groups = append(ask.Groups, c.Tags...)
	}
	var offers []lifecycle.OfferedPrice
	err = r.Scan(store.PrefixRecord+store.TypeOffer+"/", "", func(_ string, value []byte) (bool, error) {
		o := new(canon.Offer)
		if err := json.Unmarshal(value, o); err != nil {
			return false, err
		}
		switch o.Status {
		case "discarded", "expired", "ended", "replaced":
			return true, nil // history
		}
		offers = append(offers, lifecycle.OfferedPrice{Offer: o})
		return len(offers) <= maxOffers, nil
	})
	if err != nil {
		return nil, fmt.Errorf("views: offers: %w", err)
	}
	if len(offers) > maxOffers {
		return nil, ErrBroad
	}
	for i := range offers {
		if err := named(r, &offers[i], item.Nodes); err != nil {
			return nil, err
		}
	}
	price := lifecycle.Price(&item, ask, offers)
	return &price, nil
}

// named looks up what a price list names for an item, under the id that the item has or had.
func named(r store.Reader, o *lifecycle.OfferedPrice, nodes []string) error {
	if o.Offer.Kind != canon.OfferPriceList {
		return nil
	}
	for _, node := range nodes {
		p, err := store.Load[canon.ListPrice](r, store.PrefixPrices+o.Offer.ID+"/"+node)
		if err != nil {
			return fmt.Errorf("views: price: %w", err)
		}
		if p != nil {
			o.Named = &p.Money
			return nil
		}
	}
	return nil
}
