package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Plan lists each call that would be made if a part of a connection were live now, or where no part is named, all that
// has no mode of its own. Its Digest names exactly these calls.
type Plan struct {
	Connection string `json:"connection"`
	// Entity and Location name the part; empty for the rest.
	canon.Scope
	Digest string `json:"digest"`
	// Position is the journal position that the plan stands for.
	Position canon.Position `json:"position"`
	Rows     []PlanRow      `json:"rows"`    // sorted by external id
	Blocked  []BlockedRow   `json:"blocked"` // what may not be written, sorted by external id; no part of the digest
	// Held is what would not be written even then, sorted by external id, with what holds it back; no part of the digest.
	Held []HeldRow `json:"held,omitempty"`
	// Underway is how many calls another part that is live already makes now.
	Underway int `json:"underway,omitempty"`
	// HeldActions are those whose part is not live and would not be.
	HeldActions []PlanAction `json:"held_actions,omitempty"`
	// Actions are orders that would be cancelled or refunded, and listings that would be made, changed, taken down or put up,
	// in the order in which that was asked for.
	Actions []PlanAction `json:"actions,omitempty"`
}

// Calls is how many calls would be made.
func (p *Plan) Calls() int { return len(p.Rows) + len(p.Actions) }

// PlanAction is something that would be done at the platform once.
type PlanAction struct {
	Connection string             `json:"connection"`
	Key        string             `json:"key"`
	Kind       canon.ActionKind   `json:"kind"`
	Order      string             `json:"order,omitempty"` // the platform's id
	Number     string             `json:"number,omitempty"`
	Lines      []canon.ActionLine `json:"lines,omitempty"`
	Refund     canon.RefundBy     `json:"refund"`
	Restock    bool               `json:"restock,omitempty"`
	Notify     bool               `json:"notify,omitempty"`
	State      canon.ActionState  `json:"state"`
	Case       string             `json:"case,omitempty"`
	By         string             `json:"by"`
	Cause      canon.Position     `json:"cause"`
	// Of a listing: the item, what the platform calls the listing (empty for one that is made), what it shows and should.
	ItemID    string             `json:"item_id,omitempty"`
	Title     string             `json:"title,omitempty"`
	SKU       string             `json:"sku,omitempty"`
	ListingID string             `json:"listing_id,omitempty"`
	Price     *canon.StatedMoney `json:"price,omitempty"`
	Fields    []canon.FieldWish  `json:"fields,omitempty"`

	wish string // names what is done with a listing
}

// PlanRow is one call.
type PlanRow struct {
	Connection string         `json:"connection"`
	ExternalID string         `json:"external_id"` // of the level
	ListingID  string         `json:"listing_id"`
	ItemID     string         `json:"item_id"`
	Title      string         `json:"title,omitempty"`
	SKU        string         `json:"sku,omitempty"`
	Field      string         `json:"field"` // "available"
	Location   string         `json:"location,omitempty"`
	Shows      int64          `json:"shows"`
	Should     int64          `json:"should"`
	Cause      canon.Position `json:"cause"`
	ByClaim    bool           `json:"by_claim,omitempty"`
}

// HeldRow is a call that waits for another part of the connection to be live.
type HeldRow struct {
	PlanRow
	Mode   canon.Mode `json:"mode"`
	Reason string     `json:"reason"` // "stock of boutique-paris is in shadow"
}

// BlockedRow is a level that the hub must not or can't write, with a stable code for why.
type BlockedRow struct {
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	ListingID  string `json:"listing_id,omitempty"`
	ItemID     string `json:"item_id,omitempty"`
	Title      string `json:"title,omitempty"`
	SKU        string `json:"sku,omitempty"`
	Location   string `json:"location,omitempty"`
	Shows      int64  `json:"shows"`
	Should     *int64 `json:"should,omitempty"` // where it is known
	Reason     string `json:"reason"`           // "location.unmapped", "stock.conflict", "write.rejected" …
	Detail     string `json:"detail,omitempty"` // the platform's words
}

// The codes of blocked rows that do not come from the fold.
const (
	blockedUnbound          = "listing.unbound"
	blockedRejected         = "write.rejected"
	blockedNotRepresentable = "write.not_representable"
)

// ErrUnknownPart is returned for the stock of a location that the hub does not have.
var ErrUnknownPart = errors.New("the hub has no such location")

// MakePlan computes the plan of a part of a connection; the zero scope is what has no mode of its own. It is a pure
// function of the view. Invariant 9: what the digest names is exactly what would be written in addition.
func MakePlan(v store.View, connection string, scope canon.Scope) (*Plan, error) {
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	conn, err := loadConnection(v, connection)
	if err != nil {
		return nil, err
	}
	now, err := reachOf(v, conn, !scope.IsZero())
	if err != nil {
		return nil, err
	}
	if scope.Location != "" && (now.settings == nil || !slices.Contains(now.settings.Locations, scope.Location)) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownPart, scope.Location)
	}
	// A level goes with the part when it depends on it: live with it, and not without.
	with, without := now.with(scope, canon.ModeLive), now.with(scope, canon.ModeObserve)
	p := &Plan{Connection: connection, Scope: scope, Position: mark.Position, Rows: []PlanRow{}, Blocked: []BlockedRow{}}
	// A view's scan comes in ascending order of the external id: the rows are sorted.
	err = eachLevel(v, connection, func(b *canon.Binding) error {
		if b.Deleted {
			return nil
		}
		differs := b.Wants.Differs()
		reason, detail := "", ""
		if !differs {
			if reason, detail = blockedBy(b.Wants); reason == "" {
				return nil // the most of them
			}
		}
		about, err := describe(v, b)
		if err != nil {
			return err
		}
		if differs {
			about.Shows, about.Should = b.Wants.Shows, *b.Wants.Quantity
			about.Cause, about.ByClaim = b.Wants.Cause, b.Wants.ByClaim
			switch {
			case with.level(b.ExternalID) != canon.ModeLive:
				p.Held = append(p.Held, HeldRow{PlanRow: *about, Mode: with.level(b.ExternalID), Reason: with.why(b.ExternalID)})
			case without.level(b.ExternalID) == canon.ModeLive:
				p.Underway++
			default:
				p.Rows = append(p.Rows, *about)
			}
		} else {
			p.Blocked = append(p.Blocked, blockedRow(about, b.Wants, reason, detail))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	open, err := openActions(v, connection)
	if err != nil {
		return nil, err
	}
	for _, a := range open {
		row := PlanAction{
			Connection: connection, Key: a.Key, Kind: a.Kind, Order: a.Order, Number: a.Number, Lines: a.Lines, Refund: a.Refund,
			Restock: a.Restock, Notify: a.Notify, State: a.State, Case: a.Case, By: a.By, Cause: a.Cause,
		}
		if t := a.Listing; t != nil {
			row.ItemID, row.Title, row.SKU, row.ListingID, row.Fields, row.wish = t.Item, t.Title, t.SKU, t.ExternalID, t.Fields, t.Hash()
			row.Price = t.Content.Price
		}
		switch {
		case with.action(a.Kind) != canon.ModeLive:
			p.HeldActions = append(p.HeldActions, row)
		case without.action(a.Kind) == canon.ModeLive:
			p.Underway++
		default:
			p.Actions = append(p.Actions, row)
		}
	}
	p.Digest = planDigest(scope, p.Rows, p.Actions)
	return p, nil
}

// describe names what a level belongs to.
func describe(v store.View, b *canon.Binding) (*PlanRow, error) {
	stockID, location := canon.SplitLevelID(b.ExternalID)
	row := &PlanRow{Connection: b.Connection, ExternalID: b.ExternalID, Field: "available", Location: location}
	id, err := store.Load[store.StockID](v, store.StockIDKey(b.Connection, stockID))
	if err != nil {
		return nil, err
	}
	if id == nil || id.Listing == "" {
		return row, nil
	}
	row.ListingID = id.Listing
	item, err := itemOfListing(v, b.Connection, id.Listing)
	if err != nil {
		return nil, err
	}
	if item != nil {
		row.ItemID, row.Title, row.SKU = item.ID, item.Title, item.SKU
	}
	return row, nil
}

// blockedBy says why a level may not be written; "" when nothing stands against it.
func blockedBy(w *canon.Want) (reason, detail string) {
	switch {
	case w == nil:
		return blockedUnbound, ""
	case w.Quantity == nil && w.Blocked == "":
		return blockedUnbound, ""
	case w.Quantity == nil:
		return w.Blocked, ""
	case *w.Quantity == w.Shows:
		return "", ""
	case w.Write == canon.WriteRejected:
		return blockedRejected, w.Reason
	case w.Write == canon.WriteNotRepresentable:
		return blockedNotRepresentable, w.Reason
	}
	return "", ""
}

func blockedRow(about *PlanRow, w *canon.Want, reason, detail string) BlockedRow {
	row := BlockedRow{
		Connection: about.Connection, ExternalID: about.ExternalID, ListingID: about.ListingID, ItemID: about.ItemID,
		Title: about.Title, SKU: about.SKU, Location: about.Location, Reason: reason, Detail: detail,
	}
	if w != nil {
		row.Shows, row.Should = w.Shows, w.Quantity
	}
	return row
}

// planDigest is SHA-256 over what each call would do: where, on which item, from what to what. Titles and causes are
// for the reader; a corrected title makes no plan stale.
func planDigest(scope canon.Scope, rows []PlanRow, actions []PlanAction) string {
	h := sha256.New()
	h.Write([]byte("jumpring plan 1\n"))
	if !scope.IsZero() {
		h.Write([]byte("of " + scope.String() + "\n"))
	}
	for _, r := range rows {
		for _, s := range []string{
			r.Connection, r.ExternalID, r.ItemID, r.Field, strconv.FormatInt(r.Shows, 10), strconv.FormatInt(r.Should, 10),
		} {
			h.Write([]byte(strconv.Itoa(len(s)) + ":" + s + ","))
		}
		h.Write([]byte("\n"))
	}
	for _, a := range actions { // the key stands for what it does
		if a.wish != "" { // its key stays while what is wanted of a listing changes
			h.Write([]byte("listing " + a.Connection + " " + string(a.Kind) + " " + a.wish + "\n"))
			continue
		}
		h.Write([]byte("action " + a.Connection + " " + a.Key + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// EmptyPlan is the digest of every plan without rows for a connection as a whole.
func EmptyPlan() string { return planDigest(canon.Scope{}, nil, nil) }
