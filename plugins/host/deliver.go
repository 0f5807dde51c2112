package host

import (
	"context"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// DeliverResult has one result for each change, in the same order.
type DeliverResult struct {
	Results []Result
	// Stop says why nothing more may be sent; empty where it may.
	Stop string
}

// Deliver hands changes out. After an error of which NotSent is false, what happened to each of them is not known.
func (c *Connection) Deliver(ctx context.Context, req *sdk.DeliverRequest) (*DeliverResult, error) {
	in := &connectorv1.DeliverRequest{Changes: make([]*connectorv1.Change, len(req.Changes))}
	keys := make([]sdk.Write, len(req.Changes))
	for i, ch := range req.Changes {
		in.Changes[i] = &connectorv1.Change{Id: ch.ID, Key: ch.Key, Event: ch.Event, Record: ch.Record, Ids: ch.IDs, Stated: ch.Stated}
		keys[i].Key = ch.ID
	}
	resp, err := invoke(ctx, c, "Deliver", sdk.CanDeliver, c.spec.Deadlines.Deliver, in,
		func(ctx context.Context, rpc connectorv1.ConnectorClient) (*connectorv1.DeliverResponse, error) {
			return rpc.Deliver(ctx, in)
		})
	if err != nil {
		return nil, err
	}
	results, err := c.decodeResults(keys, resp.GetResults())
	if err != nil {
		return nil, c.badAnswer("Deliver", "%v", err)
	}
	return &DeliverResult{Results: results, Stop: c.text(resp.GetStop())}, nil
}
