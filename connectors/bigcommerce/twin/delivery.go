package twin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// delivery is a webhook on its way, until it got through or was given up.
type delivery struct {
	hook  int64
	id    string // of Standard Webhooks: the same for each try
	body  []byte
	tries int
	next  time.Time
}

// retries are the pauses between tries: about two days in all. After the last one the hook is deactivated.
var retries = []time.Duration{
	60 * time.Second, 180 * time.Second, 300 * time.Second, 600 * time.Second, 900 * time.Second, 1800 * time.Second, 3600 * time.Second, 7200 * time.Second,
	21600 * time.Second, 50400 * time.Second, 86400 * time.Second,
}

// hostState is how a destination's host has answered in the present window of two minutes.
type hostState struct {
	start        time.Time
	sent, failed int
	blocked      time.Time // until when nothing is sent there
}

const (
	hostWindow = 2 * time.Minute
	hostBlock  = 3 * time.Minute
)

// fire queues an event for each hook that takes it. The body is thin: it names what changed and not how.
func (s *Server) fire(scope string, of any) {
	now := s.now()
	for _, h := range sorted(s.hooks) {
		if !h.active || !h.fits(scope) || now.Sub(h.created) < s.opts.HookDelay {
			continue
		}
		n := s.id()
		sum := sha1.Sum([]byte(scope + strconv.FormatInt(n, 10)))
		body, err := json.Marshal(row{
			"producer": "stores/" + s.opts.StoreHash, "hash": hex.EncodeToString(sum[:]), "created_at": now.Unix(), "store_id": "1000", "scope": scope, "data": of,
		})
		if err != nil {
			continue // all that is fired is made of texts and numbers
		}
		s.outbox = append(s.outbox, &delivery{hook: h.id, id: "msg_" + hex.EncodeToString(sum[:12]), body: body, next: now})
	}
}

// RunWebhooks sends what is due by the store's clock, each once.
func (s *Server) RunWebhooks(ctx context.Context) {
	s.mu.Lock()
	s.idle()
	now := s.now()
	var due []*delivery
	for _, d := range s.outbox {
		if !d.next.After(now) {
			due = append(due, d)
		}
	}
	s.mu.Unlock()
	for _, d := range due {
		if ctx.Err() != nil {
			return
		}
		s.deliver(ctx, d)
	}
}

// deliver sends a delivery once and notes what became of it.
func (s *Server) deliver(ctx context.Context, d *delivery) {
	s.mu.Lock()
	h := s.hooks[d.hook]
	now := s.now()
	if h == nil || !h.active {
		s.drop(d)
		s.mu.Unlock()
		return
	}
	name := h.destination
	if u, err := url.Parse(h.destination); err == nil {
		name = u.Host
	}
	state := s.host[name]
	if state == nil || now.Sub(state.start) >= hostWindow {
		blocked := time.Time{}
		if state != nil {
			blocked = state.blocked
		}
		state = &hostState{start: now, blocked: blocked}
		s.host[name] = state
	}
	if now.Before(state.blocked) {
		d.next = state.blocked
		s.mu.Unlock()
		return
	}
	req, err := s.sign(ctx, h, d)
	s.mu.Unlock()
	ok := err == nil && s.post(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	state.sent++
	if ok {
		h.traffic = now
		s.counts.WebhooksDelivered++
		s.drop(d)
		return
	}
	state.failed++
	s.counts.WebhooksFailed++
	if state.sent >= 100 && state.failed*10 > state.sent {
		state.blocked = now.Add(hostBlock)
	}
	if d.tries >= len(retries) {
		h.active = false
		s.ledger.Deactivated = append(s.ledger.Deactivated, h.scope)
		s.drop(d)
		return
	}
	d.next = now.Add(retries[d.tries])
	d.tries++
}

func (s *Server) drop(d *delivery) {
	s.outbox = slices.DeleteFunc(s.outbox, func(x *delivery) bool { return x == d })
}

// sign makes a delivery's request: the headers of Standard Webhooks over id, time and body, and those that the hook was made
// with. Each try is signed anew, for its own time.
func (s *Server) sign(ctx context.Context, h *hook, d *delivery) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.destination, bytes.NewReader(d.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "akka-http/10.2.10")
	for k, v := range h.headers {
		req.Header.Set(k, v)
	}
	if s.opts.Unsigned {
		return req, nil
	}
	stamp := strconv.FormatInt(s.now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(s.opts.ClientSecret))
	mac.Write([]byte(d.id + "." + stamp + "."))
	mac.Write(d.body)
	req.Header.Set("webhook-id", d.id)
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return req, nil
}

func (s *Server) post(req *http.Request) bool {
	resp, err := s.opts.HookClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return false
	}
	return resp.StatusCode >= 200 && resp.StatusCode < 300
}

// Pending is how many deliveries wait, for their first try or for another one.
func (s *Server) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outbox)
}

// LoseWebhooks forgets all deliveries that wait.
func (s *Server) LoseWebhooks() {
	s.mu.Lock()
	s.outbox = nil
	s.mu.Unlock()
}

// RepeatWebhooks sends each delivery that waits twice.
func (s *Server) RepeatWebhooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range slices.Clone(s.outbox) {
		again := *d
		s.outbox = append(s.outbox, &again)
	}
}

// ActiveHooks gives the scopes that deliver, sorted.
func (s *Server) ActiveHooks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, h := range s.hooks {
		if h.active {
			out = append(out, h.scope)
		}
	}
	slices.Sort(out)
	return out
}

// DropHook switches the first active webhook off, as the platform does after two days of failures.
func (s *Server) DropHook() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range sorted(s.hooks) {
		if h.active {
			h.active = false
			s.ledger.Deactivated = append(s.ledger.Deactivated, h.scope)
			return
		}
	}
}
