package twin

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// FaultKind is how an API request goes wrong.
type FaultKind string

// The faults.
const (
	Fault500Before  FaultKind = "500_before"  // server error, nothing was done
	Fault500After   FaultKind = "500_after"   // done, then a server error
	FaultDropBefore FaultKind = "drop_before" // connection closed, nothing was done
	FaultDropAfter  FaultKind = "drop_after"  // done, then the connection is closed without an answer
	FaultDelay      FaultKind = "delay"       // done and answered after Delay
	FaultThrottle   FaultKind = "throttle"    // the bucket is emptied: THROTTLED with HTTP 200
	Fault429        FaultKind = "429"         // refused with Retry-After
	FaultUserError  FaultKind = "user_error"  // the mutation answers with the user error Code, nothing is done

	// Of the next bulk operation.
	FaultBulkFailed   FaultKind = "bulk_failed"   // it fails with the error code Code, half of its rows in partialDataUrl
	FaultBulkCanceled FaultKind = "bulk_canceled" // somebody cancels it
	FaultBulkExpired  FaultKind = "bulk_expired"  // its result is fetched too late
	FaultBulkCut      FaultKind = "bulk_cut"      // the first download breaks off half-way
	FaultBulkGone     FaultKind = "bulk_gone"     // the first download finds no file
)

// Fault makes the next Times requests of an operation fail.
type Fault struct {
	Kind      FaultKind     `json:"kind"`
	Operation string        `json:"operation"` // query or mutation; empty is both
	Times     int           `json:"times"`     // 0 is once
	Delay     time.Duration `json:"delay"`     // nanoseconds in JSON
	Code      string        `json:"code"`
}

// Inject queues a fault.
func (s *Server) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.queue = append(s.faults.queue, f)
}

type faults struct {
	mu    sync.Mutex
	queue []Fault
}

// faultsOfBulk is the operation of the faults of bulk operations.
const faultsOfBulk = "bulk"

func (k FaultKind) ofBulk() bool { return strings.HasPrefix(string(k), "bulk_") }

func (f *faults) take(operation string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.queue {
		if op := f.queue[i].Operation; f.queue[i].Kind.ofBulk() != (operation == faultsOfBulk) || op != "" && op != operation {
			continue
		}
		fault := f.queue[i]
		if f.queue[i].Times--; f.queue[i].Times <= 0 {
			f.queue = append(f.queue[:i:i], f.queue[i+1:]...)
		}
		return &fault
	}
	return nil
}

// before acts before the work is done; true ends the request.
func (f *Fault) before(ctx context.Context, w http.ResponseWriter) bool {
	switch f.Kind {
	case Fault500Before:
		reply(w, http.StatusInternalServerError, map[string]any{"errors": "Internal Server Error"})
		return true
	case Fault429:
		w.Header().Set("Retry-After", "0.2")
		reply(w, http.StatusTooManyRequests, map[string]any{"errors": "Exceeded call limit"})
		return true
	case FaultDropBefore:
		hangUp(w)
		return true
	}
	return ctx.Err() != nil
}

// after acts when the work is done; true ends the request.
func (f *Fault) after(ctx context.Context, w http.ResponseWriter) bool {
	switch f.Kind {
	case Fault500After:
		reply(w, http.StatusInternalServerError, map[string]any{"errors": "Internal Server Error"})
		return true
	case FaultDropAfter:
		hangUp(w)
		return true
	case FaultDelay:
		return pause(ctx, f.Delay) != nil
	}
	return false
}

func (f *Fault) userError() string {
	if f != nil && f.Kind == FaultUserError {
		return f.Code
	}
	return ""
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close()
}
