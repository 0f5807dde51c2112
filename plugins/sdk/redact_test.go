package sdk

import (
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedactTakesOutEveryForm(t *testing.T) {
	const secret = `ck_ä/"1+`
	for name, text := range map[string]string{
		"plain":        secret,
		"in a query":   "https://x.example/?k=" + url.QueryEscape(secret),
		"in a path":    "https://x.example/" + url.PathEscape(secret),
		"in JSON":      `{"k":"ck_ä/\"1+"}`,
		"basic auth":   "Basic " + base64.StdEncoding.EncodeToString([]byte(secret)),
		"twice":        secret + secret,
		"longer first": secret + "-suffix",
	} {
		err := Redact(errors.New("call failed: "+text), secret, secret+"-suffix", "ab", "")
		require.Contains(t, err.Error(), "[redacted]", name)
		require.NotContains(t, err.Error(), "ck_", name)
		require.NotContains(t, err.Error(), "suffix", name)
		require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte(secret)), name)
	}
	require.Equal(t, "about a cabbage", NewRedactor("ab").String("about a cabbage"), "short words are left alone")
	require.NoError(t, Redact(nil, secret))
	require.ErrorIs(t, Redact(io.EOF, secret), io.EOF)
}
