package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
)

// TestAGroupOfDelicateFieldsIsDelicate holds that the class of a field group is that of its fields (invariant 7): values of
// the others stand in cases, which every role sees.
func TestAGroupOfDelicateFieldsIsDelicate(t *testing.T) {
	hidden := map[string]func(role access.Sight, field string) bool{
		policy.Item: access.FieldHidden[canon.Item], policy.Product: access.FieldHidden[canon.Product], policy.Client: access.FieldHidden[canon.Client],
	}
	for _, g := range policy.Groups() {
		for _, role := range access.Roles() {
			delicate := false
			for _, field := range g.Fields {
				delicate = delicate || hidden[g.Entity](role.Sight(), field)
			}
			require.Equal(t, delicate, g.Class != "" && !role.Sees(access.Class(g.Class)), "%s for %s", g.Full(), role)
		}
	}
}

func TestAPolicyIsShownAndExplained(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	shown := h.ask(access.RoleManager, "GET", "/v1/policy", "")
	require.Equal(t, 200, shown.status, shown.body)
	require.Contains(t, shown.body, `{"group":"item.price","rule":{"entity":"item","group":"price","policy":"additive","others":"after","losing":"keep","direction":"in"}}`)
	require.Contains(t, shown.body, `{"connection":"web-eu","create":"none","update":"none","unpublish":"none"}`)
	require.Equal(t, 403, h.ask(access.RoleTill, "GET", "/v1/policy", "").status)

	ring := h.ring()
	title := h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.title&id="+ring, "")
	require.Equal(t, 200, title.status, title.body)
	require.Equal(t, "Solitaire ring", title.json(t, "value"))
	require.Contains(t, title.body, `"role":"counts","why":"it is the first in the order that states a value"`)
	require.Contains(t, title.body, `"role":"differs","why":"it states something else than till-file, which comes before it"`)
	require.Equal(t, []any{"till-file", "web-eu", "shop"}, title.json(t, "order"))
	cost := h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.cost&id="+ring, "")
	require.Contains(t, cost.body, "90000", "a manager sees costs")
	require.Equal(t, 200, h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.stock", "").status)
	require.Equal(t, "parameter.invalid", h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.colour", "").json(t, "code"))
	require.Equal(t, "record.unknown", h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.title&id=itm_none", "").json(t, "code"))
	require.Equal(t, 403, h.ask(access.RoleRead, "GET", "/v1/policy/explain?group=item.title", "").status)
}

func TestAPlanOfAPolicyWritesNothing(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	before := h.journal.End()
	plan := h.ask(access.RoleManager, "POST", "/v1/policy/plan", `{"rules":[{"entity":"item","group":"title","policy":"authority","authority":["web-eu"],"losing":"case"}]}`)
	require.Equal(t, 200, plan.status, plan.body)
	require.Contains(t, plan.body, `{"type":"item","all":2,"changed":1,"fields":[{"field":"disputed","records":1},{"field":"title","records":1}]}`)
	require.EqualValues(t, 1, plan.json(t, "cases_opened"))
	require.Equal(t, before, h.journal.End())
	require.Equal(t, "Solitaire ring", h.ask(access.RoleManager, "GET", "/v1/items/"+h.ring(), "").json(t, "title"))
	require.Equal(t, true, h.ask(access.RoleManager, "POST", "/v1/policy/plan", `{}`).json(t, "same"))

	bad := h.ask(access.RoleManager, "POST", "/v1/policy/plan", `{"rules":[{"entity":"item","group":"title","policy":"authority","authority":["nobody"]},{"entity":"item","group":"price","policy":"authority","losing":"write_back"}],"publish":[{"connection":"nowhere","create":"all"}]}`)
	require.Equal(t, "policy.invalid", bad.json(t, "code"))
	require.Contains(t, bad.body, "item.title.authority[0]")
	require.Contains(t, bad.body, "write_back where values only come in")
	require.Contains(t, bad.body, "publish.nowhere")
	require.Equal(t, 403, h.ask(access.RoleTill, "POST", "/v1/policy/plan", `{}`).status)
}

func TestACaseAboutAFieldIsListedAndHasNoProposal(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	s := settings()
	s.Policy = &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web-eu"}, Losing: canon.LosingCase}}}
	h.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	h.entry(canon.EntryRefresh, canon.Head{Actor: "hub"}, canon.Refresh{Items: []string{h.ring()}, Done: true})
	cases := h.ask(access.RoleRead, "GET", "/v1/cases?kind=field", "")
	require.Contains(t, cases.body, "item.title: till-file says otherwise than web-eu")
	id := cases.json(t, "items").([]any)[0].(map[string]any)["id"].(string)
	require.Equal(t, "case.proposal", h.ask(access.RoleManager, "POST", "/v1/cases/"+id+"/resolve", `{"proposal":"keep:x"}`).json(t, "code"))
	require.Equal(t, id, h.ask(access.RoleManager, "GET", "/v1/policy/explain?group=item.title&id="+h.ring(), "").json(t, "case"))
}
