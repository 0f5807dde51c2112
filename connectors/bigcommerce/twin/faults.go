package twin

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults. Those with "after" have done the work before they fail.
const (
	FaultErrorBefore FaultKind = "error_before" // 500, nothing done
	FaultErrorAfter  FaultKind = "error_after"  // done, then 500
	FaultDropBefore  FaultKind = "drop_before"  // connection cut, nothing done
	FaultDropAfter   FaultKind = "drop_after"   // done, connection cut before the answer
	FaultDelay       FaultKind = "delay"        // done after Delay
	FaultThrottle    FaultKind = "throttle"     // 429 with the headers of the quota, nothing done
	FaultOverload    FaultKind = "overload"     // 429 without headers: the platform itself is overloaded; nothing done
	FaultUnavailable FaultKind = "unavailable"  // 503 with an HTML page, nothing done
	FaultHTML        FaultKind = "html"         // 200 with an HTML page, nothing done
)

// Fault goes wrong for the next Count requests that fit.
type Fault struct {
	Kind   FaultKind     `json:"kind"`
	Method string        `json:"method"` // empty fits every method
	Path   string        `json:"path"`   // a part of the path; empty fits every path
	Count  int           `json:"count"`  // 0 means 1
	Delay  time.Duration `json:"delay"`  // in nanoseconds; of throttle until when it asks to wait, 0 means 2 s
}

// Inject adds a fault.
func (s *Server) Inject(f Fault) {
	if f.Count <= 0 {
		f.Count = 1
	}
	s.mu.Lock()
	s.faults = append(s.faults, &f)
	s.mu.Unlock()
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	s.faults = nil
	s.mu.Unlock()
}

func (s *Server) takeFault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Count > 0 && (f.Method == "" || f.Method == r.Method) && strings.Contains(r.URL.Path, f.Path) {
			f.Count--
			return f
		}
	}
	return nil
}

func page(w http.ResponseWriter, status int, title string) {
	(&response{status: status, kind: "text/html", body: []byte("<!doctype html><title>" + title + "</title><h1>" + title + "</h1>")}).write(w)
}

// before fails a request that is not worked on; false lets it go on.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	switch f.Kind {
	case FaultErrorBefore:
		problem(r.URL.Path, http.StatusInternalServerError, "Internal Server Error", nil).write(w)
	case FaultDropBefore:
		cut()
	case FaultDelay:
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
		return false
	case FaultThrottle:
		wait := f.Delay
		if wait == 0 {
			wait = 2 * time.Second
		}
		rateHeaders(w.Header(), 150, 0, wait)
		problem(r.URL.Path, http.StatusTooManyRequests, "Too many requests", nil).write(w)
	case FaultOverload:
		problem(r.URL.Path, http.StatusTooManyRequests, "Too many requests", nil).write(w)
	case FaultUnavailable:
		page(w, http.StatusServiceUnavailable, "Service Unavailable")
	case FaultHTML:
		page(w, http.StatusOK, "Just a moment...")
	default:
		return false
	}
	return true
}

// after fails a request whose work is done; false lets the answer go out.
func (f *Fault) after(w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultErrorAfter:
		problem("", http.StatusInternalServerError, "Internal Server Error", nil).write(w)
	case FaultDropAfter:
		cut()
	default:
		return false
	}
	return true
}

// cut closes the connection without an answer.
func cut() {
	panic(http.ErrAbortHandler) // net/http closes the connection and logs nothing
}

// rateWindow counts the requests of the present window.
type rateWindow struct {
	start time.Time
	used  int
}

// windowLength is how long a quota is for.
const windowLength = 30 * time.Second

func rateHeaders(h http.Header, quota, left int, reset time.Duration) {
	h.Set("X-Rate-Limit-Time-Window-Ms", strconv.FormatInt(windowLength.Milliseconds(), 10))
	h.Set("X-Rate-Limit-Time-Reset-Ms", strconv.FormatInt(reset.Milliseconds(), 10))
	h.Set("X-Rate-Limit-Requests-Quota", strconv.Itoa(quota))
	h.Set("X-Rate-Limit-Requests-Left", strconv.Itoa(left))
}

// throttle takes one request off the window's quota; true refuses it. Refused requests count too, as at the platform.
func (s *Server) throttle(w http.ResponseWriter) bool {
	if s.opts.Quota <= 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	if now.Sub(s.window.start) >= windowLength || now.Before(s.window.start) {
		s.window = rateWindow{start: now}
	}
	s.window.used++
	rateHeaders(w.Header(), s.opts.Quota, max(0, s.opts.Quota-s.window.used), windowLength-now.Sub(s.window.start))
	if s.window.used > s.opts.Quota {
		s.counts.Throttled++
		return true
	}
	return false
}
