package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// fault is how the proxy treats one request.
type fault int

const (
	faultNone       fault = iota
	faultThrottle         // 429 with Retry-After, nothing done
	faultRefuse           // 500, nothing done
	faultDropBefore       // connection closed, nothing done
	faultCommit500        // done, then 500
	faultDropAfter        // done, then the connection is closed
	faultCut              // done, then half of the answer and the connection is closed
	faultSlow             // done, and the answer trickles in
	faultHang             // no answer for as long as the client waits
	faultEcho             // 400 that repeats the request's headers, query and body
)

// retryAfter is what faultThrottle asks for.
const retryAfter = time.Second

// trickle is how long faultSlow takes for an answer.
const trickle = 200 * time.Millisecond

// seen is one request as the proxy saw it.
type seen struct {
	at    time.Time
	ended time.Time // when the answer was given, or given up
	text  string    // query, headers and body
	fault fault
}

// proxy stands between connector and twin and misbehaves as it is told. It keeps the Host header, which some
// signatures cover.
type proxy struct {
	target *url.URL
	client *http.Client
	server *http.Server
	base   string
	done   chan struct{}

	mu     sync.Mutex
	script func(n int) fault // by the number of the request, from 1; nil does nothing
	after  func(n int)       // called when the twin has answered and before the connector gets it
	log    []*seen
	hang   chan struct{} // closed by clear
}

func newProxy(target string) (*proxy, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the twin's address %q is none", target)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &proxy{target: u, base: "http://" + l.Addr().String(), done: make(chan struct{}), hang: make(chan struct{})}
	p.client = &http.Client{
		// A kept connection that the twin closes meanwhile would be a fault that nobody asked for.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 30 * time.Second}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(l)
	}()
	return p, nil
}

func (p *proxy) url() string { return p.base }

func (p *proxy) close() {
	p.clear()
	_ = p.server.Close()
	<-p.done
	p.client.CloseIdleConnections()
}

// disturb sets what becomes of the requests from now on, numbered from 1.
func (p *proxy) disturb(script func(n int) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script, p.log = script, nil
}

// at disturbs the k-th request from now on alone.
func (p *proxy) at(k int, f fault) {
	p.disturb(func(n int) fault {
		if n == k {
			return f
		}
		return faultNone
	})
}

// afterAnswer has do called when the twin has answered a request, before the connector gets the answer.
func (p *proxy) afterAnswer(do func(n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after, p.log = do, nil
}

// clear ends every disturbance and gives the requests seen since it began.
func (p *proxy) clear() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.seen()
	p.script, p.after, p.log = nil, nil, nil
	close(p.hang)
	p.hang = make(chan struct{})
	return log
}

// requests gives what was seen since the last disturbance began.
func (p *proxy) requests() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen()
}

// seen copies the log; the lock is held.
func (p *proxy) seen() []seen {
	out := make([]seen, len(p.log))
	for i, s := range p.log {
		out[i] = *s
	}
	return out
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		return // the connector gave up
	}
	text := &bytes.Buffer{}
	fmt.Fprintln(text, r.Method, r.URL.RequestURI())
	_ = r.Header.Write(text)
	text.Write(body)

	p.mu.Lock()
	n, f := len(p.log)+1, faultNone
	if p.script != nil {
		f = p.script(n)
	}
	after, hang := p.after, p.hang
	entry := &seen{at: time.Now(), text: text.String(), fault: f}
	p.log = append(p.log, entry)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		entry.ended = time.Now()
	}()

	switch f {
	case faultThrottle:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		refuse(w, http.StatusTooManyRequests, "slow down")
		return
	case faultRefuse:
		refuse(w, http.StatusInternalServerError, "internal error")
		return
	case faultDropBefore:
		hangUp(w)
		return
	case faultHang:
		select {
		case <-r.Context().Done():
		case <-hang:
			hangUp(w)
		}
		return
	case faultEcho:
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(text.Bytes())
		return
	}
	// What has begun at the platform ends there, whether or not the connector still waits.
	answer, err := p.forward(context.WithoutCancel(r.Context()), r, body)
	if err != nil {
		refuse(w, http.StatusBadGateway, "the twin does not answer")
		return
	}
	if after != nil {
		after(n)
	}
	p.give(w, f, answer)
}

type answered struct {
	status int
	header http.Header
	body   []byte
}

func (p *proxy) forward(ctx context.Context, r *http.Request, body []byte) (*answered, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	u := *r.URL
	u.Scheme, u.Host = p.target.Scheme, p.target.Host
	out, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header, out.Host = r.Header.Clone(), r.Host
	resp, err := p.client.Do(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &answered{resp.StatusCode, resp.Header, data}, nil
}

// give hands an answer on, or what the fault leaves of it.
func (p *proxy) give(w http.ResponseWriter, f fault, a *answered) {
	switch f {
	case faultCommit500:
		refuse(w, http.StatusInternalServerError, "internal error")
		return
	case faultDropAfter:
		hangUp(w)
		return
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	switch f {
	case faultCut:
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // closes the connection
	case faultSlow:
		const parts = 8
		for i := range parts {
			_, _ = w.Write(a.body[len(a.body)*i/parts : len(a.body)*(i+1)/parts])
			_ = http.NewResponseController(w).Flush()
			time.Sleep(trickle / parts)
		}
	default:
		_, _ = w.Write(a.body)
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, why)
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

var errUnsupported = errors.New("not supported on this system")

func errorsIsUnsupported(err error) bool { return errors.Is(err, errUnsupported) }
