package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// knownFile holds the id of the shared journal that a data folder belongs to.
const knownFile = "journal.id"

// attachWait is how long the stream may take to show the batch that this node has folded last.
const attachWait = 30 * time.Second

// openShared opens the view and the journal that this node shares with others. A node that has a view of that journal is
// up without brokers: it attaches in Attach. A new one has nothing to show and waits for them here.
func (h *Hub) openShared(ctx context.Context) (err error) {
	if h.store, err = openStore(h.o.Data, h.log); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.store.Close())
		}
	}()
	if h.vault, err = OpenVault(h.o.Data, h.o.VaultKey); err != nil {
		return err
	}
	known, err := knownJournal(h.o.Data)
	if err != nil {
		return err
	}
	if known != "" {
		mark, err := h.markOfView()
		if err == nil && mark.Position.IsZero() {
			mark, err = h.ownSnapshot(ctx, known)
		}
		if err != nil {
			return err
		}
		if !mark.Position.IsZero() {
			h.late = newLate(known, mark.Position.Offset)
			h.journal = h.late
			return nil
		}
	}
	j, err := h.openStream(ctx, known)
	if err != nil {
		return err
	}
	if known == "" {
		err = keepKnown(h.o.Data, j.ID())
	}
	if err == nil {
		err = h.attachShared(ctx, j, h.store)
	}
	if err != nil {
		return errors.Join(err, j.Close())
	}
	h.journal = j
	return nil
}

func (h *Hub) markOfView() (store.Mark, error) {
	v, err := h.store.View()
	if err != nil {
		return store.Mark{}, err
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return mark, fmt.Errorf("hub: the view's mark: %w", err)
	}
	return mark, nil
}

// ownSnapshot makes an empty view from the newest snapshot of this data folder that is of the known journal. Whether the
// journal confirms it is seen when it is attached, as with any view.
func (h *Hub) ownSnapshot(ctx context.Context, known string) (store.Mark, error) {
	path, mark, ok, err := store.NewestSnapshot(h.folder(snapshotFolder), func(m store.Mark) bool {
		return m.JournalID == known && m.FoldVersion <= router.Version
	})
	if err != nil {
		h.log.Warn("a snapshot was passed over", "why", err)
	}
	if !ok {
		return store.Mark{}, nil
	}
	h.log.Info("the view is made from a snapshot", "position", mark.Position)
	return mark, store.LoadSnapshot(ctx, path, h.store, nil)
}

func (h *Hub) openStream(ctx context.Context, known string) (*stream.Journal, error) {
	o := *h.o.Stream
	o.Known, o.Logger, o.Clock = known, h.log.Named("journal"), h.o.JournalClock
	j, err := stream.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	return j, nil
}

// Attach waits until the brokers of a shared journal are there and confirm the view. It returns at once where that has
// been done or is not needed. Unlike a journal of its own, a shared one that does not confirm the view is refused: it lost
// what others were promised.
func (h *Hub) Attach(ctx context.Context) error {
	if h.late == nil || h.late.there() != nil {
		return nil
	}
	j, err := h.openStream(ctx, h.late.id)
	if err != nil {
		return err
	}
	if err := h.attachShared(ctx, j, h.store); err != nil {
		return errors.Join(err, j.Close())
	}
	h.late.attach(j)
	return nil
}

// attachShared reads the batch back that the view stands for. An empty view begins with a snapshot, another node's too,
// or at the stream's start.
func (h *Hub) attachShared(ctx context.Context, j *stream.Journal, st *store.Badger) error {
	v, err := st.View()
	if err != nil {
		return err
	}
	mark, err := v.Mark()
	v.Close()
	if err != nil {
		return fmt.Errorf("hub: the view's mark: %w", err)
	}
	if mark.Position.IsZero() {
		if h.o.Join != nil {
			if err := h.o.Join.fetch(ctx, h.folder(snapshotFolder)); err != nil {
				h.log.Warn("no snapshot from the other node; the stream is read from its start", "error", err)
			}
		}
		return attach(ctx, h.o.Data, j, st, h.log)
	}
	waiting, cancel := context.WithTimeout(ctx, attachWait)
	defer cancel()
	if err := j.Wait(waiting, mark.Position.Offset); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("hub: attach to the stream: %w", err)
	}
	reason, err := store.Attach(mark, j.ID(), j.End(), chainOf(ctx, j))
	if err != nil {
		return err
	}
	if reason != "" {
		return fmt.Errorf("hub: %w", &stream.Foreign{Stream: j.Name(), Reason: reason})
	}
	return nil
}

func knownJournal(data string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(data, knownFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("hub: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

func keepKnown(data, id string) error {
	path := filepath.Join(data, knownFile)
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	_, err = f.WriteString(id + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fmt.Errorf("hub: keep the journal's id: %w", err)
	}
	return nil
}

// end gives the journal's end, and for how long no hub worked on it, as far as is known. Of a shared journal a broker may
// show less than the others have, so that an entry is appended: all before it was there before.
func (h *Hub) end(ctx context.Context) (end uint64, absent time.Duration, err error) {
	if h.local != nil {
		absent, err = h.absence(time.Now())
		return h.journal.End(), absent, err
	}
	e, err := router.NewEntry(canon.EntryStarted, canon.Head{Actor: "hub"}, canon.Started{Node: h.o.Node, Run: h.run})
	if err != nil {
		return 0, 0, err
	}
	for {
		r, err := h.journal.Append(ctx, bus.ClassCommand, []bus.Entry{e})
		if err == nil {
			absent, err = h.silence(ctx, r)
			return r.Offset, absent, err
		}
		if ctx.Err() != nil || errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed) {
			return 0, 0, err
		}
		h.log.Warn("the journal takes nothing yet", "error", err)
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// silence is the fold time between an entry and the batch before it: while a node works, it renews its lease.
func (h *Hub) silence(ctx context.Context, r bus.Receipt) (time.Duration, error) {
	before, err := h.journal.ReadFrom(ctx, r.Offset-1, 1)
	if err != nil || r.Offset < 2 || len(before) == 0 {
		return 0, err
	}
	return time.Duration(r.Time - before[0].Time), nil
}

// fsyncs counts those of the journal; the brokers do their own.
func (h *Hub) fsyncs() float64 {
	if h.local == nil {
		return 0
	}
	return float64(h.local.Stats().Syncs)
}
