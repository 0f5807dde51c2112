package policy

import (
	"cmp"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
)

// Set is the rules in force, ready to be asked. The zero value, and nil, are the defaults.
type Set struct {
	rules   map[string]*canon.PolicyRule // by entity + "." + group
	publish map[string]*canon.PublishRule

	approvals *canon.ApprovalRule
}

// Approvals gives which commands take a second person; nil for none.
func (s *Set) Approvals() *canon.ApprovalRule {
	if s == nil {
		return nil
	}
	return s.approvals
}

// Compile prepares a policy; nil stands for the defaults.
func Compile(p *canon.Policy) *Set {
	s := &Set{}
	if p == nil {
		return s
	}
	s.approvals = p.Approvals
	s.rules = make(map[string]*canon.PolicyRule, len(p.Rules))
	for i := range p.Rules {
		r := p.Rules[i]
		s.rules[r.Entity+"."+r.Group] = &r
	}
	s.publish = make(map[string]*canon.PublishRule, len(p.Publish))
	for i := range p.Publish {
		r := p.Publish[i]
		s.publish[r.Connection] = &r
	}
	return s
}

// Own gives the rule of a group by its full name; nil where it goes by the default. It costs a look-up: the fold asks for
// every group of every record.
func (s *Set) Own(full string) *canon.PolicyRule {
	if s == nil || len(s.rules) == 0 {
		return nil
	}
	return s.rules[full]
}

// Effective gives the rule of a group with everything spelled out; own tells that it is not the default.
func (s *Set) Effective(g Group) (r canon.PolicyRule, own bool) {
	r = canon.PolicyRule{Entity: g.Entity, Group: g.Name, Policy: g.Default()}
	if rule := s.Own(g.Full()); rule != nil {
		r, own = *rule, true
	}
	if len(g.Allowed) > 0 {
		r.Others = cmp.Or(r.Others, canon.OthersAfter)
		r.Losing = cmp.Or(r.Losing, canon.LosingKeep)
		r.Direction = cmp.Or(r.Direction, canon.DirectionIn)
	}
	return r, own
}

// Publishes gives what the hub may do to listings of a connection. Invariant 9: without a rule it is nothing.
func (s *Set) Publishes(connection string) canon.PublishRule {
	r := canon.PublishRule{Connection: connection}
	if s != nil && s.publish[connection] != nil {
		r = *s.publish[connection]
	}
	r.Create = cmp.Or(r.Create, canon.PublishNone)
	r.Update = cmp.Or(r.Update, canon.PublishNone)
	r.Unpublish = cmp.Or(r.Unpublish, canon.PublishNone)
	return r
}

// Normal gives a policy in its journaled form: sorted, without what says nothing but the default, and nil where nothing
// is left, so that equal policies are equal bytes. It must be one that Check finds nothing wrong with.
func Normal(p *canon.Policy) *canon.Policy {
	if p == nil {
		return nil
	}
	var out canon.Policy
	for _, r := range p.Rules {
		g, known := Find(r.Entity + "." + r.Group)
		if r.Others == canon.OthersAfter {
			r.Others = ""
		}
		if r.Losing == canon.LosingKeep {
			r.Losing = ""
		}
		if r.Direction == canon.DirectionIn {
			r.Direction = ""
		}
		if known && r.Policy == g.Default() && len(r.Authority) == 0 && r.Losing == "" && r.Direction == "" {
			continue
		}
		out.Rules = append(out.Rules, r)
	}
	slices.SortFunc(out.Rules, func(a, b canon.PolicyRule) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Group, b.Group))
	})
	for _, r := range p.Publish {
		if onlyNone(r) {
			continue
		}
		out.Publish = append(out.Publish, normalPublish(r))
	}
	slices.SortFunc(out.Publish, func(a, b canon.PublishRule) int { return cmp.Compare(a.Connection, b.Connection) })
	if a := p.Approvals; a != nil && len(a.Commands) > 0 {
		own := canon.ApprovalRule{Commands: slices.Compact(slices.Sorted(slices.Values(a.Commands))), Seconds: a.Seconds}
		out.Approvals = &own
	}
	if len(out.Rules) == 0 && len(out.Publish) == 0 && out.Approvals == nil {
		return nil
	}
	return &out
}

// normalPublish leaves out of a publish rule what says nothing but the default, and sorts what has no order.
func normalPublish(r canon.PublishRule) canon.PublishRule {
	for _, p := range []*canon.Publish{&r.Create, &r.Update, &r.Unpublish} {
		if *p == canon.PublishNone {
			*p = ""
		}
	}
	r.Hide = slices.Compact(slices.Sorted(slices.Values(r.Hide)))
	if slices.Equal(r.Hide, canon.HideDefault()) {
		r.Hide = nil
	}
	if r.Deleted == canon.DeletedCase {
		r.Deleted = ""
	}
	return r
}

func onlyNone(r canon.PublishRule) bool {
	for _, p := range []canon.Publish{r.Create, r.Update, r.Unpublish} {
		if p != "" && p != canon.PublishNone {
			return false
		}
	}
	return true
}
