// Package intaketest has a small hub for tests of what stands around the fold: a journal in memory, a fold of levels,
// cursors and modes alone, and a scripted platform. Its rules for levels are those of the real fold, without items
// behind them: a test says what a level should show.
package intaketest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// EntryWant is the entry by which a test says what a level should show.
const EntryWant canon.EntryType = "test.want"

// Want is the data of EntryWant.
type Want struct {
	ExternalID string
	Quantity   int64
	ByClaim    bool
}

// EntryExpect is the entry by which a test says that a platform will change a level by itself.
const EntryExpect canon.EntryType = "test.expect"

// Expect is the data of EntryExpect.
type Expect struct {
	ExternalID string
	Shows      int64
	After      time.Duration
}

// EntryUnadopted is the entry by which a test names items without a fixed opening stock; its data is a canon.Adopt.
const EntryUnadopted canon.EntryType = "test.unadopted"

// Entry is a journaled entry with its position.
type Entry struct {
	Position canon.Position
	Class    bus.Class
	Head     canon.Head
	bus.Entry
}

// Hub is the journal and the view. It outlives the processes that use it: see Process.
type Hub struct {
	Store *store.Memory
	mu    sync.Mutex
	log   []Entry
	end   uint64
	subs  []chan router.Commit
}

// New gives an empty hub.
func New() *Hub { return &Hub{Store: store.NewMemory()} }

// Process is one run of a hub: what it appends after Kill is not written.
type Process struct {
	*Hub
	mu     sync.Mutex
	killed bool
	refuse func(class bus.Class, entries []bus.Entry) error
}

// Refuse has fn asked before each append from now on; its error is what the append returns.
func (p *Process) Refuse(fn func(class bus.Class, entries []bus.Entry) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = fn
}

// ErrKilled is what a killed process gets.
var ErrKilled = errors.New("process is killed")

// Start begins a process.
func (h *Hub) Start() *Process { return &Process{Hub: h} }

// Kill ends the process: nothing that it appends from now on is written.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
}

// Append implements the Journal of intake and reconcile.
func (p *Process) Append(_ context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return bus.Receipt{}, ErrKilled
	}
	if p.refuse != nil {
		if err := p.refuse(class, entries); err != nil {
			return bus.Receipt{}, err
		}
	}
	return p.Hub.append(class, entries)
}

// WaitFolded returns at once: an append is folded when it returns.
func (h *Hub) WaitFolded(ctx context.Context, _ uint64) error { return ctx.Err() }

// End is the offset of the newest batch.
func (h *Hub) End() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end
}

// Commits subscribes to commits from now on.
func (h *Hub) Commits() <-chan router.Commit {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan router.Commit, 100_000)
	h.subs = append(h.subs, c)
	return c
}

// Log gives the journaled entries of some types, or of all.
func (h *Hub) Log(types ...canon.EntryType) []Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Entry
	for _, e := range h.log {
		for _, t := range types {
			if e.Type == string(t) {
				out = append(out, e)
			}
		}
		if len(types) == 0 {
			out = append(out, e)
		}
	}
	return out
}

// Tell appends an entry of a person or of the world and panics when it can't be folded.
func (h *Hub) Tell(typ canon.EntryType, head canon.Head, data any) canon.Position {
	e, err := router.NewEntry(typ, head, data)
	if err != nil {
		panic(err)
	}
	receipt, err := h.append(bus.ClassCommand, []bus.Entry{e})
	if err != nil {
		panic(err)
	}
	return receipt.Position(0)
}

// Want says what a level should show.
func (h *Hub) Want(connection, levelID string, quantity int64, byClaim bool) canon.Position {
	return h.Tell(EntryWant, canon.Head{Connection: connection}, Want{ExternalID: levelID, Quantity: quantity, ByClaim: byClaim})
}

// Observe journals what a level is seen to show; fetched gives it a read stamp.
func (h *Hub) Observe(connection, levelID string, available int64, fetched bool) canon.Position {
	head := canon.Head{Connection: connection}
	if fetched {
		head.ReadStamp = canon.Position{Offset: h.End()}
	}
	return h.Tell(canon.EntryObservation, head, Level(levelID, available))
}

// Expect makes the fold expect that a level will show a value, and ask for a read of it after some time.
func (h *Hub) Expect(connection, levelID string, shows int64, after time.Duration) canon.Position {
	return h.Tell(EntryExpect, canon.Head{Connection: connection}, Expect{ExternalID: levelID, Shows: shows, After: after})
}

// Adopt makes the fold say that items have no fixed opening stock.
func (h *Hub) Adopt(items ...string) canon.Position {
	return h.Tell(EntryUnadopted, canon.Head{}, canon.Adopt{Items: items})
}

// SetMode puts a connection into a mode.
func (h *Hub) SetMode(connection string, mode canon.Mode) canon.Position {
	return h.Tell(canon.EntryCommand, canon.Head{Connection: connection}, canon.Command{SetMode: &canon.SetMode{Connection: connection, Mode: mode}})
}

// Put writes a record into the view.
func (h *Hub) Put(key string, record any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tx, done := h.begin()
	defer done()
	must(store.Save(tx, key, record))
	must(h.Store.Commit(tx.Writes(), h.mark()))
}

// Get reads a record; nil when there is none.
func Get[T any](h *Hub, key string) *T {
	v, err := h.Store.View()
	must(err)
	defer v.Close()
	record, err := store.Load[T](v, key)
	must(err)
	return record
}

// Connection reads what the view knows of a connection.
func (h *Hub) Connection(name string) *canon.Connection {
	return Get[canon.Connection](h, store.PrefixConn+name)
}

// Binding reads a level's binding.
func (h *Hub) Binding(connection, levelID string) *canon.Binding {
	return Get[canon.Binding](h, store.BindingKey(levelKey(connection, levelID)))
}

// Level makes the observation of a stock level.
func Level(levelID string, available int64) *canon.Observation {
	stockID, location := canon.SplitLevelID(levelID)
	return &canon.Observation{
		Kind: canon.KindLevel, ExternalID: levelID,
		Level: &canon.LevelState{StockID: stockID, Location: location, Available: &available},
	}
}

func levelKey(connection, levelID string) canon.BindingKey {
	return canon.BindingKey{Connection: connection, Kind: canon.KindLevel, ExternalID: levelID, Aspect: canon.AspectMain}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (h *Hub) begin() (*store.Tx, func()) {
	v, err := h.Store.View()
	must(err)
	return store.NewTx(v), v.Close
}

func (h *Hub) mark() store.Mark {
	return store.Mark{JournalID: "test", Position: canon.Position{Offset: h.end}, Time: time.Now().UnixNano(), FoldVersion: 1}
}

// append writes and folds a batch.
func (h *Hub) append(class bus.Class, entries []bus.Entry) (bus.Receipt, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end++
	now := time.Now()
	f := &fold{at: now, commit: router.Commit{Time: now, Entries: len(entries)}}
	var done func()
	f.tx, done = h.begin()
	defer done()
	for i, e := range entries {
		f.pos = canon.Position{Offset: h.end, Index: uint32(i)}
		var head canon.Head
		must(json.Unmarshal(e.Head, &head))
		h.log = append(h.log, Entry{Position: f.pos, Class: class, Head: head, Entry: e})
		if err := f.apply(canon.EntryType(e.Type), head, e.Data); err != nil {
			panic(fmt.Sprintf("entry %s %s: %v", f.pos, e.Type, err))
		}
	}
	must(h.Store.Commit(f.tx.Writes(), h.mark()))
	f.commit.Mark = h.mark()
	for _, c := range h.subs {
		c <- f.commit
	}
	return bus.Receipt{Offset: h.end, Time: now.UnixNano()}, nil
}
