package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var opened = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return opened.Add(time.Duration(ms) * time.Millisecond) }

// aGoodDay is a ring that the web shop sold, seen 60 ms later at the other, and a forged delivery that was refused.
func aGoodDay() (*Evidence, *Record) {
	e := &Evidence{
		Opening: map[string]int64{"RING": 1, "CHAIN": 10}, Pieces: map[string]bool{"RING": true},
		Sales: []Sale{{
			By: ByWebhook, Shop: "web", Connection: "web", Order: "o1", SKU: "RING", Quantity: 1, At: at(0), Heard: at(10),
		}},
		Shops: []Shop{
			{Connection: "web", Commits: []Commit{{SKU: "RING", At: at(0)}}, Stock: map[string]int64{"RING": 0, "CHAIN": 10}},
			{Connection: "shop", Commits: []Commit{{SKU: "RING", At: at(70), API: true}}, Stock: map[string]int64{"RING": 0, "CHAIN": 10}},
		},
		Emails: map[string]bool{"a@example.org": true}, Refused: 1, Now: at(60_000),
	}
	ring := Item{ID: "i1", SKU: "ring", Serialized: true, Status: "sold", Nodes: []string{"i1", "i2"}}
	ring.Holder = &struct {
		Kind string `json:"kind"`
	}{"sale"}
	chain := Item{ID: "i3", SKU: "CHAIN", Status: "in_stock", Nodes: []string{"i3"}}
	chain.Stock = append(chain.Stock, struct {
		Location  string `json:"location"`
		Available int64  `json:"available"`
	}{"paris", 10})
	order := Order{ID: "x", Connection: "web", ExternalID: "o1"}
	order.Lines = append(order.Lines, struct {
		Node     string `json:"node"`
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
		Returned int64  `json:"returned"`
		Refunded int64  `json:"refunded"`
		Waiting  bool   `json:"waiting"`
	}{Node: "i2", SKU: "RING", Quantity: 1})
	return e, &Record{Items: []Item{ring, chain}, Orders: []Order{order}, Clients: []Client{{ID: "c", Emails: []string{"a@example.org"}}}}
}

func TestAGoodDayHasNothingWrong(t *testing.T) {
	f := Judge(aGoodDay())
	require.Empty(t, f.Failed, "%v", f.Details)
	require.InDelta(t, 60, f.Sync.P99, 0.001, "from the first byte at the hub to the other shop's commit")
	require.Equal(t, 1, f.Pieces)
}

// TestTheAuditorNotices spoils a good day in one way each.
func TestTheAuditorNotices(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(e *Evidence, r *Record)
		fails string // the figure that has to fail first
		check func(t *testing.T, f *Figures)
	}{
		"a sale that the API does not know": {
			func(_ *Evidence, r *Record) { r.Orders = nil }, "lost", func(t *testing.T, f *Figures) { require.Equal(t, 1, f.Lost) },
		},
		"a refund that the API does not know": {
			func(e *Evidence, _ *Record) { e.Sales[0].Refunded = 1 }, "lost", nil,
		},
		"a sold piece that the API has in stock": {
			func(_ *Evidence, r *Record) { r.Items[0].Status = "in_stock" }, "lost", nil,
		},
		"stock of a quantity that does not add up": {
			func(e *Evidence, r *Record) {
				r.Items[1].Stock[0].Available, e.Shops[0].Stock["CHAIN"], e.Shops[1].Stock["CHAIN"] = 9, 9, 9
			}, "lost", nil,
		},
		"a reservation that was granted and is gone": {
			func(e *Evidence, r *Record) {
				e.Sales, r.Items[0].Holder, r.Items[0].Status = nil, nil, "in_stock"
				e.Holds = []Hold{{SKU: "RING", From: at(1), Until: at(3_600_000)}}
			}, "lost", nil,
		},
		"a piece sold twice without a case": {
			func(e *Evidence, r *Record) {
				e.Sales = append(e.Sales, Sale{By: ByEvent, Connection: "web", Order: "o1", SKU: "RING", Quantity: 1, At: at(5), Heard: at(5)})
			}, "oversold", func(t *testing.T, f *Figures) { require.Equal(t, 1, f.Oversold) },
		},
		"two tills that both got a yes, even with a case": {
			func(e *Evidence, r *Record) {
				e.Sales = nil
				e.Holds = []Hold{{SKU: "RING", From: at(1), Until: at(9_000)}, {SKU: "RING", From: at(500), Until: at(9_000)}}
				r.Cases = []Case{{Kind: "double_claim", Subject: "i1"}}
			}, "oversold", nil,
		},
		"a case that nobody provoked": {
			func(_ *Evidence, r *Record) { r.Cases = []Case{{Kind: "double_claim", Subject: "i1"}} }, "platform_conflicts", nil,
		},
		"a case that is still open": {
			func(_ *Evidence, r *Record) { r.Cases = []Case{{Kind: "oversold", Subject: "i3", Open: true}} }, "open_cases", nil,
		},
		"a shop that shows what is sold": {
			func(e *Evidence, _ *Record) { e.Shops[1].Stock["RING"] = 1 }, "drift_rows", nil,
		},
		"a sale that the other shop never showed": {
			func(e *Evidence, _ *Record) { e.Shops[1].Commits = nil }, "sync_ms", func(t *testing.T, f *Figures) { require.Equal(t, 1, f.Sync.Unseen) },
		},
		"a shop's own change that is no commit of the hub": {
			func(e *Evidence, _ *Record) { e.Shops[1].Commits[0].API = false }, "sync_ms", nil,
		},
		"a slow sale": {
			func(e *Evidence, _ *Record) { e.Shops[1].Commits[0].At = at(300) }, "sync_ms", nil,
		},
		"a slow recovery": {
			func(e *Evidence, _ *Record) {
				e.Shops[1].Commits[0].At = at(11_000)
				e.Outages = []Outage{{From: at(5), Until: at(4_000)}}
			}, "sync_ms: nothing", func(t *testing.T, f *Figures) { require.InDelta(t, 11_000, f.Recovery.Max, 0.001) },
		},
		"an echo":           {func(e *Evidence, _ *Record) { e.Shops[0].Noops = 1 }, "echo_calls", nil},
		"a forgery let in":  {func(e *Evidence, _ *Record) { e.Refused = 0 }, "forged_rejected", nil},
		"a client doubled":  {func(_ *Evidence, r *Record) { r.Clients = append(r.Clients, r.Clients[0]) }, "clients_doubled", nil},
		"a buyer forgotten": {func(_ *Evidence, r *Record) { r.Clients = nil }, "lost", nil},
		"an entry parked":   {func(_ *Evidence, r *Record) { r.Parked = 1 }, "parked", nil},
		"the hub's own report of drift": {
			func(_ *Evidence, r *Record) { r.Drift = 2 }, "drift_rows", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := aGoodDay()
			tt.spoil(e, r)
			f := Judge(e, r)
			require.NotEmpty(t, f.Failed)
			require.True(t, strings.HasPrefix(f.Failed[0], tt.fails), "%v %v", f.Failed, f.Details)
			if tt.check != nil {
				tt.check(t, f)
			}
		})
	}
}

func TestAConflictThatPlatformsProvokedIsNoOversell(t *testing.T) {
	e, r := aGoodDay()
	e.Sales = append(e.Sales, Sale{By: ByWebhook, Shop: "shop", Connection: "shop", Order: "9", SKU: "RING", Quantity: 1, At: at(3), Heard: at(12)})
	second := r.Orders[0]
	second.Connection, second.ExternalID = "shop", "9"
	r.Orders = append(r.Orders, second)
	r.Cases = []Case{{Kind: "double_claim", Subject: "i1"}}
	f := Judge(e, r)
	require.Zero(t, f.Oversold)
	require.Equal(t, 1, f.ConflictsProvoked)
	require.Equal(t, 1, f.PlatformConflicts)
}

func TestASecondSaleAfterAReturnIsNoConflict(t *testing.T) {
	e, r := aGoodDay()
	e.Sales[0].Restocked, e.Sales[0].Refunded, e.Sales[0].Freed = 1, 1, at(100)
	e.Sales = append(e.Sales, Sale{By: ByCommand, Connection: "till:a", Order: "r1", SKU: "RING", Quantity: 1, At: at(200), Heard: at(190)})
	f := Judge(e, r)
	require.Zero(t, f.ConflictsProvoked)
	require.Zero(t, f.Oversold)
}

func TestQuantilesAreOfTheNearestRank(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	require.Equal(t, 50.0, quantile(hundred, 0.5))
	require.Equal(t, 99.0, quantile(hundred, 0.99))
	require.Equal(t, 100.0, quantile(hundred, 1))
	require.Zero(t, quantile(nil, 0.5))
}
