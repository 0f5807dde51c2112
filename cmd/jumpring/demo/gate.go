package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gate stands in front of the hub's webhook door, as a retailer's reverse proxy does, and writes down what comes and how it
// was answered. It stays up when the hub is down.
type gate struct {
	hub    string // base URL of the hub
	client *http.Client
	server *http.Server
	url    string
	served sync.WaitGroup

	mu sync.Mutex
	// heard is when the first byte about an order came, by connection and the platform's id.
	heard    map[string]time.Time
	accepted int64
	refused  int64 // 401
	busy     int   // deliveries under way
	kept     *delivery
}

// delivery is a genuine delivery, kept to be forged.
type delivery struct {
	path   string
	header http.Header
	body   []byte
}

func newGate(hub string) (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: listen: %w", err)
	}
	g := &gate{
		hub: hub, url: "http://" + l.Addr().String(), heard: make(map[string]time.Time),
		client: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: 5 * time.Second}
	g.served.Go(func() { _ = g.server.Serve(l) }) // ends with close
	return g, nil
}

func (g *gate) close() {
	_ = g.server.Close() // the listener may be gone already
	g.served.Wait()
	g.client.CloseIdleConnections()
}

// ServeHTTP hands a delivery on.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		http.Error(w, "the body can't be read", http.StatusBadRequest)
		return
	}
	connection := strings.TrimPrefix(r.URL.Path, "/hooks/")
	order := orderOf(r.Header, body)
	g.mu.Lock()
	g.busy++
	if k := connection + "/" + order; order != "" && (g.heard[k].IsZero()) {
		g.heard[k] = at
	}
	g.mu.Unlock()
	status, header, answer := g.forward(r.Context(), r.Method, r.URL.RequestURI(), r.Header, body)
	g.mu.Lock()
	g.busy--
	switch {
	case status == http.StatusUnauthorized:
		g.refused++
	case status < 300:
		g.accepted++
		if order != "" && connection == webConnection {
			g.kept = &delivery{path: r.URL.RequestURI(), header: r.Header.Clone(), body: body}
		}
	}
	g.mu.Unlock()
	for k, v := range header {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the sender may have gone
}

func (g *gate) forward(ctx context.Context, method, uri string, header http.Header, body []byte) (int, http.Header, []byte) {
	req, err := http.NewRequestWithContext(ctx, method, g.hub+uri, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadGateway, nil, nil
	}
	req.Header = header.Clone()
	req.Header.Del("Connection")
	res, err := g.client.Do(req)
	if err != nil {
		return http.StatusBadGateway, nil, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return http.StatusBadGateway, nil, nil
	}
	return res.StatusCode, res.Header, answer
}

// orderOf gives the platform's id of the order that a delivery is about; "" when it is about something else.
func orderOf(h http.Header, body []byte) string {
	shopify := strings.HasPrefix(h.Get("X-Shopify-Topic"), "orders/")
	if !shopify && h.Get("X-Wc-Webhook-Resource") != "order" {
		return ""
	}
	var o struct {
		ID int64 `json:"id"`
	}
	if json.Unmarshal(body, &o) != nil || o.ID == 0 {
		return ""
	}
	if shopify {
		return "gid://shopify/Order/" + strconv.FormatInt(o.ID, 10)
	}
	return strconv.FormatInt(o.ID, 10)
}

// forge sends a copy of the newest genuine order again, with one byte of it changed and the old signature.
func (g *gate) forge(ctx context.Context) (status int, err error) {
	g.mu.Lock()
	d := g.kept
	g.mu.Unlock()
	if d == nil {
		return 0, fmt.Errorf("demo: no delivery has come that could be forged")
	}
	body := bytes.Clone(d.body)
	i := bytes.IndexByte(body, ':') + 1
	for body[i] < '1' || body[i] > '8' {
		i++
	}
	body[i]++ // a digit of the order's id: still JSON, and another order
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+d.path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = d.header.Clone()
	req.Header.Set("X-Shopify-Webhook-Id", "forged")
	res, err := g.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("demo: forged delivery: %w", err)
	}
	return res.StatusCode, res.Body.Close()
}

func (g *gate) heardOf(connection, order string) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.heard[connection+"/"+order]
}

func (g *gate) counts() (accepted, refused int64, idle bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted, g.refused, g.busy == 0
}
