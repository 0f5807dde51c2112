package canon

import "time"

// Offer is a rule about prices for a time: a price list, which names prices, or a promotion, which takes something off. Its
// states are those of the machines price_list and promotion in core/lifecycle.
type Offer struct {
	ID       string    `json:"id"`
	Kind     OfferKind `json:"kind"`
	Status   string    `json:"status"`
	Name     string    `json:"name"`
	Currency string    `json:"currency"` // ISO 4217
	// Priority decides between offers that apply: the higher counts, then the one that says more exactly where it applies.
	Priority int64 `json:"priority,omitempty"`
	// Connections, Locations and Groups are where and for whom it applies; empty means everywhere and everybody. A group is a
	// tag of a client.
	Connections []string `json:"connections,omitempty"`
	Locations   []string `json:"locations,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	// From and Until bound its time; zero means at once and for ever.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Percent is what a promotion takes off in hundredths of a percent; Off in minor units.
	Percent int64 `json:"percent,omitempty"`
	Off     int64 `json:"off,omitempty"`
	// SKUs, Brands and Categories are what a promotion is on, any of them; empty means everything.
	SKUs       []string  `json:"skus,omitempty"`
	Brands     []string  `json:"brands,omitempty"`
	Categories []string  `json:"categories,omitempty"`
	Prices     int64     `json:"prices,omitempty"` // how many a price list names
	DraftedBy  string    `json:"drafted_by"`       // name of a token
	ApprovedBy string    `json:"approved_by,omitempty"`
	Version    Position  `json:"version" golden:"-"`
	UpdatedAt  time.Time `json:"updated_at" golden:"-"`
}

// OfferKind is what an offer is.
type OfferKind string

// The kinds of offers.
const (
	OfferPriceList OfferKind = "price_list"
	OfferPromotion OfferKind = "promotion"
)

// ListPrice is one price of a price list.
type ListPrice struct {
	Item string `json:"item"` // an id that resolves to it
	Money
	By string    `json:"by"` // name of a token
	At time.Time `json:"at"` // fold time
}

// OfferAsk asks for one step of an offer. Without an id it asks for a new one.
type OfferAsk struct {
	Offer string    `json:"offer,omitempty"`
	Kind  OfferKind `json:"kind"`
	// Event is draft, edit, approve, discard, withdraw, activate or start, suspend or pause, stop, or replace.
	Event string `json:"event"`
	// Draft is what is drafted: name, currency, priority, scope, time and discount.
	Draft    *Offer       `json:"draft,omitempty"`
	Prices   []PriceAsked `json:"prices,omitempty"`
	Approved bool         `json:"approved,omitempty"`
}

// PriceAsked names a price of a list; without an amount it takes the item off it.
type PriceAsked struct {
	Item   string `json:"item"`
	Amount string `json:"amount,omitempty"`
}

// PriceExplained is what an item costs somewhere, and which rule says so.
type PriceExplained struct {
	Item  string `json:"item"`
	Price *Money `json:"price,omitempty"` // nil where nobody states one
	// Steps lead to the price, the last one first decided last; Passed are the offers that do not count, and why.
	Steps  []PriceStep   `json:"steps"`
	Passed []PricePassed `json:"passed_over"`
}

// PriceStep is one rule that made the price what it is.
type PriceStep struct {
	Rule  string `json:"rule"`         // shown, shown_price_list, shown_sale, price_list, promotion
	ID    string `json:"id,omitempty"` // of the offer, or the connection's name
	Name  string `json:"name,omitempty"`
	After Money  `json:"after"`
	Why   string `json:"why"`
}

// PricePassed is an offer that does not count.
type PricePassed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Why  string `json:"why"`
}

// OfferSale is a price that a platform asks for a time in place of its regular one. The house makes none: its own are
// promotions.
const OfferSale OfferKind = "sale"

// StatedOffer is a price of a listing beside its regular one, as a platform states it: that of a price list, or a sale price with
// its window.
type StatedOffer struct {
	ID     string      `json:"id"` // the platform's price list; "sale" for a sale price
	Kind   OfferKind   `json:"kind"`
	Name   string      `json:"name,omitempty"`
	Price  StatedMoney `json:"price"`
	Groups []string    `json:"groups,omitempty"` // for whom, in the platform's words; empty means everybody
	From   *time.Time  `json:"from,omitempty"`
	Until  *time.Time  `json:"until,omitempty"`
}

// ShownOffer is a price of an item that a connection shows beside its regular one.
type ShownOffer struct {
	Connection string    `json:"connection"`
	ID         string    `json:"id"`
	Kind       OfferKind `json:"kind"`
	Name       string    `json:"name,omitempty"`
	Money
	Stated string     `json:"stated"` // as the source wrote it
	Groups []string   `json:"groups,omitempty"`
	From   *time.Time `json:"from,omitempty"`
	Until  *time.Time `json:"until,omitempty"`
}
