package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// The layout of the view: one prefix for each kind of value. A value is the JSON of the type named beside it.
const (
	PrefixRecord   = "rec/"          // golden records by type and golden id: canon.Item, Product, Client, Order, Refund, Location
	PrefixBinding  = "bind/"         // canon.Binding by connection, kind, aspect, external id
	PrefixClaim    = "claim/"        // canon.Claim by key
	PrefixCase     = "case/"         // canon.Case by id
	PrefixNode     = "node/"         // Node by node id: which golden record it belongs to
	PrefixIndex    = "ix/"           // empty values; ix/<name>/<value>\x00<id>
	PrefixRow      = "tl/"           // canon.Row by position and number
	PrefixEntity   = "tlx/"          // empty values; tlx/<entity>/<position>/<number>, pointing into PrefixRow
	PrefixConn     = "conn/"         // canon.Connection by name
	PrefixOutcome  = "outcome/"      // canon.Outcome by actor and idempotency key
	PrefixParked   = "parked/"       // canon.Parked by position
	PrefixDue      = "due/"          // deadlines; due/<unix nanoseconds, 20 digits>/<what>
	PrefixMatch    = "match/"        // canon.MatchRow by connection and listing: what is not joined, or decided by a person
	PrefixDecision = "decision/"     // canon.Match by connection and listing: a person's decisions
	PrefixDiff     = "diff/"         // empty values; diff/<connection>/<level external id>: present exactly while it differs
	PrefixStock    = "stk/"          // the ledger's sums by node and location
	PrefixStockID  = "sid/"          // StockID by connection and the platform's stock id
	PrefixHint     = "hnt/"          // canon.Position by connection, kind and external id: touched entities that were not read yet
	PrefixAction   = "act/"          // canon.Action by connection and key
	PrefixToDo     = "aco/"          // empty values; aco/<connection>/<key>: actions that are not over
	PrefixPublish  = "pub/"          // canon.Publication by connection and node
	PrefixTopic    = "topic/"        // canon.Published by topic
	PrefixLease    = "lease/"        // canon.Lease by name
	PrefixSide     = "side/"         // canon.SideValue by space and key: sealed values that nodes share
	KeySideProof   = "sidekey"       // canon.SideKey: what the nodes' key opens
	PrefixSweep    = "drift/run/"    // canon.DriftRun by connection
	PrefixReport   = "drift/report/" // canon.DriftReport by connection and position
	PrefixHold     = "drift/hold/"   // canon.DriftHold by connection and level external id
	PrefixHeld     = "held/"         // canon.Undelivered by connection and golden id of the record
	KeySettings    = "settings"      // canon.Settings in force
	KeyMark        = "meta/mark"     // Mark
)

// The types of golden records, as they stand in their keys.
const (
	TypeItem     = "item"
	TypeProduct  = "product"
	TypeClient   = "client"
	TypeOrder    = "order"
	TypeRefund   = "refund"
	TypeMemo     = "memo"
	TypeLocation = "location"
)

// The secondary indexes.
const (
	IndexSerial      = "item.serial"      // normalized serial -> golden id of the item
	IndexCertificate = "item.certificate" // Certificate.Key() -> item
	IndexNumber      = "item.number"      // certificate number alone -> item
	IndexEPC         = "item.epc"         // canonical EPC -> item
	IndexSKU         = "item.sku"         // normalized SKU -> item
	IndexGTIN        = "item.gtin"        // 14 digits -> item
	IndexHUID        = "item.huid"        // HUID -> item
	IndexComponent   = "item.component"   // key of a component -> item that it sits in
	IndexStatus      = "item.status"      // status -> item
	IndexItemAt      = "item.location"    // the hub's location -> item
	IndexEmail       = "client.email"     // normalized e-mail -> client
	IndexPhone       = "client.phone"     // E.164 -> client
	IndexWord        = "client.word"      // normalized word of a name -> client
	IndexBuyer       = "order.client"     // buyer's node id -> order
	IndexCaseOpen    = "case.open"        // "open" or "closed" -> case
	IndexAction      = "order.action"     // golden id of an order -> connection/key of an action on it
)

// Node says which golden record a node belongs to.
type Node struct {
	Type   string `json:"type"`
	Golden string `json:"golden"`
}

// StockID says which listing a platform's stock id belongs to and which levels it has.
type StockID struct {
	// Listing is the external id of the listing that the levels are of: the smallest of those that the platform still
	// has; empty until one was seen.
	Listing string `json:"listing,omitempty"`
	// Listings are all that share the stock id now, sorted; Gone those of them that were deleted.
	Listings []string `json:"listings,omitempty"`
	Gone     []string `json:"gone,omitempty"`
	Levels   []string `json:"levels,omitempty"` // external ids, sorted
}

// StockIDKey is the key of a platform's stock id.
func StockIDKey(connection, stockID string) string {
	return PrefixStockID + connection + "/" + stockID
}

// HintKey is the key of a touched entity that was not read yet.
func HintKey(connection string, ref canon.Ref) string {
	return PrefixHint + connection + "/" + string(ref.Kind) + "/" + ref.ExternalID
}

// ReportKey is the key of a drift report: the reports of a connection sort by position.
func ReportKey(connection string, p canon.Position) string {
	return PrefixReport + connection + "/" + p.SortKey()
}

// RecordKey is the key of a golden record.
func RecordKey(typ, id string) string { return PrefixRecord + typ + "/" + id }

// BindingKey is the key of a binding.
func BindingKey(k canon.BindingKey) string {
	return PrefixBinding + k.Connection + "/" + string(k.Kind) + "/" + string(k.Aspect) + "/" + k.ExternalID
}

// IndexPrefix is what all entries of one value of an index begin with.
func IndexPrefix(name, value string) string { return PrefixIndex + name + "/" + value + "\x00" }

// IndexKey is one entry of an index.
func IndexKey(name, value, id string) string { return IndexPrefix(name, value) + id }

// IndexID takes the id out of an index key.
func IndexID(key string) string { return key[strings.LastIndexByte(key, 0)+1:] }

// RowKey is the key of row n that the entry at p caused.
func RowKey(p canon.Position, n int) string {
	return PrefixRow + p.SortKey() + "/" + fourDigits(n)
}

// EntityKey points from an entity's timeline to a row.
func EntityKey(entity string, p canon.Position, n int) string {
	return PrefixEntity + entity + "/" + p.SortKey() + "/" + fourDigits(n)
}

// RowOfEntityKey gives the row's key that an entity key points to.
func RowOfEntityKey(key string) string {
	rest := key[len(PrefixEntity):]
	number := strings.LastIndexByte(rest, '/')
	return PrefixRow + rest[strings.LastIndexByte(rest[:number], '/')+1:]
}

// HeldKey is where what a connection could not deliver of a record is kept.
func HeldKey(connection, record string) string { return PrefixHeld + connection + "/" + Part(record) }

// SideKey is the key of a sealed value that nodes share.
func SideKey(space, key string) string { return PrefixSide + Part(space) + "/" + Part(key) }

// ActionKey is the key of an action.
func ActionKey(connection, key string) string { return PrefixAction + connection + "/" + key }

// PublicationKey is the key of a publication.
func PublicationKey(connection, node string) string { return PrefixPublish + connection + "/" + node }

// OutcomeKey is where the outcome of an actor's command is kept.
func OutcomeKey(actor, idempotencyKey string) string {
	return PrefixOutcome + Part(actor) + "/" + idempotencyKey
}

// fourDigits writes a number with leading zeros, or with as many digits as it has.
func fourDigits(n int) string {
	s := strconv.Itoa(n)
	return "0000"[min(len(s), 4):] + s
}

var partEscape = strings.NewReplacer("%", "%25", "/", "%2F", "\x00", "%00")

// Part escapes the separators in one part of a key, so that no two sequences of parts give one key.
func Part(s string) string {
	if !strings.ContainsAny(s, "%/\x00") {
		return s
	}
	return partEscape.Replace(s)
}

// DueKey sorts deadlines by time.
func DueKey(at time.Time, what string) string {
	return fmt.Sprintf("%s%020d/%s", PrefixDue, at.UnixNano(), what)
}

// DueTime reads the time of a deadline's key.
func DueTime(key string) (time.Time, error) {
	var ns int64
	if _, err := fmt.Sscanf(key[len(PrefixDue):], "%020d", &ns); err != nil {
		return time.Time{}, fmt.Errorf("store: deadline key %q: %w", key, err)
	}
	return time.Unix(0, ns), nil
}
