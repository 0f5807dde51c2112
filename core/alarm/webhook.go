package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhook tells by a POST that is signed as Standard Webhooks says: webhook-id, webhook-timestamp, and webhook-signature over
// both and the body (https://www.standardwebhooks.com).
type Webhook struct {
	URL string
	// Secret signs: whsec_ and base64, or any text. It and the address are never part of an error.
	Secret string
}

// message is the body.
type message struct {
	Type      string    `json:"type"` // jumpring.alarm.raised.v1
	Timestamp time.Time `json:"timestamp"`
	Data      *Notice   `json:"data"`
}

// caller does not follow a redirect: what is signed is for one address.
var caller = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Tell implements Teller.
func (w *Webhook) Tell(ctx context.Context, n *Notice, now time.Time) error {
	body, err := json.Marshal(message{Type: "jumpring.alarm." + string(n.Phase) + ".v1", Timestamp: now.UTC(), Data: n})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("its address is none")
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "jumpring")
	req.Header.Set("Webhook-Id", n.ID)
	req.Header.Set("Webhook-Timestamp", stamp)
	req.Header.Set("Webhook-Signature", Sign(w.Secret, n.ID, stamp, body))
	res, err := caller.Do(req)
	if err != nil {
		return errors.New("its receiver could not be reached: " + reason(err))
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection serves again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("its receiver answered %d", res.StatusCode)
	}
	return nil
}

// Sign gives the signature of Standard Webhooks: "v1," and HMAC-SHA256 in base64.
func Sign(secret, id, stamp string, body []byte) string {
	key := []byte(secret)
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if raw, err := base64.StdEncoding.DecodeString(coded); err == nil {
			key = raw
		}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + stamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// reason says why somebody could not be reached, without an address, which may hold a secret.
func reason(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "its name is not found"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + " failed"
	}
	return "the connection failed, or its certificate is not good"
}
