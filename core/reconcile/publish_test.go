package reconcile

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestTheHubCanWriteStockAlone is invariant 9: without a rule nothing is published. What a connector can be asked for has
// no word for a listing, so no rule can ask for one; whoever adds one has to ask the policy's publish rules first.
func TestTheHubCanWriteStockAlone(t *testing.T) {
	fields := func(v any) (names []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			names = append(names, f.Name)
		}
		return names
	}
	require.Equal(t, []string{"Key", "Ref", "Stock"}, fields(sdk.Write{}))
	require.Equal(t, []string{"Writes"}, fields(sdk.ApplyRequest{}))
}
