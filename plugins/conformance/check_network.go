package conformance

import (
	"context"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// maxPlaces bounds at how many requests of one call a disturbance is tried.
const maxPlaces = 12

// places counts the requests of an undisturbed call.
func (t *trial) places(do func() error) (int, error) {
	t.proxy.disturb(nil)
	err := do()
	return min(len(t.proxy.clear()), maxPlaces), err
}

// tooEarly reports requests that came earlier than a throttled answer asked for. A twentieth is forgiven, for a
// request that was under way.
func (t *trial) tooEarly(log []seen) {
	for i, r := range log {
		if r.fault != faultThrottle {
			continue
		}
		for _, next := range log[i+1:] {
			if gap := next.at.Sub(r.ended); gap < retryAfter*19/20 {
				t.find("the platform asked for a pause of %v, and the next request came after %v", retryAfter, gap.Round(time.Millisecond))
				return
			}
		}
	}
}

// tryPollThrottled throttles the last request of a poll.
func tryPollThrottled(ctx context.Context, t *trial) error {
	s, _, err := t.filled(ctx)
	if s == nil {
		return err
	}
	want := shown{}
	n, err := t.places(func() error { return s.poll(ctx, map[string][]byte{}, epoch(), want, nil) })
	if err != nil {
		t.find("the poll fails: %v", err)
		return nil
	}
	t.proxy.at(n, faultThrottle)
	got := shown{}
	err = s.patientPoll(ctx, got)
	t.tooEarly(t.proxy.clear())
	if err != nil {
		t.find("after one throttled request the poll does not go on: %v", err)
		return nil
	}
	if lacks := got.lacks(want); len(lacks) > 0 {
		t.find("a poll that was throttled once lacks %d of %d: %s", len(lacks), len(want), list(lacks))
	}
	return nil
}

// patientPoll polls everything from the beginning and asks a page that failed again, as the hub does.
func (s *session) patientPoll(ctx context.Context, into shown) error {
	for _, stream := range s.trial.about.Streams {
		var cursor []byte
		for n, more := 0, true; more && n < walks; n++ {
			err := again(ctx, func() error {
				r, err := s.pollPage(ctx, stream.Name, cursor, epoch(), into)
				if err == nil {
					cursor, more = r.Cursor, r.More
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// patientSnapshot does the same for a snapshot.
func (s *session) patientSnapshot(ctx context.Context, into shown) error {
	var token []byte
	for n, done := 0, false; !done && n < walks; n++ {
		err := again(ctx, func() error {
			r, err := s.snapshotPage(ctx, token)
			if err != nil {
				return err
			}
			token, done = r.Next, r.Complete
			return into.see(r.Facts)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patientRead reads everything, by polls where the connector polls.
func (s *session) patientRead(ctx context.Context, into shown) error {
	if can(sdk.CanPoll)(s.trial.kit) == "" {
		return s.patientPoll(ctx, into)
	}
	return s.patientSnapshot(ctx, into)
}

// trySlow reads everything over a slow network.
func trySlow(ctx context.Context, t *trial) error {
	s, _, err := t.filled(ctx)
	if s == nil {
		return err
	}
	want, err := s.readAll(ctx)
	if err != nil {
		t.find("the platform can't be read: %v", err)
		return nil
	}
	t.proxy.disturb(func(n int) fault {
		if n <= maxPlaces {
			return faultSlow
		}
		return faultNone
	})
	got, err := s.readAll(ctx)
	t.proxy.clear()
	if err != nil {
		t.find("over a network that takes %v for an answer reading fails: %v", trickle, err)
		return nil
	}
	if lacks := got.lacks(want); len(lacks) > 0 {
		t.find("over a slow network %d of %d are not shown: %s", len(lacks), len(want), list(lacks))
	}
	return nil
}

// tryDropped breaks off the answer to each request in turn.
func tryDropped(ctx context.Context, t *trial) error {
	s, _, err := t.filled(ctx)
	if s == nil {
		return err
	}
	var want shown
	n, err := t.places(func() (err error) { want, err = s.readAll(ctx); return err })
	if err != nil {
		t.find("the platform can't be read: %v", err)
		return nil
	}
	for k := 1; k <= n; k++ {
		t.proxy.at(k, faultCut)
		got := shown{}
		err := s.patientRead(ctx, got)
		t.proxy.clear()
		if err != nil {
			t.find("after the answer to request %d broke off, reading does not go on: %v", k, err)
			return nil
		}
		if lacks := got.lacks(want); len(lacks) > 0 {
			t.find("after the answer to request %d broke off, %d of %d are not shown: %s", k, len(lacks), len(want), list(lacks))
			return nil
		}
	}
	return nil
}

// tryHang has the platform never answer a call, and makes another call meanwhile.
func tryHang(ctx context.Context, t *trial) error {
	// The call that hangs is ended by its caller, so its own deadline lies behind everything that is waited for here.
	s, _, err := t.filledOwn(ctx, launching{deadline: 4 * t.Deadline})
	if s == nil {
		return err
	}
	restarts := s.Status().Restarts
	t.proxy.disturb(func(int) fault { return faultHang })
	done, cancel, asked := t.hang(ctx, s)
	defer cancel()
	if !asked {
		t.notApplicable("the call asks the platform nothing")
		return nil
	}
	t.otherCalls(ctx, s)
	cancel()
	if !eventually(ctx, t.Deadline, func() bool { return allEnded(t.proxy.requests()) }) {
		t.find("%v after a call was given up by the hub, its request is still waited for", t.Deadline)
	}
	t.proxy.clear()
	<-done
	if _, err := s.readAll(ctx); err != nil {
		t.find("after a call that hung, reading fails: %v", err)
	}
	if s.Status().Restarts != restarts {
		t.find("the process ended because the platform did not answer")
	}
	return nil
}

// hang begins a call that the platform does not answer. It returns when the platform has seen a request of it.
func (t *trial) hang(ctx context.Context, s *session) (done <-chan struct{}, cancel context.CancelFunc, asked bool) {
	ctx, cancel = context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var err error
		if can(sdk.CanPoll)(t.kit) == "" {
			_, err = s.Poll(ctx, &sdk.PollRequest{Stream: t.about.Streams[0].Name, Since: epoch(), Limit: page})
		} else {
			_, err = s.Check(ctx, &sdk.CheckRequest{})
		}
		t.hear(err)
	}()
	asked = eventually(ctx, t.Deadline, func() bool {
		if len(t.proxy.requests()) > 0 {
			return true
		}
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	return ended, cancel, asked && len(t.proxy.requests()) > 0
}

// otherCalls makes calls that ask the platform nothing.
func (t *trial) otherCalls(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, t.Deadline)
	defer cancel()
	if can(sdk.CanValidate)(t.kit) == "" {
		config, err := t.configured()
		if err == nil {
			_, err = s.Validate(ctx, &sdk.ValidateRequest{Config: config, Secrets: t.Secrets})
		}
		if t.hear(err); err != nil {
			t.find("while the platform does not answer a poll, Validate fails: %v", err)
		}
	}
	if can(sdk.CanWebhook)(t.kit) == "" && len(t.genuine()) > 0 {
		if _, err := t.handle(ctx, s, t.genuine()[0].WebhookRequest); err != nil {
			t.find("while the platform does not answer a poll, a webhook is not answered: %v", err)
		}
	}
}

func allEnded(log []seen) bool {
	for _, r := range log {
		if r.ended.IsZero() {
			return false
		}
	}
	return true
}

// eventually waits until ok holds.
func eventually(ctx context.Context, limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); ; {
		if ok() {
			return true
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// tryShutdown ends an idle process and a busy one.
func tryShutdown(ctx context.Context, t *trial) error {
	s, err := t.start(ctx, launching{})
	if s == nil {
		return err
	}
	took, err := s.close()
	switch {
	case took >= t.Deadline:
		t.find("an idle connector took %v to close, want less than %v", took.Round(time.Millisecond), t.Deadline)
	case err != nil:
		t.find("an idle connector does not close in order: %v", err)
	}
	if n := s.Status().Restarts; n > 0 {
		t.find("the process ended %d times by itself: %s", n, s.Status().LastError)
	}
	if !t.disturbs() || can(sdk.CanPoll)(t.kit) != "" {
		return nil
	}
	busy, err := t.start(ctx, launching{deadline: 4 * t.Deadline})
	if busy == nil {
		return err
	}
	t.proxy.disturb(func(int) fault { return faultHang })
	done, cancel, _ := t.hang(ctx, busy)
	defer cancel()
	closeCtx, stop := context.WithTimeout(context.Background(), min(time.Second, t.Deadline/4))
	defer stop()
	busy.ended = true
	began := time.Now()
	_ = busy.Close(closeCtx) // says that a call was cut, which is meant
	if took := time.Since(began); took >= t.Deadline {
		t.find("a connector whose platform does not answer took %v to close, want less than %v", took.Round(time.Millisecond), t.Deadline)
	}
	<-done
	return nil
}

// What memory may do. A leak of less than a third of a mebibyte for each call is not seen.
const (
	memoryCalls  = 200
	memoryGrowth = 64 << 20
	memoryTime   = 2 * time.Second // for polls, which are paced
)

// tryMemory makes many calls and looks at what stays.
func tryMemory(ctx context.Context, t *trial) error {
	if t.Twin != nil {
		if err := t.Twin.Reset(ctx, rows); err != nil {
			return err
		}
	}
	s, err := t.start(ctx, launching{})
	if s == nil {
		return err
	}
	if err := t.work(ctx, s, memoryCalls/10); err != nil {
		t.notApplicable("the calls fail: " + err.Error()) // which other checks report
		return nil
	}
	before, err := residentBytes(s.Status().PID)
	if err != nil {
		return err
	}
	if err := t.work(ctx, s, memoryCalls); err != nil {
		t.notApplicable("the calls fail: " + err.Error())
		return nil
	}
	after, err := residentBytes(s.Status().PID)
	if err != nil {
		return err
	}
	if after-before > memoryGrowth {
		t.find("after %d calls the process has %d MiB, %d MiB more than before them", memoryCalls, after>>20, (after-before)>>20)
	}
	return nil
}

func (t *trial) work(ctx context.Context, s *session, calls int) error {
	if genuine := t.genuine(); can(sdk.CanWebhook)(t.kit) == "" && len(genuine) > 0 {
		for i := range calls {
			if _, err := t.handle(ctx, s, genuine[i%len(genuine)].WebhookRequest); err != nil {
				return err
			}
		}
	}
	if can(sdk.CanPoll)(t.kit) != "" || t.Twin == nil {
		return nil
	}
	for i, end := 0, time.Now().Add(memoryTime); i < calls && time.Now().Before(end); i++ {
		if _, err := s.pollPage(ctx, t.about.Streams[0].Name, nil, epoch(), shown{}); err != nil {
			return err
		}
	}
	return nil
}
