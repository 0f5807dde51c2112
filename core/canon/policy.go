package canon

// Policy says, for each field group of the golden records, whose word counts. What it does not name goes by the default
// (core/policy has the groups and their defaults). It is journaled with the settings.
type Policy struct {
	Rules   []PolicyRule  `json:"rules,omitempty"`   // sorted by entity and group, each once
	Publish []PublishRule `json:"publish,omitempty"` // sorted by connection, each once
	// Approvals says which commands take a second person; nil for none.
	Approvals *ApprovalRule `json:"approvals,omitempty"`
}

// PolicyRule is whose word counts for one field group.
type PolicyRule struct {
	Entity string     `json:"entity"` // item, product or client
	Group  string     `json:"group"`  // title, price, name …
	Policy PolicyKind `json:"policy"`
	// Authority lists connections, the one that is believed first at the front.
	Authority []string `json:"authority,omitempty"`
	// Others says what becomes of the connections that Authority does not name; empty means after.
	Others Others `json:"others,omitempty"`
	// Losing says what becomes of a value that does not count; empty means keep.
	Losing Losing `json:"losing,omitempty"`
	// Direction is which way values go; empty means in.
	Direction Direction `json:"direction,omitempty"`
}

// PolicyKind is how several sources' values become one.
type PolicyKind string

// The policies. None compares the clocks of two sources, but for PolicyFirst, which compares what each says of when it
// made the record, once.
const (
	PolicyAuthority   PolicyKind = "authority"        // the first connection in the order of authority that states a value
	PolicyAdditive    PolicyKind = "additive"         // the values of all sources together
	PolicyFirst       PolicyKind = "first"            // the source that made its record first, by its own word; then the smallest node id
	PolicyRestrictive PolicyKind = "most_restrictive" // the value that allows least
	PolicyIgnore      PolicyKind = "ignore"           // no source's: the field stays empty
)

// Others is what becomes of connections that an order of authority does not name.
type Others string

// What can become of them.
const (
	OthersAfter  Others = "after"  // they come after those that are named, in the default order
	OthersIgnore Others = "ignore" // what they state does not count
)

// Losing is what becomes of a value that does not count.
type Losing string

// What can become of it.
const (
	LosingKeep      Losing = "keep"       // it stays in its binding
	LosingCase      Losing = "case"       // a case is open for as long as it differs from the one that counts
	LosingWriteBack Losing = "write_back" // the value that counts is written to its platform
)

// Direction is which way the values of a field group go.
type Direction string

// The directions.
const (
	DirectionIn   Direction = "in"   // from platforms to the hub
	DirectionOut  Direction = "out"  // from the hub to platforms
	DirectionBoth Direction = "both" // both ways
)

// PublishRule says which listings of a connection the hub may create, change and take down. Invariant 9: without a rule
// it is none.
type PublishRule struct {
	Connection string  `json:"connection"`
	Create     Publish `json:"create,omitempty"`
	Update     Publish `json:"update,omitempty"` // of anything but available stock, which has its own rules
	Unpublish  Publish `json:"unpublish,omitempty"`
	// What they select, where they are PublishSelected.
	CreateOf    *Selection `json:"create_of,omitempty"`
	UpdateOf    *Selection `json:"update_of,omitempty"`
	UnpublishOf *Selection `json:"unpublish_of,omitempty"`
	// Hide says which pieces are taken down; empty means HideDefault.
	Hide []HideWhen `json:"hide,omitempty"`
	// Deleted says what becomes of a listing that somebody deleted at the platform; empty means DeletedCase.
	Deleted Deleted `json:"deleted,omitempty"`
	// Currency is that of the prices of listings that the hub makes; empty means that of the price that counts first.
	Currency string `json:"currency,omitempty"`
}

// Publish says which listings a publish rule is about; empty means none.
type Publish string

// What a publish rule can be about.
const (
	PublishNone     Publish = "none"
	PublishAll      Publish = "all"
	PublishSelected Publish = "selected" // those of a Selection
)

// Selection says which items a rule is about: those that fit every list that is not empty. Words are compared without regard to
// case.
type Selection struct {
	Categories []string     `json:"categories,omitempty"`
	Metals     []string     `json:"metals,omitempty"` // gold, silver, platinum …
	Brands     []string     `json:"brands,omitempty"`
	Statuses   []ItemStatus `json:"statuses,omitempty"`
	Locations  []string     `json:"locations,omitempty"` // the hub's; where any of it is on hand
	// Price bounds the price that would be shown, both ends included.
	Price *PriceRange `json:"price,omitempty"`
	// Attributes are custom attributes by code, with the values that fit; no values means any.
	Attributes []AttributeIs `json:"attributes,omitempty"` // sorted by code
}

// PriceRange bounds an amount in minor units of a currency; Max 0 means no upper bound.
type PriceRange struct {
	Currency string `json:"currency"`
	Min      int64  `json:"min,omitempty"`
	Max      int64  `json:"max,omitempty"`
}

// AttributeIs is a custom attribute with the values that fit.
type AttributeIs struct {
	Code   string   `json:"code"`
	Values []string `json:"values,omitempty"`
}

// HideWhen names why a piece is taken down.
type HideWhen string

// Why a piece can be taken down.
const (
	HideSold      HideWhen = "sold"
	HideWithdrawn HideWhen = "withdrawn" // melted, lost, returned to its vendor, deleted by every source … or no longer selected
	HideRepair    HideWhen = "repair"
	HideMemo      HideWhen = "memo"     // lent
	HideReserved  HideWhen = "reserved" // reserved, on its way, or blocked by a part of it
)

// HideDefault is what is taken down where a rule does not say.
func HideDefault() []HideWhen { return []HideWhen{HideMemo, HideRepair, HideSold, HideWithdrawn} }

// Deleted says what becomes of a listing that somebody deleted at the platform.
type Deleted string

// What can become of it.
const (
	DeletedCase  Deleted = "case"  // a person is asked whether it is made again
	DeletedLeave Deleted = "leave" // it stays deleted
	DeletedAgain Deleted = "again" // it is made again
)

// ApplyPolicy puts a policy into force. Digest is of the plan that the person looked at; Plan what the plan is when the command
// is taken. Both must be the same.
type ApplyPolicy struct {
	Policy *Policy `json:"policy"`
	Digest string  `json:"digest"`
	Plan   string  `json:"plan"`
}
