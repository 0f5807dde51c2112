// Package problem is how the hub says no: RFC 9457 problem documents with a stable code and what to do. Every answer
// of a door that is not a success is one of these. docs/errors.md lists the codes and is tested against this package.
package problem

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// MediaType is the content type of a problem document.
const MediaType = "application/problem+json"

// Problem is a refusal or a failure as its reader gets it. It never repeats a value that was sent, so that a secret or
// a person's data that came in by mistake does not come back (invariant 7).
type Problem struct {
	// Type is "urn:jumpring:problem:" and the code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code"`
	// Do says what to do about it, in one sentence.
	Do     string  `json:"do"`
	Errors []Field `json:"errors,omitempty"`
	// Holder is who holds the piece, where that is the reason.
	Holder *canon.Holder `json:"holder,omitempty"`
	// Request is the id under which the hub's log has the cause of a failure.
	Request string `json:"request,omitempty"`
	// RetryAfter goes into the header of that name.
	RetryAfter time.Duration `json:"-"`
}

// Field is one finding about a body or a parameter.
type Field struct {
	// Path is where: "body.lines[0].price", "query.limit", "events[3].data.currency".
	Path    string `json:"path"`
	Message string `json:"message"`
}

// New makes a problem of a registered code; detail may be empty.
func New(code Code, detail string) *Problem {
	s, ok := specs[code]
	if !ok {
		s = Spec{Code: code, Status: http.StatusInternalServerError, Title: "The hub failed", Do: specs[HubFailed].Do}
	}
	return &Problem{
		Type: "urn:jumpring:problem:" + string(code), Title: s.Title, Status: s.Status, Detail: detail, Code: code, Do: s.Do,
	}
}

// With adds findings and gives the problem back.
func (p *Problem) With(fields ...Field) *Problem {
	p.Errors = append(p.Errors, fields...)
	return p
}

// Retry sets when to try again and gives the problem back.
func (p *Problem) Retry(after time.Duration) *Problem {
	p.RetryAfter = after
	return p
}

// RetrySeconds is the value of the Retry-After header: whole seconds, at least 1; "" when none is set.
func (p *Problem) RetrySeconds() string {
	if p.RetryAfter <= 0 {
		return ""
	}
	return strconv.FormatInt(int64((p.RetryAfter+time.Second-1)/time.Second), 10)
}

// Error gives code, detail and findings in one line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Code))
	b.WriteString(": ")
	if p.Detail != "" {
		b.WriteString(p.Detail)
	} else {
		b.WriteString(p.Title)
	}
	for _, f := range p.Errors {
		b.WriteString("; ")
		b.WriteString(f.Path)
		b.WriteString(": ")
		b.WriteString(f.Message)
	}
	return b.String()
}

// FromOutcome makes a problem of a command that the fold refused. The fold's own words are kept.
func FromOutcome(o *canon.Outcome) *Problem {
	code := Code(o.Code)
	if code == "" {
		code = CommandRefused
	}
	p := New(CommandRefused, o.Reason)
	if _, known := specs[code]; known {
		p = New(code, o.Reason)
	}
	p.Code, p.Type, p.Holder = code, "urn:jumpring:problem:"+string(code), o.Holder
	if o.Status >= 400 {
		p.Status = o.Status
	}
	return p
}

// Of gives the problem that an error stands for. What it does not know is HubFailed without detail: the text of such
// an error goes to the log, not to the caller.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var refused *bus.Refused
	switch {
	case errors.As(err, &refused):
		return New(HubBusy, refused.Reason).Retry(max(refused.RetryAfter, time.Second))
	case errors.Is(err, bus.ErrTooLarge):
		return New(BodyTooLarge, "")
	case errors.Is(err, bus.ErrFailed), errors.Is(err, bus.ErrClosed):
		return New(HubBusy, "the journal takes no entries").Retry(5 * time.Second)
	}
	return New(HubFailed, "")
}
