package shopify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

const (
	// pollOverlap is how far a poll goes back behind the start of the one before: a change that was committed late
	// carries an older time.
	pollOverlap = 2 * time.Minute
	// deepest is how many objects one cursor is followed; the platform ends it at 25,000.
	deepest = 24_000
)

// run is a walk over one collection in the order of its modification times. It follows the platform's cursor and,
// before that reaches its depth limit, starts a new one at the time of the last row.
type run struct {
	Floor  time.Time `json:"floor"`            // rows modified at this moment or later; zero for all
	MinID  int64     `json:"min_id,omitempty"` // inventory items are walked by id: rows after this one
	Filter string    `json:"filter,omitempty"`
	After  string    `json:"after,omitempty"`
	Depth  int       `json:"depth,omitempty"` // rows behind After
	// Last is the modification time of the last row, LastID its number.
	Last   time.Time `json:"last,omitzero"`
	LastID int64     `json:"last_id,omitempty"`
}

func (r *run) query() string {
	q := r.Filter
	if !r.Floor.IsZero() {
		q = join(q, "updated_at:>='"+r.Floor.UTC().Format(time.RFC3339)+"'")
	}
	if r.MinID > 0 {
		q = join(q, fmt.Sprintf("id:>%d", r.MinID))
	}
	return q
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " AND " + b
}

// advance goes on behind a page; done tells that it was the last one.
func (r *run) advance(stream string, rows int, page graphPage, limit int) (done bool, err error) {
	if !page.HasNextPage {
		return true, nil
	}
	r.After, r.Depth = page.EndCursor, r.Depth+rows
	if r.Depth < limit {
		return false, nil
	}
	r.After, r.Depth = "", 0
	switch {
	case stream == streamInventory:
		r.MinID = r.LastID
	case r.Last.After(r.Floor):
		r.Floor = r.Last
	default:
		return false, fmt.Errorf("shopify: more than %d %s were modified in the same second (%s), which is deeper than the API's cursor goes", limit, stream, r.Last.Format(time.RFC3339))
	}
	return false, nil
}

// page reads the next page of a stream and advances the run.
func (s *session) page(ctx context.Context, stream string, r *run, limit int) (obs []canon.Observation, at time.Time, done bool, err error) {
	obs, rows, info, at, err := s.rows(ctx, stream, r, limit)
	var refused *apiError
	if errors.As(err, &refused) && refused.kind == failRefused && r.After != "" {
		// The cursor is no longer understood: from the floor again, which repeats rows and loses none.
		r.After, r.Depth = "", 0
		obs, rows, info, at, err = s.rows(ctx, stream, r, limit)
	}
	if err != nil {
		return nil, at, false, err
	}
	done, err = r.advance(stream, rows, info, s.depth)
	return obs, at, done, err
}

func (s *session) rows(ctx context.Context, stream string, r *run, limit int) (obs []canon.Observation, rows int, info graphPage, at time.Time, err error) {
	vars := map[string]any{"query": r.query()}
	if r.After != "" {
		vars["after"] = r.After
	}
	size := func(most int) {
		if limit > 0 {
			most = min(most, limit)
		}
		vars["first"] = most
	}
	note := func(updated, id string) {
		r.Last = moment(updated)
		r.LastID = gidNumber("InventoryItem", id)
	}
	var ans answer
	switch stream {
	case streamProducts:
		size(productPage)
		var data struct {
			Products connection[*graphProduct] `json:"products"`
		}
		if ans, err = s.client.call(ctx, laneBackground, docProducts, s.metafieldVariables(vars), &data); err != nil {
			return nil, 0, info, at, err
		}
		for _, p := range data.Products.Nodes {
			note(p.UpdatedAt, p.ID)
		}
		rows, info = len(data.Products.Nodes), data.Products.PageInfo
		obs, err = s.whole(ctx, laneBackground, data.Products.Nodes)
	case streamInventory:
		size(itemPage)
		var data struct {
			InventoryItems connection[struct {
				ID        string              `json:"id"`
				UpdatedAt string              `json:"updatedAt"`
				Variants  connection[graphID] `json:"variants"`
			}] `json:"inventoryItems"`
		}
		if ans, err = s.client.call(ctx, laneBackground, docItems, vars, &data); err != nil {
			return nil, 0, info, at, err
		}
		var variants []string
		for _, item := range data.InventoryItems.Nodes {
			note(item.UpdatedAt, item.ID)
			for _, v := range item.Variants.Nodes {
				variants = append(variants, v.ID)
			}
		}
		rows, info = len(data.InventoryItems.Nodes), data.InventoryItems.PageInfo
		obs, err = s.listings(ctx, laneBackground, variants)
	case streamOrders:
		size(orderPage)
		var data struct {
			Orders connection[*graphOrder] `json:"orders"`
		}
		if ans, err = s.client.call(ctx, laneBackground, docOrders, vars, &data); err != nil {
			return nil, 0, info, at, err
		}
		for _, o := range data.Orders.Nodes {
			note(o.UpdatedAt, o.ID)
		}
		rows, info = len(data.Orders.Nodes), data.Orders.PageInfo
		obs, err = s.orders(ctx, laneBackground, data.Orders.Nodes, ans.denied)
	case streamCustomers:
		size(customerPage)
		var data struct {
			Customers connection[*graphCustomer] `json:"customers"`
		}
		err = s.withAddresses(vars, func() (err error) {
			ans, err = s.client.call(ctx, laneBackground, docCustomers, vars, &data)
			return err
		})
		if err != nil {
			return nil, 0, info, at, err
		}
		for _, c := range data.Customers.Nodes {
			note(c.UpdatedAt, c.ID)
			obs = append(obs, s.graphCustomer(c, ans.denied))
		}
		rows, info = len(data.Customers.Nodes), data.Customers.PageInfo
	default:
		err = fmt.Errorf("shopify: there is no stream %q", stream)
	}
	return obs, rows, info, ans.at, err
}

// withAddresses asks for customers with their addresses, and without where the app may not see them: addresses can't be
// null, so that hiding them takes the whole page away.
func (s *session) withAddresses(vars map[string]any, ask func() error) error {
	vars["addresses"] = !s.personalDenied.Load()
	err := ask()
	var denied *apiError
	if errors.As(err, &denied) && denied.code == "shopify.access_denied" && vars["addresses"] == true {
		s.personalDenied.Store(true)
		vars["addresses"] = false
		err = ask()
	}
	return err
}

// locations reads one page of the shop's places.
func (s *session) locations(ctx context.Context, l lane, after string) ([]graphLocation, graphPage, error) {
	vars := map[string]any{"first": locationPage}
	if after != "" {
		vars["after"] = after
	}
	var data struct {
		Locations connection[graphLocation] `json:"locations"`
	}
	_, err := s.client.call(ctx, l, docLocations, vars, &data)
	return data.Locations.Nodes, data.Locations.PageInfo, err
}
