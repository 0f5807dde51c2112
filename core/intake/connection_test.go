package intake_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/intake/intaketest"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a platform with a hub beside it. start runs the connection, as often as it is killed.
type world struct {
	t        *testing.T
	hub      *intaketest.Hub
	platform *intaketest.Platform
	describe *sdk.DescribeResponse
	hook     string
	page     int
}

func newWorld(t *testing.T, levels map[string]int64) *world {
	p := intaketest.NewPlatform(levels)
	p.Latency = 20 * time.Millisecond
	w := &world{t: t, hub: intaketest.New(), platform: p, describe: intaketest.Describe(), page: 10}
	w.hub.SetMode("web", canon.ModeObserve)
	return w
}

// imported makes a world whose initial snapshot is complete.
func imported(t *testing.T, levels map[string]int64) *world {
	w := newWorld(t, levels)
	w.hub.Tell(canon.EntrySnapshot, canon.Head{Connection: "web"}, canon.SnapshotMark{ID: "first", Complete: true, StartedAt: time.Now()})
	for id, n := range levels {
		w.hub.Observe("web", id, n, true)
	}
	return w
}

func levels(n int) map[string]int64 {
	out := make(map[string]int64, n)
	for i := range n {
		out[fmt.Sprintf("s%03d@1", i)] = int64(i)
	}
	return out
}

type running struct {
	*intaketest.Process
	*intake.Connection
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
}

func (w *world) start() *running {
	r := &running{Process: w.hub.Start(), t: w.t, done: make(chan error, 1)}
	ready := make(chan struct{})
	close(ready)
	var err error
	r.Connection, err = intake.New(intake.Options{
		Name: "web", Describe: w.describe, Platform: w.platform, Journal: r.Process, Store: w.hub.Store, Commits: w.hub.Commits(),
		Ready: ready, Hook: w.hook, PageLimit: w.page,
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	w.t.Cleanup(cancel)
	go func() { r.done <- r.Connection.Run(ctx) }()
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	require.NoError(r.t, <-r.done)
}

func (r *running) kill() {
	r.Process.Kill()
	r.cancel()
	<-r.done
}

func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func read(id string) router.Read {
	return router.Read{Connection: "web", Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: id}}
}

// batches gives the types of the entries of each journaled batch that a platform's facts are in.
func (w *world) batches() (out []string) {
	last := uint64(0)
	for _, e := range w.hub.Log() {
		if e.Head.Actor != "connection:web" {
			continue
		}
		if e.Position.Offset != last {
			out, last = append(out, ""), e.Position.Offset
		}
		out[len(out)-1] = strings.TrimSpace(out[len(out)-1] + " " + e.Type)
	}
	return out
}

func TestTheInitialSnapshotRunsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, levels(25))
		r := w.start()
		after(time.Second)
		require.Equal(t, []string{"snapshot ", "snapshot 10", "snapshot 20"}, w.platform.Calls("snapshot"))
		obs := func(n int) string { return strings.TrimSpace(strings.Repeat(" observation", n)) }
		require.Equal(t, []string{obs(10) + " cursor snapshot", obs(10) + " snapshot", obs(5) + " snapshot"}, w.batches())
		require.Equal(t, []byte("handed-off"), w.hub.Connection("web").Cursors["levels"], "in the batch of the first page")
		require.True(t, w.hub.Connection("web").Snapshot.Complete)
		require.Equal(t, []canon.Kind{canon.KindLevel}, w.hub.Connection("web").Snapshot.Kinds)
		for _, e := range w.hub.Log(canon.EntryObservation) {
			require.Equal(t, bus.ClassBulk, e.Class)
		}
		require.Equal(t, "poll handed-off", w.platform.Calls("poll")[0], "polls go on where the snapshot handed off")
		after(24 * time.Hour)
		r.stop()
		require.Len(t, w.platform.Calls("snapshot"), 3, "it runs once")

		r = w.start()
		after(time.Hour)
		r.stop()
		require.Len(t, w.platform.Calls("snapshot"), 3, "and not again after a restart")
	})
}

func TestAKilledSnapshotGoesOnBehindTheLastJournaledPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, levels(50))
		var first atomic.Pointer[running]
		w.platform.OnPage = func(page string) {
			if r := first.Load(); r != nil && page == "30" {
				r.Process.Kill()
			}
		}
		r := w.start()
		first.Store(r)
		after(time.Second)
		r.kill()
		first.Store(nil)
		mark := w.hub.Connection("web").Snapshot
		require.Equal(t, "30", string(mark.Page))
		again := w.start()
		after(time.Second)
		require.Equal(t, []string{"snapshot ", "snapshot 10", "snapshot 20", "snapshot 30", "snapshot 30", "snapshot 40"}, w.platform.Calls("snapshot"))
		require.Equal(t, mark.ID, w.hub.Connection("web").Snapshot.ID, "it is the same snapshot")
		require.Len(t, w.hub.Log(canon.EntryObservation), 50)
		again.stop()
	})
}

func TestAReadStampIsTheJournalsEndAtTheStartOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		var began uint64
		w.platform.OnRead = func(*sdk.ReadRequest) *intake.ReadResult {
			began = w.hub.End()
			w.hub.Observe("web", "other@1", 1, false) // something happens during the request
			return nil
		}
		r := w.start()
		cause := w.hub.Tell(canon.EntryTouched, canon.Head{Connection: "web"}, canon.Touched{Refs: []canon.Ref{{Kind: canon.KindLevel, ExternalID: "s001@1"}}})
		after(time.Second)
		r.stop()
		log := w.hub.Log(canon.EntryObservation)
		got := log[len(log)-1]
		require.Equal(t, canon.Position{Offset: began}, got.Head.ReadStamp)
		require.Equal(t, cause, got.Head.Cause)
		require.Equal(t, bus.ClassPoll, got.Class)
		require.Equal(t, "connection:web", got.Head.Actor)
	})
}

func TestAPollIsOneAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		n := 0
		w.platform.OnPoll = func(req *sdk.PollRequest) (*intake.PollResult, error) {
			if n++; n > 3 {
				return &intake.PollResult{Cursor: req.Cursor}, nil
			}
			return &intake.PollResult{
				Facts:  []intake.Fact{intaketest.Fact(fmt.Sprintf("p%d@1", n), 1)},
				Cursor: []byte(fmt.Sprint("c", n)), More: n < 3,
				Touched: []canon.Ref{{Kind: canon.KindLevel, ExternalID: "t@1"}},
			}, nil
		}
		r := w.start()
		require.False(t, r.CaughtUp())
		after(30 * time.Second)
		require.Equal(t, []string{"poll ", "poll c1", "poll c2"}, w.platform.Calls("poll"), "more is asked for at once")
		require.Contains(t, w.batches(), "observation touched cursor")
		require.True(t, r.CaughtUp())
		after(time.Minute)
		require.Equal(t, "poll c3", w.platform.Calls("poll")[3])
		entries := len(w.hub.Log())
		after(24 * time.Hour)
		require.Len(t, w.hub.Log(), entries, "polls that bring nothing leave nothing in the journal")
		r.kill()
		r = w.start()
		after(time.Second)
		polls := w.platform.Calls("poll")
		require.Equal(t, "poll c3", polls[len(polls)-1], "a restart goes on at the journaled cursor")
		r.stop()
	})
}

func TestACursorIsNotMovedWhenItsFactsAreNotJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		w.platform.OnPoll = func(req *sdk.PollRequest) (*intake.PollResult, error) {
			return &intake.PollResult{Facts: []intake.Fact{intaketest.Fact("p@1", 1)}, Cursor: []byte("next")}, nil
		}
		r := w.start()
		r.Process.Kill()
		require.ErrorIs(t, <-r.done, intaketest.ErrKilled)
		require.Empty(t, w.hub.Connection("web").Cursors)
		require.Empty(t, w.hub.Log(canon.EntryObservation))
		again := w.start()
		after(time.Second)
		require.Len(t, w.hub.Log(canon.EntryObservation), 1)
		require.Equal(t, []byte("next"), w.hub.Connection("web").Cursors["levels"])
		again.stop()
	})
}

func TestPollsThatFailBackOffAndAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		w.platform.SetDown(true)
		r := w.start()
		after(time.Hour)
		calls := len(w.platform.Calls("poll"))
		require.InDelta(t, 120, calls, 60, "every half minute at the most")
		state := r.State()
		require.Contains(t, state.Streams[0].LastError, "platform is down")
		require.Equal(t, calls, state.Streams[0].Failures)
		require.False(t, r.CaughtUp())
		w.platform.SetDown(false)
		after(time.Minute)
		require.True(t, r.CaughtUp())
		require.Empty(t, r.State().Streams[0].LastError)
		w.platform.SetDown(true)
		after(10 * time.Minute)
		require.InDelta(t, (9 * time.Minute).Milliseconds(), r.State().LagMillis, 90_000)
		r.stop()
	})
}

func TestAPausedConnectionMakesNoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, levels(3))
		w.hook = "https://hub.example.com/hooks/web"
		pause := func(paused bool) {
			w.hub.Tell(canon.EntryCommand, canon.Head{Connection: "web"}, canon.Command{SetPause: &canon.SetPause{Connection: "web", Paused: paused}})
		}
		pause(true)
		r := w.start()
		r.RequestRead(read("s001@1"), intake.Soon, nil)
		after(24 * time.Hour)
		require.Empty(t, w.platform.Calls(""))
		require.True(t, r.State().Paused)
		pause(false)
		after(time.Minute)
		for _, kind := range []string{"snapshot", "poll", "read s001@1", "register"} {
			require.NotEmpty(t, w.platform.Calls(kind), kind)
		}
		require.True(t, r.CaughtUp())
		pause(true)
		after(time.Minute)
		calls := len(w.platform.Calls(""))
		after(time.Hour)
		require.Len(t, w.platform.Calls(""), calls)
		pause(false)
		synctest.Wait()
		require.False(t, r.CaughtUp(), "what happened during the pause has to be fetched first")
		after(time.Hour)
		require.True(t, r.CaughtUp())
		r.stop()
	})
}

func TestWhatASnapshotDoesNotShowIsDeletedAfterARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(30))
		after(time.Second)
		w.platform.Remove("s007@1")
		var answers atomic.Bool
		w.platform.OnRead = func(*sdk.ReadRequest) *intake.ReadResult {
			if !answers.Load() {
				return &intake.ReadResult{}
			}
			return nil
		}
		r := w.start()
		var progress []intake.Progress
		report, err := r.Import(t.Context(), func(p intake.Progress) { progress = append(progress, p) })
		require.NoError(t, err)
		require.Equal(t, int64(1), report.Missing)
		require.Equal(t, int64(29), report.Kinds[canon.KindLevel])
		require.Equal(t, int64(29), progress[len(progress)-1].Total)
		after(time.Second)
		require.False(t, w.hub.Binding("web", "s007@1").Deleted, "nobody has confirmed it yet")
		require.Equal(t, 1, r.State().Unanswered)
		answers.Store(true)
		after(time.Minute)
		require.True(t, w.hub.Binding("web", "s007@1").Deleted)
		require.Zero(t, r.State().Reads)
		for id := range levels(30) {
			require.Equal(t, id == "s007@1", w.hub.Binding("web", id).Deleted, id)
		}
		r.stop()
	})
}

func TestImportJoinsAndSweepDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, levels(100))
		r := w.start()
		time.Sleep(50 * time.Millisecond)
		_, err := r.Sweep(t.Context(), func(*intake.Page) ([]bus.Entry, error) { return nil, nil }, nil)
		require.ErrorIs(t, err, intake.ErrBusy)
		report, err := r.Import(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, w.platform.Calls("snapshot"), 10, "it joined the initial snapshot")
		require.Equal(t, int64(100), report.Kinds[canon.KindLevel])

		var seen int
		_, err = r.Sweep(t.Context(), func(p *intake.Page) ([]bus.Entry, error) { seen += len(p.Facts); return nil, nil }, nil)
		require.NoError(t, err)
		require.Equal(t, 100, seen)
		_, err = r.Sweep(t.Context(), func(*intake.Page) ([]bus.Entry, error) { return nil, errors.New("no") }, nil)
		require.ErrorContains(t, err, "no")

		waiting := make(chan error)
		w.platform.SetDown(true)
		go func() { _, err := r.Import(context.Background(), nil); waiting <- err }()
		after(time.Minute)
		require.Contains(t, r.State().Snapshot.LastError, "platform is down")
		r.stop()
		require.ErrorIs(t, <-waiting, intake.ErrStopped)
	})
}

func TestASweepGivesWayToReadsAndIsNotStarvedByThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(50))
		after(time.Second)
		w.platform.Latency = 100 * time.Millisecond
		r := w.start()
		after(time.Second)
		sweep := func() time.Duration {
			began := time.Now()
			_, err := r.Sweep(t.Context(), func(*intake.Page) ([]bus.Entry, error) { return nil, nil }, nil)
			require.NoError(t, err)
			return time.Since(began)
		}
		alone := sweep()
		var read func(id string) // without end, more than the lane can take
		read = func(id string) {
			ref := canon.Ref{Kind: canon.KindLevel, ExternalID: id}
			r.RequestRead(router.Read{Connection: "web", Ref: ref}, intake.Soon, func() { read(id) })
		}
		for id := range levels(200) {
			read(id)
		}
		busy := sweep()
		r.stop()
		require.Greater(t, busy, alone, "it gives way")
		require.Less(t, busy, time.Minute, "it comes to its end (virtual time)")
	})
}

func TestBulkYieldsToAJournalThatRefusesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, levels(20))
		r := w.start()
		refused := 0
		r.Refuse(func(class bus.Class, _ []bus.Entry) error {
			if class == bus.ClassBulk && refused < 5 {
				refused++
				return &bus.Refused{Class: class, Reason: "the fold lags", RetryAfter: 10 * time.Second}
			}
			return nil
		})
		after(time.Minute)
		r.stop()
		require.Equal(t, 5, refused)
		require.True(t, w.hub.Connection("web").Snapshot.Complete)
		require.Len(t, w.platform.Calls("snapshot"), 2, "the pages are not asked for again")
	})
}

func TestRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		w.hook = "https://hub.example.com/hooks/web"
		r := w.start()
		registered := func() int { return len(w.platform.Calls("register https://hub.example.com/hooks/web")) }
		after(time.Second)
		require.Equal(t, 1, registered(), "at the start")
		for range 100 { // a flood of refused deliveries
			r.Reregister()
			after(100 * time.Millisecond)
		}
		require.Equal(t, 1, registered())
		after(time.Minute)
		require.Equal(t, 2, registered(), "after refusals, once")
		after(time.Hour)
		require.InDelta(t, 8, registered(), 2, "on a timer")
		w.platform.SetDown(true)
		after(time.Hour)
		require.Contains(t, r.State().Register.LastError, "platform is down")
		w.platform.SetDown(false)
		after(2 * time.Minute)
		require.Empty(t, r.State().Register.LastError)
		r.stop()
	})
}

func TestARefusedDeliveryCausesARegistrationAndAPollFromTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		w.hook = "https://hub.example.com/hooks/web"
		r := w.start()
		after(2 * time.Minute)
		polls, registered := len(w.platform.Calls("poll")), len(w.platform.Calls("register"))
		r.Missed()
		after(time.Second)
		require.Len(t, w.platform.Calls("poll"), polls+1)
		require.Len(t, w.platform.Calls("register"), registered+1)
		for range 100 { // the journal goes on refusing for ten seconds
			r.Missed()
			after(100 * time.Millisecond)
		}
		after(missedTail)
		require.InDelta(t, polls+4, len(w.platform.Calls("poll")), 1, "a flood of refusals is no flood of polls")
		require.Len(t, w.platform.Calls("register"), registered+1)
		r.stop()
	})
}

// missedTail is longer than the rest between two polls for what was missed.
const missedTail = 6 * time.Second

func TestWhatMayHaveBeenMissedIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, nil)
		r := w.start()
		after(time.Minute)
		polls := len(w.platform.Calls("poll"))
		since := time.Now()
		require.False(t, r.AskedSince(since), "the newest poll began before")
		after(time.Second)
		require.True(t, r.AskedSince(since))
		require.Len(t, w.platform.Calls("poll"), polls+1, "one poll answers")
		after(time.Second)
		require.Len(t, w.platform.Calls("poll"), polls+1, "nobody asks again who has the answer")
		r.stop()
	})
}
