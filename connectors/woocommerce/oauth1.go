package woocommerce

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// oauth1 signs requests as one-legged OAuth 1.0a (RFC 5849) with HMAC-SHA256, the parameters in the query string. It is
// what WooCommerce asks for over plain http, where it ignores Basic credentials.
type oauth1 struct {
	key, secret string
	now         func() time.Time
	nonce       func() (string, error)
}

func newOAuth1(key, secret string) *oauth1 {
	return &oauth1{key: key, secret: secret, now: time.Now, nonce: randomNonce}
}

func randomNonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("read random bytes for a nonce: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// sign adds the OAuth parameters to q. base is scheme, host and path as the shop sees itself: WooCommerce rebuilds it
// from its own home URL, not from the Host header of the request.
func (o *oauth1) sign(method, base string, q url.Values) error {
	nonce, err := o.nonce()
	if err != nil {
		return err
	}
	q.Set("oauth_consumer_key", o.key)
	q.Set("oauth_nonce", nonce)
	q.Set("oauth_signature_method", "HMAC-SHA256")
	q.Set("oauth_timestamp", strconv.FormatInt(o.now().Unix(), 10))
	q.Set("oauth_version", "1.0")
	q.Del("oauth_signature")
	q.Set("oauth_signature", signature(method, base, q, o.secret))
	return nil
}

// signature is the base64 of the HMAC-SHA256 of the signature base string. The key is the consumer secret and "&", as
// there is no token.
func signature(method, base string, q url.Values, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret+"&"))
	mac.Write([]byte(baseString(method, base, q)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// baseString is section 3.4.1 of RFC 5849: method, URL and the sorted parameters, each escaped. Nested keys such as
// include[0] are escaped like any other key. oauth_signature is not part of it.
func baseString(method, base string, q url.Values) string {
	pairs := make([]string, 0, len(q))
	for k, values := range q {
		if k == "oauth_signature" {
			continue
		}
		for _, v := range values {
			pairs = append(pairs, escape3986(k)+"="+escape3986(v))
		}
	}
	sort.Strings(pairs)
	return strings.ToUpper(method) + "&" + escape3986(base) + "&" + escape3986(strings.Join(pairs, "&"))
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

// encode3986 writes a query string in the same escaping as the signature's base string.
func encode3986(q url.Values) string {
	pairs := make([]string, 0, len(q))
	for k, values := range q {
		for _, v := range values {
			pairs = append(pairs, escape3986(k)+"="+escape3986(v))
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}
