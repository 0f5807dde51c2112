package conformance

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// handle hands one delivery over.
func (t *trial) handle(ctx context.Context, s *session, d sdk.WebhookRequest) (*host.WebhookResult, error) {
	if d.ReceivedAt.IsZero() {
		d.ReceivedAt = time.Now()
	}
	r, err := s.HandleWebhook(ctx, &d)
	t.hear(err)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.said = append(t.said, r.Reason, string(r.Body))
	t.mu.Unlock()
	t.hearFacts(r.Facts)
	return r, nil
}

// handled is handle that reports an error as a finding; nil then.
func (t *trial) handled(ctx context.Context, s *session, d sdk.WebhookRequest, what string, args ...any) *host.WebhookResult {
	r, err := t.handle(ctx, s, d)
	if err != nil {
		t.find("%s gives an error: %v", fmt.Sprintf(what, args...), err)
		return nil
	}
	return r
}

// tryGenuine hands each delivery over as it is.
func tryGenuine(ctx context.Context, t *trial) error {
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	for i, d := range t.Deliveries {
		want := d.Expect
		if want == "" {
			want = sdk.VerdictAccepted
		}
		r := t.handled(ctx, s, d.WebhookRequest, "delivery %d", i+1)
		if r == nil {
			continue
		}
		if r.Verdict != want {
			t.find("delivery %d is %s, want %s: %s", i+1, r.Verdict, want, r.Reason)
		}
		if r.Verdict == sdk.VerdictAccepted && len(r.Facts)+len(r.Touched) == 0 {
			t.find("delivery %d is accepted and tells nothing: answer ignored where nothing is of interest", i+1)
		}
	}
	return nil
}

// trySignature spoils each delivery.
func trySignature(ctx context.Context, t *trial) error {
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	for i, d := range t.genuine() {
		for _, at := range []int{0, len(d.Body) / 2, len(d.Body) - 1} {
			if len(d.Body) == 0 {
				break
			}
			flipped := d.WebhookRequest
			flipped.Body = bytes.Clone(d.Body)
			flipped.Body[at] ^= 1
			if r := t.handled(ctx, s, flipped, "delivery %d with byte %d changed", i+1, at); r != nil && r.Verdict != sdk.VerdictBadSignature {
				t.find("delivery %d with byte %d changed is %s, want %s", i+1, at, r.Verdict, sdk.VerdictBadSignature)
			}
		}
		bare := d.WebhookRequest
		bare.Headers = nil
		if r := t.handled(ctx, s, bare, "delivery %d without any header", i+1); r != nil && r.Verdict == sdk.VerdictAccepted {
			t.find("delivery %d without any header is accepted", i+1)
		}
	}
	if len(t.Secrets) == 0 {
		return nil
	}
	others := map[string]string{}
	for name := range t.Secrets {
		others[name] = "unknown-" + name
	}
	stranger, err := t.launch(ctx, launching{secrets: others})
	if err != nil {
		return err
	}
	if stranger.ready(ctx) != nil {
		return nil // it refuses the shape of such secrets
	}
	for i, d := range t.genuine() {
		if r := t.handled(ctx, stranger, d.WebhookRequest, "delivery %d under other secrets", i+1); r != nil && r.Verdict == sdk.VerdictAccepted {
			t.find("delivery %d is accepted under other secrets", i+1)
		}
	}
	return nil
}

// meaning is what the hub makes of a delivery: two that mean the same have the same.
func meaning(r *host.WebhookResult) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %q\n", r.Verdict, r.DeliveryID)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "%s %s %s %s\n", f.Kind, f.ExternalID, f.Data, f.Personal)
	}
	for _, ref := range r.Touched {
		fmt.Fprintf(&b, "touched %s %s\n", ref.Kind, ref.ExternalID)
	}
	return b.String()
}

// tryReplay hands each delivery over twice.
func tryReplay(ctx context.Context, t *trial) error {
	s, err := t.start(ctx, launching{})
	if s == nil {
		return err
	}
	for i, d := range t.genuine() {
		first := t.handled(ctx, s, d.WebhookRequest, "delivery %d", i+1)
		second := t.handled(ctx, s, d.WebhookRequest, "delivery %d, again", i+1)
		if first == nil || second == nil {
			continue
		}
		// A connector may refuse what it has seen: then nothing comes of it.
		refused := second.Verdict != sdk.VerdictAccepted && len(second.Facts)+len(second.Touched) == 0
		if !refused && meaning(first) != meaning(second) {
			t.find("delivery %d means something else when it comes again: %s, then %s", i+1, brief(meaning(first)), brief(meaning(second)))
		}
	}
	return nil
}

// tryStale hands each delivery over after its time.
func tryStale(ctx context.Context, t *trial) error {
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	for i, d := range t.genuine() {
		late := d.WebhookRequest
		if late.ReceivedAt.IsZero() {
			late.ReceivedAt = time.Now()
		}
		late.ReceivedAt = late.ReceivedAt.Add(t.ReplayWindow + time.Minute)
		if r := t.handled(ctx, s, late, "delivery %d, late", i+1); r != nil && r.Verdict == sdk.VerdictAccepted {
			t.find("delivery %d is accepted %v after it was signed, the window is %v", i+1, t.ReplayWindow+time.Minute, t.ReplayWindow)
		}
	}
	return nil
}

// tryOrder hands all deliveries over in order to one process, and in reverse to another.
func tryOrder(ctx context.Context, t *trial) error {
	genuine := t.genuine()
	means := make([]string, len(genuine))
	s, err := t.start(ctx, launching{})
	if s == nil {
		return err
	}
	for i, d := range genuine {
		r := t.handled(ctx, s, d.WebhookRequest, "delivery %d", i+1)
		if r == nil {
			return nil
		}
		means[i] = meaning(r)
	}
	reversed, err := t.start(ctx, launching{})
	if reversed == nil {
		return err
	}
	for i, d := range slices.Backward(genuine) {
		r := t.handled(ctx, reversed, d.WebhookRequest, "delivery %d", i+1)
		if r != nil && meaning(r) != means[i] {
			t.find("delivery %d means something else after later ones: %s, then %s", i+1, brief(means[i]), brief(meaning(r)))
		}
	}
	return nil
}

// tryChallenge looks at the answers to challenges.
func tryChallenge(ctx context.Context, t *trial) error {
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	for i, d := range t.Deliveries {
		if d.Expect != sdk.VerdictChallenge {
			continue
		}
		r := t.handled(ctx, s, d.WebhookRequest, "challenge %d", i+1)
		switch {
		case r == nil:
		case r.Verdict != sdk.VerdictChallenge:
			t.find("delivery %d is %s, want %s", i+1, r.Verdict, sdk.VerdictChallenge)
		case string(r.Body) != d.Answer:
			t.find("the challenge of delivery %d is answered with %q, want %q", i+1, brief(string(r.Body)), brief(d.Answer))
		case r.Status != 0 && r.Status/100 != 2:
			t.find("the challenge of delivery %d is answered with status %d", i+1, r.Status)
		}
	}
	return nil
}
