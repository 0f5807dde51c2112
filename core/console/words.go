package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/report"
	"github.com/jumpring/jumpring/core/search"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// recordFunctions are how pages write the parts of records.
func (v *view) recordFunctions(into template.FuncMap) template.FuncMap {
	maps.Copy(into, template.FuncMap{
		"name": func(c canon.Client) string { return nameOf(&c) }, "metal": v.metal, "attribute": attributeText, "component": componentText, "address": addressText,
		"proposal": v.proposal, "caseaction": v.caseAction, "diagnostic": diagnosticText, "rowerror": rowErrorText,
		"minor": func(n int64, currency string) canon.Money { return canon.Money{Minor: n, Currency: currency} },
		"sorts": func() []string { return []string{"relevance", "price", "-price", "carat", "-carat", "newest"} },
		"modes": func() []string { return []string{"shadow", "observe"} },
		"actor": actorText, "entitylink": v.entityLink, "recordlink": recordLink, "amount": v.amount,
		"facet":       v.facet,
		"hascurrency": report.HasCurrency, "column": v.columnOf, "reportkey": func(a report.Answer, key string) string { return v.keyOf(&a, key) },
		"group": v.group, "headtext": headText, "shorthash": func(s string) string { return s[:min(len(s), 16)] }, "eventwords": v.eventWords,
		"otheraccount": otherAccount, "int64": func(n int) int64 { return int64(n) },
		"act": func(csrf, action, to, class, label string) actShown { return actShown{csrf, action, to, class, label} },
		"rolefield": func(id, role, location string, roles []api.RoleShown, places []string) roleField {
			return roleField{id, role, location, roles, places}
		},
	})
	return into
}

// actShown is a form that is one button.
type actShown struct{ CSRF, Action, To, Class, Label string }

// roleField is the choice of a role and a location.
type roleField struct {
	ID, Role, Location string
	Roles              []api.RoleShown
	Places             []string
}

func (v *view) metal(m *canon.Metal) string {
	parts := []string{}
	if k := m.Karat(); k > 0 {
		parts = append(parts, fmt.Sprintf("%d k", k))
	} else if m.Fineness > 0 {
		parts = append(parts, fmt.Sprintf("%d ‰", m.Fineness))
	}
	if m.Colour != "" {
		parts = append(parts, v.words.word("colour", m.Colour))
	}
	if m.Kind != "" {
		parts = append(parts, v.words.word("metal", m.Kind))
	}
	if len(parts) == 0 {
		return m.Raw
	}
	return strings.Join(parts, " ")
}

// actorText names who did something: a person or a token by name, a connection without what says that it is one.
func actorText(actor string) string { return strings.TrimPrefix(actor, "connection:") }

// linked is what a row is about: where its page is, where it has one, and what it is called.
type linked struct{ Path, Text string }

// entityLink gives the page of what a row of the timeline is about.
func (v *view) entityLink(r api.NamedRow) linked {
	text := r.Name
	switch r.Type {
	case "item", "client", "order":
		if text == "" {
			text = r.Entity
		}
		return linked{consolePath(r.Type+"s", r.Entity), text}
	case "case":
		return linked{consolePath("cases", r.Entity), v.words.word("type", "case")}
	case "connection", "parked":
		_, id, _ := strings.Cut(r.Entity, ":")
		if r.Type == "parked" {
			return linked{consolePath("parked", id), v.words.say("nav.parked") + " " + id}
		}
		return linked{consolePath("connections", id), id}
	}
	return linked{"", r.Entity}
}

// recordLink gives the page of a record by its id; empty where it has none.
func recordLink(id string) string {
	for prefix, page := range map[string]string{"itm_": "items", "cli_": "clients", "ord_": "orders", "cas_": "cases"} {
		if strings.HasPrefix(id, prefix) {
			return consolePath(page, id)
		}
	}
	return ""
}

// facet says what a facet of a search is about, in a word where the catalogue has one.
func (v *view) facet(f search.Facet) string {
	if text, ok := v.words["facet."+f.Field]; ok {
		return text
	}
	return f.What
}

// group says what a field group of the policy is called.
func (v *view) group(full string) string {
	_, name, _ := strings.Cut(full, ".")
	return v.words.word("group", name)
}

// headText says who brought an entry of the journal, for whom, and what led to it.
func headText(raw json.RawMessage) string {
	var h canon.Head
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	parts := []string{}
	for _, p := range []string{actorText(h.Actor), h.Connection} {
		if p != "" && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if !h.Cause.IsZero() {
		parts = append(parts, "← "+h.Cause.String())
	}
	return strings.Join(parts, " · ")
}

// eventWords are the words for what happens, for rows that come by themselves.
func (v *view) eventWords() string {
	words := map[string]string{}
	for key, text := range v.words {
		if kind, code, _ := strings.Cut(key, "."); kind == "event" || kind == "case" && !strings.Contains(code, ".") {
			words[key] = text
		}
	}
	raw, err := json.Marshal(words)
	if err != nil {
		return "{}" // strings always encode
	}
	return string(raw)
}

func attributeText(a canon.Attribute) string { return strings.TrimSpace(a.Value + " " + a.Unit) }

func componentText(c canon.Component) string {
	return strings.TrimSpace(string(c.Kind) + " " + strings.Join(c.Keys, ", ") + " " + c.Raw)
}

func addressText(a canon.Address) string {
	var parts []string
	for _, p := range []string{a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City), a.Region, a.Country} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// proposal says what a decision would do, in the page's language where its kind says enough.
func (v *view) proposal(p canon.Proposal) string {
	about := p.ID
	if _, claim, ok := strings.Cut(p.ID, ":"); ok {
		about = claim
	}
	for _, key := range []string{"proposal." + p.ID, "proposal." + p.Kind} {
		if words, ok := v.words[key]; ok && strings.Contains(words, "%s") {
			return v.words.say(key, about)
		} else if ok {
			return words
		}
	}
	return p.Text
}

func (v *view) caseAction(a canon.CaseAction) string {
	out := v.words.word("action", a.Kind) + " " + a.Connection + " " + a.Number + " · " + v.words.word("actionstate", a.State)
	if a.Amount != nil {
		out += " · " + a.Amount.Amount + " " + a.Amount.Currency
	}
	return strings.TrimSpace(out + " " + a.Detail)
}

func diagnosticText(d sdk.Diagnostic) string {
	return strings.TrimSpace(d.Summary + " " + d.Do + " (" + strings.TrimSpace(d.Code+" "+d.Path) + ")")
}

func rowErrorText(e sdk.RowError) string { return e.Place + ": " + e.Reason }

// otherAccount gives the node of an account that one is parted from: the client's first, or its second for the first.
func otherAccount(all []canon.Account, i int) string {
	if i == 0 && len(all) > 1 {
		return all[1].Node
	}
	return all[0].Node
}
