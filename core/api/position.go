package api

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// HeaderPosition is how far the node that answers has folded the journal, at the least. With it as ?after= another node
// answers no older.
const HeaderPosition = "Jumpring-Position"

// HeaderSnapshot names the file of a snapshot.
const HeaderSnapshot = "Jumpring-Snapshot"

// Positions is a Hub that knows how far it has folded.
type Positions interface {
	Position() canon.Position
	// WaitPosition blocks until it has folded so far.
	WaitPosition(ctx context.Context, at canon.Position) error
}

// Snapshots is a Hub that hands its view over to another node.
type Snapshots interface {
	// SnapshotFile writes a snapshot of now and gives its path.
	SnapshotFile(ctx context.Context) (string, error)
}

// afterWait is how long a read waits for the position that it asks for.
const afterWait = 5 * time.Second

// awaitPosition keeps a read from being older than ?after= says.
func (a *API) awaitPosition(c *fiber.Ctx) error {
	p, ok := a.Hub.(Positions)
	raw := c.Query("after")
	if !ok || raw == "" {
		return nil
	}
	at, err := canon.ParsePosition(raw)
	if err != nil {
		return problem.New(problem.CursorInvalid, "after is no position")
	}
	ctx, cancel := context.WithTimeout(a.ctx, afterWait)
	defer cancel()
	if err := p.WaitPosition(ctx, at); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return problem.New(problem.HubBusy, "this node has not folded the journal so far yet").Retry(time.Second)
		}
		return err
	}
	return nil
}

// showPosition tells how far the node was before it answered.
func (a *API) showPosition(c *fiber.Ctx, at canon.Position) {
	if !at.IsZero() {
		c.Set(HeaderPosition, at.String())
	}
}

func (a *API) position() canon.Position {
	if p, ok := a.Hub.(Positions); ok {
		return p.Position()
	}
	return canon.Position{}
}

// snapshot hands over the whole view as a file.
func (a *API) snapshot(c *fiber.Ctx, _ access.Principal) error {
	s, ok := a.Hub.(Snapshots)
	if !ok {
		return problem.New(problem.HubBusy, "this hub hands no snapshots over")
	}
	path, err := s.SnapshotFile(a.ctx)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	c.Set(HeaderSnapshot, filepath.Base(path))
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	return c.SendStream(f) // which closes it
}
