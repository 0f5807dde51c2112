package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/router"
)

// brokerWait is how long who looks at a stopped node waits for the brokers of its journal.
const brokerWait = 30 * time.Second

// ErrNeverAttached is returned for the data folder of a node that has not been attached to its shared journal yet.
var ErrNeverAttached = errors.New("the node has not folded anything of its shared journal yet: start it once")

// ErrNoBrokers is returned when the brokers that hold the journal did not answer in time.
var ErrNoBrokers = fmt.Errorf("the journal is on the brokers, and none answered within %s: bring them up, or see bus.urls of the configuration", brokerWait)

// OpenStopped opens the data folder of a hub that is stopped, to look at it or to make its view anew. Nothing is appended,
// and no stream is made. Of a shared journal the brokers must be there.
func OpenStopped(ctx context.Context, o Options) (*Hub, error) {
	if o.Stream == nil {
		return Open(ctx, o)
	}
	known, err := knownJournal(o.Data)
	if err != nil {
		return nil, err
	}
	if known == "" {
		return nil, fmt.Errorf("%s: %w", o.Data, ErrNeverAttached)
	}
	o.Join = nil
	waiting, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	h, err := Open(waiting, o)
	if err == nil {
		if err = h.Attach(waiting); err != nil {
			err = errors.Join(err, h.Close())
		}
	}
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoBrokers, err)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// ErrNewer tells that a newer program has worked on the data folder, by rules that this one does not know.
var ErrNewer = errors.New("a newer program has worked on this data folder")

// mustKnowRules refuses a view that was folded by rules of a later version: to go on by older ones would give other
// decisions. Nothing is changed.
func (h *Hub) mustKnowRules() error {
	v, err := h.store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	version, err := router.FoldVersion(v)
	if err != nil {
		return err
	}
	if version > router.Version {
		return fmt.Errorf("%w: it folds by version %d of the rules, this program knows 1 to %d; start the newer program, or go back to the backup from before the upgrade (docs/runbook.md, Downgrade)", ErrNewer, version, router.Version)
	}
	return nil
}
