package sdk

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
)

// Results are sent in batches as large as what is ready, up to these bounds.
const (
	maxBatchResults = 256
	maxBatchBytes   = 1 << 20
)

// Settle is how often either side of the webhook stream steps aside before it closes a batch, so that who is about to
// add to it does. With one delivery at a time it costs nothing that can be measured.
const Settle = 4

// defaultDeliveryDeadline is what a delivery may take when the hub does not say.
const defaultDeliveryDeadline = 5 * time.Second

// HandleWebhook handles each delivery in a goroutine of its own, so that a slow one holds up no other; the hub bounds
// how many are in flight.
func (s *server) HandleWebhook(stream connectorv1.Connector_HandleWebhookServer) error {
	if _, ok := s.connector().(WebhookHandler); !ok {
		return toStatus(unsupported(CanWebhook))
	}
	results := make(chan *connectorv1.HandledDelivery, maxBatchResults)
	sent := make(chan error, 1)
	go func() { sent <- sendResults(stream, results) }()
	err := s.receiveDeliveries(stream, results)
	close(results)
	return errors.Join(err, <-sent)
}

// receiveDeliveries hands each delivery to an idle worker, or to a new one, until the stream ends; then it waits for
// the workers. Workers are kept because a goroutine's stack, once grown for JSON, is costly to grow again.
func (s *server) receiveDeliveries(stream connectorv1.Connector_HandleWebhookServer, results chan<- *connectorv1.HandledDelivery) error {
	work := make(chan *connectorv1.Delivery)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(work)
	for {
		batch, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, d := range batch.GetDeliveries() {
			select {
			case work <- d:
			default:
				workers.Go(func() {
					for next, ok := d, true; ok; next, ok = <-work {
						results <- s.handleDelivery(stream.Context(), next)
					}
				})
			}
		}
	}
}

// sendResults sends what is ready, in batches, until results is closed. After a failed send it goes on receiving, so
// that nobody waits for it.
func sendResults(stream connectorv1.Connector_HandleWebhookServer, results <-chan *connectorv1.HandledDelivery) error {
	var failed error
	for first := range results {
		batch := &connectorv1.HandleWebhookResponse{Results: []*connectorv1.HandledDelivery{first}}
		for range Settle {
			runtime.Gosched()
		}
		for size := resultSize(first); size < maxBatchBytes && len(batch.Results) < maxBatchResults; {
			var next *connectorv1.HandledDelivery
			select {
			case next = <-results:
			default:
			}
			if next == nil {
				break
			}
			batch.Results = append(batch.Results, next)
			size += resultSize(next)
		}
		if failed == nil {
			failed = stream.Send(batch)
		}
	}
	return failed
}

// resultSize is about how many bytes a result takes on the wire.
func resultSize(r *connectorv1.HandledDelivery) int {
	n := len(r.GetBody()) + len(r.GetReason()) + 64
	for _, o := range r.GetObservations() {
		n += len(o.GetData()) + len(o.GetPersonal()) + len(o.GetExternalId()) + 32
	}
	for _, t := range r.GetTouched() {
		n += len(t.GetExternalId()) + 24
	}
	return n
}

func (s *server) handleDelivery(ctx context.Context, d *connectorv1.Delivery) *connectorv1.HandledDelivery {
	limit := time.Duration(d.GetDeadlineMillis()) * time.Millisecond
	if limit <= 0 {
		limit = defaultDeliveryDeadline
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	out, err := guarded(s, "HandleWebhook", func() (*connectorv1.HandledDelivery, error) {
		handler, ok := s.connector().(WebhookHandler)
		if !ok {
			return nil, unsupported(CanWebhook)
		}
		r, err := handler.HandleWebhook(ctx, decodeDelivery(d))
		if err != nil || r == nil {
			return nil, err
		}
		observations, err := encodeObservations(r.Observations)
		if err != nil {
			return nil, err
		}
		return &connectorv1.HandledDelivery{
			Verdict: valid(string(r.Verdict)), Reason: valid(r.Reason), Status: int32(r.Status), ContentType: valid(r.ContentType),
			Body: r.Body, DeliveryId: valid(r.DeliveryID), Observations: observations, Touched: encodeRefs(r.Touched),
		}, nil
	})
	// A single message over the limit would break the stream for everybody on it.
	if err == nil && resultSize(out) > MaxMessageBytes/2 && proto.Size(out) > MaxMessageBytes-1024 {
		err = &Error{Code: CodeTooLarge, Message: "the translated delivery is larger than a message may be"}
	}
	if err != nil {
		e := asError(err)
		out = &connectorv1.HandledDelivery{Error: &connectorv1.WebhookError{Code: valid(e.Code), Message: e.message(), Do: valid(e.Do)}}
	}
	out.Id = d.GetId()
	return out
}

func decodeDelivery(d *connectorv1.Delivery) *WebhookRequest {
	headers := make(map[string][]string, len(d.GetHeaders()))
	for _, h := range d.GetHeaders() {
		values := make([]string, len(h.GetValues()))
		for i, v := range h.GetValues() {
			values[i] = string(v)
		}
		headers[string(h.GetKey())] = values
	}
	return &WebhookRequest{
		Method: string(d.GetMethod()), Path: string(d.GetPath()), Query: string(d.GetQuery()), Headers: headers, Body: d.GetBody(),
		ReceivedAt: decodeTime(d.GetReceivedAtMicros()), Verified: d.GetVerified(),
	}
}
