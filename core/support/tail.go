package support

import (
	"bytes"
	"sync"
)

// Tail is a writer that keeps the end of what was written, such as of a log. It is safe for many goroutines.
type Tail struct {
	mu   sync.Mutex
	kept []byte
	most int
}

// NewTail keeps at most so many bytes.
func NewTail(most int) *Tail { return &Tail{most: most} }

// Write implements io.Writer; it never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 2*t.most; over > 0 { // cut seldom: it moves everything
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-t.most:]...)
	}
	return len(p), nil
}

// String gives what was kept, from the begin of a line on.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return LastLines(t.kept, t.most)
}

// LastLines gives the last whole lines of a text, at most so many bytes.
func LastLines(text []byte, most int) string {
	if len(text) <= most {
		return string(text)
	}
	text = text[len(text)-most:]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return string(text)
}
