package canon

import "time"

// Client is the golden record of a person.
type Client struct {
	ID         string   `json:"id"`
	Nodes      []string `json:"nodes"`
	Title      string   `json:"title,omitempty" class:"personal"` // Dr, Mme …
	GivenName  string   `json:"given_name,omitempty" class:"personal"`
	MiddleName string   `json:"middle_name,omitempty" class:"personal"`
	FamilyName string   `json:"family_name,omitempty" class:"personal"`
	Suffix     string   `json:"suffix,omitempty" class:"personal"` // Jr, III …
	// Preferred is what the person wants to be called; Phonetic the whole name as it is read aloud or in another
	// script ("ヤマダ ハナコ").
	Preferred string         `json:"preferred_name,omitempty" class:"personal"`
	Phonetic  string         `json:"phonetic_name,omitempty" class:"personal"`
	Company   string         `json:"company,omitempty" class:"personal"`
	Emails    []string       `json:"emails,omitempty" class:"personal"`   // normalized
	Phones    []string       `json:"phones,omitempty" class:"personal"`   // E.164
	Contacts  []ContactPoint `json:"contacts,omitempty" class:"personal"` // every contact point of which more is known, sorted
	Addresses []Address      `json:"addresses,omitempty" class:"personal"`
	Locale    string         `json:"locale,omitempty" class:"personal"`   // BCP 47
	Birthday  string         `json:"birthday,omitempty" class:"personal"` // YYYY-MM-DD, or --MM-DD where the year is not known
	// MarketingEmail is the most restrictive consent to e-mail that any source states.
	MarketingEmail string `json:"marketing_email,omitempty"`
	// Consents are the most restrictive of each channel and purpose, sorted.
	Consents []Consent `json:"consents,omitempty"`
	Accounts []Account `json:"accounts"`
	// External are what systems that the hub is not connected to know the person by, sorted.
	External  []ExternalAccount `json:"external_accounts,omitempty" class:"personal"`
	Relations []Relation        `json:"relations,omitempty" class:"personal"`
	Tags      []string          `json:"tags,omitempty"` // of all sources, sorted
	Notes     []Note            `json:"notes,omitempty" class:"personal"`
	// Acquired says where the person came from first: the earliest time that a source states.
	Acquired *Acquisition `json:"acquired,omitempty"`
	// Disputed are the field groups in which sources differ and whose policy asks a person, sorted; each has an open case.
	Disputed  []string  `json:"disputed,omitempty"`
	Flags     []string  `json:"flags,omitempty"` // what a person should look at, as stable codes
	Version   Position  `json:"version" golden:"-"`
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// ContactKind is a way to reach a person.
type ContactKind string

// The ways. Another is kept under its source's word in lower case.
const (
	ContactEmail     ContactKind = "email"
	ContactPhone     ContactKind = "phone"
	ContactWhatsApp  ContactKind = "whatsapp"
	ContactWeChat    ContactKind = "wechat"
	ContactLine      ContactKind = "line"
	ContactInstagram ContactKind = "instagram"
)

// ContactPoint is one way to reach a person, with what sources say about it. No source's contact point overwrites
// another's.
type ContactPoint struct {
	Kind  ContactKind `json:"kind" class:"personal"`
	Value string      `json:"value" class:"personal"`           // normalized: an e-mail in lower case, a number in E.164
	Label string      `json:"label,omitempty" class:"personal"` // home, work, mobile …, the first source's word
	// Verified tells that a source has proof that the person reads it.
	Verified  bool   `json:"verified,omitempty" class:"personal"`
	Preferred bool   `json:"preferred,omitempty" class:"personal"`
	Raw       string `json:"raw,omitempty" class:"personal"` // the source's words, where Value could not be read from them
}

// ConsentState is what a person allows on a channel.
type ConsentState string

// The states, from the least to the most restrictive.
const (
	ConsentGiven     ConsentState = "subscribed"
	ConsentPending   ConsentState = "pending" // asked, not confirmed
	ConsentWithdrawn ConsentState = "unsubscribed"
)

// Stricter tells whether s allows less than o. A state that is not known allows nothing.
func (s ConsentState) Stricter(o ConsentState) bool { return s.rank() > o.rank() }

func (s ConsentState) rank() int {
	switch s {
	case "":
		return 0
	case ConsentGiven:
		return 1
	case ConsentPending:
		return 2
	case ConsentWithdrawn:
		return 3
	}
	return 4
}

// Consent is what a person allows on one channel for one purpose.
type Consent struct {
	Channel string       `json:"channel"` // email, sms, phone, post, whatsapp …
	Purpose string       `json:"purpose"` // marketing, profiling, sharing …
	State   ConsentState `json:"state"`
	// Connection is who states it: of several that are as strict the first in the order of authority.
	Connection string `json:"connection"`
	At         string `json:"at,omitempty"`     // RFC 3339, as stated
	Source     string `json:"source,omitempty"` // where the person said so: checkout, boutique, form …
	Text       string `json:"text,omitempty"`   // version of the words that were agreed to
}

// ExternalAccount is what a system that the hub is not connected to knows a person by: a loyalty programme, a payment
// gateway's customer, a marketplace's buyer. It never is a card number (invariant 7).
type ExternalAccount struct {
	System string `json:"system" class:"personal"`
	ID     string `json:"id" class:"personal"`
	Kind   string `json:"kind,omitempty" class:"personal"` // loyalty, gateway, marketplace, club …
}

// Relation ties a person to another one.
type Relation struct {
	Kind string `json:"kind" class:"personal"` // spouse, partner, parent, child, sibling, household, assistant, other
	// Node is the node id of the other person; it resolves to the golden record.
	Node string `json:"node,omitempty" class:"personal"`
	Name string `json:"name,omitempty" class:"personal"` // where the source knows no account of theirs
	// Discreet tells that the one must not learn of what the other buys.
	Discreet bool   `json:"discreet,omitempty" class:"personal"`
	Raw      string `json:"raw,omitempty" class:"personal"` // the source's word for Kind, where it could not be read
}

// Note is what a source wrote about a person.
type Note struct {
	Connection string `json:"connection" class:"personal"`
	Text       string `json:"text" class:"personal"`
}

// Acquisition says where a person came from first.
type Acquisition struct {
	At         time.Time `json:"at"`
	Connection string    `json:"connection"`
	Source     string    `json:"source,omitempty"` // the source's word: walk-in, referral, instagram …
}

// Address is a postal address with its country as ISO 3166-1 alpha-2 where it could be read.
type Address AddressState

// Account is a client as one connection knows them.
type Account struct {
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"` // "guest/<order>" for a buyer without an account
	Node       string `json:"node"`
}
