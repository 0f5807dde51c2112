package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// applier is the outbound half of a scripted platform.
type applier struct {
	p *intaketest.Platform
	// refuse, when set, may fail a call before it reaches the platform; lose may lose the answer of one that did.
	refuse, lose func() error
}

func (a *applier) Apply(ctx context.Context, req *sdk.ApplyRequest) (*ApplyResult, error) {
	if a.refuse != nil {
		if err := a.refuse(); err != nil {
			return nil, err
		}
	}
	results, err := a.p.Apply(ctx, req)
	if err == nil && a.lose != nil {
		err = a.lose()
	}
	if err != nil {
		return nil, err
	}
	out := &ApplyResult{}
	for _, r := range results {
		w := WriteResult{Key: r.Key, Status: r.Status, Code: r.Code, Reason: r.Reason, RetryAfterMillis: r.RetryAfterMillis}
		if r.Shows != nil {
			f := intaketest.Fact(r.Shows.ExternalID, *r.Shows.Level.Available)
			w.Shows = &f
		}
		out.Results = append(out.Results, w)
	}
	return out, nil
}

// behind are the connections that have not been caught up with.
type behind struct {
	mu    sync.Mutex
	names map[string]bool
	// unasked are those whose platform does not answer what was sold; asked counts the questions.
	unasked map[string]bool
	asked   int
}

func (b *behind) CaughtUp(connection string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.names[connection]
}

func (b *behind) set(connection string, is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[connection] = is
}

func (b *behind) AskedSince(connection string, _ time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return !b.unasked[connection]
}

func (b *behind) questions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *behind) answer(connection string, does bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unasked = map[string]bool{connection: !does}
}

// world is a platform with a hub beside it. run starts the hub's part, as often as it is killed.
type world struct {
	t        *testing.T
	hub      *intaketest.Hub
	platform *intaketest.Platform
	applier  *applier
	behind   *behind
	limits   Limits
	describe *sdk.DescribeResponse
	looker   *looker
	holds    bool // what a sweep found changed is left alone

	sweeps  *Drifter
	sweptBy *running
}

func newWorld(t *testing.T, levels map[string]int64) *world {
	p := intaketest.NewPlatform(levels)
	p.Latency = 20 * time.Millisecond
	w := &world{t: t, hub: intaketest.New(), platform: p, applier: &applier{p: p}, behind: &behind{names: make(map[string]bool)}, describe: intaketest.Describe()}
	w.hub.SetMode("web", canon.ModeObserve)
	w.hub.Tell(canon.EntrySnapshot, canon.Head{Connection: "web"}, canon.SnapshotMark{ID: "first", Complete: true})
	for id, n := range levels {
		w.hub.Observe("web", id, n, true)
	}
	return w
}

type running struct {
	*intaketest.Process
	writer *Writer
	lane   *intake.Connection
	cancel context.CancelFunc
	done   chan error
	more   []func() error // ends what runs beside them
}

// alsoStop has something else ended with the rest.
func (r *running) alsoStop(end func() error) { r.more = append(r.more, end) }

// withCancel gives a context that ends with the test at the latest.
func withCancel(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

// start runs a writer and the connection's inbound side.
func (w *world) start() *running {
	process := w.hub.Start()
	ready := make(chan struct{})
	close(ready)
	lane, err := intake.New(intake.Options{
		Name: "web", Describe: w.describe, Platform: w.platform, Journal: process, Store: w.hub.Store, Commits: w.hub.Commits(), Ready: ready,
	})
	require.NoError(w.t, err)
	var looks Looker
	if w.looker != nil {
		looks = w.looker
	}
	writer, err := NewWriter(Options{
		Name: "web", Describe: w.describe, Applier: w.applier, Looker: looks, Journal: process, Store: w.hub.Store, Lane: lane, Inbound: w.behind,
		Commits: w.hub.Commits(), Ready: ready, Limits: w.limits,
		HoldReported: w.holds,
	})
	require.NoError(w.t, err)
	ctx, cancel := withCancel(w.t)
	r := &running{Process: process, writer: writer, lane: lane, cancel: cancel, done: make(chan error, 2)}
	go func() { r.done <- lane.Run(ctx) }()
	go func() { r.done <- writer.Run(ctx) }()
	return r
}

// stop ends it in good order.
func (r *running) stop(t *testing.T) {
	t.Helper()
	for _, end := range r.more {
		require.NoError(t, end())
	}
	r.cancel()
	require.NoError(t, errors.Join(<-r.done, <-r.done))
}

// kill ends it without another entry in the journal.
func (r *running) kill() {
	r.Process.Kill()
	for _, end := range r.more {
		_ = end() // a killed process says nothing
	}
	r.cancel()
	<-r.done
	<-r.done
}

// after lets time pass.
func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

// settledAs gives the statuses of the journaled outcomes, oldest first.
func (w *world) settledAs() (out []string) {
	for _, e := range w.hub.Log(canon.EntrySettled) {
		for _, part := range strings.Split(string(e.Data), `"status":"`)[1:] {
			status, _, _ := strings.Cut(part, `"`)
			out = append(out, status)
		}
	}
	return out
}

func TestNothingIsWrittenInObserveAndShadow(t *testing.T) {
	for _, mode := range []canon.Mode{canon.ModeObserve, canon.ModeShadow} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 2000
				levels := make(map[string]int64)
				for i := range n {
					levels[fmt.Sprintf("s%d@1", i)] = 3
				}
				w := newWorld(t, levels)
				w.hub.SetMode("web", mode)
				for id := range levels {
					w.hub.Want("web", id, 1, true)
				}
				r := w.start()
				after(time.Minute)
				r.kill()
				r = w.start()
				w.hub.Want("web", "s1@1", 0, true)
				after(time.Hour)
				if mode == canon.ModeShadow {
					require.Equal(t, n, r.writer.State().WouldWrite)
				}
				r.stop(t)
				require.Empty(t, w.platform.Calls("apply"))
				require.Empty(t, w.hub.Log(canon.EntryAttempt))
			})
		})
	}
}

func TestAPausedConnectionIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Tell(canon.EntryCommand, canon.Head{Connection: "web"}, canon.Command{SetPause: &canon.SetPause{Connection: "web", Paused: true}})
		r := w.start()
		w.hub.Want("web", "a@1", 0, true)
		after(time.Hour)
		require.Empty(t, w.platform.Calls("apply"))
		w.hub.Tell(canon.EntryCommand, canon.Head{Connection: "web"}, canon.Command{SetPause: &canon.SetPause{Connection: "web"}})
		after(time.Second)
		require.Equal(t, []string{"apply a@1 1->0"}, w.platform.Calls("apply"))
		r.stop(t)
	})
}

func TestASaleIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		w.behind.set("web", true) // lowering waits for nobody
		r := w.start()
		after(time.Second)
		reads := len(w.platform.Calls("read"))
		began := time.Now()
		cause := w.hub.Want("web", "a@1", 0, true)
		for w.platform.Level("a@1") != 0 {
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, time.Since(began), 2*w.platform.Latency, "the call itself takes %s", w.platform.Latency)
		after(time.Minute)
		r.stop(t)
		require.Equal(t, []string{"apply a@1 1->0"}, w.platform.Calls("apply"))
		require.Equal(t, []string{"applied"}, w.settledAs())
		require.Len(t, w.platform.Calls("read"), reads, "the answer showed the new value: no read-back")
		attempt := w.hub.Log(canon.EntryAttempt)[0]
		require.Equal(t, cause, attempt.Head.Cause, "a write names the entry that caused it")
		require.Equal(t, bus.ClassCommand, attempt.Class)
		b := w.hub.Binding("web", "a@1")
		require.Equal(t, int64(0), b.Wants.Shows)
		require.Equal(t, canon.WriteNone, b.Wants.Write)
	})
}

func TestRaisingReadsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 0})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		w.platform.Set("a@1", 2) // nobody told the hub
		w.hub.Want("web", "a@1", 5, false)
		after(time.Second)
		r.stop(t)
		require.Equal(t, []string{"apply a@1 2->5"}, w.platform.Calls("apply"), "it is raised from what the read showed")
		require.Equal(t, int64(5), w.platform.Level("a@1"))
	})
}

func TestALevelThatDroppedIsNotRaisedBeforeThePlatformWasAskedForItsSales(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "a@1", 1, false)
		w.behind.answer("web", false)
		r := w.start()
		after(time.Second)
		w.platform.Set("a@1", 0) // it was sold there, and the message of the sale is lost
		w.hub.Observe("web", "a@1", 0, true)
		after(time.Minute)
		require.Empty(t, w.platform.Calls("apply"), "a sold piece is not offered again")
		require.Positive(t, w.behind.questions(), "the platform is asked")
		w.hub.Want("web", "a@1", 0, true) // the answer: it is sold
		w.behind.answer("web", true)
		after(time.Minute)
		require.Empty(t, w.platform.Calls("apply"))
		w.hub.Want("web", "a@1", 1, false) // it came back
		after(time.Minute)
		require.Equal(t, []string{"apply a@1 0->1"}, w.platform.Calls("apply"))
		r.stop(t)
	})
}

func TestASaleThatIsToldSoonAfterItsLevelMakesNobodyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "a@1", 1, false)
		r := w.start()
		after(time.Second)
		w.platform.Set("a@1", 0)
		w.hub.Observe("web", "a@1", 0, true)
		after(100 * time.Millisecond)
		w.hub.Want("web", "a@1", 0, true)
		after(time.Minute)
		require.Zero(t, w.behind.questions())
		require.Empty(t, w.platform.Calls("apply"))
		r.stop(t)
	})
}

func TestRaisingWaitsForEveryConnectionThatListsTheItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 0, "b@1": 3})
		list(w.hub, "web", "a", "Ring", "till")
		w.hub.SetMode("web", canon.ModeLive)
		w.behind.set("till", true)
		r := w.start()
		w.hub.Want("web", "a@1", 1, false)
		w.hub.Want("web", "b@1", 2, false)
		after(time.Hour)
		require.Equal(t, []string{"apply b@1 3->2"}, w.platform.Calls("apply"), "only the lowering is written")
		require.Equal(t, map[string]int{"till": 1}, r.writer.State().Held)
		w.behind.set("till", false)
		after(time.Second)
		require.Equal(t, int64(1), w.platform.Level("a@1"))
		r.stop(t)
	})
}

func TestASaleDoesNotWaitForTheReadOfARaise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 3})
		w.hub.SetMode("web", canon.ModeLive)
		w.platform.OnRead = func(*sdk.ReadRequest) *intake.ReadResult { return &intake.ReadResult{} } // it never answers
		r := w.start()
		w.hub.Want("web", "a@1", 5, false)
		after(time.Minute)
		require.Empty(t, w.platform.Calls("apply"))
		w.hub.Want("web", "a@1", 2, true)
		after(time.Second)
		require.Equal(t, []string{"apply a@1 3->2"}, w.platform.Calls("apply"))
		r.stop(t)
	})
}

func TestManySalesAreSentSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := make(map[string]int64)
		for i := range 40 {
			levels[fmt.Sprintf("s%03d@1", i)] = 1
		}
		w := newWorld(t, levels)
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		for id := range levels {
			w.hub.Want("web", id, 0, true)
		}
		after(20 * w.platform.Latency) // one after the other in one call they would take forty
		for id := range levels {
			require.Zero(t, w.platform.Level(id), id)
		}
		r.stop(t)
	})
}

func TestAnUnknownOutcomeIsReadBeforeAnythingElse(t *testing.T) {
	tests := map[string]struct {
		reached bool
		calls   int // of Apply
	}{
		"the write had reached the platform": {true, 1},
		"the write was lost":                 {false, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]int64{"a@1": 1})
				w.hub.SetMode("web", canon.ModeLive)
				lost := false
				if tt.reached {
					w.applier.lose = func() error {
						if lost {
							return nil
						}
						lost = true
						return errors.New("connection reset")
					}
				} else {
					w.platform.OnApply = func(*sdk.Write) (sdk.Result, bool) {
						if lost {
							return sdk.Result{}, false
						}
						lost = true
						return sdk.Result{Status: sdk.StatusUnknown}, true
					}
				}
				r := w.start()
				w.hub.Want("web", "a@1", 0, true)
				after(500 * time.Millisecond)
				require.Len(t, w.platform.Calls("apply"), 1, "nothing is sent again before the settle time and the read")
				require.Equal(t, canon.WriteUnknown, w.hub.Binding("web", "a@1").Wants.Write)
				after(10 * time.Second)
				r.stop(t)
				require.Len(t, w.platform.Calls("apply"), tt.calls)
				require.Equal(t, int64(0), w.platform.Level("a@1"))
				require.Equal(t, []string{"apply", "read", "apply"}[:tt.calls+1], order(w.platform, "apply", "read"))
				require.Len(t, attemptKeys(w.hub), tt.calls, "each attempt has a key of its own")
			})
		})
	}
}

func TestAnUnknownOutcomeIsReadEvenWhenAWebhookShowsTheOldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		var lost atomic.Bool
		w.applier.lose = func() error {
			if lost.Swap(true) {
				return nil
			}
			return errors.New("connection reset")
		}
		r := w.start()
		after(time.Second)
		w.hub.Want("web", "a@1", 0, true)
		after(100 * time.Millisecond)
		w.hub.Observe("web", "a@1", 1, true) // it was on its way before the write
		require.Equal(t, canon.WriteNone, w.hub.Binding("web", "a@1").Wants.Write)
		after(10 * time.Second)
		r.stop(t)
		require.Equal(t, []string{"apply", "read"}, order(w.platform, "apply", "read"))
	})
}

// order gives the kinds of calls in the order they were made.
func order(p *intaketest.Platform, kinds ...string) (out []string) {
	for _, c := range p.Calls("") {
		for _, k := range kinds {
			if strings.HasPrefix(c, k+" ") {
				out = append(out, k)
			}
		}
	}
	return out
}

func attemptKeys(h *intaketest.Hub) map[string]int {
	keys := make(map[string]int)
	for _, e := range h.Log(canon.EntryAttempt) {
		for _, part := range strings.Split(string(e.Data), `"key":"`)[1:] {
			key, _, _ := strings.Cut(part, `"`)
			keys[key]++
		}
	}
	return keys
}

func TestAHubThatIsKilledInACallReadsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		w.hub.Want("web", "a@1", 0, true)
		time.Sleep(w.platform.Latency / 2)
		require.Len(t, w.platform.Calls("apply"), 1)
		r.kill()
		require.Equal(t, canon.WriteAttempted, w.hub.Binding("web", "a@1").Wants.Write)
		w.platform.Set("a@1", 0) // it got through after all

		r = w.start()
		after(time.Minute)
		r.stop(t)
		require.Equal(t, []string{"apply", "read"}, order(w.platform, "apply", "read"))
		require.Equal(t, int64(0), w.hub.Binding("web", "a@1").Wants.Shows)
	})
}

func TestOneCallIsInFlightForALevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 100, "b@1": 100})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		for n := int64(99); n >= 0; n-- {
			w.hub.Want("web", "a@1", n, true)
			w.hub.Want("web", "b@1", n, n%2 == 0)
			time.Sleep(3 * time.Millisecond)
		}
		after(time.Second)
		r.stop(t)
		require.Zero(t, w.platform.Overlap)
		require.Equal(t, int64(0), w.platform.Level("a@1"))
		require.Equal(t, int64(0), w.platform.Level("b@1"))
		require.Less(t, len(w.platform.Calls("apply a@1")), 50, "what changes during a call is written once, as it is then")
		for _, status := range w.settledAs() {
			require.Contains(t, []string{"applied", "retry"}, status)
		}
	})
}

func TestTheFuseTripsBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := make(map[string]int64)
		for i := range 100 {
			levels[fmt.Sprintf("s%03d@1", i)] = 3
		}
		w := newWorld(t, levels)
		w.describe.RateLimit.MaxBatch = 10
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		for i := range 100 {
			w.hub.Want("web", fmt.Sprintf("s%03d@1", i), 0, false)
		}
		after(time.Minute)
		sent := len(w.platform.Calls("apply"))
		require.LessOrEqual(t, sent, 25, "a quarter of 100 listings")
		require.Positive(t, sent)
		require.Contains(t, w.hub.Connection("web").Fused, "going to zero")
		require.Len(t, w.hub.Log(canon.EntryFuse), 1)
		require.Contains(t, r.writer.State().Fused, "to_zero_share")

		// What comes in goes on.
		polls := len(w.platform.Calls("poll"))
		after(10 * time.Minute)
		require.Greater(t, len(w.platform.Calls("poll")), polls)
		require.Len(t, w.platform.Calls("apply"), sent)

		// Killed and started again it stays off.
		r.kill()
		r = w.start()
		after(time.Minute)
		require.Len(t, w.platform.Calls("apply"), sent)

		// A person looks and resumes; the hour begins anew.
		w.hub.Tell(canon.EntryCommand, canon.Head{Connection: "web"}, canon.Command{SetPause: &canon.SetPause{Connection: "web"}})
		after(time.Minute)
		require.Greater(t, len(w.platform.Calls("apply")), sent)
		r.stop(t)
	})
}

func TestTheFuseRemembersTheLastHourAcrossAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := make(map[string]int64)
		for i := range 60 {
			levels[fmt.Sprintf("s%03d@1", i)] = 3
		}
		w := newWorld(t, levels)
		w.limits = Limits{ChangesPerHour: 50}
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		for i := range 40 {
			w.hub.Want("web", fmt.Sprintf("s%03d@1", i), 2, true)
		}
		after(time.Minute)
		require.Len(t, w.platform.Calls("apply"), 40)
		r.kill()
		r = w.start()
		for i := 40; i < 60; i++ {
			w.hub.Want("web", fmt.Sprintf("s%03d@1", i), 2, true)
		}
		after(time.Minute)
		r.stop(t)
		require.LessOrEqual(t, len(w.platform.Calls("apply")), 50)
		require.Contains(t, w.hub.Connection("web").Fused, "changes_per_hour")
	})
}

func TestARetryWaitsAndKeepsItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1, "b@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		throttled := 0
		w.platform.OnApply = func(*sdk.Write) (sdk.Result, bool) {
			if throttled++; throttled > 1 {
				return sdk.Result{}, false
			}
			return sdk.Result{Status: sdk.StatusRetry, Code: "throttled", RetryAfterMillis: 5000}, true
		}
		r := w.start()
		w.hub.Want("web", "a@1", 0, true)
		after(time.Second)
		w.hub.Want("web", "b@1", 0, true)
		after(3900 * time.Millisecond)
		require.Len(t, w.platform.Calls("apply"), 1, "the platform asked for five seconds: nothing is sent meanwhile")
		after(2 * time.Second)
		r.stop(t)
		require.Equal(t, int64(0), w.platform.Level("a@1")+w.platform.Level("b@1"))
		keys := attemptKeys(w.hub)
		require.Len(t, keys, 2)
		require.Equal(t, 2, keys[WriteKey("web", "a@1", 0, w.hub.Binding("web", "a@1").Wants.Cause, 1)])
	})
}

func TestARejectedWriteWaitsForAnotherDecision(t *testing.T) {
	for _, status := range []sdk.Status{sdk.StatusRejected, sdk.StatusNotRepresentable} {
		t.Run(string(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]int64{"a@1": 1})
				w.hub.SetMode("web", canon.ModeLive)
				refused := false
				w.platform.OnApply = func(*sdk.Write) (sdk.Result, bool) {
					defer func() { refused = true }()
					return sdk.Result{Status: status, Code: "no", Reason: "not tracked"}, !refused
				}
				r := w.start()
				w.hub.Want("web", "a@1", 0, true)
				after(3 * time.Hour)
				require.Len(t, w.platform.Calls("apply"), 1)
				w.hub.Want("web", "a@1", 2, false)
				after(time.Minute)
				r.stop(t)
				require.Equal(t, int64(2), w.platform.Level("a@1"))
			})
		})
	}
}

func TestAConflictIsDecidedAnewFromWhatThePlatformShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 5})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		w.platform.Set("a@1", 4)
		w.hub.Want("web", "a@1", 3, true)
		after(time.Second)
		r.stop(t)
		require.Equal(t, []string{"apply a@1 5->3", "apply a@1 4->3"}, w.platform.Calls("apply"))
		require.Equal(t, []string{"conflict", "applied"}, w.settledAs())
		require.Len(t, attemptKeys(w.hub), 2)
	})
}

func TestSalesOvertakeAScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := map[string]int64{"sold@1": 1}
		for i := range 500 {
			levels[fmt.Sprintf("s%03d@1", i)] = 3
		}
		w := newWorld(t, levels)
		w.describe.RateLimit = sdk.RateLimit{PerSecond: 2, Burst: 1, MaxBatch: 10}
		w.hub.SetMode("web", canon.ModeLive)
		for id := range levels {
			if id != "sold@1" {
				w.hub.Want("web", id, 2, false)
			}
		}
		r := w.start()
		after(3 * time.Second)
		w.hub.Want("web", "sold@1", 0, true)
		after(time.Second)
		require.Equal(t, int64(0), w.platform.Level("sold@1"), "the sale takes the next call")
		require.Less(t, len(w.platform.Calls("apply")), 200)
		r.stop(t)
	})
}

func TestAWriteIsWithdrawnWhenTheModeChangesBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		r.Refuse(func(_ bus.Class, entries []bus.Entry) error {
			if entries[0].Type == string(canon.EntryAttempt) {
				w.hub.SetMode("web", canon.ModeShadow)
			}
			return nil
		})
		w.hub.Want("web", "a@1", 0, true)
		after(time.Hour)
		r.stop(t)
		require.Len(t, w.hub.Log(canon.EntryAttempt), 1)
		require.Equal(t, []string{"retry"}, w.settledAs())
		require.Empty(t, w.platform.Calls("apply"))
	})
}

func TestNothingIsSentWhenTheAttemptCannotBeJournaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		broken := errors.New("disk is gone")
		r.Refuse(func(bus.Class, []bus.Entry) error { return broken })
		w.hub.Want("web", "a@1", 0, true)
		require.ErrorIs(t, <-r.done, broken, "the hub can't go on without its journal")
		require.Empty(t, w.platform.Calls("apply"))
		r.cancel()
		<-r.done
	})
}

func TestAPlatformThatWasDownGetsTheLatestStateOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := make(map[string]int64)
		for i := range 50 {
			levels[fmt.Sprintf("s%03d@1", i)] = 9
		}
		w := newWorld(t, levels)
		w.hub.SetMode("web", canon.ModeLive)
		r := w.start()
		after(time.Second)
		w.platform.SetDown(true)
		entries := len(w.hub.Log())
		for n := int64(8); n >= 5; n-- {
			for id := range levels {
				w.hub.Want("web", id, n, true)
			}
			after(30 * time.Minute)
		}
		require.LessOrEqual(t, len(w.hub.Log())-entries, 4*50+2*50, "an outage costs the journal one attempt for each level at the most")
		before := len(w.platform.Calls("apply"))
		w.platform.SetDown(false)
		began := time.Now()
		for w.platform.Level("s000@1") != 5 || w.platform.Level("s049@1") != 5 {
			time.Sleep(10 * time.Millisecond)
			require.Less(t, time.Since(began), 60*time.Second)
		}
		after(time.Minute)
		r.stop(t)
		require.LessOrEqual(t, len(w.platform.Calls("apply"))-before, 50, "each level once")
		for id := range levels {
			require.Equal(t, int64(5), w.platform.Level(id), id)
		}
	})
}

func TestAConnectorThatDoesNotRunIsTriedWithTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		var runs atomic.Bool
		w.applier.refuse = func() error {
			if runs.Load() {
				return nil
			}
			return fmt.Errorf("%w: the process restarts", ErrNotSent)
		}
		r := w.start()
		after(time.Second)
		w.hub.Want("web", "a@1", 0, true)
		after(10 * time.Second)
		require.Empty(t, w.platform.Calls("apply"))
		runs.Store(true)
		after(3 * time.Second)
		r.stop(t)
		require.Equal(t, int64(0), w.platform.Level("a@1"))
		require.Len(t, attemptKeys(w.hub), 1)
		require.Empty(t, w.platform.Calls("read"), "what was never sent needs no read")
	})
}

func TestStockIsAdoptedBeforeTheFirstWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"s000@1": 1})
		w.hub.Put(store.KeySettings, canon.Settings{StockAuthority: "hub"})
		for i := range 450 {
			list(w.hub, "web", fmt.Sprintf("s%03d", i), "Ring")
		}
		w.hub.SetMode("web", canon.ModeShadow)
		r := w.start()
		w.hub.Want("web", "s000@1", 0, true)
		after(time.Second)
		require.Empty(t, w.hub.Log(canon.EntryAdopt), "shadow adopts nothing")
		live := w.hub.SetMode("web", canon.ModeLive)
		after(time.Second)
		r.stop(t)
		adopted := w.hub.Log(canon.EntryAdopt)
		require.Len(t, adopted, 3, "pages of at most 200")
		require.Equal(t, live, adopted[0].Head.Cause)
		attempts := w.hub.Log(canon.EntryAttempt)
		require.Len(t, attempts, 1)
		require.Negative(t, adopted[2].Position.Compare(attempts[0].Position))
	})
}

// looker answers what became of a write.
type looker struct {
	status sdk.Status
	shows  int64
	asked  []sdk.Write
}

func (l *looker) Lookup(_ context.Context, req *sdk.LookupRequest) (*ApplyResult, error) {
	l.asked = append(l.asked, req.Writes...)
	w := req.Writes[0]
	r := WriteResult{Key: w.Key, Status: l.status}
	if l.status != sdk.StatusUnknown {
		f := intaketest.Fact(w.Ref.ExternalID, l.shows)
		r.Shows = &f
	}
	return &ApplyResult{Results: []WriteResult{r}}, nil
}

// TestAnUnknownOutcomeIsLookedUpWhereThePlatformCan loses the answer of a write, or the write.
func TestAnUnknownOutcomeIsLookedUpWhereThePlatformCan(t *testing.T) {
	tests := map[string]struct {
		reached  bool
		says     sdk.Status
		shows    int64
		attempts int
		settled  []string // what was journaled of the first attempt
	}{
		"it happened":                      {true, sdk.StatusApplied, 0, 1, []string{"unknown", "applied"}},
		"it did not happen":                {false, sdk.StatusRejected, 1, 2, []string{"unknown", "retry write.not_done"}},
		"the platform does not know":       {false, sdk.StatusUnknown, 0, 2, []string{"unknown"}},
		"the platform knows no more of it": {true, sdk.StatusUnknown, 0, 1, []string{"unknown"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, map[string]int64{"a@1": 1})
				w.looker = &looker{status: tt.says, shows: tt.shows}
				w.hub.SetMode("web", canon.ModeLive)
				var lost atomic.Bool
				if tt.reached {
					w.applier.lose = func() error {
						if lost.Swap(true) {
							return nil
						}
						return errors.New("connection reset")
					}
				} else {
					w.applier.refuse = func() error {
						if lost.Swap(true) {
							return nil
						}
						return errors.New("connection reset")
					}
				}
				r := w.start()
				w.hub.Want("web", "a@1", 0, true)
				after(10 * time.Second)
				r.stop(t)
				require.Len(t, w.looker.asked, 1)
				require.Equal(t, int64(0), w.looker.asked[0].Stock.Want)
				require.Equal(t, int64(1), w.looker.asked[0].Stock.Expect)
				require.Equal(t, int64(0), w.platform.Level("a@1"))
				require.Equal(t, tt.settled, settledAs(t, w.hub, w.looker.asked[0].Key))
				require.Len(t, attemptKeys(w.hub), tt.attempts, "nothing is sent twice that happened, and what did not is sent again")
			})
		})
	}
}

// settledAs lists what was journaled as the outcome of the write with a key: status and code.
func settledAs(t *testing.T, h *intaketest.Hub, key string) (out []string) {
	t.Helper()
	for _, e := range h.Log(canon.EntrySettled) {
		var s canon.Settled
		require.NoError(t, json.Unmarshal(e.Data, &s))
		for _, w := range s.Writes {
			if w.Key == key {
				out = append(out, strings.TrimSpace(w.Status+" "+w.Code))
			}
		}
	}
	return out
}
