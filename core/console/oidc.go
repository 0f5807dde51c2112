package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gofiber/fiber/v2"
	"golang.org/x/oauth2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// OIDC is single sign-on by OpenID Connect: the code flow with PKCE (RFC 7636), state and nonce.
type OIDC struct {
	Issuer, ClientID, ClientSecret string
	// Label is of the button; empty means the issuer's host.
	Label string
}

// singleSignOn speaks to an issuer. It asks for the issuer's description when it first needs it, so that the hub starts
// while the issuer is away.
type singleSignOn struct {
	o    *OIDC
	back string
	now  func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider
	begun    map[string]begun // by state
}

// begun is a sign-on that was sent to the issuer.
type begun struct {
	verifier, nonce, browser, goOn string
	at                             time.Time
}

const (
	ssoTime   = 10 * time.Minute // for the person to type a password at the issuer
	ssoMost   = 1000             // under way at once
	ssoCookie = "jumpring-sso"
	ssoWait   = 15 * time.Second // for the issuer to answer
)

func newSingleSignOn(o *OIDC, public string, now func() time.Time) (*singleSignOn, error) {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" {
		return nil, errors.New("console: single sign-on needs the public URL")
	}
	return &singleSignOn{o: o, back: strings.TrimSuffix(public, "/") + "/console/sso/back", now: now, begun: map[string]begun{}}, nil
}

func (s *singleSignOn) label() string {
	if s.o.Label != "" {
		return s.o.Label
	}
	if u, err := url.Parse(s.o.Issuer); err == nil {
		return u.Hostname()
	}
	return s.o.Issuer
}

func (s *singleSignOn) config(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	s.mu.Lock()
	p := s.provider
	s.mu.Unlock()
	if p == nil {
		// The provider keeps the context for fetching keys later: it must outlive the request.
		made, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Timeout: ssoWait}), s.o.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("console: ask the issuer: %w", err)
		}
		s.mu.Lock()
		s.provider, p = made, made
		s.mu.Unlock()
	}
	return p, &oauth2.Config{
		ClientID: s.o.ClientID, ClientSecret: s.o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: s.back,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}, nil
}

// ssoBegin sends the browser to the issuer.
func (k *Console) ssoBegin(r *request) error {
	s := k.sso
	if s == nil {
		return errNoPage
	}
	ctx, cancel := context.WithTimeout(context.Background(), ssoWait)
	defer cancel()
	_, cfg, err := s.config(ctx)
	if err != nil {
		k.Log.Error("single sign-on: the issuer is not reached", "error", err)
		return problem.New(problem.HubBusy, "the single sign-on server is not reached")
	}
	b := begun{verifier: oauth2.GenerateVerifier(), goOn: local(r.query("back")), at: s.now()}
	var state string
	for _, into := range []*string{&state, &b.nonce, &b.browser} {
		if *into, err = access.NewSecret(); err != nil {
			return err
		}
	}
	s.keep(state, b)
	k.setCookie(r.Ctx, ssoCookie, b.browser, int(ssoTime/time.Second))
	return r.Redirect(cfg.AuthCodeURL(state, oidc.Nonce(b.nonce), oauth2.S256ChallengeOption(b.verifier)), fiber.StatusSeeOther)
}

func (s *singleSignOn) keep(state string, b begun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, was := range s.begun {
		if b.at.Sub(was.at) > ssoTime {
			delete(s.begun, other)
		}
	}
	if len(s.begun) >= ssoMost {
		clear(s.begun)
	}
	s.begun[state] = b
}

// take gives what was begun under a state, once, to the browser that began it.
func (s *singleSignOn) take(state, browser string) (begun, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.begun[state]
	delete(s.begun, state)
	return b, ok && s.now().Sub(b.at) <= ssoTime && access.SameToken(b.browser, browser)
}

// ssoBack takes the browser back from the issuer.
func (k *Console) ssoBack(r *request) error {
	s := k.sso
	if s == nil {
		return errNoPage
	}
	b, ok := s.take(r.query("state"), r.Cookies(ssoCookie))
	k.setCookie(r.Ctx, ssoCookie, "", -1)
	if !ok || r.query("code") == "" {
		return k.showSignIn(r, http.StatusUnauthorized, signInShown{Back: "/console", Wrong: true})
	}
	ctx, cancel := context.WithTimeout(context.Background(), ssoWait)
	defer cancel()
	p, err := s.person(ctx, k.Staff, r.query("code"), b)
	if err != nil {
		// The error may quote the issuer's answer, which has a token: only what it is about is kept (invariant 7).
		k.Log.Warn("single sign-on failed", "from", r.Context().RemoteIP().String(), "reason", reasonOf(err))
		return k.showSignIn(r, http.StatusUnauthorized, signInShown{Back: b.goOn, Wrong: true})
	}
	return k.begin(r, p.Name, b.goOn)
}

// errClaims tells that the issuer's token does not say what it must.
var errClaims = errors.New("console: the token has another nonce, or no subject")

func reasonOf(err error) string {
	var refused *oauth2.RetrieveError
	switch {
	case errors.Is(err, access.ErrSignIn):
		return "nobody of the staff has this subject or e-mail"
	case errors.Is(err, errClaims):
		return "the token's claims"
	case errors.As(err, &refused):
		return "the issuer refused the code"
	}
	return "the token could not be fetched or verified"
}

func (s *singleSignOn) person(ctx context.Context, staff *access.Staff, code string, b begun) (access.Person, error) {
	provider, cfg, err := s.config(ctx)
	if err != nil {
		return access.Person{}, err
	}
	got, err := cfg.Exchange(oidc.ClientContext(ctx, &http.Client{Timeout: ssoWait}), code, oauth2.VerifierOption(b.verifier))
	if err != nil {
		return access.Person{}, err
	}
	raw, ok := got.Extra("id_token").(string)
	if !ok {
		return access.Person{}, errClaims
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: s.o.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil {
		return access.Person{}, err
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := token.Claims(&claims); err != nil {
		return access.Person{}, errClaims
	}
	if token.Subject == "" || !access.SameToken(token.Nonce, b.nonce) {
		return access.Person{}, errClaims
	}
	if !claims.Verified {
		claims.Email = ""
	}
	return staff.SingleSignOn(token.Issuer, token.Subject, claims.Email)
}
