package hub

import (
	"context"
	"errors"
	"slices"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/outbox"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Deliver says which changes a connection gets, and as whom.
type Deliver struct {
	Filter outbox.Filter
	// Who is whose eyes they are redacted for; the zero value is the built-in role connector.
	Who  access.Principal
	Pace outbox.Pace
}

// writes reports whether a connector does anything that takes a mode: it writes, or delivers.
func writes(about *sdk.DescribeResponse) bool {
	return slices.Contains(about.Capabilities, sdk.CanApply) || slices.Contains(about.Capabilities, sdk.CanDeliver)
}

// newSender gives what hands changes to a connection's connector.
func (c *connection) newSender(ctx context.Context, j reconcile.Journal, link platform, about *sdk.DescribeResponse) *outbox.Sender {
	h, d := c.hub, c.spec.Deliver
	if d.Who.Role == "" {
		d.Who.Role = access.RoleConnector
	}
	if d.Pace.PerHour == 0 {
		d.Pace.PerHour = c.spec.Limits.ChangesPerHour
	}
	d.Who.Name = "connection:" + c.spec.Name
	return outbox.New(outbox.Options{
		Name: c.spec.Name, JournalID: h.journal.ID(), Filter: d.Filter, Who: d.Who, Records: about.DeliverRecords, Deliverer: link, View: h.store.View,
		Journal: j, Commits: h.router.Subscribe(ctx), Ready: h.ready, Pace: d.Pace, Log: h.log.Named("outbox"),
	})
}

// Deliver implements outbox.Deliverer.
func (l platform) Deliver(ctx context.Context, change sdk.Change) (outbox.Result, error) {
	r, err := l.p.Deliver(ctx, &sdk.DeliverRequest{Changes: []sdk.Change{change}})
	if err != nil {
		if host.NotSent(err) {
			return outbox.Result{}, errors.Join(reconcile.ErrNotSent, err)
		}
		return outbox.Result{}, err
	}
	x := &r.Results[0]
	return outbox.Result{Status: x.Status, Code: x.Code, Reason: x.Reason, RetryAfter: x.RetryAfter, Stop: r.Stop}, nil
}

// outgoing gives how the way out of a connection stands; nil where it has none.
func (c *connection) outgoing() *outbox.State {
	c.mu.Lock()
	s := c.sender
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	state := s.State()
	return &state
}
