package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
)

// upTo is a journal as it was when it ended at an offset: other nodes go on appending to one that they share.
type upTo struct {
	bus.Journal
	end uint64
}

// End implements bus.Journal.
func (u upTo) End() uint64 { return u.end }

// ReadFrom implements bus.Journal.
func (u upTo) ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	if from > u.end {
		return nil, nil
	}
	batches, err := u.Journal.ReadFrom(ctx, from, maxBytes)
	for i := range batches {
		if batches[i].Offset > u.end {
			return batches[:i], err
		}
	}
	return batches, err
}

// Wait implements bus.Journal.
func (u upTo) Wait(ctx context.Context, offset uint64) error {
	if offset <= u.end {
		return u.Journal.Wait(ctx, offset)
	}
	<-ctx.Done()
	return ctx.Err()
}

// journalOf gives the journal as it is now.
func journalOf(h *hub.Hub) upTo {
	j := h.Journal()
	return upTo{j, j.End()}
}

// readBytes is how much of a stream is read at once.
const readBytes = 1 << 20

// stream reads a shared journal from a batch to its end. Every message has a checksum, and its reader computes the hash
// chain and holds it against what the senders knew of it.
func (c *console) stream(ctx context.Context, j upTo, from uint64, found *verified) error {
	bar := c.progress("stream")
	defer bar.end()
	found.From = from
	for at := from; at <= j.end; {
		batches, err := j.ReadFrom(ctx, at, readBytes)
		if err != nil {
			return fmt.Errorf("read the stream at %d: %w", at, err)
		}
		if len(batches) == 0 {
			return coded(exitFailed, fmt.Errorf("the stream has no batch %d, and ended at %d", at, j.end))
		}
		for i := range batches {
			if batches[i].Offset != at {
				return coded(exitFailed, fmt.Errorf("the stream gave batch %d where %d follows", batches[i].Offset, at))
			}
			at++
			found.Batches++
		}
		bar.at(int64(at-1), int64(j.end))
	}
	bar.done()
	return nil
}

// errStreamBackup says what is to be kept where nodes share a journal.
var errStreamBackup = errors.New("with journal: stream the journal is on the brokers, and a copy of this folder is no backup of it. " +
	"Keep three brokers or more, on disks of their own, and copy each one's data folder while it is stopped, one after the other. " +
	"Of each node keep the folder vault, vault.key or JUMPRING_KEY, journal.id and the configuration. See docs/several-nodes.md")

// ownJournal refuses what needs the journal in the data folder.
func ownJournal(cfg *config.Config) error {
	if cfg.Bus.Journal == config.JournalStream {
		return coded(exitUsage, errStreamBackup)
	}
	return nil
}
