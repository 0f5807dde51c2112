package twin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The lifetimes of the vendor: a person's token, and how far a signature's time may be from the shop's clock.
const (
	adminTokenLife = 4 * time.Hour
	signatureSkew  = 600 * time.Second
)

// authorize gives the refusal of a caller who may not use a resource.
func (s *Server) authorize(r *http.Request, resource string) *response {
	if resource == "anonymous" {
		return nil
	}
	unauthorized := failure(http.StatusUnauthorized, "The consumer isn't authorized to access %resources.", map[string]string{"resources": resource})
	header := r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, "OAuth "):
		if resp := s.checkSignature(r, strings.TrimPrefix(header, "OAuth ")); resp != nil {
			return resp
		}
	case strings.HasPrefix(header, "Bearer "):
		token := strings.TrimPrefix(header, "Bearer ")
		until, admin := s.admins[token]
		switch {
		case admin && s.now().Before(until):
			return nil // a person of all rights
		case s.opts.IntegrationAsBearer && s.opts.AccessToken != "" && token == s.opts.AccessToken:
		default:
			return unauthorized
		}
	default:
		return unauthorized
	}
	if s.opts.Resources != nil && !slices.Contains(s.opts.Resources, resource) {
		return unauthorized
	}
	return nil
}

func (s *Server) adminToken(r *request) *response {
	var in struct {
		Username *string `json:"username"`
		Password *string `json:"password"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	for _, f := range []struct {
		name string
		v    *string
	}{{"username", in.Username}, {"password", in.Password}} {
		if f.v == nil {
			return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": f.name})
		}
	}
	if s.opts.AdminUser == "" || *in.Username != s.opts.AdminUser || *in.Password != s.opts.AdminPassword {
		return failure(http.StatusUnauthorized, "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.")
	}
	if s.opts.TwoFactor {
		return failure(http.StatusUnauthorized, "Please use the 2fa provider-specific endpoints to obtain a token.", map[string]any{"active_providers": []string{"google"}})
	}
	token := "eyJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ." + rand.Text() + "." + rand.Text()
	s.admins[token] = s.now().Add(adminTokenLife)
	return answer(token)
}

// ExpireTokens ends what people have signed in with.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admins = map[string]time.Time{}
}

// checkSignature is OAuth 1.0a as the vendor checks it: HMAC-SHA256 alone, the token's secret in the key, the query's raw
// pairs as they came.
func (s *Server) checkSignature(r *http.Request, header string) *response {
	params := map[string]string{}
	for part := range strings.SplitSeq(header, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		value, err := url.PathUnescape(strings.Trim(v, `"`))
		if err != nil {
			continue
		}
		params[k] = value
	}
	problem := func(status int, message string) *response { return failure(status, message) }
	for _, name := range []string{"oauth_consumer_key", "oauth_signature", "oauth_signature_method", "oauth_nonce", "oauth_timestamp", "oauth_token"} {
		if params[name] == "" {
			return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": name})
		}
	}
	if v := params["oauth_version"]; v != "" && v != "1.0" {
		return problem(http.StatusBadRequest, "The \""+v+"\" Oauth version isn't supported.")
	}
	at, err := strconv.ParseInt(params["oauth_timestamp"], 10, 64)
	if err != nil || s.now().Sub(time.Unix(at, 0)).Abs() > signatureSkew {
		return problem(http.StatusBadRequest, "The timestamp value in the oauth_timestamp parameter is incorrect.")
	}
	switch {
	case params["oauth_consumer_key"] != s.opts.ConsumerKey:
		return problem(http.StatusUnauthorized, "A consumer with the specified credentials does not exist")
	case params["oauth_token"] != s.opts.AccessToken:
		return problem(http.StatusUnauthorized, "A token with consumer ID 1 does not exist")
	case params["oauth_signature_method"] != "HMAC-SHA256":
		return problem(http.StatusBadRequest, "Signature method "+params["oauth_signature_method"]+" is not supported")
	}
	nonce := params["oauth_nonce"] + "|" + params["oauth_timestamp"]
	if _, used := s.nonces[nonce]; used {
		return problem(http.StatusUnauthorized, "The nonce is already being used by the consumer with an ID of 1.")
	}
	for k, when := range s.nonces {
		if s.now().Sub(when) > 2*signatureSkew {
			delete(s.nonces, k)
		}
	}
	s.nonces[nonce] = s.now()
	want := signature(r.Method, s.home+r.URL.EscapedPath(), r.URL.RawQuery, params, s.opts.ConsumerSecret, s.opts.AccessTokenSecret)
	if !hmac.Equal([]byte(want), []byte(params["oauth_signature"])) {
		return problem(http.StatusUnauthorized, "The signature is invalid. Verify and try again.")
	}
	return nil
}

// signature computes what the vendor expects. The query's pairs are taken apart and decoded one by one, so that a key with
// brackets is an ordinary name.
func signature(method, address, rawQuery string, oauth map[string]string, consumerSecret, tokenSecret string) string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err1 := url.PathUnescape(k) // "+" is a plus
		value, err2 := url.PathUnescape(v)
		if err1 != nil || err2 != nil {
			continue
		}
		pairs = append(pairs, [2]string{percent(key), percent(value)})
	}
	for k, v := range oauth {
		if k != "oauth_signature" && k != "realm" {
			pairs = append(pairs, [2]string{percent(k), percent(v)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if n := strings.Compare(a[0], b[0]); n != 0 {
			return n
		}
		return strings.Compare(a[1], b[1])
	})
	var joined strings.Builder
	for i, p := range pairs {
		if i > 0 {
			joined.WriteByte('&')
		}
		joined.WriteString(p[0] + "=" + p[1])
	}
	mac := hmac.New(sha256.New, []byte(percent(consumerSecret)+"&"+percent(tokenSecret)))
	mac.Write([]byte(method + "&" + percent(address) + "&" + percent(joined.String())))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percent is rawurlencode.
func percent(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
