package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// ListingShown is one listing of an item: what its platform shows, and what it should show.
type ListingShown struct {
	canon.Listing
	// Title and Prices are what the platform shows, as it was last seen.
	Title  string       `json:"title,omitempty"`
	Prices []ShownPrice `json:"prices,omitempty"`
	Levels []ShownLevel `json:"levels"`
	SeenAt time.Time    `json:"seen_at,omitzero" doc:"When the hub last saw the listing"`
	Gone   bool         `json:"gone,omitempty" doc:"The platform has it no longer"`
}

// ShownPrice is a price as the platform states it.
type ShownPrice struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// ShownLevel is the stock that a listing shows at one of its platform's places, in pieces.
type ShownLevel struct {
	Location string `json:"location" doc:"The platform's"`
	Shows    *int64 `json:"shows" doc:"null where the platform does not track it"`
	Should   *int64 `json:"should,omitempty" doc:"Left out where the hub does not write it"`
	// State is same, differs, blocked or not_written.
	State  string    `json:"state" enum:"same,differs,blocked,not_written"`
	Why    string    `json:"why,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
}

func (a *API) itemListings(c *fiber.Ctx, who access.Principal) error {
	var out struct {
		Items []ListingShown `json:"items"`
	}
	out.Items = []ListingShown{}
	err := a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeItem, parameter(c, "id"))
		if err != nil {
			return err
		}
		var it canon.Item
		if err := json.Unmarshal(raw, &it); err != nil {
			return fmt.Errorf("a stored item: %w", err)
		}
		for _, l := range it.Listings {
			shown, err := listingShown(v, l)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, *shown)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return show(c, who, out)
}

func listingShown(v store.View, l canon.Listing) (*ListingShown, error) {
	out := &ListingShown{Listing: l, Levels: []ShownLevel{}}
	b, err := store.Load[canon.Binding](v, store.BindingKey(canon.BindingKey{Connection: l.Connection, Kind: canon.KindListing, Aspect: canon.AspectMain, ExternalID: l.ExternalID}))
	if err != nil || b == nil {
		return out, err
	}
	out.SeenAt, out.Gone = b.SeenAt, b.Deleted
	stock := l.ExternalID
	if s := b.Present(); s != nil {
		var o canon.Observation
		if err := json.Unmarshal(s.Observation, &o); err != nil {
			return nil, fmt.Errorf("a stored observation: %w", err)
		}
		if o.Listing != nil {
			out.Title = o.Listing.Title
			if o.Listing.StockID != "" {
				stock = o.Listing.StockID
			}
			for _, p := range o.Listing.Prices {
				out.Prices = append(out.Prices, ShownPrice{p.Amount, p.Currency})
			}
		}
	}
	id, err := store.Load[store.StockID](v, store.StockIDKey(l.Connection, stock))
	if err != nil || id == nil {
		return out, err
	}
	for _, level := range id.Levels {
		shown, err := levelShown(v, l.Connection, level)
		if err != nil {
			return nil, err
		}
		if shown != nil {
			out.Levels = append(out.Levels, *shown)
		}
	}
	return out, nil
}

func levelShown(v store.View, connection, level string) (*ShownLevel, error) {
	b, err := store.Load[canon.Binding](v, store.BindingKey(canon.BindingKey{Connection: connection, Kind: canon.KindLevel, Aspect: canon.AspectMain, ExternalID: level}))
	if err != nil || b == nil || b.Deleted {
		return nil, err
	}
	_, location := canon.SplitLevelID(level)
	out := &ShownLevel{Location: location, SeenAt: b.SeenAt, State: "not_written"}
	if s := b.Current(); s != nil {
		var o canon.Observation
		if err := json.Unmarshal(s.Observation, &o); err != nil {
			return nil, fmt.Errorf("a stored observation: %w", err)
		}
		if o.Level != nil {
			out.Shows = o.Level.Available
		}
	}
	if w := b.Wants; w != nil {
		shows := w.Shows
		out.Shows, out.Should = &shows, w.Quantity
		switch {
		case w.Differs():
			out.State = "differs"
		case w.Blocked != "" || w.Quantity != nil && *w.Quantity != w.Shows:
			out.State, out.Why = "blocked", w.Blocked
			if out.Why == "" {
				out.Why = string(w.Write)
			}
		case w.Quantity != nil:
			out.State = "same"
		}
	}
	return out, nil
}

func (a *API) itemCases(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Case](a, c, who, func(v store.View, _ views.Paging) (views.Page, error) {
		raw, err := views.Get(v, store.TypeItem, parameter(c, "id"))
		if err != nil {
			return views.Page{}, err
		}
		var it struct {
			ID       string   `json:"id"`
			Nodes    []string `json:"nodes"`
			Disputed []string `json:"disputed"`
		}
		if err := json.Unmarshal(raw, &it); err != nil {
			return views.Page{}, fmt.Errorf("a stored item: %w", err)
		}
		var ids []string
		for _, kind := range []canon.CaseKind{canon.CaseDoubleClaim, canon.CaseComponent, canon.CaseOversold, canon.CaseReport, canon.CaseIdentity} {
			for _, subject := range append([]string{it.ID}, it.Nodes...) {
				ids = append(ids, lifecycle.CaseID(kind, subject))
			}
		}
		for _, group := range it.Disputed {
			ids = append(ids, lifecycle.CaseID(canon.CaseField, "item/"+it.ID+"/"+group))
		}
		slices.Sort(ids)
		page := views.Page{Items: []json.RawMessage{}}
		for _, id := range slices.Compact(ids) {
			raw, err := views.Case(v, id)
			if errors.Is(err, views.ErrNotFound) {
				continue
			}
			if err != nil {
				return page, err
			}
			var open struct {
				Open bool `json:"open"`
			}
			if err := json.Unmarshal(raw, &open); err != nil {
				return page, fmt.Errorf("a stored case: %w", err)
			}
			if open.Open {
				page.Items = append(page.Items, raw)
			}
		}
		return page, nil
	})
}

// Healths is a Hub that asks connectors how they are.
type Healths interface {
	Health(ctx context.Context, connection string) (*sdk.HealthResponse, error)
}

// healthDeadline is how long a connector may take to say how it is: it asks nobody for it.
const healthDeadline = 2 * time.Second

func (a *API) connectionHealth(c *fiber.Ctx, who access.Principal) error {
	h, ok := a.Hub.(Healths)
	if !ok {
		return problem.New(problem.ConnectionCan, "this hub does not ask connectors how they are")
	}
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, healthDeadline)
	defer cancel()
	answer, err := h.Health(ctx, name)
	if err != nil {
		return err
	}
	return show(c, who, answer)
}
