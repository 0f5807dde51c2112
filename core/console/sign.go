package console

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/time/rate"

	"github.com/jumpring/jumpring/core/access"
)

// A sign-in form is tied to the browser that it was shown to by a cookie that it repeats: there is no session yet that
// could keep a token, and another site can't make a browser sign in as somebody else.
const signInCookie = "jumpring-form"

// signInShown is the data of the sign-in page.
type signInShown struct {
	Form, Back, Name string
	Wrong, Empty     bool
	SSO              string
}

func (k *Console) signInPage(r *request) error {
	if r.who.Name != "" {
		return r.Redirect(local(r.query("back")), fiber.StatusSeeOther)
	}
	return k.showSignIn(r, http.StatusOK, signInShown{Back: local(r.query("back"))})
}

func (k *Console) showSignIn(r *request, status int, shown signInShown) error {
	form, err := access.NewSecret()
	if err != nil {
		return err
	}
	k.setCookie(r.Ctx, signInCookie, form, 0)
	shown.Form, shown.Empty = form, len(k.Staff.List()) == 0
	if k.sso != nil {
		shown.SSO = k.sso.label()
	}
	return r.show(status, "signin", r.words().say("signin.title"), 0, shown)
}

func (k *Console) signIn(r *request) error {
	if !sameOrigin(r.Ctx) || !access.SameToken(r.FormValue("form"), r.Cookies(signInCookie)) {
		return errForm
	}
	name, from := r.form("name"), r.Context().RemoteIP().String()
	back := local(r.form("back"))
	if !k.tries.may(from) {
		k.Log.Warn("sign-in refused: too many wrong tries", "from", from)
		return k.showSignIn(r, http.StatusTooManyRequests, signInShown{Back: back, Name: name, Wrong: true})
	}
	p, err := k.Staff.SignIn(r.Context(), name, r.FormValue("password"))
	if errors.Is(err, access.ErrSignIn) {
		k.tries.failed(from)
		// Invariant 7: what was typed may be the password, so it is logged only where it is somebody's name.
		if _, known := k.Staff.Person(name); !known {
			name = ""
		}
		k.Log.Warn("sign-in failed", "from", from, "person", name)
		return k.showSignIn(r, http.StatusUnauthorized, signInShown{Back: back, Name: name, Wrong: true})
	}
	if err != nil {
		return err
	}
	return k.begin(r, p.Name, back)
}

// begin gives the browser a session of its own.
func (k *Console) begin(r *request, person, back string) error {
	id, _, err := k.sessions.Begin(person, r.Cookies(k.cookie(r.Ctx)))
	if err != nil {
		return err
	}
	k.setCookie(r.Ctx, k.cookie(r.Ctx), id, 0)
	k.Log.Info("signed in", "person", person, "from", r.Context().RemoteIP().String())
	return r.Redirect(back, fiber.StatusSeeOther)
}

func (k *Console) signOut(r *request) error {
	if err := k.sessions.End(r.Cookies(k.cookie(r.Ctx))); err != nil {
		return err
	}
	k.setCookie(r.Ctx, k.cookie(r.Ctx), "", -1)
	return r.Redirect("/console/sign-in?"+url.Values{"done": {"signed_out"}}.Encode(), fiber.StatusSeeOther)
}

// tries bounds the wrong passwords that come from one address.
type tries struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]*rate.Limiter
}

// From one address, thirty wrong passwords in a row are taken and then one every two seconds: a boutique's browsers may
// all come through one proxy. A person is locked out much earlier, by core/access.
const (
	triesBurst = 30
	triesEvery = 2 * time.Second
	maxTries   = 10_000
)

func newTries(now func() time.Time) *tries { return &tries{now: now, by: map[string]*rate.Limiter{}} }

func (t *tries) limiter(from string) *rate.Limiter {
	l := t.by[from]
	if l == nil {
		if len(t.by) >= maxTries {
			clear(t.by)
		}
		l = rate.NewLimiter(rate.Every(triesEvery), triesBurst)
		t.by[from] = l
	}
	return l
}

func (t *tries) may(from string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limiter(from).TokensAt(t.now()) >= 1
}

func (t *tries) failed(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limiter(from).AllowN(t.now(), 1)
}
