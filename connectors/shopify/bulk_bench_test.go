package shopify

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// BenchmarkFullRead reads JUMPRING_PIECES pieces (default 1,000) from a sandbox without limits, page by page and by bulk
// operations: what the connector and the sandbox need, without a hub.
func BenchmarkFullRead(b *testing.B) {
	pieces := 1000
	if n, err := strconv.Atoi(os.Getenv("JUMPRING_PIECES")); err == nil && n > 0 {
		pieces = n
	}
	for name, from := range map[string]int{"pages": 0, "bulk": 1} {
		b.Run(fmt.Sprintf("%s/%d", name, pieces), func(b *testing.B) {
			clock := &setClock{at: time.Now().Add(-time.Hour)}
			s := newShop(b, twin.Options{Clock: clock.now, BucketSize: 1e9, RestoreRate: 1e9}, map[string]any{"bulk_from": from}, nil)
			for n := range pieces {
				s.piece(b, n)
			}
			clock.set(time.Time{})
			began := s.twin.Ledger().Counts
			b.ResetTimer()
			for range b.N {
				rows := 0
				for page, done := []byte(nil), false; !done; {
					res, err := s.Snapshot(context.Background(), &sdk.SnapshotRequest{Page: page, Limit: 250})
					require.NoError(b, err)
					page, done, rows = res.Next, res.Complete, rows+len(res.Observations)
				}
				require.Equal(b, pieces*3+1, rows, "products, listings, levels, one location")
			}
			now := s.twin.Ledger().Counts
			b.ReportMetric(float64(now.Requests-began.Requests)/float64(b.N), "requests/op")
			b.ReportMetric(float64(now.BulkDownloads-began.BulkDownloads)/float64(b.N), "downloads/op")
		})
	}
}
