package woocommerce

import (
	"net/url"
	"testing"
	"time"
)

// TestSignatureVectors checks the signer against values that an independent implementation (npm oauth-1.0a 2.2.6) gives.
func TestSignatureVectors(t *testing.T) {
	o := &oauth1{
		key: testKey, secret: testSecret, now: func() time.Time { return time.Unix(1732240000, 0) },
		nonce: func() (string, error) { return "abc123nonce", nil },
	}
	q := url.Values{"per_page": {"100"}, "page": {"1"}, "orderby": {"modified"}, "order": {"asc"}}
	if err := o.sign("GET", "http://shop.example.com/wp-json/wc/v3/orders", q); err != nil {
		t.Fatal(err)
	}
	if got, want := q.Get("oauth_signature"), "pSLrwdEhGchfRv7AkR2nLOiRrOF9jJIuuOb0QEJhczY="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// TestBaseString has the parts of RFC 5849 that go wrong easily: escaping, order, nested keys.
func TestBaseString(t *testing.T) {
	cases := []struct {
		name string
		q    url.Values
		want string
	}{
		{"a space is %20 and escaped again", url.Values{"search": {"gold ring"}}, "GET&http%3A%2F%2Fx%2Fa&search%3Dgold%2520ring"},
		{"nested keys are escaped like others", url.Values{"include[0]": {"7"}, "include[1]": {"8"}}, "GET&http%3A%2F%2Fx%2Fa&include%255B0%255D%3D7%26include%255B1%255D%3D8"},
		{"unreserved characters stay", url.Values{"a": {"-._~"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D-._~"},
		{"reserved ones and UTF-8 do not", url.Values{"a": {"!*'()é"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D%2521%252A%2527%2528%2529%25C3%25A9"},
		{"sorted by name", url.Values{"b": {"2"}, "a": {"1"}, "oauth_signature": {"x"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D1%26b%3D2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := baseString("get", "http://x/a", c.q); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
