package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// planned computes what a policy would change, with its digest.
func planned(ctx context.Context, v store.View, s *canon.Settings, p *canon.Policy) (*router.SettingsPlan, error) {
	before := s.Policy
	s.Policy = policy.Normal(p)
	plan, err := router.PlanSettings(ctx, v, s)
	if err != nil {
		return nil, err
	}
	plan.Digest, err = router.PolicyDigest(before, s.Policy, plan)
	return plan, err
}

// PolicyToApply is the body of putting a policy into force.
type PolicyToApply struct {
	PolicyAsked
	Digest string `json:"digest" minLength:"1" maxLength:"64" doc:"Of the plan that was looked at"`
}

// Applied says whether a policy is another than the one that was in force.
type Applied struct {
	Applied bool `json:"applied"`
}

// policyApply puts a policy into force whose plan was looked at.
func (a *API) policyApply(c *fiber.Ctx, who access.Principal) error {
	asked, err := read[PolicyToApply](a, c)
	if err != nil {
		return err
	}
	p := &canon.Policy{Rules: asked.Rules, Publish: asked.Publish, Approvals: asked.Approvals}
	ask := &canon.ApplyPolicy{Policy: p, Digest: asked.Digest}
	carried, err := a.carriedOut(c, who)
	if err != nil {
		return err
	}
	if carried {
		ask.Plan = ask.Digest // the fold repeats its answer
	} else if ask.Plan, err = a.planDigest(p); err != nil {
		return err
	}
	return do[Applied](a, c, who, canon.Command{Role: string(who.Role), ApplyPolicy: ask}, nil)
}

// planDigest gives the digest of what a policy would change now; empty for one that can't be used, which the fold refuses.
func (a *API) planDigest(p *canon.Policy) (digest string, err error) {
	ctx, cancel := context.WithTimeout(a.ctx, planDeadline)
	defer cancel()
	err = a.look(func(v store.View) error {
		s, err := settingsIn(v)
		if err != nil {
			return err
		}
		names := make([]string, len(s.Connections))
		for i := range s.Connections {
			names[i] = s.Connections[i].Name
		}
		if len(policy.Check(p, names)) > 0 {
			return nil
		}
		plan, err := planned(ctx, v, s, p)
		if err == nil {
			digest = plan.Digest
		}
		return err
	})
	return digest, err
}
