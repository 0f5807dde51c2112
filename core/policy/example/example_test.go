package example

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
)

func settings() *canon.Settings {
	return &canon.Settings{
		MatchItem: []string{"serial"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Region: "FR", Locations: []string{"paris"},
		Connections: []canon.ConnectionSettings{{Name: "erp"}, {Name: "web"}},
		Policy: &canon.Policy{Rules: []canon.PolicyRule{
			{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
		}},
	}
}

func listing(connection, id, serial, title string) Source {
	return Source{connection, canon.Observation{Kind: canon.KindListing, ExternalID: id, Listing: &canon.ListingState{Serial: serial, Title: title, Metal: "18k yellow gold"}}}
}

func TestAnExampleSaysWhatIsNotAsExpected(t *testing.T) {
	two := []Source{listing("erp", "1", "SN-1", "Erp ring"), listing("web", "2", "SN-1", "Web ring")}
	for name, c := range map[string]struct {
		example Example
		want    string
	}{
		"holds":            {Example{Sources: two, Expect: json.RawMessage(`{"title":"Web ring","metal":{"fineness":750},"huid":"","flags":["stock.unseen"]}`), Cases: []string{"item.title"}}, ""},
		"nothing expected": {Example{Sources: two[:1]}, ""},
		"value":            {Example{Sources: two, Expect: json.RawMessage(`{"title":"Erp ring"}`), Cases: []string{"item.title"}}, `title is "Web ring", not "Erp ring"`},
		"inside":           {Example{Sources: two, Expect: json.RawMessage(`{"metal":{"fineness":585},"weight":{"milligrams":5}}`), Cases: []string{"item.title"}}, "metal.fineness is 750, not 585\nweight is empty, not {\"milligrams\":5}"},
		"list":             {Example{Sources: two, Expect: json.RawMessage(`{"flags":[]}`), Cases: []string{"item.title"}}, `flags is ["stock.unseen"], not []`},
		"case":             {Example{Sources: two, Cases: []string{"item.metal"}}, "no case is open about item.metal\na case is open about item.title"},
		"two records":      {Example{Sources: []Source{two[0], listing("web", "2", "SN-2", "Web ring")}}, "the sources are 2 records: give them a key that they share"},
		"no record":        {Example{Sources: []Source{listing("erp", "1", "", "Ring"), listing("erp", "2", "", "Ring")}}, "erp 1 became no item: its keys are blank, or contradict another's\nerp 2 became no item: its keys are blank, or contradict another's"},
		"parked":           {Example{Sources: []Source{{"erp", canon.Observation{Kind: canon.KindListing, ExternalID: "1"}}}}, "erp 1 can't be applied: observation.malformed: observation is malformed: listing 1 needs exactly its own state"},
	} {
		t.Run(name, func(t *testing.T) {
			c.example.Name, c.example.Entity = name, policy.Item
			r, err := Run(settings(), &c.example)
			require.NoError(t, err)
			require.Equal(t, c.want, strings.Join(r.Failures, "\n"))
			require.Equal(t, c.want == "", r.OK)
		})
	}
}

func TestStylesAndClientsCanBeTriedToo(t *testing.T) {
	style := Example{Name: "style", Entity: policy.Product, Expect: json.RawMessage(`{"title":"Alliance"}`), Sources: []Source{
		{"web", canon.Observation{Kind: canon.KindProduct, ExternalID: "p", Product: &canon.ProductState{Title: "Alliance"}}},
	}}
	client := Example{Name: "client", Entity: policy.Client, Expect: json.RawMessage(`{"emails":["a@example.org"]}`), Sources: []Source{
		{"web", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c", Customer: &canon.CustomerState{Person: &canon.PersonState{GivenName: "A", Emails: []string{"A@example.org"}}}}},
	}}
	for _, e := range []Example{style, client} {
		r, err := Run(settings(), &e)
		require.NoError(t, err)
		require.Empty(t, r.Failures, e.Name)
	}
}
