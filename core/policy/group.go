// Package policy says whose word counts: for each field group of a golden record, which sources' values make it up, which
// of them lose, and what becomes of those. It is pure: the fold hands it what the sources state, and it answers with
// who counts, so that the same rules decide, explain and are tried out (invariant 3).
package policy

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
)

// The entities that have field groups.
const (
	Item    = "item"
	Product = "product"
	Client  = "client"
)

// Entities lists the entities that have field groups.
func Entities() []string { return []string{Item, Product, Client} }

// Group is fields of a golden record that come from the same sources by the same rule.
type Group struct {
	Entity string
	Name   string
	// Fields are the JSON names of the record's fields.
	Fields []string
	// Allowed are the policies that the group can have; the first one is the default. None tells that the group is not
	// a matter of policy, and Elsewhere says what it goes by.
	Allowed   []canon.PolicyKind
	Elsewhere string
	// Why says why no other policy is allowed, for groups of which a reader would expect more.
	Why string
	// Class is who may see values of it, beside everyone's: empty, cost or personal.
	Class string
}

// Default is the policy without a rule.
func (g *Group) Default() canon.PolicyKind {
	if len(g.Allowed) == 0 {
		return ""
	}
	return g.Allowed[0]
}

// Full is the group's name with its entity: "item.price".
func (g *Group) Full() string { return g.Entity + "." + g.Name }

var (
	one = []canon.PolicyKind{canon.PolicyAuthority, canon.PolicyFirst, canon.PolicyIgnore}
	// A key can't be ignored: the hub joins listings by it.
	key  = []canon.PolicyKind{canon.PolicyAuthority, canon.PolicyFirst}
	many = []canon.PolicyKind{canon.PolicyAdditive, canon.PolicyAuthority, canon.PolicyFirst, canon.PolicyIgnore}
	all  = []canon.PolicyKind{canon.PolicyAdditive}
)

const (
	whyKey  = "listings are joined by it, so it can't be ignored"
	whyTies = "what any source says is in a piece blocks it while something of it is held, so every source counts"
)

// Groups lists the field groups, by entity, in the order in which a person would read them.
func Groups() []Group {
	return []Group{
		{Entity: Item, Name: "title", Fields: []string{"title"}, Allowed: one},
		{Entity: Item, Name: "brand", Fields: []string{"brand"}, Allowed: one},
		{Entity: Item, Name: "style", Fields: []string{"style_no"}, Allowed: one},
		{Entity: Item, Name: "category", Fields: []string{"category"}, Allowed: one},
		{Entity: Item, Name: "product", Fields: []string{"product_id"}, Allowed: one},
		{Entity: Item, Name: "sku", Fields: []string{"sku"}, Allowed: key, Why: whyKey},
		{Entity: Item, Name: "serial", Fields: []string{"serial"}, Allowed: key, Why: whyKey},
		{Entity: Item, Name: "epc", Fields: []string{"epc"}, Allowed: key, Why: whyKey},
		{Entity: Item, Name: "gtin", Fields: []string{"gtin"}, Allowed: one},
		{Entity: Item, Name: "huid", Fields: []string{"huid"}, Allowed: one},
		{Entity: Item, Name: "certificates", Fields: []string{"certificates"}, Allowed: all, Why: whyTies},
		{Entity: Item, Name: "metal", Fields: []string{"metal"}, Allowed: one},
		{Entity: Item, Name: "metals", Fields: []string{"metals"}, Allowed: one},
		{Entity: Item, Name: "weight", Fields: []string{"weight"}, Allowed: one},
		{Entity: Item, Name: "ring_size", Fields: []string{"ring_size"}, Allowed: one},
		{Entity: Item, Name: "stones", Fields: []string{"stones"}, Allowed: one},
		{Entity: Item, Name: "components", Fields: []string{"components"}, Allowed: all, Why: whyTies},
		{Entity: Item, Name: "ownership", Fields: []string{"ownership"}, Allowed: append(slices.Clone(one), canon.PolicyRestrictive), Class: "cost"},
		{Entity: Item, Name: "edition", Fields: []string{"edition"}, Allowed: one},
		{Entity: Item, Name: "sets", Fields: []string{"sets"}, Allowed: many},
		{Entity: Item, Name: "provenance", Fields: []string{"provenance"}, Allowed: many, Class: "cost"},
		{Entity: Item, Name: "appraisals", Fields: []string{"appraisals"}, Allowed: many},
		{Entity: Item, Name: "price", Fields: []string{"prices", "offers"}, Allowed: many},
		{Entity: Item, Name: "cost", Fields: []string{"cost"}, Allowed: one, Class: "cost"},
		{Entity: Item, Name: "attributes", Fields: []string{"attributes"}, Allowed: many},
		{Entity: Item, Name: "stock", Fields: []string{"status", "location", "stock", "holder"}, Elsewhere: "stock goes by stock.authority of the configuration and by claims: the first live claim in the journal holds a piece"},
		{Entity: Item, Name: "serialized", Fields: []string{"serialized"}, Elsewhere: "a serial, EPC, certificate or component makes one piece, then the first connection in the configuration's order that says so, then match.serialized"},

		{Entity: Product, Name: "title", Fields: []string{"title"}, Allowed: byKey},
		{Entity: Product, Name: "description", Fields: []string{"description"}, Allowed: byKey},
		{Entity: Product, Name: "brand", Fields: []string{"brand"}, Allowed: []canon.PolicyKind{canon.PolicyFirst, canon.PolicyAuthority}, Why: whyKey},
		{Entity: Product, Name: "style", Fields: []string{"style_no"}, Allowed: []canon.PolicyKind{canon.PolicyFirst, canon.PolicyAuthority}, Why: whyKey},
		{Entity: Product, Name: "category", Fields: []string{"category"}, Allowed: byKey},
		{Entity: Product, Name: "attributes", Fields: []string{"attributes"}, Allowed: many},

		{Entity: Client, Name: "name", Fields: []string{"title", "given_name", "middle_name", "family_name", "suffix", "phonetic_name"}, Allowed: one, Class: "personal"},
		{Entity: Client, Name: "preferred_name", Fields: []string{"preferred_name"}, Allowed: one, Class: "personal"},
		{Entity: Client, Name: "company", Fields: []string{"company"}, Allowed: one, Class: "personal"},
		{Entity: Client, Name: "contacts", Fields: []string{"emails", "phones", "contacts"}, Allowed: []canon.PolicyKind{canon.PolicyAdditive, canon.PolicyAuthority, canon.PolicyFirst}, Why: "a client is found by it, so it can't be ignored", Class: "personal"},
		{Entity: Client, Name: "addresses", Fields: []string{"addresses"}, Allowed: many, Class: "personal"},
		{Entity: Client, Name: "locale", Fields: []string{"locale"}, Allowed: one, Class: "personal"},
		{Entity: Client, Name: "birthday", Fields: []string{"birthday"}, Allowed: one, Class: "personal"},
		{Entity: Client, Name: "consents", Fields: []string{"marketing_email", "consents"}, Allowed: []canon.PolicyKind{canon.PolicyRestrictive, canon.PolicyAuthority}, Why: "what a person withdrew anywhere is withdrawn, unless one system is said to keep consents"},
		{Entity: Client, Name: "external_accounts", Fields: []string{"external_accounts"}, Allowed: many, Class: "personal"},
		{Entity: Client, Name: "relations", Fields: []string{"relations"}, Allowed: many, Class: "personal"},
		{Entity: Client, Name: "tags", Fields: []string{"tags"}, Allowed: many},
		{Entity: Client, Name: "notes", Fields: []string{"notes"}, Allowed: many, Class: "personal"},
		{Entity: Client, Name: "acquired", Fields: []string{"acquired"}, Allowed: []canon.PolicyKind{canon.PolicyFirst, canon.PolicyAuthority, canon.PolicyIgnore}},
	}
}

// byKey are the policies of a style's fields. Styles of one number are peers: without a rule none of their platforms
// comes before another.
var byKey = []canon.PolicyKind{canon.PolicyFirst, canon.PolicyAuthority, canon.PolicyIgnore}

// Find gives a group by its full name, "item.price"; false where there is none.
func Find(full string) (Group, bool) {
	for _, g := range Groups() {
		if g.Full() == full {
			return g, true
		}
	}
	return Group{}, false
}
