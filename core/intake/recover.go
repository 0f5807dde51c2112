package intake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Bounds of the scans over bindings: how many are looked at in one view, and how many may wait to be read before the
// scan pauses.
const (
	scanPage    = 1000
	scanBacklog = 2000
)

// recoverReads asks again for what a stop of the hub left open: entities that were touched and not read, bindings that a read has to settle, writes whose
// outcome is not known or not verified, effects that were expected and not shown yet, and entities that the newest
// complete snapshot did not show.
func (c *Connection) recoverReads(ctx context.Context) error {
	conn, err := c.load()
	if err != nil {
		return err
	}
	if err := c.recoverHints(); err != nil {
		return err
	}
	settle := time.Duration(c.o.Describe.SettleMillis) * time.Millisecond
	return c.scanBindings(ctx, "", func(b *scannedBinding) {
		read := router.Read{Connection: c.o.Name, Ref: canon.Ref{Kind: b.Kind, ExternalID: b.ExternalID}, Cause: b.Known}
		switch {
		case b.Deleted:
		case b.Uncertain, b.Wants != nil && b.Wants.Expected:
			c.RequestRead(read, Soon, nil)
		case b.Wants != nil && b.Wants.unsettled():
			read.After, read.Cause = b.Wants.At.Add(settle), b.Wants.Attempt
			c.RequestRead(read, Soon, nil)
		case conn.Snapshot != nil && conn.Snapshot.Complete && missing(b, conn.Snapshot):
			c.RequestRead(read, Whenever, nil)
		}
	})
}

// recoverHints asks for the entities that thin notices named and nobody has read yet.
func (c *Connection) recoverHints() error {
	v, err := c.o.Store.View()
	if err != nil {
		return fmt.Errorf("intake: scan hints of %s: %w", c.o.Name, err)
	}
	defer v.Close()
	prefix := store.PrefixHint + c.o.Name + "/"
	return v.Scan(prefix, "", func(key string, value []byte) (bool, error) {
		kind, id, ok := strings.Cut(key[len(prefix):], "/")
		var cause canon.Position
		if err := json.Unmarshal(value, &cause); err != nil || !ok {
			return false, fmt.Errorf("%w: the record of key %q is not a hint", store.ErrCorrupt, key)
		}
		ref := canon.Ref{Kind: canon.Kind(kind), ExternalID: id}
		c.RequestRead(router.Read{Connection: c.o.Name, Ref: ref, Cause: cause}, Soon, nil)
		return true, nil
	})
}

// confirmMissing asks the platform for every entity of the covered kinds that a complete snapshot did not show, and
// gives how many there are. What the platform does not have becomes a deletion when the read is journaled.
func (c *Connection) confirmMissing(ctx context.Context, mark canon.SnapshotMark) (n int64, err error) {
	if !c.can[sdk.CanRead] {
		return 0, nil
	}
	for _, kind := range mark.Kinds {
		err := c.scanBindings(ctx, string(kind)+"/", func(b *scannedBinding) {
			if !b.Deleted && missing(b, &mark) {
				n++
				c.RequestRead(router.Read{
					Connection: c.o.Name, Ref: canon.Ref{Kind: b.Kind, ExternalID: b.ExternalID}, Cause: b.Known,
				}, Whenever, nil)
			}
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// missing reports whether a complete snapshot should have shown a binding and did not.
func missing(b *scannedBinding, mark *canon.SnapshotMark) bool {
	return slices.Contains(mark.Kinds, b.Kind) && b.SeenAt.Before(mark.StartedAt)
}

// scannedBinding is the part of a canon.Binding that says whether it has to be read.
type scannedBinding struct {
	canon.BindingKey
	Deleted   bool           `json:"deleted"`
	Uncertain bool           `json:"uncertain"`
	Known     canon.Position `json:"known"`
	SeenAt    time.Time      `json:"seen_at"`
	Wants     *scannedWant   `json:"wants"`
}

type scannedWant struct {
	Expected bool             `json:"expected"`
	Write    canon.WriteState `json:"write"`
	At       time.Time        `json:"at"`
	Attempt  canon.Position   `json:"attempt"`
}

func (w *scannedWant) unsettled() bool {
	return w.Write == canon.WriteAttempted || w.Write == canon.WriteUnverified || w.Write == canon.WriteUnknown
}

// scanBindings calls fn for the connection's bindings under a part of their key, page by page, each page in a view of
// its own, and lets the reads that fn asks for be made before it goes on.
func (c *Connection) scanBindings(ctx context.Context, under string, fn func(b *scannedBinding)) error {
	prefix := store.PrefixBinding + c.o.Name + "/" + under
	from := ""
	for {
		last, err := c.scanBindingPage(prefix, from, fn)
		if err != nil || last == "" {
			return err
		}
		from = last + "\x00"
		for {
			if waiting, _ := c.queue.counts(); waiting < scanBacklog {
				break
			}
			select {
			case <-c.queue.room:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// scanBindingPage gives the last key of a full page; "" at the end.
func (c *Connection) scanBindingPage(prefix, from string, fn func(b *scannedBinding)) (last string, err error) {
	v, err := c.o.Store.View()
	if err != nil {
		return "", fmt.Errorf("intake: scan bindings of %s: %w", c.o.Name, err)
	}
	defer v.Close()
	n := 0
	err = v.Scan(prefix, from, func(key string, value []byte) (bool, error) {
		var b scannedBinding
		if err := json.Unmarshal(value, &b); err != nil {
			return false, fmt.Errorf("%w: the record of key %q is not a binding", store.ErrCorrupt, key)
		}
		fn(&b)
		if n++; n == scanPage {
			last = key
			return false, nil
		}
		return true, nil
	})
	return last, err
}
