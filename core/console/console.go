// Package console is the hub's pages for people: server-rendered, with sign-in, in several languages. A page asks and
// does everything through the routes of core/api, in the name of who signed in: what a role may not do or see over the
// API it can't do or see here.
package console

import (
	"embed"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
)

//go:embed static
var static embed.FS

// API is what the pages ask; *api.API is one.
type API interface {
	// Call carries out a request as the routes do.
	Call(who access.Principal, method, target string, body []byte, header map[string]string) api.Answer
	// Follow answers with what happens, for as long as may says so.
	Follow(c *fiber.Ctx, who access.Principal, may func() bool) error
}

// Options are the console's parts and limits.
type Options struct {
	API   API
	Staff *access.Staff
	// Kept is where sessions outlive a restart.
	Kept access.Storage
	// Idle is how long a session may be silent, Longest how long it lasts; 0 means 30 minutes and 12 hours.
	Idle, Longest time.Duration
	// PublicURL is where browsers reach the hub; single sign-on sends them back there.
	PublicURL string
	OIDC      *OIDC // nil for none
	Log       hclog.Logger
	Version   string
	// Now is the clock of sessions; nil is the system's.
	Now func() time.Time
	// ReportWait is how long a page waits for a report before it says that it is being made; 0 means 20 ms.
	ReportWait time.Duration
}

// Console serves the pages.
type Console struct {
	Options
	sessions *access.Sessions
	views    map[string]*view // by language
	tries    *tries
	desk     *desk
	sso      *singleSignOn // nil for none
}

// page is one address of the console.
type page struct {
	method, path string
	// needs is the permission without which there is no such page. open is set instead for what needs no sign-in.
	needs  access.Permission
	open   bool
	passes bool // its request does not keep the session from ending
	handle func(k *Console, r *request) error
}

// Mount makes the console and adds its pages to an application.
func Mount(app *fiber.App, o Options) (*Console, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Idle == 0 {
		o.Idle = 30 * time.Minute
	}
	if o.Longest == 0 {
		o.Longest = 12 * time.Hour
	}
	if o.ReportWait == 0 {
		o.ReportWait = 20 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	k := &Console{Options: o, tries: newTries(o.Now), desk: newDesk(o.API, o.Now, o.ReportWait)}
	var err error
	if k.sessions, err = access.OpenSessions(o.Kept, o.Staff, o.Now, o.Idle, o.Longest, func(err error) { o.Log.Error("a session was not kept", "error", err) }); err != nil {
		return nil, err
	}
	if k.views, err = readViews(); err != nil {
		return nil, err
	}
	if o.OIDC != nil {
		if k.sso, err = newSingleSignOn(o.OIDC, o.PublicURL, o.Now); err != nil {
			return nil, err
		}
	}
	for _, p := range pages() {
		app.Add(p.method, p.path, k.serve(&p))
	}
	return k, nil
}

// request is one request of a browser.
type request struct {
	*fiber.Ctx
	k       *Console
	who     access.Principal
	session access.Session
	lang    string
	path    string // of the page, with its parameters' names
}

// serve wraps a page: who asks, whether they may, the form's token, what comes of an error or a panic.
func (k *Console) serve(p *page) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := &request{Ctx: c, k: k, lang: languageOf(c), path: p.path}
		k.guard(c)
		if err := k.handle(p, r); err != nil {
			return r.refuse(err)
		}
		return nil
	}
}

// guard sets the headers that keep a page from being used against who reads it.
func (k *Console) guard(c *fiber.Ctx) {
	c.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("X-Frame-Options", "DENY")
	c.Set("Referrer-Policy", "same-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
	c.Set(fiber.HeaderCacheControl, "no-store")
	if secure(c, k.PublicURL) {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
}

func (k *Console) handle(p *page, r *request) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			// The value of a panic may quote what was being read; only its type and place are kept (invariant 7).
			err = fmt.Errorf("panic of type %T\n%s", caught, debug.Stack())
		}
	}()
	signed := false
	r.who, r.session, signed = k.sessions.Who(r.Cookies(k.cookie(r.Ctx)), !p.passes)
	if p.open {
		return p.handle(k, r)
	}
	if !signed {
		back := ""
		if r.Method() == fiber.MethodGet && !p.passes {
			back = "?back=" + url.QueryEscape(r.OriginalURL())
		}
		return r.Redirect("/console/sign-in"+back, fiber.StatusSeeOther)
	}
	if r.Method() != fiber.MethodGet && (!sameOrigin(r.Ctx) || !access.SameToken(r.FormValue("csrf"), r.session.CSRF)) {
		return errForm
	}
	if !r.who.Can(p.needs) {
		return errMayNot
	}
	return p.handle(k, r)
}

// sameOrigin refuses what a browser says comes of another site's page.
func sameOrigin(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == string(c.Request().Host())
}

// secure tells whether the browser speaks TLS: to the hub itself, or to a proxy that says so.
func secure(c *fiber.Ctx, public string) bool {
	if c.Secure() || strings.EqualFold(c.Get(fiber.HeaderXForwardedProto), "https") {
		return true
	}
	u, err := url.Parse(public)
	return err == nil && u.Scheme == "https" && u.Host == string(c.Request().Host())
}

// cookie gives the name of the session's cookie. Under TLS its prefix keeps other hosts of the domain from setting it.
func (k *Console) cookie(c *fiber.Ctx) string {
	if secure(c, k.PublicURL) {
		return "__Host-jumpring"
	}
	return "jumpring"
}

func (k *Console) setCookie(c *fiber.Ctx, name, value string, age int) {
	c.Cookie(&fiber.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age, HTTPOnly: true, SameSite: fiber.CookieSameSiteLaxMode, Secure: secure(c, k.PublicURL),
		SessionOnly: age == 0,
	})
}

// fail logs a failure of the hub under an id, which the page shows.
func (k *Console) fail(r *request, err error) string {
	id := ulid.Make().String()
	k.Log.Error("page failed", "request", id, "method", r.Method(), "page", r.path, "error", err)
	return id
}

// local gives a path of the console out of what a request names to go back to, and the overview for anything else, so
// that nobody is sent to another site.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !(u.Path == "/console" || strings.HasPrefix(u.Path, "/console/")) || strings.ContainsAny(path, "\\\r\n\t") {
		return "/console"
	}
	return u.RequestURI()
}

func (k *Console) asset(r *request) error {
	name := strings.Clone(r.Params("name"))
	body, err := static.ReadFile("static/" + name)
	if err != nil {
		return errNoPage
	}
	r.Set(fiber.HeaderCacheControl, "public, max-age=300")
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	r.Set(fiber.HeaderContentType, kinds[name[strings.LastIndexByte(name, '.'):]])
	return r.Send(body)
}
