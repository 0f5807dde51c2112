package twin

import (
	"net/http"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults. Those with "after" have done the work before they fail.
const (
	FaultErrorBefore FaultKind = "error_before" // 500 with the vendor's report id, nothing done
	FaultErrorAfter  FaultKind = "error_after"  // done, then 500: PHP died in an observer
	FaultDropBefore  FaultKind = "drop_before"  // connection cut, nothing done
	FaultDropAfter   FaultKind = "drop_after"   // done, connection cut before the answer
	FaultDelay       FaultKind = "delay"        // done after Delay
	FaultThrottle    FaultKind = "throttle"     // 429 with Retry-After, nothing done
	FaultMaintenance FaultKind = "maintenance"  // 503 with an HTML page, nothing done
	FaultHTML        FaultKind = "html"         // 200 with an HTML page, nothing done
)

// Fault goes wrong for the next Count requests that fit.
type Fault struct {
	Kind   FaultKind     `json:"kind"`
	Method string        `json:"method"` // empty fits every method
	Path   string        `json:"path"`   // a part of the path; empty fits every path
	Count  int           `json:"count"`  // 0 means 1
	Delay  time.Duration `json:"delay"`  // in nanoseconds
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

// before fails a request that is not worked on; false lets it go on.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	switch f.Kind {
	case FaultErrorBefore:
		hidden().write(w)
	case FaultDropBefore:
		cut()
	case FaultDelay:
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
		return false
	case FaultThrottle:
		w.Header().Set("Retry-After", "2")
		page(http.StatusTooManyRequests, "Too Many Requests").write(w)
	case FaultMaintenance:
		page(http.StatusServiceUnavailable, "Service Temporarily Unavailable").write(w)
	case FaultHTML:
		page(http.StatusOK, "Just a moment...").write(w)
	default:
		return false
	}
	return true
}

// after fails a request whose work is done; false lets the answer go out.
func (f *Fault) after(w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultErrorAfter:
		hidden().write(w)
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
