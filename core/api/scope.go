package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// scope says what somebody who is bound to one location may not reach by the routes below a path. The longest path
// counts.
type scope struct {
	path string
	// reads and writes hold; nil lets through.
	reads, writes func(a *API, c *fiber.Ctx, who access.Principal) error
}

// scopes is the table. A route that changes something and is not below any of its paths is not served: New fails.
var scopes = []scope{
	{"/hooks", nil, nil},                   // no token at all
	{"/v1/items/{id}", nil, pieceHere},     // any piece may be looked up in any boutique
	{"/v1/memos", nil, nil},                // the pieces are looked at when they are lent
	{"/v1/memos/{id}", memoHere, memoHere}, //
	{"/v1/consignments", nil, nil},         // the pieces are looked at when they are taken in
	{"/v1/consignments/{id}", consignmentHere, consignmentHere},
	{"/v1/transfers", nil, nil},               // where from and where to is in the body
	{"/v1/transfers/{id}", docHere, docHere},  //
	{"/v1/counts", nil, nil},                  // the place is in the body
	{"/v1/counts/{id}", docHere, docHere},     //
	{"/v1/orders/{id}", docHere, docHere},     //
	{"/v1/approvals/{id}", nil, approvalHere}, //
	{"/v1/cases/{id}", nil, caseHere},         //
	{"/v1/reservations/{reservation}", nil, reservationHere},
	{"/v1/clients/{id}", nil, nil},      // a client is the house's, not a boutique's
	{"/v1/credits", nil, nil},           // so is a gift card
	{"/v1/price-lists", nil, houseWide}, //
	{"/v1/promotions", nil, houseWide},  //
	{"/v1/policy", nil, nil},            // planning writes nothing
	{"/v1/policy/apply", nil, houseWide},
	{"/v1/parked", nil, houseWide},      //
	{"/v1/undelivered", nil, houseWide}, //
	{"/v1/connections", nil, houseWide}, //
	{"/v1/connections/{name}/matches", nil, nil},
	{"/v1/drift", nil, houseWide},
	{"/v1/reload", nil, houseWide},
	{"/v1/events", nil, nil}, // core/ingress looks at each event's place
	{"/v1/tokens", nil, houseWide},
	{"/v1/staff", nil, houseWide},
	{"/v1/audit", houseWide, houseWide},
	{"/v1/support", houseWide, houseWide},
	{"/v1/alarms", houseWide, houseWide},
	{"/v1/backups", houseWide, houseWide},
	{"/v1/me", nil, nil}, // one's own
}

// scopeOf gives what holds for a route; ok is false for one that changes something and has none.
func scopeOf(r *route) (check func(a *API, c *fiber.Ctx, who access.Principal) error, ok bool) {
	best := scope{}
	for _, s := range scopes {
		if (r.path == s.path || strings.HasPrefix(r.path, s.path+"/")) && len(s.path) > len(best.path) {
			best = s
		}
	}
	if r.method == http.MethodGet {
		return best.reads, true
	}
	return best.writes, best.path != ""
}

// houseWide refuses who is bound to a location what concerns the whole house.
func houseWide(_ *API, _ *fiber.Ctx, who access.Principal) error {
	if who.Location != "" {
		return problem.New(problem.LocationForbidden, "this concerns every location")
	}
	return nil
}

// pieceHere refuses to change a piece that is at another location.
func pieceHere(a *API, c *fiber.Ctx, who access.Principal) error {
	_, err := a.place(who, parameter(c, "id"), "")
	if errors.Is(err, views.ErrNotFound) {
		return nil // the command says so
	}
	return err
}

// typeOfPath gives the type of record of a path that docHere stands for.
func typeOfPath(path string) string {
	switch {
	case strings.HasPrefix(path, "/v1/transfers/"):
		return store.TypeTransfer
	case strings.HasPrefix(path, "/v1/counts/"):
		return store.TypeCount
	}
	return store.TypeOrder
}

// docHere refuses a document that names other locations alone.
func docHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Get(v, typeOfPath(c.Path()), parameter(c, "id"))
		if err != nil {
			return err
		}
		if here, err := documentHere(who, raw); err != nil || here {
			return err
		}
		return problem.New(problem.LocationForbidden, "the document is another location's")
	})
}

// documentHere tells whether a stored document names the location that somebody is bound to, or none.
func documentHere(who access.Principal, raw []byte) (bool, error) {
	if who.Location == "" {
		return true, nil
	}
	var d struct {
		Location string `json:"location"`
		From     string `json:"from"`
		To       string `json:"to"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return false, fmt.Errorf("a stored document: %w", err)
	}
	return who.Within(d.Location, d.From, d.To), nil
}

// reservationHere refuses a reservation that is kept at another location.
func reservationHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Claim(v, parameter(c, "reservation"))
		if errors.Is(err, views.ErrNotFound) {
			return nil // the command says so
		}
		if err != nil {
			return err
		}
		var claim canon.Claim
		if err := json.Unmarshal(raw, &claim); err != nil {
			return fmt.Errorf("a stored claim: %w", err)
		}
		at := claim.Location
		if at == "" {
			if at, err = placeOfItem(v, claim.Item); err != nil {
				return err
			}
		}
		if who.Within(at) {
			return nil
		}
		return problem.New(problem.LocationForbidden, "the reservation is another location's")
	})
}

// memoHere refuses a memo none of whose pieces is the location's.
func memoHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeMemo, parameter(c, "id"))
		if err != nil {
			return err
		}
		here, err := memoWithin(v, who, raw)
		if err != nil || here {
			return err
		}
		return problem.New(problem.LocationForbidden, "the pieces are another location's")
	})
}

// consignmentHere refuses a consignment none of whose pieces is the location's.
func consignmentHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeConsignment, parameter(c, "id"))
		if err != nil {
			return err
		}
		var of canon.Consignment
		if err := json.Unmarshal(raw, &of); err != nil {
			return fmt.Errorf("a stored consignment: %w", err)
		}
		places := make([]string, 0, len(of.Lines))
		for _, l := range of.Lines {
			at, err := placeOfItem(v, l.Item)
			if err != nil {
				return err
			}
			places = append(places, at)
		}
		if who.Within(places...) {
			return nil
		}
		return problem.New(problem.LocationForbidden, "the pieces are another location's")
	})
}

func memoWithin(v store.View, who access.Principal, raw []byte) (bool, error) {
	var m canon.Memo
	if err := json.Unmarshal(raw, &m); err != nil {
		return false, fmt.Errorf("a stored memo: %w", err)
	}
	places := make([]string, 0, len(m.Lines))
	for _, l := range m.Lines {
		at, err := placeOfItem(v, l.Item)
		if err != nil {
			return false, err
		}
		places = append(places, at)
	}
	return who.Within(places...), nil
}

// placeOfItem gives where a piece is; empty where it is nowhere in particular, or gone.
func placeOfItem(v store.View, item string) (string, error) {
	raw, err := views.Get(v, store.TypeItem, item)
	if errors.Is(err, views.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var it struct {
		Location string `json:"location"`
	}
	if err := json.Unmarshal(raw, &it); err != nil {
		return "", fmt.Errorf("a stored item: %w", err)
	}
	return it.Location, nil
}

// approvalHere refuses to decide about a piece or an order that is another location's.
func approvalHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeApproval, parameter(c, "id"))
		if errors.Is(err, views.ErrNotFound) {
			return nil // the command says so
		}
		if err != nil {
			return err
		}
		var of canon.Approval
		if err := json.Unmarshal(raw, &of); err != nil {
			return fmt.Errorf("a stored approval: %w", err)
		}
		at, err := placeOfItem(v, of.Subject) // nowhere, where it is no piece
		if err != nil {
			return err
		}
		here := who.Within(at)
		order, err := views.Get(v, store.TypeOrder, of.Subject)
		if err != nil && !errors.Is(err, views.ErrNotFound) {
			return err
		}
		if err == nil {
			if here, err = documentHere(who, order); err != nil {
				return err
			}
		}
		if here {
			return nil
		}
		return problem.New(problem.LocationForbidden, "it is about what is another location's")
	})
}

// caseHere refuses to decide a case about a piece that is another location's.
func caseHere(a *API, c *fiber.Ctx, who access.Principal) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Case(v, parameter(c, "id"))
		if err != nil {
			return err
		}
		var of canon.Case
		if err := json.Unmarshal(raw, &of); err != nil {
			return fmt.Errorf("a stored case: %w", err)
		}
		at, err := placeOfItem(v, of.Subject) // nowhere, where it is no piece
		if err != nil || who.Within(at) {
			return err
		}
		return problem.New(problem.LocationForbidden, "the piece is another location's")
	})
}

// rowsElsewhere marks the rows that somebody who is bound to a location is not shown.
func rowsElsewhere(v store.View, who access.Principal, rows []canon.Row) (map[int]bool, error) {
	if who.Location == "" {
		return nil, nil
	}
	out := map[int]bool{}
	for i := range rows {
		here, err := rowHere(v, who, &rows[i])
		if err != nil {
			return nil, err
		}
		out[i] = !here
	}
	return out, nil
}

// rowHere tells whether a row of the timeline may be shown: one about a document of another location may not.
func rowHere(v store.View, who access.Principal, row *canon.Row) (bool, error) {
	if who.Location == "" {
		return true, nil
	}
	switch row.Type {
	case store.TypeOrder, store.TypeTransfer, store.TypeCount, store.TypeMemo:
	default:
		return true, nil
	}
	raw, err := views.Get(v, row.Type, row.Entity)
	if errors.Is(err, views.ErrNotFound) {
		return who.Within(row.Location), nil
	}
	if err != nil {
		return false, err
	}
	if row.Type == store.TypeMemo {
		return memoWithin(v, who, raw)
	}
	return documentHere(who, raw)
}
