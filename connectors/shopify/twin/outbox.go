package twin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxRetries is how often a delivery is tried again. When the last try fails too, the subscription is deleted.
const maxRetries = 8

// outbox delivers webhooks: at least once, in no order, with the payload of the moment of the event.
type outbox struct {
	srv    *Server
	client *http.Client
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}

	mu       sync.Mutex
	rand     *rand.Rand
	dropNext map[string]int // topic → deliveries to lose
	twice    map[string]int // topic → deliveries to send twice
	pending  int
}

func newOutbox(s *Server) *outbox {
	ctx, stop := context.WithCancel(context.Background())
	client := s.opts.WebhookClient
	if client == nil {
		client = &http.Client{
			Timeout: s.opts.WebhookTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, MaxIdleConnsPerHost: 16},
		}
	}
	return &outbox{
		srv: s, ctx: ctx, stop: stop, slots: make(chan struct{}, 16), dropNext: map[string]int{}, twice: map[string]int{},
		rand:   rand.New(rand.NewPCG(s.opts.Seed, 1)),
		client: client,
	}
}

func (o *outbox) close() {
	o.stop()
	o.wg.Wait()
	o.client.CloseIdleConnections()
}

// DropNext loses the next delivery of a topic ("ORDERS_CREATE"), as a lost webhook does.
func (s *Server) DropNext(topic string) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.outbox.dropNext[topic]++
}

// DuplicateNext sends the next delivery of a topic twice.
func (s *Server) DuplicateNext(topic string) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.outbox.twice[topic]++
}

// PendingWebhooks is how many deliveries wait or are under way, retries included.
func (s *Server) PendingWebhooks() int {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	return s.outbox.pending
}

// Subscriptions lists what the app subscribed to: topic → addresses.
func (s *Server) Subscriptions() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]string{}
	for _, sub := range byID(s.state.subscriptions) {
		out[sub.topic] = append(out[sub.topic], sub.uri)
	}
	return out
}

// DropSubscription deletes the oldest subscription, as the platform does after deliveries that failed.
func (s *Server) DropSubscription() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := byID(s.state.subscriptions); len(all) > 0 {
		delete(s.state.subscriptions, all[0].id)
	}
}

// publish queues an event for every subscription of its topic; the server's mutex is held.
func (s *Server) publish(topic string, body fields) {
	event, at := random(), s.opts.Clock().UTC()
	var payload []byte
	for _, sub := range byID(s.state.subscriptions) {
		if sub.topic != topic {
			continue
		}
		if payload == nil {
			payload = scalar(body)
		}
		s.outbox.enqueue(&webhook{sub: sub, topic: topicHeader(topic), event: event, at: at, body: payload})
	}
}

// topicHeader turns INVENTORY_LEVELS_UPDATE into inventory_levels/update, and APP_SCOPES_UPDATE into app/scopes_update.
func topicHeader(topic string) string {
	t := strings.ToLower(topic)
	i := strings.LastIndexByte(t, '_')
	if strings.HasPrefix(t, "app_") {
		i = len("app")
	}
	return t[:i] + "/" + t[i+1:]
}

type webhook struct {
	sub   *subscription
	topic string
	event string
	at    time.Time
	body  []byte
}

func (o *outbox) enqueue(w *webhook) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx.Err() != nil {
		return
	}
	opts := &o.srv.opts
	times := 1
	switch {
	case o.dropNext[w.sub.topic] > 0:
		o.dropNext[w.sub.topic]--
		times = 0
	case o.twice[w.sub.topic] > 0:
		o.twice[w.sub.topic]--
		times = 2
	case opts.Drop > 0 && o.rand.Float64() < opts.Drop:
		times = 0
	case opts.Duplicate > 0 && o.rand.Float64() < opts.Duplicate:
		times = 2
	}
	if times == 0 {
		o.srv.ledger.Counts.Dropped++ // publish holds the server's mutex
	}
	for range times {
		var delay time.Duration
		if opts.Shuffle > 0 && (opts.Reorder == 0 || o.rand.Float64() < opts.Reorder) {
			delay = time.Duration(o.rand.Int64N(int64(opts.Shuffle)))
		}
		o.pending++
		o.wg.Go(func() {
			o.run(w, delay)
			o.mu.Lock()
			o.pending--
			o.mu.Unlock()
		})
	}
}

// run tries until an answer is 2xx, the retries are used up, or the sandbox closes.
func (o *outbox) run(w *webhook, delay time.Duration) {
	id := random() // the same for every try of one delivery
	wait := o.srv.opts.RetryUnit
	for try := 0; ; try++ {
		if pause(o.ctx, delay) != nil {
			return
		}
		select {
		case o.slots <- struct{}{}:
		case <-o.ctx.Done():
			return
		}
		ok := o.deliver(w, id)
		<-o.slots
		if ok || o.ctx.Err() != nil {
			return
		}
		if try == maxRetries {
			o.giveUp(w.sub)
			return
		}
		delay, wait = wait, wait*2
	}
}

func (o *outbox) deliver(w *webhook, id string) bool {
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, w.sub.uri, bytes.NewReader(w.body))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(o.srv.opts.ClientSecret))
	mac.Write(w.body)
	for key, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Shopify-Captain-Hook",
		"X-Shopify-Topic": w.topic, "X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		"X-Shopify-Shop-Domain": o.srv.opts.Shop, "X-Shopify-API-Version": supported[len(supported)-1],
		"X-Shopify-Webhook-Id": id, "X-Shopify-Event-Id": w.event, "X-Shopify-Triggered-At": w.at.Format(time.RFC3339Nano),
	} {
		req.Header.Set(key, value)
	}
	res, err := o.client.Do(req)
	ok := false
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // only the status counts
		_ = res.Body.Close()
		ok = res.StatusCode >= 200 && res.StatusCode < 300
	}
	o.srv.mu.Lock()
	defer o.srv.mu.Unlock()
	o.srv.ledger.Counts.Deliveries++
	if !ok {
		o.srv.ledger.Counts.Failed++
	}
	return ok
}

// giveUp deletes the subscription after eight retries that failed.
func (o *outbox) giveUp(sub *subscription) {
	o.srv.mu.Lock()
	defer o.srv.mu.Unlock()
	if o.srv.state.subscriptions[sub.id] != nil {
		delete(o.srv.state.subscriptions, sub.id)
		o.srv.ledger.Counts.Unsubscribed++
	}
}
