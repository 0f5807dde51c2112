package twin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type webhook struct {
	id                int64
	name, status      string // active, paused, disabled
	topic, url        string
	secret            string
	failures          int
	created, modified time.Time
}

// job is a queued delivery: a webhook and a resource. What is already queued is not queued again, so that several changes
// become one delivery of the last state.
type job struct{ hook, resource int64 }

var webhookTopics = []string{
	"coupon.created", "coupon.updated", "coupon.deleted", "coupon.restored", "customer.created", "customer.updated", "customer.deleted",
	"order.created", "order.updated", "order.deleted", "order.restored", "product.created", "product.updated", "product.deleted", "product.restored",
}

var webhookStatuses = []string{"active", "paused", "disabled"}

// fire queues a topic for a resource.
func (s *Server) fire(topic string, resource int64) {
	for _, id := range sortedIDs(s.webhooks) {
		h := s.webhooks[id]
		if h.status != "active" || h.topic != topic {
			continue
		}
		if j := (job{h.id, resource}); slices.Contains(s.queue, j) {
			s.counts.WebhooksCoalesced++
		} else {
			s.queue = append(s.queue, j)
		}
	}
}

func sortedIDs[V any](m map[int64]V) []int64 {
	out := make([]int64, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// RunCron sends what is queued, one after the other, each as the resource is at that moment. What fails is not sent again.
func (s *Server) RunCron(ctx context.Context) {
	s.cron.Lock()
	defer s.cron.Unlock()
	s.mu.Lock()
	jobs := s.queue
	s.queue = nil
	s.mu.Unlock()
	late := s.late
	s.late = nil
	for i, j := range jobs {
		if ctx.Err() != nil {
			s.mu.Lock()
			s.queue = append(slices.Clone(jobs[i:]), s.queue...)
			s.mu.Unlock()
			return
		}
		if d := s.prepare(j); d != nil && d.late {
			s.late = append(s.late, d)
		} else if d != nil {
			s.deliver(ctx, d)
		}
	}
	for _, d := range late {
		s.deliver(ctx, d)
	}
}

// delivery is a webhook ready to be sent.
type delivery struct {
	hook   int64
	late   bool // sent with the next run
	url    string
	header http.Header
	body   []byte
	times  int // 0 is lost, 2 is sent twice
}

func (s *Server) prepare(j job) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.webhooks[j.hook]
	if h == nil {
		return nil
	}
	resource, event, _ := strings.Cut(h.topic, ".")
	body := phpJSON(s.payload(resource, event, j.resource))
	mac := hmac.New(sha256.New, []byte(html.UnescapeString(h.secret)))
	mac.Write(body)
	// The delivery id derives from the webhook and the second: two deliveries of one second have the same.
	id := md5.Sum(fmt.Appendf(nil, "%d%d", h.id, s.now().Unix()))
	d := &delivery{hook: h.id, url: h.url, body: body, times: 1, late: s.opts.Reorder > 0 && s.rand.Float64() < s.opts.Reorder, header: http.Header{
		"Content-Type":             {"application/json"},
		"User-Agent":               {"WooCommerce/10.0.2 Hookshot (WordPress/6.8.3)"},
		"Connection":               {"close"},
		"X-Wc-Webhook-Source":      {s.home + "/"},
		"X-Wc-Webhook-Topic":       {h.topic},
		"X-Wc-Webhook-Resource":    {resource},
		"X-Wc-Webhook-Event":       {event},
		"X-Wc-Webhook-Signature":   {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		"X-Wc-Webhook-Id":          {itoa(h.id)},
		"X-Wc-Webhook-Delivery-Id": {hex.EncodeToString(id[:])},
	}}
	switch {
	case s.drops > 0:
		s.drops--
		d.times = 0
		s.counts.WebhooksDropped++
	case s.doubles > 0:
		s.doubles--
		d.times = 2
	case s.opts.Drop > 0 && s.rand.Float64() < s.opts.Drop:
		d.times = 0
		s.counts.WebhooksDropped++
	case s.opts.Duplicate > 0 && s.rand.Float64() < s.opts.Duplicate:
		d.times = 2
	}
	return d
}

// payload is what the REST API would answer for the resource now; an error object if it is gone.
func (s *Server) payload(resource, event string, id int64) any {
	if event == "deleted" {
		return map[string]any{"id": id}
	}
	switch resource {
	case "product":
		if p := s.products[id]; p != nil {
			return s.productJSON(p)
		}
		return notFound("product").object()
	case "order":
		if o := s.orders[id]; o != nil {
			return s.orderJSON(o)
		}
		return notFound("shop_order").object()
	case "customer":
		if c := s.customers[id]; c != nil {
			return s.customerJSON(c)
		}
	}
	return (&apiError{http.StatusNotFound, "woocommerce_rest_invalid_id", "Invalid resource ID.", nil}).object()
}

func (s *Server) deliver(ctx context.Context, d *delivery) {
	for range d.times {
		ok := s.post(ctx, d.url, d.header, d.body)
		s.mu.Lock()
		h := s.webhooks[d.hook]
		if ok {
			s.counts.WebhooksDelivered++
		} else {
			s.counts.WebhooksFailed++
		}
		switch {
		case h == nil:
		case ok:
			h.failures = 0
		case h.failures > 5:
			h.status = "disabled"
		default:
			h.failures++
		}
		s.mu.Unlock()
	}
}

// post sends one request; success is a status of 200 to 302.
func (s *Server) post(ctx context.Context, to string, header http.Header, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header = header.Clone()
	req.Close = true
	resp, err := s.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return false
	}
	return resp.StatusCode >= 200 && resp.StatusCode < 303
}

// ping is the unsigned form that a new webhook, or one with a new address, sends.
func (s *Server) ping(ctx context.Context, id int64, to string) {
	s.post(ctx, to, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"WooCommerce/10.0.2 Hookshot (WordPress/6.8.3)"}},
		[]byte("webhook_id="+itoa(id)))
}

func (s *Server) webhookJSON(h *webhook) map[string]any {
	resource, event, _ := strings.Cut(h.topic, ".")
	j := map[string]any{
		"id": h.id, "name": h.name, "status": h.status, "topic": h.topic, "resource": resource, "event": event, "hooks": []any{},
		"delivery_url": h.url, "_links": s.links("webhooks", h.id),
	} // never the secret
	s.dates(j, "date_created", h.created)
	s.dates(j, "date_modified", h.modified)
	return j
}

func (s *Server) listWebhooks(r *request) *response {
	c, err := r.collection([]string{"date", "id", "title"}, "date", "desc")
	if err != nil {
		return err.response()
	}
	status := r.query.Get("status")
	if status != "" && status != "all" && !slices.Contains(webhookStatuses, status) {
		return notOneOf("status", append([]string{"all"}, webhookStatuses...)).response()
	}
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	var found []*webhook
	for _, h := range s.webhooks {
		if (status == "" || status == "all" || h.status == status) && c.keeps(h.id, h.created, h.modified) {
			found = append(found, h)
		}
	}
	slices.SortFunc(found, func(a, b *webhook) int {
		return c.less(sortRow{a.id, a.name, a.created, a.modified}, sortRow{b.id, b.name, b.created, b.modified})
	})
	return s.listResponse(r, c, len(found), func(i int) any { return s.webhookJSON(found[i]) })
}

// webhookBody applies a write; pinged tells that the address is new.
func (s *Server) webhookBody(h *webhook, b map[string]any, creating bool) (pinged bool, failed *apiError) {
	bad := func(what, message string) *apiError {
		return &apiError{http.StatusBadRequest, "woocommerce_rest_shop_webhook_invalid_" + what, message, nil}
	}
	topic, hasTopic, err := stringField(b, "topic")
	if err != nil {
		return false, err
	}
	address, hasURL, err := stringField(b, "delivery_url")
	if err != nil {
		return false, err
	}
	status, hasStatus, err := enumField(b, "status", webhookStatuses)
	if err != nil {
		return false, err
	}
	if creating && (!hasTopic || !hasURL) {
		return false, &apiError{http.StatusBadRequest, "rest_missing_callback_param", "Missing parameter(s): topic, delivery_url", nil}
	}
	if hasTopic && !slices.Contains(webhookTopics, strings.ToLower(topic)) {
		return false, bad("topic", "Webhook topic is required and must be valid.")
	}
	if hasURL {
		if u, err := url.Parse(address); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return false, bad("delivery_url", "Webhook delivery URL must be a valid URL starting with http:// or https://.")
		}
		pinged, h.url = address != h.url, address
	}
	if hasTopic {
		h.topic = strings.ToLower(topic)
	}
	if hasStatus {
		h.status = status // the count of failures stays: one more failure disables it again
	}
	if v, ok, _ := stringField(b, "name"); ok {
		h.name = v
	}
	if v, ok, _ := stringField(b, "secret"); ok && v != "" {
		h.secret = v
	}
	h.modified = s.now()
	return pinged, nil
}
