package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver takes webhooks as Standard Webhooks asks of one: a signature that is wrong is not taken.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []message
	ids    []string
	answer int           // 0 for 200
	hangs  chan struct{} // where it is set, nothing is answered before it is closed
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		r.mu.Lock()
		answer, hangs := r.answer, r.hangs
		r.mu.Unlock()
		if hangs != nil {
			select {
			case <-hangs:
			case <-req.Context().Done():
			}
			return
		}
		id, stamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
		var m message
		switch {
		case err != nil || json.Unmarshal(body, &m) != nil || Sign(hookSecret, id, stamp, body) != req.Header.Get("webhook-signature"):
			w.WriteHeader(http.StatusUnauthorized)
		case answer != 0:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(answer)
		default:
			r.mu.Lock()
			r.got, r.ids = append(r.got, m), append(r.ids, id)
			r.mu.Unlock()
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) phases() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.got {
		out = append(out, string(r.got[i].Data.Kind)+" "+string(r.got[i].Data.Phase))
	}
	return out
}

func (r *receiver) set(answer int) { r.mu.Lock(); r.answer = answer; r.mu.Unlock() }

var anAlarm = Notice{ID: "disk/data/1/raised", Phase: Raised, Kind: Disk, Subject: "data", What: "the disk of data has 3 MiB free", Do: "make room", RaisedAt: began, Hub: "hub-1"}

func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	// The example of the specification's reference libraries.
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		Sign(hookSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)))
}

func TestAWebhookIsSignedAndNeverFollowed(t *testing.T) {
	r := newReceiver(t)
	w := &Webhook{URL: r.URL + "/zzsecret", Secret: hookSecret}
	require.NoError(t, w.Tell(t.Context(), &anAlarm, began))
	require.Equal(t, "jumpring.alarm.raised.v1", r.got[0].Type)
	require.Equal(t, "data", r.got[0].Data.Subject)
	require.Equal(t, []string{anAlarm.ID}, r.ids)
	for _, answer := range []int{500, 302, 404} {
		r.set(answer)
		require.EqualError(t, w.Tell(t.Context(), &anAlarm, began), fmt.Sprint("its receiver answered ", answer))
	}
	r.set(0)
	wrong := &Webhook{URL: w.URL, Secret: "another secret that is wrong"}
	require.ErrorContains(t, wrong.Tell(t.Context(), &anAlarm, began), "401")
	r.Close()
	for _, address := range []string{w.URL, "http://zzsecret.invalid/zzsecret", "https://" + strings.TrimPrefix(r.URL, "http://") + "/zzsecret", "http://zz secret"} {
		err := (&Webhook{URL: address, Secret: hookSecret}).Tell(t.Context(), &anAlarm, began)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "zzsecret", "the address is a secret")
	}
}

func TestAMailGoesOutEncryptedAndLoggedIn(t *testing.T) {
	b := newMailbox(t)
	b.user = "duty\x00zzpassword"
	m := &Mail{Server: b.ln.Addr().String(), From: "hub@example.com", To: []string{"a@example.com", "b@example.com"}, User: "duty", Password: "zzpassword", Security: StartTLS, Roots: b.roots}
	n := anAlarm
	n.Subject = "data\r\nBcc: zz@example.com"
	require.NoError(t, m.Tell(t.Context(), &n, began))
	mails := b.got()
	require.Len(t, mails, 1)
	head, body, _ := strings.Cut(mails[0], "\r\n\r\n")
	require.Contains(t, head, "Subject: [Jumpring] raised: disk data  Bcc: zz@example.com (hub-1)\r\n", "one line, whatever is in it")
	require.Contains(t, head, "Auto-Submitted: auto-generated")
	require.NotContains(t, head, "\r\nBcc:")
	require.Contains(t, body, "What to do: make room")

	for name, c := range map[string]struct {
		change func(m *Mail, b *mailbox)
		want   string
	}{
		"a wrong password":      {func(m *Mail, _ *mailbox) { m.Password = "other" }, "its server answered 535 to AUTH"},
		"no encryption":         {func(_ *Mail, b *mailbox) { b.noTLS = true }, "offers no STARTTLS"},
		"a stranger's":          {func(m *Mail, _ *mailbox) { m.Roots = nil }, "certificate is not good"},
		"a refused receiver":    {func(_ *Mail, b *mailbox) { b.refuse = "RCPT TO:<B@" }, "its server answered 550 to RCPT TO"},
		"nobody there":          {func(m *Mail, _ *mailbox) { m.Server = "127.0.0.1:1" }, "could not be reached"},
		"a name that is nobody": {func(m *Mail, _ *mailbox) { m.Server = "zzsecret.invalid:25" }, "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMailbox(t)
			b.user = "duty\x00zzpassword"
			m := *m
			m.Server, m.Roots = b.ln.Addr().String(), b.roots
			c.change(&m, b)
			err := m.Tell(t.Context(), &anAlarm, began)
			require.ErrorContains(t, err, c.want)
			for _, hidden := range []string{"zzsecret", "zzpassword", "example.com"} {
				require.NotContains(t, err.Error(), hidden)
			}
			require.Empty(t, b.got())
			require.False(t, b.unsecure, "a password never goes over a plain connection")
		})
	}
}

func TestACommandGetsTheNoticeAndNothingElse(t *testing.T) {
	t.Setenv("ZZ_TOKEN", "zzsecret")
	out := filepath.Join(t.TempDir(), "out")
	c := &Command{Args: []string{"/bin/sh", "-c", `{ cat; env; } > "$0"`, out}}
	require.NoError(t, c.Tell(t.Context(), &anAlarm, began))
	raw, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"kind":"disk"`)
	require.Contains(t, string(raw), "JUMPRING_ALARM_PHASE=raised")
	require.NotContains(t, string(raw), "zzsecret")
	require.EqualError(t, (&Command{Args: []string{"/bin/sh", "-c", "echo zzsecret >&2; exit 7"}}).Tell(t.Context(), &anAlarm, began), "its command ended with 7")
	require.EqualError(t, (&Command{Args: []string{"/nowhere/zzsecret"}}).Tell(t.Context(), &anAlarm, began), "its command could not be started")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.EqualError(t, (&Command{Args: []string{"/bin/sh", "-c", "sleep 600 & sleep 600"}}).Tell(ctx, &anAlarm, began), "its command took too long")
}

// world is what a keeper looks at.
type world struct {
	mu  sync.Mutex
	bad map[Kind]bool
}

func (w *world) set(k Kind, bad bool) { w.mu.Lock(); w.bad[k] = bad; w.mu.Unlock() }

func (w *world) look(context.Context) []Signal {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []Signal{}
	for _, k := range []Kind{Disk, Parked} {
		s := Signal{Kind: k, What: "about " + string(k)}
		if w.bad[k] {
			s.Verdict = Bad
		}
		out = append(out, s)
	}
	return out
}

// keep runs a keeper until the returned function stops it.
func keep(t *testing.T, file string, w *world, ways ...Way) (k *Keeper, stop func()) {
	t.Helper()
	k, err := Open(Options{
		File: file, Every: 10 * time.Millisecond, Times: Times{Clear: 20 * time.Millisecond}, Ways: ways, Look: w.look, Log: hclog.NewNullLogger(),
		Pause: 10 * time.Millisecond, Deadline: 30 * time.Second,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return k, stop
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, time.Minute, 5*time.Millisecond, what)
}

func TestARestartTellsNothingTwice(t *testing.T) {
	r, file, w := newReceiver(t), filepath.Join(t.TempDir(), "data", "alarms.json"), &world{bad: map[Kind]bool{Disk: true}}
	way := Way{Name: "duty", Teller: &Webhook{URL: r.URL, Secret: hookSecret}}
	k, stop := keep(t, file, w, way)
	told := func(k *Keeper, n int) func() bool {
		return func() bool {
			all, _ := k.Shown()
			count := 0
			for i := range all {
				if all[i].Told["duty"].Times > 0 {
					count++
				}
			}
			return count == n
		}
	}
	eventually(t, "the alarm is told", told(k, 1))
	stop()
	k, stop = keep(t, file, w, way)
	w.set(Parked, true)
	eventually(t, "something else is told after the restart", told(k, 2))
	stop()
	require.Equal(t, []string{"disk raised", "parked raised"}, r.phases())
	w.set(Disk, false)
	keep(t, file, w, way)
	eventually(t, "the first is over", func() bool { return len(r.phases()) == 3 })
	require.Equal(t, "disk cleared", r.phases()[2])

	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err := Open(Options{File: file})
	require.ErrorContains(t, err, "remove")
}

func TestAWayThatHangsOrFailsHoldsUpNothing(t *testing.T) {
	good, bad, hangs := newReceiver(t), newReceiver(t), newReceiver(t)
	bad.answer = 500
	hangs.hangs = make(chan struct{})
	defer close(hangs.hangs)
	w := &world{bad: map[Kind]bool{Disk: true}}
	k, stop := keep(t, filepath.Join(t.TempDir(), "alarms.json"), w,
		Way{Name: "hangs", Teller: &Webhook{URL: hangs.URL, Secret: hookSecret}},
		Way{Name: "bad", Teller: &Webhook{URL: bad.URL, Secret: hookSecret}},
		Way{Name: "good", Teller: &Webhook{URL: good.URL, Secret: hookSecret}},
		Way{Name: "parked-only", Kinds: []Kind{Parked}, Teller: &Webhook{URL: good.URL, Secret: hookSecret}})
	eventually(t, "the good way tells it, and that another one fails", func() bool {
		phases := strings.Join(good.phases(), ",")
		return strings.Contains(phases, "disk raised") && strings.Contains(phases, "alarm.undelivered raised")
	})
	_, ways := k.Shown()
	require.Equal(t, "its receiver answered 500", ways[1].LastError)
	require.GreaterOrEqual(t, ways[1].Failures, 3)
	require.Empty(t, bad.phases())

	bad.set(0)
	eventually(t, "the bad way catches up", func() bool { return len(bad.phases()) > 0 })
	eventually(t, "and that is told too", func() bool { return strings.Contains(strings.Join(good.phases(), ","), "alarm.undelivered cleared") })
	disks := 0
	for _, p := range good.phases() {
		if p == "disk raised" {
			disks++
		}
	}
	require.Equal(t, 1, disks, "once, to the way that takes disks")
	require.NoError(t, k.Test(t.Context(), "good"))
	require.Contains(t, good.phases(), "test raised")
	require.True(t, errors.Is(k.Test(t.Context(), "none"), ErrNoWay))
	stop() // although a receiver hangs
}
