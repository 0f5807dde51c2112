package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

// told takes rows of a live stream until one fits.
func (s *sse) told(fits func(NamedRow) bool) (all []NamedRow) {
	s.t.Helper()
	for {
		e := s.next()
		require.Equal(s.t, "happened", e.event)
		var rows []NamedRow
		require.NoError(s.t, json.Unmarshal([]byte(e.data), &rows))
		require.NotEmpty(s.t, rows)
		all = append(all, rows...)
		for i := range rows {
			require.Empty(s.t, rows[i].Changes, "what changed is not for pages")
			if i > 0 {
				require.LessOrEqual(s.t, rows[i].Position.Compare(rows[i-1].Position), 0, "the newest first")
			}
			if fits(rows[i]) {
				return all
			}
		}
	}
}

func TestViewersAreToldWhatHappens(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	at := h.serve()
	one, other := h.followAt(t, at+"/v1/live", access.RoleAdmin, ""), h.followAt(t, at+"/v1/live", access.RoleAdmin, "")
	defer one.close()
	sell := func(receipt string) {
		t.Helper()
		res := h.ask(access.RoleTill, "POST", "/v1/items/"+h.chain()+"/sell", `{"receipt":"`+receipt+`"}`)
		require.Equal(t, 201, res.status, res.body)
	}
	chain := func(r NamedRow) bool { return r.Type == "item" && r.Entity == h.chain() }
	sell("L1")
	first := one.told(chain)
	require.Equal(t, first, other.told(chain), "who is shown the same gets the same")
	name := ""
	for _, r := range first {
		if chain(r) {
			name = r.Name
		}
	}
	var item struct{ Title string }
	require.NoError(t, json.Unmarshal([]byte(h.ask(access.RoleAdmin, "GET", "/v1/items/"+h.chain(), "").body), &item))
	require.Equal(t, item.Title, name, "a piece is called what it is called")
	other.close()
	sell("L2")
	for _, r := range one.told(chain) {
		for _, before := range first {
			require.NotEqual(t, [2]string{before.Position.String(), before.Event + before.Entity}, [2]string{r.Position.String(), r.Event + r.Entity}, "nothing is told twice")
		}
	}
}

func TestWhoMayNoMoreIsToldNoMore(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	told, leave, err := h.api.live.join(access.Principal{Name: "x", Role: access.RoleAdmin}, 5)
	require.NoError(t, err)
	_, second, err := h.api.live.join(access.Principal{Name: "y", Role: access.RoleAdmin, Location: "paris"}, 5)
	require.NoError(t, err)
	h.api.live.mu.Lock()
	require.Len(t, h.api.live.rooms, 2, "who is bound to a location is told in a room of its own")
	h.api.live.mu.Unlock()
	leave()
	second()
	h.api.live.mu.Lock()
	require.Empty(t, h.api.live.rooms, "the last one turns the light off")
	h.api.live.mu.Unlock()
	h.api.stop()
	require.Empty(t, told)
}
