package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"

	"github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// sceneLimit is how long a scene waits for the hub. What does not happen in that time is told, and left to the auditor.
func (d *day) sceneLimit() time.Duration {
	if d.o.Sabotage != "" {
		return 3 * time.Second
	}
	return 12 * time.Second
}

// scenes are what happens beside the plain sales. A hub that fails at one does not end the day.
func (d *day) scenes(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, scene := range []func(context.Context) error{
		d.refundAtWeb, d.refundAtShop, d.returnAtTill, d.reservationReleased, d.reservationSold, d.reservationKept, d.reservationExpired,
		d.twoSpellings, d.webhookTrouble,
	} {
		g.Go(func() error {
			err := scene(ctx)
			if err != nil && ctx.Err() == nil {
				d.say("%v", err)
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// shows waits until a shop shows a stock.
func (d *day) shows(ctx context.Context, shop string, g *good, n int64) error {
	return await(ctx, fmt.Sprintf("%s shows %d of %s", shop, n, g.sku), d.sceneLimit(), func() (bool, error) {
		if shop == webConnection {
			return d.webStock(g) == n, nil
		}
		shown, _ := d.stage.shop.Stock(d.stage.products[g.sku])
		return shown == n, nil
	})
}

func (d *day) webStock(g *good) (n int64) {
	for _, l := range d.stage.web.Levels() {
		if l.SKU == g.sku {
			n += l.Available
		}
	}
	return n
}

func (d *day) refundAtWeb(ctx context.Context) error {
	g := d.piece()
	o, err := d.buyAtWeb(g, 1, d.buyer())
	if err != nil {
		return err
	}
	if err := d.shows(ctx, shopConnection, g, 0); err != nil {
		return err
	}
	if _, err := d.stage.web.Refund(o.ID, []shopifytwin.RefundLine{{LineID: o.Lines[0], Quantity: 1, Restock: "return"}}, ""); err != nil {
		return err
	}
	d.say("%s is refunded at the Shopify store and back for sale.", g.sku)
	if err := d.shows(ctx, shopConnection, g, 1); err != nil {
		return err
	}
	_, err = d.buyAtShop(g, 1, d.buyer())
	d.say("%s is for sale again at WooCommerce, and sold there.", g.sku)
	return err
}

func (d *day) refundAtShop(ctx context.Context) error {
	g := d.piece()
	o, err := d.buyAtShop(g, 1, d.buyer())
	if err != nil {
		return err
	}
	if err := d.shows(ctx, webConnection, g, 0); err != nil {
		return err
	}
	if _, err := d.stage.shop.Refund(o, 1, true); err != nil {
		return err
	}
	d.say("%s is refunded at WooCommerce and back for sale.", g.sku)
	return d.shows(ctx, webConnection, g, 1)
}

func (d *day) returnAtTill(ctx context.Context) error {
	g := d.piece()
	receipt, err := d.reporting.report(ctx, g, 1, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(d.shows(ctx, webConnection, g, 0), d.shows(ctx, shopConnection, g, 0)); err != nil {
		return err
	}
	if err := d.reporting.takeBack(ctx, receipt); err != nil {
		return err
	}
	d.say("%s comes back to the till and is for sale again.", g.sku)
	return errors.Join(d.shows(ctx, webConnection, g, 1), d.shows(ctx, shopConnection, g, 1))
}

// hold reserves a piece at one till and sees the other till refused.
func (d *day) hold(ctx context.Context, g *good, length time.Duration) (item, reservation string, err error) {
	if item, err = d.asking.scan(ctx, g); err != nil {
		return "", "", err
	}
	if reservation, err = d.asking.reserve(ctx, g, item, length); err != nil || reservation == "" {
		return "", "", errors.Join(err, fmt.Errorf("%s could not be reserved", g.sku))
	}
	second, err := d.reporting.reserve(ctx, g, item, length)
	if err != nil {
		return "", "", err
	}
	if second != "" {
		d.say("%s is reserved twice!", g.sku)
	} else {
		d.say("%s is reserved in Paris; Lyon asks for it and is refused.", g.sku)
	}
	return item, reservation, nil
}

func (d *day) reservationReleased(ctx context.Context) error {
	g := d.piece()
	item, reservation, err := d.hold(ctx, g, time.Hour)
	if err != nil {
		return err
	}
	if err := errors.Join(d.shows(ctx, webConnection, g, 0), d.shows(ctx, shopConnection, g, 0)); err != nil {
		return err
	}
	if err := d.asking.release(ctx, g, item, reservation); err != nil {
		return err
	}
	if err := d.shows(ctx, webConnection, g, 1); err != nil {
		return err
	}
	_, err = d.buyAtWeb(g, 1, d.buyer())
	return err
}

func (d *day) reservationSold(ctx context.Context) error {
	g := d.piece()
	item, reservation, err := d.hold(ctx, g, time.Hour)
	if err != nil {
		return err
	}
	_, err = d.asking.sell(ctx, g, item, reservation)
	return err
}

func (d *day) reservationKept(ctx context.Context) error {
	_, _, err := d.hold(ctx, d.piece(), time.Hour)
	return err
}

func (d *day) reservationExpired(ctx context.Context) error {
	g := d.piece()
	if _, _, err := d.hold(ctx, g, 2*time.Second); err != nil {
		return err
	}
	if err := errors.Join(d.shows(ctx, webConnection, g, 0), d.shows(ctx, shopConnection, g, 0)); err != nil {
		return err
	}
	if err := errors.Join(d.shows(ctx, webConnection, g, 1), d.shows(ctx, shopConnection, g, 1)); err != nil {
		return err
	}
	d.say("Nobody came for %s: its reservation has ended, and it is for sale again.", g.sku)
	return nil
}

// twoSpellings lets one client buy at both shops, who writes name, address and number differently.
func (d *day) twoSpellings(ctx context.Context) error {
	p := d.stage.persons[0]
	d.mu.Lock()
	d.emails[lower(p.email)] = true
	d.mu.Unlock()
	first := person{given: strings.ToUpper(p.given), family: p.family, email: strings.ToUpper(p.email), phone: p.phone, country: p.country}
	if _, err := d.buyAtWeb(d.piece(), 1, &first); err != nil {
		return err
	}
	second := person{given: p.given, family: strings.ToLower(p.family), email: " " + p.email, phone: strings.ReplaceAll(p.phone, " ", ""), country: p.country}
	if _, err := d.buyAtShop(d.piece(), 1, &second); err != nil {
		return err
	}
	var found []audit.Client
	err := await(ctx, "the client of two spellings is one", d.sceneLimit(), func() (bool, error) {
		var err error
		found, err = list[audit.Client](ctx, d.api, "/v1/clients", url.Values{"email": {p.email}})
		if err != nil || len(found) != 1 {
			return false, err
		}
		orders, err := list[audit.Order](ctx, d.api, "/v1/orders", url.Values{"client": {found[0].ID}})
		return len(orders) == 2, err
	})
	if err != nil {
		return fmt.Errorf("%w: %d clients", err, len(found))
	}
	d.say("%s and %s bought at both shops: one client.", first.given+" "+first.family, second.given+" "+second.family)
	return nil
}

// webhookTrouble loses, doubles and forges deliveries.
func (d *day) webhookTrouble(ctx context.Context) error {
	lost := d.piece()
	d.orders.Lock()
	for _, topic := range []string{"ORDERS_CREATE", "ORDERS_PAID"} {
		d.stage.web.DropNext(topic)
	}
	_, err := d.orderAtWeb(lost, 1, d.buyer())
	d.stage.web.DuplicateNext("ORDERS_CREATE")
	if err == nil {
		_, err = d.orderAtWeb(d.piece(), 1, d.buyer())
	}
	d.orders.Unlock()
	if err != nil {
		return err
	}
	d.say("The webhooks of the sale of %s are lost; those of another come twice.", lost.sku)
	err = await(ctx, "a delivery to forge", d.sceneLimit(), func() (bool, error) {
		d.gate.mu.Lock()
		defer d.gate.mu.Unlock()
		return d.gate.kept != nil, nil
	})
	if err != nil {
		return err
	}
	status, err := d.gate.forge(ctx)
	if err != nil {
		return err
	}
	d.say("A forged order is answered with %d.", status)
	if err := d.shows(ctx, shopConnection, lost, 0); err != nil {
		return err
	}
	d.say("The lost sale of %s was found by asking the store.", lost.sku)
	return nil
}

// raceCount is how many rings are raced for.
const raceCount = 3

// races lets buyers at both shops and at the till go for the same ring at the same instant.
func (d *day) races(ctx context.Context) error {
	for range raceCount {
		err := d.race(ctx)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			d.say("%v", err)
		}
	}
	return nil
}

func (d *day) race(ctx context.Context) error {
	g := d.piece()
	item, err := d.asking.scan(ctx, g)
	if err != nil {
		return err
	}
	web, shop := d.buyer(), d.buyer()
	start := make(chan struct{})
	var wg sync.WaitGroup
	var webErr, shopErr, tillErr error
	var yes bool
	wg.Go(func() { <-start; _, webErr = d.buyAtWeb(g, 1, web) })
	wg.Go(func() { <-start; _, shopErr = d.buyAtShop(g, 1, shop) })
	wg.Go(func() { <-start; yes, tillErr = d.asking.sell(ctx, g, item, "") })
	close(start)
	wg.Wait()
	if tillErr != nil {
		return tillErr
	}
	winners := 0
	for _, won := range []bool{webErr == nil, shopErr == nil, yes} {
		if won {
			winners++
		}
	}
	d.say("Three buyers went for %s at one instant: Shopify %s, WooCommerce %s, till %s.", g.sku, word(webErr == nil), word(shopErr == nil), word(yes))
	if winners < 2 {
		return nil
	}
	keeps, err := d.resolve(ctx, item, winners)
	if err != nil {
		return err
	}
	d.say("The hub has a case of it; %s keeps the piece, the hub has cancelled and refunded the others at their platforms.", keeps)
	return nil
}

func word(sold bool) string {
	if sold {
		return "sold it"
	}
	return "refused"
}

// resolve waits for the case of a piece with all of its sides, and has it carried out as its proposals advise: where the
// goods were handed over they stay. It gives the connection that keeps the piece.
func (d *day) resolve(ctx context.Context, item string, sides int) (string, error) {
	type conflictCase struct {
		ID       string `json:"id"`
		Subject  string `json:"subject"`
		Evidence []struct {
			Claim      string `json:"claim"`
			Connection string `json:"connection"`
			Text       string `json:"text"`
			Holds      bool   `json:"holds"`
		} `json:"evidence"`
	}
	var found *conflictCase
	err := await(ctx, "the hub has a case of "+item, d.sceneLimit(), func() (bool, error) {
		cases, err := list[conflictCase](ctx, d.api, "/v1/cases", url.Values{"kind": {"double_claim"}})
		for i := range cases {
			if cases[i].Subject == item && len(cases[i].Evidence) == sides {
				found = &cases[i]
			}
		}
		return found != nil, err
	})
	if err != nil {
		return "", err
	}
	keep, by := "", ""
	for _, e := range found.Evidence {
		if e.Holds && keep == "" || strings.Contains(e.Text, "handed over") {
			keep, by = e.Claim, e.Connection
		}
	}
	_, err = d.api.insist(ctx, http.MethodPost, "/v1/cases/"+url.PathEscape(found.ID)+"/resolve", "resolve-"+found.ID,
		map[string]string{"proposal": "keep:" + keep, "note": "sold to somebody else first"}, nil)
	if err != nil {
		return "", err
	}
	return by, await(ctx, "the case of "+item+" is carried out", d.sceneLimit(), func() (bool, error) {
		cases, err := list[conflictCase](ctx, d.api, "/v1/cases", url.Values{"kind": {"double_claim"}})
		return err == nil && !slices.ContainsFunc(cases, func(c conflictCase) bool { return c.ID == found.ID }), err
	})
}

// killHub kills the hub in the middle of sales and starts it again.
func (d *day) killHub(ctx context.Context) error {
	before, err := d.connections(ctx)
	if err != nil {
		return err
	}
	// The hub says yes to a sale, and is killed before it can do anything else.
	if _, err := d.reporting.report(ctx, d.piece(), 1, nil); err != nil {
		return err
	}
	from := time.Now()
	if err := d.hub.kill(); err != nil {
		return err
	}
	d.say("The hub is killed, right after its yes to a sale.")
	if err := d.hub.start(); err != nil {
		return err
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	err = d.running(ctx)
	d.over("hub killed", from)
	d.mu.Lock()
	d.kills++
	for _, c := range before {
		d.kills += c.Restarts // the new process counts from zero
	}
	d.mu.Unlock()
	d.say("The hub is back after %.1f s.", time.Since(from).Seconds())
	return err
}

// killConnector kills WooCommerce's connector in the middle of sales; the hub starts it again.
func (d *day) killConnector(ctx context.Context) error {
	before, err := d.connections(ctx)
	if err != nil {
		return err
	}
	restarts := func(all []connectionStatus) (n int64) {
		for _, c := range all {
			n += c.Restarts
		}
		return n
	}
	from := time.Now()
	if err := d.hub.killConnector("woocommerce"); errors.Is(err, errNoProc) {
		d.say("%v", err)
		return nil
	} else if err != nil {
		return err
	}
	d.say("WooCommerce's connector is killed.")
	err = await(ctx, "the connector runs again", d.sceneLimit(), func() (bool, error) {
		now, err := d.connections(ctx)
		return restarts(now) > restarts(before), err
	})
	err = errors.Join(err, d.running(ctx))
	d.over("connector killed", from)
	d.say("The hub has started the connector again, %.1f s later.", time.Since(from).Seconds())
	return err
}

// running waits until every connector runs.
func (d *day) running(ctx context.Context) error {
	return await(ctx, "every connector runs", d.sceneLimit(), func() (bool, error) {
		all, err := d.connections(ctx)
		for _, c := range all {
			if c.State != "running" {
				return false, err
			}
		}
		return err == nil, err
	})
}

func (d *day) over(what string, from time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outages = append(d.outages, audit.Outage{What: what, From: from, Until: time.Now()})
}
