package conformance

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// sealing is the hub's vault as a check sees it.
type sealing struct {
	mu     sync.Mutex
	refuse bool
	sealed []sealedSecret
}

type sealedSecret struct {
	key, value string
	at         time.Time // when it was durable; zero where the vault refused it
}

func (v *sealing) rotate(key, value string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refuse {
		v.sealed = append(v.sealed, sealedSecret{key: key, value: value})
		return errors.New("the vault is full")
	}
	v.sealed = append(v.sealed, sealedSecret{key, value, time.Now()})
	return nil
}

// sealLimit is how long a connector that goes on may take to seal what it goes on with.
const sealLimit = 10 * time.Second

func (v *sealing) any() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.sealed, func(s sealedSecret) bool { return credential(s.value) })
}

// take gives what was sealed since the last time, without what is no credential (an expiry).
func (v *sealing) take(refuse bool) []sealedSecret {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := slices.DeleteFunc(v.sealed, func(s sealedSecret) bool { return !credential(s.value) })
	v.sealed, v.refuse = nil, refuse
	return out
}

// credential tells a rotated value from an expiry beside it.
func credential(value string) bool {
	_, notTime := time.Parse(time.RFC3339, value)
	_, notNumber := strconv.ParseFloat(value, 64)
	return len(value) >= minSecret && notTime != nil && notNumber != nil
}

// tryRotation has the credentials expire: once with a vault that takes the new ones, once with one that refuses.
func tryRotation(ctx context.Context, t *trial) error {
	vault := &sealing{}
	s, _, err := t.filledOwn(ctx, launching{rotate: vault.rotate})
	if s == nil {
		return err
	}
	expire := t.Twin.(Expirer).Expire
	use := func() error {
		if can(sdk.CanPoll)(t.kit) == "" {
			_, err := s.pollPage(ctx, t.about.Streams[0].Name, nil, epoch(), shown{})
			return err
		}
		_, err := s.Check(ctx, &sdk.CheckRequest{})
		t.hear(err)
		return err
	}
	vault.take(false)
	if err := expire(ctx); err != nil {
		return err
	}
	t.proxy.disturb(nil)
	if err := again(ctx, use); err != nil {
		t.find("after its credentials expired the connector does not go on: %v", err)
		return nil
	}
	// One that does not wait for the vault may seal it later still.
	eventually(ctx, sealLimit, vault.any)
	log, rotated := t.proxy.clear(), vault.take(true)
	if len(rotated) == 0 {
		t.notApplicable("the connector goes on with a new credential that it need not keep")
		return nil
	}
	t.usedEarly(log, rotated, "before the hub had sealed it")

	if err := expire(ctx); err != nil {
		return err
	}
	t.proxy.disturb(nil)
	_ = use() // fails or not: what matters is what it used
	log, rotated = t.proxy.clear(), vault.take(false)
	t.usedEarly(log, rotated, "though the hub could not seal it")
	if err := again(ctx, use); err != nil {
		t.find("after the hub could not seal a rotated credential at first, the connector does not go on: %v", err)
		return nil
	}
	if err := s.kill(ctx); err != nil {
		t.find("the connector does not start with the credentials that it had rotated: %v", err)
		return nil
	}
	for range 2 { // with the token that was sealed, and with the next one that it leads to
		if err := again(ctx, use); err != nil {
			t.find("a new process does not go on with the credentials that were rotated: %v", err)
			return nil
		}
		if err := expire(ctx); err != nil {
			return err
		}
	}
	return nil
}

// usedEarly reports requests that carried a credential before it was durable.
func (t *trial) usedEarly(log []seen, rotated []sealedSecret, how string) {
	for _, secret := range rotated {
		for _, r := range log {
			if strings.Contains(r.text, secret.value) && (secret.at.IsZero() || r.at.Before(secret.at)) {
				t.find("the rotated %s was used %s", secret.key, how)
				break
			}
		}
	}
}

// trySecrets has the platform repeat what it was sent, then searches all that was logged and said in every check.
// Where the connector let a secret out, the host has put its mark.
func trySecrets(ctx context.Context, t *trial) error {
	if t.disturbs() {
		if err := t.Twin.Reset(ctx, rows); err != nil {
			return err
		}
		s, err := t.usual(ctx)
		if s == nil {
			return err
		}
		t.callAll(ctx, s)
	}
	canaries := map[string]string{} // text → what it is
	for name, value := range t.Secrets {
		canaries[value] = "the secret " + name
	}
	t.mu.Lock()
	said := slices.Clone(t.said)
	for _, value := range t.rotated {
		if credential(value) {
			canaries[value] = "a rotated credential"
		}
	}
	t.mu.Unlock()
	search := func(where string, lines []string) {
		for _, line := range lines {
			if strings.Contains(line, host.RedactedMark) {
				t.find("a secret is in %s; only the hub's redaction keeps it back: %s", where, brief(line))
			}
			for value, what := range canaries {
				if len(value) >= minSecret && strings.Contains(line, value) {
					t.find("%s is in %s: %s", what, where, brief(line))
				}
			}
		}
	}
	search("the log", strings.Split(t.log.String(), "\n"))
	search("an error, a diagnostic, a result or a fact", said)
	return nil
}

// callAll makes each call that asks the platform, while it answers by repeating the request.
func (t *trial) callAll(ctx context.Context, s *session) {
	has := func(c sdk.Capability) bool { return slices.Contains(t.about.Capabilities, c) }
	all, _ := s.truth(ctx) // what there is to read and write; a failure is another check's finding
	t.proxy.disturb(func(int) fault { return faultEcho })
	defer t.proxy.clear()
	if has(sdk.CanCheck) {
		if r, err := s.Check(ctx, &sdk.CheckRequest{}); err != nil {
			t.hear(err)
		} else {
			t.hear(nil, r.Diagnostics...)
		}
	}
	for _, stream := range t.about.Streams {
		_, _ = s.pollPage(ctx, stream.Name, nil, epoch(), shown{})
	}
	if has(sdk.CanSnapshot) {
		_, _ = s.snapshotPage(ctx, nil)
	}
	if has(sdk.CanHealth) {
		_, err := s.Health(ctx, &sdk.HealthRequest{})
		t.hear(err)
	}
	if has(sdk.CanDiscover) {
		_, err := s.Discover(ctx, &sdk.DiscoverRequest{})
		t.hear(err)
	}
	if address, err := t.hookURL(); err == nil && has(sdk.CanRegister) {
		if r, err := s.Register(ctx, &sdk.RegisterRequest{URL: address}); err != nil {
			t.hear(err)
		} else {
			t.hear(nil, r.Diagnostics...)
		}
	}
	for _, kind := range t.orderActions() {
		w := t.action(kind, Sale{Order: "1", Lines: []string{"1"}})
		s.applied(ctx, w)
		if has(sdk.CanLookup) {
			_, err := s.Lookup(ctx, &sdk.LookupRequest{Writes: []sdk.Write{w}})
			t.hear(err)
		}
	}
	for k := range all {
		if has(sdk.CanRead) {
			_, err := s.Read(ctx, &sdk.ReadRequest{Refs: []canon.Ref{{Kind: k.kind, ExternalID: k.id}}})
			t.hear(err)
		}
		break
	}
	if has(sdk.CanApply) {
		for k := range all {
			if g, ok := levelTarget(k); ok {
				s.applied(ctx, t.write(g, 2, 1))
				break
			}
		}
	}
}
