package console

import (
	"fmt"
	"go/parser"
	"go/token"
	"html"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

// everyPage gives the address of each page that only shows, with the boutique's records.
func (b *boutique) everyPage() map[string]string {
	b.t.Helper()
	w := b.signedIn("root")
	find := func(path, pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(w.get(path).body)
		require.NotNil(b.t, m, "%s has no %s", path, pattern)
		return html.UnescapeString(m[1])
	}
	ring := b.golden("t1")
	pages := map[string]string{
		"overview": "/console", "search": "/console/search?q=ring", "passport": "/console/items/" + ring, "piece-of-quantity": "/console/items/" + b.golden("t2"),
		"clients": "/console/clients?q=martin", "cases": "/console/cases", "closed-cases": "/console/cases?state=closed", "approvals": "/console/approvals", "plan-of-a-part": "/console/connections/web-eu/plan?entity=stock&location=paris", "merges": "/console/merges",
		"matches": "/console/matches?connection=web-eu", "parked": "/console/parked", "connections": "/console/connections", "connection": "/console/connections/shop",
		"plan": "/console/connections/web-eu/plan", "drift": "/console/drift", "tokens": "/console/tokens", "staff": "/console/staff", "account": "/console/account",
		"reports": "/console/reports", "report-inventory": "/console/reports/inventory?by=metal", "report-turnover": "/console/reports/turnover", "report-counts": "/console/reports/counts", "report-clients": "/console/reports/clients?by=channel",
		"audit": "/console/audit", "journal": "/console/audit/journal", "policy": "/console/policy?group=item.title&id=" + ring,
	}
	pages["client"] = find("/console/clients?q=martin", `href="(/console/clients/cli_[^"]+)"`)
	pages["case"] = find("/console/cases", `href="(/console/cases/[^"?]+)"`)
	pages["parked-one"] = find("/console/parked", `href="(/console/parked/[^"]+)"`)
	pages["order"] = find(pages["client"], `href="(/console/orders/[^"]+)"`)
	return pages
}

func TestEveryPageShowsItselfInEveryLanguage(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	w := b.signedIn("root")
	b.compareAll(w)
	for name, path := range b.everyPage() {
		for _, lang := range languages {
			w.header["Accept-Language"] = lang
			got := w.get(path)
			require.Equal(t, 200, got.status, "%s in %s: %s\n%s", name, lang, got.body, b.log)
			require.Contains(t, got.body, `<html lang="`+lang+`">`, name)
			require.NotContains(t, got.body, "%!", "%s in %s: a text and its arguments do not fit", name, lang)
			require.NotContains(t, got.body, "ZgotmplZ", "%s in %s: the template found something unsafe", name, lang)
			require.Regexp(t, `<h1>[^<]+</h1>`, got.body, name)
			missing := regexp.MustCompile(`>\s*(nav|item|client|case|frame|connection|order|plan|drift|token|staff|match|merge|parked|search|overview|plot|report|audit|policy|column|by|group|definition)\.[a-z_.]+\s*<`).FindString(regexp.MustCompile(`<code>[^<]*</code>`).ReplaceAllString(got.body, ""))
			require.Empty(t, missing, "%s in %s: a key without words", name, lang)
			labelled(t, name, got.body)
		}
	}
}

// compareAll has a drift report made, so that its page has something to show.
func (b *boutique) compareAll(w *browser) {
	b.t.Helper()
	res := w.submit("/console/drift")
	require.Equal(b.t, 303, res.status, res.body)
	require.Eventually(b.t, func() bool { return strings.Contains(w.get(res.at).body, "done") }, 60*time.Second, 10*time.Millisecond)
}

var (
	fieldTag = regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`)
	idOf     = regexp.MustCompile(`\bid="([^"]+)"`)
)

// labelled checks that each field says what it is for, and that no id is there twice.
func labelled(t *testing.T, page, body string) {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range idOf.FindAllStringSubmatch(body, -1) {
		require.False(t, ids[m[1]], "%s: the id %s is there twice", page, m[1])
		ids[m[1]] = true
	}
	for _, tag := range fieldTag.FindAllString(body, -1) {
		if strings.Contains(tag, `type="hidden"`) || strings.Contains(tag, " hidden ") || strings.Contains(tag, `type="radio"`) || strings.Contains(tag, `type="checkbox"`) || strings.Contains(tag, "aria-label=") {
			continue // a radio and a checkbox stand inside their label
		}
		id := idOf.FindStringSubmatch(tag)
		require.NotNil(t, id, "%s: %s has no label", page, tag)
		require.Contains(t, body, `for="`+id[1]+`"`, "%s: %s has no label", page, tag)
	}
	require.Contains(t, body, `class="skip" href="#main"`, page)
	require.Contains(t, body, `id="main"`, page)
}

func TestTheLanguagesHaveTheSameKeys(t *testing.T) {
	first, err := readCatalogue(languages[0])
	require.NoError(t, err)
	verbs := regexp.MustCompile(`%[sd]`)
	for _, lang := range languages[1:] {
		other, err := readCatalogue(lang)
		require.NoError(t, err)
		require.Equal(t, first.keys(), other.keys(), "en and %s", lang)
		for key := range first {
			require.NotEmpty(t, other[key], "%s of %s", key, lang)
			require.Equal(t, verbs.FindAllString(first[key], -1), verbs.FindAllString(other[key], -1), "%s of %s has other arguments", key, lang)
		}
	}
}

func TestEveryWordThatAPageAsksForIsThere(t *testing.T) {
	words, err := readCatalogue(languages[0])
	require.NoError(t, err)
	asked := regexp.MustCompile(`\bt "([a-z_.]+)"`)
	files, err := pageFiles.ReadDir("pages")
	require.NoError(t, err)
	for _, f := range files {
		raw, err := pageFiles.ReadFile("pages/" + f.Name())
		require.NoError(t, err)
		for _, m := range asked.FindAllStringSubmatch(string(raw), -1) {
			require.Contains(t, words, m[1], "pages/%s asks for it", f.Name())
		}
	}
	for _, r := range access.Roles() {
		require.Contains(t, words, "role."+string(r))
	}
	for _, k := range caseKinds {
		require.Contains(t, words, "case."+string(k))
	}
	for _, n := range navigation {
		require.Contains(t, words, n.Key)
	}
}

// TestEveryPageHasAPermission goes through the table: who is not signed in is sent to the sign-in, who lacks the
// permission gets nothing, and a form without its token does nothing.
func TestEveryPageHasAPermission(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	open := map[string]bool{
		"GET /console/static/:name": true, "GET /console/sign-in": true, "POST /console/sign-in": true, "GET /console/sso": true, "GET /console/sso/back": true, "GET /console/language": true,
	}
	signed := map[access.Role]*browser{}
	for _, role := range access.Roles() {
		b.hire("p-"+string(role), role, "")
		signed[role] = b.signedIn("p-" + string(role))
	}
	known := map[access.Permission]bool{}
	for _, p := range access.Permissions() {
		known[p] = true
	}
	for _, p := range pages() {
		id := p.method + " " + p.path
		require.Equal(t, open[id], p.open, id)
		if p.open {
			continue
		}
		require.True(t, known[p.needs], "%s needs %q, which is no permission", id, p.needs)
		path := regexp.MustCompile(`:[a-z]+`).ReplaceAllString(p.path, "x")
		out := b.browser().send(p.method, path, nil)
		require.Equal(t, 303, out.status, id)
		require.True(t, strings.HasPrefix(out.at, "/console/sign-in"), "%s leads to %s", id, out.at)
		for role, w := range signed {
			if p.method == "POST" && p.path != "/console/sign-out" {
				res := w.send(p.method, path, nil)
				require.Equal(t, 403, res.status, "%s as %s without the form's token", id, role)
			}
			if role.Can(p.needs) {
				continue
			}
			var res seen
			if p.method == "POST" {
				res = w.submit(path)
			} else {
				res = w.get(path)
			}
			require.Equal(t, 403, res.status, "%s as %s", id, role)
			require.NotContains(t, res.body, reportNumber, "%s as %s", id, role)
		}
	}
	served := map[string]bool{}
	for _, p := range pages() {
		served[p.method+" "+p.path] = true
	}
	for _, r := range b.api.App().GetRoutes(true) {
		if strings.HasPrefix(r.Path, "/console") {
			require.True(t, served[r.Method+" "+r.Path] || r.Method == "HEAD", "%s %s is served beside the table", r.Method, r.Path)
		}
	}
}

func TestTheMenuLeadsNowhereForbidden(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	link := regexp.MustCompile(`<li><a href="(/console[^"]*)" accesskey=`)
	for _, role := range access.Roles() {
		b.hire("p-"+string(role), role, "")
		w := b.signedIn("p-" + string(role))
		overview := w.get("/console")
		require.Equal(t, 200, overview.status, "%s: %s", role, overview.body)
		links := link.FindAllStringSubmatch(overview.body, -1)
		require.NotEmpty(t, links, role)
		for _, m := range links {
			require.Equal(t, 200, w.get(m[1]).status, "%s: %s", role, m[1])
		}
		if !role.Sees(access.Cost) {
			require.NotContains(t, w.get("/console/items/"+b.golden("t1")).body, "1,234.56", "%s sees the cost", role)
		}
	}
}

func TestAPersonDoesTheDaysWork(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "paris")
	w := b.signedIn("anna")

	found := w.get("/console/search?q=" + reportNumber)
	require.Equal(t, 303, found.status, "one piece has the number: %s", found.body)
	ring := w.get(found.at).body
	for _, want := range []string{"GIA " + reportNumber, "SN-1", "1,234.56", "web-eu", "till-file", "Sold twice"} {
		require.Contains(t, ring, want)
	}

	link := regexp.MustCompile(`href="(/console/cases/[^"]+)"`).FindStringSubmatch(ring)
	require.NotNil(t, link)
	page := w.get(html.UnescapeString(link[1])).body
	choice := regexp.MustCompile(`value="(keep:[^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, choice, page)
	done := w.submit(html.UnescapeString(link[1])+"/resolve", "proposal", html.UnescapeString(choice[1]), "refund", "by_hand", "note", "first come")
	require.Equal(t, 303, done.status, done.body)
	after := w.get(done.at).body
	require.Contains(t, after, "first come")
	require.Contains(t, after, "staff:anna", "the decision names the person")

	clients := w.get("/console/clients?q=martin").body
	both := regexp.MustCompile(`href="(/console/clients/cli_[^"]+)"`).FindAllStringSubmatch(clients, -1)
	require.Len(t, both, 1, "the two accounts are one client")
	client := w.get(both[0][1]).body
	part := regexp.MustCompile(`action="(/console/clients/[^"]+/same)">(?s:.*?)name="word" value="unmerge"><input type="hidden" name="other" value="([^"]+)"`).FindStringSubmatch(client)
	require.NotNil(t, part, client)
	done = w.submit(part[1], "word", "unmerge", "other", part[2])
	require.Equal(t, 303, done.status, done.body)
	require.Contains(t, w.get(done.at).body, "The merge is undone.")
	require.Eventually(t, func() bool {
		now := w.get("/console/clients?q=martin").body
		return len(regexp.MustCompile(`<th scope="row"><a href="/console/clients/cli_`).FindAllString(now, -1)) == 2
	}, 60*time.Second, 10*time.Millisecond, "they are two clients again")

	list := w.get("/console/matches?connection=web-eu").body
	require.Contains(t, list, "Ring without a number")
	done = w.submit("/console/matches/web-eu", "listing", "w9", "decision", "other", "item", b.golden("t2"))
	require.Equal(t, 303, done.status, done.body)
	require.Contains(t, w.get("/console/items/"+b.golden("t2")).body, "w9")

	parked := regexp.MustCompile(`href="(/console/parked/[^"]+)"`).FindStringSubmatch(w.get("/console/parked").body)
	require.NotNil(t, parked)
	refused := w.submit(parked[1]+"/replay", "data", `{}`)
	require.Equal(t, 403, refused.status, "what concerns every location is not a boutique's: %s", refused.body)
	b.hire("root", access.RoleAdmin, "")
	root := b.signedIn("root")
	done = root.submit(parked[1]+"/replay", "was", "x", "data", `{"kind":"listing","external_id":"bad","aspect":"main","listing":{"sku":"NOW-GOOD","title":"Found again"}}`)
	require.Equal(t, 303, done.status, done.body)
	require.Contains(t, root.get(done.at).body, "The entry is applied.")
}

func TestAConnectionGoesLiveByItsPlan(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	w := b.signedIn("root")
	at := "/console/connections/web-eu"
	require.Contains(t, w.submit(at+"/check").body, "Aurum")
	require.Contains(t, w.submit(at+"/discover").body, "Second warehouse")
	require.Contains(t, w.get(w.submit(at+"/mode", "to", "shadow").at).body, "mode-shadow")
	plan := w.get(at + "/plan").body
	digest := regexp.MustCompile(`name="digest" value="([^"]+)"`).FindStringSubmatch(plan)
	require.NotNil(t, digest, plan)
	require.Equal(t, 422, w.submit(at+"/live", "digest", digest[1]).status, "without looking at it")
	require.Equal(t, 409, w.submit(at+"/live", "seen", "yes", "digest", "yesterday").status, "another plan")
	require.Contains(t, w.get(w.submit(at+"/live", "seen", "yes", "digest", digest[1]).at).body, "mode-live")
	require.Equal(t, 404, w.submit(at+"/mode", "to", "../../tokens").status)
	job := w.submit(at + "/import")
	require.Equal(t, 303, job.status, job.body)
	require.Eventually(t, func() bool { return strings.Contains(w.get(job.at).body, "Rows read: 4") }, 60*time.Second, 10*time.Millisecond)
	made := w.submit("/console/tokens", "name", "paris-9", "role", "till", "location", "paris", "days", "30")
	text := regexp.MustCompile(`<code class="secret">(jr_[^<]+)</code>`).FindStringSubmatch(made.body)
	require.NotNil(t, text, made.body)
	who, err := b.tokens.Identify(text[1])
	require.NoError(t, err)
	require.Equal(t, "till:paris-9@paris", fmt.Sprintf("%s@%s", who.Channel(), who.Location))
	require.NotContains(t, w.get("/console/tokens").body, text[1])
}

// TestThePagesHaveNoSecondWay: a page reaches records through the API alone.
func TestThePagesHaveNoSecondWay(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imp := range f.Imports {
			for _, never := range []string{"/bus", "/core/store", "/core/router", "/core/views", "/core/vault", "/core/hub"} {
				require.NotContains(t, imp.Path.Value, "jumpring/jumpring"+never, name)
			}
		}
	}
}
