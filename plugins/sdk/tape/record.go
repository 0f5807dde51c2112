package tape

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody bounds what of a body is recorded, in bytes. A larger one fails the request: half a recording answers nothing.
const maxBody = 64 << 20

// Recorder writes exchanges into a folder. Its methods may be called concurrently.
type Recorder struct {
	dir    string
	redact *redaction

	mu   sync.Mutex
	last int
}

// NewRecorder records into a folder, which is made where it is missing; what is in it stays, and is gone on after. key makes
// the marks: processes that share it give a value the same one.
func NewRecorder(dir, key string) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	_, last, err := files(dir)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return &Recorder{dir: dir, redact: newRedaction(key), last: last}, nil
}

// AddSecrets names texts that must not be in a recording, beside what the recorder knows by its name: fields, parameters and
// headers that carry credentials. Texts shorter than four bytes are not looked for.
func (r *Recorder) AddSecrets(secrets ...string) { r.redact.add(secrets...) }

// Transport gives base with its exchanges recorded. A failure to write fails the request, so that nobody takes half a
// recording for a whole one.
func (r *Recorder) Transport(base http.RoundTripper) http.RoundTripper {
	return &recordingTransport{recorder: r, base: base}
}

type recordingTransport struct {
	recorder *Recorder
	base     http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The answer is read whole before it is given on.
func (t *recordingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	x := &Exchange{At: time.Now().UTC(), Request: t.recorder.request(req, body)}
	var sent atomic.Bool
	out := req.Clone(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}))
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		x.Failed = FailedNotSent
		if sent.Load() {
			x.Failed = FailedNoAnswer
		}
		return nil, errors.Join(err, t.recorder.add(x))
	}
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	_ = resp.Body.Close() // all of it that there is was read
	if len(raw) > maxBody {
		return nil, fmt.Errorf("record: the answer to %s %s has more than %d bytes", x.Request.Method, x.Request.Path, maxBody)
	}
	if readErr != nil {
		x.Failed = FailedBrokeOff
	}
	x.Answer = &Answer{Status: resp.StatusCode, Headers: t.recorder.redact.answerHeaders(resp.Header), Body: t.recorder.answerBody(x, resp, raw)}
	if err := t.recorder.add(x); err != nil {
		return nil, err
	}
	resp.Body = &readOnce{Reader: bytes.NewReader(raw), end: readErr}
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t *recordingTransport) CloseIdleConnections() { closeIdle(t.base) }

func closeIdle(base http.RoundTripper) {
	if c, ok := base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// readOnce gives what came of a body, and ends with the error that ended it.
type readOnce struct {
	io.Reader
	end error
}

// Read implements io.Reader.
func (b *readOnce) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) && b.end != nil {
		err = b.end
	}
	return n, err
}

// Close implements io.Closer.
func (b *readOnce) Close() error { return nil }

// takeBody reads a request's body and closes it, as a RoundTripper has to.
func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err = errors.Join(err, req.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the request has more than %d bytes", maxBody)
	}
	return body, nil
}

func (r *Recorder) request(req *http.Request, body []byte) Request {
	return redactedRequest(r.redact, req, body)
}

func redactedRequest(r *redaction, req *http.Request, body []byte) Request {
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	out := Request{Method: method, Path: r.path(escapedPath(req)), Headers: r.requestHeaders(req.Header), Body: encodeBody(body, req.Header.Get("Content-Type"), r)}
	if req.URL.RawQuery != "" {
		out.Query = r.query(req.URL.RawQuery)
	}
	return out
}

// answerBody redacts an answer. One that is a bare text, from where tokens are given, is a token.
func (r *Recorder) answerBody(x *Exchange, resp *http.Response, raw []byte) Body {
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if plain, err := gunzip(raw); err == nil {
			raw = plain
		}
	}
	if givesTokens(x.Request.Path) {
		if v, err := decodeJSON(raw); err == nil {
			if token, ok := v.(string); ok && token != "" {
				r.redact.add(token)
				return Body{JSON: encodeJSON(r.redact.keepMark(token))}
			}
		} else if len(raw) > 0 && !isForm(resp.Header.Get("Content-Type")) {
			return Body{Text: r.redact.mark(string(raw))}
		}
	}
	return encodeBody(raw, resp.Header.Get("Content-Type"), r.redact)
}

func gunzip(raw []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxBody))
}

// add writes one exchange under the next number.
func (r *Recorder) add(x *Exchange) error {
	x.Millis = time.Since(x.At).Milliseconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	if err := x.write(filepath.Join(r.dir, fileName(r.last, x.Request.Method, x.Request.Path))); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// sent tells whoever traces a request that it went out, as a real transport does.
func sent(ctx context.Context) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		return
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}
