package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/core/delivery"
	"github.com/jumpring/jumpring/core/vault"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sealer(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "vault"), vault.KeySource{File: filepath.Join(t.TempDir(), "key")})
	require.NoError(t, err)
	return v
}

func of(id string, at time.Time) delivery.Delivery {
	return delivery.Delivery{Request: sdk.WebhookRequest{
		Method: "POST", Path: "/orders", Headers: map[string][]string{"X-Id": {id}, "Authorization": {"Basic c2VjcmV0"}, "X-Hmac": {"sig-" + id}},
		Body: []byte("body of " + id + " with zoe@example.com and s3cr3t-canary"), ReceivedAt: at,
	}}
}

func id(d *delivery.Delivery) string { return d.Request.Headers["X-Id"][0] }

// taken takes what waits, until fail says so.
func taken(t *testing.T, w *delivery.Waiting, fail func(n int) bool) []string {
	t.Helper()
	var got []string
	stop := errors.New("stop")
	err := w.Take(t.Context(), func(d *delivery.Delivery) error {
		if fail != nil && fail(len(got)) {
			return stop
		}
		got = append(got, id(d))
		return nil
	})
	if err != nil {
		require.ErrorIs(t, err, stop)
	}
	return got
}

func TestWhatWaitsSurvivesARestartAndIsTakenOnceInOrder(t *testing.T) {
	dir, v := filepath.Join(t.TempDir(), "web"), sealer(t)
	w, err := delivery.OpenWaiting(dir, v, delivery.Bounds{})
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, w.Wait(of(fmt.Sprint(i), time.Now())))
	}
	n, size, _ := w.Counts()
	require.Equal(t, 20, n)
	require.Positive(t, size)
	// No Close: the process was killed.
	w, err = delivery.OpenWaiting(dir, v, delivery.Bounds{})
	require.NoError(t, err)
	n, _, _ = w.Counts()
	require.Equal(t, 20, n)
	got := taken(t, w, func(n int) bool { return n == 7 })
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6"}, got)
	require.NoError(t, w.Wait(of("20", time.Now())))
	got = taken(t, w, nil)
	require.Len(t, got, 14)
	require.Equal(t, "7", got[0])
	require.Equal(t, "20", got[13])
	n, size, _ = w.Counts()
	require.Zero(t, n)
	require.Zero(t, size)
	require.Empty(t, taken(t, w, nil))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Empty(t, files, "nothing stays on disk")
	require.NoError(t, w.Close())
}

func TestManyWaitTogether(t *testing.T) {
	w, err := delivery.OpenWaiting(filepath.Join(t.TempDir(), "web"), sealer(t), delivery.Bounds{})
	require.NoError(t, err)
	const callers, each = 16, 25
	var wg sync.WaitGroup
	got := map[string]int{}
	stop := make(chan struct{})
	takerDone := make(chan struct{})
	take := func() {
		err := w.Take(context.Background(), func(d *delivery.Delivery) error { got[id(d)]++; return nil })
		if err != nil {
			t.Error(err)
		}
	}
	go func() { // takes while they come
		defer close(takerDone)
		for {
			take()
			select {
			case <-stop:
				take()
				return
			default:
			}
		}
	}()
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if err := w.Wait(of(fmt.Sprintf("%d-%d", c, i), time.Now())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	<-takerDone
	require.Len(t, got, callers*each)
	for k, n := range got {
		require.Equal(t, 1, n, k)
	}
	n, size, _ := w.Counts()
	require.Zero(t, n)
	require.Zero(t, size)
	require.NoError(t, w.Close())
}

func TestWhatWaitsIsBoundedAndExpires(t *testing.T) {
	w, err := delivery.OpenWaiting(filepath.Join(t.TempDir(), "web"), sealer(t), delivery.Bounds{Number: 3, Age: time.Hour})
	require.NoError(t, err)
	require.NoError(t, w.Wait(of("old", time.Now().Add(-2*time.Hour))))
	require.NoError(t, w.Wait(of("a", time.Now())))
	require.NoError(t, w.Wait(of("b", time.Now())))
	require.ErrorIs(t, w.Wait(of("c", time.Now())), delivery.ErrFull)
	require.Equal(t, []string{"a", "b"}, taken(t, w, nil))
	_, _, expired := w.Counts()
	require.EqualValues(t, 1, expired)
	require.NoError(t, w.Wait(of("c", time.Now())), "there is room again")
	require.NoError(t, w.Close())

	w, err = delivery.OpenWaiting(filepath.Join(t.TempDir(), "web"), sealer(t), delivery.Bounds{Bytes: 1200})
	require.NoError(t, err)
	require.NoError(t, w.Wait(of("a", time.Now())))
	require.ErrorIs(t, w.Wait(of("b", time.Now())), delivery.ErrFull)
	require.NoError(t, w.Close())
}

func TestATornTailIsLeftOutAndAForeignByteIsTold(t *testing.T) {
	dir, v := filepath.Join(t.TempDir(), "web"), sealer(t)
	w, err := delivery.OpenWaiting(dir, v, delivery.Bounds{})
	require.NoError(t, err)
	require.NoError(t, w.Wait(of("a", time.Now())))
	require.NoError(t, w.Wait(of("b", time.Now())))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for cut := range len(raw) {
		require.NoError(t, os.WriteFile(files[0], raw[:cut], 0o600))
		w, err := delivery.OpenWaiting(dir, v, delivery.Bounds{})
		require.NoError(t, err)
		n, _, _ := w.Counts()
		require.LessOrEqual(t, n, 1, "cut at %d", cut)
	}
	require.NoError(t, os.WriteFile(files[0], raw, 0o600))
	_, err = delivery.OpenWaiting(dir, sealer(t), delivery.Bounds{})
	require.ErrorContains(t, err, "vault", "another key")
}

func TestCopiesHaveNoSecretsAreSealedAndBounded(t *testing.T) {
	dir, v := filepath.Join(t.TempDir(), "web"), sealer(t)
	k, err := delivery.OpenKept(dir, v, delivery.Bounds{Age: 24 * time.Hour, Bytes: 1 << 20})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.Run(ctx, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("s3cr3t-canary"), []byte("[x]")) }, func(err error) { t.Error(err) })
	}()
	began := time.Now().UTC()
	original := of("0", began)
	for i := range 300 {
		k.Keep(of(fmt.Sprint(i), began.Add(time.Duration(i)*time.Minute)))
	}
	k.Keep(original)
	k.Flush(t.Context())
	require.Contains(t, string(original.Request.Body), "s3cr3t-canary", "the caller's own is left alone")

	var ids []string
	err = k.Each(t.Context(), began.Add(10*time.Minute), began.Add(13*time.Minute), func(d *delivery.Delivery) error {
		ids = append(ids, id(d))
		require.Equal(t, "body of "+id(d)+" with zoe@example.com and [x]", string(d.Request.Body))
		require.NotContains(t, d.Request.Headers, "Authorization")
		require.Equal(t, []string{"sig-" + id(d)}, d.Request.Headers["X-Hmac"])
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"10", "11", "12"}, ids)
	cancel()
	<-ended
	size, lost := k.Counts()
	require.Positive(t, size)
	require.Zero(t, lost)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		require.False(t, bytes.Contains(raw, []byte("zoe@example.com")), "sealed")
	}

	// A file that was begun long ago is gone at the next start, and with too many bytes the oldest are.
	old := filepath.Join(dir, "kept-20200101T000000.000000000Z-0001.sealed")
	require.NoError(t, os.WriteFile(old, []byte("x"), 0o600))
	_, err = delivery.OpenKept(dir, v, delivery.Bounds{Age: 24 * time.Hour})
	require.NoError(t, err)
	require.NoFileExists(t, old)
	big := filepath.Join(dir, "kept-"+began.Add(-time.Hour).Format("20060102T150405.000000000Z")+"-0001.sealed")
	require.NoError(t, os.WriteFile(big, []byte(strings.Repeat("x", 2<<20)), 0o600))
	_, err = delivery.OpenKept(dir, v, delivery.Bounds{Age: 24 * time.Hour, Bytes: 1 << 20})
	require.NoError(t, err)
	require.NoFileExists(t, big)
	require.FileExists(t, files[0])
}
