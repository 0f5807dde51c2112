package canon

// OwnershipKind is whose a piece is.
type OwnershipKind string

// The kinds of ownership. The empty one means that no source states it.
const (
	Owned     OwnershipKind = "owned"     // the house's own
	Consigned OwnershipKind = "consigned" // for sale on another's account
	MemoIn    OwnershipKind = "memo_in"   // lent by a supplier for a time
	ClientOwn OwnershipKind = "client"    // a client's, in custody for a repair or a design
)

// Ownership says whose a piece is and on what terms it is here.
type Ownership struct {
	Kind OwnershipKind `json:"kind,omitempty" class:"internal"`
	// Party is the source's code of the owner. It is never a person's name: names belong to clients.
	Party     string `json:"party,omitempty" class:"internal"`
	Reference string `json:"reference,omitempty" class:"internal"` // of the agreement or memo
	Since     string `json:"since,omitempty" class:"internal"`     // YYYY-MM-DD
	Due       string `json:"due,omitempty" class:"internal"`       // when it goes back, YYYY-MM-DD
	Payable   *Money `json:"payable,omitempty" class:"cost"`       // owed to the owner at a sale
	Raw       string `json:"raw,omitempty" class:"internal"`       // the source's word for the kind, where it could not be read
}

// Provenance is one step of where a piece, its metal or its stones come from. Steps are only ever added.
type Provenance struct {
	Event string `json:"event,omitempty" class:"internal"` // mined, recycled, purchased, consigned, set, recut, tested …
	Date  string `json:"date,omitempty" class:"internal"`  // YYYY-MM-DD
	Party string `json:"party,omitempty" class:"internal"` // a company or its code, never a private person
	// Scheme is KP (Kimberley Process), SOW (System of Warranties), RJC_COP, RJC_COC, LBMA_RGG or FTC; another's own
	// word in capitals.
	Scheme string `json:"scheme,omitempty" class:"public"`
	// Statement names the wording of the warranty in the house's own settings; the hub knows no wording.
	Statement string `json:"statement,omitempty" class:"public"`
	Number    string `json:"number,omitempty" class:"public"`      // of the scheme's certificate or membership
	Material  string `json:"material,omitempty" class:"public"`    // mined, recycled or grandfathered (RJC chain of custody)
	ValidFrom string `json:"valid_from,omitempty" class:"public"`  // YYYY-MM-DD
	ValidTo   string `json:"valid_to,omitempty" class:"public"`    // YYYY-MM-DD
	Document  string `json:"document,omitempty" class:"internal"`  // where it is kept
	Hash      string `json:"hash,omitempty" class:"internal"`      // SHA-256 of the document, lower case hexadecimal
	Invoice   string `json:"invoice_no,omitempty" class:"cost"`    //
	Cost      *Money `json:"purchase_cost,omitempty" class:"cost"` // as the invoice states it
	Raw       string `json:"raw,omitempty" class:"internal"`       // words that could not be read
}

// Appraisal is a valuation of a piece by an appraiser.
type Appraisal struct {
	Number    string `json:"number,omitempty" class:"internal"`
	Purpose   string `json:"purpose,omitempty" class:"internal"` // insurance, estate, resale, donation, divorce, other
	Amount    *Money `json:"amount,omitempty" class:"internal"`
	Stated    string `json:"stated,omitempty" class:"internal"` // the amount as the source wrote it
	Appraiser string `json:"appraiser,omitempty" class:"internal"`
	Date      string `json:"date,omitempty" class:"internal"`    // YYYY-MM-DD
	Expires   string `json:"expires,omitempty" class:"internal"` // YYYY-MM-DD
	URL       string `json:"url,omitempty" class:"internal"`
	Hash      string `json:"hash,omitempty" class:"internal"` // SHA-256 of the document, lower case hexadecimal
	Raw       string `json:"raw,omitempty" class:"internal"`  // words that could not be read
}

// Edition is a piece's place in a limited series.
type Edition struct {
	Name   string `json:"name,omitempty" class:"public"`
	Number int64  `json:"number,omitempty" class:"public"` // from 1
	Size   int64  `json:"size,omitempty" class:"public"`   // how many there are
	Raw    string `json:"raw,omitempty" class:"public"`    // "12/100"
}

// MatchingSet is a set that a piece belongs to: a parure, a pair of earrings, wedding bands.
type MatchingSet struct {
	Code   string `json:"code" class:"public"` // the same for every piece of the set
	Name   string `json:"name,omitempty" class:"public"`
	Role   string `json:"role,omitempty" class:"public"`   // necklace, left, right …, the source's word
	Pieces int64  `json:"pieces,omitempty" class:"public"` // how many belong to it
}

// ComponentKind is what a component is.
type ComponentKind string

// The kinds of components.
const (
	ComponentStone ComponentKind = "stone"
	ComponentPiece ComponentKind = "piece" // a ring of a set that is sold together
	ComponentPart  ComponentKind = "part"  // a clasp, a mount
)

// Component is something with an identity of its own that sits in a piece. What holds it blocks the piece, and what
// holds the piece blocks it, wherever either is listed (invariant 4).
type Component struct {
	Kind ComponentKind `json:"kind" class:"public"`
	// Keys name it as an item's own keys would: "certificate/GIA/2141438171", "epc/…", "serial/…". Sorted, at least one.
	Keys []string `json:"keys" class:"public"`
	Raw  string   `json:"raw,omitempty" class:"public"` // the source's words where none of its keys could be read
}
