package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// minSecret is the shortest text that is searched for: shorter ones are parts of ordinary words.
const minSecret = 4

// key names what an observation states.
type key struct {
	kind   canon.Kind
	id     string
	aspect canon.Aspect
}

func (k key) String() string { return string(k.kind) + " " + k.id }

// stated is the latest that was shown of one key.
type stated struct {
	version int64
	content string // without the version
}

// shown is what a series of pages showed: the latest of each key, as the hub would have it.
type shown map[key]stated

// see takes facts over: a higher source version wins, and on a tie what was read later.
func (s shown) see(facts []host.Fact) error {
	for i := range facts {
		o, err := facts[i].Observation()
		if err != nil {
			return err
		}
		k := key{o.Kind, o.ExternalID, o.Aspect}
		v := stated{version: o.SourceVersion}
		o.SourceVersion = 0
		content, err := json.Marshal(&o)
		if err != nil {
			return err
		}
		v.content = string(content)
		if have, ok := s[k]; !ok || v.version >= have.version {
			s[k] = v
		}
	}
	return nil
}

// lacks lists, in order, what of truth s does not show as truth does.
func (s shown) lacks(truth shown) []string {
	var out []string
	for k, want := range truth {
		switch have, ok := s[k]; {
		case !ok:
			out = append(out, k.String()+" is missing")
		case have.content != want.content:
			out = append(out, fmt.Sprintf("%s is %s, want %s", k, brief(have.content), brief(want.content)))
		}
	}
	slices.Sort(out)
	return out
}

// differing gives the keys of truth that s shows otherwise or not at all.
func (s shown) differing(truth shown) shown {
	out := shown{}
	for k, want := range truth {
		if have, ok := s[k]; !ok || have.content != want.content {
			out[k] = want
		}
	}
	return out
}

// of gives what s has of the kinds.
func (s shown) of(kinds map[canon.Kind]bool) shown {
	out := shown{}
	for k, v := range s {
		if kinds[k.kind] {
			out[k] = v
		}
	}
	return out
}

func (s shown) kinds() map[canon.Kind]bool {
	out := map[canon.Kind]bool{}
	for k := range s {
		out[k.kind] = true
	}
	return out
}

func brief(s string) string {
	const most = 160
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func list(lines []string) string {
	if len(lines) > 3 {
		return strings.Join(lines[:3], "; ") + fmt.Sprintf("; and %d more", len(lines)-3)
	}
	return strings.Join(lines, "; ")
}

// snapshotPage asks for one page.
func (s *session) snapshotPage(ctx context.Context, token []byte) (*host.SnapshotResult, error) {
	r, err := s.Snapshot(ctx, &sdk.SnapshotRequest{Page: token, Limit: page})
	s.trial.hear(err)
	if err == nil {
		s.trial.hearFacts(r.Facts)
	}
	return r, err
}

// snapshot reads everything. between, where it is set, is called after each page but the last.
func (s *session) snapshot(ctx context.Context, between func(page int) error) (all shown, cursors map[string][]byte, err error) {
	all = shown{}
	var token []byte
	for n := 1; n <= walks; n++ {
		r, err := s.snapshotPage(ctx, token)
		if err != nil {
			return nil, nil, fmt.Errorf("page %d: %w", n, err)
		}
		if err := all.see(r.Facts); err != nil {
			return nil, nil, fmt.Errorf("page %d: %w", n, err)
		}
		if n == 1 {
			cursors = map[string][]byte{}
			maps.Copy(cursors, r.Cursors)
		}
		if r.Complete {
			return all, cursors, nil
		}
		if between != nil {
			if err := between(n); err != nil {
				return nil, nil, err
			}
		}
		token = r.Next
	}
	return nil, nil, fmt.Errorf("the snapshot of %d rows does not end within %d pages of %d", rows, walks, page)
}

// pollPage asks for one page and reads what it only hints at.
func (s *session) pollPage(ctx context.Context, stream string, cursor []byte, since time.Time, into shown) (*host.PollResult, error) {
	r, err := s.Poll(ctx, &sdk.PollRequest{Stream: stream, Cursor: cursor, Since: since, Limit: page})
	s.trial.hear(err)
	if err != nil {
		return nil, err
	}
	s.trial.hearFacts(r.Facts)
	if err := into.see(r.Facts); err != nil {
		return nil, err
	}
	facts, err := s.read(ctx, r.Touched)
	if err != nil {
		return nil, fmt.Errorf("read of what the poll hinted at: %w", err)
	}
	return r, into.see(facts)
}

// read reads refs as the hub does, in batches.
func (s *session) read(ctx context.Context, refs []canon.Ref) ([]host.Fact, error) {
	most := s.trial.about.RateLimit.MaxBatch
	if most <= 0 {
		most = 50
	}
	var out []host.Fact
	for chunk := range slices.Chunk(refs, most) {
		r, err := s.Read(ctx, &sdk.ReadRequest{Refs: chunk})
		s.trial.hear(err)
		if err != nil {
			return nil, err
		}
		s.trial.hearFacts(r.Facts)
		out = append(out, r.Facts...)
	}
	return out, nil
}

// poll polls each stream until there is no more, and changes cursors to where it ended.
func (s *session) poll(ctx context.Context, cursors map[string][]byte, since time.Time, into shown, between func(stream string, page int) error) error {
	for _, stream := range s.trial.about.Streams {
		for n := 1; ; n++ {
			if n > walks {
				return fmt.Errorf("stream %s: the poll of %d rows does not end within %d pages of %d", stream.Name, rows, walks, page)
			}
			r, err := s.pollPage(ctx, stream.Name, cursors[stream.Name], since, into)
			if err != nil {
				return fmt.Errorf("stream %s, page %d: %w", stream.Name, n, err)
			}
			cursors[stream.Name] = r.Cursor
			if !r.More {
				break
			}
			if between != nil {
				if err := between(stream.Name, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// epoch is where polls begin: before everything that a twin can have.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// truth reads everything in peace: by a snapshot, or by polls from the beginning where the connector has none.
func (s *session) truth(ctx context.Context) (shown, error) {
	if can(sdk.CanSnapshot)(s.trial.kit) == "" {
		all, _, err := s.snapshot(ctx, nil)
		return all, err
	}
	all := shown{}
	return all, s.poll(ctx, map[string][]byte{}, epoch(), all, nil)
}

// filled starts the connector on a twin with rows and gives all that it shows. A finding says why it could not; the
// session is nil then.
func (t *trial) filled(ctx context.Context) (*session, shown, error) {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return nil, nil, err
	}
	s, err := t.usual(ctx)
	return t.readFirst(ctx, s, err)
}

// filledOwn is filled with a process of the check's own.
func (t *trial) filledOwn(ctx context.Context, l launching) (*session, shown, error) {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return nil, nil, err
	}
	s, err := t.start(ctx, l)
	return t.readFirst(ctx, s, err)
}

func (t *trial) readFirst(ctx context.Context, s *session, err error) (*session, shown, error) {
	if s == nil {
		return nil, nil, err
	}
	before, err := s.truth(ctx)
	switch {
	case err != nil:
		t.find("the platform can't be read while all is well: %v", err)
		return nil, nil, nil
	case len(before) == 0:
		t.find("nothing was observed of a platform that has %d rows", rows)
		return nil, nil, nil
	}
	return s, before, nil
}

// kill ends the process as a crash would, and waits for the next one.
func (s *session) kill(ctx context.Context) error {
	s.lent = false
	restarts := s.Status().Restarts
	if err := killProcess(s.Status().PID); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for s.Status().Restarts == restarts {
		select {
		case <-ctx.Done():
			return errors.New("the process that was killed was not started again")
		case <-time.After(2 * time.Millisecond):
		}
	}
	return s.ready(ctx)
}
