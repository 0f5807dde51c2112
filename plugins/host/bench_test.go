package host

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// BenchmarkHandleWebhook measures deliveries of 6.7 KB that the connector verifies and translates into one order each.
func BenchmarkHandleWebhook(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c := launch(b, testSpec(b))
			ready(b, c)
			body := bytes.Repeat([]byte("0123456789"), 670)
			headers := map[string][]string{"X-Signature": {sign(body)}, "X-Delivery": {"d-1"}}
			for i := range 12 {
				headers["X-Header-"+strconv.Itoa(i)] = []string{"some value of a usual length"}
			}
			req := &sdk.WebhookRequest{Method: "POST", Path: "/", Headers: headers, Body: body}
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.SetBytes(int64(len(body)))
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := c.HandleWebhook(context.Background(), req); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkStart measures from Launch to the first answered call, and reports what an idle process takes.
func BenchmarkStart(b *testing.B) {
	var rss float64
	for b.Loop() {
		c, err := Launch(context.Background(), testSpec(b))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Health(context.Background(), &sdk.HealthRequest{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		rss = residentMiB(b, c.Status().PID)
		if err := c.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(rss, "MiB-resident")
}

func residentMiB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
