package canon

import "time"

// ItemStatus is where a piece is in its life (the machine is in core/lifecycle).
type ItemStatus string

// The states of an item that this hub folds. A quantity SKU has ItemInStock or ItemUnavailable.
const (
	ItemUnknown     ItemStatus = "unknown"     // sources disagree whether it is there, and nobody has decided
	ItemInStock     ItemStatus = "in_stock"    //
	ItemReserved    ItemStatus = "reserved"    //
	ItemBlocked     ItemStatus = "blocked"     // in the house, but something in it, or what it sits in, is held
	ItemOnMemo      ItemStatus = "on_memo_out" // lent
	ItemSold        ItemStatus = "sold"        //
	ItemInTransit   ItemStatus = "in_transit"  // on the way from one of the house's places to another, at neither
	ItemInRepair    ItemStatus = "in_repair"   //
	ItemReturned    ItemStatus = "returned"    // back from its buyer, nobody has looked at it
	ItemQuarantine  ItemStatus = "quarantine"  // damaged or in doubt
	ItemAssembled   ItemStatus = "assembled"   // part of another piece
	ItemMissing     ItemStatus = "missing"     //
	ItemStolen      ItemStatus = "stolen"      //
	ItemWrittenOff  ItemStatus = "written_off" //
	ItemMelted      ItemStatus = "melted"      //
	ItemScrapped    ItemStatus = "scrapped"    //
	ItemToVendor    ItemStatus = "returned_to_vendor"
	ItemUnavailable ItemStatus = "unavailable" // no source shows it as there
	ItemRetired     ItemStatus = "retired"     // every source deleted it
)

// Item is the golden record of one piece, or of a quantity of a SKU. It is computed from its bindings, its claims
// and its ledger; nothing writes it directly.
type Item struct {
	ID string `json:"id"` // the smallest of Nodes
	// Nodes are the node ids of the listings that are this item; each resolves to ID.
	Nodes        []string      `json:"nodes"`
	Serialized   bool          `json:"serialized"` // one piece; otherwise a quantity of a SKU
	Title        string        `json:"title,omitempty"`
	SKU          string        `json:"sku,omitempty"`
	Serial       string        `json:"serial,omitempty"`
	EPC          string        `json:"epc,omitempty"`
	GTIN         string        `json:"gtin,omitempty"`
	Brand        string        `json:"brand,omitempty"`
	StyleNo      string        `json:"style_no,omitempty"`
	Category     string        `json:"category,omitempty"`
	HUID         string        `json:"huid,omitempty"`       // India's hallmark id of one piece (Bureau of Indian Standards): six letters and digits
	ProductID    string        `json:"product_id,omitempty"` // node id of the product
	Certificates []Certificate `json:"certificates,omitempty"`
	Metal        *Metal        `json:"metal,omitempty"` // of the piece as a whole
	// Metals are its parts by metal, where a source states them apart.
	Metals   []MetalComponent `json:"metals,omitempty"`
	Weight   *Weight          `json:"weight,omitempty"` // of the whole piece
	Stones   []Stone          `json:"stones,omitempty"`
	RingSize *RingSize        `json:"ring_size,omitempty"`
	// Components are what sits in it and has an identity of its own, sorted by keys.
	Components []Component   `json:"components,omitempty"`
	Ownership  *Ownership    `json:"ownership,omitempty"`
	Edition    *Edition      `json:"edition,omitempty"`
	Sets       []MatchingSet `json:"sets,omitempty"`       // sorted by code
	Provenance []Provenance  `json:"provenance,omitempty"` // of all sources, by date
	Appraisals []Appraisal   `json:"appraisals,omitempty"` // of all sources, by date
	Prices     []Price       `json:"prices,omitempty"`
	// Offers are what connections ask of it beside Prices: by price lists, and for a time.
	Offers     []ShownOffer `json:"offers,omitempty"`
	Cost       *Money       `json:"cost,omitempty" class:"cost"`
	Attributes []Attribute  `json:"attributes,omitempty"`
	Status     ItemStatus   `json:"status"`
	Location   string       `json:"location,omitempty"` // where the piece is; of a serialized item
	Stock      []StockAt    `json:"stock"`
	// Holder depends on the journal's order while the piece is contested; otherwise it follows from the claims.
	Holder    *Holder `json:"holder,omitempty" golden:"-"`
	Contested bool    `json:"contested,omitempty"` // more than one live claim; a case is open
	// Blocked are the golden ids of held items that share a component with it, sorted. Invariant 4: holding a stone
	// blocks whatever contains it, and whatever else it is offered in.
	Blocked []string `json:"blocked_by,omitempty"`
	// SameReport are the golden ids of other live pieces that state the same grading report, sorted: one of them is not
	// what it says. None of them is sold before a person has looked (a case is open).
	SameReport []string  `json:"same_report_as,omitempty"`
	Listings   []Listing `json:"listings"`
	// Consignment is the id of the consignment that the piece is in: it is somebody else's.
	Consignment string `json:"consignment,omitempty"`
	// Adopted tells that the hub counts this item's stock from an opening that was fixed when a connection went live.
	Adopted bool `json:"adopted,omitempty"`
	// Disputed are the field groups in which sources differ and whose policy asks a person, sorted; each has an open case.
	Disputed []string `json:"disputed,omitempty"`
	// Flags are what a person should look at, as stable codes ("stock.conflict").
	Flags   []string `json:"flags,omitempty"`
	Version Position `json:"version" golden:"-"`
	// UpdatedAt is fold time.
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// Price is an amount that a connection shows for an item.
type Price struct {
	Connection string `json:"connection"`
	Money
	Stated string `json:"stated"` // as the source wrote it
}

// Weight is a weight in milligrams with the words that it was read from.
type Weight struct {
	Milligrams int64  `json:"milligrams"`
	Raw        string `json:"raw,omitempty"`
}

// StockAt is the stock of an item at one of the hub's locations, in pieces. What is on hand is what is reserved,
// committed, in repair, damaged and available together.
type StockAt struct {
	Location  string `json:"location"`
	OnHand    int64  `json:"on_hand"`
	Reserved  int64  `json:"reserved"`
	Memo      int64  `json:"memo,omitempty"`       // lent from here; not on hand
	Committed int64  `json:"committed,omitempty"`  // bound by a claim on what shares a component with it, by what it was built into, or picked for a transfer
	InRepair  int64  `json:"in_repair,omitempty"`  //
	Damaged   int64  `json:"damaged,omitempty"`    // back or broken: to be looked at before it is for sale
	InTransit int64  `json:"in_transit,omitempty"` // on the way to here; not on hand
	Available int64  `json:"available"`            // may be negative: oversold, a case is open
	Safety    int64  `json:"safety,omitempty"`     // the part of what is available that no channel is shown
}

// AddsUp reports whether what is on hand is what it counts as.
func (s *StockAt) AddsUp() bool {
	return s.OnHand == s.Available+s.Reserved+s.Committed+s.InRepair+s.Damaged && s.Safety >= 0 && s.Safety <= max(s.Available, 0)
}

// Holder is the claim that holds a piece. Invariant 4: there is at most one.
type Holder struct {
	Claim string    `json:"claim"`
	Kind  ClaimKind `json:"kind"`
	// Channel is where the claim came from: a connection's name, or a till's.
	Channel string     `json:"channel"`
	Until   *time.Time `json:"until,omitempty"`
}

// Listing is how one connection lists an item.
type Listing struct {
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Node       string `json:"node"`
	SKU        string `json:"sku,omitempty"`
	Status     string `json:"status,omitempty"`
	// JoinedBy says which key bound it: certificate, epc, serial, sku, person, or own when it is alone.
	JoinedBy string `json:"joined_by"`
}

// Product is the golden record of a style.
type Product struct {
	ID          string      `json:"id"`
	Nodes       []string    `json:"nodes"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Brand       string      `json:"brand,omitempty"`
	StyleNo     string      `json:"style_no,omitempty"`
	Category    string      `json:"category,omitempty"`
	Attributes  []Attribute `json:"attributes,omitempty"`
	// Disputed are the field groups in which sources differ and whose policy asks a person, sorted; each has an open case.
	Disputed  []string  `json:"disputed,omitempty"`
	Version   Position  `json:"version" golden:"-"`
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// Order is the golden record of a sale.
type Order struct {
	ID         string      `json:"id"`
	Connection string      `json:"connection"`
	ExternalID string      `json:"external_id"`
	Number     string      `json:"number,omitempty"`
	Status     OrderStatus `json:"status"`
	PlacedAt   time.Time   `json:"placed_at"`
	Currency   string      `json:"currency"`
	Total      *Money      `json:"total,omitempty"` // as stated; invariant 5
	// LinesTotal is what the hub computes from the lines: price times quantity less discounts, before tax and shipping.
	LinesTotal *Money `json:"lines_total,omitempty"`
	// TotalsDiffer tells that the stated amounts do not add up under any of the usual rules.
	TotalsDiffer bool        `json:"totals_differ,omitempty"`
	Lines        []OrderItem `json:"lines"`
	Tenders      []Tender    `json:"tenders,omitempty" class:"payment"`
	// Fulfilments, Payments and Returns are its documents: what its platform shows of them, and what the house made.
	Fulfilments []Fulfilment  `json:"fulfilments,omitempty"`
	Payments    []Payment     `json:"payments,omitempty" class:"payment"`
	Returns     []OrderReturn `json:"returns,omitempty"`
	Channel     string        `json:"channel,omitempty"`
	Location    string        `json:"location,omitempty"` // the hub's location
	Salesperson string        `json:"salesperson,omitempty"`
	// ClientNode is the node id of the buyer; it resolves to the client's golden record.
	ClientNode string `json:"client_node,omitempty"`
	// History tells that the order is older than the connection's baseline: it moves no piece and no stock.
	History   bool      `json:"history,omitempty"`
	Version   Position  `json:"version" golden:"-"`
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// OrderItem is a line of a golden order.
type OrderItem struct {
	ID        string `json:"id"`
	ListingID string `json:"listing_id,omitempty"`
	// Node is the node id of the sold listing; it resolves to the item. Empty while the listing is not known.
	Node     string `json:"node,omitempty"`
	SKU      string `json:"sku,omitempty"`
	Title    string `json:"title,omitempty"`
	Quantity int64  `json:"quantity"`
	Returned int64  `json:"returned,omitempty"` // restocked by refunds
	Refunded int64  `json:"refunded,omitempty"` // refunded, restocked or not
	Price    *Money `json:"price,omitempty"`
	// Waiting tells that the line's listing has not been seen yet.
	Waiting bool `json:"waiting,omitempty"`
}

// Refund is the golden record of a refund.
type Refund struct {
	ID         string       `json:"id"`
	Connection string       `json:"connection"`
	ExternalID string       `json:"external_id"`
	OrderID    string       `json:"order_id"` // golden id of the order
	CreatedAt  time.Time    `json:"created_at"`
	Total      *Money       `json:"total,omitempty"`
	Lines      []RefundLine `json:"lines,omitempty"`
	Tenders    []Tender     `json:"tenders,omitempty" class:"payment"`
	Version    Position     `json:"version" golden:"-"`
	UpdatedAt  time.Time    `json:"updated_at" golden:"-"`
}

// Location is one of the hub's places, as configured, with the platforms' places that are mapped to it.
type Location struct {
	ID       string            `json:"id"` // the name in the configuration
	Bindings []LocationBinding `json:"bindings"`
	Version  Position          `json:"version" golden:"-"`
}

// LocationBinding is a platform's place that is mapped to one of the hub's.
type LocationBinding struct {
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Name       string `json:"name,omitempty"`
}
