package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/problem"
)

// What a page itself says no to.
var (
	errForm    = errors.New("console: the form is too old, or of another page")
	errMayNot  = errors.New("console: the role does not allow this page")
	errSecond  = errors.New("console: it waits for a second person")
	errPending = errors.New("console: the hub has taken it and is at it")
	errNoPage  = errors.New("console: there is no such page")
)

// route makes the address of a route: its parts are escaped.
func route(parts ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// ask reads from the API in the name of who signed in.
func ask[T any](r *request, target string, query url.Values) (T, error) {
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return answered[T](r, http.MethodGet, target, nil)
}

// list is a page of records.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"`
}

// tell has the API do something in the name of who signed in. The key of the form makes that a form that is sent twice
// does it once.
func tell[T any](r *request, target string, body any) (T, error) {
	return answered[T](r, http.MethodPost, target, body)
}

func answered[T any](r *request, method, target string, body any) (T, error) {
	var out T
	var raw []byte
	header := map[string]string{}
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return out, fmt.Errorf("console: encode a request: %w", err)
		}
	}
	if method != http.MethodGet {
		key := strings.Clone(r.FormValue("key"))
		if _, err := ulid.ParseStrict(key); err == nil {
			header["Idempotency-Key"] = "form-" + key
		}
	}
	answer := r.k.API.Call(r.who, method, target, raw, header)
	switch {
	case answer.Status == http.StatusAccepted && strings.HasPrefix(answer.Location, "/v1/approvals/"):
		return out, errSecond
	case answer.Status == http.StatusAccepted && pending(answer.Body):
		return out, errPending
	case answer.Status < 300 && len(answer.Body) > 0:
		if err := json.Unmarshal(answer.Body, &out); err != nil {
			return out, fmt.Errorf("console: the answer of %s %s does not decode: %w", method, r.path, err)
		}
		return out, nil
	case answer.Status < 300:
		return out, nil
	}
	p := &problem.Problem{}
	if err := json.Unmarshal(answer.Body, p); err != nil || p.Status == 0 {
		return out, fmt.Errorf("console: %s %s answered %d without a problem", method, r.path, answer.Status)
	}
	return out, p
}

// pending tells that a command is durable and its outcome not known yet.
func pending(body []byte) bool {
	var c struct {
		Status string `json:"status"`
	}
	return json.Unmarshal(body, &c) == nil && c.Status == "pending"
}

// maybe gives the answer of what a page can do without, and the zero value where the role may not have it or it is not to
// be had now.
func maybe[T any](v T, err error) (T, error) {
	var p *problem.Problem
	if errors.As(err, &p) && p.Status != http.StatusInternalServerError {
		var zero T
		return zero, nil
	}
	return v, err
}

// parameter gives a parameter of the path, unescaped and safe to keep.
func (r *request) parameter(name string) string {
	raw := strings.Clone(r.Params(name))
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

func (r *request) query(name string) string { return strings.Clone(r.Query(name)) }

func (r *request) form(name string) string {
	return strings.TrimSpace(strings.Clone(r.FormValue(name)))
}

// done sends the browser on after a form did what it should; what is a key of the catalogue below "done.".
func (r *request) done(path, what string) error {
	u, err := url.Parse(local(path))
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("done", what)
	u.RawQuery = q.Encode()
	return r.Redirect(u.RequestURI(), fiber.StatusSeeOther)
}
