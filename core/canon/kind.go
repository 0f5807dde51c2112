package canon

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Kind is what a platform's entity is, in the hub's words.
type Kind string

// The kinds that an observation may have.
const (
	KindListing  Kind = "listing"  // a sellable variant of a platform, a till's or a catalogue's row
	KindProduct  Kind = "product"  // a style: what several listings are variants of
	KindLevel    Kind = "level"    // the stock that a platform shows for one stock id at one of its locations
	KindOrder    Kind = "order"    // a sale with its lines
	KindRefund   Kind = "refund"   // money or goods that went back on one order
	KindCustomer Kind = "customer" // a person as one system knows them
	KindLocation Kind = "location" // a place of the platform
	KindCount    Kind = "count"    // a stock count of one line at one place
)

// Kinds lists every kind of observation, sorted.
func Kinds() []Kind {
	return []Kind{KindCount, KindCustomer, KindLevel, KindListing, KindLocation, KindOrder, KindProduct, KindRefund}
}

// Aspect is what a platform states together about an entity. Kinds that are always stated whole have the aspect
// AspectMain.
type Aspect string

// The aspects.
const (
	AspectMain  Aspect = "main"
	AspectPrice Aspect = "price"
	// AspectPayment and AspectReturn are an order's payments and returns, where they are not stated with the order.
	AspectPayment Aspect = "payment"
	AspectReturn  Aspect = "return"
)

// Ref names an entity of one connection, as the platform names it.
type Ref struct {
	Kind       Kind   `json:"kind"`
	ExternalID string `json:"external_id"`
}

// BindingKey is the key of a binding: what one system is known to show of one aspect of one of its entities.
type BindingKey struct {
	Connection string `json:"connection"`
	Kind       Kind   `json:"kind"`
	ExternalID string `json:"external_id"`
	Aspect     Aspect `json:"aspect"`
}

// String gives "connection/kind/aspect/external id".
func (k BindingKey) String() string {
	return k.Connection + "/" + string(k.Kind) + "/" + string(k.Aspect) + "/" + k.ExternalID
}

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NodeID derives the id of a binding's node from its key, never from its arrival: the same entity has the same node
// id on every machine and in every order of events. The prefix tells the golden record's type: "itm", "prd", "cli",
// "ord", "ref", "loc".
func NodeID(prefix, connection string, kind Kind, externalID string) string {
	sum := sha256.Sum256([]byte(connection + "\x00" + string(kind) + "\x00" + externalID))
	return prefix + "_" + idEncoding.EncodeToString(sum[:15])
}

// LevelID builds the external id of a stock level from the platform's stock id and its location ("" where the
// platform has one stock number for all places).
func LevelID(stockID, location string) string { return stockID + "@" + location }

// SplitLevelID undoes LevelID.
func SplitLevelID(externalID string) (stockID, location string) {
	i := strings.LastIndexByte(externalID, '@')
	if i < 0 {
		return externalID, ""
	}
	return externalID[:i], externalID[i+1:]
}
