package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"

	"github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// day is a trading day and everybody in it.
type day struct {
	o     *Options
	dir   string
	began time.Time

	stage             *stage
	gate              *gate
	hub               *hubProcess
	api               *hubAPI // of the retailer's own staff
	asking, reporting *till

	mu      sync.Mutex
	rand    *rand.Rand
	free    []*good // pieces that nobody has touched yet
	outages []audit.Outage
	kills   int64
	emails  map[string]bool
	story   sync.Mutex
	// orders keeps the store's buyers in a row where an incident must hit one of them.
	orders sync.Mutex
}

// close ends everything that open started.
func (d *day) close() (err error) {
	if d.hub != nil {
		err = d.hub.stop()
	}
	if d.gate != nil {
		d.gate.close()
	}
	if d.stage != nil {
		err = errors.Join(err, d.stage.close())
	}
	if d.api != nil {
		d.api.client.CloseIdleConnections()
	}
	return err
}

// say tells what happens.
func (d *day) say(format string, args ...any) {
	d.story.Lock()
	defer d.story.Unlock()
	fmt.Fprintf(d.o.Story, "%6.2fs  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// deal shuffles the pieces.
func (d *day) deal() {
	d.rand = rand.New(rand.NewPCG(d.o.Seed, 7))
	d.free = append(d.free, d.stage.pieces...)
	d.rand.Shuffle(len(d.free), func(i, j int) { d.free[i], d.free[j] = d.free[j], d.free[i] })
}

// piece takes a piece that nobody has touched.
func (d *day) piece() *good {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) == 0 {
		return nil
	}
	g := d.free[0]
	d.free = d.free[1:]
	return g
}

func (d *day) buyer() *person {
	d.mu.Lock()
	defer d.mu.Unlock()
	// The first of the list is kept for the client who buys in two shops.
	p := &d.stage.persons[1+d.rand.IntN(len(d.stage.persons)-1)]
	d.emails[lower(p.email)] = true
	return p
}

func (d *day) quantity() *good {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stage.quantities[d.rand.IntN(len(d.stage.quantities))]
}

// buyAtWeb places an order at the Shopify store.
func (d *day) buyAtWeb(g *good, n int64, who *person) (shopifytwin.Placed, error) {
	d.orders.Lock()
	defer d.orders.Unlock()
	return d.orderAtWeb(g, n, who)
}

// orderAtWeb does it with the lock held.
func (d *day) orderAtWeb(g *good, n int64, who *person) (shopifytwin.Placed, error) {
	return d.stage.web.PlaceOrder(shopifytwin.NewOrder{
		Lines:    []shopifytwin.NewLine{{VariantID: d.stage.variants[g.sku], Quantity: n}},
		Customer: &shopifytwin.NewCustomer{FirstName: who.given, LastName: who.family, Email: who.email, Phone: who.phone},
	})
}

// buyAtShop buys in the WooCommerce shop.
func (d *day) buyAtShop(g *good, n int64, who *person) (int64, error) {
	return d.stage.shop.PlaceOrder(wootwin.Purchase{
		ID: d.stage.products[g.sku], Quantity: n,
		Billing: wootwin.Address{FirstName: who.given, LastName: who.family, Email: who.email, Phone: who.phone, Country: who.country},
	})
}

// play plays the day.
func (d *day) play(ctx context.Context) error {
	third := d.o.Sales / 3
	if d.o.Sales == fullDay {
		third = 60
	}
	d.say("Morning: the shops open.")
	sold := time.Now() // what the till without an API sells in the morning is in its file of the evening
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.trade(gctx, third) })
	g.Go(func() error { return d.scenes(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := d.races(ctx); err != nil {
		return err
	}
	d.say("Noon: the shops go on, and the hub will be killed.")
	if err := d.incident(ctx, third, d.killHub); err != nil {
		return err
	}
	d.say("Afternoon: the shops go on, and a connector will be killed.")
	if err := d.incident(ctx, third, d.killConnector); err != nil {
		return err
	}
	return d.lateFile(ctx, sold)
}

// incident lets something happen in the middle of sales.
func (d *day) incident(ctx context.Context, sales int, happen func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	half := make(chan struct{})
	g.Go(func() error {
		if err := d.trade(ctx, sales/3); err != nil {
			return err
		}
		close(half)
		return d.trade(ctx, sales-sales/3)
	})
	g.Go(func() error {
		select {
		case <-half:
			return happen(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return g.Wait()
}

// pace is the time between two sales of the whole house.
const pace = 95 * time.Millisecond

// trade sells over all channels at the pace of the house.
func (d *day) trade(ctx context.Context, n int) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	g, gctx := errgroup.WithContext(ctx)
	for i := range n {
		select {
		case <-tick.C:
		case <-gctx.Done():
			return errors.Join(g.Wait(), ctx.Err())
		}
		g.Go(func() error { return d.sale(gctx, i) })
	}
	return g.Wait()
}

// sale is one sale at the channel whose turn it is.
func (d *day) sale(ctx context.Context, turn int) error {
	var err error
	switch turn % 12 {
	case 0, 3, 6, 9:
		_, err = d.buyAtWeb(d.piece(), 1, d.buyer())
	case 1, 4, 7:
		_, err = d.buyAtShop(d.piece(), 1, d.buyer())
	case 2, 8, 11:
		err = d.sellAtTill(ctx, d.piece())
	case 5:
		_, err = d.reporting.report(ctx, d.piece(), 1, nil)
	case 10:
		err = d.sellQuantity(ctx, turn)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("demo: a sale: %w", err)
	}
	return err
}

func (d *day) sellAtTill(ctx context.Context, g *good) error {
	item, err := d.asking.scan(ctx, g)
	if err != nil {
		return err
	}
	yes, err := d.asking.sell(ctx, g, item, "")
	if err == nil && !yes {
		d.say("The till may not sell %s, which nobody else has bought.", g.sku)
	}
	return err
}

// sellQuantity sells one of a SKU that there are several of.
func (d *day) sellQuantity(ctx context.Context, turn int) error {
	g := d.quantity()
	var err error
	switch turn / 12 % 3 {
	case 0:
		_, err = d.buyAtWeb(g, 1, d.buyer())
	case 1:
		_, err = d.buyAtShop(g, 1, d.buyer())
	default:
		_, err = d.reporting.report(ctx, g, 1, d.buyer())
	}
	if errors.Is(err, shopifytwin.ErrSoldOut) || errors.Is(err, wootwin.ErrOutOfStock) {
		return nil // the shopper leaves without it
	}
	return err
}
