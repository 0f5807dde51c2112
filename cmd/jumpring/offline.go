package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// offline opens the data folder of a hub that is stopped. No connector is started and nothing is appended. A journal that
// nodes share is read from its brokers.
func (c *console) offline(ctx context.Context, cfg *config.Config) (*hub.Hub, error) {
	if _, err := os.Stat(cfg.Data); err != nil {
		return nil, coded(exitUsage, fmt.Errorf("no data folder: %w", err))
	}
	o := hub.Options{Data: cfg.Data, Archive: cfg.Bus.Archive, VaultKey: c.env(keyVariable), Logger: hclog.NewNullLogger()}
	if cfg.Bus.Journal == config.JournalStream {
		o.Node, o.Stream = cfg.Bus.Node, streamOf(&cfg.Bus)
	}
	h, err := hub.OpenStopped(ctx, o)
	if err != nil {
		return nil, inUse(err, cfg.Data)
	}
	return h, nil
}

// fold brings a store to the journal's end.
func (c *console) fold(ctx context.Context, what string, journal bus.Journal, into store.Store) error {
	end := journal.End()
	if end == 0 {
		return nil
	}
	r, err := router.New(router.Options{Journal: journal, Store: into})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	folded := make(chan error, 1)
	go func() { folded <- r.WaitFolded(ctx, end) }()
	bar := c.progress(what)
	defer bar.end()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			bar.at(int64(r.Mark().Position.Offset), int64(end))
		case err := <-folded:
			cancel()
			if err == nil {
				bar.done()
			}
			return errors.Join(err, <-ended)
		}
	}
}

// digests are the two sums over everything that a view holds.
type digests struct {
	State  string `json:"state"`
	Golden string `json:"golden"`
}

func digestsOf(ctx context.Context, s store.Store) (d digests, counts map[string]int, err error) {
	v, err := s.View()
	if err != nil {
		return d, nil, err
	}
	defer v.Close()
	state, err := store.Digest(ctx, v, router.RecordTypes(), store.ScopeState)
	if err != nil {
		return d, nil, err
	}
	golden, err := store.Digest(ctx, v, router.RecordTypes(), store.ScopeGolden)
	if err != nil {
		return d, nil, err
	}
	return digests{state.Digest, golden.Digest}, state.Counts, nil
}

// decodedOf turns a value into what the printing functions take.
func decodedOf(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decoded(raw)
}
