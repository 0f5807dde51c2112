package main

import (
	"encoding/json"
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

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/alarm"
)

const alarmSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// pager takes alarms and checks their signatures.
type pager struct {
	*httptest.Server
	mu   sync.Mutex
	got  []alarm.Notice
	body strings.Builder
}

func newPager(t *testing.T) *pager {
	p := &pager{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var m struct{ Data alarm.Notice }
		if err != nil || json.Unmarshal(body, &m) != nil || alarm.Sign(alarmSecret, r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body) != r.Header.Get("webhook-signature") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, m.Data)
		p.body.Write(body)
	}))
	t.Cleanup(p.Close)
	return p
}

// told gives the phases of what was told about a kind.
func (p *pager) told(k alarm.Kind) (out []alarm.Phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.got {
		if p.got[i].Kind == k {
			out = append(out, p.got[i].Phase)
		}
	}
	return out
}

func TestAHubTellsWhatIsWrongOnceAndThatItIsOver(t *testing.T) {
	o, _ := newOperator(t)
	dir, pages := filepath.Dir(o.config), newPager(t)
	t.Setenv("ALARM_URL", pages.URL+"/zzsecret-path")
	t.Setenv("ALARM_SECRET", alarmSecret)
	file := filepath.Join(dir, "commanded")
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	configuration := string(raw) + fmt.Sprintf(`
alarms:
  every: 100ms
  after: 0s
  clear: 0s
  parked: 1
  disk_free: "0.01%%"
  ways:
    - name: duty
      kinds: [parked]
      webhook: {url: "${env:ALARM_URL}", secret: "${env:ALARM_SECRET}"}
    - name: shell
      kinds: [parked]
      command: [/bin/sh, -c, 'cat >> "$0"', %q]
`, file)
	require.NoError(t, os.WriteFile(o.config, []byte(configuration), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	plantRecords(t, filepath.Join(dir, "data"), "")

	stop := o.serve()
	eventually(t, time.Minute, "the parked entry is told", func() bool { return len(pages.told(alarm.Parked)) == 1 })
	eventually(t, time.Minute, "by the command too", func() bool {
		raw, _ := os.ReadFile(file)
		return strings.Contains(string(raw), `"kind":"parked"`)
	})
	require.Contains(t, o.ok("alarm", "list"), "1 entries were parked")
	eventually(t, time.Minute, "the way shows that it told", func() bool {
		var shown struct{ Ways []alarm.WayStatus }
		require.NoError(t, json.Unmarshal([]byte(o.ok("alarm", "list", "-o", "json")), &shown))
		return !shown.Ways[0].ToldAt.IsZero() && shown.Ways[0].By == "webhook" && shown.Ways[1].By == "command"
	})
	o.ok("alarm", "test", "duty")
	require.Equal(t, []alarm.Phase{alarm.Raised}, pages.told(alarm.Test))
	require.Equal(t, exitRefused, o.run("alarm", "test", "nobody").code)
	served := stop()
	require.NotContains(t, served.err, "zzsecret-path")

	stop = o.serve()
	var parked []struct{ Position string }
	eventually(t, time.Minute, "the hub is ready", func() bool {
		return json.Unmarshal([]byte(o.run("parked", "list", "-o", "json").out), &parked) == nil && len(parked) == 1
	})
	eventually(t, time.Minute, "the alarm stands still", func() bool { return strings.Contains(o.run("alarm", "list").out, "parked") })
	o.ok("parked", "discard", parked[0].Position)
	eventually(t, time.Minute, "it is over, and that is told", func() bool { return len(pages.told(alarm.Parked)) == 2 })
	require.Equal(t, []alarm.Phase{alarm.Raised, alarm.Cleared}, pages.told(alarm.Parked), "nothing was told twice")
	require.Contains(t, o.ok("alarm", "list", "--over"), "parked")

	// A receiver that is gone is shown, and holds nothing up.
	pages.Close()
	refused := o.run("alarm", "test", "duty")
	require.NotEqual(t, exitOK, refused.code)
	require.Contains(t, refused.err, "alarm.untold")
	require.NotContains(t, refused.err, "zzsecret-path")
	o.ok("item", "list")
	stop()
	for what, canary := range canaries {
		require.NotContains(t, strings.ToLower(pages.body.String()), strings.ToLower(canary), "%s was told", what)
	}
}
