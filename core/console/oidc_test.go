package console

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

// issuer is a small OpenID Connect provider: it gives codes without asking for a password.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]url.Values // what was asked for with each
	claims map[string]any        // of the next token, over the usual ones
	asked  int
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	i := &issuer{key: key, codes: map[string]url.Values{}, claims: map[string]any{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		e := base64.RawURLEncoding
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": e.EncodeToString(key.N.Bytes()), "e": e.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked++
		asked, ok := i.codes[r.FormValue("code")]
		delete(i.codes, r.FormValue("code"))
		proof := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || base64.RawURLEncoding.EncodeToString(proof[:]) != asked.Get("code_challenge") || asked.Get("code_challenge_method") != "S256" || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": i.URL, "sub": "subject-7", "aud": asked.Get("client_id"), "nonce": asked.Get("nonce"), "email": "Anna@example.com", "email_verified": true,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}
		for k, v := range i.claims {
			claims[k] = v
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": i.sign(claims)})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) sign(claims map[string]any) string {
	part := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(map[string]string{"alg": "RS256", "kid": "k1", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// authorize is what the person does at the issuer: it gives the address that the browser is sent back to.
func (i *issuer) authorize(t *testing.T, at string) url.Values {
	t.Helper()
	u, err := url.Parse(at)
	require.NoError(t, err)
	code, err := access.NewSecret()
	require.NoError(t, err)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.codes[code] = u.Query()
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}}
}

func (i *issuer) say(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = claims
}

func TestSingleSignOn(t *testing.T) {
	i := newIssuer(t)
	b := newBoutique(t, func(o *Options) {
		o.PublicURL = "http://hub.example"
		o.OIDC = &OIDC{Issuer: i.URL, ClientID: "jumpring", ClientSecret: "s3cret-of-the-client", Label: "Maison"}
	})
	_, err := b.staff.Add(access.Person{Name: "anna", Role: access.RoleManager, Email: "anna@example.com"}, "")
	require.NoError(t, err)
	require.Equal(t, 401, b.browser().trySignIn("anna", "").status, "without a password there is no way by password")

	come := func(w *browser, tamper func(url.Values)) seen {
		t.Helper()
		page := w.get("/console/sign-in?back=/console/cases")
		require.Contains(t, page.body, "Sign in with Maison")
		begin := w.get("/console/sso?back=/console/cases")
		require.Equal(t, 303, begin.status, begin.body)
		back := i.authorize(t, begin.at)
		require.NotContains(t, begin.at, "s3cret")
		if tamper != nil {
			tamper(back)
		}
		return w.get("/console/sso/back?" + back.Encode())
	}
	w := b.browser()
	res := come(w, nil)
	require.Equal(t, 303, res.status, "%s\n%s", res.body, b.log)
	require.Equal(t, "/console/cases", res.at)
	require.Equal(t, 200, w.get("/console/cases").status)
	p, _ := b.staff.Person("anna")
	require.Equal(t, i.URL+" subject-7", p.Subject, "from now on the subject counts")

	i.say(map[string]any{"email": "changed@example.com"})
	require.Equal(t, 303, come(b.browser(), nil).status, "whose e-mail changed is still the same")
	for what, claims := range map[string]map[string]any{
		"another person with the e-mail": {"sub": "subject-8"},
		"an e-mail that is not verified": {"sub": "subject-9", "email_verified": false},
		"another nonce":                  {"nonce": "x"},
		"a token for somebody else":      {"aud": "another-app"},
		"a token of another issuer":      {"iss": "https://evil.example"},
		"a token that has ended":         {"exp": time.Now().Add(-time.Hour).Unix()},
		"no subject":                     {"sub": ""},
	} {
		i.say(claims)
		w := b.browser()
		res := come(w, nil)
		require.Equal(t, 401, res.status, what)
		require.Equal(t, 303, w.get("/console/cases").status, what)
	}
	i.say(map[string]any{})
	require.Equal(t, 401, come(b.browser(), func(v url.Values) { v.Set("state", "guessed") }).status, "another state")
	require.Equal(t, 401, come(b.browser(), func(v url.Values) { v.Set("code", "guessed") }).status, "another code")
	require.Equal(t, 401, come(b.browser(), func(v url.Values) { v.Del("code") }).status, "refused at the issuer")

	// A code that was begun in one browser signs nobody in in another, and none twice.
	first := b.browser()
	begin := first.get("/console/sso")
	back := i.authorize(t, begin.at)
	require.Equal(t, 401, b.browser().get("/console/sso/back?"+back.Encode()).status)
	require.Equal(t, 401, first.get("/console/sso/back?"+back.Encode()).status, "the state is used up")

	require.NoError(t, func() error { _, err := b.staff.Disable("anna", true); return err }())
	require.Equal(t, 401, come(b.browser(), nil).status, "somebody who is disabled")
	for _, never := range []string{"s3cret", "subject-8", "eyJ", "changed@example.com"} {
		require.NotContains(t, b.log.String(), never)
	}
}
