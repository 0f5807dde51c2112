package reconcile

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
)

// A full read may give what the platform had some minutes ago. That is no difference.
func TestASweepDoesNotTakeAnOlderLevelForAChange(t *testing.T) {
	level := func(version, available int64) canon.Observation {
		return canon.Observation{
			Kind: canon.KindLevel, ExternalID: "a@1", Aspect: canon.AspectMain, SourceVersion: version,
			Level: &canon.LevelState{StockID: "a", Location: "1", Available: &available},
		}
	}
	known := level(20, 3)
	raw, err := json.Marshal(known)
	require.NoError(t, err)
	b := &canon.Binding{Versioned: &canon.Shown{SourceVersion: 20, Observation: raw}}
	for _, tc := range []struct {
		version, shows int64
		differs        bool
	}{{20, 3, false}, {19, 5, false}, {20, 5, true}, {21, 5, true}, {0, 5, true}} {
		read := level(tc.version, tc.shows)
		data, err := json.Marshal(read)
		require.NoError(t, err)
		row, err := compareFact(b, canon.BindingKey{Connection: "web", Kind: canon.KindLevel, ExternalID: "a@1", Aspect: canon.AspectMain}, &intake.Fact{Kind: canon.KindLevel, Data: data}, &read)
		require.NoError(t, err)
		require.Equal(t, tc.differs, row != nil, "version %d shows %d", tc.version, tc.shows)
	}
}
