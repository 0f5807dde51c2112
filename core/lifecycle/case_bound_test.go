package lifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

// Whoever decides has to see who holds the piece and which claim is advised, however many want it and whenever they came.
func TestACaseOfManyClaimsNamesTheHolderAndTheAdvisedOne(t *testing.T) {
	const n, holder, handed = 60, "web/o30/1", "till/o40/1"
	live := make([]*canon.Claim, 0, n)
	for i := range n {
		c := &canon.Claim{Key: fmt.Sprintf("web/o%02d/1", i), Kind: canon.ClaimSale, Connection: "web", Placed: time.Unix(int64(i)*60, 0).UTC()}
		if i == 40 {
			c.Key, c.HandedOver = handed, true
		}
		live = append(live, c)
	}
	got := DoubleClaim("itm_1", live, holder)
	require.EqualValues(t, n, got.Claims)
	require.Len(t, got.Evidence, maxShownClaims+2)
	held := slices.IndexFunc(got.Evidence, func(e canon.Evidence) bool { return e.Holds })
	require.GreaterOrEqual(t, held, 0)
	require.Equal(t, holder, got.Evidence[held].Claim)
	advised := slices.IndexFunc(got.Proposals, func(p canon.Proposal) bool { return p.Advised })
	require.GreaterOrEqual(t, advised, 0)
	require.Equal(t, "keep:"+handed, got.Proposals[advised].ID)
}
