package sdk

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func fixed(o OAuth1, nonce string, at int64) *OAuth1 {
	o.Now = func() time.Time { return time.Unix(at, 0) }
	o.Nonce = func() (string, error) { return nonce, nil }
	return &o
}

// TestOAuth1Vectors: the first value is the one that Oracle's documentation prints; the others were computed by two
// independent implementations.
func TestOAuth1Vectors(t *testing.T) {
	netsuite := fixed(OAuth1{
		ConsumerKey: "ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4", ConsumerSecret: "d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5",
		Token: "2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc", TokenSecret: "c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295",
		Realm: "123456",
	}, "fjaLirsIcCGVZWzBX0pg", 1508242306)
	magento := fixed(OAuth1{
		ConsumerKey: "wt5ytdfgh3zkqyyvq4r0gjcqkghw5tdr", ConsumerSecret: "1i09jtvuxbdmpe1nv6sj2k0k3ql5q2nk",
		Token: "0lnuajnuzeei2o8xcddii5us77xnb6v0", TokenSecret: "1c6d2hycnir5ygf39fycs6zhtaagx8pd", WithoutVersion: true,
	}, "Zm9vYmFyMTIz", 1732240000)
	filter := "searchCriteria[filter_groups][0][filters][0]"
	orders := "?" + url.Values{
		filter + "[field]": {"updated_at"}, filter + "[value]": {"2026-11-01 00:00:00"}, filter + "[condition_type]": {"gteq"},
		"searchCriteria[pageSize]": {"100"}, "searchCriteria[currentPage]": {"1"},
	}.Encode()
	for _, c := range []struct {
		name, method, url, want string
		o                       *OAuth1
	}{
		{"NetSuite, as Oracle prints it", "GET", "https://123456.suitetalk.api.netsuite.com/services/rest/record/v1/employee/40", "B5OIWznZ2YP0OB7VrJrGkYsTh+8H+5T9Hag+o92q0zY=", netsuite},
		{"NetSuite, a RESTlet", "POST", "https://123456.restlets.api.netsuite.com/app/site/hosting/restlet.nl?script=6&deploy=1&customParam=someValue&testParam=someOtherValue", "+KK4SKNgz4ZiILGLwOMtfYlgcXSy1eis8ldE9X90azQ=", netsuite},
		{"NetSuite, SuiteQL", "POST", "https://123456.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql?limit=1000&offset=0", "K77GAJRnfr1XDIXWkDNFBb1G343XzZc397WHGpnHFF8=", netsuite},
		{"Magento, without a version", "POST", "https://magento.example.com/rest/default/V1/inventory/source-items", "v51z2/txfQb/MMv72Qez1bYEcc8REDHN1lpyWQgu7aU=", magento},
		{"Magento, bracketed keys and a space", "GET", "https://magento.example.com/rest/default/V1/orders" + orders, "n5IwG5JWqIH4BK8opoOxwpTZNNpT3gMO4k9d9zqv5/w=", magento},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
			require.NoError(t, err)
			require.NoError(t, c.o.SignHeader(req))
			header := req.Header.Get("Authorization")
			require.Contains(t, header, `oauth_signature="`+escape3986(c.want)+`"`)
			require.Equal(t, c.o.Realm != "", strings.HasPrefix(header, `OAuth realm="123456", `))
		})
	}
}

func TestOAuth1InTheQuery(t *testing.T) {
	o := fixed(OAuth1{
		ConsumerKey: "ck_0123456789abcdef0123456789abcdef01234567", ConsumerSecret: "cs_0123456789abcdef0123456789abcdef01234567",
	}, "abc123nonce", 1732240000)
	q := url.Values{"per_page": {"100"}, "page": {"1"}, "orderby": {"modified"}, "order": {"asc"}}
	require.NoError(t, o.SignQuery("GET", "http://shop.example.com/wp-json/wc/v3/orders", q))
	require.Equal(t, "pSLrwdEhGchfRv7AkR2nLOiRrOF9jJIuuOb0QEJhczY=", q.Get("oauth_signature"))
}

// TestOAuth1SHA1 has the example of RFC 5849, 1.2, for photos of the resource server.
func TestOAuth1SHA1(t *testing.T) {
	o := fixed(OAuth1{
		ConsumerKey: "dpf43f3p2l4k3l03", ConsumerSecret: "kd94hf93k423kf44", Token: "nnch734d00sl2jdk", TokenSecret: "pfkkdhi9sl3r4s00",
		Method: HMACSHA1, Realm: "Photos", WithoutVersion: true,
	}, "chapoH", 137131202)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://photos.example.net/photos?file=vacation.jpg&size=original", nil)
	require.NoError(t, err)
	require.NoError(t, o.SignHeader(req))
	require.Contains(t, req.Header.Get("Authorization"), `oauth_signature="`+escape3986("MdpQcU8iPSUjWoN/UDMsK2sui9I=")+`"`)
}

func TestAFormBodyIsNotSigned(t *testing.T) {
	req := post(t, "http://shop.example.com/")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	require.ErrorIs(t, (&OAuth1{}).SignHeader(req), ErrFormBody)
}

// TestBaseString has the parts of RFC 5849 that go wrong easily: escaping, order, nested keys.
func TestBaseString(t *testing.T) {
	for name, c := range map[string]struct {
		q    url.Values
		want string
	}{
		"a space is %20 and escaped again":    {url.Values{"search": {"gold ring"}}, "GET&http%3A%2F%2Fx%2Fa&search%3Dgold%2520ring"},
		"nested keys are escaped like others": {url.Values{"include[0]": {"7"}, "include[1]": {"8"}}, "GET&http%3A%2F%2Fx%2Fa&include%255B0%255D%3D7%26include%255B1%255D%3D8"},
		"unreserved characters stay":          {url.Values{"a": {"-._~"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D-._~"},
		"reserved ones and UTF-8 do not":      {url.Values{"a": {"!*'()é"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D%2521%252A%2527%2528%2529%25C3%25A9"},
		"sorted by name":                      {url.Values{"b": {"2"}, "a": {"1"}, "oauth_signature": {"x"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D1%26b%3D2"},
		"a name before a longer one":          {url.Values{"a-": {"2"}, "a": {"1"}}, "GET&http%3A%2F%2Fx%2Fa&a%3D1%26a-%3D2"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, baseString("get", "http://x/a", c.q)) })
	}
}
