package reconcile

import (
	"context"
	"fmt"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// adoptPage is how many items one adoption entry names: the fold's work for an entry is bounded.
const adoptPage = 200

// stockAuthorityHub is the word of the settings for: the hub counts stock.
const stockAuthorityHub = "hub"

// AdoptConnection fixes the opening stock of every item that a connection lists and that has none yet, page by page,
// and returns when it is folded. It comes before the first write to a connection that went live. Where only parts of it
// are live, these are the items with a level that is. Where a platform is the stock authority there is nothing to adopt.
func AdoptConnection(ctx context.Context, j Journal, s store.Store, conn *canon.Connection) error {
	head := canon.Head{Connection: conn.Name, Actor: "hub", Cause: conn.LiveSince}
	from := ""
	var last uint64
	for {
		items, next, err := unadopted(s, conn, from)
		if err != nil {
			return err
		}
		if len(items) > 0 {
			receipt, err := appendAdoption(ctx, j, head, items)
			if err != nil {
				return err
			}
			last = receipt.Offset
		}
		if next == "" {
			break
		}
		from = next
	}
	if last == 0 {
		return nil
	}
	return j.WaitFolded(ctx, last)
}

// unadopted gives a page of items to adopt, and where the next page begins; "" at the end.
func unadopted(s store.Store, conn *canon.Connection, from string) (items []string, next string, err error) {
	connection := conn.Name
	v, err := s.View()
	if err != nil {
		return nil, "", fmt.Errorf("reconcile: adopt stock of %s: %w", connection, err)
	}
	defer v.Close()
	settings, err := store.Load[canon.Settings](v, store.KeySettings)
	if err != nil || settings == nil || settings.StockAuthority != stockAuthorityHub {
		return nil, "", err
	}
	if len(conn.Scopes) > 0 {
		return unadoptedLive(v, &reach{conn: conn, settings: settings}, from)
	}
	err = v.Scan(store.PrefixRecord+store.TypeItem+"/", from, func(key string, value []byte) (bool, error) {
		var item struct {
			ID       string          `json:"id"`
			Adopted  bool            `json:"adopted"`
			Listings []canon.Listing `json:"listings"`
		}
		if err := json.Unmarshal(value, &item); err != nil {
			return false, fmt.Errorf("%w: the record of key %q is not an item", store.ErrCorrupt, key)
		}
		if item.Adopted {
			return true, nil
		}
		for _, l := range item.Listings {
			if l.Connection == connection {
				items = append(items, item.ID)
				break
			}
		}
		if len(items) == adoptPage {
			next = key + "\x00"
			return false, nil
		}
		return true, nil
	})
	return items, next, err
}

// unadoptedLive gives a page of items to adopt by the levels of the parts that are live.
func unadoptedLive(v store.View, r *reach, from string) (items []string, next string, err error) {
	prefix := store.BindingKey(intake.LevelKey(r.conn.Name, ""))
	seen := make(map[string]bool)
	err = v.Scan(prefix, from, func(key string, _ []byte) (bool, error) {
		level := key[len(prefix):]
		if r.level(level) != canon.ModeLive {
			return true, nil
		}
		item, err := itemOf(v, r.conn.Name, level)
		if err != nil || item == nil || item.Adopted || seen[item.ID] {
			return err == nil, err
		}
		seen[item.ID] = true
		if items = append(items, item.ID); len(items) == adoptPage {
			next = key + "\x00"
			return false, nil
		}
		return true, nil
	})
	return items, next, err
}

func appendAdoption(ctx context.Context, j Journal, head canon.Head, items []string) (bus.Receipt, error) {
	e, err := router.NewEntry(canon.EntryAdopt, head, canon.Adopt{Items: items})
	if err != nil {
		return bus.Receipt{}, err
	}
	return intake.Append(ctx, j, bus.ClassCommand, e)
}

// Adopter fixes the opening stock of items that come to a live connection later. One serves the whole hub.
type Adopter struct {
	Journal Journal
	// Commits are what the fold commits, in order.
	Commits <-chan router.Commit
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready <-chan struct{}
}

// Run adopts until ctx ends or Commits is closed, then returns nil. What it returns is an error of the journal.
func (a *Adopter) Run(ctx context.Context) error {
	waiting := make(map[string]bool)
	ready := a.Ready
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
			ready = nil
		case commit, ok := <-a.Commits:
			if !ok {
				return nil
			}
			for _, id := range commit.Adopt {
				waiting[id] = true
			}
		}
		if ready != nil || len(waiting) == 0 {
			continue
		}
		if err := a.adopt(ctx, waiting); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		clear(waiting)
	}
}

func (a *Adopter) adopt(ctx context.Context, waiting map[string]bool) error {
	var page []string
	flush := func() error {
		if len(page) == 0 {
			return nil
		}
		_, err := appendAdoption(ctx, a.Journal, canon.Head{Actor: "hub"}, page)
		page = nil
		return err
	}
	for id := range waiting {
		if page = append(page, id); len(page) == adoptPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
