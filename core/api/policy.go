package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// planDeadline is how long the records of the hub are computed under another policy before it is given up.
const planDeadline = 100 * time.Second

// PolicyShown is the policy in force, spelled out.
type PolicyShown struct {
	Rules     []PolicyGroup       `json:"rules" doc:"Every field group, with the rule that it goes by"`
	Publish   []canon.PublishRule `json:"publish" doc:"What the hub may do to listings, by connection"`
	Approvals *canon.ApprovalRule `json:"approvals,omitempty" doc:"The commands that take a second person"`
	// Refreshing tells that records are being computed again under it.
	Refreshing bool `json:"refreshing,omitempty" doc:"Records are still being computed again under it"`
}

// PolicyGroup is a field group and its rule.
type PolicyGroup struct {
	Group string           `json:"group"`
	Own   bool             `json:"own,omitempty" doc:"The rule is from the policy, not the default"`
	Rule  canon.PolicyRule `json:"rule"`
}

// PolicyAsked is the body of planning a policy.
type PolicyAsked struct {
	Rules   []canon.PolicyRule  `json:"rules,omitempty" maxItems:"200"`
	Publish []canon.PublishRule `json:"publish,omitempty" maxItems:"500"`
	// Approvals are the commands that take a second person.
	Approvals *canon.ApprovalRule `json:"approvals,omitempty" doc:"The commands that take a second person"`
}

func (a *API) policyShown(c *fiber.Ctx, _ access.Principal) error {
	return a.look(func(v store.View) error {
		s, err := settingsIn(v)
		if err != nil {
			return err
		}
		set := policy.Compile(s.Policy)
		out := PolicyShown{Rules: []PolicyGroup{}, Publish: []canon.PublishRule{}, Approvals: set.Approvals()}
		for _, g := range policy.Groups() {
			if len(g.Allowed) > 0 {
				rule, own := set.Effective(g)
				out.Rules = append(out.Rules, PolicyGroup{Group: g.Full(), Own: own, Rule: rule})
			}
		}
		for i := range s.Connections {
			out.Publish = append(out.Publish, set.Publishes(s.Connections[i].Name))
		}
		if out.Refreshing, err = router.RefreshPending(v); err != nil {
			return err
		}
		return c.JSON(out)
	})
}

func (a *API) policyExplain(c *fiber.Ctx, who access.Principal) error {
	group, id := query(c, "group"), query(c, "id")
	return a.look(func(v store.View) error {
		e, err := router.Explain(v, group, id)
		switch {
		case errors.Is(err, router.ErrNoGroup):
			return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query.group", Message: "is no field group; the groups are " + strings.Join(groupNames(), ", ")})
		case errors.Is(err, router.ErrNoRecord):
			return problem.New(problem.RecordUnknown, "")
		case err != nil:
			return err
		}
		if class := e.Class(); class != "" && !who.Sees(access.Class(class)) { // Invariant 7
			e.Hide()
		}
		return c.JSON(e)
	})
}

// policyPlan computes what another policy would change, and writes nothing.
func (a *API) policyPlan(c *fiber.Ctx, who access.Principal) error {
	asked, err := read[PolicyAsked](a, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, planDeadline)
	defer cancel()
	return a.look(func(v store.View) error {
		s, err := settingsIn(v)
		if err != nil {
			return err
		}
		names := make([]string, len(s.Connections))
		for i := range s.Connections {
			names[i] = s.Connections[i].Name
		}
		p := &canon.Policy{Rules: asked.Rules, Publish: asked.Publish, Approvals: asked.Approvals}
		if found := policy.Check(p, names); len(found) > 0 {
			bad := problem.New(problem.PolicyInvalid, "")
			for _, f := range found {
				bad = bad.With(problem.Field{Path: f.Path, Message: strings.TrimSuffix(f.What+"; "+f.Do, "; ")})
			}
			return bad
		}
		plan, err := planned(ctx, v, s, p)
		if err != nil {
			return err
		}
		return show(c, who, plan)
	})
}

// settingsIn gives the settings in force, which may be changed.
func settingsIn(v store.View) (*canon.Settings, error) {
	s, err := store.Load[canon.Settings](v, store.KeySettings)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	if s == nil {
		s = &canon.Settings{}
	}
	return s, nil
}

func groupNames() []string {
	var out []string
	for _, g := range policy.Groups() {
		out = append(out, g.Full())
	}
	slices.Sort(out)
	return out
}
