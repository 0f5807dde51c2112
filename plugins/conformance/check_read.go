package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// trySnapshot reads everything and looks at each page.
func trySnapshot(ctx context.Context, t *trial) error {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return err
	}
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	seen := map[key]int{}
	covered := map[canon.Kind]bool{}
	var token []byte
	for n := 1; ; n++ {
		if n > walks {
			t.find("the snapshot of %d rows does not end within %d pages of %d", rows, walks, page)
			return nil
		}
		r, err := s.snapshotPage(ctx, token)
		if err != nil {
			t.find("page %d fails: %v", n, err)
			return nil
		}
		t.pageShape(n, r)
		onPage := shown{}
		if err := onPage.see(r.Facts); err != nil {
			t.find("page %d: %v", n, err)
			return nil
		}
		for k := range onPage {
			if first, twice := seen[k]; twice && k.kind != canon.KindLocation && k.kind != canon.KindProduct {
				t.find("%s is on pages %d and %d of a platform where nothing changes", k, first, n)
			}
			seen[k] = n
		}
		for _, kind := range r.Kinds {
			covered[kind] = true
		}
		if r.Complete {
			break
		}
		token = r.Next
	}
	if len(seen) == 0 {
		t.find("nothing was observed of a platform that has %d rows", rows)
	}
	if len(covered) == 0 {
		t.find("no page names the kinds that the snapshot covers in full (Kinds)")
	}
	for kind := range covered {
		if !slices.Contains(t.about.Kinds, kind) {
			t.find("the snapshot covers the kind %s, which Describe does not list", kind)
		}
	}
	return nil
}

// pageShape looks at what page n must and must not have.
func (t *trial) pageShape(n int, r *host.SnapshotResult) {
	switch {
	case n > 1 && len(r.Cursors) > 0:
		t.find("page %d has cursors: only page 1 may, since they are captured before the first row", n)
	case n == 1 && slices.Contains(t.about.Capabilities, sdk.CanPoll):
		for _, stream := range t.about.Streams {
			if len(r.Cursors[stream.Name]) == 0 {
				t.find("page 1 has no cursor for the stream %s", stream.Name)
			}
		}
	}
	for _, e := range r.RowErrors {
		t.find("page %d: %s can't be read: %s %s", n, e.Place, e.Code, e.Reason)
	}
}

// tryHandoff changes rows while page one is on its way, reads the rest, and polls from the captured cursors.
func tryHandoff(ctx context.Context, t *trial) error {
	s, before, err := t.filled(ctx)
	if s == nil {
		return err
	}
	// By the proxy the change falls between the platform's answer and the connector's look at it, the worst moment.
	changed, changeErr := false, error(nil)
	change := func(int) {
		if !changed {
			changed, changeErr = true, t.Twin.Change(ctx, tied)
		}
	}
	if t.disturbs() {
		t.proxy.afterAnswer(change)
	}
	got, cursors, err := s.snapshot(ctx, func(int) error { change(0); return changeErr })
	if t.disturbs() {
		t.proxy.clear()
	}
	switch {
	case changeErr != nil:
		return changeErr
	case err != nil:
		t.find("the snapshot fails: %v", err)
		return nil
	case !changed:
		return fmt.Errorf("the snapshot of %d rows has one page of %d: the twin's reset does not leave that many rows", rows, page)
	}
	if err := s.poll(ctx, cursors, epoch(), got, nil); err != nil {
		t.find("the poll that goes on after the snapshot fails: %v", err)
		return nil
	}
	return t.caughtUp(ctx, s, before, got, "after the snapshot and the poll from its cursors")
}

// caughtUp compares what was shown with the truth, for what changed since before.
func (t *trial) caughtUp(ctx context.Context, s *session, before, got shown, when string) error {
	truth, err := s.truth(ctx)
	if err != nil {
		t.find("the platform can't be read in peace: %v", err)
		return nil
	}
	changed := before.differing(truth)
	if len(changed) == 0 {
		return errors.New("the twin's change changes nothing that the connector observes")
	}
	if lacks := got.lacks(changed); len(lacks) > 0 {
		t.find("%s, %d of %d changes are not shown: %s", when, len(lacks), len(changed), list(lacks))
	}
	return nil
}

// trySnapshotResume kills the process at every page: once before it is asked for, and once while it is on its way.
func trySnapshotResume(ctx context.Context, t *trial) error {
	s, truth, err := t.filled(ctx)
	if s == nil {
		return err
	}
	got, _, err := s.snapshot(ctx, func(int) error { return s.kill(ctx) })
	if err != nil {
		t.find("after a kill between two pages the snapshot does not go on: %v", err)
		return nil
	}
	if lacks := got.lacks(truth); len(lacks) > 0 {
		t.find("a snapshot whose process was killed at each page lacks %d of %d: %s", len(lacks), len(truth), list(lacks))
	}
	return nil
}

// tryTies changes more rows than a page holds at one moment.
func tryTies(ctx context.Context, t *trial) error {
	s, before, err := t.filled(ctx)
	if s == nil {
		return err
	}
	got, cursors := shown{}, map[string][]byte{}
	if err := s.poll(ctx, cursors, epoch(), got, nil); err != nil {
		t.find("the first poll fails: %v", err)
		return nil
	}
	before, got = before.of(got.kinds()), shown{}
	if err := t.Twin.Change(ctx, tied); err != nil {
		return err
	}
	if err := s.poll(ctx, cursors, epoch(), got, nil); err != nil {
		t.find("the poll after %d rows changed at one moment fails: %v", tied, err)
		return nil
	}
	truth, err := s.truth(ctx)
	if err != nil {
		t.find("the platform can't be read in peace: %v", err)
		return nil
	}
	changed := before.differing(truth.of(before.kinds()))
	if len(changed) == 0 {
		return errors.New("the twin's change changes nothing that a poll shows")
	}
	if lacks := got.lacks(changed); len(lacks) > 0 {
		t.find("of %d rows that changed at one moment %d are not shown: %s", len(changed), len(lacks), list(lacks))
	}
	return nil
}

// tryPollResume kills the process at every page, and asks each cursor twice.
func tryPollResume(ctx context.Context, t *trial) error {
	s, _, err := t.filled(ctx)
	if s == nil {
		return err
	}
	want := shown{}
	if err := s.poll(ctx, map[string][]byte{}, epoch(), want, nil); err != nil {
		t.find("the poll fails: %v", err)
		return nil
	}
	got, cursors := shown{}, map[string][]byte{}
	err = s.poll(ctx, cursors, epoch(), got, func(stream string, n int) error {
		// The hub may have to ask a cursor again, since its process or its own may end before the page is journaled.
		first, again := shown{}, shown{}
		if _, err := s.pollPage(ctx, stream, cursors[stream], epoch(), first); err != nil {
			return fmt.Errorf("page %d: %w", n+1, err)
		}
		if err := s.kill(ctx); err != nil {
			return err
		}
		if _, err := s.pollPage(ctx, stream, cursors[stream], epoch(), again); err != nil {
			return fmt.Errorf("page %d, asked by a new process: %w", n+1, err)
		}
		if lacks := again.lacks(first); len(lacks) > 0 {
			return fmt.Errorf("page %d, asked again by a new process, lacks %s", n+1, list(lacks))
		}
		return s.kill(ctx)
	})
	if err != nil {
		t.find("a poll whose process is killed at each page does not go on: %v", err)
		return nil
	}
	if lacks := got.lacks(want); len(lacks) > 0 {
		t.find("a poll whose process is killed at each page lacks %d of %d: %s", len(lacks), len(want), list(lacks))
	}
	return nil
}

// readAll reads everything by polls, or by a snapshot where the connector does not poll.
func (s *session) readAll(ctx context.Context) (shown, error) {
	if can(sdk.CanPoll)(s.trial.kit) != "" {
		all, _, err := s.snapshot(ctx, nil)
		return all, err
	}
	all := shown{}
	return all, s.poll(ctx, map[string][]byte{}, epoch(), all, nil)
}

// patience bounds how often a disturbed page is asked again.
const patience = 10

// again calls do until it succeeds, pausing as the connector asks.
func again(ctx context.Context, do func() error) (err error) {
	for range patience {
		if err = do(); err == nil {
			return nil
		}
		wait := 10 * time.Millisecond
		if e := (*host.Error)(nil); errors.As(err, &e) && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	return err
}
