package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// hookReceiver answers what a platform sends to try an address, as a hub would.
type hookReceiver struct {
	server *http.Server
	base   string
	done   chan struct{}
}

func newHookReceiver() (*hookReceiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("receiver of webhooks: %w", err)
	}
	r := &hookReceiver{base: "http://" + l.Addr().String(), done: make(chan struct{})}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
	go func() {
		defer close(r.done)
		_ = r.server.Serve(l) // ends with close
	}()
	return r, nil
}

func (r *hookReceiver) close() {
	_ = r.server.Close()
	<-r.done
}

// hookURL gives an address that webhooks can be registered for: the one of the recording in a replay.
func (t *trial) hookURL() (string, error) {
	const path = "/hooks/conformance"
	if t.tape != nil && t.tape.replay {
		return t.tape.about.HookURL + path, nil
	}
	if t.hooks == nil {
		r, err := newHookReceiver()
		if err != nil {
			return "", err
		}
		t.hooks = r
		if t.tape != nil {
			t.tape.about.HookURL = r.base
		}
	}
	return t.hooks.base + path, nil
}

// register registers and gives the topics that were made or brought back; ok is false after a finding.
func (t *trial) register(ctx context.Context, s *session, address, when string) (touched []string, ok bool) {
	r, err := s.Register(ctx, &sdk.RegisterRequest{URL: address})
	t.hear(err)
	if err != nil {
		t.find("%s Register fails: %v", when, err)
		return nil, false
	}
	t.hear(nil, r.Diagnostics...)
	for _, d := range errorsOf(r.Diagnostics) {
		t.find("%s Register has the error %s: %s", when, d.Code, d.Summary)
	}
	return append(slices.Clone(r.Created), r.Reactivated...), true
}

// tryRegister registers twice, beside another hub's address, and takes it back twice.
func tryRegister(ctx context.Context, t *trial) error {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return err
	}
	address, err := t.hookURL()
	if err != nil {
		return err
	}
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	other := address + "-of-another-hub"
	if _, ok := t.register(ctx, s, other, "for another address"); !ok {
		return nil
	}
	before, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	first, ok := t.register(ctx, s, address, "at first")
	if !ok {
		return nil
	}
	afterFirst, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	if again, _ := t.register(ctx, s, address, "called again"); len(again) > 0 {
		t.find("Register called again changes %v, want nothing: they were there", again)
	}
	afterSecond, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(afterFirst, afterSecond) {
		t.find("Register called again leaves %v, and %v were there", afterSecond, afterFirst)
	}
	for _, hook := range before {
		if !slices.Contains(afterFirst, hook) {
			t.find("Register takes away the subscription %s, which is somebody else's", hook)
		}
	}
	if hooked(t.kit) == "" && len(first) > 0 && len(afterFirst) == len(before) {
		t.find("Register says that it made %v, and the platform has no more subscriptions than before", first)
	}
	for range 2 { // the second time there is nothing left, which is no error
		if _, err := s.Unregister(ctx, &sdk.UnregisterRequest{URL: address}); err != nil {
			t.hear(err)
			t.find("Unregister fails: %v", err)
			return nil
		}
	}
	left, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	if hooked(t.kit) == "" && !slices.Equal(left, before) {
		t.find("Unregister leaves %v, want %v: those of the address are gone, and those of others stay", left, before)
	}
	return nil
}

// subscriptions lists those of the platform in order; none where the twin does not show them.
func (t *trial) subscriptions(ctx context.Context) ([]string, error) {
	if hooked(t.kit) != "" {
		return nil, nil
	}
	list, err := twinSays(t, func() ([]string, error) { return t.Twin.(Hooked).Hooks(ctx) })
	slices.Sort(list)
	return list, err
}

// tryDroppedHook has the platform drop a subscription, as it does after deliveries that failed.
func tryDroppedHook(ctx context.Context, t *trial) error {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return err
	}
	address, err := t.hookURL()
	if err != nil {
		return err
	}
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	if _, ok := t.register(ctx, s, address, "at first"); !ok {
		return nil
	}
	was, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	if len(was) == 0 {
		t.find("after Register the platform has no subscription")
		return nil
	}
	if _, err := twinSays(t, func() (string, error) { return "dropped", t.Twin.(Hooked).DropHook(ctx) }); err != nil {
		return err
	}
	dropped, err := t.subscriptions(ctx)
	if err != nil {
		return err
	}
	if slices.Equal(was, dropped) {
		return fmt.Errorf("the twin has dropped a subscription, and shows the same as before: %v", was)
	}
	touched, ok := t.register(ctx, s, address, "after the platform dropped a subscription")
	if !ok {
		return nil
	}
	now, err := t.subscriptions(ctx)
	switch {
	case err != nil:
		return err
	case !slices.Equal(was, now):
		t.find("the platform dropped a subscription, and after Register it has %v, want %v", now, was)
	case len(touched) == 0:
		t.find("Register brought a subscription back and names it neither under Created nor under Reactivated")
	}
	if _, err := s.Unregister(ctx, &sdk.UnregisterRequest{URL: address}); err != nil {
		t.hear(err)
		t.find("Unregister fails: %v", err)
	}
	return nil
}

// tryDiscover looks at what a person maps.
func tryDiscover(ctx context.Context, t *trial) error {
	s, all, err := t.filled(ctx)
	if s == nil {
		return err
	}
	found, err := s.Discover(ctx, &sdk.DiscoverRequest{})
	t.hear(err)
	if err != nil {
		t.find("Discover fails: %v", err)
		return nil
	}
	again, err := s.Discover(ctx, &sdk.DiscoverRequest{})
	t.hear(err)
	if err != nil {
		t.find("Discover called again fails: %v", err)
		return nil
	}
	locations := map[string]bool{}
	for what, pair := range map[string][2][]sdk.Discovered{
		"location": {found.Locations, again.Locations}, "price list": {found.PriceLists, again.PriceLists}, "field": {found.Fields, again.Fields},
	} {
		ids := map[string]bool{}
		for _, d := range pair[0] {
			if d.ID == "" && what != "location" || d.Name == "" || ids[d.ID] { // a platform without places has one without an id
				t.find("a %s has the id %q and the name %q: both are needed, and an id once", what, d.ID, d.Name)
			}
			ids[d.ID] = true
		}
		if !slices.Equal(pair[0], pair[1]) {
			t.find("Discover called twice lists %d and then %d of a %s, not the same or in another order", len(pair[0]), len(pair[1]), what)
		}
		if what == "location" {
			locations = ids
		}
	}
	for k := range all {
		if k.kind != canon.KindLevel {
			continue
		}
		if _, at := canon.SplitLevelID(k.id); at != "" && !locations[at] {
			t.find("stock is observed at the location %s, which Discover does not list", at)
			return nil
		}
	}
	return nil
}

// tryHealth asks a connection that is well, and one whose platform fails.
func tryHealth(ctx context.Context, t *trial) error {
	s, _, err := t.filled(ctx)
	if s == nil {
		return err
	}
	h, err := s.Health(ctx, &sdk.HealthRequest{})
	t.hear(err)
	if err != nil {
		t.find("Health fails while all is well: %v", err)
		return nil
	}
	t.hear(nil, sdk.Diagnostic{Summary: h.Reason})
	switch {
	case !h.OK:
		t.find("Health is not ok while all is well: %s", h.Reason)
	case h.QuotaLeft < 0 || h.QuotaLeft > h.QuotaLimit:
		t.find("Health tells a quota of %v left of %v", h.QuotaLeft, h.QuotaLimit)
	case h.LagMillis < 0:
		t.find("Health tells a lag of %d ms", h.LagMillis)
	case h.CredentialExpiry != nil && h.CredentialExpiry.Year() < 2000:
		t.find("Health tells that the credentials expire at %s", h.CredentialExpiry)
	}
	if !t.disturbs() || can(sdk.CanPoll)(t.kit) != "" {
		return nil
	}
	t.proxy.disturb(func(int) fault { return faultRefuse })
	_, err = s.Poll(ctx, &sdk.PollRequest{Stream: t.about.Streams[0].Name, Since: epoch(), Limit: page})
	t.hear(err)
	h, err = s.Health(ctx, &sdk.HealthRequest{})
	t.proxy.clear()
	t.inOrder("Health of a platform that answers 500", err)
	switch {
	case err != nil:
	case h.OK:
		t.find("Health is ok right after a poll that the platform answered with 500")
	case h.Reason == "":
		t.find("Health is not ok and gives no reason")
	}
	return nil
}

// tryRead reads what was shown again, one by one and together, and what is not there.
func tryRead(ctx context.Context, t *trial) error {
	s, all, err := t.filled(ctx)
	if s == nil {
		return err
	}
	refs, hints, err := readable(all)
	if err != nil {
		return err
	}
	for _, kind := range []canon.Kind{canon.KindListing, canon.KindLevel} {
		some, known := refs[kind], hints[kind]
		if len(some) < 3 {
			continue
		}
		some, known = some[:3], known[:3]
		together, err := s.readHinted(ctx, some, known)
		if err != nil {
			t.find("reading %d of the kind %s fails: %v", len(some), kind, err)
			continue
		}
		for i, ref := range some {
			alone, err := s.readHinted(ctx, some[i:i+1], known[i:i+1])
			if err != nil {
				t.find("reading %s %s fails: %v", kind, ref.ExternalID, err)
				continue
			}
			for how, got := range map[string]shown{"alone": alone, "with others": together} {
				if lacks := got.lacks(shownOf(all, ref)); len(lacks) > 0 {
					t.find("%s, read %s, is not what was shown before: %s", ref.ExternalID, how, list(lacks))
				}
			}
		}
		t.readMissing(ctx, s, some[0], known[0])
	}
	return nil
}

// readMissing reads an entity that the platform never had, beside one that it has.
func (t *trial) readMissing(ctx context.Context, s *session, there canon.Ref, hint sdk.ReadHint) {
	const more = "999999" // keeps the shape of an id, and is none
	missing, unknown := there, hint
	if there.Kind == canon.KindLevel {
		stock, at := canon.SplitLevelID(there.ExternalID)
		missing.ExternalID = canon.LevelID(stock+more, at)
		unknown.ListingID = also(unknown.ListingID, more)
	} else {
		missing.ExternalID += more
	}
	unknown.ProductID = also(unknown.ProductID, more)
	got, err := s.readHinted(ctx, []canon.Ref{missing, there}, []sdk.ReadHint{unknown, hint})
	if err != nil {
		t.find("reading an entity that is not there beside one that is fails: %v", err)
		return
	}
	if len(shownOf(got, there)) == 0 {
		t.find("%s %s is not read beside one that is not there", there.Kind, there.ExternalID)
	}
	gone := shownOf(got, missing)
	if len(gone) == 0 {
		t.find("%s %s, which is not there, is not said to be deleted", missing.Kind, missing.ExternalID)
	}
	for k, v := range gone {
		var o canon.Observation
		if err := json.Unmarshal([]byte(v.content), &o); err == nil && !o.Deleted {
			t.find("%s, which is not there, is read as %s", k, brief(v.content))
		}
	}
}

func also(id, more string) string {
	if id == "" {
		return ""
	}
	return id + more
}

// readable gives refs of what was shown by kind, in order, and what the hub would know of each.
func readable(all shown) (map[canon.Kind][]canon.Ref, map[canon.Kind][]sdk.ReadHint, error) {
	refs, hints := map[canon.Kind][]canon.Ref{}, map[canon.Kind][]sdk.ReadHint{}
	byStock := map[string]sdk.ReadHint{}
	keys := slices.SortedFunc(maps.Keys(all), func(a, b key) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		var o canon.Observation
		if err := json.Unmarshal([]byte(all[k].content), &o); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", k, err)
		}
		if o.Listing != nil {
			id := o.Listing.StockID
			if id == "" {
				id = o.ExternalID
			}
			byStock[id] = sdk.ReadHint{ProductID: o.Listing.ProductID, ListingID: o.ExternalID}
		}
	}
	seen := map[canon.Ref]bool{}
	for _, k := range keys {
		ref := canon.Ref{Kind: k.kind, ExternalID: k.id}
		if seen[ref] {
			continue
		}
		seen[ref] = true
		var hint sdk.ReadHint
		switch k.kind {
		case canon.KindLevel:
			stock, _ := canon.SplitLevelID(k.id)
			hint = byStock[stock]
		case canon.KindListing:
			for _, h := range byStock {
				if h.ListingID == k.id {
					hint = sdk.ReadHint{ProductID: h.ProductID}
				}
			}
		}
		refs[k.kind], hints[k.kind] = append(refs[k.kind], ref), append(hints[k.kind], hint)
	}
	return refs, hints, nil
}

func (s *session) readHinted(ctx context.Context, refs []canon.Ref, hints []sdk.ReadHint) (shown, error) {
	r, err := s.Read(ctx, &sdk.ReadRequest{Refs: refs, Hints: hints})
	s.trial.hear(err)
	if err != nil {
		return nil, err
	}
	s.trial.hearFacts(r.Facts)
	got := shown{}
	return got, got.see(r.Facts)
}

// shownOf gives what s has of one entity.
func shownOf(s shown, ref canon.Ref) shown {
	out := shown{}
	for k, v := range s {
		if k.kind == ref.Kind && k.id == ref.ExternalID {
			out[k] = v
		}
	}
	return out
}
