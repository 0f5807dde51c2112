package canon

import "time"

// CustomerState is a person as one system knows them.
type CustomerState struct {
	// Person is journaled in the personal section.
	Person    *PersonState `json:"person,omitempty" class:"personal"`
	Tags      []string     `json:"tags,omitempty"`
	CreatedAt *time.Time   `json:"created_at,omitempty"`
	// AcquiredBy is how the person came, in the source's word: "walk-in", "referral".
	AcquiredBy string `json:"acquired_by,omitempty"`
	// MarketingEmail is the consent to e-mail as stated: subscribed, unsubscribed, pending; empty when unknown.
	MarketingEmail string `json:"marketing_email,omitempty"`
	// Consents are those of every channel that the source states.
	Consents []StatedConsent `json:"consents,omitempty"`
}

// StatedConsent is what a person allows on one channel, as a source states it.
type StatedConsent struct {
	Channel string `json:"channel"`           // "email", "sms", "phone", "post", "whatsapp"
	Purpose string `json:"purpose,omitempty"` // empty means marketing
	State   string `json:"state"`             // "subscribed", "opted out", "pending"
	At      string `json:"at,omitempty"`      // when the person said so
	Source  string `json:"source,omitempty"`  // where
	Text    string `json:"text,omitempty"`    // version of the words
}

// PersonState has the fields of class personal of a customer or a buyer, in the source's own words.
type PersonState struct {
	Title      string          `json:"title,omitempty" class:"personal"`
	GivenName  string          `json:"given_name,omitempty" class:"personal"`
	MiddleName string          `json:"middle_name,omitempty" class:"personal"`
	FamilyName string          `json:"family_name,omitempty" class:"personal"`
	Suffix     string          `json:"suffix,omitempty" class:"personal"`
	Preferred  string          `json:"preferred_name,omitempty" class:"personal"`
	Phonetic   string          `json:"phonetic_name,omitempty" class:"personal"`
	Company    string          `json:"company,omitempty" class:"personal"`
	Emails     []string        `json:"emails,omitempty" class:"personal"`
	Phones     []string        `json:"phones,omitempty" class:"personal"`
	Contacts   []StatedContact `json:"contacts,omitempty" class:"personal"` // those of which more is known, or that are neither
	Addresses  []AddressState  `json:"addresses,omitempty" class:"personal"`
	Locale     string          `json:"locale,omitempty" class:"personal"`
	Birthday   string          `json:"birthday,omitempty" class:"personal"`
	Note       string          `json:"note,omitempty" class:"personal"`
	// External are what other systems know the person by, as this source says.
	External  []ExternalAccount `json:"external_accounts,omitempty" class:"personal"`
	Relations []StatedRelation  `json:"relations,omitempty" class:"personal"`
}

// StatedContact is a way to reach a person.
type StatedContact struct {
	Kind      string `json:"kind" class:"personal"` // "email", "phone", "whatsapp", "wechat" …
	Value     string `json:"value" class:"personal"`
	Label     string `json:"label,omitempty" class:"personal"`
	Verified  bool   `json:"verified,omitempty" class:"personal"`
	Preferred bool   `json:"preferred,omitempty" class:"personal"`
}

// StatedRelation ties a person to another one of the same source, or to a name.
type StatedRelation struct {
	Kind       string `json:"kind" class:"personal"`                  // "spouse", "partner", "mother" …
	CustomerID string `json:"customer_id,omitempty" class:"personal"` // the platform's
	Name       string `json:"name,omitempty" class:"personal"`
	Discreet   bool   `json:"discreet,omitempty" class:"personal"`
}

// AddressState is a postal address as a source states it.
type AddressState struct {
	Kind       string `json:"kind,omitempty" class:"personal"` // billing, shipping, home …, the source's word
	Name       string `json:"name,omitempty" class:"personal"`
	Company    string `json:"company,omitempty" class:"personal"`
	Line1      string `json:"line1,omitempty" class:"personal"`
	Line2      string `json:"line2,omitempty" class:"personal"`
	City       string `json:"city,omitempty" class:"personal"`
	Region     string `json:"region,omitempty" class:"personal"`
	PostalCode string `json:"postal_code,omitempty" class:"personal"`
	Country    string `json:"country,omitempty" class:"personal"` // ISO 3166-1 alpha-2, or the source's own word
	Phone      string `json:"phone,omitempty" class:"personal"`
}
