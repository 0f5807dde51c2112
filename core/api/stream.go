package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// streamPage is how many rows are read from the view at a time.
const streamPage = 256

// stream follows the hub's timeline as server-sent events. The id of an event is the journal's position of the entry
// that caused it, and stands on the last row of that entry alone: who reconnects with it misses nothing.
//
// A commit only wakes the stream, which then reads the rows from the view. So nothing is buffered for a reader that is
// slow, and the rows after Last-Event-ID and those of now come the same way.
func (a *API) stream(c *fiber.Ctx, who access.Principal) error {
	start := c.Get("Last-Event-ID")
	if start == "" {
		start = c.Query("after")
	}
	after, err := canon.ParsePosition(start)
	if err != nil {
		return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "header.Last-Event-ID", Message: "expected OFFSET.INDEX such as 1042.3"})
	}
	if start == "" {
		if err := a.look(func(v store.View) error {
			mark, err := v.Mark()
			after = mark.Position
			return err
		}); err != nil {
			return err
		}
	}
	s := &follower{a: a, who: who, only: query(c, "type"), after: after}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	a.streams.Add(1)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.streams.Done()
		if err := s.run(w); err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, errGone) {
			a.Log.Warn("stream ended", "error", err)
		}
	})
	return nil
}

// errGone tells that the reader has left.
var errGone = errors.New("api: the reader of the stream is gone")

// follower is one reader of the stream.
type follower struct {
	a     *API
	who   access.Principal
	only  string // type of rows; empty for all
	after canon.Position
}

func (s *follower) run(w *bufio.Writer) error {
	ctx, cancel := context.WithCancel(s.a.ctx)
	wake := make(chan struct{}, 1)
	drained := make(chan struct{})
	commits := s.a.Hub.Subscribe(ctx)
	go func() { // keeps up with the commits, however slow the reader is
		defer close(drained)
		for range commits {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}()
	defer func() {
		cancel()
		<-drained
	}()
	beat := time.NewTicker(s.a.Heartbeat)
	defer beat.Stop()
	if _, err := fmt.Fprint(w, "retry: 2000\n\n"); err != nil || w.Flush() != nil {
		return errGone
	}
	for {
		if err := s.catchUp(ctx, w); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-drained:
			return nil
		case <-wake:
		case <-beat.C:
			if _, err := fmt.Fprint(w, ": here\n\n"); err != nil || w.Flush() != nil {
				return errGone
			}
		}
	}
}

// catchUp writes every row behind the position that was reached.
func (s *follower) catchUp(ctx context.Context, w *bufio.Writer) error {
	for ctx.Err() == nil {
		var rows []canon.Row
		var elsewhere map[int]bool
		err := s.a.look(func(v store.View) (err error) {
			if rows, err = views.Rows(v, s.after, streamPage); err != nil {
				return err
			}
			elsewhere, err = rowsElsewhere(v, s.who, rows)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			last := i+1 == len(rows) || rows[i+1].Position != rows[i].Position
			if err := s.write(w, &rows[i], last, !elsewhere[i]); err != nil {
				return err
			}
		}
		s.after = rows[len(rows)-1].Position
		if w.Flush() != nil {
			return errGone
		}
	}
	return nil
}

func (s *follower) write(w *bufio.Writer, row *canon.Row, last, here bool) error {
	shown := here && (s.only == "" || s.only == row.Type)
	if row.Type == store.TypeClient && !s.who.Can(access.ClientsRead) {
		shown = false
	}
	if last {
		if _, err := fmt.Fprintf(w, "id: %s\n", row.Position); err != nil {
			return errGone
		}
	}
	if !shown {
		// An id without data moves the reader's Last-Event-ID and fires nothing.
		if last {
			if _, err := fmt.Fprint(w, "\n"); err != nil {
				return errGone
			}
		}
		return nil
	}
	access.Row(s.who.Sight(), row)
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("encode a row: %w", err)
	}
	if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", row.Type, data); err != nil {
		return errGone
	}
	return nil
}
