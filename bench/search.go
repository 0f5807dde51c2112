package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/search"
	"github.com/jumpring/jumpring/core/search/searchtest"
	"github.com/jumpring/jumpring/core/store"
)

// The limits of searching, in milliseconds.
const (
	mostSearch = 50
	mostRecord = 1
)

const (
	searchPieces = 100_000
	searchSeed   = 1
	searchAsked  = 400 // queries of each kind
)

// searching measures searches with facets among many pieces, and one record, through the API.
func (b *bench) searching() error {
	note("search: a view with %d pieces behind the API", searchPieces)
	child, err := b.start(role{Name: "search", Dir: filepath.Join(b.dir, "search"), Pieces: searchPieces})
	if err != nil {
		return err
	}
	l := newLoader(child.Address, adminToken)
	r := searchtest.Rand(searchSeed + 1)
	queries, free := make([]string, searchAsked), make([]string, searchAsked)
	for i := range queries {
		queries[i] = "/v1/search/items?" + attributeQuery(r).Encode()
		free[i] = "/v1/search/items?" + url.Values{"q": {freeQuery(r)}}.Encode()
	}
	records := make([]string, 10*searchAsked)
	for i := range records {
		records[i] = "/v1/items/" + searchtest.ID(r.IntN(searchPieces))
	}
	for _, part := range []struct {
		what  string
		paths []string
		limit float64
	}{{"search by attributes with facets, p99", queries, mostSearch}, {"search by free words with facets, p99", free, mostSearch}, {"one record, p99", records, mostRecord}} {
		if _, err := l.latencies(part.paths[:len(part.paths)/10]); err != nil { // warm
			return err
		}
		took, err := l.latencies(part.paths)
		if err != nil {
			return err
		}
		p99 := took[len(took)*99/100]
		b.rows = append(b.rows, row{
			what: part.what, unit: " ms", hub: p99, value: p99, limit: part.limit,
			note: fmt.Sprintf("p50 %.2f ms, most %.2f ms of %d, one at a time", took[len(took)/2], took[len(took)-1], len(took)),
		})
	}
	note("  %s", child.Note)
	return nil
}

// latencies gets paths one after the other and gives the times in milliseconds, sorted.
func (l *loader) latencies(paths []string) ([]float64, error) {
	var x exchange
	return timed(len(paths), func(i int) error {
		if err := l.get(&x, paths[i]); err != nil {
			return fmt.Errorf("%s: %w", paths[i], err)
		}
		return nil
	})
}

// timed does something n times, one after the other, and gives the times in milliseconds, sorted.
func timed(n int, do func(i int) error) ([]float64, error) {
	out := make([]float64, n)
	for i := range out {
		start := time.Now()
		if err := do(i); err != nil {
			return nil, err
		}
		out[i] = float64(time.Since(start).Microseconds()) / 1000
	}
	slices.Sort(out)
	return out, nil
}

func one(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// attributeQuery is what a person clicks together: one to five conditions, now and then an order.
func attributeQuery(r *rand.Rand) url.Values {
	conditions := []string{
		"shape:" + one(r, "round", "princess", "oval,cushion"), "carat:" + one(r, "0.5..1", "1..1.5", "2.."), "colour:" + one(r, "D..F", "F..G", "H.."), "clarity:" + one(r, "VS", "..VVS2", "SI"),
		"metal:" + one(r, "platinum", "gold", "silver"), "price:" + one(r, "..9000 EUR", "5000..20000 EUR", "..10000 USD"), "location:" + one(r, "boutique-paris", "geneva"), "status:in_stock",
		"brand:" + one(r, "Aurum", "Stella", "Lotus"), "attr.collection:" + one(r, "Luna", "Mare"),
	}
	r.Shuffle(len(conditions), func(i, k int) { conditions[i], conditions[k] = conditions[k], conditions[i] })
	q := url.Values{"filter": conditions[:1+r.IntN(5)]}
	if by := one(r, "", "price:EUR", "-carat", "newest"); by != "" {
		q.Set("sort", by)
	}
	return q
}

func freeQuery(r *rand.Rand) string {
	return one(r, "princess 1-1.5 ct F-G VS platinum under 9,000 EUR in Paris", "halo ring white gold", "maison lumiere solitaire", "vintge rings under 5000", "round 1 ct GIA in stock", "sapphire necklace", "RG-000042", "emerald cut over 2ct D-F IF-VVS2")
}

// shelf is a view of the records alone, as the API needs it.
type shelf struct {
	api.Hub
	store store.Store
}

func (s shelf) View() (store.View, error)             { return s.store.View() }
func (s shelf) Missing(context.Context) []api.Missing { return nil }

func (s shelf) Subscribe(ctx context.Context) <-chan router.Commit { return noCommits(ctx) }

// searchHub runs the API over a view that has pieces and nothing else.
func (r *role) searchHub(ctx context.Context) error {
	st, err := store.Open(store.Options{Dir: filepath.Join(r.Dir, "view")})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // its folder is removed
	if err := stockShelf(st, r.Pieces); err != nil {
		return err
	}
	finder, took := loadedIndex(ctx, st)
	// The memory is that of a second one: the first stirs up what the store keeps.
	before := heap()
	second, _ := loadedIndex(ctx, st)
	after := heap()
	runtime.KeepAlive(second)
	tokens, err := access.NewKeeper(&drawer{m: map[string][]byte{}}, time.Now)
	if err != nil {
		return err
	}
	if _, err := tokens.Adopt(adminToken, "admin", access.RoleAdmin, "", time.Time{}); err != nil {
		return err
	}
	doors, err := api.New(api.Options{Hub: shelf{store: st}, Tokens: tokens, Search: finder, Metrics: prometheus.NewRegistry(), Log: hclog.NewNullLogger()})
	if err != nil {
		return err
	}
	return serveWith(ctx, doors.App(), fmt.Sprintf("the index of %d pieces takes %.0f MB and was read in %.1f s", r.Pieces, float64(after-before)/1e6, took.Seconds()))
}

// loadedIndex reads the records and tells how long that took.
func loadedIndex(ctx context.Context, st store.Store) (*search.Live, time.Duration) {
	ready := make(chan struct{})
	close(ready)
	finder := search.NewLive(search.Options{Store: st, Ready: ready, Subscribe: noCommits})
	start := time.Now()
	go func() { _ = finder.Run(ctx) }() // ends with the process
	for finder.Loading() != "" {
		time.Sleep(5 * time.Millisecond)
	}
	return finder, time.Since(start)
}

// noCommits is the subscription to a view that nothing is added to.
func noCommits(ctx context.Context) <-chan router.Commit {
	out := make(chan router.Commit)
	context.AfterFunc(ctx, func() { close(out) })
	return out
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// stockShelf writes the pieces, each with the first row of its timeline.
func stockShelf(st store.Store, n int) error {
	r := searchtest.Rand(searchSeed)
	for i := 0; i < n; {
		var w store.Writes
		for range 500 {
			it := searchtest.Piece(r, i)
			raw, err := json.Marshal(it)
			if err != nil {
				return err
			}
			w.Put(store.RecordKey(store.TypeItem, it.ID), raw)
			if err := firstRow(&w, store.TypeItem, it.ID, it.Version); err != nil {
				return err
			}
			if i++; i == n {
				break
			}
		}
		if err := st.Commit(&w, store.Mark{Position: canon.Position{Offset: uint64(i)}}); err != nil {
			return err
		}
	}
	return nil
}

// firstRow writes the first row of a record's timeline.
func firstRow(w *store.Writes, typ, id string, at canon.Position) error {
	raw, err := json.Marshal(canon.Row{Entity: id, Type: typ, Event: typ + ".created", At: time.Unix(int64(at.Offset), 0).UTC(), Actor: "connection:till", Position: at})
	if err != nil {
		return err
	}
	w.Put(store.RowKey(at, 0), raw)
	w.Put(store.EntityKey(id, at, 0), nil)
	return nil
}

// drawer keeps tokens in memory.
type drawer struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (d *drawer) Put(_, k string, v []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m[k] = v
	return nil
}

func (d *drawer) Get(_, k string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.m[k], nil
}

func (d *drawer) Delete(_, k string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, k)
	return nil
}

func (d *drawer) List(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for k := range d.m {
		out = append(out, k)
	}
	return out, nil
}
