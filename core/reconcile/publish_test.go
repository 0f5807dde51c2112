package reconcile

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestAConnectorCanBeAskedForNothingElse is invariant 9: what a connector can be asked for is a level's stock, what a person
// commanded to be done with an order, and what a publish rule has done with a listing (the fold asks the rule, and admits each
// attempt). Whoever adds a word here has to say who may ask for it.
func TestAConnectorCanBeAskedForNothingElse(t *testing.T) {
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
