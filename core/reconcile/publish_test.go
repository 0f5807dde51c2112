package reconcile

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestTheHubCanWriteStockAndEndOrdersAlone is invariant 9: without a rule nothing is published. What a connector can be
// asked for is a level's stock, and what a person commanded to be done with an order; it has no word for a listing, so no
// rule can ask for one. Whoever adds one has to ask the policy's publish rules first.
func TestTheHubCanWriteStockAndEndOrdersAlone(t *testing.T) {
	fields := func(v any) (names []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			names = append(names, f.Name)
		}
		return names
	}
	require.Equal(t, []string{"Key", "Ref", "Stock", "Action"}, fields(sdk.Write{}))
	require.Equal(t, []string{"Kind", "Lines", "Refund", "Restock", "Notify", "Reason", "Note", "Listing", "AttemptedAt"}, fields(sdk.Action{}))
	require.Equal(t, []string{"Writes"}, fields(sdk.ApplyRequest{}))
}
