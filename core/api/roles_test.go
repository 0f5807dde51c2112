package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// marks are values that stand in fields of one class alone, wherever they go.
var marks = map[access.Class][]string{
	access.Cost:     {"7771234", "77712.34"},
	access.Personal: {"Zzpersonal", "zzpersonal", "611998877", "Zzstreet"},
	access.Payment:  {"zzpayment"},
}

// mark fills the house with records that have a mark in every class.
func (h *house) mark(t *testing.T) {
	t.Helper()
	h.furnish()
	person := &canon.PersonState{
		GivenName: "Zzpersonal", FamilyName: "Martin", Emails: []string{"zzpersonal@example.com"}, Phones: []string{"+33 6 11 99 88 77"},
		Addresses: []canon.AddressState{{Line1: "1 Zzstreet", City: "Paris", Country: "FR"}},
	}
	h.see("web-eu", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c5", Customer: &canon.CustomerState{Person: person}})
	h.see("shop", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c6", Customer: &canon.CustomerState{Person: &canon.PersonState{
		GivenName: "Zzpersonal", FamilyName: "Martin", Emails: []string{"other-zzpersonal@example.com"}, Phones: []string{"+33 6 11 99 88 77"},
	}}})
	h.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t1", Listing: &canon.ListingState{
		Title: "Solitaire ring", SKU: "SOL-1", Serial: "SN-1", Home: "paris", Cost: &canon.StatedMoney{Amount: "77712.34", Currency: "EUR"},
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}, Prices: []canon.StatedMoney{{Amount: "2400.00", Currency: "EUR"}},
	}})
	h.see("shop", canon.Observation{Kind: canon.KindListing, ExternalID: "p1", Listing: &canon.ListingState{Title: "Solitaire", SKU: "SOL-1", Status: "active"}})
	for conn, listing := range map[string]string{"web-eu": "w1", "shop": "p1"} {
		h.see(conn, canon.Observation{Kind: canon.KindOrder, ExternalID: "o9", Order: &canon.OrderState{
			Number: "9", Status: canon.OrderOpen, PlacedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Currency: "EUR", CustomerID: "c5", Buyer: person,
			Lines:   []canon.OrderLine{{ID: "1", ListingID: listing, Quantity: 1, Price: canon.StatedMoney{Amount: "2400.00", Currency: "EUR"}}},
			Tenders: []canon.Tender{{Kind: "card", Reference: "zzpayment", Amount: canon.StatedMoney{Amount: "2400.00", Currency: "EUR"}}},
		}})
	}
	h.entry(canon.EntryObservation, canon.Head{Connection: "web-eu"}, map[string]any{"kind": "customer", "external_id": "bad", "customer": "zzpersonal 7771234 zzpayment"})
	lent := h.ask(access.RoleManager, "POST", "/v1/memos", `{"items":["`+h.chain()+`"],"party":"Zzpersonal","seconds":3600}`)
	require.Contains(t, []int{201, 409, 422}, lent.status, lent.body)
	held := h.ask(access.RoleTill, "POST", "/v1/items/"+h.chain()+"/reservations", `{"seconds":3600,"for_whom":"Zzpersonal","location":"paris"}`)
	require.Equal(t, 201, held.status, held.body)
}

// requests builds random requests out of the routes and of what the house has.
type requests struct {
	rnd    *rand.Rand
	ids    []string
	bodies []string
}

func (g *requests) pick(from []string) string { return from[g.rnd.IntN(len(from))] }

var randomParameter = regexp.MustCompile(`\{[a-z]+\}|\*`)

func (g *requests) next(routes []route) (r *route, target string, body []byte) {
	r = &routes[g.rnd.IntN(len(routes))]
	target = randomParameter.ReplaceAllStringFunc(r.path, func(p string) string {
		if p == "{name}" || p == "{connection}" {
			return g.pick([]string{"web-eu", "shop", "till-file", "none", "..", "%2e%2e%2f"})
		}
		return url.PathEscape(g.pick(g.ids))
	})
	q := url.Values{}
	for _, p := range r.query {
		if g.rnd.IntN(3) == 0 {
			q.Set(p.name, g.pick(append([]string{"1", "500", "open", "csv", "client", "EUR", "martin", "zzpersonal", "item.cost", "location:paris", "", "x'\"<>%00"}, g.ids...)))
		}
	}
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	if r.method != http.MethodGet && g.rnd.IntN(5) > 0 {
		body = []byte(strings.ReplaceAll(g.pick(g.bodies), "ID", g.pick(g.ids)))
	}
	return r, target, body
}

// perRole is how many requests each role sends: JUMPRING_ROLE_REQUESTS, or 1,000.
func perRole(t *testing.T) int {
	t.Helper()
	text := os.Getenv("JUMPRING_ROLE_REQUESTS")
	if text == "" {
		return 1000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "JUMPRING_ROLE_REQUESTS")
	return n
}

// TestNoRoleGetsMoreThanItMay sends random requests as every role, and as a role of the house's own. Whatever is asked, in
// whatever format it is answered: without the permission nothing, and never a value of a class that the role does not see.
func TestNoRoleGetsMoreThanItMay(t *testing.T) {
	h := newHouse(t)
	h.mark(t)
	book, err := access.NewRoleBook(
		access.Definition{Name: "auditor", Like: access.RoleManager, Without: []access.Permission{access.ConnectionsControl}, Sees: []access.Class{}},
		access.Definition{Name: "buyer", Like: access.RoleAdmin, Without: []access.Permission{access.TokensManage, access.StaffManage, access.SnapshotRead}, Sees: []access.Class{access.Cost}},
	)
	require.NoError(t, err)
	var all []route
	for _, r := range routes() {
		// A stream does not end, and a snapshot is the whole view for another node; hooks, events and the state of the
		// process are core/ingress's and nobody's.
		if r.open || r.name == "stream" || r.name == "live" || r.name == "snapshot" || r.name == "events" {
			continue
		}
		all = append(all, r)
	}
	ids := []string{"none", "itm_x", "1.0", "9999.9", h.ring(), h.chain(), "paris", "lyon", "SN-1", "o9", "k1"}
	for _, path := range []string{"/v1/clients", "/v1/orders", "/v1/cases", "/v1/memos", "/v1/parked"} {
		for _, id := range regexp.MustCompile(`"(?:id|position)":"([^"]+)"`).FindAllStringSubmatch(h.ask(access.RoleAdmin, "GET", path, "").body, 20) {
			ids = append(ids, id[1])
		}
	}
	g := &requests{rnd: rand.New(rand.NewPCG(7, 11)), ids: ids, bodies: []string{
		`{}`, `{"seconds":60}`, `{"word":"unmerge","other":"ID"}`, `{"word":"same","other":"ID"}`, `{"proposal":"keep:ID"}`, `{"proposal":"client:different"}`,
		`{"name":"x-ID","role":"admin"}`, `{"rows":[{"listing_id":"w9","decision":"new"}]}`, `{"rules":[]}`, `{"data":{"kind":"listing"}}`, `{"event":"repair"}`,
		`{"items":["ID"],"party":"somebody","seconds":60}`, `{"from":"paris","to":"lyon","lines":[{"item":"ID"}]}`, `{"location":"paris"}`, `{"scanned":"SN-1"}`,
		`{"kind":"gift_card","amount":{"amount":"10.00","currency":"EUR"}}`, `{"plan_digest":"x"}`, `{"old":"a","new":"b"}`, `{"role":"admin","actor":"root","location":""}`,
		`[`, `{"a":` + strings.Repeat("[", 100), "\x00", `{"seconds":"soon"}`, `{"receipt":"R","price":{"amount":"1.00","currency":"EUR"}}`,
	}}
	n := perRole(t)
	for _, role := range book.Roles() {
		answered, shown := 0, 0
		for i := range n {
			who := book.Principal("p-"+string(role), role, g.pick([]string{"", "", "paris", "lyon"}))
			r, target, body := g.next(all)
			what := fmt.Sprintf("request %d as %s at %q: %s %s %s", i, role, who.Location, r.method, target, body)
			res := h.api.Call(who, r.method, target, body, map[string]string{"Idempotency-Key": fmt.Sprintf("%s-%d", role, i%400)})
			if res.Status >= 500 && res.Status != 503 {
				require.Fail(t, what, "%d %s\n%s", res.Status, res.Body, h.log)
			}
			if !who.Can(r.needs) && res.Status < 400 && !strings.Contains(target, "..") {
				require.Fail(t, what, "it was carried out without the permission %s: %d %s", r.needs, res.Status, res.Body)
			}
			if res.Status < 300 {
				answered++
			}
			for class, values := range marks {
				for _, v := range values {
					switch found := bytes.Contains(res.Body, []byte(v)); {
					case found && strings.Contains(target+string(body), v): // what was asked comes back
					case found && !who.Sees(class):
						require.Fail(t, what, "a value of class %s gets out: %s", class, res.Body)
					case found:
						shown++
					}
				}
			}
		}
		require.Positive(t, answered, "not one request of %s was answered", role)
		if role == access.RoleAdmin || role == access.RoleManager {
			require.Positive(t, shown, "%s sees no marked value: the test looks at nothing", role)
		}
	}
}

func TestDocumentsOfAnotherLocationStayThere(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	at := func(role access.Role, place string) func(method, path, body string) Answer {
		book, err := access.NewRoleBook()
		require.NoError(t, err)
		who := book.Principal(string(role)+"-"+place, role, place)
		return func(method, path, body string) Answer { return h.api.Call(who, method, path, []byte(body), nil) }
	}
	paris, lyon := at(access.RoleManager, "paris"), at(access.RoleManager, "lyon")
	made := paris("POST", "/v1/transfers", `{"from":"paris","to":"paris","lines":[{"item":"`+h.chain()+`"}]}`)
	require.Equal(t, 409, made.Status, "from a place to itself: %s", made.Body)
	sold := paris("POST", "/v1/items/"+h.ring()+"/sell", `{"price":{"amount":"2400.00","currency":"EUR"}}`)
	require.Equal(t, 201, sold.Status, string(sold.Body))
	order := reply{body: string(sold.Body)}.json(t, "id").(string)
	count := paris("POST", "/v1/counts", `{"location":"paris"}`)
	require.Equal(t, 201, count.Status, string(count.Body))
	counted := reply{body: string(count.Body)}.json(t, "id").(string)
	for _, path := range []string{"/v1/orders/" + order, "/v1/orders/" + order + "/timeline", "/v1/orders/" + order + "/actions", "/v1/counts/" + counted, "/v1/counts/" + counted + "/lines?state=seen"} {
		require.Equal(t, 200, paris("GET", path, "").Status, path)
		res := lyon("GET", path, "")
		require.Equal(t, 403, res.Status, "%s: %s", path, res.Body)
		require.Contains(t, string(res.Body), "location.forbidden", path)
	}
	for _, list := range []string{"/v1/orders", "/v1/counts"} {
		require.NotEqual(t, `{"items":[]}`, string(paris("GET", list, "").Body), list)
		require.Equal(t, `{"items":[]}`, string(lyon("GET", list, "").Body), list)
	}
	require.Contains(t, string(paris("GET", "/v1/timeline?limit=500", "").Body), order)
	require.NotContains(t, string(lyon("GET", "/v1/timeline?limit=500", "").Body), order)
	for _, path := range []string{"/v1/orders/" + order + "/cancel", "/v1/counts/" + counted + "/submit", "/v1/items/" + h.ring() + "/restock"} {
		require.Equal(t, 403, lyon("POST", path, `{}`).Status, path)
	}
	require.Equal(t, 200, lyon("GET", "/v1/items/"+h.ring(), "").Status, "any piece may be looked up anywhere")
	admin := at(access.RoleAdmin, "paris")
	for _, path := range []string{"/v1/connections/web-eu/pause", "/v1/tokens", "/v1/staff", "/v1/drift", "/v1/parked/1.0/discard"} {
		res := admin("POST", path, `{}`)
		require.Equal(t, 403, res.Status, "%s concerns every location: %s", path, res.Body)
	}
}

func TestATokenIsRotatedAndNobodyGrantsMoreThanTheyHave(t *testing.T) {
	h := newHouse(t)
	old := h.text[access.RoleTill]
	res := h.ask(access.RoleAdmin, "POST", "/v1/tokens/till-1/rotate", `{"grace_seconds":3600}`)
	require.Equal(t, 200, res.status, res.body)
	h.text["new"] = res.json(t, "token").(string)
	require.NotEqual(t, old, h.text["new"])
	require.Equal(t, "till-1", h.ask("new", "GET", "/v1/me", "").json(t, "name"))
	require.Equal(t, 200, h.ask(access.RoleTill, "GET", "/v1/me", "").status, "the text before is taken for an hour")
	require.Len(t, h.tokens.List(), len(access.Roles()), "it is one token")
	require.Equal(t, 200, h.ask(access.RoleAdmin, "POST", "/v1/tokens/till-1/rotate", `{}`).status)
	require.Equal(t, 401, h.ask(access.RoleTill, "GET", "/v1/me", "").status)
	require.Equal(t, 401, h.ask("new", "GET", "/v1/me", "").status, "without grace it ends at once")
	require.Equal(t, 404, h.ask(access.RoleAdmin, "POST", "/v1/tokens/none/rotate", `{}`).status)

	book, err := access.NewRoleBook(access.Definition{Name: "clerk", Permissions: []access.Permission{access.TokensManage, access.StaffManage, access.ItemsRead}})
	require.NoError(t, err)
	clerk := book.Principal("clerk-1", "clerk", "")
	for body, status := range map[string]int{`{"name":"a1","role":"admin"}`: 403, `{"name":"a2","role":"manager"}`: 403, `{"name":"a3","role":"root"}`: 422} {
		res := h.api.Call(clerk, "POST", "/v1/tokens", []byte(body), nil)
		require.Equal(t, status, res.Status, "%s: %s", body, res.Body)
	}
	require.Equal(t, 403, h.api.Call(clerk, "POST", "/v1/tokens/admin-1/rotate", nil, nil).Status)
	require.Equal(t, 403, h.api.Call(clerk, "DELETE", "/v1/tokens/admin-1", nil, nil).Status)
}
