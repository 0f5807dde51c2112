package shopify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// pollCursor is where a stream goes on. Between two runs only the floor is set: the start of the last run by the
// platform's own clock, less the overlap. So a row that ties with another is read again and never skipped, and a stream
// on which nothing happens moves on nevertheless.
type pollCursor struct {
	Run     run       `json:"run"`
	Started time.Time `json:"started,omitzero"` // of the run under way, by the platform's clock
}

// Poll reads the next page of what changed.
func (c *connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	var cur pollCursor
	if len(req.Cursor) == 0 {
		cur.Run.Floor = req.Since.UTC().Truncate(time.Second)
	} else if err := json.Unmarshal(req.Cursor, &cur); err != nil {
		return nil, fmt.Errorf("shopify: the cursor of %s can't be read: %w", req.Stream, err)
	}
	obs, at, done, err := s.page(ctx, req.Stream, &cur.Run, req.Limit)
	if err != nil {
		return nil, err
	}
	if cur.Started.IsZero() {
		cur.Started = at.UTC().Truncate(time.Second)
	}
	if done {
		cur = nextRun(cur.Run.Floor, cur.Started)
	}
	return &sdk.PollResponse{Observations: obs, Cursor: encode(cur), More: !done}, nil
}

// nextRun never goes back: a floor in the future of the platform's clock stays.
func nextRun(floor, started time.Time) pollCursor {
	if next := started.Add(-pollOverlap); next.After(floor) {
		floor = next
	}
	return pollCursor{Run: run{Floor: floor}}
}

// The phases of a snapshot, in order.
const (
	phaseLocations = iota
	phaseProducts
	phaseCustomers
	phaseOrders
	phaseDone
)

var phaseStreams = map[int]string{phaseProducts: streamProducts, phaseCustomers: streamCustomers, phaseOrders: streamOrders}

// snapshotPage is the token of a snapshot's next page. It has everything, so that another process can go on.
type snapshotPage struct {
	Phase int    `json:"phase"`
	After string `json:"after,omitempty"` // of the locations
	Run   run    `json:"run"`
	Since string `json:"since"` // of the orders
	// Started is when the snapshot began, by the platform's clock.
	Started time.Time `json:"started,omitzero"`
	// Bulk are the phases that are read by bulk operations, Op the one under way.
	Bulk []int   `json:"bulk,omitempty"`
	Op   *bulkOp `json:"op,omitempty"`
}

// Snapshot reads locations, products with their listings and levels, customers, and the orders of the configured time.
// What is much is read by bulk operations. The rest is walked in the order of modification: a row that changes meanwhile
// moves to the end and is shown again.
func (c *connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	res := &sdk.SnapshotResponse{}
	var page snapshotPage
	if len(req.Page) == 0 {
		if page, err = s.snapshotStart(ctx, res); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(req.Page, &page); err != nil {
		return nil, fmt.Errorf("shopify: the snapshot's page token can't be read: %w", err)
	}
	done := false
	switch {
	case page.Phase == phaseLocations:
		rows, info, err := s.locations(ctx, laneBackground, page.After)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			res.Observations = append(res.Observations, graphLocationObservation(&rows[i]))
		}
		page.After, done = info.EndCursor, !info.HasNextPage
	case slices.Contains(page.Bulk, page.Phase):
		if done, err = s.bulkPage(ctx, &page, req.Limit, res); err != nil {
			return nil, err
		}
	default:
		stream, ok := phaseStreams[page.Phase]
		if !ok {
			return nil, fmt.Errorf("shopify: the snapshot's page token has phase %d", page.Phase)
		}
		if res.Observations, _, done, err = s.page(ctx, stream, &page.Run, req.Limit); err != nil {
			return nil, err
		}
	}
	if done {
		page = snapshotPage{Phase: page.Phase + 1, Since: page.Since, Started: page.Started, Bulk: page.Bulk, Run: page.runOf(page.Phase + 1)}
	}
	if page.Phase == phaseDone {
		res.Complete = true
		// Orders are not among them: older ones exist that were not asked for.
		res.Kinds = []canon.Kind{canon.KindCustomer, canon.KindLevel, canon.KindListing, canon.KindLocation, canon.KindProduct}
		return res, nil
	}
	res.Next = encode(page)
	return res, nil
}

// runOf gives the walk that a phase begins with.
func (p *snapshotPage) runOf(phase int) run {
	if phase == phaseOrders {
		return run{Filter: p.Since}
	}
	return run{}
}

// snapshotStart takes the platform's clock before the first row is read: polls go on from there.
func (s *session) snapshotStart(ctx context.Context, res *sdk.SnapshotResponse) (snapshotPage, error) {
	facts, err := s.shopFacts(ctx, laneBackground)
	if err != nil {
		return snapshotPage{}, err
	}
	now := facts.at.UTC().Truncate(time.Second)
	res.Cursors = map[string][]byte{}
	for _, stream := range []string{streamOrders, streamProducts, streamInventory, streamCustomers} {
		res.Cursors[stream] = encode(nextRun(time.Time{}, now))
	}
	since := "created_at:>='" + now.Add(-s.ordersSince).Format(time.RFC3339) + "'"
	var totals struct {
		Variants  struct{ Count int64 } `json:"productVariantsCount"`
		Customers struct{ Count int64 } `json:"customersCount"`
		Orders    struct{ Count int64 } `json:"ordersCount"`
	}
	if _, err := s.client.call(ctx, laneBackground, docTotals, map[string]any{"orders": since}, &totals); err != nil {
		return snapshotPage{}, err
	}
	res.Total = totals.Variants.Count + totals.Customers.Count + totals.Orders.Count
	page := snapshotPage{Phase: phaseLocations, Since: since, Started: now}
	for phase, rows := range map[int]int64{phaseProducts: totals.Variants.Count, phaseCustomers: totals.Customers.Count, phaseOrders: totals.Orders.Count} {
		if s.bulkFrom > 0 && rows >= s.bulkFrom {
			page.Bulk = append(page.Bulk, phase)
		}
	}
	slices.Sort(page.Bulk)
	return page, nil
}
