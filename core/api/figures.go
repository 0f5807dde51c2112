package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// Figures are what the overview shows of the house. Minutes, Latency: the last hour, the oldest first, since the hub's
// start. The rest is computed of all records at At.
type Figures struct {
	Minutes []Minute     `json:"minutes" doc:"The last hour, the oldest first"`
	At      time.Time    `json:"at,omitzero" doc:"What stock and sales stand for; left out while they are computed for the first time"`
	Stock   []StockValue `json:"stock" doc:"By location and currency"`
	Sales   []DaySales   `json:"sales" doc:"The last 14 days by day, channel and currency"`
}

// Minute is what happened within one minute.
type Minute struct {
	At    time.Time `json:"at"`
	Facts int64     `json:"facts" doc:"Journal entries that were folded"`
	// A level's latency is from the fold of what changed it to the fold of the platform's showing it.
	Synced    int64 `json:"synced" doc:"Levels that came to show what they should"`
	MeanMilli int64 `json:"mean_ms" doc:"Mean time that took"`
	MostMilli int64 `json:"most_ms" doc:"The longest"`
}

// StockValue is what is on hand somewhere, at asking prices.
type StockValue struct {
	Location string `json:"location"`
	Currency string `json:"currency"`
	Pieces   int64  `json:"pieces"`
	Minor    int64  `json:"minor" doc:"Sum of the first price of each item times its pieces, in minor units"`
	// Cost is the same at cost, of items whose cost is in this currency.
	Cost int64 `json:"cost_minor" class:"cost"`
}

// DaySales is what was sold on a day by a channel: orders that stand, by their stated totals.
type DaySales struct {
	Day      string `json:"day" doc:"YYYY-MM-DD, UTC"`
	Channel  string `json:"channel" doc:"The order's connection"`
	Location string `json:"location,omitempty"`
	Currency string `json:"currency"`
	Orders   int64  `json:"orders"`
	Minor    int64  `json:"minor" doc:"Sum of the stated totals in minor units"`
}

const (
	figureMinutes = 60
	figureDays    = 14
	// figuresEvery is the least time between two computations of stock and sales; a hub with many records takes
	// figuresShare times as long as one of them takes.
	figuresEvery = 5 * time.Second
	figuresShare = 50
	// maxDiffering bounds the levels whose latency is being measured.
	maxDiffering = 20_000
)

// figures collects what happens, and computes stock and sales when they are asked for.
type figures struct {
	a *API

	mu      sync.Mutex
	minutes map[int64]*minute // by Unix minute
	differs map[canon.BindingKey]time.Time
	asked   chan struct{}
	at      time.Time
	next    time.Time // no computation before
	stock   []StockValue
	sales   []DaySales
}

type minute struct{ facts, synced, sum, most int64 }

func newFigures(a *API) *figures {
	return &figures{a: a, minutes: map[int64]*minute{}, differs: map[canon.BindingKey]time.Time{}, asked: make(chan struct{}, 1)}
}

// run follows the commits until the API closes.
func (f *figures) run() {
	commits := f.a.Hub.Subscribe(f.a.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-f.a.ctx.Done():
				return
			case <-f.asked:
				if err := f.compute(); err != nil {
					f.a.Log.Error("the overview's figures could not be computed", "error", err)
				}
			}
		}
	}()
	for c := range commits {
		f.took(&c)
	}
	<-done
}

// took notes a commit.
func (f *figures) took(c *router.Commit) {
	shown := map[canon.BindingKey]bool{} // differs still
	if len(c.Levels) > 0 {
		if err := f.a.look(func(v store.View) error {
			for _, k := range c.Levels {
				b, err := store.Load[canon.Binding](v, store.BindingKey(k))
				if err != nil {
					return err
				}
				shown[k] = b != nil && b.Wants.Differs()
			}
			return nil
		}); err != nil {
			return // the view is being made again
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := c.Time.Unix() / 60
	m := f.minutes[now]
	if m == nil {
		m = &minute{}
		f.minutes[now] = m
		maps.DeleteFunc(f.minutes, func(at int64, _ *minute) bool { return at <= now-figureMinutes-1 })
	}
	m.facts += int64(c.Entries)
	for k, still := range shown {
		since, was := f.differs[k]
		switch {
		case still && !was && len(f.differs) < maxDiffering:
			f.differs[k] = c.Time
		case !still && was:
			delete(f.differs, k)
			took := max(c.Time.Sub(since).Milliseconds(), 0)
			m.synced, m.sum, m.most = m.synced+1, m.sum+took, max(m.most, took)
		}
	}
}

// compute goes through all items and orders.
func (f *figures) compute() error {
	began := time.Now()
	stock, sales := map[StockValue]*StockValue{}, map[DaySales]*DaySales{}
	since := began.UTC().AddDate(0, 0, 1-figureDays).Format(time.DateOnly)
	err := f.a.look(func(v store.View) error {
		if err := v.Scan(store.PrefixRecord+store.TypeItem+"/", "", func(_ string, raw []byte) (bool, error) {
			return f.a.ctx.Err() == nil, addStock(stock, raw)
		}); err != nil {
			return err
		}
		return v.Scan(store.PrefixRecord+store.TypeOrder+"/", "", func(_ string, raw []byte) (bool, error) {
			return f.a.ctx.Err() == nil, addSale(sales, raw, since)
		})
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stock, f.sales = sums(stock), sums(sales)
	slices.SortFunc(f.stock, func(a, b StockValue) int {
		return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Currency, b.Currency))
	})
	slices.SortFunc(f.sales, func(a, b DaySales) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Location, b.Location), cmp.Compare(a.Currency, b.Currency))
	})
	f.at = time.Now()
	f.next = f.at.Add(max(figuresEvery, figuresShare*f.at.Sub(began)))
	return nil
}

func sums[K comparable, V any](m map[K]*V) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, *v)
	}
	return out
}

func addStock(sum map[StockValue]*StockValue, raw []byte) error {
	var it struct {
		Prices []canon.Price   `json:"prices"`
		Cost   *canon.Money    `json:"cost"`
		Stock  []canon.StockAt `json:"stock"`
	}
	if err := json.Unmarshal(raw, &it); err != nil {
		return fmt.Errorf("a stored item: %w", err)
	}
	for _, s := range it.Stock {
		if s.OnHand == 0 {
			continue
		}
		at := func(currency string) *StockValue {
			key := StockValue{Location: s.Location, Currency: currency}
			if sum[key] == nil {
				sum[key] = &StockValue{Location: s.Location, Currency: currency}
			}
			return sum[key]
		}
		if len(it.Prices) > 0 {
			v := at(it.Prices[0].Currency)
			v.Pieces, v.Minor = v.Pieces+s.OnHand, v.Minor+s.OnHand*it.Prices[0].Minor
		} else {
			at("").Pieces += s.OnHand
		}
		if it.Cost != nil {
			at(it.Cost.Currency).Cost += s.OnHand * it.Cost.Minor
		}
	}
	return nil
}

func addSale(sum map[DaySales]*DaySales, raw []byte, since string) error {
	var o struct {
		Connection string            `json:"connection"`
		Status     canon.OrderStatus `json:"status"`
		PlacedAt   time.Time         `json:"placed_at"`
		Location   string            `json:"location"`
		Currency   string            `json:"currency"`
		Total      *canon.Money      `json:"total"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return fmt.Errorf("a stored order: %w", err)
	}
	day := o.PlacedAt.UTC().Format(time.DateOnly)
	if o.Status == canon.OrderCancelled || day < since {
		return nil
	}
	key := DaySales{Day: day, Channel: o.Connection, Location: o.Location, Currency: o.Currency}
	if sum[key] == nil {
		made := key
		sum[key] = &made
	}
	sum[key].Orders++
	if o.Total != nil {
		sum[key].Minor += o.Total.Minor
	}
	return nil
}

// shown gives the figures as they are, and has stock and sales computed again where that is due.
func (f *figures) shown(who access.Principal) Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := Figures{Minutes: []Minute{}, At: f.at, Stock: []StockValue{}, Sales: []DaySales{}}
	for at, now := time.Now().Unix()/60-figureMinutes+1, time.Now().Unix()/60; at <= now; at++ {
		one := Minute{At: time.Unix(at*60, 0).UTC()}
		if m := f.minutes[at]; m != nil {
			one.Facts, one.Synced, one.MostMilli = m.facts, m.synced, m.most
			if m.synced > 0 {
				one.MeanMilli = m.sum / m.synced
			}
		}
		out.Minutes = append(out.Minutes, one)
	}
	for _, s := range f.stock {
		if who.Within(s.Location) {
			out.Stock = append(out.Stock, s)
		}
	}
	for _, s := range f.sales {
		if who.Within(s.Location) {
			out.Sales = append(out.Sales, s)
		}
	}
	if !time.Now().Before(f.next) {
		select {
		case f.asked <- struct{}{}:
		default:
		}
	}
	return out
}

func (a *API) figuresShown(c *fiber.Ctx, who access.Principal) error {
	return show(c, who, a.figures.shown(who))
}
