package sdk

import (
	"context"
	"encoding/json"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// Deliverer takes changes of the hub's records to where they are wanted: a webhook of somebody else, a file, a queue.
// The hub calls it for a connection that is live for orders (`modes: [{entity: order, mode: live}]`, or `mode: live`), for
// what the connection's `deliver` selects, as the connection's role may see it.
//
// Each change comes at least once and always under the same ID, also after the hub was killed. Changes of one Key come
// one after the other, in the order in which they happened; those of different keys come concurrently. What is not
// delivered holds up its own Key alone.
type Deliverer interface {
	Deliver(ctx context.Context, req *DeliverRequest) (*DeliverResponse, error)
}

// DeliverRequest is a batch of changes, at most one of each key.
type DeliverRequest struct {
	Changes []Change `json:"changes"`
}

// Change is something that happened to a record.
type Change struct {
	// ID is the same for ever, "1042.3.0". Whoever takes the change knows by it what came before.
	ID string `json:"id"`
	// Key is the golden id of the record that changed. Order is kept within it.
	Key string `json:"key"`
	// Event is the change as a CloudEvents 1.0 event in JSON, redacted for the connection's role. It never changes.
	Event json.RawMessage `json:"event"`
	// Record is the record as it is now, redacted likewise; empty where DescribeResponse.DeliverRecords is not set or the
	// record is gone.
	Record json.RawMessage `json:"record,omitempty"`
	// IDs has, for an order, the id under which this connection itself lists what each line sells, by the line's id. A
	// line whose goods the connection does not list is left out.
	IDs map[string]string `json:"ids,omitempty"`
	// Stated has, for an order, the order as its own platform states it (canon.OrderState), redacted likewise. It comes
	// with Record.
	Stated json.RawMessage `json:"stated,omitempty"`
}

// DeliverResponse has one result for each change, in the same order; a result's Key is the change's ID. StatusApplied and
// StatusDuplicate end it (also for one that is of no interest). StatusRetry and StatusUnknown have it come again after a
// growing wait, RetryAfterMillis at least; a key that goes on failing while others are delivered waits for a person.
// StatusRejected has it wait for a person at once. An error of the call is a retry for all.
type DeliverResponse struct {
	Results []Result `json:"results"`
	// Stop says why nothing more may be sent to where this connection delivers, until a person has looked: the receiver
	// wants no more. What is not delivered is kept.
	Stop string `json:"stop,omitempty"`
}

func (s *server) Deliver(ctx context.Context, in *connectorv1.DeliverRequest) (*connectorv1.DeliverResponse, error) {
	return answer(s, "Deliver", func() (*connectorv1.DeliverResponse, error) {
		c, ok := s.connector().(Deliverer)
		if !ok {
			return nil, unsupported(CanDeliver)
		}
		req := &DeliverRequest{Changes: make([]Change, len(in.GetChanges()))}
		for i, ch := range in.GetChanges() {
			req.Changes[i] = Change{ID: ch.GetId(), Key: ch.GetKey(), Event: ch.GetEvent(), Record: ch.GetRecord(), IDs: ch.GetIds(), Stated: ch.GetStated()}
		}
		r, err := c.Deliver(ctx, req)
		if err != nil || r == nil {
			return nil, err
		}
		results, err := encodeResults(r.Results)
		if err != nil {
			return nil, err
		}
		return &connectorv1.DeliverResponse{Results: results, Stop: valid(r.Stop)}, nil
	})
}
