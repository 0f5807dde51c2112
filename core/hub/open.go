package hub

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// The folders inside the data folder.
const (
	journalFolder  = "journal"
	viewFolder     = "view"
	snapshotFolder = "snapshots"
	archiveFolder  = "archive"
	workFolder     = "plugins"
)

// openJournal opens the journal of a data folder.
func openJournal(o *Options) (*embedded.Journal, error) {
	fs := o.JournalFS
	if o.Sabotage == SabotageSkipFsync {
		fs = newForgetfulFS()
	}
	j, err := embedded.Open(embedded.Options{
		Dir: filepath.Join(o.Data, journalFolder), Archive: o.Archive, Compress: o.PackJournal, FS: fs, Clock: o.JournalClock, Logger: o.Logger.Named("journal"),
	})
	if err != nil {
		return nil, fmt.Errorf("hub: open the journal: %w", err)
	}
	return j, nil
}

// openView opens the view of a data folder and makes it one that the journal confirms: as it is, or from the newest
// snapshot that the journal confirms, or empty (invariant 2). What the journal has beyond it is folded by the router.
func openView(ctx context.Context, data string, j bus.Journal, log hclog.Logger) (*store.Badger, error) {
	st, err := openStore(data, log)
	if err != nil {
		return nil, err
	}
	if err := attach(ctx, data, j, st, log); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// openStore opens the view, or an empty one where it does not check out.
func openStore(data string, log hclog.Logger) (*store.Badger, error) {
	options := store.Options{Dir: filepath.Join(data, viewFolder), Logger: log.Named("view")}
	st, err := store.Open(options)
	if errors.Is(err, store.ErrCorrupt) {
		log.Warn("the view does not check out and is made again", "why", err)
		options.Discard = true
		st, err = store.Open(options)
	}
	if err != nil {
		return nil, fmt.Errorf("hub: open the view: %w", err)
	}
	if why := st.Start().Discarded; why != "" {
		log.Warn("the view was discarded and is made again", "why", why)
	}
	return st, nil
}

func attach(ctx context.Context, data string, j bus.Journal, st *store.Badger, log hclog.Logger) error {
	v, err := st.View()
	if err != nil {
		return err
	}
	mark, err := v.Mark()
	v.Close()
	if err != nil {
		return fmt.Errorf("hub: the view's mark: %w", err)
	}
	chain := chainOf(ctx, j)
	reason, err := store.Attach(mark, j.ID(), j.End(), chain)
	if err != nil || reason == "" {
		return err
	}
	if !mark.Position.IsZero() {
		log.Warn("the view does not fit the journal and is made again", "why", reason)
	}
	path, found, ok, err := newestSnapshot(ctx, data, j, log)
	if err != nil {
		return err
	}
	if !ok {
		return st.Wipe()
	}
	log.Info("the view is made from a snapshot", "position", found.Position)
	return store.LoadSnapshot(ctx, path, st, nil)
}

// newestSnapshot finds the newest snapshot that checks out, that the journal confirms and that this build can go on from.
func newestSnapshot(ctx context.Context, data string, j bus.Journal, log hclog.Logger) (path string, mark store.Mark, ok bool, err error) {
	chain := chainOf(ctx, j)
	var unread error
	path, mark, ok, err = store.NewestSnapshot(filepath.Join(data, snapshotFolder), func(m store.Mark) bool {
		why, err := store.Attach(m, j.ID(), j.End(), chain)
		unread = errors.Join(unread, err)
		return err == nil && why == "" && m.FoldVersion <= router.Version
	})
	if err != nil {
		log.Warn("a snapshot was passed over", "why", err)
	}
	return path, mark, ok, unread
}

// chainOf answers for the journal's hash chain.
func chainOf(ctx context.Context, j bus.Journal) store.Chain {
	return func(offset uint64) (string, bool, error) {
		if offset == 0 || offset > j.End() {
			return "", false, nil
		}
		batches, err := j.ReadFrom(ctx, offset, 1)
		if err != nil {
			return "", false, err
		}
		if len(batches) == 0 || batches[0].Offset != offset {
			return "", false, nil
		}
		return hex.EncodeToString(batches[0].Hash[:]), true, nil
	}
}
