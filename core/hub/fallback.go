package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// aliveFile has the newest time at which a hub ran on the data folder. It is no fact of the journal: an idle hub appends
// nothing, and must not take its own silence for an absence.
const aliveFile = "alive"

// aliveEvery is how exact that is.
const aliveEvery = time.Minute

// defaultRetryWindow is how long platforms go on delivering what was not taken: Shopify, 8 times within 4 hours.
const defaultRetryWindow = 4 * time.Hour

// keepAlive writes down that the hub runs.
func (h *Hub) keepAlive(ctx context.Context) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		if err := h.markAlive(); err != nil {
			h.log.Warn("the time of the newest run is not kept", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return h.markAlive()
		}
	}
}

func (h *Hub) markAlive() error {
	path := h.folder(aliveFile)
	if err := os.WriteFile(path+".tmp", []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// absence is how long no hub ran on this folder, as far as is known; 0 where nothing is.
func (h *Hub) absence(now time.Time) (time.Duration, error) {
	raw, err := os.ReadFile(h.folder(aliveFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	was, err := time.Parse(time.RFC3339+"\n", string(raw))
	if err != nil {
		return 0, nil // cut short by a power failure: nothing is known
	}
	return max(now.Sub(was), 0), nil
}

// fallBack journals what takes the live connections back to shadow at a start, before any effect: rules that are new, or
// an absence that platforms did not wait out. No platform is asked anything. Invariant 9.
func (h *Hub) fallBack(ctx context.Context, absent time.Duration) error {
	v, err := h.store.View()
	if err != nil {
		return err
	}
	version, err := router.FoldVersion(v)
	live := false
	err = errors.Join(err, v.Scan(store.PrefixConn, "", func(_ string, value []byte) (bool, error) {
		var c canon.Connection
		if err := json.Unmarshal(value, &c); err != nil {
			return false, fmt.Errorf("%w: a connection does not read", store.ErrCorrupt)
		}
		live = c.Live()
		return !live, nil
	}))
	v.Close()
	if err != nil {
		return err
	}
	var entries []bus.Entry
	add := func(typ canon.EntryType, data any) {
		e, failed := router.NewEntry(typ, canon.Head{Actor: "hub"}, data)
		entries, err = append(entries, e), errors.Join(err, failed)
	}
	reason := ""
	if version > 0 && version < router.Version {
		add(canon.EntryFoldVersion, canon.FoldVersion{Version: router.Version})
		reason = fmt.Sprintf("the rules changed from version %d to %d", version, router.Version)
	} else if absent > h.o.RetryWindow {
		reason = fmt.Sprintf("the hub was away for %s, longer than platforms deliver again", absent.Round(time.Minute))
	}
	if reason != "" && live {
		add(canon.EntryFallBack, canon.FallBack{Reason: reason})
		h.log.Warn("live connections go back to shadow until they are read anew and their plan is empty or accepted", "why", reason)
	}
	if err != nil || len(entries) == 0 {
		return err
	}
	return h.appendAndFold(ctx, bus.ClassCommand, entries...)
}
