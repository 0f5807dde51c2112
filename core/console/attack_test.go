package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

func TestAStoredScriptStaysText(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "")
	w := b.signedIn("anna")
	page := w.get("/console/clients?q=weber")
	require.Contains(t, page.body, "&lt;script&gt;", "the name is shown")
	require.NotContains(t, page.body, "<script>document", "the name is no script")
	require.NotContains(t, page.body, "<img src=x")
	query := w.get("/console/search?q=" + url.QueryEscape(`"><script>alert(1)</script>`))
	require.NotContains(t, query.body, "<script>alert")
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		require.Contains(t, policy, want)
	}
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, "nosniff", page.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", page.header.Get("Cache-Control"))
	for _, scheme := range []string{"javascript:alert(1)", "data:text/html,x"} {
		require.NotContains(t, page.body, `href="`+scheme)
	}
}

func TestAnotherSitesFormDoesNothing(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("root", access.RoleAdmin, "")
	b.hire("eve", access.RoleAdmin, "")
	w, eve := b.signedIn("root"), b.signedIn("eve")
	stop := func(form url.Values) seen { return w.send("POST", "/console/connections/web-eu/mode", form) }
	mine := w.get("/console/account").token(t, "csrf")
	theirs := eve.get("/console/account").token(t, "csrf")
	require.NotEqual(t, mine, theirs)
	for what, token := range map[string]string{"none": "", "a guess": strings.Repeat("A", len(mine)), "another person's": theirs, "half of it": mine[:20]} {
		require.Equal(t, 403, stop(url.Values{"csrf": {token}, "to": {"pause"}}).status, "with %s", what)
	}
	for header, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		w.header = map[string]string{header: value}
		require.Equal(t, 403, stop(url.Values{"csrf": {mine}, "to": {"pause"}}).status, "%s: %s", header, value)
	}
	w.header = map[string]string{}
	require.NotContains(t, w.get("/console/connections/web-eu").body, "paused", "nothing of it was done")
	require.Equal(t, 303, stop(url.Values{"csrf": {mine}, "to": {"pause"}}).status)
	require.Contains(t, w.get("/console/connections/web-eu").body, "paused")

	out := b.browser()
	require.Equal(t, 403, out.send("POST", "/console/sign-in", url.Values{"name": {"root"}, "password": {password}}).status, "a sign-in form of another site")
	token := out.get("/console/sign-in").token(t, "form")
	out.cookies = map[string]string{}
	require.Equal(t, 403, out.send("POST", "/console/sign-in", url.Values{"form": {token}, "name": {"root"}, "password": {password}}).status)
	_, before := w.cookies["jumpring"]
	require.True(t, before)
	require.Equal(t, 401, w.send("GET", "/v1/me", nil).status, "a session's cookie opens no route of the API")
}

func TestASessionIsNeverGivenByOthers(t *testing.T) {
	b := newBoutique(t)
	b.hire("anna", access.RoleManager, "")
	w := b.browser()
	w.cookies["jumpring"] = "chosen-by-somebody-else"
	res := w.trySignIn("anna", password)
	require.Equal(t, 303, res.status)
	id := w.cookies["jumpring"]
	require.NotEqual(t, "chosen-by-somebody-else", id)
	cookie := res.header.Get("Set-Cookie")
	require.Contains(t, strings.ToLower(cookie), "httponly")
	require.Contains(t, strings.ToLower(cookie), "samesite=lax")
	other := b.browser()
	other.cookies["jumpring"] = "chosen-by-somebody-else"
	require.Equal(t, 303, other.get("/console").status, "it is nobody's session")

	again := b.browser()
	again.cookies["jumpring"] = id
	require.Equal(t, 303, again.get("/console/sign-in").status, "whoever is signed in needs no form")
	old := b.browser()
	old.cookies["jumpring"] = id
	form := b.browser()
	page := form.get("/console/sign-in")
	form.cookies["jumpring"] = id
	require.Equal(t, 303, form.send("POST", "/console/sign-in", url.Values{"form": {page.token(t, "form")}, "name": {"anna"}, "password": {password}}).status)
	require.NotEqual(t, id, form.cookies["jumpring"], "a sign-in gives a new id")
	require.Equal(t, 303, old.get("/console").status, "and ends the one before")

	secure := b.browser()
	secure.header["X-Forwarded-Proto"] = "https"
	res = secure.trySignIn("anna", password)
	require.Contains(t, res.header.Get("Set-Cookie"), "__Host-jumpring=")
	require.Contains(t, strings.ToLower(res.header.Get("Set-Cookie")), "secure")
}

func TestASessionEnds(t *testing.T) {
	b := newBoutique(t, func(o *Options) { o.Idle, o.Longest = 30*time.Minute, 2*time.Hour })
	b.hire("anna", access.RoleManager, "")
	b.hire("root", access.RoleAdmin, "")
	in := func(w *browser) bool { return w.get("/console/account").status == 200 }
	w := b.signedIn("anna")
	b.clock.move(29 * time.Minute)
	require.True(t, in(w))
	b.clock.move(31 * time.Minute)
	require.False(t, in(w), "after half an hour of silence")

	w = b.signedIn("anna")
	for range 4 {
		b.clock.move(29 * time.Minute)
		require.True(t, in(w))
	}
	b.clock.move(5 * time.Minute)
	require.False(t, in(w), "after two hours in any case")

	w, root := b.signedIn("anna"), b.signedIn("root")
	require.Equal(t, 303, root.submit("/console/staff/anna/disable").status)
	require.False(t, in(w), "of somebody who is disabled")
	require.Equal(t, 401, b.browser().trySignIn("anna", password).status)
	require.Equal(t, 303, root.submit("/console/staff/anna/enable").status)

	w = b.signedIn("anna")
	b.clock.move(time.Second)
	require.Equal(t, 303, root.submit("/console/staff/anna/password", "password", "quite another phrase").status)
	require.False(t, in(w), "of somebody who got another password")

	w = b.browser()
	require.Equal(t, 303, w.trySignIn("anna", "quite another phrase").status)
	require.Equal(t, 403, w.get("/console/staff").status)
	require.Equal(t, 303, root.submit("/console/staff/anna/role", "role", "admin").status)
	require.Equal(t, 200, w.get("/console/staff").status, "another role holds from the next request on")
	require.Equal(t, 303, w.submit("/console/sign-out").status)
	require.False(t, in(w), "after signing out")
}

func TestPasswordsAreNotGuessed(t *testing.T) {
	b := newBoutique(t)
	b.hire("anna", access.RoleManager, "")
	wrong := b.browser().trySignIn("anna", "not the password")
	nobody := b.browser().trySignIn("nobody", "not the password")
	require.Equal(t, 401, wrong.status)
	require.Equal(t, 401, nobody.status)
	plain := func(s seen, name string) string {
		return strings.NewReplacer(s.token(t, "form"), "", name, "").Replace(s.body)
	}
	require.Equal(t, plain(wrong, "anna"), plain(nobody, "nobody"), "the answer does not say who is there")
	for range 4 {
		require.Equal(t, 401, b.browser().trySignIn("anna", "not the password").status)
	}
	require.Equal(t, 401, b.browser().trySignIn("anna", password).status, "after five wrong passwords the right one is not looked at")
	b.clock.move(2 * time.Minute)
	require.Equal(t, 303, b.browser().trySignIn("anna", password).status, "a lockout ends")

	var last int
	for range triesBurst + 1 {
		last = b.browser().trySignIn("nobody", "x").status
	}
	require.Equal(t, 429, last, "from one address")
	require.Equal(t, 429, b.browser().trySignIn("anna", password).status)
	b.clock.move(time.Minute)
	require.Equal(t, 303, b.browser().trySignIn("anna", password).status)
}

func TestPathTricks(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "")
	w := b.signedIn("anna")
	for _, path := range []string{
		"/console/static/..%2f..%2fconsole.go", "/console/static/../../../etc/passwd", "/console/static/%2e%2e%2fhouse_test.go", "/console/static/lang", "/console/static/",
		"/console/items/..%2f..%2fv1%2ftokens", "/console/items/..%2ftokens", "/console/clients/..%2f..%2ftokens", "/console/connections/..%2f..%2ftokens", "/console/parked/..%2ftokens",
		"/console/items/x%3Flimit=1", "/console/items/%00", "/console/items/" + strings.Repeat("a", 3000),
	} {
		res := w.get(path)
		require.Contains(t, []int{400, 404}, res.status, "%s: %s", path, res.body)
		require.NotContains(t, res.body, "root:", path)
		require.NotContains(t, res.body, "package console", path)
	}
	for back, want := range map[string]string{
		"//evil.example/console": "/console", "https://evil.example": "/console", `/\evil.example`: "/console", "/console/../../evil": "/console/../../evil",
		"/consolevil": "/console", "/console/cases?kind=fuse": "/console/cases?kind=fuse", "javascript:alert(1)": "/console", "/console\r\nX: y": "/console", "": "/console",
	} {
		require.Equal(t, want, local(back), back)
		res := b.browser().get("/console/language?to=fr&back=" + url.QueryEscape(back))
		require.Equal(t, want, res.at, back)
		require.Empty(t, res.header.Get("X"))
	}
	out := b.browser()
	form := out.get("/console/sign-in?back="+url.QueryEscape("https://evil.example")).token(t, "form")
	res := out.send("POST", "/console/sign-in", url.Values{"form": {form}, "name": {"anna"}, "password": {password}, "back": {"//evil.example"}})
	require.Equal(t, "/console", res.at)
}

func TestNothingBesideTheNamedFieldsIsTaken(t *testing.T) {
	b := newBoutique(t)
	b.hire("root", access.RoleAdmin, "")
	b.hire("anna", access.RoleManager, "paris")
	w, anna := b.signedIn("root"), b.signedIn("anna")
	res := w.submit("/console/staff", "name", "max", "role", "consultant", "location", "paris", "password", "a phrase of four words", "hash", "x", "subject", "x", "disabled", "true", "created", "2000-01-01")
	require.Equal(t, 303, res.status, res.body)
	max, ok := b.staff.Person("max")
	require.True(t, ok)
	require.Equal(t, access.RoleConsultant, max.Role)
	require.True(t, strings.HasPrefix(max.Hash, "$argon2id$"))
	require.Empty(t, max.Subject)
	require.False(t, max.Disabled)
	require.WithinDuration(t, b.clock.now(), max.Created, time.Minute)

	res = anna.submit("/console/account/password", "old", password, "new", "a phrase of four words", "again", "a phrase of four words", "role", "admin", "name", "root", "location", "")
	require.Equal(t, 303, res.status, res.body)
	p, _ := b.staff.Person("anna")
	require.Equal(t, access.RoleManager, p.Role, "nobody gives themselves a role")
	require.Equal(t, "paris", p.Location)
	require.Equal(t, 200, anna.get("/console/account").status)
	require.Equal(t, 303, b.browser().trySignIn("root", password).status, "another's password is as it was")
	require.Equal(t, 403, anna.submit("/console/staff", "name", "x1", "role", "admin", "password", "a phrase of four words").status)
}

func TestTheLogTakesNoLinesOfOthers(t *testing.T) {
	b := newBoutique(t)
	b.furnish()
	b.hire("anna", access.RoleManager, "")
	evil := "anna\n2026-01-01T00:00:00Z [INFO]  console: signed in: person=root"
	b.browser().trySignIn(evil, "secret-that-was-typed")
	b.browser().trySignIn("my-password-by-mistake", "x")
	w := b.signedIn("anna")
	w.get("/console/items/" + url.PathEscape("x\n[ERROR] forged"))
	w.header["User-Agent"] = "x\r\nforged"
	log := b.log.String()
	require.Contains(t, log, "sign-in failed")
	for _, never := range []string{"person=root", "forged", "secret-that-was-typed", "my-password-by-mistake", password} {
		require.NotContains(t, log, never)
	}
}
