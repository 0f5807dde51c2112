package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/alarm"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/search"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/vault"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Hub is a running hub. Open gives one, Run works it, Close ends it.
type Hub struct {
	o       Options
	log     hclog.Logger
	journal journal
	local   *embedded.Journal // the journal, if it is this node's alone
	late    *late             // the journal, if it is shared and the node has a view of it
	store   *store.Badger
	router  *router.Router
	vault   *vault.Vault
	side    sideState   // rotated credentials, tokens, staff, the key of reports
	shared  *sharedSide // the side state, if nodes share it
	// ready is closed when the fold has passed the journal's end as it was at the start: no effect runs before.
	ready chan struct{}
	link  *link // to RabbitMQ; nil for none. Set before the doors open.

	search *search.Live
	// auditor seals, and keeps who read what. Set before the doors open.
	auditor *auditor
	alarms  *alarm.Keeper
	backups *backups
	// version and metrics are for the support bundle. Set before the doors open.
	version string
	metrics prometheus.Gatherer

	mu          sync.RWMutex // guards connections, deliveries, changed, and of o Connections and Settings: a reload changes them
	connections map[string]*connection
	deliveries  map[string]*deliveries
	changed     chan struct{} // closed and replaced when connections change
	reloads     chan reload
	reloading   sync.Mutex
	settingsMu  sync.Mutex
	driftMu     sync.Mutex
	run         string                           // names this process among the node's
	leading     atomic.Bool                      // this node polls and writes
	guard       atomic.Pointer[canon.LeaseGuard] // of the lease that this node holds; nil for none
	parting     *tenure                          // the lease that this node has when it stops, for part alone
	renewals    chan struct{}                    // asks to look at the connections' credentials
	outwardOver chan struct{}                    // closed when the outward side has ended for good
}

// journal is what the hub needs of its journal.
type journal interface {
	bus.Journal
	SetFold(folded func() uint64)
	ClockSkew() time.Duration
}

// Open opens the data folder. Nothing is called and nothing is folded before Run.
func Open(ctx context.Context, o Options) (*Hub, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	h := &Hub{o: o, log: o.Logger, ready: make(chan struct{}), connections: make(map[string]*connection), deliveries: make(map[string]*deliveries), changed: make(chan struct{}), reloads: make(chan reload), run: ulid.Make().String(), outwardOver: make(chan struct{}), renewals: make(chan struct{}, 1)}
	var err error
	if o.Stream != nil {
		err = h.openShared(ctx)
	} else {
		err = h.openLocal(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := h.mustKnowRules(); err != nil {
		return nil, errors.Join(err, h.store.Close(), h.journal.Close())
	}
	var sides func([]router.Side)
	if err = h.mustKnowRules(); err == nil {
		err = h.openSide()
	}
	if err == nil {
		if h.shared != nil {
			sides = h.shared.folded
		}
		h.router, err = router.New(router.Options{Journal: h.journal, Store: h.store, Sides: sides, Logger: h.log.Named("fold")})
	}
	if err != nil {
		return nil, errors.Join(err, h.store.Close(), h.journal.Close())
	}
	h.journal.SetFold(func() uint64 { return h.router.Mark().Position.Offset })
	h.search = search.NewLive(search.Options{
		Store: h.store, Subscribe: h.router.Subscribe, Ready: h.ready, Region: o.Settings.Region, Log: h.log.Named("search"),
	})
	for i := range o.Connections {
		c := &o.Connections[i]
		h.connections[c.Name] = newConnection(h, c)
		if err := h.openDeliveries(c.Name); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

// openLocal opens the journal and the view of the data folder.
func (h *Hub) openLocal(ctx context.Context) error {
	// The journal's lock comes first: one process at a time works in a data folder.
	j, err := openJournal(&h.o)
	if err != nil {
		return err
	}
	if h.vault, err = OpenVault(h.o.Data, h.o.VaultKey); err != nil {
		return errors.Join(err, j.Close())
	}
	if h.store, err = openView(ctx, h.o.Data, j, h.log); err != nil {
		return errors.Join(err, j.Close())
	}
	h.journal, h.local = j, j
	return nil
}

// Close releases the data folder. Run must have ended.
func (h *Hub) Close() error {
	return errors.Join(h.store.Close(), h.journal.Close())
}

// Run works the hub until ctx ends. It returns nil then, or the error that stopped the node.
func (h *Hub) Run(ctx context.Context) error {
	if err := h.Attach(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := h.router.Begin(ctx); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	start, absent, err := h.end(ctx)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.router.Run(ctx) })
	g.Go(func() error { return h.awaitReady(ctx, start, absent) })
	g.Go(func() error { return h.keepAlive(ctx) })
	g.Go(func() error { return h.runSnapshots(ctx) })
	g.Go(func() error { return h.search.Run(ctx) })
	g.Go(func() error { sdk.ReturnIdleMemory(ctx); return nil })
	g.Go(func() error { return h.runConnections(ctx, g) })
	g.Go(func() error { return h.runReloads(ctx, g) })
	if h.shared != nil {
		g.Go(func() error { return h.shared.runCopies(ctx) })
	}
	g.Go(func() error {
		err := h.lead(ctx)
		close(h.outwardOver)
		h.part()
		return err
	})
	err = g.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (h *Hub) awaitReady(ctx context.Context, start uint64, absent time.Duration) error {
	err := h.router.WaitFolded(ctx, start)
	if err == nil && h.shared != nil {
		err = h.shared.begin(ctx)
	}
	if err == nil {
		err = h.fallBack(ctx, absent)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	close(h.ready)
	return nil
}

// outward does what one node at a time may do: the clock, pages of work, polls and writes of every connection, devices
// and changes over the bus. It ends with ctx.
func (h *Hub) outward(ctx context.Context, j reconcile.Journal) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.runClock(ctx) })
	g.Go(func() error { return h.runRefresh(ctx) })
	adopter := &reconcile.Adopter{Journal: j, Commits: h.router.Subscribe(ctx), Ready: h.ready}
	g.Go(func() error { return adopter.Run(ctx) })
	if h.link != nil {
		g.Go(func() error { return h.link.run(ctx, h.router, j) })
	}
	g.Go(func() error { return h.runOutwards(ctx, g, j) })
	return g.Wait()
}

// Ready is closed when the view holds all that the journal held at the start.
func (h *Hub) Ready() <-chan struct{} { return h.ready }

// Store gives the view.
func (h *Hub) Store() store.Store { return h.store }

// Router gives the fold.
func (h *Hub) Router() *router.Router { return h.router }

// Search gives the indexes of pieces and clients.
func (h *Hub) Search() *search.Live { return h.search }

// Local gives the journal of the data folder; nil where nodes share one.
func (h *Hub) Local() *embedded.Journal { return h.local }

// Journal gives the journal.
func (h *Hub) Journal() bus.Journal { return h.journal }

// Vault gives the sealed side state.
func (h *Hub) Vault() *vault.Vault { return h.vault }

// snapshotCheck is how often the hub looks whether a snapshot of the view is due.
const snapshotCheck = 15 * time.Second

// runSnapshots keeps a restart short: the journal behind the newest snapshot stays bounded.
func (h *Hub) runSnapshots(ctx context.Context) error {
	last := h.router.Mark().Position.Offset
	tick := time.NewTicker(snapshotCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at := h.router.Mark().Position.Offset
		if at < last+h.o.SnapshotEvery {
			continue
		}
		if _, err := h.Snapshot(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			// The journal holds everything: without a snapshot the next start only takes longer.
			h.log.Error("the view's snapshot failed", "error", err)
			continue
		}
		last = at
	}
}

// runRefresh computes the items again after the settings changed, page by page.
func (h *Hub) runRefresh(ctx context.Context) error {
	changed := h.settingsChanges(ctx)
	select {
	case <-h.ready:
	case <-ctx.Done():
		return nil
	}
	for {
		if err := h.refresh(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// settingsChanges signals commits that changed the settings. It takes every commit at once, so that none pile up while
// the items are computed again, which takes long under load.
func (h *Hub) settingsChanges(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	commits := h.router.Subscribe(ctx)
	go func() { // ends with ctx, which closes commits
		for c := range commits {
			if !c.Settings {
				continue
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed
}

// refreshPage is how many records or listings one entry computes again. It is small because one record may open a case for
// each of its fields, and what one entry may write is bounded.
const refreshPage = 25

// refresh has everything computed again that was computed under other settings: items, products and clients, then the
// listings that were no item's.
func (h *Hub) refresh(ctx context.Context) error {
	pending, err := h.refreshPending()
	if err != nil || !pending {
		return err
	}
	for _, of := range []struct {
		typ string
		ids func(r *canon.Refresh) *[]string
	}{
		{store.TypeItem, func(r *canon.Refresh) *[]string { return &r.Items }},
		{store.TypeProduct, func(r *canon.Refresh) *[]string { return &r.Products }},
		{store.TypeClient, func(r *canon.Refresh) *[]string { return &r.Clients }},
	} {
		prefix := store.PrefixRecord + of.typ + "/"
		err = h.refreshPages(ctx, prefix, func(keys []string, _ bool) (canon.Refresh, error) {
			page := canon.Refresh{Items: []string{}}
			for _, key := range keys {
				*of.ids(&page) = append(*of.ids(&page), key[len(prefix):])
			}
			return page, nil
		})
		if err != nil {
			return err
		}
	}
	return h.refreshPages(ctx, store.PrefixMatch, func(keys []string, last bool) (canon.Refresh, error) {
		page := canon.Refresh{Items: []string{}, Done: last}
		v, err := h.store.View()
		if err != nil {
			return page, err
		}
		defer v.Close()
		for _, key := range keys {
			row, err := store.Load[canon.MatchRow](v, key)
			if err != nil {
				return page, err
			}
			if row != nil {
				page.Listings = append(page.Listings, row.Node)
			}
		}
		return page, nil
	})
}

// refreshPages appends an entry for each page of the keys under a prefix; an empty one only where it says that it is the
// last.
func (h *Hub) refreshPages(ctx context.Context, prefix string, entry func(keys []string, last bool) (canon.Refresh, error)) error {
	from := ""
	for {
		var page []string
		v, err := h.store.View()
		if err != nil {
			return err
		}
		err = v.Scan(prefix, from, func(key string, _ []byte) (bool, error) {
			page = append(page, key)
			return len(page) < refreshPage, nil
		})
		v.Close()
		if err != nil {
			return err
		}
		last := len(page) < refreshPage
		r, err := entry(page, last)
		if err != nil {
			return err
		}
		if len(page) == 0 && !r.Done {
			return nil
		}
		e, err := router.NewEntry(canon.EntryRefresh, canon.Head{Actor: "hub"}, r)
		if err != nil {
			return err
		}
		if err := h.appendAndFold(ctx, bus.ClassPoll, e); err != nil {
			return err
		}
		if last {
			return nil
		}
		from = page[len(page)-1] + "\x00"
	}
}

func (h *Hub) refreshPending() (bool, error) {
	v, err := h.store.View()
	if err != nil {
		return false, err
	}
	defer v.Close()
	return router.RefreshPending(v)
}

// NewestSnapshot finds the newest snapshot of the view that the journal confirms; ok is false when there is
// none.
func (h *Hub) NewestSnapshot(ctx context.Context) (path string, mark store.Mark, ok bool, err error) {
	return newestSnapshot(ctx, h.o.Data, h.journal, h.log)
}

// Snapshot writes a snapshot of the view, archives the segments that the older of the kept snapshots covers, and gives
// its path.
func (h *Hub) Snapshot(ctx context.Context) (string, error) {
	v, err := h.store.View()
	if err != nil {
		return "", err
	}
	path, err := store.WriteSnapshot(ctx, v, h.folder(snapshotFolder))
	v.Close()
	if err != nil {
		return "", err
	}
	marks, err := store.SnapshotMarks(h.folder(snapshotFolder))
	if err != nil || len(marks) < 2 || h.local == nil {
		return path, err
	}
	moved, err := h.local.Archive(ctx, marks[len(marks)-1].Position.Offset)
	if len(moved) > 0 {
		h.log.Info("full segments were archived", "segments", len(moved), "folder", h.o.Archive)
	}
	return path, err
}
