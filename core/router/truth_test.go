package router

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// fourSources are the connections of the trade with an ERP beside the till and the two shops.
var fourSources = []string{"till", "web", "shop", "erp"}

// truthSettings are those of four sources; nobody melts alone.
func truthSettings() canon.Settings {
	s := testSettings()
	erp := s.Connections[2]
	erp.Name, erp.Connector = "erp", "netsuite"
	s.Connections = append(s.Connections, erp)
	s.Policy = &canon.Policy{Approvals: &canon.ApprovalRule{Commands: []string{"item.melt"}, Seconds: 3600}}
	return s
}

// truthRounds gives how many seeds the property tries, and whether every 25th of them at full size: 500 pieces and 500
// clients.
func truthRounds(t *testing.T) (seeds uint64, full bool) {
	raw := os.Getenv("JUMPRING_TRUTH_SEEDS")
	if raw == "" {
		return 2, false
	}
	n, err := strconv.ParseUint(raw, 10, 64)
	require.NoError(t, err, "JUMPRING_TRUTH_SEEDS")
	return n, true
}

// story is two sets of observations, with what the house decides between them and what persons say about records meanwhile.
type story struct {
	t             *testing.T
	seed          uint64
	before, after *world
	words         [][]canon.Command // by subject, in their order
	taken         []canon.Command   // that take the words back
	outcomes      []string          // of the house's commands, in the first order
}

func newStory(t *testing.T, seed uint64, full bool) *story {
	large := full && seed%25 == 0
	sized := func(seed uint64) *world {
		w := newWorld(t, seed, 0)
		w.connections = fourSources
		n := 250
		if large {
			w.pieces, w.skus, w.clients, w.orders, n = 500, 40, 500, 300, 3000
		}
		return w.observe(n)
	}
	return &story{t: t, seed: seed, before: sized(2000 + 2*seed + seed%3%2), after: sized(6000 + 2*seed + seed%3%2)}
}

// fold folds the trade in one order of each set; spoken tells whether persons say anything. Stock adds up after every step.
func (tr *story) fold(order uint64, spoken bool, tune func(f *fold)) *workbench {
	w := newWorkbench(tr.t, truthSettings())
	w.tune = tune
	step := 1 + int(order)*3
	tr.observe(w, tr.before.shuffled(order), step)
	outcomes := tr.house(w)
	if tr.outcomes == nil {
		tr.outcomes = outcomes
	}
	if tune == nil {
		require.Equal(tr.t, tr.outcomes, outcomes, "seed %d, order %d: what the house asked for was decided otherwise", tr.seed, order)
	}
	entries := tr.after.shuffled(order)
	if tr.words == nil {
		tr.speak(w)
	}
	if spoken {
		entries = tr.among(entries, order)
	}
	tr.observe(w, entries, step)
	return w
}

// observe folds entries a few at a time, and looks at the stock of each item that changed.
func (tr *story) observe(w *workbench, entries []bus.Entry, size int) {
	for len(entries) > 0 {
		n := min(size, len(entries))
		w.fold(entries[:n]...)
		entries = entries[n:]
		for _, key := range w.last.Records {
			if !strings.HasPrefix(key, store.PrefixRecord+store.TypeItem+"/") {
				continue
			}
			it := load[canon.Item](w, key)
			if it == nil {
				continue
			}
			for _, a := range it.Stock {
				require.True(tr.t, a.AddsUp(), "seed %d: the stock of %s at %s does not add up: %+v", tr.seed, it.ID, a.Location, a)
			}
		}
	}
	w.settleDue()
}

// house gives the house's own commands between the sets: what it holds, takes in on consignment, damages, hands out and is
// paid for. It tells how each came out.
func (tr *story) house(w *workbench) (outcomes []string) {
	rng := rand.New(rand.NewPCG(tr.seed, 21))
	items, orders := w.keys(store.PrefixRecord+store.TypeItem+"/"), w.keys(store.PrefixRecord+store.TypeOrder+"/")
	do := func(actor, role string, cmd canon.Command) canon.Outcome {
		cmd.Key, cmd.Role = fmt.Sprint("H", len(outcomes)), role
		cmd.ID = cmd.Key
		out := w.do(actor, cmd)
		outcomes = append(outcomes, fmt.Sprint(cmd.Key, " ", out.OK, " ", out.Code))
		return out
	}
	for range 30 {
		item, order := items[rng.IntN(len(items))], orders[rng.IntN(len(orders))]
		switch rng.IntN(6) {
		case 0:
			do("till-1", "till", canon.Command{Reserve: &canon.Reserve{Item: item, Seconds: 3600, Channel: "till-1", Location: "paris", Collect: rng.IntN(2) == 0}})
		case 1:
			if out := do("till-1", "till", canon.Command{Consign: &canon.ConsignAsk{Event: "receive", Party: "Galerie Nord", Inspected: true, Channel: "till-1", Lines: []canon.ConsignmentGood{{Item: item}}}}); out.OK {
				do("till-1", "till", canon.Command{Consign: &canon.ConsignAsk{Consignment: fmt.Sprint("H", len(outcomes)-1), Event: "offer", Seconds: 7200, Channel: "till-1"}})
			}
		case 2:
			do("anna", "manager", canon.Command{MoveItem: &canon.MoveItem{Item: item, Event: "damage", Quantity: 1, Location: "paris", Channel: "till-1"}})
		case 3:
			if out := do("anna", "manager", canon.Command{MoveItem: &canon.MoveItem{Item: item, Event: "melt", Approved: true, Channel: "till-1"}}); out.Approval != "" {
				do("ben", "manager", canon.Command{Approve: &canon.Approve{Approval: out.Approval, Refuse: rng.IntN(2) == 0}})
			}
		case 4:
			do("till-1", "till", canon.Command{OrderStep: &canon.OrderStep{Order: order, Document: canon.DocumentFulfilment, Event: "create", Channel: "till-1"}})
		case 5:
			do("till-1", "till", canon.Command{OrderStep: &canon.OrderStep{Order: order, Document: canon.DocumentPayment, Event: "create", Kind: "cash", Amount: &canon.StatedMoney{Amount: "50", Currency: "EUR"}, Channel: "till-1"}})
		}
	}
	return outcomes
}

// speak decides what persons will say: of clients that two are one, or are not, and of listings that one is a piece of its
// own, or none; some of it is taken back at once. It looks at what is there in the first order; the words are the same in
// each.
func (tr *story) speak(w *workbench) {
	rng := rand.New(rand.NewPCG(tr.seed, 22))
	add := func(taken canon.Command, words ...canon.Command) {
		for i := range words {
			words[i].Key = fmt.Sprintf("W%d-%d", len(tr.words), i)
			words[i].ID = words[i].Key
		}
		taken.Key = fmt.Sprintf("W%d-end", len(tr.words))
		taken.ID = taken.Key
		tr.words, tr.taken = append(tr.words, words), append(tr.taken, taken)
	}
	var nodes []string // of customers: a guest's record goes with the order that states it
	for _, k := range w.keys(prefixPerson) {
		if n := load[personNode](w, prefixPerson+k); n.Known {
			nodes = append(nodes, k)
		}
	}
	said := make(map[[2]string]bool)
	for range 25 {
		a, b := nodes[rng.IntN(len(nodes))], nodes[rng.IntN(len(nodes))]
		p := [2]string{min(a, b), max(a, b)}
		if a == b || said[p] {
			continue
		}
		said[p] = true
		word := func(word string) canon.Command {
			return canon.Command{Client: &canon.SameClient{A: a, B: b, Word: word}}
		}
		words := []canon.Command{word([]string{canon.ClientSame, canon.ClientDifferent}[rng.IntN(2)])}
		if rng.IntN(3) == 0 { // taken back, and said otherwise
			words = append(words, word(canon.ClientUndo), word([]string{canon.ClientSame, canon.ClientDifferent}[rng.IntN(2)]))
		}
		add(word(canon.ClientUndo), words...)
	}
	var listings []canon.BindingKey
	for _, k := range w.keys(prefixListing) {
		n := load[listingNode](w, prefixListing+k)
		listings = append(listings, canon.BindingKey{Connection: n.Connection, ExternalID: n.ExternalID})
	}
	for range 15 {
		i := rng.IntN(len(listings))
		l := listings[i]
		if l.Connection == "" {
			continue
		}
		listings[i] = canon.BindingKey{}
		word := func(item string) canon.Command {
			return canon.Command{Match: &canon.Match{Connection: l.Connection, ListingID: l.ExternalID, Item: item}}
		}
		words := []canon.Command{word([]string{"new", "none"}[rng.IntN(2)])}
		if rng.IntN(3) == 0 {
			words = append(words, word(""), word("new"))
		}
		add(word(""), words...)
	}
}

// among puts the words at random places among entries, those of one subject in their order.
func (tr *story) among(entries []bus.Entry, order uint64) []bus.Entry {
	rng := rand.New(rand.NewPCG(order, 23))
	entries = slices.Clone(entries)
	for _, words := range tr.words {
		at := 0
		for _, word := range words {
			e, err := NewEntry(canon.EntryCommand, canon.Head{Actor: "anna"}, word)
			require.NoError(tr.t, err)
			at += rng.IntN(len(entries) - at + 1)
			entries = slices.Insert(entries, at, e)
			at++
		}
	}
	return entries
}

// TestOneTruth is invariant 3 for all that the hub knows at once: four sources tell of pieces and clients in any order, with
// ties, tombstones and repeats, around commands of the house and amid merges and unmerges by persons. Every order gives the
// same golden digest, and when the words are taken back, what is there is as if nobody had said anything.
func TestOneTruth(t *testing.T) {
	t.Parallel()
	rounds, full := truthRounds(t)
	for seed := range rounds {
		t.Logf("seed %d", seed)
		tr := newStory(t, seed, full)
		reference := tr.fold(0, true, nil)
		coherent(t, reference.store)
		want := goldenOf(t, reference.store)
		for order := uint64(1); order < 3; order++ {
			w := tr.fold(order, true, nil)
			coherent(t, w.store)
			if d := difference(want, goldenOf(t, w.store)); d != "" {
				t.Fatalf("seed %d in order %d is another state:\n%s", seed, order, d)
			}
		}
		for _, taken := range tr.taken {
			if o := reference.do("anna", taken); !o.OK {
				t.Fatalf("seed %d: a word can't be taken back: %s", seed, o.Reason)
			}
		}
		silent := tr.fold(3, false, nil)
		if d := difference(goldenOf(t, silent.store), goldenOf(t, reference.store)); d != "" {
			t.Fatalf("seed %d: with every word taken back it is not as without any:\n%s", seed, d)
		}
	}
}

// TestLastArrivalWinsIsNoTruth is the control: a fold that believes whoever came last fails the property.
func TestLastArrivalWinsIsNoTruth(t *testing.T) {
	t.Parallel()
	tr := newStory(t, 1, false)
	last := func(f *fold) {
		f.take = func(b *canon.Binding, s *canon.Shown) bool {
			*b = canon.Binding{BindingKey: b.BindingKey, Wants: b.Wants, MaxAvailable: b.MaxAvailable}
			return b.Take(s)
		}
	}
	require.NotEmpty(t, difference(goldenOf(t, tr.fold(0, true, last).store), goldenOf(t, tr.fold(1, true, last).store)))
}
