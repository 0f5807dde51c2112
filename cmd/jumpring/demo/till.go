package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// till is a till that speaks to the hub: it asks before it sells, or it reports what it sold. It keeps a ledger of its
// own.
type till struct {
	name string // of its token
	api  *hubAPI

	mu       sync.Mutex
	receipts int
	sales    []audit.Sale
	holds    []audit.Hold
	answered int64 // requests that the hub said yes to
}

func (t *till) receipt() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.receipts++
	return fmt.Sprintf("%s-%04d", t.name, t.receipts)
}

// scan finds the item that a tag names.
func (t *till) scan(ctx context.Context, g *good) (string, error) {
	q := url.Values{"sku": {g.sku}}
	if g.serial != "" {
		q = url.Values{"serial": {g.serial}}
	}
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if _, err := t.api.insist(ctx, http.MethodGet, "/v1/items?"+q.Encode(), "", nil, &page); err != nil {
		return "", fmt.Errorf("%s: scan %s: %w", t.name, g.sku, err)
	}
	if len(page.Items) != 1 {
		return "", fmt.Errorf("%s: %d items answer to %s", t.name, len(page.Items), g.sku)
	}
	return page.Items[0].ID, nil
}

// sell asks to sell one. yes is false when somebody else holds it.
func (t *till) sell(ctx context.Context, g *good, item, reservation string) (yes bool, err error) {
	receipt := t.receipt()
	body := map[string]any{"receipt": receipt, "price": map[string]string{"amount": g.priceEUR, "currency": "EUR"}}
	if reservation != "" {
		body["reservation"] = reservation
	}
	heard := time.Now()
	_, err = t.api.insist(ctx, http.MethodPost, "/v1/items/"+url.PathEscape(item)+"/sell", receipt, body, nil)
	if conflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: sell %s: %w", t.name, g.sku, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	if reservation != "" {
		t.endHold(g.sku, heard)
	}
	t.sales = append(t.sales, audit.Sale{
		By: audit.ByCommand, Connection: "till:" + t.name, Order: receipt, SKU: g.sku, Quantity: 1, At: time.Now(), Heard: heard,
	})
	return true, nil
}

// reserve asks to hold a piece.
func (t *till) reserve(ctx context.Context, g *good, item string, d time.Duration) (reservation string, err error) {
	var made struct {
		ID string `json:"id"`
	}
	_, err = t.api.insist(ctx, http.MethodPost, "/v1/items/"+url.PathEscape(item)+"/reservations", t.receipt(), map[string]any{"seconds": int64(d.Seconds())}, &made)
	if conflict(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: reserve %s: %w", t.name, g.sku, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	now := time.Now()
	t.holds = append(t.holds, audit.Hold{SKU: g.sku, From: now, Until: now.Add(d)})
	return made.ID, nil
}

// release gives a reservation up.
func (t *till) release(ctx context.Context, g *good, item, reservation string) error {
	asked := time.Now()
	_, err := t.api.insist(ctx, http.MethodDelete, "/v1/items/"+url.PathEscape(item)+"/reservations/"+url.PathEscape(reservation), t.receipt(), nil, nil)
	if err != nil {
		return fmt.Errorf("%s: release %s: %w", t.name, g.sku, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	t.endHold(g.sku, asked)
	return nil
}

// endHold notes that this till's hold of a piece is over; the lock is held.
func (t *till) endHold(sku string, at time.Time) {
	for i := range t.holds {
		if t.holds[i].SKU == sku && t.holds[i].Until.After(at) {
			t.holds[i].Until = at
		}
	}
}

// eventSource is the till's name in its events.
const eventSource = "lyon/till-1"

// report reports a sale that was made.
func (t *till) report(ctx context.Context, g *good, quantity int64, who *person) (receipt string, err error) {
	receipt = t.receipt()
	at := time.Now()
	line := map[string]any{"id": "1", "quantity": quantity, "title": g.title, "price": map[string]string{"amount": g.priceEUR}}
	if g.serial != "" {
		line["serial"] = g.serial
	} else {
		line["sku"] = g.sku
	}
	sale := map[string]any{"receipt": receipt, "sold_at": at.Format(time.RFC3339), "currency": "EUR", "location": g.place(), "lines": []any{line}}
	if who != nil {
		sale["client"] = map[string]any{"given_name": who.given, "family_name": who.family, "emails": []string{who.email}}
	}
	heard := time.Now()
	if err := t.event(ctx, "jumpring.sale.reported.v1", receipt, sale); err != nil {
		return "", fmt.Errorf("%s: report the sale of %s: %w", t.name, g.sku, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sales = append(t.sales, audit.Sale{
		By: audit.ByEvent, Connection: t.name + ":lyon:till-1", Order: receipt, SKU: g.sku, Quantity: quantity, At: at, Heard: heard,
	})
	return receipt, nil
}

// takeBack reports that a sold piece came back and is for sale again.
func (t *till) takeBack(ctx context.Context, receipt string) error {
	id := t.receipt()
	err := t.event(ctx, "jumpring.return.reported.v1", id, map[string]any{
		"return_id": id, "receipt": receipt, "returned_at": time.Now().Format(time.RFC3339), "currency": "EUR",
		"lines": []any{map[string]any{"line": "1", "quantity": 1, "restocked": true}},
	})
	if err != nil {
		return fmt.Errorf("%s: report a return: %w", t.name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.sales {
		if s := &t.sales[i]; s.Order == receipt {
			s.Restocked, s.Refunded, s.Freed = 1, 1, time.Now()
		}
	}
	return nil
}

func (t *till) event(ctx context.Context, kind, id string, data any) error {
	var answer struct {
		Accepted int `json:"accepted"`
	}
	_, err := t.api.insist(ctx, http.MethodPost, "/v1/events", "", map[string]any{
		"specversion": "1.0", "id": id, "source": eventSource, "type": kind, "time": time.Now().Format(time.RFC3339), "sourceversion": 1, "data": data,
	}, &answer)
	if err == nil && answer.Accepted != 1 {
		err = errors.New("the event was not accepted")
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	return nil
}

func conflict(err error) bool {
	var p *problemError
	return errors.As(err, &p) && p.Status == http.StatusConflict
}

// ledger gives a copy of what the till knows.
func (t *till) ledger() (sales []audit.Sale, holds []audit.Hold, answered int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(sales, t.sales...), append(holds, t.holds...), t.answered
}
