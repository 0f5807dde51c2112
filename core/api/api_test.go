package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/router"
)

var openRoutes = map[string]bool{
	"POST /hooks/{connection}": true, "POST /hooks/{connection}/*": true, "GET /hooks/{connection}": true,
	"GET /healthz": true, "GET /readyz": true, "GET /": true,
}

func TestEveryRouteNeedsATokenAndAPermission(t *testing.T) {
	h := newHouse(t)
	known := map[access.Permission]bool{}
	for _, p := range access.Permissions() {
		known[p] = true
	}
	names := map[string]bool{}
	for _, r := range routes() {
		id := r.method + " " + r.path
		require.False(t, names[r.name], "operation id %s is used twice", r.name)
		names[r.name] = true
		require.NotEmpty(t, r.summary, id)
		if r.open {
			require.True(t, openRoutes[id], "%s is open", id)
			require.Empty(t, r.needs, id)
			continue
		}
		require.True(t, known[r.needs], "%s needs an unknown permission %q", id, r.needs)
		path := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(r.path, "x")
		res := h.ask("", r.method, path, "")
		require.Equal(t, 401, res.status, "%s without a token", id)
		require.Equal(t, "token.missing", res.json(t, "code"), id)
		require.Contains(t, res.header.Get("WWW-Authenticate"), "Bearer")
		res = h.ask("", r.method, path, "", "Authorization", "Bearer jr_wrong")
		require.Equal(t, 401, res.status, "%s with a wrong token", id)
		for _, role := range access.Roles() {
			if role.Can(r.needs) {
				continue
			}
			res := h.ask(role, r.method, path, "")
			require.Equal(t, 403, res.status, "%s as %s", id, role)
			require.Contains(t, res.body, string(r.needs))
		}
	}
	// Fiber itself must serve nothing beyond the table.
	served := map[string]bool{}
	for _, r := range routes() {
		served[r.method+" "+fiberPath(r.path)] = true
	}
	for _, r := range h.api.App().GetRoutes(true) {
		require.True(t, served[r.Method+" "+r.Path] || r.Method == "HEAD", "%s %s is served beside the table", r.Method, r.Path)
	}
}

func TestReading(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	node := canon.NodeID("itm", "web-eu", canon.KindListing, "w1")
	for _, c := range []struct{ path, want string }{
		{"/v1/items/" + ring, ring},
		{"/v1/items/" + node, ring},
		{"/v1/items?serial=sn-1", ring},
		{"/v1/items?sku=SOL-1&serial=SN-1&status=in_stock&location=paris", ring},
		{"/v1/items?certificate=GIA%2F2141438171", ring},
		{"/v1/items?certificate=gia+2141438171", ring},
		{"/v1/items?certificate=2141438171", ring},
		{"/v1/items?sku=chain-45", h.chain()},
		{"/v1/clients?email=Amelie@Example.com", "Amélie"},
		{"/v1/clients?phone=%2B33+6+12+34+56+78", "Amélie"},
		{"/v1/clients?phone=0612345678&q=mart", "Amélie"},
		{"/v1/clients?q=ame+martin", "Amélie"},
		{"/v1/items/" + ring + "/timeline", "\"actor\":\"connection:till-file\""},
		{"/v1/locations", `"id":"paris"`},
		{"/v1/locations/paris", `"id":"paris"`},
		{"/v1/connections", `"name":"web-eu"`},
		{"/v1/connections/web-eu", `"mode":"live"`},
		{"/v1/connections/web-eu/plan", `"digest":`},
		{"/v1/connections/web-eu/matches", `"listing_id":"w9"`},
	} {
		res := h.ask(access.RoleAdmin, "GET", c.path, "")
		require.Equal(t, 200, res.status, "%s: %s", c.path, res.body)
		require.Contains(t, res.body, c.want, c.path)
	}
	for _, path := range []string{
		"/v1/items?serial=none", "/v1/items?serial=sn-1&sku=chain-45", "/v1/items?epc=not-an-epc", "/v1/items?certificate=IGI%2F2141438171",
		"/v1/clients?email=nobody@example.com", "/v1/clients?email=amelie@example.com&q=weber", "/v1/clients?phone=abc",
		"/v1/orders?connection=web-eu&external_id=none", "/v1/cases", "/v1/parked",
	} {
		res := h.ask(access.RoleAdmin, "GET", path, "")
		require.Equal(t, 200, res.status, "%s: %s", path, res.body)
		require.Equal(t, `{"items":[]}`, res.body, path)
	}
	for _, path := range []string{
		"/v1/items/itm_none", "/v1/items/itm_none/timeline", "/v1/clients/" + ring, "/v1/orders/x", "/v1/locations/rome",
		"/v1/cases/none", "/v1/parked/9.9", "/v1/jobs/x", "/v1/commands/x", "/v1/connections/none", "/v1/nothing",
	} {
		res := h.ask(access.RoleAdmin, "GET", path, "")
		require.Equal(t, 404, res.status, path)
		require.Equal(t, problem.MediaType, res.header.Get("Content-Type"), path)
	}
}

func TestPagesAreWholeAndEachRecordComesOnce(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	var all, paged []string
	for _, it := range h.ask(access.RoleAdmin, "GET", "/v1/items", "").json(t, "items").([]any) {
		all = append(all, it.(map[string]any)["id"].(string))
	}
	require.Len(t, all, 2)
	for path := "/v1/items?limit=1"; ; {
		res := h.ask(access.RoleAdmin, "GET", path, "")
		require.Equal(t, 200, res.status, res.body)
		for _, it := range res.json(t, "items").([]any) {
			paged = append(paged, it.(map[string]any)["id"].(string))
		}
		next, more := res.json(t, "next_cursor").(string)
		if !more {
			break
		}
		path = "/v1/items?limit=1&cursor=" + next
	}
	require.Equal(t, all, paged)
}

func TestTheTillSellsAndTheSecondBuyerIsTold(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	res := h.ask(access.RoleTill, "POST", "/v1/items/"+ring+"/reservations", `{"seconds":900,"for_whom":"Amélie"}`, "Idempotency-Key", "k1")
	require.Equal(t, 201, res.status, res.body)
	id := res.json(t, "id").(string)
	require.Equal(t, "till:till-1", res.json(t, "channel"))
	require.Equal(t, "/v1/items/"+ring+"/reservations/"+id, res.header.Get("Location"))
	require.Equal(t, "k1", res.header.Get("Idempotency-Key"))

	again := h.ask(access.RoleTill, "POST", "/v1/items/"+ring+"/reservations", `{"seconds":900,"for_whom":"Amélie"}`, "Idempotency-Key", "k1")
	require.Equal(t, 201, again.status)
	require.Equal(t, id, again.json(t, "id"), "a repeat gets the first answer")
	other := h.ask(access.RoleTill, "POST", "/v1/items/"+ring+"/reservations", `{"seconds":60}`, "Idempotency-Key", "k1")
	require.Equal(t, 422, other.status)
	require.Equal(t, "command.key_reused", other.json(t, "code"))

	held := h.ask(access.RoleManager, "POST", "/v1/items/"+ring+"/reservations", `{"seconds":60}`)
	require.Equal(t, 409, held.status)
	require.Equal(t, "item.held", held.json(t, "code"))
	require.Equal(t, "till:till-1", held.json(t, "holder", "channel"))
	require.NotEmpty(t, held.json(t, "holder", "until"))
	require.NotEmpty(t, held.header.Get("Idempotency-Key"), "a key is made where none was sent")

	sold := h.ask(access.RoleTill, "POST", "/v1/items/"+ring+"/sell", `{"reservation":"`+id+`","receipt":"R7","price":{"amount":"2400.00","currency":"EUR"}}`)
	require.Equal(t, 201, sold.status, sold.body)
	require.Equal(t, "sold", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
	orders := h.ask(access.RoleTill, "GET", "/v1/orders?connection=till:till-1&external_id="+sold.json(t, "external_id").(string), "")
	require.Equal(t, "R7", orders.json(t, "items", "number"))

	back := h.ask(access.RoleManager, "POST", "/v1/items/"+ring+"/restock", ``)
	require.Equal(t, 200, back.status, back.body)
	require.Equal(t, "in_stock", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
}

func TestReleasingEitherWay(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	for _, way := range []struct{ method, suffix string }{{"DELETE", ""}, {"POST", "/release"}} {
		res := h.ask(access.RoleTill, "POST", "/v1/items/"+ring+"/reservations", `{"seconds":900}`)
		require.Equal(t, 201, res.status, res.body)
		at := res.header.Get("Location")
		res = h.ask(access.RoleTill, way.method, at+way.suffix, "")
		require.Equal(t, 200, res.status, res.body)
		require.Equal(t, "released", res.json(t, "ended"))
		require.Equal(t, 409, h.ask(access.RoleTill, way.method, at+way.suffix, "").status)
	}
}

func TestATokenActsAtItsLocationAlone(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	var err error
	h.text["lyon"], _, err = h.tokens.Create("lyon-1", access.RoleTill, "lyon", time.Time{})
	require.NoError(t, err)
	h.text["paris"], _, err = h.tokens.Create("paris-1", access.RoleTill, "paris", time.Time{})
	require.NoError(t, err)
	for _, c := range []struct {
		who    access.Role
		path   string
		body   string
		status int
	}{
		{"lyon", "/v1/items/" + h.ring() + "/reservations", `{"seconds":60}`, 403},
		{"lyon", "/v1/items/" + h.ring() + "/sell", `{}`, 403},
		{"lyon", "/v1/items/" + h.chain() + "/reservations", `{"seconds":60,"location":"paris"}`, 403},
		{"lyon", "/v1/items/" + h.chain() + "/reservations", `{"seconds":60}`, 409},
		{"paris", "/v1/items/" + h.chain() + "/reservations", `{"seconds":60,"quantity":3}`, 201},
		{"paris", "/v1/items/" + h.ring() + "/sell", `{"location":"paris"}`, 201},
	} {
		res := h.ask(c.who, "POST", c.path, c.body)
		require.Equal(t, c.status, res.status, "%s %s %s: %s", c.who, c.path, c.body, res.body)
		if c.status == 403 {
			require.Equal(t, "location.forbidden", res.json(t, "code"))
		}
	}
}

func TestACommandThatIsStillPending(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.broken = fmt.Errorf("deciding: %w", router.ErrPending)
	res := h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{}`, "Idempotency-Key", "slow/1")
	require.Equal(t, 202, res.status, res.body)
	require.Equal(t, "pending", res.json(t, "status"))
	require.Equal(t, "/v1/commands/slow%2F1", res.header.Get("Location"))
	require.Equal(t, 404, h.ask(access.RoleTill, "GET", "/v1/commands/slow%2F1", "").status)
	h.broken = nil
	require.Equal(t, 201, h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{}`, "Idempotency-Key", "slow/1").status)
	res = h.ask(access.RoleTill, "GET", "/v1/commands/slow%2F1", "")
	require.Equal(t, "done", res.json(t, "status"))
	require.Equal(t, 404, h.ask(access.RoleManager, "GET", "/v1/commands/slow%2F1", "").status, "another's command")

	require.Equal(t, 409, h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{}`, "Idempotency-Key", "no").status)
	res = h.ask(access.RoleTill, "GET", "/v1/commands/no", "")
	require.Equal(t, "refused", res.json(t, "status"))
	require.Equal(t, "item.held", res.json(t, "problem", "code"))
}

func TestWhatARoleSees(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	client := h.ask(access.RoleAdmin, "GET", "/v1/clients?q=martin", "").json(t, "items", "id").(string)
	for role, sees := range map[access.Role]bool{access.RoleAdmin: true, access.RoleManager: true, access.RoleTill: false, access.RoleDevice: false, access.RoleRead: false} {
		for _, path := range []string{"/v1/items/" + h.ring(), "/v1/items?serial=SN-1"} {
			res := h.ask(role, "GET", path, "")
			require.Equal(t, 200, res.status)
			require.Equal(t, sees, strings.Contains(res.body, "90000"), "%s sees the cost on %s", role, path)
		}
		if role.Can(access.ClientsRead) {
			require.Contains(t, h.ask(role, "GET", "/v1/clients/"+client+"/timeline", "").body, "client")
		}
	}
	require.Equal(t, 403, h.ask(access.RoleRead, "GET", "/v1/orders?client="+client, "").status)
	require.Equal(t, 200, h.ask(access.RoleTill, "GET", "/v1/orders?client="+client, "").status)
}

func TestCasesAreResolvedByAProposal(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	order := func(id, listing string) canon.Observation {
		return canon.Observation{Kind: canon.KindOrder, ExternalID: id, Order: &canon.OrderState{
			Status: canon.OrderOpen, PlacedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Currency: "EUR",
			Lines: []canon.OrderLine{{ID: "1", ListingID: listing, Quantity: 1}},
		}}
	}
	h.see("web-eu", order("o1", "w1"))
	event := `{"specversion":"1.0","id":"e","source":"paris-1","type":"jumpring.sale.reported.v1","data":{"receipt":"R1",
		"sold_at":"2026-03-01T11:00:00+01:00","currency":"EUR","location":"paris","lines":[{"serial":"SN-1","quantity":1}]}}`
	res := h.ask(access.RoleTill, "POST", "/v1/events", event)
	require.Equal(t, 200, res.status, "a till's report is taken though somebody else holds the piece: %s", res.body)

	res = h.ask(access.RoleManager, "GET", "/v1/cases?kind=double_claim", "")
	require.Len(t, res.json(t, "items"), 1, res.body)
	id := res.json(t, "items", "id").(string)
	proposal := res.json(t, "items", "proposals", "id").(string)
	require.Equal(t, 422, h.ask(access.RoleManager, "POST", "/v1/cases/"+id+"/resolve", `{"proposal":"keep:nobody"}`).status)
	require.Equal(t, 403, h.ask(access.RoleTill, "POST", "/v1/cases/"+id+"/resolve", `{}`).status)
	res = h.ask(access.RoleManager, "POST", "/v1/cases/"+id+"/resolve", `{"proposal":"`+proposal+`","note":"the client has it"}`)
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, false, res.json(t, "open"))
	require.Empty(t, h.ask(access.RoleRead, "GET", "/v1/cases", "").json(t, "items"))
	require.Len(t, h.ask(access.RoleRead, "GET", "/v1/cases?state=closed", "").json(t, "items"), 1)
}

func TestParkedEntriesAreCorrectedAndReplayed(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	at := h.entry(canon.EntryObservation, canon.Head{Connection: "web-eu"}, map[string]any{"kind": "listing", "external_id": "bad", "listing": "no object"}).String()
	res := h.ask(access.RoleManager, "GET", "/v1/parked", "")
	require.Equal(t, at, res.json(t, "items", "position"))
	require.Equal(t, 200, h.ask(access.RoleManager, "GET", "/v1/parked/"+at, "").status)

	res = h.ask(access.RoleManager, "POST", "/v1/parked/"+at+"/replay", `{"data":{"kind":"listing","external_id":"bad","aspect":"main","listing":{"sku":"NOW-GOOD"}}}`)
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, false, res.json(t, "parked"))
	require.Len(t, h.ask(access.RoleTill, "GET", "/v1/items?sku=now-good", "").json(t, "items"), 1)
	require.Equal(t, 404, h.ask(access.RoleManager, "POST", "/v1/parked/"+at+"/discard", "").status)

	at = h.entry(canon.EntryObservation, canon.Head{Connection: "web-eu"}, "nothing").String()
	require.Equal(t, 200, h.ask(access.RoleManager, "POST", "/v1/parked/"+at+"/discard", "").status)
	require.Empty(t, h.ask(access.RoleManager, "GET", "/v1/parked", "").json(t, "items"))
}

func TestGoingLiveTakesThePlanThatWasSeen(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	require.Equal(t, "shadow", h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/shadow", "").json(t, "mode"))
	require.Equal(t, "observe", h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/observe", "").json(t, "mode"))
	require.Equal(t, 422, h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/live", "").status)
	stale := h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/live", `{"plan_digest":"yesterday"}`)
	require.Equal(t, 409, stale.status)
	require.Equal(t, "plan.stale", stale.json(t, "code"))
	digest := h.ask(access.RoleManager, "GET", "/v1/connections/web-eu/plan", "").json(t, "digest").(string)
	res := h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/live", `{"plan_digest":"`+digest+`"}`, "Idempotency-Key", "go")
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, "live", res.json(t, "mode"))
	h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{}`) // the plan is another one now
	require.Equal(t, 200, h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/live", `{"plan_digest":"`+digest+`"}`, "Idempotency-Key", "go").status)
	require.Equal(t, true, h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/pause", "").json(t, "paused"))
	require.Nil(t, h.ask(access.RoleAdmin, "POST", "/v1/connections/web-eu/resume", "").json(t, "paused"))
	require.Equal(t, 404, h.ask(access.RoleAdmin, "POST", "/v1/connections/none/pause", "").status)
}

func TestAskingPlatforms(t *testing.T) {
	h := newHouse(t)
	require.Equal(t, "Aurum", h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/check", "").json(t, "account"))
	require.Equal(t, "L1", h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/discover", "").json(t, "locations", "id"))
	down := h.ask(access.RoleManager, "POST", "/v1/connections/shop/discover", "")
	require.Equal(t, 503, down.status)
	require.Equal(t, "10", down.header.Get("Retry-After"))
}

func TestTheMatchListGoesOutAndComesBackFilled(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	file := h.ask(access.RoleManager, "GET", "/v1/connections/web-eu/matches?format=csv", "")
	require.Equal(t, 200, file.status)
	require.Contains(t, file.header.Get("Content-Type"), "text/csv")
	require.Contains(t, file.body, "'=HYPERLINK", "a title must not be a formula")
	lines := strings.Split(strings.TrimSpace(file.body), "\n")
	require.Len(t, lines, 2)
	filled := lines[0] + "\n" + lines[1] + h.chain() + "\n"

	send := func(body string) reply {
		return h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/matches", body, "Content-Type", "text/csv")
	}
	res := send("\ufeff" + filled)
	require.Equal(t, 200, res.status, res.body)
	require.EqualValues(t, 1, res.json(t, "applied"), res.body)
	require.Equal(t, h.chain(), h.golden("web-eu", "w9"))
	require.EqualValues(t, 0, send(file.body).json(t, "applied"), "a row without a decision decides nothing")

	res = h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/matches", `{"rows":[{"listing_id":"w9","decision":"undo"},{"listing_id":"none","decision":"new"}]}`)
	require.Equal(t, 200, res.status, res.body)
	require.EqualValues(t, 1, res.json(t, "applied"))
	require.Equal(t, "none", res.json(t, "refused", "listing_id"))
	require.NotEqual(t, h.chain(), h.golden("web-eu", "w9"), "undone")

	for name, body := range map[string]string{
		"no columns": "a,b\n1,2\n", "another connection": "connection,listing_id,decision\nshop,w9,new\n", "twice": "listing_id,decision\nw9,new\nw9,none\n",
		"ragged": "listing_id,decision\nw9\n", "empty": "",
	} {
		res := send(body)
		require.Equal(t, 422, res.status, "%s: %s", name, res.body)
		require.NotEmpty(t, res.json(t, "errors", "path"), name)
	}
}

func TestAJobRunsOnceAndTellsHowFarItIs(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.gate = make(chan struct{})
	res := h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/import", "")
	require.Equal(t, 202, res.status, res.body)
	at := res.header.Get("Location")
	second := h.ask(access.RoleManager, "POST", "/v1/connections/web-eu/import", "")
	require.Equal(t, 409, second.status)
	require.Equal(t, at, second.header.Get("Location"))
	require.Eventually(t, func() bool {
		p, _ := h.ask(access.RoleManager, "GET", at, "").json(t, "progress").(map[string]any)
		return p["rows"] == 3.0
	}, 60*time.Second, time.Millisecond)
	close(h.gate)
	require.Eventually(t, func() bool { return h.ask(access.RoleManager, "GET", at, "").json(t, "state") == "done" }, 60*time.Second, time.Millisecond)
	joins := h.ask(access.RoleManager, "GET", at, "").json(t, "import", "joins").(map[string]any)
	require.EqualValues(t, 2, joins["listings"])
	require.EqualValues(t, 1, joins["matched"])
	require.EqualValues(t, 1, joins["ambiguous"])

	res = h.ask(access.RoleManager, "POST", "/v1/drift?connection=web-eu", "")
	require.Equal(t, 202, res.status)
	require.Eventually(t, func() bool {
		return len(h.ask(access.RoleRead, "GET", "/v1/drift", "").json(t, "reports").([]any)) == 1
	}, 60*time.Second, time.Millisecond)
	require.Empty(t, h.ask(access.RoleRead, "GET", "/v1/drift?connection=shop", "").json(t, "reports"))
	require.Equal(t, "a2V5", h.ask(access.RoleRead, "GET", "/v1/drift/key", "").json(t, "key"))
	res = h.ask(access.RoleManager, "POST", "/v1/drift", "")
	at = res.header.Get("Location")
	require.Eventually(t, func() bool { return h.ask(access.RoleManager, "GET", at, "").json(t, "state") == "failed" }, 60*time.Second, time.Millisecond)
	require.Equal(t, "connection.cannot", h.ask(access.RoleManager, "GET", at, "").json(t, "problem", "code"))
	require.Len(t, h.ask(access.RoleManager, "GET", "/v1/jobs", "").json(t, "items"), 3)
}

func TestTokensAreMadeShownOnceAndRevoked(t *testing.T) {
	h := newHouse(t)
	res := h.ask(access.RoleAdmin, "POST", "/v1/tokens", `{"name":"paris-9","role":"till","location":"paris"}`)
	require.Equal(t, 201, res.status, res.body)
	h.text["new"] = res.json(t, "token").(string)
	require.Equal(t, 200, h.ask("new", "GET", "/v1/locations", "").status)
	list := h.ask(access.RoleAdmin, "GET", "/v1/tokens", "")
	require.Contains(t, list.body, `"paris-9"`)
	require.NotContains(t, list.body, "hash")
	require.NotContains(t, list.body, h.text["new"])
	require.Equal(t, 409, h.ask(access.RoleAdmin, "POST", "/v1/tokens", `{"name":"paris-9","role":"read"}`).status)
	require.Equal(t, 422, h.ask(access.RoleAdmin, "POST", "/v1/tokens", `{"name":"x","role":"root"}`).status)
	require.Equal(t, 422, h.ask(access.RoleAdmin, "POST", "/v1/tokens", `{"name":"x","role":"read","expires":"2020-01-01T00:00:00Z"}`).status)
	require.Equal(t, 204, h.ask(access.RoleAdmin, "DELETE", "/v1/tokens/paris-9", "").status)
	require.Equal(t, 401, h.ask("new", "GET", "/v1/locations", "").status)
	require.Equal(t, 404, h.ask(access.RoleAdmin, "DELETE", "/v1/tokens/paris-9", "").status)
}

func TestHealthReadinessMetricsAndDescription(t *testing.T) {
	h := newHouse(t)
	require.Equal(t, "ok", h.ask("", "GET", "/healthz", "").json(t, "status"))
	require.Equal(t, 200, h.ask("", "GET", "/readyz", "").status)
	h.missing = []Missing{{What: "fold", Why: "it is 12,000 entries behind"}}
	res := h.ask("", "GET", "/readyz", "")
	require.Equal(t, 503, res.status)
	require.Equal(t, "fold", res.json(t, "missing", "what"))
	require.Contains(t, h.ask(access.RoleRead, "GET", "/metrics", "").body, `jumpring_http_seconds_count{method="GET",route="/readyz",status="5xx"} 1`)

	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Security    []map[string][]string
			Responses   map[string]any
		}
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(h.ask(access.RoleDevice, "GET", "/openapi.json", "").body), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	for _, r := range routes() {
		path := strings.Replace(r.path, "/*", "/{path}", 1)
		op, ok := doc.Paths[path][strings.ToLower(r.method)]
		require.True(t, ok, "%s %s is not described", r.method, path)
		require.Equal(t, r.name, op.OperationID)
		require.Equal(t, r.open, len(op.Security) == 0, path)
		require.Contains(t, op.Responses, "default")
	}
	require.Contains(t, doc.Components.Schemas, "Item")
	require.NotContains(t, h.ask(access.RoleDevice, "GET", "/openapi.json", "").body, `"$ref":""`)
}

func TestThePageNeedsATokenUnlessItIsLocal(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	// The test's connection has no address, so that it is no local one.
	require.Equal(t, 401, h.ask("", "GET", "/", "").status)
	require.Equal(t, 403, h.ask(access.RoleDevice, "GET", "/", "").status)
	res := h.ask(access.RoleRead, "GET", "/", "")
	require.Equal(t, 200, res.status, res.body)
	require.Contains(t, res.body, "web-eu")
	require.NotContains(t, res.body, "Martin")
	require.Contains(t, res.header.Get("Content-Security-Policy"), "default-src 'none'")
}

func TestTheHubsOwnFailureTellsNothingButItsID(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.broken = fmt.Errorf("disk of alice@example.com")
	res := h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{}`)
	require.Equal(t, 500, res.status)
	require.NotContains(t, res.body, "alice")
	require.Contains(t, h.log.String(), res.json(t, "request").(string))

	h.panics = true
	res = h.ask(access.RoleAdmin, "GET", "/v1/connections", "")
	require.Equal(t, 500, res.status)
	require.NotContains(t, h.log.String(), "panic: alice")
	require.Equal(t, http.StatusOK, h.ask("", "GET", "/healthz", "").status, "the process goes on")
}

func TestEveryExampleOfTheEventsIsFolded(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	page, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		media := "application/cloudevents+json"
		if m[1][0] == '[' {
			media = "application/cloudevents-batch+json"
		}
		body := strings.NewReplacer("boutique-paris", "paris", "2141438171", "2199999999").Replace(string(m[1]))
		res := h.ask(access.RoleTill, "POST", "/v1/events", body, "Content-Type", media)
		require.Equal(t, 200, res.status, res.body)
	}
	res := h.ask(access.RoleAdmin, "GET", "/v1/orders?connection=till-1:paris-1&external_id=P1-20260301-0042", "")
	require.Equal(t, "fulfilled", res.json(t, "items", "status"), res.body)
	ring := h.ask(access.RoleTill, "GET", "/v1/items?serial=SN-0001", "")
	require.Equal(t, "sold", ring.json(t, "items", "status"), "the sale came before its piece was registered, and waited: %s", ring.body)
	require.Equal(t, "till-1:paris-1", ring.json(t, "items", "holder", "channel"))
	require.Equal(t, "Amélie", h.ask(access.RoleTill, "GET", "/v1/clients?email=amelie.martin@example.com", "").json(t, "items", "given_name"))
	for _, p := range h.ask(access.RoleAdmin, "GET", "/v1/parked", "").json(t, "items").([]any) {
		require.Equal(t, "count.unknown_item", p.(map[string]any)["code"], "a count of goods that nobody registered is all that a person is needed for")
	}
}
