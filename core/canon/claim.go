package canon

import "time"

// ClaimKind is what a claim stands for.
type ClaimKind string

// The kinds of claims that this hub folds.
const (
	ClaimSale        ClaimKind = "sale"
	ClaimReservation ClaimKind = "reservation"
	ClaimMemo        ClaimKind = "memo"     // lent: the goods are with somebody else
	ClaimTransfer    ClaimKind = "transfer" // picked for another of the house's places, or on the way there
	ClaimAside       ClaimKind = "aside"    // not for sale by a person's word: in repair, damaged, missing, scrapped …
)

// Claim is a right to a piece or to a quantity of a SKU: an order's line, a till's sale, a reservation. Its key is
// natural and stays for ever: the same fact never makes two claims.
type Claim struct {
	// Key is "connection/order/line" for a sale, the reservation's ULID for a reservation.
	Key        string    `json:"key"`
	Kind       ClaimKind `json:"kind"`
	Connection string    `json:"connection"` // or the channel of a command
	// ListingID is the platform's listing; Node its node id, once the listing is known.
	ListingID string `json:"listing_id,omitempty"`
	Node      string `json:"node,omitempty"`
	// Item is the golden id of what is claimed; empty while it waits for its listing. It follows from Node, and is kept
	// up to date while the claim is live.
	Item     string `json:"item,omitempty" golden:"-"`
	Location string `json:"location,omitempty"` // the hub's location that gives the goods
	// Net is how many pieces are claimed now: ordered less returned; 0 when the claim is not live.
	Net int64 `json:"net"`
	// Quantity is how many pieces were claimed at first.
	Quantity int64 `json:"quantity"`
	// Restocked is how many a person put back for sale by command.
	Restocked int64 `json:"restocked,omitempty"`
	// RestockedAt is the fold time of the newest such command.
	RestockedAt time.Time `json:"restocked_at,omitzero" golden:"-"`
	// Placed is when the goods were sold, by the word of whoever states it; zero for a sale by command, made at At.
	Placed time.Time `json:"placed,omitzero"`
	// Back is what came back for sale by refunds and cancellation, by the source's own times, sorted by time.
	Back []Return `json:"back,omitempty"`
	// Reflected is how much of Net the stock authority's own level is known to include.
	Reflected int64 `json:"reflected,omitempty" golden:"-"`
	// Sent is how much of it the write that SentAt announced would make the authority's level include.
	Sent   int64    `json:"sent,omitempty" golden:"-"`
	SentAt Position `json:"sent_at,omitzero" golden:"-"`
	// HandedOver tells that the goods have left with the client.
	HandedOver bool `json:"handed_over,omitempty"`
	// Overruled tells that a person decided for another claim; it counts no longer.
	Overruled bool `json:"overruled,omitempty"`
	// Yields tells that a person decided for another claim and that this one's order is being cancelled or refunded at its
	// platform. It counts until the platform shows that; then it has ended, whether the goods came back or not.
	Yields   bool   `json:"yields,omitempty"`
	Document string `json:"document,omitempty"` // golden id of the order, or id of the memo or transfer
	// State is where the goods of an aside claim are in their life.
	State ItemStatus `json:"state,omitempty"`
	// Reference is what an aside claim refers to: the police's number, the vendor's document.
	Reference string `json:"reference,omitempty"`
	// To is the place that a transfer's goods are on the way to; empty until they are shipped.
	To string `json:"to,omitempty"`
	// Arrived is what of a quantity has arrived there, sorted by time.
	Arrived []Return `json:"arrived,omitempty"`
	// Lost is how much of a quantity has not arrived in time.
	Lost    int64      `json:"lost,omitempty"`
	ForWhom string     `json:"for_whom,omitempty" class:"personal"`
	Until   *time.Time `json:"until,omitempty"` // of a reservation
	// Stage is where a reservation that is collected at a boutique is in its machine (core/lifecycle).
	Stage string `json:"stage,omitempty"`
	// Extended is how often a person gave it more time.
	Extended int64  `json:"extended,omitempty"`
	Ended    string `json:"ended,omitempty"` // released, expired, sold, cancelled, returned, refunded
	// Since is the entry that first stated the claim live; the earliest live claim becomes the holder of a free piece.
	Since Position `json:"since" golden:"-"`
	// Changed is the entry that last changed Net.
	Changed Position `json:"changed" golden:"-"`
	// At is the fold time of Since.
	At time.Time `json:"at" golden:"-"`
}

// EndedRemoved ends the claim of a line that its order does not have any longer.
const EndedRemoved = "line removed"

// InGolden keeps what is left of a removed line out of the golden digest: whether it was ever seen depends on what
// came first.
func (c *Claim) InGolden() bool { return c.Ended != EndedRemoved }

// Live reports whether the claim counts. A transfer whose goods have all arrived, or are lost, holds nothing any more.
func (c *Claim) Live() bool { return c.Net > c.arrived()+c.Lost && !c.Overruled }

// OnHand reports whether the goods are where they were claimed, as far as the claim knows.
func (c *Claim) OnHand() bool {
	switch c.Kind {
	case ClaimReservation:
		return true
	case ClaimTransfer:
		return c.To == ""
	case ClaimAside:
		switch c.State {
		case ItemInRepair, ItemQuarantine, ItemReturned, ItemAssembled:
			return true
		}
	}
	return false
}

// OnTheWay is how many pieces are on the way to To.
func (c *Claim) OnTheWay() int64 {
	if c.To == "" || c.Overruled {
		return 0
	}
	return c.Net - c.arrived() - c.Lost
}

func (c *Claim) arrived() int64 {
	n := int64(0)
	for _, a := range c.Arrived {
		n += a.Quantity
	}
	return n
}

// Return is goods of a claim that came back for sale.
type Return struct {
	At       time.Time `json:"at"`
	Quantity int64     `json:"quantity"`
}

// When is the moment at which goods were taken: the source's own, or the fold time where it states none.
func (c *Claim) When() time.Time {
	if c.Placed.IsZero() {
		return c.At
	}
	return c.Placed
}

// Before is what the claim had taken of the stock at a moment, in pieces: whoever counted what was there then, did not
// find them. Goods that are only reserved or set aside were there.
func (c *Claim) Before(t time.Time) int64 {
	if c.OnHand() || c.Overruled || c.Ended == EndedRemoved {
		return 0
	}
	if c.When().After(t) {
		return 0
	}
	q := c.Quantity
	for _, b := range c.Back {
		if !b.At.After(t) {
			q -= b.Quantity
		}
	}
	if !c.RestockedAt.IsZero() && !c.RestockedAt.After(t) {
		q -= c.Restocked
	}
	return max(q, 0)
}

// BeforeAt is Before of one place: what a transfer had brought there is less than nothing taken.
func (c *Claim) BeforeAt(location string, t time.Time) int64 {
	q := int64(0)
	if location == c.Location {
		q = c.Before(t)
	}
	if c.To != "" && location == c.To && !c.Overruled {
		for _, a := range c.Arrived {
			if !a.At.After(t) {
				q -= a.Quantity
			}
		}
	}
	return q
}

// CaseKind names what a case is about.
type CaseKind string

// The kinds of cases.
const (
	// CaseDocument is a document of an order that a platform shows in a state that no way leads to from what was known.
	CaseDocument    CaseKind = "document"
	CaseDoubleClaim CaseKind = "double_claim"    // two live claims on one piece
	CaseComponent   CaseKind = "component_claim" // live claims on pieces that share a component
	CaseOversold    CaseKind = "oversold"        // a quantity SKU went below zero
	CaseIdentity    CaseKind = "identity"        // keys that contradict each other
	CaseReport      CaseKind = "same_report"     // two live pieces with one grading report
	CaseFuse        CaseKind = "fuse"            // a connection's fuse stopped its writes
	CaseClient      CaseKind = "client"          // two records that may be one person
	CaseField       CaseKind = "field"           // sources differ in a field whose policy asks a person
	CaseListing     CaseKind = "listing"         // a listing that the hub keeps was deleted at its platform
)

// Case is a conflict that a person decides, or that goes away with its cause.
type Case struct {
	ID      string   `json:"id"` // derived from kind and subject
	Kind    CaseKind `json:"kind"`
	Open    bool     `json:"open"`
	Subject string   `json:"subject"` // a record's golden id, the connection's name, or a client's node id
	// Summary says in one sentence what is wrong; it has no personal data.
	Summary  string     `json:"summary"`
	Evidence []Evidence `json:"evidence,omitempty"`
	// Claims is how many claims a case about claims has, where Evidence and Proposals name the first and the last of them
	// alone. All are in the timeline of the case; each that lives can be kept by the proposal "keep:<claim>".
	Claims int64 `json:"claims,omitempty"`
	// Compared says, of two records that may be one person, how they agree field by field.
	Compared  []Compared `json:"compared,omitempty"`
	Proposals []Proposal `json:"proposals,omitempty"`
	// Decision is what a person chose, and Actions how far that is carried out at the platforms. The case closes when its
	// cause has gone by what the platforms show.
	Decision *CaseDecision `json:"decision,omitempty" golden:"-"`
	Actions  []CaseAction  `json:"actions,omitempty" golden:"-"`
	// Resolution is how it ended.
	Resolution string    `json:"resolution,omitempty"`
	Note       string    `json:"note,omitempty"`
	OpenedAt   time.Time `json:"opened_at" golden:"-"`
	Opened     Position  `json:"opened" golden:"-"`
	ClosedAt   time.Time `json:"closed_at,omitzero" golden:"-"`
	Closed     Position  `json:"closed,omitzero" golden:"-"`
}

// InGolden keeps closed cases out of the golden digest.
//
// So does one about a document: which states were seen before depends on what came first.
func (c *Case) InGolden() bool { return c.Open && c.Kind != CaseDocument && c.Kind != CaseListing }

// Evidence is one side of a case.
type Evidence struct {
	Claim      string `json:"claim,omitempty"`
	Connection string `json:"connection,omitempty"`
	Text       string `json:"text"`
	Position   string `json:"position,omitempty" golden:"-"` // the entry that states it
	// Holds tells that this side holds the piece.
	Holds bool `json:"holds,omitempty" golden:"-"`
}

// Compared is how two records agree in one field.
type Compared struct {
	Field string `json:"field"`
	Level string `json:"level"` // "equal", "slip", "differ" …
	// Weight is what this speaks for one person, in centibits: 100 doubles the odds.
	Weight int32  `json:"weight"`
	A      string `json:"a,omitempty" class:"personal"` // what one record states
	B      string `json:"b,omitempty" class:"personal"`
}

// Proposal is a way to end a case.
type Proposal struct {
	ID   string `json:"id"` // "keep:<claim>", "cancel:<claim>"
	Text string `json:"text"`
	// Kind is keep (the first stays), swap (a later one gets it), reassign (the goods were handed over) or cancel.
	Kind string `json:"kind,omitempty" golden:"-"`
	// Advised is set for the one that the rules would choose.
	Advised bool `json:"advised,omitempty" golden:"-"`
}

// The kinds of proposals of a case about claims.
const (
	ProposeKeep     = "keep"
	ProposeSwap     = "swap"
	ProposeReassign = "reassign"
	ProposeCancel   = "cancel"
)
