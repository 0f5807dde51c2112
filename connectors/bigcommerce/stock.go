package bigcommerce

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// How the stock of a product is counted.
const (
	trackProduct = "product"
	trackVariant = "variant"
)

// stockID names what is counted together: a product, or one of its variants. The inventory refuses a write by the other one.
func stockID(tracking string, product, variant int64) string {
	if tracking == trackVariant {
		return "v" + idText(variant)
	}
	return "p" + idText(product)
}

// parseStockID undoes stockID.
func parseStockID(id string) (isVariant bool, n int64, ok bool) {
	rest, isVariant := strings.CutPrefix(id, "v")
	if !isVariant {
		if rest, ok = strings.CutPrefix(id, "p"); !ok {
			return false, 0, false
		}
	}
	n, ok = parseID(rest)
	return isVariant, n, ok
}

// stockRow is what is counted together, with its numbers at each location.
type stockRow struct {
	id      string
	product int64
	tracked bool
	places  map[int64]*holding
}

// holding is what a location has, as the inventory shows it.
type holding struct {
	available *int64 // nil where it is not counted
	safety    int64
}

// readStock reads the stock of some products, by stock id. A product that the store does not have gives no row.
func (s *store) readStock(ctx context.Context, f *facts, products []int64) (map[string]*stockRow, error) {
	tracking := map[int64]string{}
	for _, part := range chunks(unique(products), maxPage) {
		q := url.Values{"id:in": {joined(part)}, "include_fields": {"inventory_tracking"}, "limit": {idText(maxPage)}}
		got, _, err := list3[product](ctx, s, "catalog/products", q)
		if err != nil {
			return nil, err
		}
		for i := range got.Data {
			if got.Data[i].err != nil {
				return nil, fmt.Errorf("product %d: %w", got.Data[i].id, got.Data[i].err)
			}
			tracking[got.Data[i].id] = got.Data[i].value.Tracking
		}
	}
	return s.readItems(ctx, f, tracking)
}

// readItems reads the stock of products whose tracking is known.
func (s *store) readItems(ctx context.Context, f *facts, tracking map[int64]string) (map[string]*stockRow, error) {
	out := map[string]*stockRow{}
	var counted []int64
	for id, mode := range tracking {
		switch mode {
		case trackProduct, trackVariant:
			counted = append(counted, id)
		default: // not counted: nothing is known of it at any location
			row := &stockRow{id: stockID(mode, id, 0), product: id, places: map[int64]*holding{}}
			for _, l := range f.locations {
				if l.Enabled {
					row.places[l.ID] = &holding{}
				}
			}
			out[row.id] = row
		}
	}
	for _, part := range chunks(unique(counted), maxPage) {
		for n := 1; ; n++ {
			got, _, err := list3[inventoryItem](ctx, s, "inventory/items", url.Values{"product_id:in": {joined(part)}, "page": {idText(int64(n))}, "limit": {idText(maxPage)}})
			if err != nil {
				return nil, err
			}
			for i := range got.Data {
				if err := got.Data[i].err; err != nil {
					return nil, fmt.Errorf("inventory: %w", err)
				}
				it := &got.Data[i].value
				mode, asked := tracking[it.Identity.ProductID]
				if !asked {
					continue
				}
				row := &stockRow{id: stockID(mode, it.Identity.ProductID, it.Identity.VariantID), product: it.Identity.ProductID, tracked: true, places: map[int64]*holding{}}
				for _, l := range it.Locations {
					h := &holding{safety: pieces(l.Settings.Safety)}
					if v, ok := whole(l.Available); ok {
						h.available = &v
					}
					row.places[l.ID] = h
				}
				out[row.id] = row
			}
			if len(got.Data) == 0 || int64(n*maxPage) >= got.Meta.Pagination.Total {
				break
			}
		}
	}
	return out, nil
}

// levels states a row. Late are the levels that reads do not show as this process has just written them.
func (s *store) levels(f *facts, row *stockRow) (obs []canon.Observation, late []canon.Ref) {
	for _, l := range f.locations {
		h := row.places[l.ID]
		if h == nil {
			continue
		}
		id := canon.LevelID(row.id, idText(l.ID))
		if h.available != nil && s.recent.behind(id, *h.available) {
			late = append(late, canon.Ref{Kind: canon.KindLevel, ExternalID: id})
			continue
		}
		obs = append(obs, level(row.id, l.ID, h.available))
	}
	return obs, late
}

func level(stock string, at int64, available *int64) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, idText(at)), Level: &canon.LevelState{StockID: stock, Location: idText(at), Available: available},
	}
}

// observeStock states the levels of some products.
func (s *store) observeStock(ctx context.Context, f *facts, tracking map[int64]string) (obs []canon.Observation, late []canon.Ref, err error) {
	rows, err := s.readItems(ctx, f, tracking)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range sortedKeys(rows) {
		o, l := s.levels(f, rows[id])
		obs, late = append(obs, o...), append(late, l...)
	}
	return obs, late, nil
}

// recentWrites remembers what this process wrote until reads show it: the inventory answers before it has done its work.
type recentWrites struct {
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	last map[string]recentWrite // by level id
}

type recentWrite struct {
	at            time.Time
	before, after int64
}

func newRecentWrites(life time.Duration) *recentWrites {
	return &recentWrites{life: life, now: utcNow, last: map[string]recentWrite{}}
}

func (r *recentWrites) note(id string, before, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for k, w := range r.last {
		if now.Sub(w.at) > r.life {
			delete(r.last, k)
		}
	}
	if before != after {
		r.last[id] = recentWrite{at: now, before: before, after: after}
	}
}

// behind reports whether a read still shows what was before the last write. Once it shows anything else, it has moved.
func (r *recentWrites) behind(id string, shown int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, ok := r.last[id]
	if !ok {
		return false
	}
	if shown != w.before || r.now().Sub(w.at) > r.life {
		delete(r.last, id)
		return false
	}
	return true
}
