package router

import (
	"maps"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
)

// fieldGroup is fields of a golden record R that are made up of sources S by one rule of the policy.
type fieldGroup[R any, S voiced] struct {
	full string // as core/policy names it
	// take puts what a source states into the record. Given several sources, it keeps the first or puts all together.
	take func(f *fold, into *R, from S, flags map[string]bool)
	// value is what stands in the record; nil for nothing. means is what is compared of it, where that is not the same.
	value, means func(r *R) any
	// restricts is how much it restricts, of groups that can go by the most restrictive.
	restricts func(r *R) int
}

// voiced is what states values.
type voiced interface{ voice() policy.Source }

// dispute is a field group in which sources differ and whose rule asks a person.
type dispute struct {
	group  string
	stated []policy.Statement
	counts int // the place of the one that counts
	losing []int
}

// compose makes a record up of its sources, which come in the default order. Groups without a rule of their own, which
// are most, cost no more than taking their values.
func compose[R any, S voiced](f *fold, groups []fieldGroup[R, S], into *R, sources []S, flags map[string]bool) []dispute {
	var disputes []dispute
	for i := range groups {
		g := &groups[i]
		rule := f.policy.Own(g.full)
		if rule == nil {
			for _, s := range sources {
				g.take(f, into, s, flags)
			}
			continue
		}
		sources := unmuted(f, rule, sources)
		stated, unread := g.stated(f, sources)
		d := policy.Decide(rule, stated)
		for k, role := range d.Roles {
			if role != policy.LeftOut { // what nobody wants to know need not be readable
				maps.Copy(flags, unread[k])
			}
		}
		for _, k := range d.Counts {
			g.take(f, into, sources[k], map[string]bool{})
		}
		if losing := d.Losing(); len(losing) > 0 && asks(rule) {
			disputes = append(disputes, dispute{group: g.full, stated: stated, counts: d.Counts[0], losing: losing})
		}
	}
	return disputes
}

// unmuted leaves out the sources that the group only goes out to.
func unmuted[S voiced](f *fold, rule *canon.PolicyRule, sources []S) []S {
	if rule == nil || rule.Direction != canon.DirectionOut {
		return sources
	}
	out := make([]S, 0, len(sources))
	for _, s := range sources {
		if !f.policy.Mute(rule, s.voice().Connection) {
			out = append(out, s)
		}
	}
	return out
}

// stated gives what each source states of a group by itself, and what could not be read of it.
func (g *fieldGroup[R, S]) stated(f *fold, sources []S) ([]policy.Statement, []map[string]bool) {
	out, unread := make([]policy.Statement, len(sources)), make([]map[string]bool, len(sources))
	for i, s := range sources {
		var alone R
		unread[i] = make(map[string]bool)
		g.take(f, &alone, s, unread[i])
		out[i] = policy.Statement{Source: s.voice(), Value: g.value(&alone)}
		if g.means != nil && out[i].Value != nil {
			out[i].Means = g.means(&alone)
		}
		if g.restricts != nil {
			out[i].Restricts = g.restricts(&alone)
		}
	}
	return out, unread
}

// text is a group of one field of text.
func text[R any, S voiced](entity, name string, field func(r *R) *string, state func(s S) string) fieldGroup[R, S] {
	return fieldGroup[R, S]{
		full: entity + "." + name, value: func(r *R) any { return orNil(*field(r)) },
		take: func(_ *fold, into *R, from S, _ map[string]bool) { first(field(into), state(from)) },
	}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func listOrNil[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func pointerOrNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}
