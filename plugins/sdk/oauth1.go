package sdk

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// OAuth1Method is how OAuth1 signs.
type OAuth1Method string

// The methods. NetSuite ended SHA1 in 2023; Magento and WooCommerce take SHA256.
const (
	HMACSHA256 OAuth1Method = "HMAC-SHA256"
	HMACSHA1   OAuth1Method = "HMAC-SHA1"
)

// OAuth1 signs requests by OAuth 1.0a (RFC 5849): one-legged with the consumer's key alone (WooCommerce), or with a token
// too (Magento, NetSuite's TBA). A JSON body is not part of the signature. Each attempt has to be signed anew, since a
// nonce is good once: give SignHeader to HTTPConfig.Sign.
type OAuth1 struct {
	ConsumerKey, ConsumerSecret string
	Token, TokenSecret          string       // empty for one-legged
	Method                      OAuth1Method // [HMACSHA256]
	Realm                       string       // NetSuite's account; not signed
	// WithoutVersion leaves out oauth_version, which is optional.
	WithoutVersion bool
	// Now and Nonce are for tests [the machine's clock, random].
	Now   func() time.Time
	Nonce func() (string, error)
}

// ErrFormBody is returned for a form body, whose fields would have to be signed.
var ErrFormBody = errors.New("a form body can't be signed: send JSON, or the fields in the query")

// SignHeader sets the Authorization header of a request. It signs the address as the request has it.
func (o *OAuth1) SignHeader(req *http.Request) error {
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return ErrFormBody
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return errors.New("the query can't be signed: it is malformed")
	}
	params, err := o.params()
	if err != nil {
		return err
	}
	all := url.Values{}
	for k, v := range query {
		all[k] = append(all[k], v...)
	}
	for k, v := range params {
		all[k] = append(all[k], v...)
	}
	params.Set("oauth_signature", o.signature(req.Method, baseURI(req.URL), all))
	parts := make([]string, 0, len(params)+1)
	for k, v := range params {
		parts = append(parts, escape3986(k)+`="`+escape3986(v[0])+`"`)
	}
	sort.Strings(parts)
	if o.Realm != "" {
		parts = append([]string{`realm="` + escape3986(o.Realm) + `"`}, parts...)
	}
	req.Header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
	return nil
}

// SignQuery adds the OAuth parameters to q, for platforms that want them in the query. base is scheme, host and path as
// the platform sees itself: WooCommerce rebuilds it from its own home URL, not from the Host header. Send the query as
// EncodeQuery writes it.
func (o *OAuth1) SignQuery(method, base string, q url.Values) error {
	params, err := o.params()
	if err != nil {
		return err
	}
	for k, v := range params {
		q[k] = v
	}
	q.Del("oauth_signature")
	q.Set("oauth_signature", o.signature(method, base, q))
	return nil
}

func (o *OAuth1) method() OAuth1Method {
	if o.Method == "" {
		return HMACSHA256
	}
	return o.Method
}

// params are the protocol's parameters but for the signature.
func (o *OAuth1) params() (url.Values, error) {
	nonce, now := o.Nonce, time.Now
	if nonce == nil {
		nonce = randomNonce
	}
	if o.Now != nil {
		now = o.Now
	}
	n, err := nonce()
	if err != nil {
		return nil, err
	}
	p := url.Values{
		"oauth_consumer_key": {o.ConsumerKey}, "oauth_nonce": {n}, "oauth_signature_method": {string(o.method())},
		"oauth_timestamp": {strconv.FormatInt(now().Unix(), 10)},
	}
	if !o.WithoutVersion {
		p.Set("oauth_version", "1.0")
	}
	if o.Token != "" {
		p.Set("oauth_token", o.Token)
	}
	return p, nil
}

func randomNonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("read random bytes for a nonce: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// signature is the base64 of the HMAC of the base string under both secrets (3.4.2).
func (o *OAuth1) signature(method, base string, q url.Values) string {
	sum := sha256.New
	if o.method() == HMACSHA1 {
		sum = sha1.New
	}
	mac := hmac.New(sum, []byte(escape3986(o.ConsumerSecret)+"&"+escape3986(o.TokenSecret)))
	mac.Write([]byte(baseString(method, base, q)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// baseURI is 3.4.1.2: no query, no default port, host in lower case.
func baseURI(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// baseString is 3.4.1: method, URL and the sorted parameters, each escaped. Nested keys such as include[0] are escaped
// like any other key. oauth_signature is not part of it.
func baseString(method, base string, q url.Values) string {
	pairs := make([][2]string, 0, len(q))
	for k, values := range q {
		if k == "oauth_signature" {
			continue
		}
		for _, v := range values {
			pairs = append(pairs, [2]string{escape3986(k), escape3986(v)})
		}
	}
	// By name and then by value (3.4.1.3.2): "a=" before "a1=" would be wrong by the joined text.
	sort.Slice(pairs, func(i, j int) bool {
		if pairs[i][0] != pairs[j][0] {
			return pairs[i][0] < pairs[j][0]
		}
		return pairs[i][1] < pairs[j][1]
	})
	joined := make([]string, len(pairs))
	for i, p := range pairs {
		joined[i] = p[0] + "=" + p[1]
	}
	return strings.ToUpper(method) + "&" + escape3986(base) + "&" + escape3986(strings.Join(joined, "&"))
}

// EncodeQuery writes a query as OAuth signs it: only the unreserved characters of RFC 3986 stay, a space is %20.
func EncodeQuery(q url.Values) string {
	pairs := make([]string, 0, len(q))
	for k, values := range q {
		for _, v := range values {
			pairs = append(pairs, escape3986(k)+"="+escape3986(v))
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}

// escape3986 escapes all but the unreserved characters of RFC 3986 (url.QueryEscape writes a space as "+").
func escape3986(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
