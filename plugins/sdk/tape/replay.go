package tape

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ErrUnmatched is returned for a request that the recording has no answer to. Its text names the nearest one.
var ErrUnmatched = errors.New("the recording has no answer to this request")

// StateFile is the file that a Player keeps beside the recording's user: what was answered, a line each, so that a process
// that is started anew goes on where the one before it was, and what could not be.
const StateFile = "replayed.txt"

// The beginnings of the lines of a StateFile.
const (
	stateUsed      = "used "
	StateUnmatched = "unmatched "
)

// Player answers requests from a recording. It opens no connection. A request is answered by the first exchange that has the
// same method, path, query and body and was not used yet; parameters and members may come in any order, and whatever is
// redacted in a recording is equal to whatever would be. A safe request that comes more often than it was recorded gets the
// last answer again. Its methods may be called concurrently.
type Player struct {
	exchanges []*played
	redact    *redaction

	mu    sync.Mutex
	state *os.File
}

type played struct {
	*Exchange
	key  matched
	used bool
}

// matched is what a request is found by.
type matched struct{ method, path, query, body string }

// NewPlayer answers from a folder that a Recorder filled. state is the file that remembers what was answered; "" keeps that
// in memory. Close it.
func NewPlayer(dir, state string) (*Player, error) {
	names, _, err := files(dir)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	p := &Player{redact: newRedaction("replay")}
	for _, name := range names {
		x, err := readExchange(dir, name)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		p.exchanges = append(p.exchanges, &played{Exchange: x, key: x.Request.key()})
	}
	if state == "" {
		return p, nil
	}
	before, err := os.ReadFile(state)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replay: %w", err)
	}
	for line := range strings.SplitSeq(string(before), "\n") {
		if name, ok := strings.CutPrefix(line, stateUsed); ok {
			for _, x := range p.exchanges {
				x.used = x.used || x.file == name
			}
		}
	}
	if p.state, err = os.OpenFile(state, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return p, nil
}

// AddSecrets names texts that stand for secrets of the recording wherever a request has them.
func (p *Player) AddSecrets(secrets ...string) { p.redact.add(secrets...) }

// Close ends the state file.
func (p *Player) Close() error {
	if p.state == nil {
		return nil
	}
	return p.state.Close()
}

// key gives what a recorded request is found by.
func (r *Request) key() matched {
	body := r.Text
	switch {
	case len(r.JSON) > 0:
		// What somebody edited by hand is brought into the one form.
		if v, err := decodeJSON(r.JSON); err == nil {
			body = string(encodeJSON(v))
		}
	case len(r.Lines) > 0 || r.Base64 != "":
		raw, err := r.bytes()
		if err == nil {
			body = string(raw)
		}
	case isForm(r.Headers["Content-Type"]):
		body = sorted(body)
	}
	if _, boundary, ok := strings.Cut(r.Headers["Content-Type"], "boundary="); ok {
		body = strings.ReplaceAll(body, strings.Trim(boundary, `"`), "boundary") // a multipart body's is random
	}
	return matched{r.Method, same(r.Path), same(sorted(r.Query)), same(body)}
}

// same makes all marks equal.
func same(s string) string { return anyMark.ReplaceAllString(s, "*") }

// sorted puts the parameters of a query in order, marks made equal first so that they don't decide it.
func sorted(query string) string {
	query = same(strings.ReplaceAll(strings.ReplaceAll(query, "%40", "@"), "%2B999", "+999"))
	parts := strings.Split(query, "&")
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// RoundTrip implements http.RoundTripper.
func (p *Player) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	asked := redactedRequest(p.redact, req, body)
	x, err := p.find(&asked)
	if err != nil {
		return nil, err
	}
	if x.Failed == FailedNotSent {
		return nil, fmt.Errorf("replay of %s: %w", x.file, syscall.ECONNREFUSED)
	}
	sent(req.Context())
	if x.Failed == FailedNoAnswer || x.Answer == nil {
		return nil, fmt.Errorf("replay of %s: no answer came: %w", x.file, io.ErrUnexpectedEOF)
	}
	raw, err := x.Answer.bytes()
	if err != nil {
		return nil, fmt.Errorf("replay of %s: %w", x.file, err)
	}
	answer := &readOnce{Reader: bytes.NewReader(raw)}
	if x.Failed == FailedBrokeOff {
		answer.end = io.ErrUnexpectedEOF
	}
	header := http.Header{}
	for k, v := range x.Answer.Headers {
		header[http.CanonicalHeaderKey(k)] = slices.Clone(v)
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", x.Answer.Status, http.StatusText(x.Answer.Status)), StatusCode: x.Answer.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: answer, ContentLength: int64(len(raw)), Request: req,
	}, nil
}

// find gives the exchange that answers a request.
func (p *Player) find(asked *Request) (*played, error) {
	key := asked.key()
	p.mu.Lock()
	defer p.mu.Unlock()
	var last *played
	for _, x := range p.exchanges {
		if x.key != key {
			continue
		}
		last = x
		if !x.used {
			x.used = true
			return x, p.note(stateUsed + x.file)
		}
	}
	if last != nil && (key.method == http.MethodGet || key.method == http.MethodHead) {
		return last, nil
	}
	err := p.unmatched(key, last)
	return nil, errors.Join(err, p.note(StateUnmatched+strings.ReplaceAll(err.Error(), "\n", " ")))
}

func (p *Player) note(line string) error {
	if p.state == nil {
		return nil
	}
	_, err := p.state.WriteString(line + "\n")
	return err
}

// unmatched says what was asked, and which exchange comes nearest.
func (p *Player) unmatched(key matched, last *played) error {
	asked := key.method + " " + shorten(key.path+question(key.query))
	if last != nil {
		return fmt.Errorf("%w: %s was recorded as %s, which was answered before", ErrUnmatched, asked, last.file)
	}
	var nearest *played
	best := -1
	for _, x := range p.exchanges {
		if score := x.key.nearness(key); score > best {
			nearest, best = x, score
		}
	}
	if nearest == nil {
		return fmt.Errorf("%w: %s; it has no exchange at all", ErrUnmatched, asked)
	}
	return fmt.Errorf("%w: %s; the nearest is %s: %s", ErrUnmatched, asked, nearest.file, nearest.key.differs(key))
}

func question(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

// nearness counts what two requests have in common.
func (k matched) nearness(other matched) (score int) {
	ours, theirs := strings.Split(k.path, "/"), strings.Split(other.path, "/")
	for i := range min(len(ours), len(theirs)) {
		if ours[i] == theirs[i] {
			score += 4
		}
	}
	if k.path == other.path {
		score += 8
	}
	if k.method == other.method {
		score += 6
	}
	parts := strings.Split(k.query, "&")
	for part := range strings.SplitSeq(other.query, "&") {
		if slices.Contains(parts, part) {
			score++
		}
	}
	if k.body == other.body {
		score += 2
	}
	return score
}

// differs says how the recorded request k differs from the one that is asked.
func (k matched) differs(asked matched) string {
	var out []string
	add := func(what, recorded, asked string) {
		if recorded != asked {
			out = append(out, fmt.Sprintf("%s %s there, %s here", what, shorten(recorded), shorten(asked)))
		}
	}
	add("method", k.method, asked.method)
	add("path", k.path, asked.path)
	recorded, has := missing(k.query, asked.query), missing(asked.query, k.query)
	add("query", recorded, has)
	add("body", k.body, asked.body)
	return strings.Join(out, "; ")
}

// missing gives the parameters of a that b lacks, readable.
func missing(a, b string) string {
	theirs := strings.Split(b, "&")
	var out []string
	for part := range strings.SplitSeq(a, "&") {
		if part == "" || slices.Contains(theirs, part) {
			continue
		}
		if plain, err := url.QueryUnescape(part); err == nil {
			part = plain
		}
		out = append(out, part)
	}
	return strings.Join(out, "&")
}

// shorten keeps an error readable.
func shorten(s string) string {
	const most = 300
	switch {
	case s == "":
		return "nothing"
	case len(s) > most:
		return s[:most] + "…"
	}
	return s
}
