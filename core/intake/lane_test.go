package intake_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/intake/intaketest"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestReadsOfOneEntityAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		r := w.start()
		done := 0
		for range 50 {
			r.RequestRead(read("s001@1"), intake.Soon, func() { done++ })
		}
		after(time.Second)
		r.stop()
		require.Equal(t, 50, done)
		require.LessOrEqual(t, len(w.platform.Calls("read s001@1")), 2)
	})
}

func TestReadsAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(100))
		w.describe.RateLimit = sdk.RateLimit{PerSecond: 1, Burst: 1, MaxBatch: 30}
		r := w.start()
		after(time.Second)
		for id := range levels(100) {
			r.RequestRead(read(id), intake.Soon, nil)
		}
		after(time.Minute)
		r.stop()
		require.Len(t, w.platform.Calls("read"), 100)
		require.LessOrEqual(t, len(w.platform.Calls("batch")), 6)
		require.Empty(t, w.platform.Calls("batch 31"))
	})
}

func TestAReadWaitsForItsMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		r := w.start()
		began := time.Now()
		later := read("s001@1")
		later.After = began.Add(10 * time.Second)
		var first, second time.Duration
		r.RequestRead(later, intake.Soon, func() { second = time.Since(began) })
		r.RequestRead(read("s001@1"), intake.Soon, func() { first = time.Since(began) })
		after(time.Minute)
		r.stop()
		require.Less(t, first, time.Second, "what is wanted now is read now")
		require.GreaterOrEqual(t, second, 10*time.Second, "a read before its moment does not answer it")
		require.Len(t, w.platform.Calls("read"), 2)
	})
}

func TestARequestDuringAReadGetsAReadOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		r := w.start()
		after(time.Second)
		r.RequestRead(read("s001@1"), intake.Soon, nil)
		time.Sleep(w.platform.Latency / 2)
		w.platform.Set("s001@1", 42)
		var shown int64
		cause := w.hub.Want("web", "s001@1", 1, false)
		r.RequestRead(read("s001@1"), intake.Soon, func() {
			require.GreaterOrEqual(t, w.hub.Binding("web", "s001@1").Current().ReadStamp.Offset, cause.Offset)
			shown = w.hub.Binding("web", "s001@1").Wants.Shows
		})
		after(time.Second)
		r.stop()
		require.Equal(t, int64(42), shown, "it is folded when the caller is told")
		require.Len(t, w.platform.Calls("read"), 2)
	})
}

func TestWhatAPlatformDoesNotAnswerIsAskedEverMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		var answers atomic.Bool
		w.platform.OnRead = func(req *sdk.ReadRequest) *intake.ReadResult {
			if !answers.Load() {
				return &intake.ReadResult{}
			}
			return nil
		}
		r := w.start()
		done := false
		r.RequestRead(read("s001@1"), intake.Soon, func() { done = true })
		after(time.Hour)
		require.InDelta(t, 20, len(w.platform.Calls("read")), 5)
		require.Equal(t, 1, r.State().Unanswered)
		require.False(t, done)
		answers.Store(true)
		w.hub.Tell(canon.EntryTouched, canon.Head{Connection: "web"}, canon.Touched{Refs: []canon.Ref{read("s001@1").Ref}})
		after(time.Second)
		require.True(t, done, "a new reason to read does not wait for the back-off")
		r.stop()
	})
}

func TestAThrottledReadGoesOnWhenThePlatformSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		throttled := false
		w.platform.OnRead = func(req *sdk.ReadRequest) *intake.ReadResult {
			if throttled {
				return nil
			}
			throttled = true
			return &intake.ReadResult{Facts: []intake.Fact{intaketest.Fact(req.Refs[0].ExternalID, 7)}, RetryAfter: 30 * time.Second}
		}
		r := w.start()
		after(time.Second)
		r.RequestRead(read("s000@1"), intake.Soon, nil)
		r.RequestRead(read("s001@1"), intake.Soon, nil)
		r.RequestRead(read("s002@1"), intake.Soon, nil)
		after(29 * time.Second)
		require.LessOrEqual(t, len(w.platform.Calls("batch")), 2)
		after(time.Minute)
		require.Zero(t, r.State().Reads)
		r.stop()
	})
}

func TestReadsSurviveAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(6))
		w.platform.SetDown(true)
		r := w.start()
		w.hub.Tell(canon.EntryTouched, canon.Head{Connection: "web"}, canon.Touched{Refs: []canon.Ref{read("s000@1").Ref}})
		change := func(id string, fn func(b *canon.Binding)) {
			b := w.hub.Binding("web", id)
			fn(b)
			w.hub.Put(store.BindingKey(b.BindingKey), b)
		}
		change("s001@1", func(b *canon.Binding) { b.Uncertain = true })
		change("s002@1", func(b *canon.Binding) { b.Wants = &canon.Want{Expected: true} })
		change("s003@1", func(b *canon.Binding) { b.Wants = &canon.Want{Write: canon.WriteUnverified, At: time.Now()} })
		change("s004@1", func(b *canon.Binding) { b.Wants = &canon.Want{Write: canon.WriteUnknown, At: time.Now()} })
		after(time.Second)
		r.kill()
		w.platform.SetDown(false)
		before := len(w.platform.Calls("read"))
		r = w.start()
		after(time.Minute)
		r.stop()
		reads := w.platform.Calls("read")[before:]
		require.ElementsMatch(t, []string{"read s000@1", "read s001@1", "read s002@1", "read s003@1", "read s004@1"}, reads)
	})
}

func TestAReadThatOnlyVerifiesIsDroppedWhenItWasShownMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		w.hub.Want("web", "s001@1", 1, false)
		w.hub.Want("web", "s002@1", 2, false)
		r := w.start()
		after(time.Second)
		before := len(w.platform.Calls("read"))
		w.hub.Expect("web", "s001@1", 0, 3*time.Second)
		w.hub.Expect("web", "s002@1", 0, 3*time.Second)
		after(time.Second)
		w.hub.Observe("web", "s001@1", 0, true)
		after(time.Minute)
		r.stop()
		require.Equal(t, []string{"read s002@1"}, w.platform.Calls("read")[before:])
	})
}

func TestReadsTellThePlatformWhatTheHubKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := imported(t, levels(3))
		w.hub.Put(store.StockIDKey("web", "s001"), store.StockID{Listing: "v1", Levels: []string{"s001@1"}})
		put := func(kind canon.Kind, id, observation string) {
			key := canon.BindingKey{Connection: "web", Kind: kind, ExternalID: id, Aspect: canon.AspectMain}
			w.hub.Put(store.BindingKey(key), canon.Binding{BindingKey: key, Unversioned: &canon.Shown{Observation: []byte(observation)}})
		}
		put(canon.KindListing, "v1", `{"listing":{"product_id":"p1"}}`)
		put(canon.KindRefund, "r1", `{"refund":{"order_id":"o1"}}`)
		hints := make(map[canon.Ref]sdk.ReadHint)
		var mu sync.Mutex
		w.platform.OnRead = func(req *sdk.ReadRequest) *intake.ReadResult {
			mu.Lock()
			defer mu.Unlock()
			for i, ref := range req.Refs {
				hints[ref] = req.Hints[i]
			}
			return nil
		}
		r := w.start()
		after(time.Second)
		for _, ref := range []canon.Ref{{Kind: canon.KindLevel, ExternalID: "s001@1"}, {Kind: canon.KindListing, ExternalID: "v1"}, {Kind: canon.KindRefund, ExternalID: "r1"}, {Kind: canon.KindOrder, ExternalID: "new"}} {
			rd := read("")
			rd.Ref = ref
			r.RequestRead(rd, intake.Soon, nil)
		}
		after(time.Second)
		r.stop()
		require.Equal(t, map[canon.Ref]sdk.ReadHint{
			{Kind: canon.KindLevel, ExternalID: "s001@1"}: {ListingID: "v1", ProductID: "p1"},
			{Kind: canon.KindListing, ExternalID: "v1"}:   {ProductID: "p1"},
			{Kind: canon.KindRefund, ExternalID: "r1"}:    {OrderID: "o1"},
			{Kind: canon.KindOrder, ExternalID: "new"}:    {},
		}, hints)
	})
}
