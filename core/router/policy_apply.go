package router

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// PolicyDigest names what a plan says of a policy: the policy in its journaled form, that in force, and what would change. Two
// plans of one digest are the same decision, whenever they were made.
func PolicyDigest(before, after *canon.Policy, plan *SettingsPlan) (string, error) {
	named := *plan
	named.Position, named.Digest = canon.Position{}, ""
	raw, err := json.Marshal([]any{policy.Normal(before), policy.Normal(after), named})
	if err != nil {
		return "", fmt.Errorf("router: digest of a policy: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16]), nil
}

// applyPolicy puts a policy into force whose plan a person looked at. The records are computed again page by page, as after
// a restart with another configuration.
func (f *fold) applyPolicy(p *canon.ApplyPolicy) (*canon.Outcome, error) {
	names := make([]string, len(f.settings.Connections))
	for i := range f.settings.Connections {
		names[i] = f.settings.Connections[i].Name
	}
	if found := policy.Check(p.Policy, names); len(found) > 0 {
		return refuse(422, "policy.invalid", "%s", found[0].String()), nil
	}
	if p.Digest == "" || p.Digest != p.Plan {
		return refuse(409, "policy.stale", "what the policy would change is not what was looked at: run `jumpring policy plan` again and apply its digest"), nil
	}
	s := *f.settings
	s.Policy = policy.Normal(p.Policy)
	changes, err := policyChange(f.settings.Policy, s.Policy)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return done(200, map[string]bool{"applied": false})
	}
	if err := f.use(&s); err != nil {
		return nil, err
	}
	if err := f.save(store.KeySettings, s); err != nil {
		return nil, err
	}
	if err := f.save(keyRefresh, f.f.pos); err != nil {
		return nil, err
	}
	f.out.Settings = true
	if err := f.row(canon.Row{Entity: "settings", Type: "settings", Event: "settings.changed", Changes: changes}); err != nil {
		return nil, err
	}
	return done(200, map[string]bool{"applied": true})
}
