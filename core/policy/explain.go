package policy

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Explanation says which rule a field group goes by, why, and, of one record, what each source states and what became of
// it.
type Explanation struct {
	Group  string   `json:"group"`  // "item.price"
	Fields []string `json:"fields"` // of the record
	// Rule is what is in force, spelled out; nil for what is not a matter of policy.
	Rule *canon.PolicyRule `json:"rule,omitempty"`
	// Own tells that the rule is from the policy; otherwise it is the default.
	Own bool `json:"own,omitempty"`
	// Order is the connections in the order in which they are believed where they state something.
	Order []string `json:"order,omitempty"`
	Why   []string `json:"why"` // in sentences
	// Of one record.
	Record  string          `json:"record,omitempty"` // golden id
	Value   json.RawMessage `json:"value,omitempty"`  // of the record
	Sources []SourceShown   `json:"sources,omitempty"`
	Case    string          `json:"case,omitempty"` // the open case that asks a person
	// Hidden tells that values were left out because the asking role may not see them.
	Hidden bool `json:"hidden,omitempty"`
}

// SourceShown is what one source states of a field group.
type SourceShown struct {
	Connection string          `json:"connection"`
	ExternalID string          `json:"external_id"`
	Node       string          `json:"node"`
	Value      json.RawMessage `json:"value,omitempty"`
	Role       Role            `json:"role" enum:"counts,agrees,differs,states none,left out"`
	Why        string          `json:"why"`
}

// Class is who may see the values of a group beside everyone's: empty, cost or personal.
func (e *Explanation) Class() string {
	g, _ := Find(e.Group)
	return g.Class
}

// Hide leaves the values out.
func (e *Explanation) Hide() {
	e.Value, e.Hidden = nil, true
	for i := range e.Sources {
		e.Sources[i].Value = nil
	}
}

// Explain says which rule a group goes by. Connections are the configured ones in the default order of the entity.
func (s *Set) Explain(g Group, connections []string) *Explanation {
	e := &Explanation{Group: g.Full(), Fields: g.Fields}
	if len(g.Allowed) == 0 {
		e.Why = []string{sentence(g.Elsewhere)}
		return e
	}
	r, own := s.Effective(g)
	e.Rule, e.Own = &r, own
	if own {
		e.Why = append(e.Why, fmt.Sprintf("The policy has a rule for %s.", e.Group))
	} else {
		e.Why = append(e.Why, fmt.Sprintf("The policy has no rule for %s: the default is in force.", e.Group))
	}
	e.Why = append(e.Why, how(&r, g))
	if r.Policy != canon.PolicyIgnore {
		e.Order = order(&r, g, connections)
		if len(r.Authority) > 0 {
			if r.Others == canon.OthersIgnore {
				e.Why = append(e.Why, "Connections that are not named do not count.")
			} else {
				e.Why = append(e.Why, "Connections that are not named come after those that are.")
			}
		}
	}
	if r.Policy == canon.PolicyAuthority || r.Policy == canon.PolicyFirst {
		if r.Losing == canon.LosingCase {
			e.Why = append(e.Why, "A value that does not count stays in its binding; a case is open for as long as it differs from the one that counts.")
		} else {
			e.Why = append(e.Why, "A value that does not count stays in its binding.")
		}
	}
	switch written, over := s.Writes(g.Full()); {
	case !written:
		return e.say("The hub writes it to no platform.")
	case over:
		return e.say("The hub writes it to the listings that a publish rule has it update, over what they show.")
	default:
		return e.say("The hub writes it to the listings that a publish rule has it update, where they show none.")
	}
}

func how(r *canon.PolicyRule, g Group) string {
	switch r.Policy {
	case canon.PolicyAuthority:
		return "The first connection in the order of authority that states a value counts."
	case canon.PolicyAdditive:
		switch g.Full() {
		case "item.price":
			return "What each connection asks is kept beside the others'."
		case "item.attributes", "product.attributes":
			return "All connections' attributes are put together; of one code the first in the order of authority counts, unless the code takes several values."
		}
		return "What all connections state is put together."
	case canon.PolicyFirst:
		return "The source that made its record first, by its own word, counts; of those that do not say, the one with the smallest node id."
	case canon.PolicyRestrictive:
		return "The value that allows least counts, whoever states it."
	case canon.PolicyIgnore:
		return "No connection's value is taken: the field stays empty."
	}
	return ""
}

// order gives the connections in the order in which the rule believes them; none where the order does not matter.
func order(r *canon.PolicyRule, g Group, connections []string) []string {
	if r.Policy == canon.PolicyFirst {
		return nil
	}
	if g.Entity == Product && len(r.Authority) == 0 {
		return nil // peers
	}
	var out []string
	out = append(out, r.Authority...)
	if r.Others == canon.OthersIgnore {
		return out
	}
	for _, c := range connections {
		if rank(r, c) == len(r.Authority) {
			out = append(out, c)
		}
	}
	return out
}

// Show adds what each source states to an explanation. names gives each statement's external id.
func (e *Explanation) Show(stated []Statement, externalIDs []string) error {
	if e.Rule == nil {
		return nil
	}
	d := Decide(e.Rule, stated)
	for i := range stated {
		shown := SourceShown{Connection: stated[i].Connection, Node: stated[i].Node, ExternalID: externalIDs[i], Role: d.Roles[i]}
		if stated[i].Value != nil {
			raw, err := json.Marshal(stated[i].Value)
			if err != nil {
				return fmt.Errorf("policy: show what %s states of %s: %w", stated[i].Connection, e.Group, err)
			}
			shown.Value = raw
		}
		shown.Why = e.why(&d, i, stated)
		e.Sources = append(e.Sources, shown)
	}
	return nil
}

func (e *Explanation) why(d *Decision, i int, stated []Statement) string {
	r := e.Rule
	switch d.Roles[i] {
	case LeftOut:
		if r.Policy == canon.PolicyIgnore {
			return "the field is ignored"
		}
		return "the rule does not name it"
	case Silent:
		return "it states none"
	case Agrees:
		return "it states nothing else than " + stated[d.Counts[0]].Connection
	case Differs:
		return "it states something else than " + stated[d.Counts[0]].Connection + ", which comes before it"
	}
	switch r.Policy {
	case canon.PolicyAuthority:
		return "it is the first in the order that states a value"
	case canon.PolicyFirst:
		if stated[i].Created.IsZero() {
			return "no source says when it made its record; it has the smallest node id"
		}
		return "it made its record first, at " + stated[i].Created.UTC().Format("2006-01-02T15:04:05Z")
	case canon.PolicyRestrictive:
		if d.Counts[0] == i {
			return "nothing that allows less is stated"
		}
		return "it is taken where it allows less"
	}
	return "it is put together with the others'"
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
