package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

var (
	january  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	december = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
)

// book is a view with records.
type book struct {
	t rapid.TB
	w store.Writes
}

func (b *book) put(typ, id string, v any) {
	raw, err := json.Marshal(v)
	require.NoError(b.t, err)
	b.w.Put(store.RecordKey(typ, id), raw)
}

func (b *book) item(item canon.Item) {
	b.put(store.TypeItem, item.ID, item)
	raw, err := json.Marshal(store.Node{Type: store.TypeItem, Golden: item.ID})
	require.NoError(b.t, err)
	b.w.Put(store.PrefixNode+item.ID, raw)
}

func (b *book) view() store.View {
	s := store.NewMemory()
	require.NoError(b.t, s.Commit(&b.w, store.Mark{Position: canon.Position{Offset: 1}}))
	v, err := s.View()
	require.NoError(b.t, err)
	return v
}

func made(t rapid.TB, r store.Reader, a Ask, rates *Rates) *Answer {
	if a.From.IsZero() {
		a.From, a.To = january, december
	}
	out, err := Make(r, a, rates)
	require.NoError(t, err)
	return out
}

func euros(minor int64) *canon.Money { return &canon.Money{Minor: minor, Currency: "EUR"} }

// event is something that happened: goods sold or money given back.
type event struct {
	at       time.Time
	currency string
	gross    int64
	discount int64
	refunded int64
	pieces   int64
	back     int64
}

// TestSalesAreTheSumOfTheirEvents makes houses of random orders and refunds, and adds their events up without any of the
// reports' code: every dimension of the report has that sum.
func TestSalesAreTheSumOfTheirEvents(t *testing.T) {
	currencies := []string{"EUR", "USD", "JPY"}
	rapid.Check(t, func(t *rapid.T) {
		b := &book{t: t}
		var events []event
		for i := range 4 {
			b.item(canon.Item{ID: fmt.Sprint("it_", i), Category: []string{"ring", "", "chain"}[i%3], Metal: &canon.Metal{Kind: canon.Gold, Fineness: int64(i%2) * 750}})
		}
		day := func(name string) time.Time {
			return january.Add(time.Duration(rapid.IntRange(-40, 400).Draw(t, name)) * 24 * time.Hour)
		}
		for n := range rapid.IntRange(0, 12).Draw(t, "orders") {
			o := canon.Order{
				ID: fmt.Sprint("ord_", n), PlacedAt: day("placed"), Currency: rapid.SampledFrom(currencies).Draw(t, "currency"),
				Connection: rapid.SampledFrom([]string{"web", "woo"}).Draw(t, "connection"), Location: rapid.SampledFrom([]string{"", "paris", "lyon"}).Draw(t, "place"),
				Salesperson: rapid.SampledFrom([]string{"", "ana"}).Draw(t, "by"),
				Status:      rapid.SampledFrom([]canon.OrderStatus{canon.OrderOpen, canon.OrderFulfilled, canon.OrderCancelled}).Draw(t, "status"),
			}
			sale := event{at: o.PlacedAt, currency: o.Currency}
			for i := range rapid.IntRange(1, 3).Draw(t, "lines") {
				l := canon.OrderItem{ID: fmt.Sprint(i), Node: fmt.Sprint("it_", rapid.IntRange(0, 5).Draw(t, "node")), Quantity: rapid.Int64Range(1, 4).Draw(t, "quantity")}
				l.Price = &canon.Money{Minor: rapid.Int64Range(0, 999_999).Draw(t, "price"), Currency: o.Currency}
				sale.gross += l.Price.Minor * l.Quantity
				sale.pieces += l.Quantity
				o.Lines = append(o.Lines, l)
			}
			sale.discount = rapid.Int64Range(0, sale.gross).Draw(t, "discount")
			o.LinesTotal = &canon.Money{Minor: sale.gross - sale.discount, Currency: o.Currency}
			b.put(store.TypeOrder, o.ID, o)
			stands := o.Status != canon.OrderCancelled
			if stands {
				events = append(events, sale)
			}
			for k := range rapid.IntRange(0, 2).Draw(t, "refunds") {
				f := canon.Refund{ID: fmt.Sprint("ref_", n, "_", k), OrderID: o.ID, CreatedAt: day("refunded")}
				back := event{at: f.CreatedAt, currency: o.Currency, refunded: rapid.Int64Range(0, 1_000_000).Draw(t, "amount")}
				f.Total = &canon.Money{Minor: back.refunded, Currency: o.Currency}
				for i := range rapid.IntRange(0, len(o.Lines)).Draw(t, "refund lines") {
					f.Lines = append(f.Lines, canon.RefundLine{OrderLineID: o.Lines[i].ID, Quantity: 1})
					back.back++
				}
				b.put(store.TypeRefund, f.ID, f)
				if stands {
					events = append(events, back)
				}
			}
		}
		want := map[string]Line{}
		for _, e := range events {
			if e.at.Before(january) || !e.at.Before(december) {
				continue
			}
			r := want[e.currency]
			r.Gross, r.Discount, r.Refunded = r.Gross+e.gross, r.Discount+e.discount, r.Refunded+e.refunded
			r.Pieces, r.Back, r.Net = r.Pieces+e.pieces, r.Back+e.back, r.Net+e.gross-e.discount-e.refunded
			want[e.currency] = r
		}
		view := b.view()
		defer view.Close()
		for _, by := range reports[Sales].by {
			out := made(t, view, Ask{Name: Sales, By: by}, nil)
			got, rows := map[string]Line{}, map[string]Line{}
			for _, r := range out.Totals {
				got[r.Currency] = Line{Gross: r.Gross, Discount: r.Discount, Refunded: r.Refunded, Pieces: r.Pieces, Back: r.Back, Net: r.Net}
			}
			for _, r := range out.Rows {
				s := rows[r.Currency]
				s.Gross, s.Discount, s.Refunded = s.Gross+r.Gross, s.Discount+r.Discount, s.Refunded+r.Refunded
				s.Pieces, s.Back, s.Net = s.Pieces+r.Pieces, s.Back+r.Back, s.Net+r.Net
				rows[r.Currency] = s
			}
			require.Equal(t, want, got, "totals by %s", by)
			require.Equal(t, want, rows, "rows by %s", by)
		}
	})
}

func TestSpreadLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64().Draw(t, "amount")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<62), 1, 9).Draw(t, "weights")
		sum := int64(0)
		for _, p := range spread(amount, weights) {
			sum += p
		}
		require.Equal(t, amount, sum)
	})
	require.Equal(t, []int64{34, 33, 33}, spread(100, []int64{1, 1, 1}))
	require.Equal(t, []int64{5, 5}, spread(10, []int64{0, 0}))
}

func TestAmountsAreConvertedByTheTableAlone(t *testing.T) {
	b := &book{t: t}
	for i, currency := range []string{"EUR", "USD", "JPY", "CHF"} {
		b.put(store.TypeOrder, fmt.Sprint(i), canon.Order{
			ID: fmt.Sprint(i), PlacedAt: january, Currency: currency, Location: "paris", Status: canon.OrderOpen,
			Lines: []canon.OrderItem{{ID: "1", Quantity: 1, Price: &canon.Money{Minor: 10_000, Currency: currency}}},
		})
	}
	view := b.view()
	defer view.Close()
	rates := &Rates{Source: "a bank", Date: "2026-11-20", Base: "EUR", PerBase: map[string]string{"USD": "1.25", "JPY": "160"}}
	require.NoError(t, rates.Check())
	out := made(t, view, Ask{Name: Sales, Currency: "EUR"}, rates)
	require.Equal(t, []string{"CHF"}, out.Unconverted, "no rate, no guess")
	require.Equal(t, &RatesUsed{Source: "a bank", Date: "2026-11-20", Base: "EUR", Used: map[string]string{"USD": "1.25", "JPY": "160"}}, out.Rates)
	require.Len(t, out.Rows, 2)
	require.Equal(t, "CHF", out.Rows[0].Currency)
	require.Equal(t, int64(10_000+8_000+6_250), out.Rows[1].Net, "100 EUR, 100 USD and 10,000 JPY")
	require.Equal(t, int64(3), out.Rows[1].Documents)

	out = made(t, view, Ask{Name: Sales, Currency: "EUR"}, nil)
	require.Nil(t, out.Rates)
	require.Equal(t, []string{"CHF", "JPY", "USD"}, out.Unconverted)
	require.Len(t, out.Rows, 4)

	for minor, want := range map[int64]int64{1: 0, 3: 2, 5: 2, 7: 4, -1: 0, -3: -2} {
		got, ok := (&Rates{Base: "EUR", PerBase: map[string]string{"USD": "2"}}).convert(minor, "USD", "EUR")
		require.True(t, ok)
		require.Equal(t, want, got, "%d halves, rounded to even", minor)
	}
}

func TestWhatATableOfRatesMayNotBe(t *testing.T) {
	good := Rates{Source: "a bank", Date: "2026-11-20", Base: "EUR", PerBase: map[string]string{"USD": "1.25"}}
	for what, spoil := range map[string]func(*Rates){
		"source":         func(r *Rates) { r.Source = "" },
		"date":           func(r *Rates) { r.Date = "20 November" },
		"base":           func(r *Rates) { r.Base = "EURO" },
		"no currency":    func(r *Rates) { r.PerBase = map[string]string{"US": "1"} },
		"the rate of US": func(r *Rates) { r.PerBase = map[string]string{"USD": "0"} },
	} {
		bad := good
		spoil(&bad)
		require.ErrorContains(t, bad.Check(), what)
	}
}

func TestInventoryIsWhatTheHouseHasOnHand(t *testing.T) {
	b := &book{t: t}
	at := func(place string, n int64) []canon.StockAt { return []canon.StockAt{{Location: place, OnHand: n}} }
	price := []canon.Price{{Connection: "web", Money: *euros(100_00)}, {Connection: "woo", Money: *euros(1)}}
	b.item(canon.Item{ID: "ring", Category: "ring", Stock: append(at("paris", 1), at("lyon", 2)...), Prices: price, Cost: euros(40_00)})
	b.item(canon.Item{ID: "lent", Category: "ring", Stock: at("paris", 1), Prices: price, Consignment: "c1"})
	b.item(canon.Item{ID: "vendor", Category: "ring", Stock: at("paris", 1), Prices: price, Ownership: &canon.Ownership{Kind: canon.MemoIn}})
	b.item(canon.Item{ID: "unpriced", Category: "chain", Stock: at("paris", 3), Cost: &canon.Money{Minor: 5_00, Currency: "USD"}})
	b.item(canon.Item{ID: "gone", Category: "ring", Stock: at("paris", 0), Prices: price})
	view := b.view()
	defer view.Close()
	require.Equal(t, []Line{
		{Key: "lyon", Currency: "EUR", Pieces: 2, Value: 200_00, Cost: 80_00, Costed: 2},
		{Key: "paris", Currency: "EUR", Pieces: 1, Others: 2, Value: 100_00, Cost: 40_00, Costed: 1},
		{Key: "paris", Currency: "USD", Pieces: 3, Unpriced: 3, Cost: 15_00, Costed: 3},
	}, made(t, view, Ask{Name: Inventory}, nil).Rows)
	require.Equal(t, []Line{{Key: "lyon", Currency: "EUR", Pieces: 2, Value: 200_00, Cost: 80_00, Costed: 2}},
		made(t, view, Ask{Name: Inventory, Location: "lyon"}, nil).Rows, "a boutique sees its own")
}

func TestTurnoverCountsAndClients(t *testing.T) {
	b := &book{t: t}
	b.item(canon.Item{ID: "ring", Category: "ring", Stock: []canon.StockAt{{Location: "paris", OnHand: 4}}})
	b.put(store.TypeOrder, "o", canon.Order{ID: "o", PlacedAt: january, Currency: "EUR", Status: canon.OrderOpen, Lines: []canon.OrderItem{{ID: "1", Node: "ring", Quantity: 3, Price: euros(1)}}})
	b.put(store.TypeRefund, "r", canon.Refund{ID: "r", OrderID: "o", CreatedAt: january, Lines: []canon.RefundLine{{OrderLineID: "1", Quantity: 1}}})
	for i, status := range []string{"completed", "completed", "cancelled"} {
		b.put(store.TypeCount, fmt.Sprint(i), canon.CountSession{Status: status, Location: "paris", Compared: true, SubmittedAt: january, Expected: 100, Missing: 3, Differing: 2, Unexpected: 1})
	}
	for i, since := range []time.Time{january.AddDate(0, -3, 0), january.AddDate(0, 0, 3), january.AddDate(0, 1, 2), december.AddDate(1, 0, 0)} {
		b.put(store.TypeClient, fmt.Sprint(i), canon.Client{ID: fmt.Sprint(i), Acquired: &canon.Acquisition{At: since, Connection: []string{"web", "till"}[i%2]}})
	}
	view := b.view()
	defer view.Close()
	half := Ask{Name: Turnover, From: january, To: january.Add(365 * 12 * time.Hour)}
	require.Equal(t, []Line{{Key: "ring", Pieces: 3, Back: 1, OnHand: 4, Turnover: 1000}}, made(t, view, half, nil).Rows,
		"2 of 4 in half a year: once a year")
	require.Equal(t, []Line{{Key: "paris", Documents: 2, Expected: 200, Missing: 6, Differing: 4, Unexpected: 2, Accuracy: 950}},
		made(t, view, Ask{Name: Counts}, nil).Rows)

	growth := made(t, view, Ask{Name: Clients, From: january, To: january.AddDate(0, 3, 0)}, nil)
	require.Equal(t, []Line{{Key: "2026-01", New: 1, Known: 2}, {Key: "2026-02", New: 1, Known: 3}, {Key: "2026-03", Known: 3}}, growth.Rows)
	require.Equal(t, []Line{{Key: "total", New: 2, Known: 3}}, growth.Totals)
	byChannel := made(t, view, Ask{Name: Clients, By: ByChannel, From: january, To: january.AddDate(0, 3, 0)}, nil)
	require.Equal(t, []Line{{Key: "till", New: 1, Known: 1}, {Key: "web", New: 1, Known: 2}}, byChannel.Rows)
}

func TestAgeIsSinceTheHubFirstSawIt(t *testing.T) {
	b := &book{t: t}
	b.item(canon.Item{ID: "ring", Nodes: []string{"ring"}, Stock: []canon.StockAt{{Location: "paris", OnHand: 1}}})
	for n, at := range []time.Time{january, december} {
		p := canon.Position{Offset: uint64(n + 1)}
		raw, err := json.Marshal(canon.Row{Entity: "ring", At: at})
		require.NoError(t, err)
		b.w.Put(store.RowKey(p, 0), raw)
		b.w.Put(store.EntityKey("ring", p, 0), nil)
	}
	view := b.view()
	defer view.Close()
	for days, band := range map[int]string{10: "000-090 days", 100: "091-180 days", 200: "181-365 days", 400: "366 days and more"} {
		out := made(t, view, Ask{Name: Inventory, By: ByAge, From: january.AddDate(-1, 0, 0), To: january.AddDate(0, 0, days)}, nil)
		require.Equal(t, band, out.Rows[0].Key, "after %d days", days)
	}
}

func TestWhatCanNotBeAsked(t *testing.T) {
	view := (&book{t: t}).view()
	defer view.Close()
	for what, a := range map[string]Ask{
		"no report":   {Name: "weather", From: january, To: december},
		"is made by":  {Name: Counts, By: ByMetal, From: january, To: december},
		"before":      {Name: Sales, From: december, To: january},
		"the house's": {Name: Clients, Location: "paris", From: january, To: december},
		"ISO 4217":    {Name: Sales, Currency: "euro", From: january, To: december},
	} {
		_, err := Make(view, a, nil)
		require.ErrorIs(t, err, ErrAsk)
		require.ErrorContains(t, err, what)
	}
	names, by := Names()
	require.True(t, slices.IsSorted(names))
	for _, n := range names {
		require.NotEmpty(t, by[n])
	}
}

func TestASumBeyondInt64IsRefused(t *testing.T) {
	b := &book{t: t}
	b.put(store.TypeOrder, "o", canon.Order{ID: "o", PlacedAt: january, Currency: "EUR", Status: canon.OrderOpen, Lines: []canon.OrderItem{{ID: "1", Quantity: 3, Price: euros(1 << 62)}}})
	view := b.view()
	defer view.Close()
	_, err := Make(view, Ask{Name: Sales, From: january, To: december}, nil)
	require.ErrorIs(t, err, errBeyond)
}
