package magento

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// stockRow is what the shop shows of one SKU.
type stockRow struct {
	sku     string
	items   map[string]*held // by source, of the channel's stock alone
	salable *int64           // on the channel; nil where the shop does not say
	gone    bool             // the shop has no such product
}

// held is what lies in a source. What is marked out of stock there does not count.
type held struct {
	quantity int64
	inStock  bool
}

func (h *held) counts() int64 {
	if h == nil || !h.inStock {
		return 0
	}
	return h.quantity
}

func (r *stockRow) total() int64 {
	var sum int64
	for _, h := range r.items {
		sum += h.counts()
	}
	return sum
}

// reserved is what of the sources' goods can't be sold: what open orders hold and the threshold that the shop keeps back.
// The shop does not state it. It is below zero while the index is behind a write that lowered a source.
func (r *stockRow) reserved() int64 {
	if r.salable == nil {
		return 0
	}
	return r.total() - *r.salable
}

// share is the part of the reservations that falls on each source: the shop's own way of choosing sources for a shipment
// takes them in the order of their priority. What can be sold of all sources together is always the salable quantity.
func (r *stockRow) share(c *channel) map[string]int64 {
	out := map[string]int64{}
	last := ""
	for _, src := range c.sources {
		if r.items[src.Code] != nil {
			last = src.Code
		}
	}
	left := r.reserved()
	for _, src := range c.sources {
		h := r.items[src.Code]
		if h == nil {
			continue
		}
		take := left
		if src.Code != last && left > 0 {
			take = min(left, max(0, h.counts()))
		}
		out[src.Code] = take
		left -= take
	}
	return out
}

// levels are what the row states: for each source that the SKU is assigned to, what can be sold from it.
func (r *stockRow) levels(c *channel) []canon.Observation {
	var out []canon.Observation
	share := r.share(c)
	for _, src := range c.sources {
		h := r.items[src.Code]
		if h == nil {
			continue
		}
		st := &canon.LevelState{StockID: r.sku, Location: src.Code}
		if r.salable != nil {
			n := h.counts() - share[src.Code]
			st.Available = &n
		}
		out = append(out, canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(r.sku, src.Code), Level: st})
	}
	return out
}

// skuKey compares SKUs as the shop's database does.
func skuKey(sku string) string { return strings.ToLower(strings.TrimSpace(sku)) }

// skusPerCall bounds the SKUs of one request.
const skusPerCall = 50

// readStock reads what lies in the sources and what can be sold of some SKUs, by skuKey. A SKU that the shop does not know
// is gone; orphaned source items of deleted products don't count. SKUs that no source has state no level: whether the shop
// knows them is asked only where it matters (every), since it takes a call for each.
func (s *shop) readStock(ctx context.Context, c *channel, skus []string, every bool) (map[string]*stockRow, error) {
	out := make(map[string]*stockRow, len(skus))
	var unique []string
	for _, sku := range skus {
		if k := skuKey(sku); k != "" && out[k] == nil {
			out[k] = &stockRow{sku: sku, items: map[string]*held{}}
			unique = append(unique, sku)
		}
	}
	for _, part := range chunks(unique, skusPerCall) {
		if err := s.readItems(ctx, c, part, out); err != nil {
			return nil, err
		}
		missing, err := s.readSalable(ctx, c, part, out)
		if err != nil {
			return nil, err
		}
		if !every {
			missing = slices.DeleteFunc(slices.Clone(missing), func(sku string) bool { return len(out[skuKey(sku)].items) == 0 })
		}
		if err := s.readMissing(ctx, c, missing, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *shop) readItems(ctx context.Context, c *channel, skus []string, out map[string]*stockRow) error {
	const size = 300
	for page := 1; ; page++ {
		var got struct {
			Items []sourceItem `json:"items"`
			Total int          `json:"total_count"`
		}
		q := search(size).page(page).any("sku", skus).ascending("sku").ascending("source_code")
		if _, err := s.client.get(ctx, "V1/inventory/source-items", q.q, &got); err != nil {
			return err
		}
		for _, it := range got.Items {
			row := out[skuKey(it.SKU)]
			if row == nil || !c.serves(it.SourceCode) {
				continue
			}
			n, ok := whole(text(it.Quantity))
			if !ok {
				continue
			}
			row.items[it.SourceCode] = &held{quantity: n, inStock: it.Status == 1}
		}
		if page*size >= got.Total || len(got.Items) == 0 {
			return nil
		}
	}
}

// readSalable asks for many SKUs at once, and gives those that the shop did not answer for: it leaves out products that are
// not for sale on the channel, and versions differ in what else.
func (s *shop) readSalable(ctx context.Context, c *channel, skus []string, out map[string]*stockRow) (missing []string, err error) {
	if len(skus) == 1 && !strings.Contains(skus[0], "/") {
		return skus, nil // one call either way, and the one for one SKU is the older and the surer
	}
	var got struct {
		Items []struct {
			SKU string `json:"sku"`
			Qty text   `json:"qty"`
		} `json:"items"`
	}
	q := search(len(skus)).any("sku", skus).fields("items[sku,qty]")
	_, err = s.client.get(ctx, "V1/inventory/export-stock-salable-qty/website/"+url.PathEscape(c.website), q.q, &got)
	var api *apiError
	switch {
	case errors.As(err, &api) && !api.throttled() && !api.forbidden() && (api.status < 500 || api.message != ""):
		return skus, nil // the shop lacks the module, or trips over one of the products
	case err != nil:
		return nil, err
	}
	for _, it := range got.Items {
		if row := out[skuKey(it.SKU)]; row != nil {
			if n, ok := whole(it.Qty); ok {
				row.salable = &n
			}
		}
	}
	for _, sku := range skus {
		if out[skuKey(sku)].salable == nil {
			missing = append(missing, sku)
		}
	}
	return missing, nil
}

// readMissing asks one by one.
func (s *shop) readMissing(ctx context.Context, c *channel, skus []string, out map[string]*stockRow) error {
	for _, sku := range skus {
		row := out[skuKey(sku)]
		if strings.Contains(sku, "/") { // web servers don't let an escaped slash through
			got, _, err := list[product](ctx, s, "V1/products", search(1).where("sku", "eq", sku).fields("items[id,sku],total_count"))
			if err != nil {
				return err
			}
			row.gone = len(got.Items) == 0
			continue
		}
		var qty text
		_, err := s.client.get(ctx, "V1/inventory/get-product-salable-quantity/"+url.PathEscape(sku)+"/"+idText(c.stockID), nil, &qty)
		var api *apiError
		switch {
		case errors.As(err, &api) && api.status == http.StatusNotFound && api.message != "":
			row.gone = true
		case errors.As(err, &api) && api.status == http.StatusBadRequest:
			// A product without stock of its own, such as a configurable one, or not assigned to this stock.
		case err != nil:
			return err
		default:
			if n, ok := whole(qty); ok {
				row.salable = &n
			}
		}
	}
	return nil
}

// recentWrites remembers what this process wrote a moment ago, because the index may not show it yet.
type recentWrites struct {
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	last map[string]recentWrite // by skuKey
}

type recentWrite struct {
	at            time.Time
	before, after int64 // salable quantity as it was, and as it has to become
}

func newRecentWrites(life time.Duration) *recentWrites {
	return &recentWrites{life: life, now: utcNow, last: map[string]recentWrite{}}
}

func (r *recentWrites) note(sku string, before, after int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for k, w := range r.last {
		if now.Sub(w.at) > r.life {
			delete(r.last, k)
		}
	}
	if before != after {
		r.last[skuKey(sku)] = recentWrite{at: now, before: before, after: after}
	}
}

// behind reports whether the index still shows what was before the last write. Once it shows anything else, it has moved.
func (r *recentWrites) behind(row *stockRow) bool {
	if row.salable == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := skuKey(row.sku)
	w, ok := r.last[k]
	if !ok {
		return false
	}
	if *row.salable != w.before || r.now().Sub(w.at) > r.life {
		delete(r.last, k)
		return false
	}
	return true
}
