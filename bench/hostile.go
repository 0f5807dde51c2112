package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/host/hosttest"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// mostBeside is how much longer the 99th percentile of a connection may take beside a hostile one.
const mostBeside = 1.5

// Deliveries of one round come at this rate, each answered before its deadline or the part fails.
const (
	besideRate   = 200 // per second
	besideSecret = "bench-secret-0001"
	besideMemory = 128 << 20 // of each connector, in bytes
)

// loading are the faults that take of the machine what others need.
var loading = []string{hosttest.Flood, hosttest.Leak, hosttest.Huge, hosttest.ExitTenth, hosttest.Fork, hosttest.Hog}

// hostile measures the answers of a good connection alone and beside each hostile one, in alternating rounds.
func (b *bench) hostile() error {
	note("hostile: %d deliveries a second through a good connection", besideRate)
	program, sum, err := b.connector("hostile")
	if err != nil {
		return err
	}
	spec := func(fault, dir string) host.Spec {
		return host.Spec{
			Connection: fault, Command: []string{program, fault}, Checksum: sum, WorkDir: filepath.Join(b.dir, "beside", dir), Logger: hclog.NewNullLogger(),
			Secrets: map[string]string{hosttest.SecretName: besideSecret}, MemoryLimit: besideMemory,
		}
	}
	ctx := context.Background()
	good, err := host.Launch(ctx, spec(hosttest.Good, "good"))
	if err != nil {
		return err
	}
	defer func() { _ = good.Close(ctx) }()
	if err := good.Ready(ctx); err != nil {
		return err
	}
	if _, err := b.answers(ctx, good); err != nil { // warms it up
		return err
	}
	for i, fault := range loading {
		var alone, beside, ratios []float64
		for round := range b.rounds {
			a, err := b.answers(ctx, good)
			if err != nil {
				return err
			}
			d, err := b.besides(ctx, good, spec(fault, strconv.Itoa(i)+"-"+strconv.Itoa(round)))
			if err != nil {
				return fmt.Errorf("beside %s: %w", fault, err)
			}
			note("  %s: alone %.2f ms, beside it %.2f ms, ratio %.2f", fault, a, d, d/a)
			alone, beside, ratios = append(alone, a), append(beside, d), append(ratios, d/a)
		}
		// Other work on the machine only ever adds: the least of the rounds says most of what this does.
		b.rows = append(b.rows, row{
			what: "answer beside " + fault, unit: " ms", bare: slices.Min(alone), hub: slices.Min(beside), value: slices.Min(beside) / slices.Min(alone),
			limit: mostBeside, note: fmt.Sprintf("least p99 of the rounds; median ratio %.2f", median(ratios)),
		})
	}
	return nil
}

// besides measures while a hostile connector runs and is polled, as a hub does.
func (b *bench) besides(ctx context.Context, good *host.Connection, spec host.Spec) (p99 float64, err error) {
	bad, err := host.Launch(ctx, spec)
	if err != nil {
		return 0, err
	}
	polling, stop := context.WithCancel(ctx)
	var poller sync.WaitGroup
	poller.Go(func() {
		for polling.Err() == nil {
			// It fails as it likes: only the good one's answers are measured. What failed is not asked at once again.
			pause := 50 * time.Millisecond
			if _, err := bad.Poll(polling, &sdk.PollRequest{Stream: hosttest.Stream}); err != nil {
				pause = time.Second
			}
			select {
			case <-polling.Done():
			case <-time.After(pause):
			}
		}
	})
	time.Sleep(b.length / 4) // it gets going
	p99, err = b.answers(ctx, good)
	stop()
	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = bad.Close(closing) // calls are cut, which is meant
	poller.Wait()
	return p99, err
}

// answers gives the 99th percentile of how long a delivery takes through a connection, in milliseconds.
func (b *bench) answers(ctx context.Context, c *host.Connection) (float64, error) {
	n := int(b.length.Seconds() * besideRate)
	took := make([]float64, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / besideRate)))
		wg.Go(func() {
			sent := time.Now()
			r, err := c.HandleWebhook(ctx, &sdk.WebhookRequest{
				Method: "POST", Headers: map[string][]string{"X-Secret": {besideSecret}}, Body: []byte("ring-" + strconv.Itoa(i)), ReceivedAt: sent,
			})
			if err == nil && r.Verdict != sdk.VerdictAccepted {
				err = fmt.Errorf("a delivery was %s", r.Verdict)
			}
			took[i], errs[i] = float64(time.Since(sent).Microseconds())/1000, err
		})
	}
	wg.Wait()
	slices.Sort(took)
	return took[n*99/100], errors.Join(errs...)
}
