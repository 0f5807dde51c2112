package shopify

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The secrets that the connector rotates.
const (
	secretAccessToken  = "access_token"
	secretRefreshToken = "refresh_token"
	secretTokenExpiry  = "access_token_expires_at" // RFC 3339
)

// tokens keeps the access token. An app whose tokens expire renews them with a refresh token that rotates at each use,
// or with client credentials.
type tokens struct{ *sdk.Tokens }

func newTokens(s *settings, transport http.RoundTripper, host sdk.Host, expiresAt string) *tokens {
	c := sdk.TokenConfig{
		URL: s.endpoint + "/admin/oauth/access_token", JSON: true, AccessToken: s.accessToken, Host: host,
		Keys:    sdk.TokenKeys{Access: secretAccessToken, Refresh: secretRefreshToken, Expiry: secretTokenExpiry},
		Timeout: callTimeout, Transport: transport,
	}
	if s.clientID != "" { // without it nothing can be renewed
		c.ClientID, c.ClientSecret, c.RefreshToken, c.Expires = s.clientID, s.clientSecret, s.refreshToken, moment(expiresAt)
	}
	return &tokens{sdk.NewTokens(c)}
}

// get gives a valid access token. rejected is a token that the platform just refused, "" when none was.
func (t *tokens) get(ctx context.Context, rejected string) (string, error) {
	token, err := t.Get(ctx, rejected)
	switch {
	case err == nil:
		return token, nil
	case errors.Is(err, sdk.ErrTokenRefused) && !t.Renewable():
		return "", &apiError{kind: failAuth, code: "shopify.unauthorized", reason: "the access token was refused"}
	case errors.Is(err, sdk.ErrTokenRefused):
		return "", &apiError{kind: failAuth, code: "shopify.token_refused", reason: "no token is given; install the app again if this stays", cause: err}
	case errors.Is(err, sdk.ErrTokenNotSealed):
		return "", &apiError{kind: failTransient, code: "shopify.token_not_sealed", reason: "the hub's vault did not take the renewed token", cause: err}
	}
	return "", &apiError{kind: failTransient, code: "shopify.token_unavailable", reason: "no token could be had", cause: err, wait: time.Second}
}
