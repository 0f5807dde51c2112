package router

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// BenchmarkFoldOrders measures decode, fold and commit on Badger of orders of known pieces, as a webhook's translation
// gives them (about 1.5 KB each), in groups as large as the router's: of 997 buyers who come back, and of buyers of whom
// each is new.
func BenchmarkFoldOrders(b *testing.B) {
	b.Run("known", func(b *testing.B) { benchmarkFoldOrders(b, 997) })
	b.Run("new", func(b *testing.B) { benchmarkFoldOrders(b, 1_000_000) })
}

func benchmarkFoldOrders(b *testing.B, buyers int) {
	const pieces = 2000
	s, err := store.Open(store.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	w := newWorkbenchOn(b, s, testSettings())
	for i := range pieces {
		id := fmt.Sprint(i)
		w.fold(
			observationEntry(b, canon.Head{Connection: "web", ReadStamp: canon.Position{Offset: 1}}, listing("w"+id, "SKU-"+id, "SN-"+id)),
			observationEntry(b, canon.Head{Connection: "web", ReadStamp: canon.Position{Offset: 1}}, level("w"+id, "L1", 1, 1)),
			observationEntry(b, canon.Head{Connection: "shop", ReadStamp: canon.Position{Offset: 1}}, listing("p"+id, "SKU-"+id, "")),
			observationEntry(b, canon.Head{Connection: "shop", ReadStamp: canon.Position{Offset: 1}}, level("p"+id, "", 1, 0)),
		)
	}
	var batches []bus.Batch
	bytes := 0
	for i := range b.N {
		e := observationEntry(b, canon.Head{Connection: "web", Actor: "connection:web", Delivery: fmt.Sprint("d", i)}, webOrder(i, pieces, buyers))
		bytes += len(e.Data) + len(e.Personal)
		w.offset++
		batches = append(batches, bus.Batch{Offset: w.offset, Time: dayOne.Add(time.Duration(i) * time.Millisecond).UnixNano(), Entries: []bus.Entry{e}})
	}
	to := folder{store: s, journal: "test", passed: func(Commit) {}}
	const perGroup = 300
	b.ReportAllocs()
	b.ResetTimer()
	began := processorTime(b)
	for len(batches) > 0 {
		n := min(perGroup, len(batches))
		g := group{batches: batches[:n:n]}
		for i := range g.batches {
			g.facts = append(g.facts, decodeBatch(&g.batches[i])...)
		}
		_, err := to.fold(g)
		require.NoError(b, err)
		batches = batches[n:]
	}
	require.NoError(b, to.close())
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
	b.ReportMetric(float64(bytes)/float64(b.N), "B/order")
	b.ReportMetric(float64(processorTime(b)-began)/float64(b.N)/1e3, "cpu-µs/order")
	require.Empty(b, w.parked())
}

// processorTime is what this process has taken of all cores: on a machine with other work, the figure that compares.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// webOrder is one sale of one piece with all that a shop states of it; every second one gives the piece back.
func webOrder(i, pieces, buyers int) canon.Observation {
	buyer := (i / 2) % buyers
	eur := func(amount string) canon.StatedMoney { return canon.StatedMoney{Amount: amount, Currency: "EUR"} }
	total, tax := eur("1250.00"), eur("208.33")
	piece := fmt.Sprint((i / 2) % pieces)
	o := canon.Observation{Kind: canon.KindOrder, ExternalID: fmt.Sprintf("gid://shopify/Order/%d", i/2), SourceVersion: int64(i + 1), Order: &canon.OrderState{
		Number: fmt.Sprintf("#%d", i/2), Status: canon.OrderOpen, FinancialStatus: "paid", PlacedAt: dayOne.Add(time.Duration(i) * time.Second),
		Currency: "EUR", Total: total, Subtotal: &total, Tax: &tax, Channel: "web",
		Lines: []canon.OrderLine{{
			ID: fmt.Sprintf("gid://shopify/LineItem/%d", i/2), ListingID: "w" + piece, SKU: "SKU-" + piece, Serial: "SN-" + piece,
			Title: "Solitaire ring, 18k yellow gold, brilliant 0.51 ct G VS1", Quantity: 1, Price: total, Tax: &tax,
		}},
		Tenders:    []canon.Tender{{Kind: "card", Amount: total, Reference: fmt.Sprintf("txn_%024d", i)}},
		CustomerID: fmt.Sprintf("gid://shopify/Customer/%d", buyer),
		Buyer: &canon.PersonState{
			GivenName: fmt.Sprintf("Given%d", buyer), FamilyName: fmt.Sprintf("Family%d", buyer), Emails: []string{fmt.Sprintf("client%d@example.org", buyer)},
			Phones: []string{fmt.Sprintf("+33612%06d", buyer)}, Locale: "fr-FR",
			Addresses: []canon.AddressState{{
				Name: "Given Family", Line1: "12 rue de la Paix", Line2: "Escalier B, troisième étage", City: "Paris", PostalCode: "75002",
				Country: "FR", Phone: fmt.Sprintf("+33612%06d", buyer),
			}},
		},
	}}
	if i%2 == 1 {
		o.Order.Status = canon.OrderCancelled
	}
	return o
}
