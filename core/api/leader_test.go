package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// standby is a hub of which another node may be the leader.
type standby struct {
	Hub
	leader Leader
}

func (s *standby) Leader() (Leader, error) { return s.leader, nil }

// reached serves a house to another node, and counts what comes.
func (h *house) reached(t *testing.T) (address string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		res, err := h.api.App().Test(r, -1)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		for name, values := range res.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body) // the asker sees what is missing
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestAStandbyPassesOnWhatOnlyTheLeaderCanDo(t *testing.T) {
	leads := newHouse(t)
	leads.furnish()
	address, asked := leads.reached(t)
	here := &standby{}
	other := newHouse(t, func(o *Options) { here.Hub, o.Hub, o.Tokens = o.Hub, here, leads.tokens })
	other.furnish()
	other.text = leads.text

	here.leader = Leader{Node: "hub-1", Address: address}
	check := other.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/check", "")
	own := leads.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/check", "")
	require.Equal(t, own.status, check.status, check.body)
	require.Equal(t, own.body, check.body)
	require.EqualValues(t, 1, asked.Load())

	started := other.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/import", "")
	require.Equal(t, http.StatusAccepted, started.status, started.body)
	job := started.header.Get("Location")
	require.NotEmpty(t, job)
	require.Equal(t, http.StatusOK, leads.ask(access.RoleAdmin, "GET", job, "").status, "the job is the leader's")
	require.Equal(t, http.StatusOK, other.ask(access.RoleAdmin, "GET", job, "").status, "and is followed at either node")
	require.Equal(t, http.StatusNotFound, other.ask(access.RoleAdmin, "GET", "/v1/jobs/none", "").status)

	before := asked.Load()
	require.Equal(t, http.StatusForbidden, other.ask(access.RoleTill, "POST", "/v1/connections/web-eu/import", "").status, "who may not is told at once")
	require.Equal(t, http.StatusOK, other.ask(access.RoleAdmin, "GET", "/v1/connections/web-eu", "").status)
	require.Equal(t, before, asked.Load(), "reads are answered here")

	here.leader = Leader{Here: true}
	require.Equal(t, own.status, other.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/check", "").status)
	require.Equal(t, before, asked.Load(), "the leader passes nothing on")
}

func TestWhatCanNotBePassedOnNamesTheLeader(t *testing.T) {
	here := &standby{}
	h := newHouse(t, func(o *Options) { here.Hub, o.Hub = o.Hub, here })
	h.furnish()
	stranger := newHouse(t)
	strange, _ := stranger.reached(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct {
		leader Leader
		header []string
		code   problem.Code
		says   string
	}{
		"nobody leads":            {Leader{}, nil, problem.HubNotLeader, "no node holds the lease"},
		"no address":              {Leader{Node: "hub-1"}, nil, problem.HubNotLeader, "node hub-1 leads; name its bus.address"},
		"passed on before":        {Leader{Node: "hub-1", Address: strange}, []string{HeaderPassedOn, "1"}, problem.HubNotLeader, "node hub-1 leads, and this request was passed on"},
		"away":                    {Leader{Node: "hub-1", Address: gone.URL}, nil, problem.HubNotLeader, "node hub-1 leads and can't be reached"},
		"does not know the token": {Leader{Node: "hub-1", Address: strange}, nil, problem.TokenInvalid, "node hub-1 leads and does not take this token"},
	} {
		t.Run(name, func(t *testing.T) {
			here.leader = c.leader
			res := h.ask(access.RoleAdmin, "POST", "/v1/drift", "", c.header...)
			require.Equal(t, string(c.code), res.json(t, "code"), res.body)
			require.Contains(t, res.body, c.says)
			if c.code == problem.HubNotLeader {
				require.Equal(t, http.StatusServiceUnavailable, res.status)
				require.NotEmpty(t, res.header.Get("Retry-After"))
			}
			require.NotContains(t, res.body, h.text[access.RoleAdmin], "no token in an answer")
		})
	}
	here.leader = Leader{Node: "hub-1", Address: strange}
	console := h.api.Call(access.Principal{Name: "ada", Role: access.RoleAdmin}, "POST", "/v1/drift", nil, nil)
	require.Equal(t, http.StatusServiceUnavailable, console.Status, "%s", console.Body)
	require.Contains(t, string(console.Body), strange, "somebody at the console is told where to go")
}
