package learn

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/identity"
)

func TestAValueOnManyPeoplesRecordsSaysNothing(t *testing.T) {
	var facts []identity.Facts
	for i := range 12 {
		facts = append(facts, identity.Facts{
			Given: string(rune('a'+i)) + "nna", Family: "berg", Emails: []string{"info@shop.example"}, Phones: []string{"+33612345678"},
		})
	}
	for i := range 4 { // a family
		facts = append(facts, identity.Facts{Given: string(rune('p'+i)) + "aul", Family: "stein", Phones: []string{"+33698765432"}})
	}
	require.Equal(t, map[string]bool{"info@shop.example": true, "612345678": true}, sharedValues(facts))
}

func TestLearningIsTheSameForTheSameSeed(t *testing.T) {
	var nodes []string
	var facts []identity.Facts
	for i := range 400 {
		nodes = append(nodes, fmt.Sprintf("n%03d", i))
		facts = append(facts, identity.Facts{
			Given: []string{"anna", "bob", "carla", "dmitri", "emil"}[i/2%5], Family: fmt.Sprintf("berg%c%c", 'a'+i/2%26, 'a'+i/52%26),
			Birthday: identity.Date{Year: 1940 + i/2%60, Month: 1 + i/2%12, Day: 1 + i/2%28},
		})
	}
	one, two := Link(nodes, facts, Options{Seed: 3}), Link(nodes, facts, Options{Seed: 3})
	require.Equal(t, one.Weights, two.Weights)
	require.Equal(t, one.Clusters(one.Weights.Auto, nil), two.Clusters(two.Weights.Auto, nil))
	require.Less(t, one.Weights.Levels[identity.Given][identity.GivenDiffer], int32(0))
	require.Greater(t, one.Weights.Levels[identity.Birthday][identity.BirthdayEqual], one.Weights.Levels[identity.Given][identity.GivenEqual], "a birthday says more than one of five names")
	require.Len(t, one.Clusters(one.Weights.Auto, nil), 200)
	require.Empty(t, Link(nil, nil, Options{}).Clusters(0, nil))
	require.Len(t, Link(nodes[:1], facts[:1], Options{}).Clusters(0, nil), 1)
	given := Link(nodes, facts, Options{Weights: one.Weights})
	require.Equal(t, one.Weights, given.Weights, "weights that are given are used as they are")
}
