package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/delivery"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// deliveryFolder is the folder of webhooks as they came, in the data folder.
const deliveryFolder = "deliveries"

// A delivery waits for its connector for webhookWait where the connector does not tell how long the platform does, else for
// that less webhookMargin, which keeping it takes.
const (
	webhookWait   = 3 * time.Second
	webhookMargin = time.Second
)

// deliveryTries is how often a delivery that waited may end its connector before it is given up, and deliveryRest the rest
// between two tries.
const (
	deliveryTries = 3
	deliveryRest  = 250 * time.Millisecond
)

// deliveries are a connection's webhooks as they came. They outlive what runs for it.
type deliveries struct {
	waiting *delivery.Waiting
	kept    *delivery.Kept // nil for none
	wake    chan struct{}
	clean   atomic.Pointer[host.Connection] // knows the secrets

	running                    atomic.Bool
	waited, notGenuine, failed atomic.Int64
}

// openDeliveries opens what is kept of a connection, where it is not open.
func (h *Hub) openDeliveries(name string) error {
	if h.deliveriesOf(name) != nil {
		return nil
	}
	dir := filepath.Join(h.folder(deliveryFolder), name)
	d := &deliveries{wake: make(chan struct{}, 1)}
	var err error
	if d.waiting, err = delivery.OpenWaiting(dir, h.vault, h.o.Deliveries.Waiting); err != nil {
		return fmt.Errorf("hub: connection %s: %w", name, err)
	}
	if !h.o.Deliveries.NoCopies {
		if d.kept, err = delivery.OpenKept(dir, h.vault, h.o.Deliveries.Copies); err != nil {
			return fmt.Errorf("hub: connection %s: %w", name, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries[name] = d
	return nil
}

func (h *Hub) deliveriesOf(name string) *deliveries {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.deliveries[name]
}

// away tells whether a delivery was not translated because its connector was not there, which a later try may change.
func away(err error) bool {
	for _, kind := range []error{ErrUnavailable, host.ErrUnavailable, host.ErrInterrupted, host.ErrDeadline, host.ErrStopped} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// translate has a delivery verified and translated, and waits for a connector that restarts as long as the platform does.
func (h *Hub) translate(ctx context.Context, name string, req *sdk.WebhookRequest) (*host.WebhookResult, error) {
	c := h.connection(name)
	if c == nil {
		return nil, ErrUnknownConnection
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	for {
		select {
		case <-c.launched:
		case <-c.gone:
		case <-ctx.Done():
			return nil, ErrUnavailable
		}
		err := ErrUnavailable
		if p, _, _, _, _ := c.parts(); p != nil {
			var res *host.WebhookResult
			if res, err = p.HandleWebhook(ctx, req); !errors.Is(err, host.ErrStopped) {
				return res, err
			}
		}
		next := h.connection(name)
		switch {
		case next == nil:
			return nil, ErrUnknownConnection
		case next == c: // the hub stops
			return nil, errors.Join(ErrUnavailable, err)
		}
		c = next
	}
}

// patience is how long a delivery may wait for its connector.
func (c *connection) patience() time.Duration {
	_, about, _, _, _ := c.parts()
	if about == nil || about.WebhookDeadlineMillis <= 0 {
		return webhookWait
	}
	deadline := time.Duration(about.WebhookDeadlineMillis) * time.Millisecond
	return max(deadline-webhookMargin, deadline/2)
}

// keepWaiting keeps a delivery durably until its connector is back. False: it can't be kept, and the platform has to
// deliver it again. Invariant 1.
func (h *Hub) keepWaiting(name string, req *sdk.WebhookRequest) bool {
	d := h.deliveriesOf(name)
	if d == nil || req.Method == http.MethodGet { // a challenge wants an answer, not patience
		return false
	}
	err := d.waiting.Wait(delivery.Delivery{Request: *req})
	if err != nil {
		h.log.Warn("a delivery can't wait for its connector", "connection", name, "error", err)
		return false
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return true
}

// keepCopy keeps a delivery that was translated, for a mapping that is put right later.
func (h *Hub) keepCopy(name string, req *sdk.WebhookRequest, at canon.Position) {
	if d := h.deliveriesOf(name); d != nil && d.kept != nil {
		d.kept.Keep(delivery.Delivery{Request: *req, Position: at})
	}
}

// runCopies writes the copies of a connection until ctx ends.
func (h *Hub) runCopies(ctx context.Context, name string, d *deliveries) {
	d.kept.Run(ctx, func(b []byte) []byte {
		if p := d.clean.Load(); p != nil {
			return p.Clean(b)
		}
		return b
	}, func(err error) { h.log.Warn("a copy of deliveries was not written", "connection", name, "error", err) })
}

// runDeliveries has what waits verified and translated whenever the connector is there, until ctx ends.
func (c *connection) runDeliveries(ctx context.Context) error {
	d := c.hub.deliveriesOf(c.spec.Name)
	tries := 0
	for {
		rest := time.Hour
		if n, _, _ := d.waiting.Counts(); n > 0 {
			rest = deliveryRest
			p, _, _, _, _ := c.parts()
			if p.Ready(ctx) == nil {
				err := d.waiting.Take(ctx, func(w *delivery.Delivery) error { return c.takeWaiting(ctx, p, d, w, &tries) })
				switch {
				case ctx.Err() != nil:
					return nil
				case err != nil:
					c.hub.log.Warn("deliveries wait on", "connection", c.spec.Name, "error", err)
				default:
					continue // more may have come
				}
			}
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-d.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// takeWaiting takes one that waited. Its error leaves it waiting.
func (c *connection) takeWaiting(ctx context.Context, p *host.Connection, d *deliveries, w *delivery.Delivery, tries *int) error {
	h, name := c.hub, c.spec.Name
	res, err := p.HandleWebhook(ctx, &w.Request)
	if err != nil {
		if away(err) && ctx.Err() == nil && (errors.Is(err, host.ErrInterrupted) || errors.Is(err, host.ErrDeadline)) {
			*tries++
		}
		if away(err) && *tries < deliveryTries {
			return err
		}
		*tries = 0
		d.failed.Add(1)
		h.log.Error("a delivery that waited is given up", "connection", name, "received", w.Request.ReceivedAt, "error", err)
		return nil
	}
	*tries = 0
	var at canon.Position
	switch res.Verdict {
	case sdk.VerdictAccepted:
		at, err = h.journalDelivery(ctx, name, res)
	case sdk.VerdictMalformed:
		err = h.keepMalformed(ctx, name, res, &w.Request)
	case sdk.VerdictBadSignature:
		d.notGenuine.Add(1)
		h.log.Warn("a delivery that waited is dropped: not genuine", "connection", name, "reason", res.Reason)
		return nil
	}
	if err != nil {
		var refused *bus.Refused
		if _, _, in, _, _ := c.parts(); errors.As(err, &refused) && in != nil {
			in.Missed()
		}
		return err
	}
	d.waited.Add(1)
	h.keepCopy(name, &w.Request, at)
	return nil
}

func (h *Hub) deliveryStatus(name string) api.DeliveryStatus {
	d := h.deliveriesOf(name)
	if d == nil {
		return api.DeliveryStatus{}
	}
	out := api.DeliveryStatus{Waited: d.waited.Load(), NotGenuine: d.notGenuine.Load(), Failed: d.failed.Load()}
	out.Waiting, out.WaitingBytes, out.Expired = d.waiting.Counts()
	if d.kept != nil {
		out.CopyBytes, out.CopiesLost = d.kept.Counts()
	}
	return out
}

// Reprocess translates the copies of a connection's deliveries that were received in [from, to) again, as new entries. The
// facts of before stay in the journal; what counts is what the newer mapping makes of them, or a read where a platform was
// asked since. Zero times do not bound.
func (d Doors) Reprocess(ctx context.Context, name string, from, to time.Time, progress func(intake.Progress)) (*api.ReprocessReport, error) {
	_, p, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	own := d.deliveriesOf(name)
	if own == nil || own.kept == nil {
		return nil, fmt.Errorf("%w: no deliveries are kept: set deliveries.keep in the configuration", api.ErrUnavailable)
	}
	if err := p.Ready(ctx); err != nil {
		return nil, unavailable(err)
	}
	own.kept.Flush(ctx)
	report := &api.ReprocessReport{}
	err = own.kept.Each(ctx, from, to, func(w *delivery.Delivery) error {
		report.Deliveries++
		if progress != nil && report.Deliveries%50 == 0 {
			progress(intake.Progress{Rows: report.Deliveries, RowErrors: report.Failed + report.NotGenuine})
		}
		w.Request.Verified = true // only what was genuine is kept
		res, err := p.HandleWebhook(ctx, &w.Request)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && away(err):
			return unavailable(err)
		case err != nil:
			report.Failed++
			d.log.Warn("a kept delivery could not be translated again", "connection", name, "received", w.Request.ReceivedAt, "error", err)
			return nil
		}
		switch res.Verdict {
		case sdk.VerdictBadSignature:
			report.NotGenuine++
			return nil
		case sdk.VerdictMalformed:
			report.Malformed++
			return nil // it is parked already
		case sdk.VerdictAccepted:
		default:
			return nil
		}
		entries, err := d.deliveryEntries(name, w.Position, res)
		if err != nil || len(entries) == 0 {
			return err
		}
		report.Facts += int64(len(entries))
		r, err := intake.Append(ctx, d.router, bus.ClassBulk, entries...)
		if err == nil {
			report.Position = r.Position(0)
		}
		return err
	})
	if err == nil && !report.Position.IsZero() {
		err = d.router.WaitFolded(ctx, report.Position.Offset)
	}
	return report, err
}
