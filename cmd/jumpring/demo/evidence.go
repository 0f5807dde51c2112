package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// evidence gathers what the channels' own ledgers say.
func (d *day) evidence() *audit.Evidence {
	e := &audit.Evidence{Opening: map[string]int64{}, Pieces: map[string]bool{}, Emails: map[string]bool{}, Now: time.Now()}
	for _, g := range d.stage.pieces {
		e.Opening[g.sku], e.Pieces[g.sku] = g.total(), true
	}
	for _, g := range d.stage.quantities {
		e.Opening[g.sku] = g.total()
	}
	d.webLedger(e)
	d.shopLedger(e)
	for _, t := range []*till{d.asking, d.reporting} {
		sales, holds, answered := t.ledger()
		e.Sales, e.Holds, e.Accepted = append(e.Sales, sales...), append(e.Holds, holds...), e.Accepted+answered
	}
	d.fileLedger(e)
	accepted, refused, _ := d.gate.counts()
	e.Accepted, e.Refused = e.Accepted+accepted, refused
	d.mu.Lock()
	defer d.mu.Unlock()
	e.Outages, e.Kills = append(e.Outages, d.outages...), d.kills
	for m := range d.emails {
		e.Emails[m] = true
	}
	return e
}

func (d *day) webLedger(e *audit.Evidence) {
	l := d.stage.web.Ledger()
	refunded := make(map[string]int64)
	freed := make(map[string]time.Time)
	for _, r := range l.Refunds {
		refunded[r.OrderID]++
		freed[r.OrderID] = r.At
	}
	for _, o := range l.Orders {
		for _, line := range o.Lines {
			s := audit.Sale{
				By: audit.ByWebhook, Shop: webConnection, Connection: webConnection, Order: o.ID, SKU: line.SKU, Quantity: line.Quantity,
				Restocked: line.Restocked, Refunded: refunded[o.ID], At: o.At, Heard: d.gate.heardOf(webConnection, o.ID),
			}
			if line.Restocked > 0 {
				s.Freed = freed[o.ID]
			}
			e.Sales = append(e.Sales, s)
		}
	}
	shop := audit.Shop{Connection: webConnection, Stock: map[string]int64{}, Noops: l.Counts.NoopWrites}
	shown := make(map[string]map[string]int64) // by SKU and place
	for _, g := range d.stage.all() {
		shown[g.sku] = make(map[string]int64)
		for at, n := range g.stock {
			shown[g.sku][d.stage.places[at]] = n
		}
	}
	for _, c := range l.Changes {
		shown[c.SKU][c.LocationID] = c.After
		total := int64(0)
		for _, n := range shown[c.SKU] {
			total += n
		}
		shop.Commits = append(shop.Commits, audit.Commit{SKU: c.SKU, At: c.At, After: total, API: c.Source == "api"})
	}
	for _, lv := range d.stage.web.Levels() {
		shop.Stock[lv.SKU] += lv.Available
	}
	e.Shops = append(e.Shops, shop)
}

func (d *day) shopLedger(e *audit.Evidence) {
	l := d.stage.shop.Ledger()
	type back struct {
		at        time.Time
		refunded  int64
		restocked int64
	}
	backs := make(map[int64]back)
	for _, r := range l.Refunds {
		b := backs[r.OrderID]
		b.refunded++
		if r.Restocked {
			b.restocked++
			b.at = r.At
		}
		backs[r.OrderID] = b
	}
	for _, o := range l.Orders {
		id := strconv.FormatInt(o.ID, 10)
		for _, line := range o.Lines {
			b := backs[o.ID]
			e.Sales = append(e.Sales, audit.Sale{
				By: audit.ByWebhook, Shop: shopConnection, Connection: shopConnection, Order: id, SKU: line.SKU, Quantity: line.Quantity,
				Restocked: b.restocked, Refunded: b.refunded, Freed: b.at, At: o.At, Heard: d.gate.heardOf(shopConnection, id),
			})
		}
	}
	shop := audit.Shop{Connection: shopConnection, Stock: map[string]int64{}, Noops: d.stage.shop.Counts().NoopStockWrites}
	for _, g := range d.stage.all() {
		if n, counted := d.stage.shop.Stock(d.stage.products[g.sku]); counted {
			shop.Stock[g.sku] = n
		}
	}
	for _, c := range l.Stock {
		shop.Commits = append(shop.Commits, audit.Commit{SKU: c.SKU, At: c.At, After: c.After, API: c.Source == "api"})
	}
	e.Shops = append(e.Shops, shop)
}

func (d *day) fileLedger(e *audit.Evidence) {
	returned := make(map[string]time.Time)
	for _, r := range d.stage.till.Returns() {
		returned[r.OriginalReceipt+"/"+strconv.Itoa(r.OriginalLine)] = r.At
		e.Accepted++
	}
	for _, s := range d.stage.till.Sales() {
		line := audit.Sale{
			By: audit.ByFile, Connection: tillConnection, Order: s.OrderID(), SKU: s.Goods.SKU, Quantity: s.Goods.Quantity, At: s.At,
		}
		if at, ok := returned[s.Receipt+"/"+strconv.Itoa(s.Line)]; ok {
			line.Restocked, line.Refunded, line.Freed = s.Goods.Quantity, s.Goods.Quantity, at
		}
		e.Sales = append(e.Sales, line)
		e.Accepted++
	}
}

// record asks the hub's API for everything that an auditor wants to know. drift is what its newest full read gave.
func (d *day) record(ctx context.Context, drift int64) (*audit.Record, error) {
	r := &audit.Record{Drift: drift}
	var err error
	if r.Items, err = list[audit.Item](ctx, d.api, "/v1/items", nil); err != nil {
		return nil, err
	}
	if r.Orders, err = list[audit.Order](ctx, d.api, "/v1/orders", nil); err != nil {
		return nil, err
	}
	for _, state := range []string{"open", "closed"} {
		cases, err := list[audit.Case](ctx, d.api, "/v1/cases", url.Values{"state": {state}})
		if err != nil {
			return nil, err
		}
		r.Cases = append(r.Cases, cases...)
	}
	if r.Clients, err = list[audit.Client](ctx, d.api, "/v1/clients", nil); err != nil {
		return nil, err
	}
	parked, err := list[struct{}](ctx, d.api, "/v1/parked", nil)
	if err != nil {
		return nil, err
	}
	r.Parked = int64(len(parked))
	connections, err := d.connections(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range connections {
		r.Restarts += c.Restarts
	}
	return r, nil
}

// connectionStatus is what the demo wants to know of a connection.
type connectionStatus struct {
	Name       string `json:"name"`
	Mode       string `json:"mode"`
	State      string `json:"state"`
	Differing  int64  `json:"differing"`
	LastError  string `json:"last_error"`
	PlanDigest string `json:"plan_digest"`
	Restarts   int64  `json:"restarts"`
}

func (d *day) connections(ctx context.Context) ([]connectionStatus, error) {
	return list[connectionStatus](ctx, d.api, "/v1/connections", nil)
}

// sweep has the hub read everything and compare, and gives the rows that differ.
func (d *day) sweep(ctx context.Context) (rows int64, err error) {
	type job struct {
		URL     string        `json:"url"`
		State   string        `json:"state"`
		Problem *problemError `json:"problem"`
		Drift   []struct {
			Connection string     `json:"connection"`
			Rows       []struct{} `json:"rows"`
		} `json:"drift"`
	}
	names := []string{webConnection, shopConnection}
	jobs := make([]job, len(names))
	for i, name := range names {
		if _, err := d.api.call(ctx, http.MethodPost, "/v1/drift?connection="+name, "", nil, &jobs[i]); err != nil {
			return 0, fmt.Errorf("demo: start a full read of %s: %w", name, err)
		}
	}
	for i, name := range names {
		j, at := job{}, jobs[i].URL
		err := await(ctx, "the full read of "+name+" has ended", 2*time.Minute, func() (bool, error) {
			j = job{}
			_, err := d.api.call(ctx, http.MethodGet, at, "", nil, &j)
			return j.State == "done" || j.State == "failed", err
		})
		if err != nil {
			return 0, err
		}
		if j.State == "failed" {
			return 0, fmt.Errorf("demo: the full read of %s failed: %w", name, j.Problem)
		}
		for _, r := range j.Drift {
			rows += int64(len(r.Rows))
		}
	}
	return rows, nil
}

func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
