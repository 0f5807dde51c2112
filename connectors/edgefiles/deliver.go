package edgefiles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	sentFolder = "sent"
	sentMark   = ".ok"
	tmpSuffix  = ".tmp"
)

// Deliver writes the sale of each order that changed, if it has none yet.
func (c *connector) Deliver(ctx context.Context, req *sdk.DeliverRequest) (*sdk.DeliverResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg == nil {
		return nil, errNotOpen
	}
	resp := &sdk.DeliverResponse{}
	for i := range req.Changes {
		r, err := c.deliver(ctx, &req.Changes[i])
		if err != nil { // the place can't be reached: what was done of it is found the next time
			r = sdk.Result{Status: sdk.StatusUnknown, Code: "edge-files.exchange", Reason: err.Error()}
		}
		r.Key = req.Changes[i].ID
		resp.Results = append(resp.Results, r)
	}
	return resp, nil
}

func (c *connector) deliver(ctx context.Context, change *sdk.Change) (sdk.Result, error) {
	nothing := sdk.Result{Status: sdk.StatusApplied}
	var event struct {
		Data canon.Row `json:"data"`
	}
	if err := json.Unmarshal(change.Event, &event); err != nil || event.Data.Type != "order" || len(change.Record) == 0 {
		return nothing, nil // of no interest
	}
	var o canon.Order
	if err := json.Unmarshal(change.Record, &o); err != nil {
		return sdk.Result{Status: sdk.StatusRejected, Code: "edge-files.record", Reason: "the order can't be read"}, nil
	}
	if o.Connection == c.name || len(c.cfg.From) > 0 && !slices.Contains(c.cfg.From, o.Connection) {
		return nothing, nil
	}
	name := fileOf(saleID(o.ID))
	if !toSell(&o) {
		if o.Status != canon.OrderCancelled {
			return nothing, nil
		}
		sent, err := c.wasSent(ctx, name)
		if err != nil || !sent {
			return nothing, err
		}
		return sdk.Result{
			Status: sdk.StatusRejected, Code: "edge-files.cancelled",
			Reason: "the order was cancelled after its sale " + saleID(o.ID) + " went to The Edge: void it there, then discard this",
		}, nil
	}
	var stated canon.OrderState
	if err := json.Unmarshal(change.Stated, &stated); err != nil {
		return sdk.Result{Status: sdk.StatusRejected, Code: "edge-files.record", Reason: "what the shop states of the order can't be read"}, nil
	}
	if done, err := c.x.exists(ctx, within(sentFolder, name+sentMark)); err != nil || done {
		return sdk.Result{Status: sdk.StatusDuplicate}, err
	}
	sale, err := makeSale(c.cfg, &o, &stated, change.IDs)
	var no *notWritten
	switch {
	case errors.Is(err, errNotOurs):
		return nothing, nil
	case errors.As(err, &no):
		return no.Result, nil
	case err != nil:
		return sdk.Result{}, err
	}
	return c.send(ctx, name, sale)
}

// send puts a sale where The Edge takes it. Each step can be the last one before a crash: what was done is found by the
// file's name, and the next call goes on behind it.
//
//  1. a copy to sent/NAME: from here on the sale may be out
//  2. sales/NAME.tmp, renamed to sales/NAME: it is out
//  3. the mark sent/NAME.ok: it was out, whatever The Edge did with it since
func (c *connector) send(ctx context.Context, name string, sale []byte) (sdk.Result, error) {
	before, err := c.x.read(ctx, within(sentFolder, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := c.put(ctx, sentFolder, name, sale); err != nil {
			return sdk.Result{}, err
		}
	case err != nil:
		return sdk.Result{}, err
	default: // begun before: what was begun is ended, whatever changed in the order since
		sale = before
		if out, err := c.isOut(ctx, name); err != nil || out {
			if err == nil {
				err = c.mark(ctx, name)
			}
			return sdk.Result{Status: sdk.StatusDuplicate}, err
		}
	}
	if err := c.put(ctx, c.cfg.Sales, name, sale); err != nil {
		return sdk.Result{}, err
	}
	return sdk.Result{Status: sdk.StatusApplied}, c.mark(ctx, name)
}

// put writes a file under a temporary name and renames it, so that nobody sees a part of it.
func (c *connector) put(ctx context.Context, dir, name string, content []byte) error {
	tmp := within(dir, name+tmpSuffix)
	if err := c.x.remove(ctx, tmp); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an attempt that broke off
		return fmt.Errorf("clear %s: %w", tmp, err)
	}
	if err := c.x.create(ctx, tmp, content); err != nil {
		return err
	}
	return c.x.rename(ctx, tmp, within(dir, name))
}

// isOut finds a sale at any place that it has after it was renamed. Where The Edge deletes what it took there is none: then
// the sale is written once more, and The Edge refuses the id that it has.
func (c *connector) isOut(ctx context.Context, name string) (bool, error) {
	for _, dir := range []string{c.cfg.Sales, c.cfg.Taken, c.cfg.Refused} {
		if dir == "" {
			continue
		}
		if there, err := c.x.exists(ctx, within(dir, name)); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// wasSent tells whether a sale is, or may be, out.
func (c *connector) wasSent(ctx context.Context, name string) (bool, error) {
	if there, err := c.x.exists(ctx, within(sentFolder, name+sentMark)); err != nil || there {
		return there, err
	}
	if there, err := c.isOut(ctx, name); err != nil || there || c.cfg.Taken != "" {
		return there, err
	}
	return c.x.exists(ctx, within(sentFolder, name)) // The Edge may have taken and deleted it
}

func (c *connector) mark(ctx context.Context, name string) error {
	err := c.x.create(ctx, within(sentFolder, name+sentMark), nil)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
