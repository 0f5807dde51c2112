package tape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// record makes requests to a platform through a recorder, and gives the folder.
func record(t *testing.T, platform http.HandlerFunc, do func(client *http.Client, base string), secrets ...string) string {
	t.Helper()
	server := httptest.NewServer(platform)
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "recording")
	r, err := NewRecorder(dir, "a key")
	require.NoError(t, err)
	r.AddSecrets(secrets...)
	do(&http.Client{Transport: r.Transport(server.Client().Transport)}, server.URL)
	return dir
}

func play(t *testing.T, dir, state string) *http.Client {
	t.Helper()
	p, err := NewPlayer(dir, state)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return &http.Client{Transport: p}
}

func fetch(t *testing.T, c *http.Client, method, url, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

const nowhere = "http://127.0.0.1:1" // nothing listens there

// canaries must be in no recording. Those of "declared" are named to the recorder; all others it has to know by where they
// stand.
var canaries = map[string]string{
	"declared": "canary-declared-0001", "header": "canary-header-0002", "cookie": "canary-cookie-0003", "access": "canary-access-0004",
	"refresh": "canary-refresh-0005", "signature": "canary-signature-0006", "oauth": "canary-oauth-0007", "bare": "canary-bare-0008",
	"email": "canary.person@client.example", "phone": "+4915777700099", "surname": "Canarysson", "street": "Canary Lane 10",
	"birthday": "1971-05-17", "note": "allergic to canary gold", "pair": "canary-pair-0011", "xml": "canary-xml-0012",
}

func TestNoCanaryIsInARecording(t *testing.T) {
	c := canaries
	platform := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session="+c["cookie"])
		w.Header().Set("X-Access-Token", c["access"])
		w.Header().Set("Link", `<http://shop.example/next?oauth_token=`+c["oauth"]+`&page=2>; rel="next"`)
		switch r.URL.Path {
		case "/oauth/token":
			fmt.Fprintf(w, `{"access_token":%q,"refresh_token":%q,"expires_in":3600}`, c["access"], c["refresh"])
		case "/rest/token":
			fmt.Fprintf(w, "%q", c["bare"])
		case "/lines":
			fmt.Fprintf(w, "{\"id\":1,\"customer\":{\"displayName\":%q}}\n{\"id\":2,\"email\":%q}\n", c["surname"], c["email"])
		case "/soap":
			fmt.Fprintf(w, `<e:Envelope xmlns:e="x"><e:password type="p">%s</e:password><city>Lyon</city><lastName>%s</lastName></e:Envelope>`, c["xml"], c["surname"])
		case "/binary":
			_, _ = w.Write(append([]byte{0xff, 0xfe}, c["declared"]...))
		default:
			fmt.Fprintf(w, `{"orders":[{"id":7,"total":"10.00","note_attributes":[{"name":"api_key","value":%q}],
				"billing":{"first_name":"Zo","last_name":%q,"address_1":%q,"email":%q,"phone":%q,"name":%q},
				"customer":{"note":%q,"dob":%q},"said":"write to %s with %s","echo":%q}]}`,
				c["pair"], c["surname"], c["street"], c["email"], c["phone"], c["surname"], c["note"], c["birthday"], c["email"], c["declared"], c["access"])
		}
	}
	dir := record(t, platform, func(client *http.Client, base string) {
		form := "grant_type=refresh_token&client_secret=" + c["declared"] + "&refresh_token=" + c["refresh"] + "&code=" + c["oauth"]
		fetch(t, client, "POST", base+"/oauth/token", "application/x-www-form-urlencoded", form)
		fetch(t, client, "POST", base+"/rest/token", "application/json", `{"username":"`+c["surname"]+`","password":"`+c["bare"]+`"}`)
		for _, path := range []string{"/orders", "/lines", "/soap", "/binary", "/by/" + c["declared"]} {
			req, err := http.NewRequest("GET", base+path+"?oauth_signature="+c["signature"]+"&email="+strings.ReplaceAll(c["email"], "@", "%40")+"&access_token="+c["access"], nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+c["header"])
			req.Header.Set("X-Shop-Key", c["header"])
			req.Header.Set("Cookie", c["cookie"])
			req.SetBasicAuth("user", c["declared"])
			resp, err := client.Do(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
		}
	}, c["declared"])
	names, _, err := files(dir)
	require.NoError(t, err)
	require.Len(t, names, 7)
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for what, canary := range canaries {
			require.NotContains(t, string(raw), canary, "%s is in %s:\n%s", what, name, raw)
		}
		require.NotContains(t, name, "canary")
	}
	orders, err := os.ReadFile(filepath.Join(dir, names[2]))
	require.NoError(t, err)
	require.Contains(t, string(orders), `"total": "10.00"`, "what is neither secret nor personal stays")
	// What is the same stays the same, so that a customer is still one.
	x, err := readExchange(dir, names[2])
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(x.Answer.JSON), newRedaction("a key").person("email", c["email"])))
}

func TestARecordingAnswersWithoutANetwork(t *testing.T) {
	n := 0
	dir := record(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		w.Header().Set("Retry-After", "3")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(201)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"n": %d, "big": 12345678901234567890.10, "got": %q}`, n, body)
	}, func(client *http.Client, base string) {
		fetch(t, client, "GET", base+"/items?page=1&limit=10", "", "")
		fetch(t, client, "GET", base+"/items?page=1&limit=10", "", "")
		fetch(t, client, "POST", base+"/items", "application/json", `{"a": 1, "b": [2]}`)
	})
	state := filepath.Join(t.TempDir(), StateFile)
	client := play(t, dir, state)
	// In any order of parameters and members, in the order in which they were recorded.
	status, body := fetch(t, client, "GET", nowhere+"/items?limit=10&page=1", "", "")
	require.Equal(t, 201, status)
	require.JSONEq(t, `{"n": 1, "big": 12345678901234567890.10, "got": ""}`, body)
	require.Contains(t, body, "12345678901234567890.10", "numbers are kept as they are written")
	_, body = fetch(t, client, "POST", nowhere+"/items", "application/json", `{"b":[2],"a":1}`)
	require.Contains(t, body, `"n":3`)

	// A process that is started anew goes on.
	client = play(t, dir, state)
	_, body = fetch(t, client, "GET", nowhere+"/items?page=1&limit=10", "", "")
	require.Contains(t, body, `"n":2`)
	_, body = fetch(t, client, "GET", nowhere+"/items?page=1&limit=10", "", "")
	require.Contains(t, body, `"n":2`, "a safe request that comes again gets the last answer")
	_, err := client.Post(nowhere+"/items", "application/json", strings.NewReader(`{"b":[2],"a":1}`))
	require.ErrorIs(t, err, ErrUnmatched)
	require.ErrorContains(t, err, "0003-POST-items.json, which was answered before", "a write is answered as often as it was made")
}

func TestAnUnmatchedRequestNamesTheNearestOne(t *testing.T) {
	dir := record(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, func(client *http.Client, base string) {
		fetch(t, client, "GET", base+"/api/items?limit=10&page=1", "", "")
		fetch(t, client, "PUT", base+"/api/items/7/stock", "application/json", `{"want":1}`)
		fetch(t, client, "GET", base+"/api/account?access_token=abcdef", "", "")
	})
	state := filepath.Join(t.TempDir(), StateFile)
	client := play(t, dir, state)
	for _, tc := range []struct{ method, url, body, want string }{
		{"GET", "/api/items?limit=20&page=1", "", "the nearest is 0001-GET-api-items.json: query limit=10 there, limit=20 here"},
		{"PUT", "/api/items/7/stock", `{"want":2}`, `the nearest is 0002-PUT-api-items-7-stock.json: body {"want":1} there, {"want":2} here`},
		{"DELETE", "/api/account?access_token=other", "", "the nearest is 0003-GET-api-account.json: method GET there, DELETE here"},
	} {
		req, err := http.NewRequest(tc.method, nowhere+tc.url, strings.NewReader(tc.body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		_, err = client.Do(req)
		require.ErrorIs(t, err, ErrUnmatched)
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.(interface{ Unwrap() error }).Unwrap().Error(), "other", "a secret is in no error")
	}
	noted, err := os.ReadFile(state)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(noted), StateUnmatched), "whoever plays learns of it even where the connector swallows the error")
	fetch(t, client, "GET", nowhere+"/api/account?access_token=yet-another-one", "", "")
}

func TestFailuresAreRecordedAndPlayed(t *testing.T) {
	dir := record(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"half":`)
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}, func(client *http.Client, base string) {
		for _, url := range []string{nowhere + "/nobody", base + "/lost", base + "/cut"} {
			resp, err := client.Post(url, "application/json", strings.NewReader("{}"))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			require.Error(t, err)
		}
	})
	client := play(t, dir, "")
	for path, want := range map[string]struct{ sent, answered bool }{"/nobody": {false, false}, "/lost": {true, false}, "/cut": {true, true}} {
		wrote := false
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteHeaders: func() { wrote = true }})
		req, err := http.NewRequestWithContext(ctx, "POST", nowhere+path, strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		require.NotErrorIs(t, err, ErrUnmatched, path)
		require.Equal(t, want.sent, wrote, path)
		require.Equal(t, want.answered, err == nil, path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		}
	}
}

// Two recordings of the same traffic differ in their marks, and answer the same requests.
func TestWhatIsRedactedMatches(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	dir := record(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"access_token":"abcdefgh"}`) }, func(client *http.Client, base string) {
		fetch(t, client, "POST", base+"/token", form, "refresh_token=first&grant_type=refresh_token")
		fetch(t, client, "GET", base+"/customers?email=a%40b.example&since=2020", "", "")
		fetch(t, client, "GET", base+"/orders?oauth_nonce=1&oauth_timestamp=2&oauth_signature=3&page=1", "", "")
	})
	client := play(t, dir, "")
	_, body := fetch(t, client, "POST", nowhere+"/token", form, "grant_type=refresh_token&refresh_token=redacted-0123456789ab")
	require.Regexp(t, `"access_token":"redacted-[0-9a-f]{12}"`, body)
	fetch(t, client, "GET", nowhere+"/customers?since=2020&email=person-0123456789ab%40example.com", "", "")
	fetch(t, client, "GET", nowhere+"/orders?page=1&oauth_nonce=9&oauth_timestamp=8&oauth_signature=7", "", "")
}

func TestBodiesKeepTheirForm(t *testing.T) {
	r := newRedaction("k")
	for _, tc := range []struct{ name, contentType, raw, want string }{
		{"empty", "", "", ""},
		{"json", "application/json", `{"b":1.50,"a":"<x>"}`, `{"a":"<x>","b":1.50}`},
		{"json lines", "application/jsonl", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n"},
		{"text", "text/plain", "hello\nworld", "hello\nworld"},
		{"binary", "image/png", "\xff\x00\xfe", "\xff\x00\xfe"},
		{"form", "application/x-www-form-urlencoded", "a=1&b=x+y", "a=1&b=x+y"},
	} {
		b := encodeBody([]byte(tc.raw), tc.contentType, r)
		raw, err := b.bytes()
		require.NoError(t, err, tc.name)
		require.True(t, bytes.Equal([]byte(tc.want), raw), "%s: %q", tc.name, raw)
	}
}
