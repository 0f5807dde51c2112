package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Plan lists each call that would be made if a connection were live now. Its Digest names exactly these calls.
type Plan struct {
	Connection string `json:"connection"`
	Digest     string `json:"digest"`
	// Position is the journal position that the plan stands for.
	Position canon.Position `json:"position"`
	Rows     []PlanRow      `json:"rows"`    // sorted by external id
	Blocked  []BlockedRow   `json:"blocked"` // what may not be written, sorted by external id; no part of the digest
	// Actions are orders that would be cancelled or refunded, in the order in which that was asked for.
	Actions []PlanAction `json:"actions,omitempty"`
}

// Calls is how many calls would be made.
func (p *Plan) Calls() int { return len(p.Rows) + len(p.Actions) }

// PlanAction is something that would be done at the platform once.
type PlanAction struct {
	Connection string             `json:"connection"`
	Key        string             `json:"key"`
	Kind       canon.ActionKind   `json:"kind"`
	Order      string             `json:"order"` // the platform's id
	Number     string             `json:"number,omitempty"`
	Lines      []canon.ActionLine `json:"lines,omitempty"`
	Refund     canon.RefundBy     `json:"refund"`
	Restock    bool               `json:"restock,omitempty"`
	Notify     bool               `json:"notify,omitempty"`
	State      canon.ActionState  `json:"state"`
	Case       string             `json:"case,omitempty"`
	By         string             `json:"by"`
	Cause      canon.Position     `json:"cause"`
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

// MakePlan computes the plan of a connection. It is a pure function of the view.
func MakePlan(v store.View, connection string) (*Plan, error) {
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	p := &Plan{Connection: connection, Position: mark.Position, Rows: []PlanRow{}, Blocked: []BlockedRow{}}
	// A view's scan comes in ascending order of the external id: the rows are sorted.
	err = eachLevel(v, connection, func(b *canon.Binding) error {
		if b.Deleted {
			return nil
		}
		about, err := describe(v, b)
		if err != nil {
			return err
		}
		if b.Wants.Differs() {
			about.Shows, about.Should = b.Wants.Shows, *b.Wants.Quantity
			about.Cause, about.ByClaim = b.Wants.Cause, b.Wants.ByClaim
			p.Rows = append(p.Rows, *about)
		} else if reason, detail := blockedBy(b.Wants); reason != "" {
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
		p.Actions = append(p.Actions, PlanAction{
			Connection: connection, Key: a.Key, Kind: a.Kind, Order: a.Order, Number: a.Number, Lines: a.Lines, Refund: a.Refund,
			Restock: a.Restock, Notify: a.Notify, State: a.State, Case: a.Case, By: a.By, Cause: a.Cause,
		})
	}
	p.Digest = planDigest(p.Rows, p.Actions)
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
	if id != nil {
		row.ListingID = id.Listing
	}
	item, err := itemOf(v, b.Connection, b.ExternalID)
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
func planDigest(rows []PlanRow, actions []PlanAction) string {
	h := sha256.New()
	h.Write([]byte("jumpring plan 1\n"))
	for _, r := range rows {
		for _, s := range []string{
			r.Connection, r.ExternalID, r.ItemID, r.Field, strconv.FormatInt(r.Shows, 10), strconv.FormatInt(r.Should, 10),
		} {
			h.Write([]byte(strconv.Itoa(len(s)) + ":" + s + ","))
		}
		h.Write([]byte("\n"))
	}
	for _, a := range actions { // the key stands for what it does
		h.Write([]byte("action " + a.Connection + " " + a.Key + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// EmptyPlan is the digest of every plan without rows.
func EmptyPlan() string { return planDigest(nil, nil) }
