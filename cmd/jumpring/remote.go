package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/problem"
)

// adminTokenFile is where the first start leaves the admin's token, readable for its owner alone, so that the command
// line on the same machine works without more.
const adminTokenFile = "admin.token"

// unknownHere stands for the value of a reference that can't be looked up.
const unknownHere = "not-known-here"

// configuration reads the configuration for commands that only need to know where the hub is. References that can't be
// looked up here (the hub's secrets are not in an operator's shell) get a word in their place.
func (c *console) configuration() (*config.Config, error) {
	src := config.Source{
		Env: func(name string) (string, bool) {
			if v := c.env(name); v != "" {
				return v, true
			}
			return unknownHere, true
		},
		ReadFile: func(string) ([]byte, error) { return []byte(unknownHere), nil },
		Partial:  true,
	}
	cfg, err := config.Load(c.configPath, src)
	if errors.Is(err, fs.ErrNotExist) && c.configPath == defaultConfig {
		return config.Default(), nil
	}
	if err != nil {
		return nil, coded(exitUsage, err)
	}
	return cfg, nil
}

// remote is a running hub.
type remote struct {
	base, token string
	client      *http.Client
}

// remote finds the hub and the token to come with.
func (c *console) remote() (*remote, error) {
	r := &remote{base: strings.TrimRight(c.hub, "/"), token: c.token, client: &http.Client{Timeout: 2 * time.Minute}}
	if r.token == "" {
		r.token = c.env("JUMPRING_TOKEN")
	}
	if r.base == "" {
		r.base = strings.TrimRight(c.env("JUMPRING_HUB"), "/")
	}
	if r.base != "" && r.token != "" {
		return r, nil
	}
	cfg, err := c.configuration()
	if err != nil {
		return nil, err
	}
	if r.base == "" {
		r.base = "http://" + reachable(cfg.Listen)
	}
	if r.token == "" {
		b, err := os.ReadFile(filepath.Join(cfg.Data, adminTokenFile))
		if err != nil {
			return nil, coded(exitUsage, fmt.Errorf("no token: pass --token, set JUMPRING_TOKEN, or run this where %s can be read", filepath.Join(cfg.Data, adminTokenFile)))
		}
		r.token = strings.TrimSpace(string(b))
	}
	return r, nil
}

// reachable is an address to call for one to listen at: all addresses are called as this machine's own.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// refusal is a problem that the hub answered with.
type refusal struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Do     string `json:"do"`
	Errors []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (r *refusal) Error() string {
	var b strings.Builder
	b.WriteString(r.Title)
	if r.Detail != "" {
		b.WriteString(": " + r.Detail)
	}
	for _, f := range r.Errors {
		b.WriteString("\n  " + strings.TrimSuffix(f.Path+": "+f.Message, ": "))
	}
	if r.Do != "" {
		b.WriteString("\n  " + r.Do)
	}
	fmt.Fprintf(&b, " (%s)", r.Code)
	return printableLines(b.String())
}

func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// patience is how long a hub that says it is busy and when to come again is asked again. A view of 100,000 pieces is
// back from a snapshot well within it.
const patience = 30 * time.Second

// call sends a request and gives the answer's body. body may be nil, bytes, or what becomes JSON. Header holds pairs of
// name and value. A hub that is busy is asked again at the time that it names, for as long as patience lasts and where
// to ask twice can't do anything twice: for what only reads, and for what has an Idempotency-Key.
func (r *remote) call(ctx context.Context, method, path string, body any, header ...string) ([]byte, http.Header, error) {
	var sent []byte
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		sent, media = b, "text/csv"
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return nil, nil, err
		}
		sent = raw
	}
	h := http.Header{"Authorization": {"Bearer " + r.token}}
	if body != nil {
		h.Set("Content-Type", media)
	}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	again := method == http.MethodGet || h.Get("Idempotency-Key") != ""
	for until := time.Now().Add(patience); ; {
		raw, answered, err := r.once(ctx, method, path, sent, h)
		var busy *refusal
		if !again || !errors.As(err, &busy) || busy.Code != string(problem.HubBusy) {
			return raw, answered, err
		}
		wait, _ := strconv.Atoi(answered.Get("Retry-After"))
		pause := time.Duration(max(wait, 1)) * time.Second
		if time.Now().Add(pause).After(until) {
			return raw, answered, err
		}
		select {
		case <-ctx.Done():
			return raw, answered, err
		case <-time.After(pause):
		}
	}
}

// once sends a request one time.
func (r *remote) once(ctx context.Context, method, path string, sent []byte, header http.Header) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, bytes.NewReader(sent))
	if err != nil {
		return nil, nil, coded(exitUsage, fmt.Errorf("--hub: %w", err))
	}
	req.Header = header.Clone()
	res, err := r.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, nil, coded(exitUnreachable, fmt.Errorf("no hub answers at %s: %w; start one with `jumpring serve`, or name it with --hub", r.base, err))
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, nil, coded(exitUnreachable, fmt.Errorf("the hub's answer broke off: %w", err))
	}
	if res.StatusCode < 300 {
		return raw, res.Header, nil
	}
	p := &refusal{Status: res.StatusCode, Title: res.Status}
	if err := json.Unmarshal(raw, p); err != nil {
		p.Do = "is this a hub's address?"
	}
	switch {
	case res.StatusCode == http.StatusServiceUnavailable:
		return raw, res.Header, coded(exitUnreachable, p)
	case res.StatusCode >= 500:
		return raw, res.Header, coded(exitFailed, p)
	}
	return raw, res.Header, coded(exitRefused, p)
}

// get reads a document.
func (r *remote) get(ctx context.Context, path string) (any, error) {
	raw, _, err := r.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return decoded(raw)
}

// post sends a command and reads what came of it.
func (r *remote) post(ctx context.Context, path string, body any) (any, error) {
	raw, _, err := r.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return nil, err
	}
	return decoded(raw)
}

// decoded reads JSON without making floats of numbers.
func decoded(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the hub's answer is not JSON: %w", err)
	}
	return v, nil
}

// list reads a list to its end, or to limit records; 0 means all.
func (r *remote) list(ctx context.Context, path string, query url.Values, limit int) ([]any, error) {
	if query == nil {
		query = url.Values{}
	}
	out := []any{}
	for {
		query.Set("limit", "500")
		if limit > 0 && limit-len(out) < 500 {
			query.Set("limit", fmt.Sprint(limit-len(out)))
		}
		v, err := r.get(ctx, path+"?"+query.Encode())
		if err != nil {
			return nil, err
		}
		items, ok := lookup(v, "items").([]any)
		if !ok {
			return nil, fmt.Errorf("the hub's answer has no items")
		}
		out = append(out, items...)
		next, _ := lookup(v, "next_cursor").(string)
		if next == "" || limit > 0 && len(out) >= limit {
			return out, nil
		}
		query.Set("cursor", next)
	}
}
