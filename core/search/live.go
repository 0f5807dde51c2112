package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-json"
	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// ErrLoading is the error of a search while the indexes are read from the view after a start.
var ErrLoading = errors.New("search: the records are still being read")

// Options are what Live needs.
type Options struct {
	// Store is the view; Subscribe gives each commit after the view holds it; Ready is closed when the view holds all
	// that the journal held at the start.
	Store     store.Store
	Subscribe func(ctx context.Context) <-chan router.Commit
	Ready     <-chan struct{}
	// Region is the default region of phone numbers, ISO 3166-1 alpha-2.
	Region string
	Log    hclog.Logger
}

// Live keeps the indexes in step with the view. A commit only notes which records it changed. They are read when
// somebody asks, which so finds what was just changed, and otherwise when it is quiet: a burst of facts does not pay
// for searches that nobody makes.
type Live struct {
	o              Options
	pieces, people *Index

	mu     sync.Mutex
	dirty  map[string]bool // keys of records to read
	seen   canon.Position  // every change up to it is in dirty or in the indexes
	moved  chan struct{}   // closed when seen moves
	loaded bool
	read   int // records read at the start
	// trouble is why they could not be read; it names a key, never content.
	trouble string

	catching sync.Mutex // held by whoever brings the indexes up to date
	asked    atomic.Int64
}

// NewLive makes empty indexes. Run fills them.
func NewLive(o Options) *Live {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Live{
		o: o, pieces: newIndex(pieces, pieceKinds, o.Region), people: newIndex(people, clientKinds, o.Region),
		dirty: map[string]bool{}, moved: make(chan struct{}),
	}
}

// When the records that changed are read although nobody asks: when nothing has changed for quiet, or when more have
// than keep; that is less while somebody searches, who would have to wait for them.
const (
	quiet       = 300 * time.Millisecond
	keep        = 20_000
	keepInUse   = 1000
	inUse       = time.Minute
	chunk       = 256 // records between which searches get a turn
	seenTimeout = 5 * time.Second
)

// Run loads the indexes and follows the commits until ctx ends. A failure to read the view stops nothing but searches:
// they answer that the records are being read, Loading says what is wrong, and the reading begins again after a while.
func (l *Live) Run(ctx context.Context) error {
	select {
	case <-l.o.Ready:
	case <-ctx.Done():
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	// First listen, then read: what changes meanwhile is read again.
	commits := l.o.Subscribe(ctx)
	var loader sync.WaitGroup
	loader.Add(1)
	go func() { defer loader.Done(); l.loadUntilDone(ctx) }()
	defer loader.Wait()
	defer cancel()
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case c, ok := <-commits:
			if !ok {
				return nil
			}
			if l.note(&c) < l.kept() {
				timer.Reset(quiet)
				continue
			}
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if l.Loading() != "" {
			timer.Reset(quiet)
			continue
		}
		if err := l.catchUp(); err != nil {
			// The next search tries again, and says so if it can't.
			l.o.Log.Error("changed records could not be read", "error", err)
		}
	}
}

// again is how long after a failure the records are read anew.
const again = 30 * time.Second

func (l *Live) loadUntilDone(ctx context.Context) {
	for {
		err := l.load(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		l.o.Log.Error("the records could not be read for searching", "error", err)
		l.mu.Lock()
		l.trouble = err.Error()
		l.mu.Unlock()
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return
		}
	}
}

func (l *Live) kept() int {
	if time.Since(time.Unix(0, l.asked.Load())) < inUse {
		return keepInUse
	}
	return keep
}

// note takes in which records a commit changed and gives how many wait to be read.
func (l *Live) note(c *router.Commit) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range c.Records {
		if strings.HasPrefix(key, prefixItem) || strings.HasPrefix(key, prefixClient) || strings.HasPrefix(key, prefixProduct) {
			l.dirty[key] = true
		}
	}
	l.advance(c.Mark.Position)
	return len(l.dirty)
}

func (l *Live) advance(to canon.Position) {
	if to.Compare(l.seen) > 0 {
		l.seen = to
		close(l.moved)
		l.moved = make(chan struct{})
	}
}

var (
	prefixItem    = store.RecordKey(store.TypeItem, "")
	prefixClient  = store.RecordKey(store.TypeClient, "")
	prefixProduct = store.RecordKey(store.TypeProduct, "")
)

// Loading says how far the indexes are while they are read after a start; empty when they are there.
func (l *Live) Loading() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loaded {
		return ""
	}
	if l.trouble != "" {
		return "the records could not be read, and will be again: " + l.trouble
	}
	return fmt.Sprintf("%d records are read", l.read)
}

// Len gives how many pieces and clients are in the indexes.
func (l *Live) Len() (items, clients int) { return l.pieces.Len(), l.people.Len() }

// load reads every record from one state of the view.
func (l *Live) load(ctx context.Context) error {
	v, err := l.o.Store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return err
	}
	r := &recordReader{live: l, view: v, products: map[string]*canon.Product{}}
	for _, prefix := range []string{prefixItem, prefixClient} {
		err := v.Scan(prefix, "", func(key string, raw []byte) (bool, error) {
			if err := r.take(key, raw); err != nil {
				return false, err
			}
			if r.pending() >= chunk {
				l.mu.Lock()
				l.read += r.pending()
				l.mu.Unlock()
				r.flush()
			}
			return ctx.Err() == nil, nil
		})
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.flush()
	r.stamp(mark.Position)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.trouble = true, ""
	l.advance(mark.Position)
	return nil
}

// catchUp reads the records that changed.
func (l *Live) catchUp() error {
	l.catching.Lock()
	defer l.catching.Unlock()
	l.mu.Lock()
	dirty, to := l.dirty, l.seen
	l.dirty = map[string]bool{}
	l.mu.Unlock()
	err := l.refresh(dirty, to)
	if err != nil {
		l.mu.Lock()
		for key := range dirty {
			l.dirty[key] = true
		}
		l.mu.Unlock()
	}
	return err
}

func (l *Live) refresh(dirty map[string]bool, to canon.Position) error {
	r := &recordReader{live: l, products: map[string]*canon.Product{}}
	if len(dirty) > 0 {
		v, err := l.o.Store.View()
		if err != nil {
			return err
		}
		defer v.Close()
		r.view = v
		if err := r.refresh(dirty); err != nil {
			return err
		}
	}
	r.stamp(to)
	return nil
}

// await waits until every change up to a position is noted, and reads what is.
func (l *Live) await(ctx context.Context, at canon.Position) error {
	l.asked.Store(time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(ctx, seenTimeout)
	defer cancel()
	for {
		l.mu.Lock()
		loaded, seen, moved := l.loaded, l.seen, l.moved
		l.mu.Unlock()
		switch {
		case !loaded:
			return ErrLoading
		case seen.Compare(at) >= 0:
			return l.catchUp()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Items searches pieces.
func (l *Live) Items(ctx context.Context, r Request) (*Answer, error) {
	return l.answer(ctx, l.pieces, pieceRules, store.TypeItem, &r)
}

// Clients searches clients. Whoever may not see personal data finds nobody by it, so such a request is answered with
// nothing at all (invariant 7).
func (l *Live) Clients(ctx context.Context, r Request, seesPersonal bool) (*Answer, error) {
	if !seesPersonal {
		return &Answer{Sort: string(ByRelevance), Understood: []Reading{}}, nil
	}
	return l.answer(ctx, l.people, clientRules, store.TypeClient, &r)
}

func (l *Live) answer(ctx context.Context, x *Index, rules []rule, typ string, r *Request) (*Answer, error) {
	at := r.After
	v, err := l.o.Store.View()
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	mark, err := v.Mark()
	v.Close()
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	// What the view holds now is found, without being asked for: a person who has just changed a record sees it.
	if mark.Position.Compare(at) > 0 {
		at = mark.Position
	}
	if err := l.await(ctx, at); err != nil {
		return nil, err
	}
	p, err := x.plan(r, rules, x.usual())
	if err != nil {
		return nil, err
	}
	res, err := x.Search(p.query)
	if err != nil {
		return nil, err
	}
	a := &Answer{Total: res.Total, Position: res.Position, Understood: p.understood, Facets: res.Facets, Sort: string(p.query.Sort)}
	if res.Currency != "" {
		a.Sort += ":" + res.Currency
	}
	slipsRead(a.Understood, res.Read)
	if a.NextCursor, err = p.next(x, res); err != nil {
		return nil, err
	}
	return a, l.fill(a, typ, res.Hits)
}

// fill reads the records of the hits from the view.
func (l *Live) fill(a *Answer, typ string, hits []Hit) error {
	v, err := l.o.Store.View()
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	defer v.Close()
	for _, h := range hits {
		raw, ok, err := v.Get(store.RecordKey(typ, h.ID))
		if err != nil {
			return fmt.Errorf("search: a found record: %w", err)
		}
		if ok { // it may have become another one's since
			a.Records = append(a.Records, json.RawMessage(raw))
		}
	}
	return nil
}

// usual are the facets that are counted where none are asked for.
func (x *Index) usual() []string {
	out := []string{}
	for _, f := range x.list {
		if f.Facet {
			out = append(out, f.Name)
		}
	}
	return out
}
