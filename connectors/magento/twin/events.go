package twin

import (
	"bytes"
	"context"
	"crypto"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// keyPath is where the key that signs events is published.
const keyPath = "/prod/keys/pub-key-3fVj0Lv0QB.pem"

// eventing is Adobe I/O Events: what the shop has subscribed to, and what is on its way.
type eventing struct {
	on         bool
	once       sync.Once
	made       *rsa.PrivateKey // see key
	subscribed []string
	queue      []*delivery
	rand       *rand.Rand
	failures   int // in a row
	disabled   bool
	client     *http.Client
}

type delivery struct {
	id, kind string
	body     []byte
	next     time.Time
	until    time.Time
	tries    int
}

// The vendor gives up an event after a day and a registration after ten failures in a row.
const (
	eventLife       = 24 * time.Hour
	maxEventFailure = 10
)

func (e *eventing) open(opts Options) {
	if opts.Events == "" {
		return
	}
	e.on, e.rand = true, rand.New(rand.NewPCG(opts.Seed, 2))
	if e.client = opts.EventsClient; e.client == nil {
		e.client = &http.Client{Timeout: 10 * time.Second}
	}
}

// key makes the signing key when it is first needed, since that takes a while.
func (e *eventing) key() *rsa.PrivateKey {
	e.once.Do(func() {
		key, err := rsa.GenerateKey(crand.Reader, 2048)
		if err != nil { // the machine has no randomness
			panic(err)
		}
		e.made = key
	})
	return e.made
}

func (s *Server) serveKey(w http.ResponseWriter, r *http.Request) {
	if !s.events.on || r.URL.Path != keyPath {
		http.NotFound(w, r)
		return
	}
	der, err := x509.MarshalPKIXPublicKey(&s.events.key().PublicKey)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (s *Server) subscriptions(*request) *response {
	out := []row{}
	for _, name := range s.events.subscribed {
		out = append(out, row{"name": name, "parent": "", "fields": []row{{"name": "*", "converter": ""}}, "rules": []row{}, "destination": "default", "priority": false, "hipaa_audit_required": false})
	}
	return answer(out)
}

func (s *Server) subscribe(r *request) *response {
	var in struct {
		Event *struct {
			Name   string `json:"name"`
			Fields []struct {
				Name      string `json:"name"`
				Converter string `json:"converter"`
			} `json:"fields"`
			Rules       []any  `json:"rules"`
			Priority    bool   `json:"priority"`
			Audit       bool   `json:"hipaa_audit_required"`
			Parent      string `json:"parent"`
			Destination string `json:"destination"`
		} `json:"event"`
		Force bool `json:"force"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	switch {
	case s.opts.Events == "":
		return failure(http.StatusNotFound, "Request does not match any route.")
	case in.Event == nil || in.Event.Name == "" || len(in.Event.Fields) == 0:
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "event"})
	}
	if !slices.Contains(s.events.subscribed, in.Event.Name) {
		s.events.subscribed = append(s.events.subscribed, in.Event.Name)
	}
	return answer([]any{})
}

func (s *Server) unsubscribe(r *request) *response {
	s.events.subscribed = slices.DeleteFunc(s.events.subscribed, func(n string) bool { return n == r.vars["name"] })
	return answer([]any{})
}

// emit queues an event, if the shop has subscribed to it. The body is the entity at the time of the change.
func (s *Server) emit(name string, value row) {
	if !s.events.on || !slices.Contains(s.events.subscribed, name) {
		return
	}
	if s.opts.Drop > 0 && s.events.rand.Float64() < s.opts.Drop {
		return
	}
	id := uuid.NewString()
	kind := "com.adobe.commerce." + name
	body, err := json.Marshal(row{
		"specversion": "1.0", "type": kind, "source": "urn:uuid:8e6f7f0a-2b1f-4a53-8e8e-5d1f6a1d4c11", "id": id, "time": s.now().Format(time.RFC3339), "eventid": id,
		"datacontenttype": "application/json", "recipientclientid": s.opts.EventsClientID,
		"data": row{"key": id, "source": "shop.magento", "value": value, "_metadata": row{"commerceEdition": "Adobe Commerce", "eventsClientVersion": "1.10.0"}},
	})
	if err != nil { // rows of this package always have a JSON form
		panic(err)
	}
	d := &delivery{id: id, kind: kind, body: body, next: s.opts.Now(), until: s.opts.Now().Add(eventLife)}
	s.events.queue = append(s.events.queue, d)
	if s.opts.Duplicate > 0 && s.events.rand.Float64() < s.opts.Duplicate {
		twice := *d
		s.events.queue = append(s.events.queue, &twice)
	}
	if n := len(s.events.queue); n > 1 && s.opts.Reorder > 0 && s.events.rand.Float64() < s.opts.Reorder {
		s.events.queue[n-1], s.events.queue[n-2] = s.events.queue[n-2], s.events.queue[n-1]
	}
}

// retryAfter is when a failed event comes again: 1, 2, 4, 8 and then every 15 minutes.
func retryAfter(tries int) time.Duration {
	if tries <= 4 {
		return time.Duration(1<<(tries-1)) * time.Minute
	}
	return 15 * time.Minute
}

// RunCron sends the events that are due, as the shop does once a minute, and gives how many were taken.
func (s *Server) RunCron(ctx context.Context) int {
	s.mu.Lock()
	var due []*delivery
	if !s.events.disabled {
		for _, d := range s.events.queue {
			if s.due(d.next) {
				due = append(due, d)
			}
		}
	}
	s.mu.Unlock()
	taken := 0
	for _, d := range due {
		status := s.send(ctx, d)
		s.mu.Lock()
		d.tries++
		gone := true
		switch {
		case status >= 200 && status < 300:
			s.events.failures = 0
			taken++
		case status == http.StatusTooManyRequests || status >= 500 && status != http.StatusHTTPVersionNotSupported || status == 0:
			s.events.failures++
			d.next = s.opts.Now().Add(retryAfter(d.tries))
			gone = d.next.After(d.until)
		default: // dropped at once
			s.events.failures++
		}
		if gone {
			s.events.queue = slices.DeleteFunc(s.events.queue, func(x *delivery) bool { return x == d })
		}
		if s.events.failures >= maxEventFailure {
			s.events.disabled = true
		}
		s.mu.Unlock()
	}
	return taken
}

func (s *Server) send(ctx context.Context, d *delivery) int {
	sum := sha256.Sum256(d.body)
	sig, err := rsa.SignPKCS1v15(crand.Reader, s.events.key(), crypto.SHA256, sum[:])
	if err != nil {
		return 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opts.Events, bytes.NewReader(d.body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("X-Adobe-Digital-Signature-1", base64.StdEncoding.EncodeToString(sig))
	req.Header.Set("X-Adobe-Digital-Signature-2", base64.StdEncoding.EncodeToString(sig))
	req.Header.Set("X-Adobe-Public-Key1-Path", keyPath)
	req.Header.Set("X-Adobe-Public-Key2-Path", keyPath)
	req.Header.Set("X-Adobe-Provider", "shop")
	resp, err := s.events.client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// EventsDisabled reports whether the registration was given up after too many failures.
func (s *Server) EventsDisabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.disabled
}

// EnableEvents is a person's click at the vendor's console.
func (s *Server) EnableEvents() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events.disabled, s.events.failures = false, 0
}

// Queued is how many events are on their way.
func (s *Server) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events.queue)
}

// Subscribed are the events that the shop sends.
func (s *Server) Subscribed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events.subscribed)
}
