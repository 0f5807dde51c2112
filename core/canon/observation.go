package canon

import (
	"errors"
	"fmt"
	"time"
)

// Observation states one aspect of one entity of a platform in full, as the platform showed it at one moment. It is
// not a command and not a change: observations of the same set, in any order and any number, give the same golden
// values. Exactly one of the states is set, the one that Kind names; none when Deleted.
//
// Words and numbers are the platform's own ("18 Karat yellow gold", "1250.00"); the hub normalizes them and keeps both.
type Observation struct {
	Kind       Kind   `json:"kind"`
	ExternalID string `json:"external_id"`
	Aspect     Aspect `json:"aspect,omitempty"` // empty means AspectMain

	// SourceVersion orders states of this entity by the source's own clock or counter (a modification time in Unix
	// microseconds, a revision number). A higher one wins. 0 where the source states none.
	SourceVersion int64 `json:"source_version,omitempty"`
	// Deleted tells that the platform has the entity no longer.
	Deleted bool `json:"deleted,omitempty"`
	// Hidden lists JSON field names of the state that this connection may not see (missing scope, protected data).
	// A hidden field is unknown, not empty.
	Hidden []string `json:"hidden,omitempty"`

	Listing  *ListingState  `json:"listing,omitempty"`
	Product  *ProductState  `json:"product,omitempty"`
	Level    *LevelState    `json:"level,omitempty"`
	Order    *OrderState    `json:"order,omitempty"`
	Refund   *RefundState   `json:"refund,omitempty"`
	Customer *CustomerState `json:"customer,omitempty"`
	Location *LocationState `json:"location,omitempty"`
	Count    *CountState    `json:"count,omitempty"`
}

// Ref names the observed entity.
func (o *Observation) Ref() Ref { return Ref{Kind: o.Kind, ExternalID: o.ExternalID} }

// StatedMoney is an amount in the words of its source: a decimal string such as "1250.00" and an ISO 4217 code.
// The empty Amount means that none was stated.
type StatedMoney struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// ListingState is a platform's sellable variant: what binds to a piece or to a quantity SKU. A till or a catalogue file
// states its rows as listings too.
type ListingState struct {
	ProductID    string `json:"product_id,omitempty"`    // the platform's product that this is a variant of
	StockID      string `json:"stock_id,omitempty"`      // what its stock levels refer to; empty means the listing's own id
	Title        string `json:"title,omitempty"`         //
	VariantTitle string `json:"variant_title,omitempty"` //
	SKU          string `json:"sku,omitempty"`           //
	GTIN         string `json:"gtin,omitempty"`          // barcode of 8, 12, 13 or 14 digits
	Serial       string `json:"serial,omitempty"`        //
	EPC          string `json:"epc,omitempty"`           // hexadecimal, URN or Digital Link
	Brand        string `json:"brand,omitempty"`         //
	StyleNo      string `json:"style_no,omitempty"`      //
	Category     string `json:"category,omitempty"`      //
	// Status is active, draft or archived.
	Status string `json:"status,omitempty"`
	// Tracked tells whether the platform counts stock for it at all; nil when not stated.
	Tracked *bool `json:"tracked,omitempty"`
	// Serialized tells that the source holds it for one piece (true) or a quantity (false); nil lets policy decide.
	Serialized *bool `json:"serialized,omitempty"`
	// Home is the location where the piece is kept, in the connection's own words, where the source states it
	// beside the level (a catalogue's row).
	Home         string            `json:"home,omitempty"`
	Certificates []StatedCert      `json:"certificates,omitempty"`
	HUID         string            `json:"huid,omitempty"`     // India's hallmark id of one piece
	Metal        string            `json:"metal,omitempty"`    // "18 Karat yellow gold", "750", "Pt950"
	Fineness     string            `json:"fineness,omitempty"` // "750", "18k", when stated apart from the metal
	MetalColour  string            `json:"metal_colour,omitempty"`
	Metals       []StatedMetal     `json:"metals,omitempty"` // part by part, where the source parts them
	Weight       string            `json:"weight,omitempty"` // of the whole piece, with unit, "4.2 g"
	Stones       []StatedStone     `json:"stones,omitempty"`
	RingSize     string            `json:"ring_size,omitempty"` // as labelled, "US 7"
	Prices       []StatedMoney     `json:"prices,omitempty"`
	Offers       []StatedOffer     `json:"offers,omitempty"` // prices of price lists, and sale prices with their windows
	Cost         *StatedMoney      `json:"cost,omitempty" class:"cost"`
	Attributes   []StatedAttribute `json:"attributes,omitempty"`
	ImageURLs    []string          `json:"image_urls,omitempty"`
	// Dialect names the code list whose abbreviations the source uses (rapnet, mazzal, gia, idex …); empty means the
	// words that all lists share.
	Dialect string `json:"dialect,omitempty"`
	// CreatedAt is when the source made its record, by its own clock.
	CreatedAt  *time.Time         `json:"created_at,omitempty"`
	Components []StatedComponent  `json:"components,omitempty"`
	Ownership  *StatedOwnership   `json:"ownership,omitempty"`
	Edition    *StatedEdition     `json:"edition,omitempty"`
	Sets       []StatedSet        `json:"sets,omitempty"`
	Provenance []StatedProvenance `json:"provenance,omitempty"`
	Appraisals []StatedAppraisal  `json:"appraisals,omitempty"`
}

// ProductState is a platform's product, the style that its listings are variants of.
type ProductState struct {
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Brand       string            `json:"brand,omitempty"`
	StyleNo     string            `json:"style_no,omitempty"`
	Category    string            `json:"category,omitempty"`
	Status      string            `json:"status,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	ListingIDs  []string          `json:"listing_ids,omitempty"`
	Attributes  []StatedAttribute `json:"attributes,omitempty"`
	CreatedAt   *time.Time        `json:"created_at,omitempty"` // when the source made its record, by its own clock
}

// LevelState is the stock that a platform shows. Its ExternalID is LevelID(StockID, Location).
type LevelState struct {
	StockID  string `json:"stock_id"`
	Location string `json:"location,omitempty"` // the platform's location; empty where it has none
	// Available is what the platform would sell now, in pieces; nil when it does not track the stock.
	Available *int64 `json:"available"`
}

// OrderState is a sale as a platform or a till states it. Amounts are kept as stated (invariant 5).
type OrderState struct {
	Number          string       `json:"number,omitempty"`
	Status          OrderStatus  `json:"status"`
	FinancialStatus string       `json:"financial_status,omitempty" class:"payment"` // the platform's own word
	PlacedAt        time.Time    `json:"placed_at"`
	CancelledAt     *time.Time   `json:"cancelled_at,omitempty"`
	Currency        string       `json:"currency"`
	Total           StatedMoney  `json:"total"`
	Subtotal        *StatedMoney `json:"subtotal,omitempty"`
	Tax             *StatedMoney `json:"tax,omitempty"`
	Discount        *StatedMoney `json:"discount,omitempty"`
	Shipping        *StatedMoney `json:"shipping,omitempty"`
	Lines           []OrderLine  `json:"lines"`
	Tenders         []Tender     `json:"tenders,omitempty" class:"payment"`
	Location        string       `json:"location,omitempty"` // the platform's location that sold it
	Channel         string       `json:"channel,omitempty"`  // "web", "pos", the platform's own word
	Salesperson     string       `json:"salesperson,omitempty"`
	// HandedOver tells that the goods left with the client (a till's sale), so that this claim outranks a web order.
	HandedOver bool `json:"handed_over,omitempty"`
	// Fulfilments, Payments and Returns are the order's documents. A platform that states payments or returns apart from the
	// order does so in an aspect of its own, AspectPayment or AspectReturn, with nothing else in it.
	Fulfilments []StatedFulfilment `json:"fulfilments,omitempty"`
	Payments    []StatedPayment    `json:"payments,omitempty" class:"payment"`
	Returns     []StatedReturn     `json:"returns,omitempty"`
	// CustomerID is the platform's id of the customer, empty for a guest.
	CustomerID string `json:"customer_id,omitempty"`
	// Buyer is who bought, as the order itself says. It is journaled in the personal section.
	Buyer *PersonState `json:"buyer,omitempty" class:"personal"`
}

// OrderStatus is whether an order stands.
type OrderStatus string

// The states of an order that a connector maps its platform's words to.
const (
	OrderPending   OrderStatus = "pending" // placed, not paid; holds its goods
	OrderOpen      OrderStatus = "open"    // paid or accepted
	OrderFulfilled OrderStatus = "fulfilled"
	OrderCancelled OrderStatus = "cancelled" // does not stand; its goods are free
)

// OrderLine is one line of an order.
type OrderLine struct {
	ID        string       `json:"id"`
	ListingID string       `json:"listing_id,omitempty"` // the platform's variant; empty when the platform forgot it
	SKU       string       `json:"sku,omitempty"`
	Serial    string       `json:"serial,omitempty"`
	EPC       string       `json:"epc,omitempty"`
	Title     string       `json:"title,omitempty"`
	Quantity  int64        `json:"quantity"` // as ordered, before refunds
	Price     StatedMoney  `json:"price"`    // of one
	Discount  *StatedMoney `json:"discount,omitempty"`
	Tax       *StatedMoney `json:"tax,omitempty"`
	Location  string       `json:"location,omitempty"` // the platform's location that gives the goods, where stated
}

// Tender is one means of payment. It never carries a card number (invariant 7).
type Tender struct {
	Kind      string      `json:"kind"` // card, cash, gift_card, wallet …
	Amount    StatedMoney `json:"amount"`
	Reference string      `json:"reference,omitempty"`
}

// RefundState is what went back on one order.
type RefundState struct {
	OrderID   string       `json:"order_id"`
	CreatedAt time.Time    `json:"created_at"`
	Total     *StatedMoney `json:"total,omitempty"`
	Lines     []RefundLine `json:"lines,omitempty"`
	Tenders   []Tender     `json:"tenders,omitempty" class:"payment"`
	Note      string       `json:"note,omitempty"`
}

// RefundLine is the part of a refund that concerns one order line.
type RefundLine struct {
	OrderLineID string       `json:"order_line_id"`
	Quantity    int64        `json:"quantity"`
	Restocked   bool         `json:"restocked"` // the goods came back for sale
	Location    string       `json:"location,omitempty"`
	Amount      *StatedMoney `json:"amount,omitempty"`
}

// LocationState is a place as a platform knows it.
type LocationState struct {
	Name    string `json:"name,omitempty"`
	Active  bool   `json:"active"`
	Country string `json:"country,omitempty"`
}

// CountState is one line of a stock count.
type CountState struct {
	// Session names a count session that the line is a scan of; empty where the line stands for itself.
	Session   string    `json:"session,omitempty"`
	Location  string    `json:"location"`
	SKU       string    `json:"sku,omitempty"`
	Serial    string    `json:"serial,omitempty"`
	EPC       string    `json:"epc,omitempty"`
	Quantity  int64     `json:"quantity"`
	CountedAt time.Time `json:"counted_at"`
}

// ErrObservation is wrapped by every error of Observation.Check.
var ErrObservation = errors.New("observation is malformed")

// Check reports what is structurally wrong with an observation: no id, no state, or a state of another kind.
func (o *Observation) Check() error {
	if o.ExternalID == "" {
		return fmt.Errorf("%w: external_id is empty", ErrObservation)
	}
	set := map[Kind]bool{
		KindListing: o.Listing != nil, KindProduct: o.Product != nil, KindLevel: o.Level != nil, KindOrder: o.Order != nil,
		KindRefund: o.Refund != nil, KindCustomer: o.Customer != nil, KindLocation: o.Location != nil, KindCount: o.Count != nil,
	}
	own, known := set[o.Kind]
	if !known {
		return fmt.Errorf("%w: kind %q is not known", ErrObservation, o.Kind)
	}
	n := 0
	for _, s := range set {
		if s {
			n++
		}
	}
	switch {
	case o.Deleted && n != 0:
		return fmt.Errorf("%w: a deletion of %s %s has a state", ErrObservation, o.Kind, o.ExternalID)
	case !o.Deleted && (n != 1 || !own):
		return fmt.Errorf("%w: %s %s needs exactly its own state", ErrObservation, o.Kind, o.ExternalID)
	}
	return nil
}

// DetachPersonal takes the fields of class personal out of the observation, so that they can be kept in a section of
// their own; nil when there are none. AttachPersonal puts them back.
func (o *Observation) DetachPersonal() *PersonState {
	var p *PersonState
	switch {
	case o.Customer != nil:
		p, o.Customer.Person = o.Customer.Person, nil
	case o.Order != nil:
		p, o.Order.Buyer = o.Order.Buyer, nil
	}
	return p
}

// AttachPersonal puts back what DetachPersonal took.
func (o *Observation) AttachPersonal(p *PersonState) {
	switch {
	case p == nil:
	case o.Customer != nil:
		o.Customer.Person = p
	case o.Order != nil:
		o.Order.Buyer = p
	}
}
