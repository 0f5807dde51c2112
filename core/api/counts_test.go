package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

func TestAPlaceIsCountedByHandAndByAReader(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	post := func(role access.Role, path, body string) reply { return h.ask(role, "POST", "/v1/counts"+path, body) }
	require.Equal(t, 403, post(access.RoleRead, "", `{"location":"paris"}`).status)
	made := post(access.RoleDevice, "", `{"location":"paris"}`)
	require.Equal(t, 201, made.status, made.body)
	id := made.json(t, "id").(string)
	require.Equal(t, 200, post(access.RoleDevice, "/"+id+"/see", `{"scans":[{"scanned":"GIA 2141438171"},{"scanned":"nobody knows"}]}`).status)
	event := `{"specversion":"1.0","id":"1","source":"gate","type":"jumpring.count.reported.v1","data":{"session":"` + id + `","counted_at":"` + time.Now().Format(time.RFC3339) +
		`","location":"paris","lines":[{"sku":"CHAIN-45","quantity":3}]}}`
	require.Equal(t, 200, h.ask(access.RoleDevice, "POST", "/v1/events", event, "Content-Type", "application/cloudevents+json").status)
	submitted := post(access.RoleTill, "/"+id+"/submit", `{}`)
	require.Equal(t, 200, submitted.status, submitted.body)
	require.Equal(t, "count.comparing", post(access.RoleManager, "/"+id+"/complete", `{"approved":true}`).json(t, "code"))
	h.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	h.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	shown := h.ask(access.RoleRead, "GET", "/v1/counts/"+id, "")
	require.Equal(t, true, shown.json(t, "compared"), shown.body)
	require.EqualValues(t, 3, shown.json(t, "scans"), "two by hand, one by the reader")
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/counts/"+id+"/lines?state=seen", "").body, h.ring())
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/counts/"+id+"/lines?state=unknown", "").body, "nobody knows")
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/counts/"+id+"/lines?state=differing", "").body, h.chain())
	require.Equal(t, 400, h.ask(access.RoleRead, "GET", "/v1/counts/"+id+"/lines?state=lost", "").status)
	require.Equal(t, "approval.missing", post(access.RoleManager, "/"+id+"/complete", `{}`).json(t, "code"))
	require.Equal(t, "completed", post(access.RoleManager, "/"+id+"/complete", `{"approved":true}`).json(t, "status"))
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/counts?status=completed", "").body, id)
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/counts/"+id+"/timeline", "").body, "count.submitted")
}
