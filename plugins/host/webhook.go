package host

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Deliveries are sent in batches as large as what waits, up to these bounds.
const (
	maxBatchDeliveries = 256
	maxBatchBytes      = 1 << 20
)

// maxDelivery is the largest body that is handed on, in bytes: a batch that ends with one still fits a message.
const maxDelivery = 32 << 20

// deliveryBudget bounds the bytes of deliveries in flight on one connection. Each counts as minDeliveryCost at least,
// so that their number is bounded too: to 1024.
const (
	deliveryBudget  = 128 << 20
	minDeliveryCost = 128 << 10
)

// WebhookResult is sdk.WebhookResponse with its observations as facts.
type WebhookResult struct {
	Verdict     sdk.Verdict
	Reason      string
	Status      int
	ContentType string
	Body        []byte
	DeliveryID  string
	Facts       []Fact
	Touched     []canon.Ref
}

// HandleWebhook has one delivery verified and translated.
func (c *Connection) HandleWebhook(ctx context.Context, req *sdk.WebhookRequest) (*WebhookResult, error) {
	const call = "HandleWebhook"
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Webhook)
	defer cancel()
	if len(req.Body) > maxDelivery {
		return nil, c.errorf(ErrTooLarge, CodeTooLarge, call, "the delivery has %d bytes, at most %d are handed on", len(req.Body), maxDelivery)
	}
	cost := int64(max(len(req.Body), minDeliveryCost))
	if err := c.budget.Acquire(ctx, cost); err != nil {
		e := c.errorf(ErrUnavailable, CodeUnavailable, call, "too many deliveries are in flight")
		e.cause = ctx.Err()
		return nil, e
	}
	defer c.budget.Release(cost)
	p, err := c.acquire(ctx, call)
	if err != nil {
		return nil, err
	}
	defer p.calls.Done()
	if p.webhooks == nil {
		return nil, c.errorf(ErrUnsupported, CodeUnsupported, call, "%s takes no webhooks", p.about.Name)
	}
	handled, err := p.webhooks.handle(ctx, encodeDelivery(ctx, req))
	if err != nil {
		return nil, err
	}
	if e := handled.GetError(); e != nil {
		return nil, c.connectorError(call, e.GetCode(), e.GetMessage(), e.GetDo(), 0)
	}
	return c.decodeHandled(handled)
}

func encodeDelivery(ctx context.Context, req *sdk.WebhookRequest) *connectorv1.Delivery {
	d := &connectorv1.Delivery{
		Method: []byte(req.Method), Path: []byte(req.Path), Query: []byte(req.Query), Body: req.Body,
		Headers: make([]*connectorv1.Header, 0, len(req.Headers)), Verified: req.Verified,
	}
	if !req.ReceivedAt.IsZero() {
		d.ReceivedAtMicros = req.ReceivedAt.UnixMicro()
	}
	for key, values := range req.Headers {
		h := &connectorv1.Header{Key: []byte(key), Values: make([][]byte, len(values))}
		for i, v := range values {
			h.Values[i] = []byte(v)
		}
		d.Headers = append(d.Headers, h)
	}
	if deadline, ok := ctx.Deadline(); ok {
		d.DeadlineMillis = max(1, time.Until(deadline).Milliseconds())
	}
	return d
}

func (c *Connection) decodeHandled(h *connectorv1.HandledDelivery) (*WebhookResult, error) {
	const call = "HandleWebhook"
	out := &WebhookResult{
		Verdict: sdk.Verdict(h.GetVerdict()), Status: int(h.GetStatus()), ContentType: h.GetContentType(), Body: h.GetBody(),
		DeliveryID: clip(h.GetDeliveryId(), maxExternalID),
	}
	if h.GetReason() != "" {
		out.Reason = c.text(h.GetReason())
	}
	switch out.Verdict {
	case sdk.VerdictAccepted:
	case sdk.VerdictIgnored, sdk.VerdictBadSignature, sdk.VerdictMalformed, sdk.VerdictChallenge:
		if len(h.GetObservations())+len(h.GetTouched()) > 0 {
			return nil, c.badAnswer(call, "facts with the verdict %s", out.Verdict)
		}
	default:
		return nil, c.badAnswer(call, "unknown verdict %q", clip(h.GetVerdict(), maxCode))
	}
	switch {
	case out.Status != 0 && (out.Status < 200 || out.Status > 599):
		return nil, c.badAnswer(call, "HTTP status %d", out.Status)
	case len(out.Body) > maxHTTPBody:
		return nil, c.badAnswer(call, "an HTTP answer of %d bytes, at most %d are given", len(out.Body), maxHTTPBody)
	case len(out.ContentType) > maxCode || strings.ContainsAny(out.ContentType, "\r\n"):
		return nil, c.badAnswer(call, "malformed content type")
	}
	var err error
	if out.Facts, err = c.decodeFacts(h.GetObservations()); err != nil {
		return nil, c.badAnswer(call, "%v", err)
	}
	if out.Touched, err = decodeRefs(h.GetTouched()); err != nil {
		return nil, c.badAnswer(call, "%v", err)
	}
	return out, nil
}

// webhookStream carries the deliveries of all callers to one process, and the results back to their callers.
type webhookStream struct {
	conn    *Connection
	process *process
	stream  connectorv1.Connector_HandleWebhookClient
	queue   chan *connectorv1.Delivery

	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]chan *connectorv1.HandledDelivery
}

func newWebhookStream(c *Connection, p *process) (*webhookStream, error) {
	stream, err := p.rpc.HandleWebhook(p.ctx)
	if err != nil {
		return nil, err
	}
	w := &webhookStream{
		conn: c, process: p, stream: stream, queue: make(chan *connectorv1.Delivery, maxBatchDeliveries),
		waiting: map[uint64]chan *connectorv1.HandledDelivery{},
	}
	p.owned.Go(w.send)
	p.owned.Go(w.receive)
	return w, nil
}

// handle sends a delivery and waits for its result.
func (w *webhookStream) handle(ctx context.Context, d *connectorv1.Delivery) (*connectorv1.HandledDelivery, error) {
	const call = "HandleWebhook"
	result := make(chan *connectorv1.HandledDelivery, 1)
	w.mu.Lock()
	w.lastID++
	d.Id = w.lastID
	w.waiting[d.Id] = result
	w.mu.Unlock()

	var err error
	select {
	case w.queue <- d:
		select {
		case r := <-result:
			return r, nil
		case <-w.process.failed:
			err = w.conn.errorf(ErrInterrupted, CodeInterrupted, call, "the connector's process ended during the call")
		case <-ctx.Done():
			err = w.conn.contextError(ctx, call)
		}
	case <-w.process.failed:
		err = w.conn.errorf(ErrInterrupted, CodeInterrupted, call, "the connector's process ended during the call")
	case <-ctx.Done():
		err = w.conn.contextError(ctx, call)
	}
	// The id stays unknown from here on: a late result is dropped.
	w.mu.Lock()
	delete(w.waiting, d.Id)
	w.mu.Unlock()
	return nil, err
}

// send sends what waits, in batches, until the process is of no use.
func (w *webhookStream) send() {
	for {
		batch := &connectorv1.HandleWebhookRequest{}
		select {
		case d := <-w.queue:
			batch.Deliveries = append(batch.Deliveries, d)
		case <-w.process.failed:
			_ = w.stream.CloseSend()
			return
		}
		// Who was answered together comes back together: a batch of them costs one message, one record, one wake-up.
		for range sdk.Settle {
			runtime.Gosched()
		}
		for size := len(batch.Deliveries[0].Body); size < maxBatchBytes && len(batch.Deliveries) < maxBatchDeliveries; {
			var next *connectorv1.Delivery
			select {
			case next = <-w.queue:
			default:
			}
			if next == nil {
				break
			}
			batch.Deliveries = append(batch.Deliveries, next)
			size += len(next.Body)
		}
		if err := w.stream.Send(batch); err != nil {
			w.process.fail(err)
			return
		}
	}
}

// receive gives each result to its caller.
func (w *webhookStream) receive() {
	for {
		batch, err := w.stream.Recv()
		if err != nil {
			w.process.fail(err)
			return
		}
		w.mu.Lock()
		for _, r := range batch.GetResults() {
			if result, ok := w.waiting[r.GetId()]; ok {
				delete(w.waiting, r.GetId())
				result <- r
			}
		}
		w.mu.Unlock()
	}
}
