package reconcile

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestTheHubCanWriteNothingOfAListing is invariant 9: without a rule nothing is published. What a connector can be asked for
// is stock, and to cancel or refund an order as a person decided. It has no word for a listing, so no rule can ask for one;
// whoever adds one has to ask the policy's publish rules first.
func TestTheHubCanWriteNothingOfAListing(t *testing.T) {
	fields := func(v any) (names []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			names = append(names, f.Name)
		}
		return names
	}
	require.Equal(t, []string{"Key", "Ref", "Stock", "Action"}, fields(sdk.Write{}))
	require.Equal(t, []string{"Writes"}, fields(sdk.ApplyRequest{}))
}
