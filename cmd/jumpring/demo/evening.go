package demo

import (
	"context"
	"errors"
	"time"

	csvtwin "github.com/jumpring/jumpring/connectors/csv/twin"
)

// lateSales is how many sales the till without an API writes down.
const lateSales = 14

// lateFile brings the file of a till that sold since the morning and says so in the evening.
func (d *day) lateFile(ctx context.Context, since time.Time) error {
	n := min(lateSales, d.o.Sales/10)
	receipt, at := "", since
	var first *good
	for i := range n {
		g := d.piece()
		if i == 0 {
			first = g
		}
		at = since.Add(time.Duration(i) * time.Second)
		if now := time.Now(); at.After(now) {
			at = now
		}
		who := d.buyer()
		r := d.stage.till.Sell(at, who.id, csvtwin.Line{Serial: g.serial, SKU: g.sku, Title: g.title, Price: g.priceEUR, Currency: "EUR"})
		if i == 0 {
			receipt = r
		}
	}
	if first != nil {
		d.stage.till.Return(time.Now(), receipt, []int{1}, csvtwin.Line{Serial: first.serial, SKU: first.sku, Price: first.priceEUR, Currency: "EUR"})
	}
	names, err := d.stage.till.WriteFiles()
	if err != nil {
		return err
	}
	d.say("Evening: the till without an API delivers %d files of the day's %d sales.", len(names), n)
	return ctx.Err()
}

// trickle is the pace of the sales after the day.
const trickle = 2 * time.Second

// goOn lets the shops trade until ctx ends.
func (d *day) goOn(ctx context.Context) error {
	d.say("The shops go on trading. Status page: %s/ (Ctrl-C ends)", d.api.base)
	tick := time.NewTicker(trickle)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.trickleSale(ctx, turn); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (d *day) trickleSale(ctx context.Context, turn int) error {
	g := d.piece()
	if g == nil {
		return d.sellQuantity(ctx, turn*12)
	}
	where := []string{"the Shopify store", "WooCommerce", "the till"}[turn%3]
	var err error
	began := time.Now()
	switch turn % 3 {
	case 0:
		_, err = d.buyAtWeb(g, 1, d.buyer())
	case 1:
		_, err = d.buyAtShop(g, 1, d.buyer())
	default:
		err = d.sellAtTill(ctx, g)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(d.shows(ctx, webConnection, g, 0), d.shows(ctx, shopConnection, g, 0)); err != nil {
		d.say("%v", err)
		return nil
	}
	d.say("%s is sold at %s and shown as sold everywhere %.0f ms later.", g.sku, where, float64(time.Since(began).Microseconds())/1000)
	return nil
}
