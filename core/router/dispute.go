package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/policy"
)

// asks reports whether a rule asks a person about values that lose.
func asks(r *canon.PolicyRule) bool { return r.Losing == canon.LosingCase }

// disputedBefore gives the groups that an item had open cases about.
func disputedBefore(before *canon.Item) []string {
	if before == nil {
		return nil
	}
	return before.Disputed
}

// dispute opens a case for each group in which sources differ now, and closes those of groups in which they did before
// and do not any longer. It gives the names of the groups, sorted.
func (f *fold) dispute(typ, id string, before []string, now []dispute) ([]string, error) {
	var names []string
	for i := range now {
		_, name, _ := strings.Cut(now[i].group, ".")
		names = append(names, name)
		if err := f.openCase(now[i].asCase(typ, id, name)); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	for _, name := range before {
		if slices.Contains(names, name) {
			continue
		}
		if err := f.closeCase(fieldCaseID(typ, id, name), "the sources agree, or the policy asks nobody any longer"); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func fieldCaseID(typ, id, name string) string {
	return lifecycle.CaseID(canon.CaseField, typ+"/"+id+"/"+name)
}

// maxShown is how many bytes of a value stand in a case.
const maxShown = 200

// asCase says who states what. Values that not everybody may see are left out (invariant 7): a case is for every role.
func (d *dispute) asCase(typ, id, name string) *canon.Case {
	g, _ := policy.Find(d.group)
	counts := &d.stated[d.counts]
	var others []string
	evidence := []canon.Evidence{{Connection: counts.Connection, Text: "states the value that counts" + shownOf(&g, counts)}}
	for _, i := range d.losing {
		s := &d.stated[i]
		if !slices.Contains(others, s.Connection) {
			others = append(others, s.Connection)
		}
		evidence = append(evidence, canon.Evidence{Connection: s.Connection, Text: "states another" + shownOf(&g, s)})
	}
	slices.Sort(others)
	return &canon.Case{
		ID: fieldCaseID(typ, id, name), Kind: canon.CaseField, Open: true, Subject: id, Evidence: evidence,
		Summary: fmt.Sprintf("%s: %s says otherwise than %s, whose word counts; correct it there, or change the policy", d.group, strings.Join(others, ", "), counts.Connection),
	}
}

func shownOf(g *policy.Group, s *policy.Statement) string {
	if g.Class != "" {
		return ", of listing or account " + s.Node
	}
	raw, err := json.MarshalWithOption(s.Value, json.DisableHTMLEscape())
	if err != nil {
		return ""
	}
	text := string(raw)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return ", " + text + ", of " + s.Node
}
