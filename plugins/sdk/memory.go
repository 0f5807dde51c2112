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
	idleWorth = 4 << 20 // bytes allocated since memory was returned: less is not worth a collection
)

// The rules of collecting while the process works. A collection costs as much as there is live data, which is little
// here, and with the runtime's own rule it comes whenever as much has been allocated again: many times a second under
// load.
const (
	busyLook    = time.Second
	busyRate    = 16 << 20  // bytes allocated between two such looks: more is work
	busyGarbage = 128 << 20 // bytes of garbage that may wait then
	mostPercent = 800
)

// ReturnIdleMemory gives memory back to the system whenever the process has worked and then idles, until ctx ends.
// The runtime by itself keeps as much garbage as there is live data until something allocates again, which in a
// process that waits for the next webhook may be hours. While the process works it lets garbage wait up to busyGarbage.
func ReturnIdleMemory(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	usual := debug.SetGCPercent(100)
	debug.SetGCPercent(usual)
	if usual < 0 {
		return // whoever started the process has taken collections into their own hands
	}
	defer debug.SetGCPercent(usual)
	tick := time.NewTicker(busyLook)
	defer tick.Stop()
	var w idleWatch
	var before uint64
	percent := usual
	for look := 1; ; look++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		allocated, live := sample[0].Value.Uint64(), sample[1].Value.Uint64()
		if want := pace(allocated-before, live, usual); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		before = allocated
		if look%int(idleLook/busyLook) == 0 && w.look(allocated) {
			debug.FreeOSMemory()
		}
	}
}

// pace gives the garbage, in percent of what is live, after which is collected: usual, or while much is allocated, as
// much as busyGarbage is of a small heap.
func pace(allocated, live uint64, usual int) int {
	if allocated < busyRate {
		return usual
	}
	return max(usual, int(min(busyGarbage*100/max(live, 1), mostPercent)))
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
