package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/problem"
)

// Leader is the node, of several that share a journal, that asks platforms and writes to them.
type Leader struct {
	// Here tells that it is this one. Where there is only one node it always is.
	Here bool
	// Node is its name, and Address where other nodes reach it, without a slash at the end. Both may be empty.
	Node, Address string
}

// Led is a Hub that knows which node leads.
type Led interface{ Leader() (Leader, error) }

// HeaderPassedOn is on a request that a node passes on to the one that leads. Such a one is not passed on again.
const HeaderPassedOn = "Jumpring-Passed-On"

const (
	leaderSoon  = 2 * time.Second // when to ask again while no node leads
	passDelay   = 10 * time.Second
	passedBytes = 16 << 20 // of the leader's answer
)

// passedHeaders go along with a request, givenBack with its answer.
var (
	passedHeaders = []string{fiber.HeaderAuthorization, fiber.HeaderContentType, fiber.HeaderAccept, "Idempotency-Key"}
	givenBack     = []string{fiber.HeaderContentType, fiber.HeaderLocation, fiber.HeaderRetryAfter, HeaderPosition}
)

// between asks another node. A redirect is not followed: the token is for that node alone.
var between = &http.Client{
	Timeout:       askDeadline + passDelay,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func notLeader(format string, args ...any) *problem.Problem {
	return problem.New(problem.HubNotLeader, fmt.Sprintf(format, args...)).Retry(leaderSoon)
}

// passOn has the node that leads answer a request, and tells whether it did. The token goes along, so that the leader
// checks it, and its actor is the one there too. Invariant 8.
func (a *API) passOn(c *fiber.Ctx) (done bool, err error) {
	led, ok := a.Hub.(Led)
	if !ok {
		return false, nil
	}
	l, err := led.Leader()
	if err != nil || l.Here {
		return false, err
	}
	switch {
	case l.Node == "":
		return false, notLeader("no node holds the lease now")
	case c.Get(HeaderPassedOn) != "":
		return false, notLeader("node %s leads, and this request was passed on once already", l.Node)
	case l.Address == "":
		return false, notLeader("node %s leads; name its bus.address in its configuration, so that this one can pass requests on", l.Node)
	case c.Get(fiber.HeaderAuthorization) == "": // of the console, whose sessions are this node's
		return false, notLeader("node %s leads: do this at its console, at %s", l.Node, l.Address)
	}
	ctx, cancel := context.WithTimeout(a.ctx, between.Timeout)
	defer cancel()
	// The body is copied: Fiber uses its own again when the request is over.
	req, err := http.NewRequestWithContext(ctx, c.Method(), l.Address+strings.Clone(c.OriginalURL()), bytes.NewReader(bytes.Clone(c.Body())))
	if err != nil {
		return false, notLeader("node %s leads, and its bus.address is no address", l.Node)
	}
	for _, name := range passedHeaders {
		if v := c.Get(name); v != "" {
			req.Header.Set(name, strings.Clone(v))
		}
	}
	req.Header.Set(HeaderPassedOn, "1")
	res, err := between.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return false, err
		}
		return false, notLeader("node %s leads and can't be reached at its bus.address", l.Node)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusUnauthorized {
		return false, problem.New(problem.TokenInvalid, fmt.Sprintf("node %s leads and does not take this token: it may have ended, or that node has not folded it yet", l.Node))
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, passedBytes))
	if err != nil {
		return false, notLeader("the answer of node %s broke off", l.Node)
	}
	for _, name := range givenBack {
		if v := res.Header.Get(name); v != "" {
			c.Set(name, v)
		}
	}
	return true, c.Status(res.StatusCode).Send(raw)
}
