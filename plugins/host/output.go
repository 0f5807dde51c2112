package host

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pacedReader reads what a process writes no faster than it may be logged: who writes without end waits for its own pipe.
type pacedReader struct {
	from  io.ReadCloser
	limit *rate.Limiter
	ended <-chan struct{} // the process has: the rest is read at once

	mu   sync.Mutex
	tail []byte // the newest of what was read
}

// tailKept is how much of the end is kept, in bytes.
const tailKept = 8 << 10

func newPacedReader(from io.ReadCloser, ended <-chan struct{}) *pacedReader {
	return &pacedReader{from: from, limit: rate.NewLimiter(outputPerSecond, outputBurst), ended: ended}
}

// Read implements io.Reader.
func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.from.Read(b[:min(len(b), outputBurst)])
	r.mu.Lock()
	r.tail = append(r.tail, b[:n]...)
	if over := len(r.tail) - 2*tailKept; over > 0 {
		r.tail = append(r.tail[:0], r.tail[over+tailKept:]...)
	}
	r.mu.Unlock()
	waitFor(r.limit, n, r.ended)
	return n, err
}

// waitFor waits until n bytes may pass, or ended is closed.
func waitFor(limit *rate.Limiter, n int, ended <-chan struct{}) {
	d := limit.ReserveN(time.Now(), min(n, limit.Burst())).Delay()
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	}
}

// Close implements io.Closer.
func (r *pacedReader) Close() error { return r.from.Close() }

// fatal gives the last line in which Go's runtime said why it ended the process.
func (r *pacedReader) fatal() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := bytes.LastIndex(r.tail, []byte("fatal error: "))
	if i < 0 {
		return ""
	}
	line, _, _ := strings.Cut(string(r.tail[i:]), "\n")
	return clip(line, 200)
}
