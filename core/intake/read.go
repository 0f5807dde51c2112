package intake

import (
	"context"

	"github.com/cenkalti/backoff/v5"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// readBatch reads entities and journals what the platform showed. What it gave no answer for is queued again.
func (c *Connection) readBatch(ctx context.Context, batch []*entity, retry *backoff.ExponentialBackOff) error {
	batch, err := c.dropMoot(batch)
	if err != nil {
		return &journalError{err}
	}
	if len(batch) == 0 {
		return nil
	}
	if err := c.o.Budget.Wait(ctx, laneOf(batch)); err != nil {
		c.queue.giveBack(batch)
		return ctx.Err()
	}
	req, causes, err := c.readRequest(batch)
	if err != nil {
		return &journalError{err}
	}
	began := c.queue.begin(batch)
	stamp := ReadStamp(c.o.Journal)
	call, cancel := context.WithTimeout(ctx, c.o.CallTimeout)
	res, err := c.o.Platform.Read(call, req)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.status.didRead(err)
	if err != nil {
		// The call failed, not the entities: the lane rests, and asks for all of them again.
		wait := retry.NextBackOff()
		c.log.Warn("read failed", "entities", len(batch), "error", err, "retry_after", wait)
		c.queue.holdFor(wait)
		c.queue.giveBack(batch)
		return nil
	}
	retry.Reset()
	if res.RetryAfter > 0 {
		c.queue.holdFor(res.RetryAfter)
	}
	if err := c.journalRead(ctx, res.Facts, stamp, causes); err != nil {
		return err
	}
	shown := make(map[canon.Ref]bool, len(res.Facts))
	for i := range res.Facts {
		shown[res.Facts[i].Ref()] = true
	}
	var unread []*entity
	for _, e := range batch {
		switch {
		case shown[e.ref]:
			for _, done := range c.queue.finish(e, began, true) {
				done()
			}
		case res.RetryAfter > 0:
			unread = append(unread, e)
		default:
			c.log.Debug("read gave no answer", "kind", e.ref.Kind, "external_id", e.ref.ExternalID)
			c.queue.finish(e, began, false)
		}
	}
	c.queue.giveBack(unread)
	return nil
}

// laneOf gives the lane of a read: that of the most urgent of what it reads.
func laneOf(batch []*entity) Lane {
	for _, e := range batch {
		if e.urgency == Soon {
			return Usual
		}
	}
	return Bulk
}

// dropMoot takes out the reads that should verify an effect which the platform has shown by itself meanwhile: a level
// that waited for its settle time and that a webhook or a write's answer has confirmed.
func (c *Connection) dropMoot(batch []*entity) ([]*entity, error) {
	v, err := c.o.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	now := c.queue.begin(batch)
	rest := make([]*entity, 0, len(batch))
	for _, e := range batch {
		if e.ref.Kind != canon.KindLevel || !c.queue.moot(e) {
			rest = append(rest, e)
			continue
		}
		b, err := store.Load[canon.Binding](v, store.BindingKey(LevelKey(c.o.Name, e.ref.ExternalID)))
		if err != nil {
			return nil, err
		}
		if b == nil || b.Uncertain || b.Wants == nil || b.Wants.Expected || b.Wants.Write != canon.WriteNone || b.Known.Compare(c.queue.cause(e)) <= 0 {
			rest = append(rest, e)
			continue
		}
		c.queue.finish(e, now, true)
	}
	return rest, nil
}

// journalRead journals facts and waits until they are folded, so that whoever waits for the read finds it in the view.
func (c *Connection) journalRead(ctx context.Context, facts []Fact, stamp canon.Position, causes map[canon.Ref]canon.Position) error {
	if len(facts) == 0 {
		return nil
	}
	entries, err := encode(facts, func(f *Fact) canon.Head { return c.head(stamp, causes[f.Ref()]) })
	if err != nil {
		return &journalError{err}
	}
	receipt, err := appendFacts(ctx, c.o.Journal, bus.ClassPoll, entries, nil)
	if err != nil {
		return &journalError{err}
	}
	if err := c.o.Journal.WaitFolded(ctx, receipt.Offset); err != nil {
		return &journalError{err}
	}
	return nil
}

// readRequest names the entities with what the hub knows of them, and what caused each read.
func (c *Connection) readRequest(batch []*entity) (*sdk.ReadRequest, map[canon.Ref]canon.Position, error) {
	v, err := c.o.Store.View()
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	req := &sdk.ReadRequest{}
	causes := make(map[canon.Ref]canon.Position, len(batch))
	for _, e := range batch {
		hint, err := c.hint(v, e.ref)
		if err != nil {
			return nil, nil, err
		}
		req.Refs, req.Hints = append(req.Refs, e.ref), append(req.Hints, hint)
		causes[e.ref] = c.queue.cause(e)
	}
	return req, causes, nil
}

// hint gives what the view knows of an entity beside its id.
func (c *Connection) hint(r store.Reader, ref canon.Ref) (sdk.ReadHint, error) {
	switch ref.Kind {
	case canon.KindLevel:
		l, err := ListingOf(r, c.o.Name, ref.ExternalID)
		return sdk.ReadHint{ProductID: l.ProductID, ListingID: l.ListingID}, err
	case canon.KindListing:
		var state listingState
		err := current(r, c.o.Name, ref, &state)
		return sdk.ReadHint{ProductID: state.Listing.ProductID}, err
	case canon.KindRefund:
		var state refundState
		err := current(r, c.o.Name, ref, &state)
		return sdk.ReadHint{OrderID: state.Refund.OrderID}, err
	}
	return sdk.ReadHint{}, nil
}
