package console

import (
	"net/url"
	"strings"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/policy"
)

// policyShown is the data of the page of the policy.
type policyShown struct {
	Policy    api.PolicyShown
	Group, ID string
	Explained *policy.Explanation
}

// Entities are the kinds of record that have rules, in the order in which their groups come.
func (d *policyShown) Entities() []string {
	var out []string
	for _, g := range d.Policy.Rules {
		if entity, _, _ := strings.Cut(g.Group, "."); len(out) == 0 || out[len(out)-1] != entity {
			out = append(out, entity)
		}
	}
	return out
}

// Of gives the groups of a kind of record.
func (d *policyShown) Of(entity string) []api.PolicyGroup {
	var out []api.PolicyGroup
	for _, g := range d.Policy.Rules {
		if strings.HasPrefix(g.Group, entity+".") {
			out = append(out, g)
		}
	}
	return out
}

func (k *Console) policy(r *request) error {
	d := policyShown{Group: r.query("group"), ID: r.query("id")}
	var err error
	if d.Policy, err = ask[api.PolicyShown](r, route("policy"), nil); err != nil {
		return err
	}
	if d.Group != "" {
		q := url.Values{"group": {d.Group}}
		if d.ID != "" {
			q.Set("id", d.ID)
		}
		if d.Explained, err = ask[*policy.Explanation](r, route("policy", "explain"), q); err != nil {
			return err
		}
	}
	return r.render("policy", r.words().say("nav.policy"), &d)
}
