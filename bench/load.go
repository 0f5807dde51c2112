package main

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// senders is how many connections a closed loop has.
const senders = 64

// openSenders bounds what is in flight of an open loop.
const openSenders = 256

// loader sends requests to one server over connections of its own.
type loader struct {
	client *fasthttp.HostClient
	token  string
}

func newLoader(address, token string) *loader {
	return &loader{&fasthttp.HostClient{Addr: address, MaxConns: openSenders, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second}, token}
}

// exchange is a request and its response, used again and again by one sender.
type exchange struct {
	req  fasthttp.Request
	resp fasthttp.Response
}

func (l *loader) post(x *exchange, d *delivery) error {
	x.req.Header.SetMethod(fasthttp.MethodPost)
	x.req.SetRequestURI("http://" + l.client.Addr + "/hooks/" + connectionName)
	x.req.Header.Set("X-Shopify-Topic", "orders/create")
	x.req.Header.Set("X-Shopify-Shop-Domain", shopDomain)
	x.req.Header.Set("X-Shopify-Api-Version", "2026-10")
	x.req.Header.Set("X-Shopify-Webhook-Id", d.signature[:24])
	x.req.Header.Set("X-Shopify-Triggered-At", "2026-11-22T10:00:00Z")
	x.req.Header.Set("X-Shopify-Hmac-Sha256", d.signature)
	x.req.Header.SetContentType("application/json")
	x.req.SetBodyRaw(d.body)
	return l.send(x)
}

func (l *loader) get(x *exchange, path string) error {
	x.req.Header.SetMethod(fasthttp.MethodGet)
	x.req.SetRequestURI("http://" + l.client.Addr + path)
	x.req.Header.Set("Authorization", "Bearer "+l.token)
	return l.send(x)
}

func (l *loader) send(x *exchange) error {
	if err := l.client.Do(&x.req, &x.resp); err != nil {
		return err
	}
	if code := x.resp.StatusCode(); code/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %.200s", x.req.Header.Method(), x.req.URI().Path(), code, x.resp.Body())
	}
	return nil
}

// closed sends until more returns false, each sender as soon as it has its answer. It gives how many were answered.
func closed(more func(i int64) bool, send func(x *exchange, i int64) error) (int64, error) {
	var next, done atomic.Int64
	var failed firstError
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			x := new(exchange)
			for {
				i := next.Add(1) - 1
				if !more(i) || failed.is() {
					return
				}
				if err := send(x, i); err != nil {
					failed.set(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return done.Load(), failed.get()
}

// open sends n requests at a steady rate, however long the answers take, and gives their latencies: from the moment
// that each was due to its answer.
func open(n int, perSecond float64, send func(x *exchange, i int) error) ([]time.Duration, error) {
	type arrival struct {
		i   int
		due time.Time
	}
	arrivals := make(chan arrival, n)
	took := make([]time.Duration, n)
	var failed firstError
	var wg sync.WaitGroup
	for range openSenders {
		wg.Go(func() {
			x := new(exchange)
			for a := range arrivals {
				if err := send(x, a.i); err != nil {
					failed.set(err)
				}
				took[a.i] = time.Since(a.due)
			}
		})
	}
	wg.Go(func() {
		defer close(arrivals)
		runtime.LockOSThread() // the runtime's own timers are coarser than the latencies measured here
		defer runtime.UnlockOSThread()
		start := time.Now()
		for i := range n {
			due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
			for wait := time.Until(due); wait > 0; wait = time.Until(due) {
				ts := unix.NsecToTimespec(int64(wait))
				_ = unix.Nanosleep(&ts, nil) // a signal only ends it early
			}
			arrivals <- arrival{i, due}
		}
	})
	wg.Wait()
	slices.Sort(took)
	return took, failed.get()
}

// percentile of sorted durations.
func percentile(sorted []time.Duration, p float64) time.Duration {
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}

type firstError struct{ p atomic.Pointer[error] }

func (f *firstError) set(err error) { f.p.CompareAndSwap(nil, &err) }
func (f *firstError) is() bool      { return f.p.Load() != nil }
func (f *firstError) get() error {
	if p := f.p.Load(); p != nil {
		return *p
	}
	return nil
}
