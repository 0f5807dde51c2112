package canon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// The kinds of actions on listings. They are made by the fold where a publish rule allows it, and by nothing else.
const (
	// ActionCreateListing makes a listing of an item, hidden: it is put up by a step of its own, so that one that was made
	// twice by mistake was never for sale twice.
	ActionCreateListing ActionKind = "create_listing"
	// ActionUpdateListing changes fields of a listing.
	ActionUpdateListing ActionKind = "update_listing"
	// ActionPriceListing changes the prices of a listing.
	ActionPriceListing ActionKind = "price_listing"
	// ActionHideListing takes a listing down; it stays at the platform.
	ActionHideListing ActionKind = "hide_listing"
	// ActionShowListing puts a listing up that the hub made or took down.
	ActionShowListing ActionKind = "show_listing"
)

// ListingActions lists the kinds of actions on listings.
func ListingActions() []ActionKind {
	return []ActionKind{ActionCreateListing, ActionUpdateListing, ActionPriceListing, ActionHideListing, ActionShowListing}
}

// OnListing reports whether it is an action on a listing.
func (k ActionKind) OnListing() bool { return slices.Contains(ListingActions(), k) }

// Scope gives the part of a connection that an action belongs to: what its mode decides about.
func (k ActionKind) Scope() Scope {
	switch {
	case k == ActionPriceListing:
		return Scope{Entity: ScopePrice}
	case k.OnListing():
		return Scope{Entity: ScopeListing}
	}
	return Scope{Entity: ScopeOrder}
}

// ListingContent is what a listing should show, in words that a platform can be told. What is empty is not written, but for
// Sale, which is none where Price is written without it.
type ListingContent struct {
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Brand       string `json:"brand,omitempty"`
	StyleNo     string `json:"style_no,omitempty"`
	Category    string `json:"category,omitempty"`
	SKU         string `json:"sku,omitempty"`
	GTIN        string `json:"gtin,omitempty"`
	Serial      string `json:"serial,omitempty"`
	EPC         string `json:"epc,omitempty"` // hexadecimal
	HUID        string `json:"huid,omitempty"`
	Metal       string `json:"metal,omitempty"`     // "gold 750 yellow"
	Weight      string `json:"weight,omitempty"`    // "4.2 g"
	RingSize    string `json:"ring_size,omitempty"` // as labelled
	// Certificates are lab, number and address of each.
	Certificates []StatedCert      `json:"certificates,omitempty"`
	Attributes   []StatedAttribute `json:"attributes,omitempty"` // under the platform's codes
	ImageURLs    []string          `json:"image_urls,omitempty"`
	Serialized   bool              `json:"serialized,omitempty"`
	// Price is the regular price, Sale what is asked in its place for now; nil where there is none.
	Price *StatedMoney `json:"price,omitempty"`
	Sale  *StatedMoney `json:"sale,omitempty"`
}

// ListingTask is what an action does with a listing.
type ListingTask struct {
	// Item is the item's golden id, Title and SKU its name for a person.
	Item  string `json:"item"`
	Title string `json:"title,omitempty"`
	SKU   string `json:"sku,omitempty"`
	// Node names the publication: the node id of the listing, or of the item while there is none.
	Node string `json:"node"`
	// ExternalID, ProductID and StockID are the platform's; empty while it has none.
	ExternalID string `json:"external_id,omitempty"`
	ProductID  string `json:"product_id,omitempty"`
	StockID    string `json:"stock_id,omitempty"`
	// Content is what to show. An update writes what Fields name, and nothing else.
	Content ListingContent `json:"content"`
	Fields  []FieldWish    `json:"fields,omitempty"`
	// Places are the platform's locations at which a new listing has stock, sorted.
	Places []string `json:"places,omitempty"`
	// ByClaim tells that a claim is why it is taken down.
	ByClaim bool `json:"by_claim,omitempty"`
}

// FieldWish is a field of a listing that does not show what it should.
type FieldWish struct {
	Field  string          `json:"field"` // as in ListingContent; price for price and sale together; status
	Shows  json.RawMessage `json:"shows,omitempty"`
	Should json.RawMessage `json:"should,omitempty"`
}

// Hash names what a task does, so that an accepted plan is of exactly that.
func (t *ListingTask) Hash() string {
	raw, err := json.Marshal([]any{t.Node, t.ExternalID, t.Content, t.Fields, t.Places})
	if err != nil {
		return "" // strings and whole numbers always marshal
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// ListingMade is what a platform calls a listing that it made.
type ListingMade struct {
	ExternalID string `json:"external_id"`
	ProductID  string `json:"product_id,omitempty"`
	StockID    string `json:"stock_id,omitempty"`
}

// PublicationState is how far the hub is with a listing.
type PublicationState string

// The states of a publication.
const (
	PublicationSame   PublicationState = "same"   // it shows what it should, or the hub means to write nothing
	PublicationWanted PublicationState = "wanted" // something is to be written; its action says how far that is
	// PublicationWritten is written and not shown yet: it is read.
	PublicationWritten PublicationState = "written"
	// PublicationRefused was refused by the platform, or can't be shown there: no call is made before something else is
	// wanted or a person asks for it.
	PublicationRefused PublicationState = "refused"
	// PublicationGone was deleted at the platform by a person: it is not made again without a word (a case is open, unless
	// the rule says otherwise).
	PublicationGone PublicationState = "gone"
)

// Publication is what the hub means to show of an item at a connection, and how far that is. It is there where a publish
// rule is about the item, or was.
type Publication struct {
	Connection string `json:"connection"`
	// Node is the node id of the listing; while there is none, that of a listing of the item elsewhere.
	Node string `json:"node"`
	Item string `json:"item"` // golden id
	// ListingID is the platform's id; empty while it has none.
	ListingID string           `json:"listing_id,omitempty"`
	State     PublicationState `json:"state"`
	// Open are the keys of the actions that are not over: at most one on the listing and one on its price.
	Open []string `json:"open,omitempty"`
	// Made tells that the hub made the listing, Down that the hub took it down, or has not put it up yet: it may put it up.
	Made bool `json:"made,omitempty"`
	Down bool `json:"down,omitempty"`
	// Generation grows each time that the listing may be made again: what is made carries a mark of it.
	Generation int `json:"generation,omitempty"`
	// Forgiven are deleted listings in whose place a new one may be made; Leave tells that a person wants none.
	Forgiven []string `json:"forgiven,omitempty"`
	Leave    bool     `json:"leave,omitempty"`
	// Await is the outcome of a write: what the platform showed up to it does not count.
	Await Position `json:"await,omitzero"`
	// Written are fields that were written, until they show what they should.
	Written []FieldWritten `json:"written,omitempty"`
	// Refused are wishes that the platform refused.
	Refused []RefusedWish `json:"refused,omitempty"`
	// Left are fields that differ and that the policy leaves as they are.
	Left []FieldWish `json:"left,omitempty"`
	// Why says in a sentence why nothing is written, where something could be expected to be.
	Why       string    `json:"why,omitempty"`
	Version   Position  `json:"version" golden:"-"`
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// FieldWritten is a field that was written.
type FieldWritten struct {
	Field string `json:"field"`
	// Should is what was written, Shown what the platform showed afterwards, as hashes; Shown is empty until it is known.
	Should string   `json:"should"`
	Shown  string   `json:"shown,omitempty"`
	At     Position `json:"at"` // the outcome's entry
}

// RefusedWish is something that a platform refused.
type RefusedWish struct {
	Kind   ActionKind `json:"kind"`
	Wish   string     `json:"wish"` // ListingTask.Hash
	Status string     `json:"status"`
	Code   string     `json:"code,omitempty"`
	Detail string     `json:"detail,omitempty"` // the platform's words
}

// ListingCommand says a person's word about a publication.
type ListingCommand struct {
	Connection string `json:"connection"`
	Item       string `json:"item"` // any id that resolves to it
	// Does is again (make it again though somebody deleted it), or retry (what was refused or not shown is written once more).
	Does string `json:"does"`
}

// Forgive lets a new listing be made in the place of deleted ones, under a mark of its own.
func (p *Publication) Forgive(gone []string) {
	for _, id := range gone {
		if !slices.Contains(p.Forgiven, id) {
			p.Forgiven = append(slices.Clone(p.Forgiven), id)
		}
	}
	p.ListingID, p.Made, p.Leave = "", false, false
	p.Generation++
}
