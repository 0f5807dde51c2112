package support

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// written gives a value in ways in which it may get into a log or a document, with something before and behind it.
func written(v string) map[string]string {
	escaped := func(s string) string { raw, _ := json.Marshal(s); return string(raw) }
	return map[string]string{
		"plain": "x " + v + " y", "JSON": escaped("is " + v), "JSON in JSON": escaped(escaped("is " + v)), "query": "a=" + url.QueryEscape(v) + "&b=1",
		"path": "/" + url.PathEscape(v) + "/x", "hex": hex.EncodeToString([]byte("ab" + v + "c")), "HEX": strings.ToUpper(hex.EncodeToString([]byte(v))),
		"base64": base64.StdEncoding.EncodeToString([]byte(v)), "base64 of more": base64.StdEncoding.EncodeToString([]byte("user:" + v + ":end")),
		"base64 at 1": base64.URLEncoding.EncodeToString([]byte("a" + v + "bc")), "base64 at 2": base64.RawURLEncoding.EncodeToString([]byte("ab" + v + "b")),
	}
}

func TestASecretIsTakenOutHoweverItIsWritten(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	letters := []rune(`abcXYZ019-_.~+/="\<>&%$#@! {}é漢`)
	for range 200 {
		var secret string
		for range 8 + rnd.IntN(40) {
			secret += string(letters[rnd.IntN(len(letters))])
		}
		s := NewScrubber(nil, []string{"another secret", secret})
		for how, text := range written(secret) {
			out := s.Plain(text)
			require.Contains(t, out, Mark, "%s of %q", how, secret)
			require.NotContains(t, out, secret, how)
			for _, other := range written(secret) {
				if len(other) < len(text) { // the forms without what stands around them
					require.NotContains(t, out, other, "%s of %q", how, secret)
				}
			}
		}
	}
}

func TestWhatLooksLikeASecretOrAPersonIsTakenOut(t *testing.T) {
	s := NewScrubber(nil, nil)
	for _, canary := range []string{
		"jr_4fJ9sKd02mfKd9", "whsec_MfKQ9r8GKYqrTwjU", "shpat_0123456789abcdef", "ck_0123456789abcdef0123", "zoe.zz@example.com", "zoe%40example.com", "+33 6 11 99 88 77", "Bearer abc.def-ghi",
		"-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
	} {
		out := s.Plain("before " + canary + " behind")
		require.Equal(t, "before "+Mark+" behind", out)
	}
	require.Equal(t, "http"+Mark+"shop.example/x", s.Plain("http://me:hush@shop.example/x"))
}

func TestOfFreeTextTheProgramsOwnWordsStay(t *testing.T) {
	s := NewScrubber([]string{"web-eu", "boutique-paris", "csv"}, []string{"hush-token"})
	for in, want := range map[string]string{
		"2026-11-22T18:00:00.000Z [WARN]  jumpring.web-eu: the call failed: error=\"dial tcp 10.1.2.3:443: connect: connection refused\"": "2026-11-22T18:00:00.000Z [WARN]  jumpring.web-eu: the call failed: error=\"dial tcp [*]:443: connect: connection refused\"",
		"context deadline exceeded":                                           "context deadline exceeded",
		"HTTP 429: Too Many Requests, again in 1.5s":                          "HTTP 429: Too Many Requests, again in 1.5s",
		"request failed: request=01KAHQ3YJ5W8ZB1V3K6T9M2N4P":                  "request failed: request=01KAHQ3YJ5W8ZB1V3K6T9M2N4P",
		"customer Zoe Zzmartin, zoe@example.com, 12 Zzstreet":                 "customer [*], 12 [*]",
		"Will Grace refused":                                                  "[*] refused",
		"born 1980-03-02, card 4242424242424242 paid 2400.00 in 1999":         "[*] in [*]",
		"token hush-token of web-eu":                                          "token [*] of web-eu",
		"am9objpodXNo and 6a6f686e and a%20b":                                 "[*] and [*] and [*]",
		`{"@level":"info","@message":"the call failed","customer":"Zoe Zzm"}`: `{"@level":"info","@message":"the call failed","customer":"[*]"}`,
		"\u202ezz\xff":                           "[*]?",
		"unknown customer \\u005a\\u006f\\u0065": "unknown customer [*]",
		"https://shop.example/admin/customers/123456.json?email=zoe": "https:[*]?email=[*]",
		"phone=0611998877": "phone=[*]",
	} {
		require.Equal(t, want, s.Text(in), in)
	}
}

func TestAScrubbedTextIsScrubbed(t *testing.T) {
	s := NewScrubber(nil, nil)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		b := make([]byte, rnd.IntN(80))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
		}
		once := s.Text(string(b))
		require.Equal(t, once, s.Text(once), "%q", b)
	}
}

func TestABundleIsReadAsItWasWritten(t *testing.T) {
	var b bytes.Buffer
	files := []File{{"a.json", []byte(`{"a":"hush-secret"}`)}, {"b.txt", nil}}
	require.NoError(t, Write(&b, NewScrubber(nil, []string{"hush-secret"}), time.Now(), files))
	read, err := Read(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, `{"a":"[*]"}`, string(read[0].Body))
	require.Equal(t, "b.txt", read[1].Name)
	_, err = Read([]byte("no zip"))
	require.Error(t, err)
}

func TestATailKeepsTheEnd(t *testing.T) {
	tail := NewTail(100)
	for i := range 1000 {
		fmt.Fprintf(tail, "line %04d\n", i)
	}
	got := tail.String()
	require.True(t, strings.HasPrefix(got, "line "), got)
	require.True(t, strings.HasSuffix(got, "line 0999\n"), got)
	require.LessOrEqual(t, len(got), 100)
}
