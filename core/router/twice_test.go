package router

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// resent is a till's day with a SKU of which there are ten: what it sold, and how each of its commands came in more often
// than once. A sender that had no answer sends again with the same idempotency key, as a new batch and under a new id; a
// journal on brokers may hold one batch twice after a reconnect.
func resent(t *testing.T, seed uint64, tune func(*fold)) (sold int64, broken int, w *workbench) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	w = tenOfASKU(t, "hub")
	w.tune = tune
	id := w.item("web", "q").ID
	to := folder{store: w.store, journal: "test", tune: tune}
	defer func() { require.NoError(t, to.close()) }()
	type batch struct {
		id    [16]byte
		entry bus.Entry
	}
	var sent []batch
	commands := uint64(0)
	send := func(b batch) {
		w.offset++
		whole := bus.Batch{Offset: w.offset, Time: w.now.UnixNano(), Class: bus.ClassCommand, ID: b.id, Entries: []bus.Entry{b.entry}}
		facts := decodeBatch(&whole)
		_, err := to.fold(group{facts: facts, batches: []bus.Batch{whole}})
		require.NoError(t, err)
	}
	for range 12 + rng.IntN(12) {
		if len(sent) > 0 && rng.IntN(100) < 30 {
			send(sent[rng.IntN(len(sent))]) // the same batch once more
			continue
		}
		commands++
		if rng.IntN(100) < 10 { // one that nobody can read, which is parked once
			broken++
			sent = append(sent, batch{batchID(9, commands), bus.Entry{Type: string(canon.EntryCommand), Head: []byte(`{"actor":"till"}`), Data: []byte(`{}`)}})
			send(sent[len(sent)-1])
			continue
		}
		key := fmt.Sprintf("sale-%d", sold)
		if sold > 0 && rng.IntN(100) < 30 {
			key = fmt.Sprintf("sale-%d", rng.Int64N(sold)) // the same command in another batch
		} else if sold == 9 {
			continue
		} else {
			sold++
		}
		e, err := NewEntry(canon.EntryCommand, canon.Head{Actor: "till"}, canon.Command{
			Key: key, ID: fmt.Sprintf("cmd-%d", commands), Sell: &canon.Sell{Item: id, Quantity: 1, Channel: "till-1"},
		})
		require.NoError(t, err)
		sent = append(sent, batch{batchID(9, commands), e})
		send(sent[len(sent)-1])
	}
	return sold, broken, w
}

// TestWhatComesTwiceIsFoldedOnce is the promise of a bus that delivers at least once: whatever is sent again, and however,
// counts once, and what nobody can read is parked once.
func TestWhatComesTwiceIsFoldedOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 40)) {
		sold, broken, w := resent(t, seed, nil)
		require.Equal(t, 10-sold, w.available(), "seed %d", seed)
		require.Len(t, w.parked(), broken, "seed %d", seed)
	}
}

// TestControlWithoutDedupeThingsCountTwice removes each dedupe alone and wants the property above to fail.
func TestControlWithoutDedupeThingsCountTwice(t *testing.T) {
	t.Parallel()
	for name, tune := range map[string]func(*fold){
		"outcomes are not looked up": func(f *fold) { f.forgetful = true },
		"batches are not told apart": func(f *fold) { f.undiscerning = true },
	} {
		t.Run(name, func(t *testing.T) {
			noticed := 0
			for seed := range uint64(10) {
				sold, broken, w := resent(t, seed, tune)
				if w.item("shop", "q").Stock[0].Available != 10-sold || len(w.parked()) != broken {
					noticed++
				}
			}
			require.Positive(t, noticed, "without the dedupe nothing fails: the test can't notice it")
		})
	}
}
