package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

var (
	semver     = regexp.MustCompile(`^v?\d+\.\d+\.\d+`)
	fieldTypes = []string{"string", "int", "bool", "duration", "url", "list"}
)

// tryDescribe looks at what the connector says of itself, and asks a second process for the same.
func tryDescribe(ctx context.Context, t *trial) error {
	about := t.about
	if about.Summary == "" {
		t.find("there is no summary")
	}
	if !semver.MatchString(about.Version) {
		t.find("version %q is no semantic version", about.Version)
	}
	names := map[string]bool{}
	for _, f := range about.Config {
		switch {
		case f.Key == "" || names[f.Key]:
			t.find("configuration key %q is empty or described twice", f.Key)
		case !slices.Contains(fieldTypes, f.Type):
			t.find("configuration key %s has the unknown type %q, want one of %v", f.Key, f.Type, fieldTypes)
		case f.Description == "":
			t.find("configuration key %s has no description", f.Key)
		}
		if _, err := regexp.Compile(f.Pattern); err != nil {
			t.find("the pattern of configuration key %s is no regular expression: %v", f.Key, err)
		}
		names[f.Key] = true
	}
	for name := range t.Secrets {
		if !slices.ContainsFunc(about.Config, func(f sdk.ConfigField) bool { return f.Secret && f.Key == name }) {
			t.find("the secret %s is not described as one", name)
		}
	}
	for _, kind := range about.Actions {
		if kind != canon.ActionCancelOrder && kind != canon.ActionRefundLines && !kind.OnListing() {
			t.find("the action %q is not known", kind)
		}
	}
	if len(about.Actions) > 0 && !(slices.Contains(about.Capabilities, sdk.CanApply) && slices.Contains(about.Capabilities, sdk.CanLookup)) {
		t.find("actions need Apply, and Lookup to find out whether one happened")
	}
	if polls := slices.Contains(about.Capabilities, sdk.CanPoll); polls != (len(about.Streams) > 0) {
		t.find("streams are described if and only if the connector polls; here it has %d and polls: %v", len(about.Streams), polls)
	}
	streams := map[string]bool{}
	for _, s := range about.Streams {
		if s.Name == "" || streams[s.Name] || s.IntervalMillis <= 0 {
			t.find("stream %q has no name or no interval, or is described twice", s.Name)
		}
		streams[s.Name] = true
	}
	again, err := t.launch(ctx, launching{unopened: true, config: t.Config})
	if err != nil {
		return err
	}
	if err := again.ready(ctx); err != nil {
		t.find("a second process does not start: %v", err)
		return nil
	}
	second, err := again.Describe(ctx)
	if err != nil {
		t.find("a second process does not describe itself: %v", err)
		return nil
	}
	one, errOne := json.Marshal(about)
	two, errTwo := json.Marshal(second)
	if err := errors.Join(errOne, errTwo); err != nil {
		return err
	}
	if string(one) != string(two) {
		t.find("two processes describe themselves differently: %s and %s", brief(string(one)), brief(string(two)))
	}
	return nil
}

// tryConfiguration takes each required key away in turn.
func tryConfiguration(ctx context.Context, t *trial) error {
	raw, err := t.configured()
	if err != nil {
		return err
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(raw, &config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	s, err := t.launch(ctx, launching{unopened: true})
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		t.find("the connector does not start: %v", err)
		return nil
	}
	validate := func(config map[string]json.RawMessage, secrets map[string]string) []sdk.Diagnostic {
		raw, err := json.Marshal(config)
		if err != nil {
			t.find("%v", err)
			return nil
		}
		resp, err := s.Validate(ctx, &sdk.ValidateRequest{Config: raw, Secrets: secrets})
		t.hear(err)
		if err != nil {
			t.find("Validate gives an error instead of diagnostics: %v", err)
			return nil
		}
		t.hear(nil, resp.Diagnostics...)
		return errorsOf(resp.Diagnostics)
	}
	for _, d := range validate(config, t.Secrets) {
		t.find("a valid configuration is refused: %s %s: %s", d.Code, d.Path, d.Summary)
	}
	for _, f := range t.about.Config {
		if !f.Required {
			continue
		}
		path, fewer, fewerSecrets := "config."+f.Key, without(config, f.Key), t.Secrets
		if f.Secret {
			path, fewer, fewerSecrets = "secrets."+f.Key, config, without(t.Secrets, f.Key)
		}
		found := validate(fewer, fewerSecrets)
		i := slices.IndexFunc(found, func(d sdk.Diagnostic) bool { return d.Path == path })
		switch {
		case i < 0:
			t.find("without the required %s Validate gives no error with that path", path)
		case found[i].Code == "" || found[i].Do == "":
			t.find("the error about the missing %s has no code or does not say what to do", path)
		}
	}
	return nil
}

func errorsOf(list []sdk.Diagnostic) []sdk.Diagnostic {
	return slices.DeleteFunc(slices.Clone(list), func(d sdk.Diagnostic) bool { return d.Severity != sdk.SeverityError })
}

func without[V any](m map[string]V, key string) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// nobody is an address of this machine where nothing listens.
const nobody = "http://127.0.0.1:1"

// inOrder reports a call that failed in another way than by an error of the connector.
func (t *trial) inOrder(call string, err error) {
	t.hear(err)
	var e *host.Error
	switch {
	case err == nil:
	case !errors.As(err, &e) || e.Kind != host.ErrConnector:
		t.find("%s does not fail in order: %v", call, err)
	case e.Code == sdk.CodePanic:
		t.find("%s panics: %v", call, err)
	}
}

// tryUnreachable makes each call that has to ask the platform, where nobody answers.
func tryUnreachable(ctx context.Context, t *trial) error {
	refs, hints, writes, err := t.known(ctx)
	if err != nil || len(t.findings) > 0 {
		return err
	}
	l := launching{config: t.Config}
	if t.URLKey != "" {
		config, err := withKey(t.Config, t.URLKey, nobody)
		if err != nil {
			return err
		}
		l.config = config
	}
	s, err := t.launch(ctx, l)
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		t.find("Open fails when the platform can't be reached: %v", err)
		return nil
	}
	t.hear(nil, s.Status().Opened...)
	has := func(c sdk.Capability) bool { return slices.Contains(t.about.Capabilities, c) }
	if has(sdk.CanCheck) {
		resp, err := s.Check(ctx, &sdk.CheckRequest{})
		t.inOrder("Check", err)
		if err == nil {
			t.hear(nil, resp.Diagnostics...)
			if len(errorsOf(resp.Diagnostics)) == 0 {
				t.find("Check finds nothing wrong with a platform that is not there")
			}
		}
	}
	for _, stream := range t.about.Streams {
		_, err := s.Poll(ctx, &sdk.PollRequest{Stream: stream.Name, Since: t.now().Add(-time.Hour), Limit: page})
		t.inOrder("Poll of "+stream.Name, err)
		if err == nil {
			t.find("Poll of %s succeeds with a platform that is not there", stream.Name)
		}
	}
	if has(sdk.CanSnapshot) {
		_, err := s.Snapshot(ctx, &sdk.SnapshotRequest{Limit: page})
		t.inOrder("Snapshot", err)
		if err == nil {
			t.find("Snapshot succeeds with a platform that is not there")
		}
	}
	if has(sdk.CanDiscover) {
		_, err := s.Discover(ctx, &sdk.DiscoverRequest{})
		t.inOrder("Discover", err)
		if err == nil {
			t.find("Discover succeeds with a platform that is not there")
		}
	}
	if err := t.unreachableHooks(ctx, s); err != nil {
		return err
	}
	t.unreachableEntities(ctx, s, refs, hints, writes)
	if has(sdk.CanHealth) {
		_, err := s.Health(ctx, &sdk.HealthRequest{})
		t.inOrder("Health", err)
	}
	return nil
}

// unreachableHooks registers and unregisters at a platform that is not there.
func (t *trial) unreachableHooks(ctx context.Context, s *session) error {
	if can(sdk.CanRegister)(t.kit) != "" {
		return nil
	}
	address, err := t.hookURL()
	if err != nil {
		return err
	}
	made, err := s.Register(ctx, &sdk.RegisterRequest{URL: address})
	t.inOrder("Register", err)
	if err == nil && len(made.Created) > 0 {
		t.find("Register says that it made %v at a platform that is not there", made.Created)
	}
	gone, err := s.Unregister(ctx, &sdk.UnregisterRequest{URL: address})
	t.inOrder("Unregister", err)
	if err == nil && len(gone.Removed) > 0 {
		t.find("Unregister says that it removed %v at a platform that is not there", gone.Removed)
	}
	return nil
}

// known gives what there is to read and write, by the ids that the platform has.
func (t *trial) known(ctx context.Context) ([]canon.Ref, []sdk.ReadHint, []sdk.Write, error) {
	if t.Twin == nil {
		return nil, nil, nil, nil
	}
	s, all, err := t.filledOwn(ctx, launching{})
	if s == nil {
		return nil, nil, nil, err
	}
	refs, hints, err := readable(all)
	if err != nil || len(refs[canon.KindLevel]) == 0 {
		return nil, nil, nil, err
	}
	level, hint := refs[canon.KindLevel][0], hints[canon.KindLevel][0]
	g, _ := levelTarget(key{kind: level.Kind, id: level.ExternalID})
	g.stock.ListingID, g.stock.ProductID = hint.ListingID, hint.ProductID
	writes := []sdk.Write{t.write(g, 2, 1)}
	if sells(t.kit) == "" {
		for _, kind := range t.orderActions() {
			sale, err := t.sell(ctx, 1)
			if err != nil {
				return nil, nil, nil, err
			}
			writes = append(writes, t.action(kind, sale))
		}
	}
	return []canon.Ref{level}, []sdk.ReadHint{hint}, writes, nil
}

// unreachableEntities reads and writes at a platform that is not there: nothing is known of it, and nothing happened.
func (t *trial) unreachableEntities(ctx context.Context, s *session, refs []canon.Ref, hints []sdk.ReadHint, writes []sdk.Write) {
	if can(sdk.CanRead)(t.kit) == "" && len(refs) > 0 {
		got, err := s.readHinted(ctx, refs, hints)
		t.inOrder("Read", err)
		if len(got) > 0 {
			t.find("Read says what a platform that is not there shows, deletions maybe: return an error, or leave out what can't be read")
		}
	}
	if can(sdk.CanApply)(t.kit) != "" {
		return
	}
	for _, w := range writes {
		r, err := s.Apply(ctx, &sdk.ApplyRequest{Writes: []sdk.Write{w}})
		t.inOrder("Apply", err)
		if err == nil && claims(r.Results[0].Status) {
			t.find("Apply says %s at a platform that is not there", r.Results[0].Status)
		}
		if can(sdk.CanLookup)(t.kit) != "" {
			continue
		}
		found, err := s.Lookup(ctx, &sdk.LookupRequest{Writes: []sdk.Write{w}})
		t.inOrder("Lookup", err)
		if err == nil && found.Results[0].Status != sdk.StatusUnknown && found.Results[0].Status != sdk.StatusRetry {
			t.find("Lookup says %s of a platform that is not there, want %s", found.Results[0].Status, sdk.StatusUnknown)
		}
	}
}

// tryCheck checks a platform that is well, and that nothing changed by it.
func tryCheck(ctx context.Context, t *trial) error {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return err
	}
	s, err := t.usual(ctx)
	if s == nil {
		return err
	}
	resp, err := s.Check(ctx, &sdk.CheckRequest{})
	t.hear(err)
	if err != nil {
		t.find("Check fails: %v", err)
		return nil
	}
	t.hear(nil, resp.Diagnostics...)
	for _, d := range errorsOf(resp.Diagnostics) {
		t.find("Check has the error %s: %s", d.Code, d.Summary)
	}
	return nil
}

// tryCredentials opens the connection with secrets that the platform does not know.
func tryCredentials(ctx context.Context, t *trial) error {
	if err := t.Twin.Reset(ctx, rows); err != nil {
		return err
	}
	others := map[string]string{}
	for name := range t.Secrets {
		others[name] = "unknown-" + name
	}
	s, err := t.launch(ctx, launching{secrets: others})
	if err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		if !errors.Is(err, host.ErrConfig) { // refusing the shape of a secret is well
			t.find("with unknown credentials the connector does not get ready: %v", err)
		}
		return nil
	}
	if slices.Contains(t.about.Capabilities, sdk.CanCheck) {
		resp, err := s.Check(ctx, &sdk.CheckRequest{})
		t.inOrder("Check", err)
		if err == nil && len(errorsOf(resp.Diagnostics)) == 0 {
			t.find("Check finds nothing wrong with unknown credentials")
		}
	}
	for _, stream := range t.about.Streams {
		_, err := s.Poll(ctx, &sdk.PollRequest{Stream: stream.Name, Since: epoch(), Limit: page})
		t.inOrder("Poll of "+stream.Name, err)
		if err == nil {
			t.find("Poll of %s succeeds with unknown credentials", stream.Name)
		}
	}
	return nil
}
