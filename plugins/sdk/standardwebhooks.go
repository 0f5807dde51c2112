package sdk

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks (standardwebhooks.com), in canonical form. BigCommerce and Svix send them.
const (
	StandardWebhookID        = "Webhook-Id"
	StandardWebhookTimestamp = "Webhook-Timestamp"
	StandardWebhookSignature = "Webhook-Signature"
)

// StandardWebhookWindow is how far the signed time may be from the time of arrival, either way.
const StandardWebhookWindow = 5 * time.Minute

// Why a delivery is refused, for a reason in the log. Neither has a secret in it.
var (
	ErrWebhookHeaders   = errors.New("the headers of Standard Webhooks are missing or malformed")
	ErrWebhookTime      = errors.New("the delivery was signed too long ago, or in the future")
	ErrWebhookSignature = errors.New("no signature fits the body")
)

// VerifyStandardWebhook returns nil when a delivery carries a v1 signature under one of the secrets and was signed
// within StandardWebhookWindow of its arrival. It compares in constant time; the signed text is id.timestamp.body. A
// secret that begins with "whsec_" is base64 of the key, as the specification has it; any other one is the key itself
// (BigCommerce signs with the bytes of the client secret). Several secrets are for the time around a rotation.
//
// The id is signed too: answer it as DeliveryID.
func VerifyStandardWebhook(req *WebhookRequest, secrets ...string) error {
	id, stamp := req.Header(StandardWebhookID), req.Header(StandardWebhookTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return ErrWebhookHeaders
	}
	received := req.ReceivedAt
	if received.IsZero() {
		received = time.Now()
	}
	if age := received.Sub(time.Unix(seconds, 0)); age > StandardWebhookWindow || age < -StandardWebhookWindow {
		return ErrWebhookTime
	}
	signed := standardText(id, stamp, req.Body)
	for _, secret := range secrets {
		key, err := standardKey(secret)
		if err != nil {
			continue
		}
		for part := range strings.FieldsSeq(req.Header(StandardWebhookSignature)) {
			text, isV1 := strings.CutPrefix(part, "v1,")
			want, err := base64.StdEncoding.DecodeString(text)
			if isV1 && err == nil && verifyHMAC(key, signed, want) {
				return nil
			}
		}
	}
	return ErrWebhookSignature
}

// SignStandardWebhook makes the value of StandardWebhookSignature, of what a connector sends itself; several, parted by a
// space, are for the time around a rotation.
func SignStandardWebhook(secret, id string, at time.Time, body []byte) (string, error) {
	key, err := standardKey(secret)
	if err != nil {
		return "", err
	}
	signed := standardText(id, strconv.FormatInt(at.Unix(), 10), body)
	return "v1," + base64.StdEncoding.EncodeToString(signHMAC(key, signed)), nil
}

func standardText(id, stamp string, body []byte) []byte {
	out := make([]byte, 0, len(id)+len(stamp)+len(body)+2)
	out = append(append(append(append(out, id...), '.'), stamp...), '.')
	return append(out, body...)
}

func standardKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("a secret that begins with whsec_ is not base64 after it")
	}
	return key, nil
}
