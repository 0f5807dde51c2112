package sdk

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The rules of ReturnIdleMemory.
const (
	idleLook  = 5 * time.Second
	idleQuiet = 1 << 20 // bytes allocated between two looks: less is idling
	idleWorth = 8 << 20 // bytes allocated since memory was returned: less is not worth a collection
)

// ReturnIdleMemory gives memory back to the system whenever the process has worked and then idles, until ctx ends.
// The runtime by itself keeps as much garbage as there is live data until something allocates again, which in a
// process that waits for the next webhook may be hours.
func ReturnIdleMemory(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	allocated := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	tick := time.NewTicker(idleLook)
	defer tick.Stop()
	var w idleWatch
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if w.look(allocated()) {
			debug.FreeOSMemory()
		}
	}
}

// idleWatch decides from how much was ever allocated, in bytes.
type idleWatch struct{ last, returned uint64 }

// look reports whether memory is to be returned now.
func (w *idleWatch) look(allocated uint64) bool {
	idles := allocated-w.last < idleQuiet && allocated-w.returned > idleWorth
	w.last = allocated
	if idles {
		w.returned = allocated
	}
	return idles
}
