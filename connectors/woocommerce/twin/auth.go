package twin

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// signatureWindow is how old or new a signature's timestamp may be, and how long a nonce is remembered.
const signatureWindow = 15 * time.Minute

func (k *Key) mayDo(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead:
		return k.Permissions != "write"
	case http.MethodOptions:
		return true
	}
	return k.Permissions != "read"
}

func (s *Server) key(consumerKey string) *Key {
	for i := range s.opts.Keys {
		if s.opts.Keys[i].ConsumerKey == consumerKey {
			return &s.opts.Keys[i]
		}
	}
	return nil
}

func authFailed(message string) *apiError {
	return &apiError{http.StatusUnauthorized, "woocommerce_rest_authentication_error", message, nil}
}

// authenticate finds the key of a request; nil without an error is an anonymous visitor. Over TLS it is Basic or the query,
// and signatures as over http; over plain http Basic credentials are not even looked at.
func (s *Server) authenticate(r *http.Request) (*Key, *apiError) {
	q := phpQuery(r)
	if r.TLS != nil {
		user, secret := q.Get("consumer_key"), q.Get("consumer_secret")
		if user == "" || secret == "" {
			user, secret, _ = r.BasicAuth()
		}
		if user != "" && secret != "" {
			if k := s.key(user); k != nil {
				if !hmac.Equal([]byte(k.ConsumerSecret), []byte(secret)) {
					return nil, authFailed("Consumer secret is invalid.")
				}
				return k, nil
			}
		}
	}
	return s.checkSignature(r, q)
}

// phpQuery is the query as PHP parses it: of a name that comes twice the last value counts, unless it ends in [].
func phpQuery(r *http.Request) url.Values {
	q := r.URL.Query()
	for k, v := range q {
		if !strings.HasSuffix(k, "[]") {
			q[k] = v[len(v)-1:]
		}
	}
	return q
}

func (s *Server) checkSignature(r *http.Request, q url.Values) (*Key, *apiError) {
	var missing []string
	names := []string{"oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"}
	for _, n := range names {
		if q.Get(n) == "" {
			missing = append(missing, n)
		}
	}
	if len(missing) == len(names) {
		return nil, nil
	}
	if len(missing) > 0 {
		word := "parameter"
		if len(missing) > 1 {
			word = "parameters"
		}
		return nil, &apiError{http.StatusUnauthorized, "woocommerce_rest_authentication_missing_parameter", fmt.Sprintf("Missing OAuth %s %s", word, strings.Join(missing, ", ")), nil}
	}
	k := s.key(q.Get("oauth_consumer_key"))
	if k == nil {
		return nil, authFailed("Consumer key is invalid.")
	}
	var newHash func() hash.Hash
	switch q.Get("oauth_signature_method") {
	case "HMAC-SHA256":
		newHash = sha256.New
	case "HMAC-SHA1":
		newHash = sha1.New
	default:
		return nil, authFailed("Invalid signature - signature method is invalid.")
	}
	mac := hmac.New(newHash, []byte(k.ConsumerSecret+"&"))
	// The shop signs its own home URL and the path, not the Host that it was asked under.
	mac.Write([]byte(strings.ToUpper(r.Method) + "&" + percent(s.home+r.URL.Path) + "&" + percent(normalized(r.URL.RawQuery))))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(strings.ReplaceAll(q.Get("oauth_signature"), " ", "+"))) {
		return nil, authFailed("Invalid signature - provided signature does not match.")
	}
	sent, err := strconv.ParseInt(q.Get("oauth_timestamp"), 10, 64)
	now := s.opts.Now()
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > signatureWindow {
		return nil, authFailed("Invalid timestamp.")
	}
	for n, t := range s.nonces {
		if now.Sub(t) > signatureWindow {
			delete(s.nonces, n)
		}
	}
	nonce := k.ConsumerKey + " " + q.Get("oauth_nonce")
	if _, used := s.nonces[nonce]; used {
		return nil, authFailed("Invalid nonce - nonce has already been used.")
	}
	s.nonces[nonce] = time.Unix(sent, 0)
	return k, nil
}

// normalized rebuilds the parameters as PHP has parsed them: sorted by name, "include[]" numbered, the signature left out.
func normalized(rawQuery string) string {
	last := map[string]string{} // of a name that comes twice PHP keeps the last value
	count := map[string]int{}
	for part := range strings.SplitSeq(rawQuery, "&") {
		k, v, _ := strings.Cut(part, "=")
		k, err1 := url.QueryUnescape(k)
		v, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil || k == "" || k == "oauth_signature" {
			continue
		}
		if name, ok := strings.CutSuffix(k, "[]"); ok {
			k = name + "[" + strconv.Itoa(count[name]) + "]"
			count[name]++
		}
		last[percent(k)] = percent(v)
	}
	out := make([]string, 0, len(last))
	for _, k := range sortedKeys(last) {
		out = append(out, k+"="+last[k])
	}
	return strings.Join(out, "&")
}

// percent is PHP's rawurlencode.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
