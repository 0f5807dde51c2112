package host

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

// A connector's log is bounded, so that one that writes without end fills no disk.
const (
	logPerSecond = 50
	logBurst     = 500
	maxLogText   = 4 << 10 // of one message or value, in bytes
	// What a process writes is read no faster than this, in bytes: one that writes more waits, and nobody else does.
	// It is somewhat more than what is logged of it.
	outputPerSecond = 256 << 10
	outputBurst     = 1 << 20
)

// redactingLogger is an hclog.Logger that takes secrets out of messages and values, and that drops what comes too fast.
// What was dropped is counted in the next line that passes.
type redactingLogger struct {
	hclog.Logger
	redact *redactor
	pace   *pace // shared by all loggers derived from one
}

type pace struct {
	limit   *rate.Limiter
	mu      sync.Mutex
	dropped int
	all     int64 // dropped since the launch
}

// lost gives how many lines were dropped in all.
func (p *pace) lost() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}

// take says whether a line may pass, and how many did not since the last one.
func (p *pace) take() (ok bool, dropped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.limit.AllowN(time.Now(), 1) {
		p.dropped++
		p.all++
		return false, 0
	}
	dropped, p.dropped = p.dropped, 0
	return true, dropped
}

func newRedactingLogger(l hclog.Logger, r *redactor) *redactingLogger {
	return &redactingLogger{Logger: l, redact: r, pace: &pace{limit: rate.NewLimiter(logPerSecond, logBurst)}}
}

// Log implements hclog.Logger.
func (l *redactingLogger) Log(level hclog.Level, msg string, args ...any) {
	if level < l.GetLevel() || l.GetLevel() == hclog.Off {
		return
	}
	ok, dropped := l.pace.take()
	if !ok {
		return
	}
	clean := l.clean(args)
	if dropped > 0 {
		clean = append(clean, "lines_dropped_before", dropped)
	}
	l.Logger.Log(level, clip(l.redact.String(msg), maxLogText), clean...)
}

func (l *redactingLogger) clean(args []any) []any {
	out := make([]any, len(args), len(args)+2)
	for i, a := range args {
		switch v := a.(type) {
		case int, int64, uint64, float64, bool, time.Duration, nil:
			out[i] = v
		case string:
			out[i] = clip(l.redact.String(v), maxLogText)
		default:
			out[i] = clip(l.redact.String(fmt.Sprint(v)), maxLogText)
		}
	}
	return out
}

// Trace implements hclog.Logger, as the methods after it do.
func (l *redactingLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }

// Debug implements hclog.Logger.
func (l *redactingLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }

// Info implements hclog.Logger.
func (l *redactingLogger) Info(msg string, args ...any) { l.Log(hclog.Info, msg, args...) }

// Warn implements hclog.Logger.
func (l *redactingLogger) Warn(msg string, args ...any) { l.Log(hclog.Warn, msg, args...) }

// Error implements hclog.Logger.
func (l *redactingLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

// With implements hclog.Logger.
func (l *redactingLogger) With(args ...any) hclog.Logger {
	return &redactingLogger{Logger: l.Logger.With(l.clean(args)...), redact: l.redact, pace: l.pace}
}

// Named implements hclog.Logger.
func (l *redactingLogger) Named(name string) hclog.Logger {
	return &redactingLogger{Logger: l.Logger.Named(name), redact: l.redact, pace: l.pace}
}

// ResetNamed implements hclog.Logger.
func (l *redactingLogger) ResetNamed(name string) hclog.Logger {
	return &redactingLogger{Logger: l.Logger.ResetNamed(name), redact: l.redact, pace: l.pace}
}

// lineLogger logs what a connector writes to its standard output or error, no faster than outputPerSecond: while it waits,
// so does who writes.
type lineLogger struct {
	log   hclog.Logger
	limit *rate.Limiter
	ended <-chan struct{} // the process has: the rest is taken at once
	mu    sync.Mutex
	buf   []byte
}

// Write logs complete lines and keeps the rest, up to maxLogText.
func (w *lineLogger) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	waitFor(w.limit, len(b), w.ended)
	w.buf = append(w.buf, b...)
	for {
		i := bytes.IndexByte(w.buf, '\n')
		if i < 0 && len(w.buf) > 2*maxLogText {
			i = len(w.buf) - 1
		}
		if i < 0 {
			return len(b), nil
		}
		w.log.Debug(string(bytes.TrimRight(w.buf[:i+1], "\r\n")))
		w.buf = append(w.buf[:0], w.buf[i+1:]...)
	}
}
