package hub

import (
	"context"
	"errors"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// idleClock is how long the clock sleeps when no deadline is near.
const idleClock = time.Minute

// runClock appends a tick when a deadline falls due, and only then. The next one is in the view.
func (h *Hub) runClock(ctx context.Context) error {
	select {
	case <-h.ready:
	case <-ctx.Done():
		return nil
	}
	commits := h.router.Subscribe(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case c, ok := <-commits:
			if !ok {
				return nil
			}
			if !c.Deadlines {
				continue
			}
		case <-timer.C:
		}
		next, some, err := h.nextDeadline()
		if err != nil {
			return err
		}
		wait := idleClock
		if some {
			wait = min(time.Until(next), idleClock)
		}
		if some && wait <= 0 {
			if err := h.tick(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			wait = 10 * time.Millisecond // more may be due
		}
		timer.Reset(wait)
	}
}

func (h *Hub) nextDeadline() (next time.Time, some bool, err error) {
	v, err := h.store.View()
	if err != nil {
		return next, false, err
	}
	defer v.Close()
	from, err := router.LastTick(v)
	if err != nil {
		return next, false, err
	}
	err = v.Scan(store.PrefixDue, store.DueKey(from, ""), func(key string, _ []byte) (bool, error) {
		next, err = store.DueTime(key)
		some = err == nil
		return false, err
	})
	return next, some, err
}

func (h *Hub) tick(ctx context.Context) error {
	e, err := router.NewEntry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	if err != nil {
		return err
	}
	err = h.appendAndFold(ctx, bus.ClassCommand, e)
	var refused *bus.Refused
	if errors.As(err, &refused) {
		return nil // the next round tries again
	}
	return err
}

// appendAndFold appends entries of the hub itself and waits until they are folded.
func (h *Hub) appendAndFold(ctx context.Context, class bus.Class, entries ...bus.Entry) error {
	for {
		rec, err := h.router.Append(ctx, class, entries...)
		var refused *bus.Refused
		if errors.As(err, &refused) {
			select {
			case <-time.After(refused.RetryAfter):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err != nil {
			return err
		}
		return h.router.WaitFolded(ctx, rec.Offset)
	}
}
